using AimcCompiler.Core;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    private sealed partial class Verification
    {
        // Cores and routers of all chips, for what a check notes of them.
        private int _nodes;
        private int[] _marks = [];
        private int _mark;

        private void VerifyChannels()
        {
            _nodes = _topology.Links.Select(l => Math.Max(l.From, l.To) + 1).Append(_topology.Cores).Max();
            _marks = new int[program.Chips * (_nodes + 1)];
            for (int c = 0; c < schedule.Channels.Length; c++)
            {
                var channel = schedule.Channels[c];
                string name = $"channel {c}";
                Check(Enum.IsDefined(channel.Kind), $"{name} is of kind {(int)channel.Kind}, which is not known");
                CheckCore(channel.From, name);
                Check(!channel.Receivers.IsDefaultOrEmpty && !channel.Hops.IsDefault, $"{name} has no receiver");
                Check(channel.Bytes is >= 1 and <= MaximumCount, $"{name} carries {channel.Bytes} bytes");
                bool isSums = channel.Kind == ChannelKind.PartialSums;
                Check(isSums ? channel.Capacity is >= 1 and <= 1 << 24 : channel.Capacity == 0, $"{name} of {channel.Kind} has room for {channel.Capacity} messages");
                Check(!isSums || channel.Receivers.Length == 1, $"{name} hands partial sums to {channel.Receivers.Length} cores");
                HashSet<int> buffers = [];
                foreach (var receiver in channel.Receivers)
                {
                    CheckCore(receiver.Core, $"a receiver of {name}");
                    Check(
                        isSums ? receiver.Buffer == -1 : receiver.Buffer >= 0 && receiver.Buffer < schedule.Buffers.Length && schedule.Buffers[receiver.Buffer].Core == receiver.Core && buffers.Add(receiver.Buffer),
                        $"{name} goes to buffer {receiver.Buffer}, which is not on core {receiver.Core}, or twice");
                }

                VerifyHops(channel, name);
            }
        }

        /// <summary>Follows the trees of hops from the sender.</summary>
        private void VerifyHops(Channel channel, string name)
        {
            Check(channel.Turns.Length <= MaximumTurns, $"{name} takes paths in {channel.Turns.Length} turns, at most {MaximumTurns} are taken");
            Check(
                channel.Turns.IsEmpty || channel.Turns.Distinct().Order().SequenceEqual(Enumerable.Range(0, channel.Turns.Distinct().Count())),
                $"{name} takes paths {string.Join(' ', channel.Turns)} in turn: one of them is missing");
            int paths = channel.Paths;
            bool isBus = _topology is BusTopology;
            var ends = new (int Chip, int Node)[channel.Hops.Length];
            bool[] isInner = new bool[channel.Hops.Length];
            for (int h = 0; h < channel.Hops.Length; h++)
            {
                var hop = channel.Hops[h];
                Check(hop.Parent >= -1 && hop.Parent < h, $"hop {h} of {name} follows hop {hop.Parent}");
                Check(hop.Chip >= 0 && hop.Chip < program.Chips, $"hop {h} of {name} is on chip {hop.Chip}, there are {program.Chips}");
                Check(hop.Bytes >= 1 && hop.Bytes <= channel.Bytes, $"hop {h} of {name} passes {hop.Bytes} bytes of {channel.Bytes}");
                Check(hop.Path >= (h == 0 ? 0 : channel.Hops[h - 1].Path) && hop.Path < paths, $"hop {h} of {name} is of path {hop.Path} of {paths}, or stands behind a later path");
                Check(hop.Parent < 0 || channel.Hops[hop.Parent].Path == hop.Path, $"hop {h} of {name}, of path {hop.Path}, follows one of another path");
                var (chip, node) = hop.Parent < 0 ? (channel.From / _topology.Cores, channel.From % _topology.Cores) : ends[hop.Parent];
                if (hop.Parent >= 0)
                {
                    isInner[hop.Parent] = true;
                }

                if (hop.Link == -1)
                {
                    Check(chip != hop.Chip && (node == _port || node == -1), $"hop {h} of {name} leaves chip {chip} for {hop.Chip} at core {node}, the port is at {_port}");
                    ends[h] = (hop.Chip, _port);
                    continue;
                }

                Check(hop.Link >= 0 && hop.Link < _topology.Links.Length, $"hop {h} of {name} is link {hop.Link}, a chip has {_topology.Links.Length}");
                Check(
                    chip == hop.Chip && (isBus || node == _topology.Links[hop.Link].From),
                    $"hop {h} of {name} takes link {hop.Link} from {_topology.Links[hop.Link].From} of chip {hop.Chip}, the message is at {node} of chip {chip}");

                // All cores of a chip hear its bus.
                ends[h] = (hop.Chip, isBus ? -1 : _topology.Links[hop.Link].To);
            }

            int next = 0;
            for (int path = 0; path < paths; path++)
            {
                _mark++;
                for (; next < ends.Length && channel.Hops[next].Path == path; next++)
                {
                    MarkOf(ends[next].Chip, ends[next].Node) = _mark;
                }

                foreach (var receiver in channel.Receivers)
                {
                    var (chip, node) = (receiver.Core / _topology.Cores, receiver.Core % _topology.Cores);
                    Check(
                        receiver.Core == channel.From || MarkOf(chip, node) == _mark || MarkOf(chip, -1) == _mark, $"path {path} of {name} does not reach core {node} of chip {chip}");
                }
            }

            _mark++;
            foreach (var receiver in channel.Receivers)
            {
                if (receiver.Core != channel.From)
                {
                    MarkOf(receiver.Core / _topology.Cores, receiver.Core % _topology.Cores) = _mark;
                    MarkOf(receiver.Core / _topology.Cores, -1) = _mark;
                }
            }

            for (int h = 0; h < ends.Length; h++)
            {
                Check(isInner[h] || MarkOf(ends[h].Chip, ends[h].Node) == _mark, $"{name} ends at {ends[h].Node} of chip {ends[h].Chip}, where nobody receives it");
            }
        }

        /// <summary>What was noted last of a core, or of a router; -1 = all that hears a bus.</summary>
        private ref int MarkOf(int chip, int node) => ref _marks[(chip * (_nodes + 1)) + node + 1];
    }
}

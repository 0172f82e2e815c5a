using System.Collections.Immutable;
using AimcCompiler.Core;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    private sealed partial class Verification
    {
        /// <summary>An instruction with the loop that it stands in; outside of one it runs once.</summary>
        private sealed record Line<T>(int Stream, T Instruction, long Count, ImmutableArray<StreamInstruction> Around, int At)
            where T : StreamInstruction;

        private readonly List<Line<DriveTiles>> _drives = [];
        private readonly List<Line<AddPartialSums>> _adds = [];
        private readonly List<Line<FinishVector>> _finishes = [];
        private readonly List<Line<AwaitRows>> _awaits = [];
        private readonly List<Line<SendRow>> _sendRows = [];
        private readonly List<Line<SendPartialSums>> _sendSums = [];
        private readonly List<Line<RunDigital>> _digital = [];
        private readonly List<Line<LoadRow>> _loads = [];
        private readonly List<Line<StoreRow>> _stores = [];
        private readonly List<Line<ReleaseRows>> _releases = [];

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

        /// <summary>Sorts the instructions by kind and checks the indices and numbers in them.</summary>
        private void Collect()
        {
            for (int s = 0; s < schedule.Streams.Length; s++)
            {
                var stream = schedule.Streams[s];
                Check(IsName(stream.Name), $"stream {s} has no name");
                string name = StreamName(s);
                CheckCore(stream.Core, name);
                Check(s == 0 || schedule.Streams[s - 1].Core <= stream.Core, $"{name} of core {stream.Core} stands behind one of core {(s == 0 ? 0 : schedule.Streams[s - 1].Core)}");
                Check(stream.Stage >= -1 && stream.Stage < _graph.Stages.Length, $"{name} serves stage {stream.Stage}, there are {_graph.Stages.Length}");
                Check(!stream.Body.IsDefaultOrEmpty, $"{name} does nothing");
                for (int i = 0; i < stream.Body.Length; i++)
                {
                    if (stream.Body[i] is Repeat loop)
                    {
                        Check(loop.Count is >= 1 and <= MaximumCount && !loop.Body.IsDefaultOrEmpty, $"{name} repeats {loop.Count} times {(loop.Body.IsDefaultOrEmpty ? "nothing" : "something")}");
                        for (int j = 0; j < loop.Body.Length; j++)
                        {
                            Add(s, loop.Body[j], loop.Count, loop.Body, j, name);
                        }
                    }
                    else
                    {
                        Add(s, stream.Body[i], 1, stream.Body, i, name);
                    }
                }
            }
        }

        private void Add(int s, StreamInstruction instruction, long count, ImmutableArray<StreamInstruction> around, int at, string name)
        {
            switch (instruction)
            {
                case AwaitRows wait:
                    CheckBuffer(wait.Buffer, s, name);
                    var value = _graph.Values[schedule.Buffers[wait.Buffer].Value];
                    Check(wait.ItemsPerRow is >= 1, $"{name} awaits rows of {wait.ItemsPerRow} items");
                    CheckAffine(wait.Item, count, name);
                    Check(wait.Item.At(count - 1) / wait.ItemsPerRow < MaximumRows, $"{name} awaits rows of {Quoted.Of(value.Name)} beyond {MaximumRows}");
                    Check(
                        wait.Window is { Divisor: >= 1, Factor: >= 0 and <= MaximumRows, Offset: >= -MaximumRows and <= MaximumRows, Reach: >= 1 and <= MaximumRows },
                        $"{name} awaits {Quoted.Of(value.Name)} through a window that goes back or is empty");
                    _awaits.Add(new(s, wait, count, around, at));
                    break;
                case ReleaseRows release:
                    CheckBuffer(release.Buffer, s, name);
                    _releases.Add(new(s, release, count, around, at));
                    break;
                case DriveTiles drive:
                    CheckRowGroup(drive.RowGroup, s, name);
                    CheckAffine(drive.Ordinal, count, name);
                    _drives.Add(new(s, drive, count, around, at));
                    break;
                case AddPartialSums add:
                    Check(!add.RowGroups.IsDefaultOrEmpty && !add.Others.IsDefault, $"{name} adds nothing");
                    foreach (int g in add.RowGroups)
                    {
                        CheckRowGroup(g, s, name);
                    }

                    foreach (int c in add.First < 0 ? add.Others : add.Others.Insert(0, add.First))
                    {
                        CheckChannel(c, ChannelKind.PartialSums, -1, name);
                        Check(schedule.Channels[c].Receivers[0].Core == schedule.Streams[s].Core, $"{name} takes partial sums of channel {c}, which go to core {schedule.Channels[c].Receivers[0].Core}");
                    }

                    CheckAffine(add.Ordinal, count, name);
                    _adds.Add(new(s, add, count, around, at));
                    break;
                case SendPartialSums send:
                    CheckChannel(send.Channel, ChannelKind.PartialSums, schedule.Streams[s].Core, name);
                    CheckAffine(send.Ordinal, count, name);
                    _sendSums.Add(new(s, send, count, around, at));
                    break;
                case FinishVector finish:
                    Check(finish.Stage == schedule.Streams[s].Stage && finish.Stage >= 0 && _graph.Stages[finish.Stage].Matrix is not null, $"{name} finishes vectors of stage {finish.Stage}");
                    Check(!finish.Channels.IsDefaultOrEmpty, $"{name} finishes vectors for nobody");
                    foreach (int c in finish.Channels)
                    {
                        CheckChannel(c, ChannelKind.Results, schedule.Streams[s].Core, name);
                    }

                    CheckAffine(finish.Ordinal, count, name);
                    _finishes.Add(new(s, finish, count, around, at));
                    break;
                case RunDigital run:
                    Check(run.Stage == schedule.Streams[s].Stage && run.Stage >= 0 && _graph.Stages[run.Stage].Matrix is null, $"{name} does the digital work of stage {run.Stage}");
                    CheckAffine(run.Row, count, name);
                    _digital.Add(new(s, run, count, around, at));
                    break;
                case SendRow send:
                    CheckChannel(send.Channel, ChannelKind.Rows, schedule.Streams[s].Core, name);
                    CheckAffine(send.Row, count, name);
                    _sendRows.Add(new(s, send, count, around, at));
                    break;
                case LoadRow load:
                    CheckValue(load.Value, name);
                    CheckAffine(load.Row, count, name);
                    _loads.Add(new(s, load, count, around, at));
                    break;
                case StoreRow store:
                    CheckValue(store.Value, name);
                    CheckAffine(store.Row, count, name);
                    _stores.Add(new(s, store, count, around, at));
                    break;
                default:
                    Check(false, $"{name} has a loop in a loop");
                    break;
            }
        }

        private void CheckValue(int value, string name) => Check(value >= 0 && value < _graph.Values.Length, $"{name} moves value {value}, there are {_graph.Values.Length}");

        private void CheckBuffer(int buffer, int s, string name) =>
            Check(
                buffer >= 0 && buffer < schedule.Buffers.Length && schedule.Buffers[buffer].Core == schedule.Streams[s].Core, $"{name} reads buffer {buffer}, which is not on its core {schedule.Streams[s].Core}");

        private void CheckRowGroup(int group, int s, string name)
        {
            Check(group >= 0 && group < _mapping.RowGroups.Length && _mapping.RowGroups[group].Core == schedule.Streams[s].Core, $"{name} uses row group {group}, which is not on its core {schedule.Streams[s].Core}");
            int stage = schedule.Streams[s].Stage;
            Check(
                stage >= 0 && _graph.Stages[stage].Matrix is { } matrix && (matrix.SharesTilesOf ?? stage) == _mapping.RowGroups[group].Stage, $"{name} uses row group {group}, which is of stage {_mapping.RowGroups[group].Stage}");
        }

        private void CheckChannel(int channel, ChannelKind kind, int from, string name) =>
            Check(
                channel >= 0 && channel < schedule.Channels.Length && schedule.Channels[channel].Kind == kind && (from < 0 || schedule.Channels[channel].From == from),
                $"{name} uses channel {channel}, which carries no {kind} from its core");

        private static void CheckAffine(Affine index, long count, string name) =>
            Check(
                index is { Start: >= 0 and <= MaximumCount, Stride: >= 0 } && index.Stride <= MaximumCount / count, $"{name} counts from {index.Start} by {index.Stride}");

        private static bool IsTheSame(Affine one, Affine other, long count) => one.Start == other.Start && (one.Stride == other.Stride || count == 1);

        private int CopiesOf(int stage) => _mapping.Replication.Copies[_graph.Stages[stage].Matrix!.SharesTilesOf ?? stage];

        private (long First, long Count) VectorsOf(int stage, int copy)
        {
            var matrix = _graph.Stages[stage].Matrix!;
            int copies = CopiesOf(stage);
            long first = (((copy - matrix.FirstOrdinal) % copies) + copies) % copies;
            return (first, first >= matrix.Vectors ? 0 : (matrix.Vectors - first + copies - 1) / copies);
        }

        private long RowsAt(int value, int home) => (_graph.Values[value].Rows - home + _mapping.Homes[value].Length - 1) / _mapping.Homes[value].Length;

        private void VerifyDrives()
        {
            Dictionary<(int Stage, int Group), Line<DriveTiles>> drives = [];
            foreach (var drive in _drives)
            {
                int g = drive.Instruction.RowGroup;
                int stage = schedule.Streams[drive.Stream].Stage;
                Check(drives.TryAdd((stage, g), drive), $"{StreamName(drive.Stream)} drives row group {g}, as another stream does");
                CheckAllVectors(stage, _mapping.RowGroups[g].Copy, drive.Instruction.Ordinal, drive.Count, $"{StreamName(drive.Stream)} drives row group {g}");
            }

            Dictionary<AddPartialSums, Line<AddPartialSums>> lines = new(ReferenceEqualityComparer.Instance);
            foreach (var add in _adds)
            {
                Check(lines.TryAdd(add.Instruction, add), $"{StreamName(add.Stream)} adds as another stream does");
            }

            Dictionary<int, Line<AddPartialSums>> byChannel = [];
            foreach (var send in _sendSums)
            {
                Check(
                    send.At > 0 && send.Around[send.At - 1] is AddPartialSums, $"{StreamName(send.Stream)} sends partial sums that it has not added");
                var add = lines[(AddPartialSums)send.Around[send.At - 1]];
                Check(IsTheSame(add.Instruction.Ordinal, send.Instruction.Ordinal, send.Count), $"{StreamName(send.Stream)} sends other partial sums than it adds");
                Check(byChannel.TryAdd(send.Instruction.Channel, add), $"channel {send.Instruction.Channel} has two senders");
            }

            HashSet<(int Stage, int Group)> added = [];
            HashSet<int> taken = [];
            HashSet<AddPartialSums> reached = new(ReferenceEqualityComparer.Instance);
            foreach (var finish in _finishes)
            {
                string name = StreamName(finish.Stream);
                Check(finish.At > 0 && finish.Around[finish.At - 1] is AddPartialSums, $"{name} finishes vectors that it has not added");
                var root = lines[(AddPartialSums)finish.Around[finish.At - 1]];
                Check(IsTheSame(root.Instruction.Ordinal, finish.Instruction.Ordinal, finish.Count), $"{name} finishes other vectors than it adds");
                List<int> order = [];
                Gather(finish, root, byChannel, taken, reached, added, order);
                VerifyOrder(finish.Instruction.Stage, finish.Instruction.Copy, order, name);
            }

            foreach (var add in _adds)
            {
                Check(reached.Contains(add.Instruction), $"{StreamName(add.Stream)} adds partial sums that nobody finishes");
            }

            foreach (int c in Enumerable.Range(0, schedule.Channels.Length).Where(c => schedule.Channels[c].Kind == ChannelKind.PartialSums))
            {
                Check(taken.Contains(c) && byChannel.ContainsKey(c), $"channel {c} has no {(taken.Contains(c) ? "sender" : "taker")}");
            }

            for (int g = 0; g < _mapping.RowGroups.Length; g++)
            {
                var placed = _mapping.RowGroups[g];
                for (int s = placed.Stage; s < _graph.Stages.Length; s++)
                {
                    if (_graph.Stages[s].Matrix is { } matrix && (matrix.SharesTilesOf ?? s) == placed.Stage && VectorsOf(s, placed.Copy).Count > 0)
                    {
                        Check(drives.ContainsKey((s, g)), $"row group {g} of {NameOf(_graph.Stages[s])} is never driven");
                        Check(added.Contains((s, g)), $"the sums of row group {g} of {NameOf(_graph.Stages[s])} are never added");
                    }
                }
            }
        }

        /// <summary>The row groups below an addition in the order in which they add; without recursion, for a chain may be long.</summary>
        private void Gather(
            Line<FinishVector> finish, Line<AddPartialSums> root, Dictionary<int, Line<AddPartialSums>> byChannel, HashSet<int> taken, HashSet<AddPartialSums> reached, HashSet<(int, int)> added, List<int> order)
        {
            Stack<(Line<AddPartialSums>? Add, int Group)> open = new([(root, -1)]);
            while (open.TryPop(out var next))
            {
                if (next.Add is not { } add)
                {
                    order.Add(next.Group);
                    continue;
                }

                string name = StreamName(add.Stream);
                Check(reached.Add(add.Instruction), $"{name} adds for two");
                int stage = finish.Instruction.Stage;
                Check(schedule.Streams[add.Stream].Stage == stage, $"{name} adds for {NameOf(_graph.Stages[stage])}");
                CheckAllVectors(stage, finish.Instruction.Copy, add.Instruction.Ordinal, add.Count, $"{name} adds");
                List<(Line<AddPartialSums>?, int)> parts = [];
                if (add.Instruction.First >= 0)
                {
                    parts.Add((Sender(add.Instruction.First), -1));
                }

                foreach (int g in add.Instruction.RowGroups)
                {
                    Check(_mapping.RowGroups[g].Copy == finish.Instruction.Copy, $"{name} adds row group {g} of copy {_mapping.RowGroups[g].Copy}");
                    Check(added.Add((stage, g)), $"{name} adds row group {g} a second time");
                    parts.Add((null, g));
                }

                foreach (int channel in add.Instruction.Others)
                {
                    parts.Add((Sender(channel), -1));
                }

                for (int i = parts.Count - 1; i >= 0; i--)
                {
                    open.Push(parts[i]);
                }

                Line<AddPartialSums> Sender(int channel)
                {
                    Check(taken.Add(channel), $"{name} takes channel {channel}, as another stream does");
                    Check(byChannel.ContainsKey(channel), $"{name} takes channel {channel}, to which nobody sends");
                    return byChannel[channel];
                }
            }
        }

        private void VerifyOrder(int stage, int copy, List<int> order, string name)
        {
            var matrix = _graph.Stages[stage].Matrix!;
            if (matrix.AddsExactly)
            {
                return;
            }

            var layer = program.Layers[_graph.Stages[stage].Unit];
            Dictionary<(int, int), int> last = [];
            foreach (int block in order.SelectMany(g => matrix.Groups[_mapping.RowGroups[g].Group].Blocks))
            {
                var columns = (layer.Blocks[block].FirstGroup, layer.Blocks[block].ColumnStart);
                Check(last.GetValueOrDefault(columns, -1) < block, $"{name} adds block {block} of copy {copy} behind block {last.GetValueOrDefault(columns)}: the order matters");
                last[columns] = block;
            }
        }

        private void CheckAllVectors(int stage, int copy, Affine ordinal, long count, string what)
        {
            Check(copy >= 0 && copy < CopiesOf(stage), $"{what} for copy {copy} of {CopiesOf(stage)}");
            var (first, all) = VectorsOf(stage, copy);
            Check(
                count == all && IsTheSame(ordinal, new Affine(first, CopiesOf(stage)), count),
                $"{what} with {count} vectors {ordinal.Start} + i {ordinal.Stride}, copy {copy} has {all}: {first} + i {CopiesOf(stage)}");
        }

        private void VerifyResults()
        {
            HashSet<(int, int)> finished = [];
            HashSet<int> senders = [];
            // What comes into a buffer: first row and stride of each sender.
            List<(int First, int Stride)>[] arrivals = [.. schedule.Buffers.Select(_ => new List<(int, int)>())];
            foreach (var finish in _finishes)
            {
                var (stage, copy) = (finish.Instruction.Stage, finish.Instruction.Copy);
                string name = StreamName(finish.Stream);
                Check(finished.Add((stage, copy)), $"{name} finishes copy {copy} of {NameOf(_graph.Stages[stage])}, as another stream does");
                int value = _graph.Stages[stage].Output;
                int homes = _mapping.Homes[value].Length;
                Check(finish.Instruction.Channels.Length == homes, $"{name} sends to {finish.Instruction.Channels.Length} homes, {ValueName(value)} has {homes}");
                for (int home = 0; home < homes; home++)
                {
                    int c = finish.Instruction.Channels[home];
                    Check(senders.Add(c), $"channel {c} has two senders");
                    Check(schedule.Channels[c].Receivers.Length == 1, $"channel {c} of results has {schedule.Channels[c].Receivers.Length} receivers");
                    var buffer = schedule.Buffers[schedule.Channels[c].Receivers[0].Buffer];
                    Check(
                        buffer.Value == value && buffer.Core == _mapping.Homes[value][home] && buffer.FirstRow == home && buffer.RowStride == homes
                            && buffer.ItemsPerRow == _graph.Stages[stage].Matrix!.VectorsPerRow,
                        $"{name} sends to buffer {schedule.Channels[c].Receivers[0].Buffer}, which does not assemble rows of home {home} of {ValueName(value)}");
                    if (!arrivals[schedule.Channels[c].Receivers[0].Buffer].Contains((home, homes)))
                    {
                        arrivals[schedule.Channels[c].Receivers[0].Buffer].Add((home, homes));
                    }
                }
            }

            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                for (int copy = 0; _graph.Stages[s].Matrix is not null && copy < CopiesOf(s); copy++)
                {
                    Check(VectorsOf(s, copy).Count == 0 || finished.Contains((s, copy)), $"copy {copy} of {NameOf(_graph.Stages[s])} is never finished");
                }
            }

            foreach (var send in _sendRows)
            {
                string name = StreamName(send.Stream);
                int c = send.Instruction.Channel;
                Check(senders.Add(c), $"channel {c} has two senders");
                int value = SentValue(send, name);
                int homes = _mapping.Homes[value].Length;
                int home = (int)Math.Min(send.Instruction.Row.Start, homes);
                Check(
                    home < homes && schedule.Streams[send.Stream].Core == _mapping.Homes[value][home] && send.Count == RowsAt(value, home) && IsTheSame(send.Instruction.Row, new Affine(home, homes), send.Count),
                    $"{name} sends {send.Count} rows {send.Instruction.Row.Start} + i {send.Instruction.Row.Stride} of {ValueName(value)}, which are not those of a home on its core");
                foreach (var receiver in schedule.Channels[c].Receivers)
                {
                    Check(
                        schedule.Buffers[receiver.Buffer].Value == value && schedule.Buffers[receiver.Buffer].ItemsPerRow == 1, $"{name} sends rows of {ValueName(value)} to buffer {receiver.Buffer}, which takes others");
                    arrivals[receiver.Buffer].Add((home, homes));
                }
            }

            for (int c = 0; c < schedule.Channels.Length; c++)
            {
                Check(schedule.Channels[c].Kind == ChannelKind.PartialSums || senders.Contains(c), $"channel {c} has no sender");
            }

            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                var buffer = schedule.Buffers[b];
                int homes = _mapping.Homes[buffer.Value].Length;
                int[] expected = buffer.RowStride == 1 ? [.. Enumerable.Range(0, homes)] : [buffer.FirstRow];
                Check(buffer.RowStride == 1 || buffer.RowStride == homes, $"buffer {b} takes every row {buffer.RowStride} of {ValueName(buffer.Value)}, which has {homes} homes");
                Check(
                    arrivals[b].Order().SequenceEqual(expected.Select(e => (e, homes))), $"to buffer {b} come rows of homes {string.Join(", ", arrivals[b].Select(a => a.First))} of {ValueName(buffer.Value)}, those of {string.Join(", ", expected)} are needed, each once");
            }
        }

        /// <summary>The value whose row a stream has at the moment: what it made, loaded, or awaited in the buffer where results become rows.</summary>
        private int SentValue(Line<SendRow> send, string name)
        {
            for (int i = send.At - 1; i >= 0; i--)
            {
                switch (send.Around[i])
                {
                    case RunDigital run when IsTheSame(run.Row, send.Instruction.Row, send.Count):
                        return _graph.Stages[run.Stage].Output;
                    case LoadRow load when IsTheSame(load.Row, send.Instruction.Row, send.Count):
                        return load.Value;
                    case AwaitRows wait when wait is { Window: var window, ItemsPerRow: 1 } && window == RowWindow.SameRow && IsTheSame(wait.Item, send.Instruction.Row, send.Count):
                        return schedule.Buffers[wait.Buffer].Value;
                }
            }

            throw new InvalidIrException($"{name} sends a row that it does not have");
        }

        private void VerifyWindows()
        {
            var awaitsOf = _awaits.ToLookup(a => a.Stream);
            var releasesOf = _releases.ToLookup(r => r.Stream);
            HashSet<int> read = [];
            foreach (var wait in _awaits)
            {
                string name = StreamName(wait.Stream);
                var buffer = schedule.Buffers[wait.Instruction.Buffer];
                read.Add(wait.Instruction.Buffer);
                Check(
                    buffer.RowStride == 1 || (wait.Instruction.Window == RowWindow.SameRow && IsTheSame(wait.Instruction.Item, new Affine(buffer.FirstRow, buffer.RowStride), wait.Count)),
                    $"{name} awaits rows in buffer {wait.Instruction.Buffer} that do not come there");
                Check(
                    releasesOf[wait.Stream].Any(r => r.Instruction.Buffer == wait.Instruction.Buffer && IsBehind(r, wait)), $"{name} does not release buffer {wait.Instruction.Buffer} at its end");
                Check(
                    awaitsOf[wait.Stream].Count(w => w.Instruction.Buffer == wait.Instruction.Buffer) == 1 || awaitsOf[wait.Stream].Where(w => w.Instruction.Buffer == wait.Instruction.Buffer).All(w => ReferenceEquals(w, wait) || w.Around == wait.Around),
                    $"{name} awaits rows of buffer {wait.Instruction.Buffer} in two loops");
            }

            for (int b = 0; b < schedule.Buffers.Length; b++)
            {
                Check(read.Contains(b), $"nobody reads buffer {b}");
            }

            foreach (var drive in _drives)
            {
                int stage = schedule.Streams[drive.Stream].Stage;
                CheckAwaits(stage, drive.Around, drive.At, drive.Instruction.Ordinal, drive.Count, _graph.Stages[stage].Matrix!.VectorsPerRow, StreamName(drive.Stream));
            }

            HashSet<(int Stage, long Home)> made = [];
            foreach (var run in _digital)
            {
                string name = StreamName(run.Stream);
                int value = _graph.Stages[run.Instruction.Stage].Output;
                int homes = _mapping.Homes[value].Length;
                long home = run.Instruction.Row.Start;
                Check(
                    home < homes && schedule.Streams[run.Stream].Core == _mapping.Homes[value][(int)home] && run.Count == RowsAt(value, (int)home) && IsTheSame(run.Instruction.Row, new Affine(home, homes), run.Count)
                        && made.Add((run.Instruction.Stage, home)),
                    $"{name} makes {run.Count} rows {home} + i {run.Instruction.Row.Stride} of {ValueName(value)}, which are not those of a home on its core, or a second time");
                CheckAwaits(run.Instruction.Stage, run.Around, run.At, run.Instruction.Row, run.Count, 1, name);
            }

            for (int s = 0; s < _graph.Stages.Length; s++)
            {
                if (_graph.Stages[s].Matrix is null)
                {
                    for (int home = 0; home < _mapping.Homes[_graph.Stages[s].Output].Length; home++)
                    {
                        Check(made.Contains((s, home)), $"no stream makes the rows of home {home} of {ValueName(_graph.Stages[s].Output)}");
                    }
                }
            }

            VerifyOutside();
        }

        /// <summary>Rows of inputs are loaded, and those of outputs are stored, each once.</summary>
        private void VerifyOutside()
        {
            long[] loaded = new long[_graph.Values.Length];
            long[] stored = new long[_graph.Values.Length];
            foreach (var load in _loads)
            {
                Check(_graph.Values[load.Instruction.Value].Producer < 0, $"{StreamName(load.Stream)} loads {ValueName(load.Instruction.Value)}, which the chip makes");
                Check(load.Instruction.Row.At(load.Count - 1) < _graph.Values[load.Instruction.Value].Rows, $"{StreamName(load.Stream)} loads rows that {ValueName(load.Instruction.Value)} does not have");
                loaded[load.Instruction.Value] += load.Count;
            }

            foreach (var store in _stores)
            {
                string name = StreamName(store.Stream);
                Check(_graph.Values[store.Instruction.Value].IsOutput, $"{name} stores {ValueName(store.Instruction.Value)}, which is no output");
                Check(
                    store.At > 0 && store.Around[store.At - 1] is AwaitRows { ItemsPerRow: 1 } wait && wait.Window == RowWindow.SameRow && schedule.Buffers[wait.Buffer].Value == store.Instruction.Value
                        && IsTheSame(wait.Item, store.Instruction.Row, store.Count),
                    $"{name} stores rows of {ValueName(store.Instruction.Value)} that it has not awaited");
                Check(store.Instruction.Row is { Start: 0, Stride: 1 } || store.Count == 1, $"{name} stores rows {store.Instruction.Row.Start} + i {store.Instruction.Row.Stride}");
                stored[store.Instruction.Value] += store.Count;
            }

            for (int v = 0; v < _graph.Values.Length; v++)
            {
                long rows = _graph.Values[v].Rows;
                Check(loaded[v] == (_graph.Values[v].Producer < 0 ? rows : 0), $"{loaded[v]} rows of {ValueName(v)} are loaded, it has {rows}");
                Check(stored[v] == (_graph.Values[v].IsOutput ? rows : 0), $"{stored[v]} rows of {ValueName(v)} are stored, it has {rows}");
            }
        }

        private void CheckAwaits(int stage, ImmutableArray<StreamInstruction> around, int at, Affine item, long count, int itemsPerRow, string name)
        {
            foreach (var input in _graph.Stages[stage].Inputs)
            {
                bool isAwaited = false;
                for (int i = 0; i < at && !isAwaited; i++)
                {
                    isAwaited = around[i] is AwaitRows wait && schedule.Buffers[wait.Buffer].Value == input.Value && wait.Window == input.Window
                        && wait.ItemsPerRow == itemsPerRow && IsTheSame(wait.Item, item, count);
                }

                Check(isAwaited, $"{name} does not await the rows of {ValueName(input.Value)} that {NameOf(_graph.Stages[stage])} reads");
            }
        }

        private bool IsBehind(Line<ReleaseRows> release, Line<AwaitRows> wait)
        {
            var body = schedule.Streams[release.Stream].Body;
            if (release.Around != body)
            {
                return false;
            }

            for (int i = 0; i < release.At; i++)
            {
                if ((body[i] is Repeat loop && loop.Body == wait.Around) || (body == wait.Around && i == wait.At))
                {
                    return true;
                }
            }

            return false;
        }

        private string StreamName(int stream) => $"stream {stream} {Quoted.Of(schedule.Streams[stream].Name)}";
    }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>Channels with their paths, and the messages that are on their way.</summary>
internal sealed class MessageTable
{
    private readonly ChannelState[] _channels;
    private readonly ReceiverState[] _receivers;
    private readonly HopState[] _hops;
    private MessageState[] _messages = new MessageState[256];
    private int _free = -1;
    private int _used;

    public MessageTable(ProgramSchedule schedule, TimedChip chip)
    {
        _channels = new ChannelState[schedule.Channels.Length];
        _receivers = new ReceiverState[schedule.Channels.Sum(c => c.Receivers.Length)];
        _hops = new HopState[schedule.Channels.Sum(c => c.Hops.Length)];
        int hop = 0;
        int receiver = 0;
        for (int c = 0; c < _channels.Length; c++)
        {
            var channel = schedule.Channels[c];
            _channels[c] = new ChannelState
            {
                Port = chip.Buffer(channel.From),
                CopyTime = chip.BufferPs(channel.Bytes),
                FirstReceiver = receiver,
                Receivers = channel.Receivers.Length,
                Capacity = channel.Capacity,
                FirstHop = -1,
                FirstLocal = -1,
                Sender = -1,
                Taker = -1,
            };
            for (int h = 0; h < channel.Hops.Length; h++)
            {
                _hops[hop + h] = HopOf(channel, channel.Hops[h], chip);
            }

            var hopOf = HopsOf(channel, chip);
            // Lists in order: the last is put in front first.
            for (int r = channel.Receivers.Length - 1; r >= 0; r--)
            {
                ref int first = ref hopOf[r] < 0 ? ref _channels[c].FirstLocal : ref _hops[hop + hopOf[r]].FirstReceiver;
                _receivers[receiver + r] = new ReceiverState { Buffer = channel.Receivers[r].Buffer, Port = chip.Buffer(channel.Receivers[r].Core), NextAtHop = first };
                first = receiver + r;
            }

            for (int h = channel.Hops.Length - 1; h >= 0; h--)
            {
                int parent = channel.Hops[h].Parent;
                ref int first = ref parent < 0 ? ref _channels[c].FirstHop : ref _hops[hop + parent].FirstChild;
                _hops[hop + h].Next = first;
                first = hop + h;
            }

            hop += channel.Hops.Length;
            receiver += channel.Receivers.Length;
        }
    }

    public ref ChannelState this[int channel] => ref _channels[channel];

    public ref readonly HopState Hop(int hop) => ref _hops[hop];

    public ref readonly ReceiverState Receiver(int receiver) => ref _receivers[receiver];

    public ref MessageState Message(int message) => ref _messages[message];

    /// <summary>Index of a new message.</summary>
    public int Send(int channel, int sender, int row, int inference, long now)
    {
        int index = _free;
        if (index >= 0)
        {
            _free = _messages[index].Next;
        }
        else
        {
            if (_used == _messages.Length)
            {
                Array.Resize(ref _messages, 2 * _used);
            }

            index = _used++;
        }

        _messages[index] = new MessageState { Channel = channel, Sender = sender, Row = row, Inference = inference, SentAt = now, Receivers = _channels[channel].Receivers, Slowest = -1 };
        return index;
    }

    /// <summary>It has arrived everywhere.</summary>
    public void Drop(int message)
    {
        _messages[message].Next = _free;
        _free = message;
    }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest)
    {
        foreach (ref var channel in _channels.AsSpan())
        {
            digest.Add(channel.Sent - channel.Taken);
            digest.Add(((channel.Arrived - channel.Taken) << 2) + (channel.SenderWaits ? 1 : 0) + (channel.TakerWaits ? 2 : 0));
        }
    }

    private static HopState HopOf(Channel channel, ChannelHop hop, TimedChip chip)
    {
        bool isBoard = hop.Link < 0;
        int resource = isBoard ? chip.BoardIn(hop.Chip) : chip.Link(hop.Chip, hop.Link);
        int sender = hop.Parent < 0 ? channel.From / chip.Capacity.Topology.Cores : channel.Hops[hop.Parent].Chip;
        return new HopState
        {
            Resource = resource,
            Before = isBoard && resource >= 0 ? chip.BoardOut(sender) : -1,
            Duration = resource < 0 ? 0 : isBoard ? chip.BoardPs(hop.Bytes) : chip.LinkPs(hop.Bytes),
            Delay = resource < 0 ? 0 : isBoard ? chip.Capacity.BoardLatencyPs : chip.HopPs,
            IsFirst = hop.Parent < 0,
            FirstChild = -1,
            FirstReceiver = -1,
        };
    }

    /// <summary>The hop that reaches each receiver; -1 = it is on the sender's core.</summary>
    private static ImmutableArray<int> HopsOf(Channel channel, TimedChip chip)
    {
        int cores = chip.Capacity.Topology.Cores;
        bool[] hasChild = new bool[channel.Hops.Length];
        foreach (var hop in channel.Hops.Where(h => h.Parent >= 0))
        {
            hasChild[hop.Parent] = true;
        }

        int Reaching(int core, int number)
        {
            if (core == channel.From)
            {
                return -1;
            }

            // A path's end before a path that only passes.
            foreach (bool passes in (bool[])[false, true])
            {
                for (int h = 0; h < channel.Hops.Length; h++)
                {
                    var hop = channel.Hops[h];
                    if (hasChild[h] == passes && hop.Link >= 0 && hop.Chip == core / cores && chip.Capacity.Topology.Links[hop.Link].To == core % cores)
                    {
                        return h;
                    }
                }
            }

            // A bus, or the port of another chip.
            return Math.Min(number, channel.Hops.Length - 1);
        }

        int others = 0;
        return [.. channel.Receivers.Select(r => Reaching(r.Core, r.Core == channel.From ? 0 : others++))];
    }

    internal struct ChannelState
    {
        /// <summary>Buffer that messages leave; -1 = it takes no time.</summary>
        public int Port;

        /// <summary>Of a message, into or out of a buffer.</summary>
        public long CopyTime;
        public int FirstReceiver;
        public int Receivers;

        /// <summary>First hop from the sender, and first receiver on its core; -1 = none.</summary>
        public int FirstHop;
        public int FirstLocal;

        /// <summary>Partial sums that are sent and not taken, at most.</summary>
        public int Capacity;
        public int Sender;
        public int Taker;
        public bool SenderWaits;
        public bool TakerWaits;
        public long Sent;
        public long Arrived;
        public long Taken;
    }

    internal struct ReceiverState
    {
        /// <summary>Where rows go; -1 = partial sums.</summary>
        public int Buffer;

        /// <summary>Buffer that messages enter; -1 = it takes no time.</summary>
        public int Port;

        /// <summary>Next that the same hop reaches; -1 = none.</summary>
        public int NextAtHop;
    }

    internal struct HopState
    {
        /// <summary>Link; -1 = it takes no time.</summary>
        public int Resource;

        /// <summary>Board link out of the sender's chip; -1 = none.</summary>
        public int Before;
        public long Duration;

        /// <summary>Of the head, to what follows.</summary>
        public long Delay;
        public bool IsFirst;
        public int FirstChild;

        /// <summary>Next with the same parent.</summary>
        public int Next;
        public int FirstReceiver;
    }

    internal struct MessageState
    {
        public int Channel;
        public int Sender;
        public int Row;
        public int Inference;
        public long SentAt;

        /// <summary>Where it has not arrived.</summary>
        public int Receivers;

        /// <summary>The link for which it waited longest; -1 = none took time.</summary>
        public int Slowest;
        public long LongestWait;
        public int Next;
    }
}

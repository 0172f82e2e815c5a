using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>Channels with their paths, and the messages that are on their way.</summary>
internal sealed class MessageTable
{
    private readonly ChannelState[] _channels;
    private readonly ReceiverState[] _receivers;
    private readonly HopState[] _hops;

    /// <summary>First hop of every path of every channel; -1 = it stays on the core.</summary>
    private readonly int[] _firstHops;
    private readonly Landing[] _landings;
    private MessageState[] _messages = new MessageState[256];
    private int _free = -1;
    private int _used;

    public MessageTable(ProgramSchedule schedule, TimedChip chip)
    {
        _channels = new ChannelState[schedule.Channels.Length];
        _receivers = new ReceiverState[schedule.Channels.Sum(c => c.Receivers.Length)];
        _hops = new HopState[schedule.Channels.Sum(c => c.Hops.Length)];
        List<int> firstHops = [];
        List<Landing> landings = [];
        int firstHop = 0;
        int firstReceiver = 0;
        for (int c = 0; c < _channels.Length; c++)
        {
            var channel = schedule.Channels[c];
            _channels[c] = new ChannelState
            {
                Port = chip.Buffer(channel.From),
                CopyTime = chip.BufferPs(channel.Bytes),
                FirstReceiver = firstReceiver,
                Receivers = channel.Receivers.Length,
                Capacity = channel.Capacity,
                FirstPath = firstHops.Count,
                Turns = channel.Turns.Length > 1 ? [.. channel.Turns] : null,
                FirstLocal = -1,
                Sender = -1,
                Taker = -1,
            };
            for (int r = 0; r < channel.Receivers.Length; r++)
            {
                _receivers[firstReceiver + r] = new ReceiverState { Buffer = channel.Receivers[r].Buffer, Port = chip.Buffer(channel.Receivers[r].Core) };
            }

            for (int h = 0; h < channel.Hops.Length; h++)
            {
                _hops[firstHop + h] = HopOf(channel, channel.Hops[h], chip);
            }

            // Lists in order: the last is put in front first.
            for (int path = 0, paths = channel.Paths; path < paths; path++)
            {
                firstHops.Add(-1);
                for (int h = channel.Hops.Length - 1; h >= 0; h--)
                {
                    if (channel.Hops[h].Path == path)
                    {
                        int parent = channel.Hops[h].Parent;
                        _hops[firstHop + h].Next = parent < 0 ? firstHops[^1] : _hops[firstHop + parent].FirstChild;
                        if (parent < 0)
                        {
                            firstHops[^1] = firstHop + h;
                        }
                        else
                        {
                            _hops[firstHop + parent].FirstChild = firstHop + h;
                        }
                    }
                }

                var reaching = HopsOf(channel, path, chip);
                for (int r = channel.Receivers.Length - 1; r >= 0; r--)
                {
                    if (reaching[r] >= 0 || path == 0)
                    {
                        ref int first = ref reaching[r] < 0 ? ref _channels[c].FirstLocal : ref _hops[firstHop + reaching[r]].FirstLanding;
                        landings.Add(new Landing(firstReceiver + r, first));
                        first = landings.Count - 1;
                    }
                }
            }

            firstHop += channel.Hops.Length;
            firstReceiver += channel.Receivers.Length;
        }

        _firstHops = [.. firstHops];
        _landings = [.. landings];
    }

    public ref ChannelState this[int channel] => ref _channels[channel];

    public ref readonly HopState Hop(int hop) => ref _hops[hop];

    public ref ReceiverState Receiver(int receiver) => ref _receivers[receiver];

    public ref readonly Landing LandingOf(int landing) => ref _landings[landing];

    /// <summary>First hop of a message of a channel, the next of this inference; -1 = none.</summary>
    public int FirstHop(int index, int inference)
    {
        ref var channel = ref _channels[index];
        if (channel.Turns is not { } turns)
        {
            return _firstHops[channel.FirstPath];
        }

        if (channel.Inference != inference)
        {
            (channel.Inference, channel.Turn) = (inference, 0);
        }

        int path = turns[channel.Turn];
        channel.Turn = (channel.Turn + 1) % turns.Length;
        return _firstHops[channel.FirstPath + path];
    }

    /// <summary>Takes the next message of a receiver among those that came too early; -1 = it has not come.</summary>
    public int TakeEarly(int receiver)
    {
        ref var at = ref _receivers[receiver];
        for (int i = 0; i < (at.Early?.Count ?? 0); i++)
        {
            int message = at.Early![i];
            if (_messages[message].Number == at.Next)
            {
                at.Early.RemoveAt(i);
                return message;
            }
        }

        return -1;
    }

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

        _messages[index] = new MessageState { Channel = channel, Sender = sender, Row = row, Inference = inference, SentAt = now, Number = _channels[channel].Number++, Receivers = _channels[channel].Receivers, Slowest = -1 };
        return index;
    }

    /// <summary>It has arrived everywhere.</summary>
    public void Drop(int message)
    {
        _messages[message].Next = _free;
        _free = message;
    }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest, int ended)
    {
        foreach (ref var channel in _channels.AsSpan())
        {
            digest.Add(channel.Sent - channel.Taken);
            digest.Add(((channel.Arrived - channel.Taken) << 2) + (channel.SenderWaits ? 1 : 0) + (channel.TakerWaits ? 2 : 0));
            if (channel.Turns is not null)
            {
                digest.Add(channel.Inference - ended);
                digest.Add(channel.Turn);
                for (int r = channel.FirstReceiver; r < channel.FirstReceiver + channel.Receivers; r++)
                {
                    digest.Add(channel.Number - _receivers[r].Next);
                    foreach (int early in _receivers[r].Early ?? [])
                    {
                        digest.Add(channel.Number - _messages[early].Number);
                    }
                }
            }
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
            FirstLanding = -1,
        };
    }

    /// <summary>The hop of a path that reaches each receiver; -1 = it is on the sender's core.</summary>
    private static ImmutableArray<int> HopsOf(Channel channel, int path, TimedChip chip)
    {
        int cores = chip.Capacity.Topology.Cores;
        int[] hops = [.. Enumerable.Range(0, channel.Hops.Length).Where(h => channel.Hops[h].Path == path)];
        var parents = channel.Hops.Select(h => h.Parent).ToHashSet();
        int Reaching(int core, int number)
        {
            if (core == channel.From)
            {
                return -1;
            }

            // A path's end before a path that only passes.
            foreach (bool passes in (bool[])[false, true])
            {
                foreach (int h in hops)
                {
                    var hop = channel.Hops[h];
                    if (parents.Contains(h) == passes && hop.Link >= 0 && hop.Chip == core / cores && chip.Capacity.Topology.Links[hop.Link].To == core % cores)
                    {
                        return h;
                    }
                }
            }

            // A bus, or the port of another chip.
            return hops.Length == 0 ? -1 : hops[Math.Min(number, hops.Length - 1)];
        }

        int others = 0;
        return [.. channel.Receivers.Select(r => Reaching(r.Core, r.Core == channel.From ? 0 : others++))];
    }

    /// <summary>A receiver where a hop ends.</summary>
    /// <param name="Receiver">Which.</param>
    /// <param name="Next">Next landing of the same hop; -1 = none.</param>
    internal readonly record struct Landing(int Receiver, int Next);

    internal struct ChannelState
    {
        /// <summary>Buffer that messages leave; -1 = it takes no time.</summary>
        public int Port;

        /// <summary>Of a message, into or out of a buffer.</summary>
        public long CopyTime;
        public int FirstReceiver;
        public int Receivers;

        /// <summary>Which path messages take, in turn; null = there is one.</summary>
        public int[]? Turns;
        public int FirstPath;

        /// <summary>Turn of the next message, in an inference.</summary>
        public int Turn;
        public int Inference;

        /// <summary>Of the next message, over all inferences.</summary>
        public long Number;

        /// <summary>First landing on the sender's core; -1 = none.</summary>
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

        /// <summary>Number of the message that counts next: messages on several paths count in order.</summary>
        public long Next;

        /// <summary>Messages that wait for one before them.</summary>
        public List<int>? Early;
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
        public int FirstLanding;
    }

    internal struct MessageState
    {
        public int Channel;
        public int Sender;
        public int Row;
        public int Inference;
        public long SentAt;
        public long Number;

        /// <summary>Where it has not arrived.</summary>
        public int Receivers;

        /// <summary>The link for which it waited longest; -1 = none took time.</summary>
        public int Slowest;
        public long LongestWait;
        public int Next;
    }
}

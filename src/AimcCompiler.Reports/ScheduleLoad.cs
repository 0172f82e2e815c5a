using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>What one inference asks of every resource by the streams of a program, however they wait for each other.</summary>
internal sealed class ScheduleLoad
{
    private readonly ProgramSchedule _schedule;
    private readonly ScheduleTraffic _traffic;
    private readonly Dictionary<int, double?> _tileNs = [];

    public ScheduleLoad(MappedProgram program, ProgramSchedule schedule, ChipCapacity chip)
    {
        _schedule = schedule;
        _traffic = new ScheduleTraffic(schedule, new SumColumns(program, schedule), chip);
        foreach (var (stage, rowGroup, count) in _traffic.Drives)
        {
            Drive(_schedule.Stages.Stages[stage].Matrix!, _schedule.Mapping.RowGroups[rowGroup], count);
        }
    }

    /// <summary>MVMs that a core begins.</summary>
    public long[] Issues => _traffic.Issues;

    /// <summary>Of a core's vector unit.</summary>
    public long[] Operations => _traffic.Operations;

    /// <summary>Read from and written to off-chip memory.</summary>
    public long OffChipBytes => _traffic.MemoryBytes;

    /// <summary>Written, and not an output.</summary>
    public long SpilledBytes => _traffic.SpilledBytes;

    /// <summary>The longest that a tile works; null = times are not known.</summary>
    public double? BusiestTileNs => _tileNs.ContainsValue(null) ? null : _tileNs.Values.DefaultIfEmpty(0).Max();

    /// <summary>Bytes that all buffers hold.</summary>
    public long BufferBytes => _schedule.Buffers.Sum(b => b.Capacity * b.RowBytes);

    /// <summary>Bytes of one inference on every link of every chip, as in the cuts: not in whole flits.</summary>
    public IEnumerable<long> LinkBytes() => _schedule.Channels
        .SelectMany((channel, c) => channel.Hops.Where(h => h.Link >= 0).Select(h => (h.Chip, h.Link, Bytes: h.Bytes * channel.MessagesOn(h.Path, _traffic.Messages[c]))))
        .GroupBy(h => (h.Chip, h.Link), (_, hops) => hops.Sum(h => h.Bytes));

    /// <summary>Messages within a chip, all of one inference together; where routers do not copy, one for each receiver stands in the program.</summary>
    public ImmutableArray<Multicast> TransfersOf(NocTopology topology, int chip) =>
    [
        .. _schedule.Channels.Select((channel, c) => (Channel: channel, Messages: _traffic.Messages[c]))
            .Where(c => c.Channel.From / topology.Cores == chip && c.Messages > 0)
            .Select(c => (c.Channel, c.Messages, Receivers: c.Channel.Receivers.Select(r => r.Core).Distinct().Where(r => r != c.Channel.From && r / topology.Cores == chip).ToArray()))
            .Where(c => c.Receivers.Length > 0)
            .Select(c => new Multicast(c.Channel.From % topology.Cores, [.. c.Receivers.Select(r => r % topology.Cores)], c.Channel.Bytes * c.Messages)
            {
                Needs = [.. c.Receivers.Select(r => NeedOf(c.Channel, topology, r) * c.Messages)],
            }),
    ];

    /// <summary>The placement that the program has found, as a problem: cores with work move, memory ports stay. The second is what it reached.</summary>
    public (PlacementProblem Problem, long ByteHops) PlacementOf(NocTopology topology, int chip)
    {
        Dictionary<int, int> movable = [];
        Dictionary<int, int> ports = [];
        List<(int From, bool IsFromPort, int To, bool IsToPort, long Bytes)> flows = [];
        HashSet<int> sinks = SinkBuffers();
        for (int c = 0; c < _schedule.Channels.Length; c++)
        {
            Channel channel = _schedule.Channels[c];
            bool isFromPort = _traffic.Senders[c] is >= 0 and var sender && _schedule.Streams[sender].Stage < 0;
            foreach (Receiver receiver in channel.Receivers.Where(r => r.Core / topology.Cores == chip && channel.From / topology.Cores == chip))
            {
                long bytes = receiver.Core == channel.From ? channel.Bytes : NeedOf(channel, topology, receiver.Core);
                flows.Add((channel.From % topology.Cores, isFromPort, receiver.Core % topology.Cores, sinks.Contains(receiver.Buffer), bytes * _traffic.Messages[c]));
            }
        }

        foreach (var (core, isPort) in flows.SelectMany(f => ((int, bool)[])[(f.From, f.IsFromPort), (f.To, f.IsToPort)]))
        {
            var numbers = isPort ? ports : movable;
            numbers.TryAdd(core, numbers.Count);
        }

        int NumberOf(int core, bool isPort) => isPort ? movable.Count + ports[core] : movable[core];
        return (
            new PlacementProblem(
                topology,
                [.. flows.Select(f => new CoreTraffic(NumberOf(f.From, f.IsFromPort), NumberOf(f.To, f.IsToPort), f.Bytes))],
                movable.Count,
                [.. ports.Keys],
                []),
            flows.Sum(f => f.Bytes * topology.Hops(f.From, f.To)));
    }

    /// <summary>Buffers that outputs leave from.</summary>
    private HashSet<int> SinkBuffers() =>
    [
        .. _schedule.Streams.SelectMany(s => s.Body.SelectMany(i => i is Repeat repeat ? repeat.Body : [i]).OfType<AwaitRows>().Select(a => (a.Buffer, IsSink: s.Stage < 0)))
            .GroupBy(a => a.Buffer)
            .Where(readers => readers.All(r => r.IsSink))
            .Select(readers => readers.Key),
    ];

    /// <summary>Bytes of a message that reach a core.</summary>
    private static long NeedOf(Channel channel, NocTopology topology, int core)
    {
        foreach (ChannelHop hop in channel.Hops)
        {
            if (hop.Link >= 0 && (topology is BusTopology || topology.Links[hop.Link].To == core % topology.Cores))
            {
                return hop.Bytes;
            }
        }

        return channel.Bytes;
    }

    private void Drive(MatrixDemand matrix, PlacedRowGroup placed, long count)
    {
        int rounds = _schedule.Stages.Stages[placed.Stage].Matrix!.Groups[placed.Group].Rounds;
        double? ns = count * (matrix.IsSerial ? matrix.LatencyNs + ((rounds - 1) * matrix.IntervalNs) : rounds * matrix.IntervalNs);
        foreach (int tile in placed.Tiles)
        {
            _tileNs[tile] = (_tileNs.TryGetValue(tile, out double? before) ? before : 0) + ns;
        }
    }
}

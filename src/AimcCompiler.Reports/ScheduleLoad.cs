using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>What one inference asks of every resource by the streams of a program, however they wait for each other.</summary>
internal sealed class ScheduleLoad
{
    private readonly ProgramSchedule _schedule;
    private readonly Dictionary<int, double?> _tileNs = [];
    private readonly Dictionary<int, int> _senders = [];

    public ScheduleLoad(ProgramSchedule schedule, int cores)
    {
        _schedule = schedule;
        Issues = new long[cores];
        Operations = new double[cores];
        Messages = new long[schedule.Channels.Length];
        for (int s = 0; s < schedule.Streams.Length; s++)
        {
            foreach (var instruction in schedule.Streams[s].Body)
            {
                var (count, body) = instruction is Repeat repeat ? (repeat.Count, repeat.Body) : (1, [instruction]);
                Add(s, count, body);
            }
        }
    }

    /// <summary>MVMs that a core begins.</summary>
    public long[] Issues { get; }

    /// <summary>Of a core's vector unit.</summary>
    public double[] Operations { get; }

    /// <summary>Of each channel.</summary>
    public long[] Messages { get; }

    /// <summary>Read from and written to off-chip memory.</summary>
    public long OffChipBytes { get; private set; }

    /// <summary>Written, and not an output.</summary>
    public long SpilledBytes { get; private set; }

    /// <summary>The longest that a tile works; null = times are not known.</summary>
    public double? BusiestTileNs => _tileNs.ContainsValue(null) ? null : _tileNs.Values.DefaultIfEmpty(0).Max();

    /// <summary>Bytes that all buffers hold.</summary>
    public long BufferBytes => _schedule.Buffers.Sum(b => b.Capacity * b.RowBytes);

    /// <summary>Bytes of one inference on every link of every chip.</summary>
    public IEnumerable<long> LinkBytes() => _schedule.Channels
        .SelectMany((channel, c) => channel.Hops.Where(h => h.Link >= 0).Select(h => (h.Chip, h.Link, Bytes: h.Bytes * channel.MessagesOn(h.Path, Messages[c]))))
        .GroupBy(h => (h.Chip, h.Link), (_, hops) => hops.Sum(h => h.Bytes));

    /// <summary>Messages within a chip, all of one inference together; where routers do not copy, one for each receiver stands in the program.</summary>
    public ImmutableArray<Multicast> TransfersOf(NocTopology topology, int chip) =>
    [
        .. _schedule.Channels.Select((channel, c) => (Channel: channel, Messages: Messages[c]))
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
            bool isFromPort = _senders.TryGetValue(c, out int sender) && _schedule.Streams[sender].Stage < 0;
            foreach (Receiver receiver in channel.Receivers.Where(r => r.Core / topology.Cores == chip && channel.From / topology.Cores == chip))
            {
                long bytes = receiver.Core == channel.From ? channel.Bytes : NeedOf(channel, topology, receiver.Core);
                flows.Add((channel.From % topology.Cores, isFromPort, receiver.Core % topology.Cores, sinks.Contains(receiver.Buffer), bytes * Messages[c]));
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

    private void Add(int index, long count, ImmutableArray<StreamInstruction> body)
    {
        CoreStream stream = _schedule.Streams[index];
        double columns = 0;
        foreach (StreamInstruction instruction in body)
        {
            switch (instruction)
            {
                case DriveTiles drive:
                    Drive(stream, _schedule.Mapping.RowGroups[drive.RowGroup], count);
                    break;
                case AddPartialSums add:
                    columns = Sum(stream, add, count);
                    break;
                case SendPartialSums send:
                    Send(index, send.Channel, count);
                    break;
                case FinishVector finish:
                    Stage finished = _schedule.Stages.Stages[finish.Stage];
                    Operations[stream.Core] += count * (double)finished.OperationsPerRow / finished.Matrix!.VectorsPerRow * columns / finished.Matrix.Columns;
                    Spread(index, finish, finished.Matrix.VectorsPerRow, count);
                    break;
                case RunDigital digital:
                    RunRows(stream, _schedule.Stages.Stages[digital.Stage], count);
                    break;
                case SendRow send:
                    Send(index, send.Channel, count);
                    break;
                case LoadRow load:
                    OffChipBytes += count * _schedule.Stages.Values[load.Value].BytesPerRow;
                    break;
                case StoreRow store:
                    StageValue stored = _schedule.Stages.Values[store.Value];
                    OffChipBytes += count * stored.BytesPerRow;
                    SpilledBytes += stored.IsOutput ? 0 : count * stored.BytesPerRow;
                    break;
                default:
                    break; // waits take nothing
            }
        }
    }

    private void Drive(CoreStream stream, PlacedRowGroup placed, long count)
    {
        MatrixDemand matrix = _schedule.Stages.Stages[stream.Stage].Matrix!;
        int rounds = _schedule.Stages.Stages[placed.Stage].Matrix!.Groups[placed.Group].Rounds;
        Issues[stream.Core] += count * rounds;
        double? ns = count * (matrix.IsSerial ? matrix.LatencyNs + ((rounds - 1) * matrix.IntervalNs) : rounds * matrix.IntervalNs);
        foreach (int tile in placed.Tiles)
        {
            _tileNs[tile] = (_tileNs.TryGetValue(tile, out double? before) ? before : 0) + ns;
        }
    }

    /// <summary>Rows of a host's operator leave the chip and come back.</summary>
    private void RunRows(CoreStream stream, Stage stage, long count)
    {
        if (stage.Kind == StageKind.Host)
        {
            StageValue output = _schedule.Stages.Values[stage.Output];
            long inputs = stage.Inputs.Select(i => _schedule.Stages.Values[i.Value]).Sum(v => v.Rows * v.BytesPerRow);
            OffChipBytes += count * (output.BytesPerRow + (inputs / output.Rows));
        }
        else
        {
            Operations[stream.Core] += (double)count * stage.OperationsPerRow;
        }
    }

    /// <returns>Columns of the sum.</returns>
    private double Sum(CoreStream stream, AddPartialSums add, long count)
    {
        MatrixDemand matrix = _schedule.Stages.Stages[stream.Stage].Matrix!;
        double[] terms =
        [
            .. (add.First < 0 ? [] : (int[])[add.First]).Concat(add.Others).Select(c => (double)_schedule.Channels[c].Bytes / matrix.PartialSumBytes),
            .. add.RowGroups.Select(g => (double)matrix.Groups[_schedule.Mapping.RowGroups[g].Group].Columns),
        ];
        double columns = terms.DefaultIfEmpty(0).Max();
        Operations[stream.Core] += count * (terms.Sum() - columns);
        return columns;
    }

    private void Send(int stream, int channel, long count)
    {
        Messages[channel] += count;
        _senders[channel] = stream;
    }

    private void Spread(int stream, FinishVector finish, int vectorsPerRow, long count)
    {
        for (long i = 0; i < (finish.Channels.Length == 1 ? 1 : count); i++)
        {
            int home = (int)(finish.Ordinal.At(i) / vectorsPerRow % finish.Channels.Length);
            Send(stream, finish.Channels[home], finish.Channels.Length == 1 ? count : 1);
        }
    }
}

using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>What one inference of a schedule asks of its chips, however streams wait for each other: MVMs, operations, messages and bytes, without times.</summary>
public sealed class ScheduleTraffic
{
    private readonly ChipCapacity _chip;
    private readonly SumColumns _sums;
    private readonly List<(int Stage, int RowGroup, long Count)> _drives = [];
    private readonly Dictionary<(int Chip, int Link), long> _links = [];

    /// <param name="schedule">A verified schedule.</param>
    /// <param name="sums">Columns of its sums.</param>
    /// <param name="chip">The chips that it runs on.</param>
    public ScheduleTraffic(ProgramSchedule schedule, SumColumns sums, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(sums);
        ArgumentNullException.ThrowIfNull(chip);
        (Schedule, _sums, _chip) = (schedule, sums, chip);
        Issues = new long[chip.Cores];
        Operations = new long[chip.Cores];
        Messages = new long[schedule.Channels.Length];
        Senders = new int[schedule.Channels.Length];
        Array.Fill(Senders, -1);
        for (int s = 0; s < schedule.Streams.Length; s++)
        {
            AddPartialSums? added = null;
            foreach (var instruction in schedule.Streams[s].Body)
            {
                var (body, count) = instruction is Repeat repeat ? (repeat.Body, repeat.Count) : ([instruction], 1);
                foreach (var one in body)
                {
                    added = one as AddPartialSums ?? added;
                    Count(s, one, count, added is null ? null : sums.Of(added).Count);
                }
            }
        }

        CountChannels();
    }

    public ProgramSchedule Schedule { get; }

    /// <summary>MVMs that each core begins.</summary>
    public long[] Issues { get; }

    /// <summary>Scalar operations of each core's vector unit.</summary>
    public long[] Operations { get; }

    /// <summary>Of each channel.</summary>
    public long[] Messages { get; }

    /// <summary>The stream that sends into each channel; -1 = none does.</summary>
    public int[] Senders { get; }

    /// <summary>How often a stage drives a row group.</summary>
    public IReadOnlyList<(int Stage, int RowGroup, long Count)> Drives => _drives;

    /// <summary>Bytes into and out of buffers.</summary>
    public long BufferBytes { get; private set; }

    /// <summary>Bytes x links on the chips, whole flits.</summary>
    public long LinkBytes { get; private set; }

    /// <summary>Bytes from chip to chip.</summary>
    public long BoardBytes { get; private set; }

    /// <summary>Bytes to and from off-chip memory.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>Of these, written and not an output.</summary>
    public long SpilledBytes { get; private set; }

    /// <summary>The link that carries most, and how much in whole flits.</summary>
    public (int Chip, int Link, long Bytes)? MostLoaded => _links.Count == 0
        ? null
        : _links.OrderByDescending(l => l.Value).ThenBy(l => l.Key).Select(l => (l.Key.Chip, l.Key.Link, l.Value)).First();

    /// <summary>What a host operator sends and takes back for one row of its output.</summary>
    public static long HostBytes(StageGraph stages, Stage stage)
    {
        ArgumentNullException.ThrowIfNull(stages);
        ArgumentNullException.ThrowIfNull(stage);
        long inputs = stage.Inputs.Sum(i => stages.Values[i.Value].Rows * stages.Values[i.Value].BytesPerRow);
        int rows = stages.Values[stage.Output].Rows;
        return ((inputs + rows - 1) / rows) + stages.Values[stage.Output].BytesPerRow;
    }

    /// <summary>Scale and bias of the columns that are finished together.</summary>
    public static long OperationsOfVector(Stage stage, int columns)
    {
        ArgumentNullException.ThrowIfNull(stage);
        long all = (long)stage.Matrix!.VectorsPerRow * stage.Matrix.Columns;
        return ((stage.OperationsPerRow * columns) + all - 1) / all;
    }

    private void Count(int index, StreamInstruction instruction, long count, int? columns)
    {
        var stages = Schedule.Stages;
        var stream = Schedule.Streams[index];
        switch (instruction)
        {
            case DriveTiles drive:
                var group = Schedule.Mapping.RowGroups[drive.RowGroup];
                var driven = stages.Stages[stream.Stage];
                _drives.Add((stream.Stage, drive.RowGroup, count));
                Issues[stream.Core] += count * stages.Stages[group.Stage].Matrix!.Groups[group.Group].Rounds;
                BufferBytes += count * driven.Matrix!.Groups[group.Group].Inputs * stages.Values[driven.Inputs[0].Value].BytesPerElement;
                break;
            case AddPartialSums add:
                Operations[stream.Core] += count * _sums.Additions(add);
                break;
            case SendPartialSums send:
                Send(index, send.Channel, count);
                break;
            case FinishVector finish:
                var analog = stages.Stages[finish.Stage];
                Operations[stream.Core] += count * OperationsOfVector(analog, columns ?? analog.Matrix!.Columns);
                Spread(index, finish, analog.Matrix!.VectorsPerRow, count);
                break;
            case RunDigital digital when stages.Stages[digital.Stage] is { Kind: StageKind.Host } host:
                MemoryBytes += count * HostBytes(stages, host);
                break;
            case RunDigital digital:
                var stage = stages.Stages[digital.Stage];
                Operations[stream.Core] += count * stage.OperationsPerRow;
                BufferBytes += count * stage.Inputs.Sum(i => stages.Values[i.Value].BytesPerRow);
                break;
            case SendRow send:
                Send(index, send.Channel, count);
                break;
            case LoadRow load:
                MemoryBytes += count * stages.Values[load.Value].BytesPerRow;
                break;
            case StoreRow store:
                StageValue stored = stages.Values[store.Value];
                MemoryBytes += count * stored.BytesPerRow;
                SpilledBytes += stored.IsOutput ? 0 : count * stored.BytesPerRow;
                break;
            default:
                break; // waits take nothing
        }
    }

    /// <summary>Vectors to the home of their row.</summary>
    private void Spread(int stream, FinishVector finish, int vectorsPerRow, long count)
    {
        if (finish.Channels.Length == 1)
        {
            Send(stream, finish.Channels[0], count);
            return;
        }

        for (long i = 0; i < count; i++)
        {
            Send(stream, finish.Channels[(int)(finish.Ordinal.At(i) / vectorsPerRow % finish.Channels.Length)], 1);
        }
    }

    private void Send(int stream, int channel, long count)
    {
        Messages[channel] += count;
        Senders[channel] = stream;
    }

    private void CountChannels()
    {
        for (int c = 0; c < Messages.Length; c++)
        {
            var channel = Schedule.Channels[c];
            BufferBytes += Messages[c] * channel.Bytes * channel.Receivers.Length;
            foreach (var hop in channel.Hops)
            {
                long messages = channel.MessagesOn(hop.Path, Messages[c]);
                if (hop.Link < 0)
                {
                    BoardBytes += messages * hop.Bytes;
                    continue;
                }

                long bytes = messages * _chip.WholeFlits(hop.Bytes);
                LinkBytes += bytes;
                _links[(hop.Chip, hop.Link)] = _links.GetValueOrDefault((hop.Chip, hop.Link)) + bytes;
            }
        }
    }
}

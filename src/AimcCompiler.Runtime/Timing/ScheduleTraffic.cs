using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What one inference of a schedule moves and computes: bytes and operations, without times.</summary>
internal sealed class ScheduleTraffic
{
    private readonly ProgramSchedule _schedule;
    private readonly Dictionary<(int Chip, int Link), long> _links = [];

    public ScheduleTraffic(ScheduleFacts facts, TimedChip chip)
    {
        var schedule = _schedule = facts.Schedule;
        foreach (var stream in schedule.Streams)
        {
            AddPartialSums? added = null;
            foreach (var instruction in stream.Body)
            {
                var (body, count) = instruction is Repeat repeat ? (repeat.Body, repeat.Count) : ([instruction], 1);
                foreach (var one in body)
                {
                    if (one is AddPartialSums add)
                    {
                        added = add;
                    }

                    Count(stream.Stage, one, count, added is null ? null : facts.Of(added).Count, facts, chip);
                }
            }
        }
    }

    /// <summary>Scalar operations of vector units.</summary>
    public long Operations { get; private set; }

    /// <summary>Bytes into and out of buffers.</summary>
    public long BufferBytes { get; private set; }

    /// <summary>Bytes x links on the chips, whole flits.</summary>
    public long LinkBytes { get; private set; }

    /// <summary>Bytes from chip to chip.</summary>
    public long BoardBytes { get; private set; }

    /// <summary>Bytes to and from off-chip memory.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>The link that carries most, and how much.</summary>
    public (int Chip, int Link, long Bytes)? MostLoaded => _links.Count == 0
        ? null
        : _links.OrderByDescending(l => l.Value).ThenBy(l => l.Key).Select(l => (l.Key.Chip, l.Key.Link, l.Value)).First();

    /// <summary>What a host operator sends and takes back for one row of its output.</summary>
    public static long HostBytes(StageGraph stages, Stage stage)
    {
        long inputs = stage.Inputs.Sum(i => stages.Values[i.Value].Rows * stages.Values[i.Value].BytesPerRow);
        int rows = stages.Values[stage.Output].Rows;
        return ((inputs + rows - 1) / rows) + stages.Values[stage.Output].BytesPerRow;
    }

    private void Count(int streamStage, StreamInstruction instruction, long count, int? columns, ScheduleFacts facts, TimedChip chip)
    {
        var stages = _schedule.Stages;
        switch (instruction)
        {
            case DriveTiles drive:
                var group = _schedule.Mapping.RowGroups[drive.RowGroup];
                var driven = stages.Stages[streamStage];
                BufferBytes += count * driven.Matrix!.Groups[group.Group].Inputs * stages.Values[driven.Inputs[0].Value].BytesPerElement;
                break;
            case AddPartialSums add:
                Operations += count * facts.Additions(add);
                break;
            case SendPartialSums send:
                Send(send.Channel, count, chip);
                break;
            case FinishVector finish:
                var analog = stages.Stages[finish.Stage];
                Operations += count * OperationsOfVector(analog, columns ?? analog.Matrix!.Columns);
                long[] vectors = finish.Channels.Length == 1 ? [count] : new long[finish.Channels.Length];
                for (long i = 0; i < (finish.Channels.Length == 1 ? 0 : count); i++)
                {
                    vectors[finish.Ordinal.At(i) / analog.Matrix!.VectorsPerRow % finish.Channels.Length]++;
                }

                for (int c = 0; c < finish.Channels.Length; c++)
                {
                    Send(finish.Channels[c], vectors[c], chip);
                }

                break;
            case RunDigital digital when stages.Stages[digital.Stage] is { Kind: StageKind.Host } host:
                MemoryBytes += count * HostBytes(stages, host);
                break;
            case RunDigital digital:
                var stage = stages.Stages[digital.Stage];
                Operations += count * stage.OperationsPerRow;
                BufferBytes += count * stage.Inputs.Sum(i => stages.Values[i.Value].BytesPerRow);
                break;
            case SendRow send:
                Send(send.Channel, count, chip);
                break;
            case LoadRow load:
                MemoryBytes += count * stages.Values[load.Value].BytesPerRow;
                break;
            case StoreRow store:
                MemoryBytes += count * stages.Values[store.Value].BytesPerRow;
                break;
        }
    }

    /// <summary>Scale and bias of the columns that are finished together.</summary>
    public static long OperationsOfVector(Stage stage, int columns)
    {
        long all = (long)stage.Matrix!.VectorsPerRow * stage.Matrix.Columns;
        return ((stage.OperationsPerRow * columns) + all - 1) / all;
    }

    private void Send(int index, long count, TimedChip chip)
    {
        var channel = _schedule.Channels[index];
        BufferBytes += count * channel.Bytes * channel.Receivers.Length;
        foreach (var hop in channel.Hops)
        {
            long messages = channel.MessagesOn(hop.Path, count);
            if (hop.Link < 0)
            {
                BoardBytes += messages * hop.Bytes;
                continue;
            }

            long bytes = messages * chip.FlitBytes(hop.Bytes);
            LinkBytes += bytes;
            _links[(hop.Chip, hop.Link)] = _links.GetValueOrDefault((hop.Chip, hop.Link)) + bytes;
        }
    }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What one inference of a schedule moves and computes: bytes and operations, without times.</summary>
internal sealed class ScheduleTraffic
{
    private readonly ProgramSchedule _schedule;
    private readonly Dictionary<(int Chip, int Link), long> _links = [];

    public ScheduleTraffic(MappedProgram program, ProgramSchedule schedule, TimedChip chip)
    {
        _schedule = schedule;
        ScheduleFacts facts = new(program, schedule);
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
                for (int c = 0; c < finish.Channels.Length; c++)
                {
                    long vectors = finish.Channels.Length == 1
                        ? count
                        : Enumerable.Range(0, (int)count).LongCount(i => finish.Ordinal.At(i) / analog.Matrix!.VectorsPerRow % finish.Channels.Length == c);
                    Send(finish.Channels[c], vectors, chip);
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

/// <summary>Energy of one inference, part by part.</summary>
internal static class ScheduleEnergy
{
    /// <param name="program">The program.</param>
    /// <param name="schedule">Its schedule.</param>
    /// <param name="traffic">What an inference moves and computes.</param>
    /// <param name="staticJoules">What the chips take anyway until the next inference; null = not known: then of the tiles while they are busy.</param>
    public static ImmutableArray<EnergyUse> Of(MappedProgram program, ProgramSchedule schedule, ScheduleTraffic traffic, double? staticJoules)
    {
        var chip = program.Chip;
        TileEnergy tiles = schedule.Stages.Stages
            .Where(s => s.Kind == StageKind.Analog)
            .Select(s => OfVector(program, program.Layers[s.Unit]) * s.Matrix!.Vectors)
            .Aggregate((TileEnergy?)null, (sum, one) => sum is null ? one : sum + one) ?? new TileEnergy { LumpedPj = 0 };
        List<(string Part, double? Pj)> parts = tiles.LumpedPj is not null
            ? [("tiles", tiles.LumpedPj)]
            : [("dac", tiles.DacPj), ("cells", tiles.CellsPj), ("adc", tiles.AdcPj), ("shift_add", tiles.ShiftAddPj)];
        if (tiles.LumpedPj is null && staticJoules is null)
        {
            parts.Add(("tiles_static", tiles.StaticPj));
        }

        parts.AddRange(
        [
            ("buffer", Used(traffic.BufferBytes, 8 * chip.Core.BufferPjPerBit)),
            ("digital", Used(traffic.Operations, chip.Core.Digital.PjPerOp)),
            ("noc", Used(traffic.LinkBytes, 8 * chip.Noc?.PjPerBitHop)),
            ("board", Used(traffic.BoardBytes, 8 * (chip.Board is { } board ? board.PjPerBit : chip.OffChip?.PjPerBit))),
            ("off_chip", Used(traffic.MemoryBytes, 8 * chip.OffChip?.PjPerBit)),
            ("static", staticJoules * 1e12),
        ]);
        return [.. parts.Select(p => new EnergyUse(p.Part, p.Pj * 1e-12))];
    }

    private static double? Used(long count, double? each) => count == 0 ? 0 : count * each;

    /// <summary>All tiles of one copy; blocks on one tile are driven one after the other.</summary>
    private static TileEnergy OfVector(MappedProgram program, MappedLayer layer)
    {
        var geometry = new TileGeometry(program.Chip.Tile);
        Block[] copy = [.. layer.Blocks.Where(b => b.Copy == 0)];
        int tiles = copy.Select(b => b.Tile).Distinct().Count();
        int rounds = copy.GroupBy(b => b.Tile).Max(g => g.Count());
        long PerRound(long count) => (count + rounds - 1) / rounds;
        LayerWork work = new(
            layer.Name,
            layer.Rows,
            layer.Columns,
            rounds,
            RowTiles: 1,
            ColumnTiles: tiles,
            Copies: 1,
            UsedRows: PerRound(copy.Sum(b => (long)b.Rows) * geometry.PhysicalRowsPerWeight),
            UsedColumns: PerRound(copy.Sum(b => (long)b.Columns) * geometry.PhysicalColumnsPerWeight),
            UsedCells: PerRound(copy.Sum(b => (long)b.Rows * b.Columns) * geometry.PhysicalRowsPerWeight * geometry.PhysicalColumnsPerWeight),
            Macs: 0)
        {
            UnsignedCodes = InputEncoding.Of(program.Chip.Tile.Input, layer.InputIsNonNegative).IsUnsigned,
        };
        return LayerCost.Of(program.Chip.Tile, work).Energy;
    }
}

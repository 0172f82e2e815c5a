using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Puts a schedule together from its part of the manifest and its sections. Checks the form; what it means is <see cref="ScheduleVerifier"/>'s to check.</summary>
internal static class ScheduleReader
{
    /// <param name="schedule">Of the manifest.</param>
    /// <param name="layers">Of the program; the tiles of a row group are those of its blocks.</param>
    /// <param name="chips">Of the program.</param>
    /// <param name="section">Takes the next section: index, kind and what is in it.</param>
    /// <exception cref="InvalidIrException">It does not fit its sections.</exception>
    public static ProgramSchedule Read(Proto.Schedule schedule, ImmutableArray<MappedLayer> layers, int chips, Func<uint, SectionKind, string, ReadOnlyMemory<byte>> section)
    {
        StageGraph stages = new(
            [.. schedule.Values.Select(v => new StageValue(v.Name, v.Rows, v.ElementsPerRow, v.BytesPerElement, v.Producer, v.IsOutput))],
            [.. schedule.Stages.Select(ToStage)]);
        var groups = ToRowGroups(section(schedule.SectionRowGroups, SectionKind.RowGroups, "row groups of the schedule"), stages, layers);
        var hops = ToHops(section(schedule.SectionHops, SectionKind.Hops, "hops of the schedule"));
        int used = 0;
        var channels = ImmutableArray.CreateBuilder<Channel>(schedule.Channels.Count);
        foreach (var channel in schedule.Channels)
        {
            if (channel.Hops < 0 || channel.Hops > hops.Length - used)
            {
                throw new InvalidIrException($"channel {channels.Count} has {channel.Hops} hops, {hops.Length - used} of {hops.Length} are left");
            }

            if (channel.Cores.Count != channel.Buffers.Count)
            {
                throw new InvalidIrException($"channel {channels.Count} has receivers on {channel.Cores.Count} cores and {channel.Buffers.Count} buffers");
            }

            channels.Add(new Channel(
                EnumNames.Convert<ChannelKind>(channel.Kind),
                channel.From,
                [.. channel.Cores.Zip(channel.Buffers, (core, buffer) => new Receiver(core, buffer))],
                channel.Bytes,
                channel.Capacity,
                hops.Slice(used, channel.Hops))
            {
                Turns = [.. channel.Turns],
            });
            used += channel.Hops;
        }

        if (used < hops.Length)
        {
            throw new InvalidIrException($"{hops.Length - used} of {hops.Length} hops belong to no channel");
        }

        var target = EnumNames.Convert<MappingTarget>(schedule.Target);
        return new ProgramSchedule
        {
            Target = target,
            Overlaps = schedule.Overlaps,
            Stages = stages,
            Mapping = new CoreMapping
            {
                Target = target,
                Chips = chips,
                Replication = new Replication([.. schedule.Copies], schedule.HasIntervalNs ? schedule.IntervalNs : null, schedule.HasStoppedBy ? schedule.StoppedBy : null),
                RowGroups = groups,
                Homes = [.. schedule.Homes.Select(h => h.Indices.ToImmutableArray())],
                Segments = [.. schedule.Segments.Select(s => s.Indices.ToImmutableArray())],
            },
            Buffers = [.. schedule.Buffers.Select(b => new RowBuffer(b.Core, b.Value, b.FirstRow, b.RowStride, b.ItemsPerRow, b.Capacity, b.RowBytes, b.Address, b.Segment))],
            Channels = channels.MoveToImmutable(),
            Streams = [.. schedule.Streams.Select((s, i) => new CoreStream(s.Core, s.Name, s.Stage, [.. s.Body.Select(instruction => ToInstruction(instruction, i, isInLoop: false))]) { Segment = s.Segment })],
        };
    }

    private static Stage ToStage(Proto.Stage stage) => new()
    {
        Name = stage.Name,
        Kind = EnumNames.Convert<StageKind>(stage.Kind),
        Unit = stage.Unit,
        Output = stage.Output,
        Inputs = [.. stage.Inputs.Select(i => new StageInput(i.Value, ToWindow(i.Window, stage.Name), i.IsCarried))],
        OperationsPerRow = stage.OperationsPerRow,
        Matrix = stage.Matrix is { } matrix ? ToMatrix(matrix) : null,
        Loop = stage.HasLoop ? stage.Loop : null,
    };

    private static MatrixDemand ToMatrix(Proto.MatrixDemand matrix) => new()
    {
        Vectors = matrix.Vectors,
        VectorsPerRow = matrix.VectorsPerRow,
        FirstOrdinal = matrix.FirstOrdinal,
        SharesTilesOf = matrix.HasSharesTilesOf ? matrix.SharesTilesOf : null,
        Groups =
        [
            .. matrix.Groups.Select(g => new RowGroupDemand([.. g.Blocks], g.Tiles, g.Rounds, g.FirstInput, g.Inputs, g.InputBytesPerRow, g.Columns, g.SharedTile) { FirstColumn = g.FirstColumn }),
        ],
        IntervalNs = matrix.HasIntervalNs ? matrix.IntervalNs : null,
        LatencyNs = matrix.HasLatencyNs ? matrix.LatencyNs : null,
        Columns = matrix.Columns,
        PartialSumBytes = matrix.PartialSumBytes,
        AddsExactly = matrix.AddsExactly,
        IsSerial = matrix.IsSerial,
        Alternatives = [.. matrix.Alternatives.Select(o => new ShiftOption(o.Shifts, o.VectorsPerRow, o.Tiles, o.Issues, o.Rounds, o.OperationsPerVector))],
    };

    private static RowWindow ToWindow(Proto.RowWindow? window, string what) => window is null
        ? throw new InvalidIrException($"{Quoted.Of(what)} has an input without a window")
        : new RowWindow(window.Divisor, window.Factor, window.Offset, window.Reach);

    private static ImmutableArray<PlacedRowGroup> ToRowGroups(ReadOnlyMemory<byte> bytes, StageGraph stages, ImmutableArray<MappedLayer> layers)
    {
        CheckWhole(bytes, AimcFormat.RowGroupBytes, "row groups");
        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<byte, int>(bytes.Span);
        var groups = ImmutableArray.CreateBuilder<PlacedRowGroup>(bytes.Length / AimcFormat.RowGroupBytes);
        HashSet<(int, int, int)> seen = [];
        for (; !numbers.IsEmpty; numbers = numbers[4..])
        {
            if (!seen.Add((numbers[0], numbers[1], numbers[2])))
            {
                throw new InvalidIrException($"group {numbers[2]} of copy {numbers[1]} of stage {numbers[0]} is placed twice");
            }

            groups.Add(new PlacedRowGroup(numbers[0], numbers[1], numbers[2], numbers[3], [.. TilesOf(stages, layers, numbers[0], numbers[1], numbers[2])]));
        }

        return groups.MoveToImmutable();
    }

    /// <summary>Nothing where the numbers are none of the program: the verifier says so.</summary>
    private static IEnumerable<int> TilesOf(StageGraph stages, ImmutableArray<MappedLayer> layers, int stage, int copy, int group)
    {
        if (stage < 0 || stage >= stages.Stages.Length || stages.Stages[stage] is not { Matrix: { } matrix, Unit: var unit } || unit < 0 || unit >= layers.Length || layers[unit].Copies < 1
            || copy < 0 || copy >= layers[unit].Copies || group < 0 || group >= matrix.Groups.Length)
        {
            return [];
        }

        var blocks = layers[unit].Blocks;
        int perCopy = blocks.Length / layers[unit].Copies;
        var own = matrix.Groups[group].Blocks;
        return own.Length > perCopy || own.Any(b => b < 0 || b >= perCopy) ? [] : own.Select(b => blocks[(copy * perCopy) + b].Tile).Distinct();
    }

    private static ImmutableArray<ChannelHop> ToHops(ReadOnlyMemory<byte> bytes)
    {
        CheckWhole(bytes, AimcFormat.HopBytes, "hops");
        var hops = ImmutableArray.CreateBuilder<ChannelHop>(bytes.Length / AimcFormat.HopBytes);
        for (var entry = bytes.Span; !entry.IsEmpty; entry = entry[AimcFormat.HopBytes..])
        {
            hops.Add(new ChannelHop(
                BinaryPrimitives.ReadInt32LittleEndian(entry),
                BinaryPrimitives.ReadInt32LittleEndian(entry[4..]),
                BinaryPrimitives.ReadInt32LittleEndian(entry[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(entry[16..]),
                BinaryPrimitives.ReadInt32LittleEndian(entry[12..])));
        }

        return hops.MoveToImmutable();
    }

    private static void CheckWhole(ReadOnlyMemory<byte> bytes, int size, string what)
    {
        if (bytes.Length % size != 0)
        {
            throw new InvalidIrException($"a section of {bytes.Length} bytes does not hold whole {what} of {size} bytes");
        }
    }

    private static StreamInstruction ToInstruction(Proto.StreamInstruction instruction, int stream, bool isInLoop)
    {
        switch (instruction.StepCase)
        {
            case Proto.StreamInstruction.StepOneofCase.Repeat when !isInLoop:
                return new Repeat(instruction.Repeat.Count, [.. instruction.Repeat.Body.Select(i => ToInstruction(i, stream, isInLoop: true))]);
            case Proto.StreamInstruction.StepOneofCase.Repeat:
                throw new InvalidIrException($"stream {stream} has a loop in a loop");
            case Proto.StreamInstruction.StepOneofCase.AwaitRows:
                var wait = instruction.AwaitRows;
                return new AwaitRows(wait.Buffer, ToWindow(wait.Window, FormattableString.Invariant($"stream {stream}")), At(wait.Item), wait.ItemsPerRow);
            case Proto.StreamInstruction.StepOneofCase.ReleaseRows:
                return new ReleaseRows(instruction.ReleaseRows);
            case Proto.StreamInstruction.StepOneofCase.DriveTiles:
                return new DriveTiles(instruction.DriveTiles.RowGroup, At(instruction.DriveTiles.Ordinal));
            case Proto.StreamInstruction.StepOneofCase.AddPartialSums:
                var add = instruction.AddPartialSums;
                return new AddPartialSums(add.First, [.. add.RowGroups], [.. add.Others], At(add.Ordinal));
            case Proto.StreamInstruction.StepOneofCase.SendPartialSums:
                return new SendPartialSums(instruction.SendPartialSums.Of, At(instruction.SendPartialSums.Index));
            case Proto.StreamInstruction.StepOneofCase.FinishVector:
                var finish = instruction.FinishVector;
                return new FinishVector(finish.Stage, finish.Copy, [.. finish.Channels], At(finish.Ordinal));
            case Proto.StreamInstruction.StepOneofCase.RunDigital:
                return new RunDigital(instruction.RunDigital.Of, At(instruction.RunDigital.Index));
            case Proto.StreamInstruction.StepOneofCase.SendRow:
                return new SendRow(instruction.SendRow.Of, At(instruction.SendRow.Index));
            case Proto.StreamInstruction.StepOneofCase.LoadRow:
                return new LoadRow(instruction.LoadRow.Of, At(instruction.LoadRow.Index));
            case Proto.StreamInstruction.StepOneofCase.StoreRow:
                return new StoreRow(instruction.StoreRow.Of, At(instruction.StoreRow.Index));
            default:
                throw new InvalidIrException($"stream {stream} has an instruction that does nothing");
        }

        Affine At(Proto.Affine? affine) => affine is null ? throw new InvalidIrException($"stream {stream} has an instruction without a count") : new Affine(affine.Start, affine.Stride);
    }
}

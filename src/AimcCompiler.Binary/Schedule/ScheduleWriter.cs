using System.Buffers.Binary;
using System.Diagnostics;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Divides a schedule into its part of the manifest and two sections.</summary>
internal static class ScheduleWriter
{
    public static Proto.Schedule Divide(ProgramSchedule schedule, Func<SectionKind, ReadOnlyMemory<byte>, uint> add)
    {
        var mapping = schedule.Mapping;
        var result = new Proto.Schedule
        {
            Target = EnumNames.Convert<Proto.Target>(schedule.Target),
            Overlaps = schedule.Overlaps,
            SectionRowGroups = add(SectionKind.RowGroups, BytesOf(mapping.RowGroups)),
            SectionHops = add(SectionKind.Hops, BytesOf(schedule.Channels)),
        };
        if (mapping.Replication.IntervalNs is { } interval)
        {
            result.IntervalNs = interval;
        }

        if (mapping.Replication.StoppedBy is { } stop)
        {
            result.StoppedBy = stop;
        }

        result.Values.AddRange(schedule.Stages.Values.Select(v => new Proto.StageValue
        {
            Name = v.Name,
            Rows = v.Rows,
            ElementsPerRow = v.ElementsPerRow,
            BytesPerElement = v.BytesPerElement,
            Producer = v.Producer,
            IsOutput = v.IsOutput,
        }));
        result.Stages.AddRange(schedule.Stages.Stages.Select(ToProto));
        result.Copies.AddRange(mapping.Replication.Copies);
        result.Segments.AddRange(mapping.Segments.Select(s => ToList(s)));
        result.Homes.AddRange(mapping.Homes.Select(h => ToList(h)));
        result.Buffers.AddRange(schedule.Buffers.Select(b => new Proto.RowBuffer
        {
            Core = b.Core,
            Value = b.Value,
            FirstRow = b.FirstRow,
            RowStride = b.RowStride,
            ItemsPerRow = b.ItemsPerRow,
            Capacity = b.Capacity,
            RowBytes = b.RowBytes,
            Address = b.Address,
            Segment = b.Segment,
        }));
        result.Channels.AddRange(schedule.Channels.Select(ToProto));
        result.Streams.AddRange(schedule.Streams.Select(ToProto));
        return result;
    }

    private static Proto.IndexList ToList(IEnumerable<int> indices)
    {
        var result = new Proto.IndexList();
        result.Indices.AddRange(indices);
        return result;
    }

    private static Proto.RowWindow ToProto(RowWindow window) => new() { Divisor = window.Divisor, Factor = window.Factor, Offset = window.Offset, Reach = window.Reach };

    private static Proto.Affine ToProto(Affine affine) => new() { Start = affine.Start, Stride = affine.Stride };

    private static Proto.Stage ToProto(Stage stage)
    {
        var result = new Proto.Stage
        {
            Name = stage.Name,
            Kind = EnumNames.Convert<Proto.StageKind>(stage.Kind),
            Unit = stage.Unit,
            Output = stage.Output,
            OperationsPerRow = stage.OperationsPerRow,
            Matrix = stage.Matrix is { } matrix ? ToProto(matrix) : null,
        };
        if (stage.Loop is { } loop)
        {
            result.Loop = loop;
        }

        result.Inputs.AddRange(stage.Inputs.Select(i => new Proto.StageInput { Value = i.Value, Window = ToProto(i.Window), IsCarried = i.IsCarried }));
        return result;
    }

    private static Proto.MatrixDemand ToProto(MatrixDemand matrix)
    {
        var result = new Proto.MatrixDemand
        {
            Vectors = matrix.Vectors,
            VectorsPerRow = matrix.VectorsPerRow,
            FirstOrdinal = matrix.FirstOrdinal,
            Columns = matrix.Columns,
            PartialSumBytes = matrix.PartialSumBytes,
            AddsExactly = matrix.AddsExactly,
            IsSerial = matrix.IsSerial,
        };
        if (matrix.SharesTilesOf is { } owner)
        {
            result.SharesTilesOf = owner;
        }

        if (matrix.IntervalNs is { } interval)
        {
            result.IntervalNs = interval;
        }

        if (matrix.LatencyNs is { } latency)
        {
            result.LatencyNs = latency;
        }

        result.Alternatives.AddRange(matrix.Alternatives.Select(o => new Proto.ShiftOption
        {
            Shifts = o.Shifts,
            VectorsPerRow = o.VectorsPerRow,
            Tiles = o.Tiles,
            Issues = o.Issues,
            Rounds = o.Rounds,
            OperationsPerVector = o.OperationsPerVector,
        }));
        foreach (var group in matrix.Groups)
        {
            var entry = new Proto.RowGroup
            {
                Tiles = group.Tiles,
                Rounds = group.Rounds,
                FirstInput = group.FirstInput,
                Inputs = group.Inputs,
                InputBytesPerRow = group.InputBytesPerRow,
                FirstColumn = group.FirstColumn,
                Columns = group.Columns,
                SharedTile = group.SharedTile,
            };
            entry.Blocks.AddRange(group.Blocks);
            result.Groups.Add(entry);
        }

        return result;
    }

    private static Proto.Channel ToProto(Channel channel)
    {
        var result = new Proto.Channel
        {
            Kind = EnumNames.Convert<Proto.ChannelKind>(channel.Kind),
            From = channel.From,
            Bytes = channel.Bytes,
            Capacity = channel.Capacity,
            Hops = channel.Hops.Length,
        };
        result.Turns.AddRange(channel.Turns);
        result.Cores.AddRange(channel.Receivers.Select(r => r.Core));
        result.Buffers.AddRange(channel.Receivers.Select(r => r.Buffer));
        return result;
    }

    private static Proto.Stream ToProto(CoreStream stream)
    {
        var result = new Proto.Stream { Core = stream.Core, Name = stream.Name, Stage = stream.Stage, Segment = stream.Segment };
        result.Body.AddRange(stream.Body.Select(ToProto));
        return result;
    }

    private static Proto.StreamInstruction ToProto(StreamInstruction instruction)
    {
        switch (instruction)
        {
            case Repeat loop:
                var repeat = new Proto.Repeat { Count = loop.Count };
                repeat.Body.AddRange(loop.Body.Select(ToProto));
                return new Proto.StreamInstruction { Repeat = repeat };
            case AwaitRows wait:
                return new Proto.StreamInstruction
                {
                    AwaitRows = new Proto.AwaitRows { Buffer = wait.Buffer, Window = ToProto(wait.Window), Item = ToProto(wait.Item), ItemsPerRow = wait.ItemsPerRow },
                };
            case ReleaseRows release:
                return new Proto.StreamInstruction { ReleaseRows = release.Buffer };
            case DriveTiles drive:
                return new Proto.StreamInstruction { DriveTiles = new Proto.Drive { RowGroup = drive.RowGroup, Ordinal = ToProto(drive.Ordinal) } };
            case AddPartialSums add:
                var sums = new Proto.AddPartialSums { First = add.First, Ordinal = ToProto(add.Ordinal) };
                sums.RowGroups.AddRange(add.RowGroups);
                sums.Others.AddRange(add.Others);
                return new Proto.StreamInstruction { AddPartialSums = sums };
            case SendPartialSums send:
                return new Proto.StreamInstruction { SendPartialSums = Of(send.Channel, send.Ordinal) };
            case FinishVector finish:
                var vector = new Proto.FinishVector { Stage = finish.Stage, Copy = finish.Copy, Ordinal = ToProto(finish.Ordinal) };
                vector.Channels.AddRange(finish.Channels);
                return new Proto.StreamInstruction { FinishVector = vector };
            case RunDigital run:
                return new Proto.StreamInstruction { RunDigital = Of(run.Stage, run.Row) };
            case SendRow send:
                return new Proto.StreamInstruction { SendRow = Of(send.Channel, send.Row) };
            case LoadRow load:
                return new Proto.StreamInstruction { LoadRow = Of(load.Value, load.Row) };
            case StoreRow store:
                return new Proto.StreamInstruction { StoreRow = Of(store.Value, store.Row) };
            default:
                throw new UnreachableException();
        }

        static Proto.Move Of(int index, Affine affine) => new() { Of = index, Index = ToProto(affine) };
    }

    private static ReadOnlyMemory<byte> BytesOf(IReadOnlyList<PlacedRowGroup> groups) =>
        new ArrayBytes<int>([.. groups.SelectMany(g => (int[])[g.Stage, g.Copy, g.Group, g.Core])]).Memory;

    private static ReadOnlyMemory<byte> BytesOf(IEnumerable<Channel> channels)
    {
        ChannelHop[] hops = [.. channels.SelectMany(c => c.Hops)];
        byte[] bytes = new byte[hops.Length * AimcFormat.HopBytes];
        for (int i = 0; i < hops.Length; i++)
        {
            var entry = bytes.AsSpan(i * AimcFormat.HopBytes);
            BinaryPrimitives.WriteInt32LittleEndian(entry, hops[i].Link);
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], hops[i].Chip);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], hops[i].Parent);
            BinaryPrimitives.WriteInt32LittleEndian(entry[12..], hops[i].Path);
            BinaryPrimitives.WriteInt64LittleEndian(entry[16..], hops[i].Bytes);
        }

        return bytes;
    }
}

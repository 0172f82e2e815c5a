using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Divides a program into manifest and sections. Sections are the program's own memory, not copies.</summary>
internal static class ManifestWriter
{
    public static (Proto.Manifest Manifest, IReadOnlyList<(SectionKind Kind, ReadOnlyMemory<byte> Bytes)> Sections) Divide(MappedProgram program)
    {
        var sections = new List<(SectionKind, ReadOnlyMemory<byte>)>();
        var manifest = new Proto.Manifest
        {
            Producer = program.Producer,
            ModelName = program.ModelName,
            ModelSha256 = program.ModelSha256,
            ChipJson = ChipReader.Write(program.Chip),
            Chips = program.Chips,
            ModelParameters = program.ModelParameters,
            SamplesAreIndependent = program.SamplesAreIndependent,
        };
        if (program.Calibration is { } calibration)
        {
            manifest.Calibration = calibration;
        }

        if (program.Preprocessing is { } preprocessing)
        {
            manifest.Preprocessing = preprocessing;
        }

        manifest.Inputs.AddRange(program.Inputs);
        manifest.Outputs.AddRange(program.Outputs);
        manifest.Values.AddRange(program.Values.Select(ToProto));
        manifest.Layers.AddRange(program.Layers.Select(layer => ToProto(layer, Add)));
        manifest.Partitions.AddRange(program.Partitions.Select(partition => ToProto(partition, Add)));
        manifest.Instructions.AddRange(program.Instructions.Select(ToProto));
        manifest.Nodes.AddRange(program.Nodes.Select(ToProto));
        manifest.FixedInputs.AddRange(program.Fixed.Select(ToProto));
        if (program.Schedule is { } schedule)
        {
            manifest.Schedule = ScheduleWriter.Divide(schedule, Add);
        }

        manifest.SegmentSchedules.AddRange(program.SegmentSchedules.Select(s => ScheduleWriter.Divide(s, Add)));
        manifest.SegmentBatch = program.SegmentBatch == 1 ? 0 : program.SegmentBatch;
        if (program.NotScheduled is { } reason)
        {
            manifest.NotScheduled = reason;
        }

        return (manifest, sections);

        uint Add(SectionKind kind, ReadOnlyMemory<byte> bytes)
        {
            sections.Add((kind, bytes));
            return (uint)(sections.Count - 1);
        }
    }

    private static Proto.Value ToProto(ProgramValue value)
    {
        var result = new Proto.Value { Name = value.Name, Type = (int)value.Type, Unranked = value.IsUnranked };
        result.Shape.AddRange(value.Shape);
        result.Nominal.AddRange(value.Nominal);
        return result;
    }

    private static Proto.FixedInput ToProto(FixedInput input)
    {
        var result = new Proto.FixedInput { Name = input.Name, Type = (int)input.Type, Text = input.Text };
        result.Shape.AddRange(input.Shape);
        return result;
    }

    private static Proto.KeptLines ToProto(KeptLines kept)
    {
        var result = new Proto.KeptLines { Total = kept.Total };
        result.Indices.AddRange(kept.Indices);
        return result;
    }

    private static Proto.Layer ToProto(MappedLayer layer, Func<SectionKind, ReadOnlyMemory<byte>, uint> add)
    {
        var result = new Proto.Layer
        {
            Name = layer.Name,
            Op = layer.Op,
            Input = layer.Input,
            Output = layer.Output,
            Groups = layer.Groups,
            Rows = layer.Rows,
            Columns = layer.Columns,
            Packing = EnumNames.Convert<Proto.Packing>(layer.Packing),
            Element = EnumNames.Convert<Proto.Element>(layer.Weights.Element),
            InputIsNonNegative = layer.InputIsNonNegative,
            NoiseKey = layer.NoiseKey,
            VectorsPerInference = layer.VectorsPerInference,
            Copies = layer.Copies,
            Segment = layer.Segment,
            IsPart = layer.IsPart,
            SampleAxis = layer.SampleAxis,
        };
        if (layer.KeptRows is { } rows)
        {
            result.KeptRows = ToProto(rows);
        }

        if (layer.KeptColumns is { } columns)
        {
            result.KeptColumns = ToProto(columns);
        }

        if (layer.SharesTilesOf is { } owner)
        {
            result.SharesTilesOf = owner;
        }
        else
        {
            result.SectionWeights = add(SectionKind.Weights, layer.Weights.Bytes);
            result.SectionScales = add(SectionKind.Scales, BytesOf(layer.Scales));
        }

        if (layer.Bias.Length > 0)
        {
            result.SectionBias = add(SectionKind.Bias, BytesOf(layer.Bias));
        }

        if (layer.SharesTilesOf is null)
        {
            result.SectionBlocks = add(SectionKind.Blocks, BytesOf(layer.Blocks));
        }

        if (layer.InputScale is { } scale)
        {
            result.InputScale = scale;
        }

        result.AdcRanges.AddRange(layer.AdcRanges);
        result.DrivenPulses.AddRange(layer.DrivenPulses);
        result.Centers.AddRange(layer.Centers);
        switch (layer.View)
        {
            case MatrixView view:
                result.Matrix = new Proto.MatrixView { InputAxis = view.InputAxis, OutputAxis = view.OutputAxis };
                break;
            case ConvolutionView view:
                result.Convolution = new Proto.ConvolutionView { AutoPad = (Proto.AutoPad)(int)view.AutoPad, Shifts = view.Shifts == 1 ? 0 : view.Shifts };
                result.Convolution.Kernel.AddRange(view.Kernel);
                result.Convolution.Strides.AddRange(view.Strides);
                result.Convolution.PadsBegin.AddRange(view.PadsBegin);
                result.Convolution.PadsEnd.AddRange(view.PadsEnd);
                result.Convolution.Dilations.AddRange(view.Dilations);
                break;
            default:
                throw new UnreachableException();
        }

        return result;
    }

    private static Proto.Partition ToProto(DigitalPartition partition, Func<SectionKind, ReadOnlyMemory<byte>, uint> add)
    {
        var result = new Proto.Partition
        {
            Name = partition.Name,
            SectionModel = add(SectionKind.Model, partition.Model),
            Operations = partition.Operations,
            IsThreadInvariant = partition.IsThreadInvariant,
        };
        result.SectionWeights.AddRange(partition.Weights.Select(w => add(SectionKind.ModelWeights, w)));
        result.Inputs.AddRange(partition.Inputs);
        result.Outputs.AddRange(partition.Outputs);
        return result;
    }

    private static Proto.Instruction ToProto(Instruction instruction) => instruction switch
    {
        MvmInstruction mvm => new Proto.Instruction { MvmLayer = mvm.Layer },
        DigitalInstruction digital => new Proto.Instruction { DigitalPartition = digital.Partition },
        LoopInstruction loop => new Proto.Instruction { Loop = ToProto(loop) },
        _ => throw new UnreachableException(),
    };

    private static Proto.Loop ToProto(LoopInstruction loop)
    {
        var result = new Proto.Loop
        {
            Name = loop.Name,
            Scanned = loop.Scanned,
            Slice = loop.Slice,
            IsReverse = loop.IsReverse,
            Collected = loop.Collected,
            Sequence = loop.Sequence,
        };
        if (loop.Step is { } step)
        {
            result.Step = step;
        }

        foreach (var state in loop.States)
        {
            var entry = new Proto.LoopState { Current = state.Current, Next = state.Next };
            if (state.Initial is { } initial)
            {
                entry.Initial = initial;
            }

            if (state.Final is { } final)
            {
                entry.Final = final;
            }

            result.States.Add(entry);
        }

        result.Body.AddRange(loop.Body.Select(ToProto));
        return result;
    }

    private static Proto.Node ToProto(NodePlacement node) => new()
    {
        Name = node.Name,
        Op = node.Op,
        Home = EnumNames.Convert<Proto.Home>(node.Home),
        Reason = EnumNames.Convert<Proto.Reason>(node.Reason),
        Parameters = node.Parameters,
        Macs = node.Macs,
        Layer = node.Layer,
        Detail = node.Detail,
    };

    private static ReadOnlyMemory<byte> BytesOf(ImmutableArray<float> values) =>
        new ArrayBytes<float>(ImmutableCollectionsMarshal.AsArray(values)!).Memory;

    private static ReadOnlyMemory<byte> BytesOf(ImmutableArray<Block> blocks)
    {
        int[] numbers =
        [
            .. blocks.SelectMany(b => (int[])
            [
                b.FirstGroup, b.Groups, b.RowBlock, b.RowStart, b.RowCount, b.ColumnStart, b.ColumnCount, b.Copy, b.Tile, b.TileRow, b.TileColumn,
            ]),
        ];
        return new ArrayBytes<int>(numbers).Memory;
    }
}

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using AimcCompiler.Core;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;

namespace AimcCompiler.Binary;

/// <summary>Puts a program together from manifest and sections. Checks the form; what the program means is <see cref="ProgramVerifier"/>'s to check.</summary>
internal sealed class ManifestReader(IReadOnlyList<(SectionKind Kind, ReadOnlyMemory<byte> Bytes)> sections, AimcLimits limits, uint version = AimcFormat.Version)
{
    private int _nextSection;

    /// <summary>Why a program of an older version has no schedule.</summary>
    private const string Older = "compiled before programs had schedules";

    /// <exception cref="InvalidIrException">The manifest is malformed or does not fit the sections.</exception>
    /// <exception cref="DiagnosticException">The chip description is invalid.</exception>
    public MappedProgram Read(ReadOnlySpan<byte> bytes)
    {
        int records = 0;
        CountRecords(bytes, Proto.Manifest.Descriptor, isTop: true, ref records);
        Proto.Manifest manifest = Parse(bytes);
        bool hasSchedules = version >= AimcFormat.FirstWithSchedule;
        if (!hasSchedules && (manifest.Schedule is not null || manifest.HasNotScheduled))
        {
            throw new InvalidIrException($"a file of version {version} says something of a schedule");
        }

        if (version < AimcFormat.FirstWithSegments && (manifest.SegmentSchedules.Count > 0 || manifest.SegmentBatch != 0 || manifest.Layers.Any(l => l.Segment != 0 || l.IsPart)))
        {
            throw new InvalidIrException($"a file of version {version} says something of segments");
        }

        if (version < AimcFormat.FirstWithShifts
            && (manifest.Layers.Any(l => l.Convolution is { Shifts: not 0 }) || manifest.Schedule?.Stages.Any(s => s.Matrix is { Alternatives.Count: > 0 }) == true))
        {
            throw new InvalidIrException($"a file of version {version} says something of shifts");
        }

        var program = new MappedProgram
        {
            Producer = manifest.Producer,
            ModelName = manifest.ModelName,
            ModelSha256 = manifest.ModelSha256,
            Chip = ChipReader.Parse(Encoding.UTF8.GetBytes(manifest.ChipJson), "chip description", fillsMissing: version < AimcFormat.FirstWithWholeChip),
            Chips = manifest.Chips,
            Values = [.. manifest.Values.Select(v => new ProgramValue(v.Name, (TensorType)v.Type, [.. v.Shape]) { Nominal = [.. v.Nominal], IsUnranked = v.Unranked })],
            Inputs = [.. manifest.Inputs],
            Outputs = [.. manifest.Outputs],
            Layers = ToLayers(manifest.Layers),
            Partitions = [.. manifest.Partitions.Select(ToPartition)],
            Instructions = [.. manifest.Instructions.Select((instruction, index) => ToInstruction(instruction, index, isInLoop: false))],
            Nodes = [.. manifest.Nodes.Select(ToNode)],
            ModelParameters = manifest.ModelParameters,
            Calibration = manifest.HasCalibration ? manifest.Calibration : null,
            Preprocessing = manifest.HasPreprocessing ? manifest.Preprocessing : null,
            Fixed = [.. manifest.FixedInputs.Select(f => new FixedInput(f.Name, (TensorType)f.Type, [.. f.Shape], f.Text))],
            SamplesAreIndependent = manifest.SamplesAreIndependent,
            SegmentBatch = manifest.SegmentBatch == 0 ? 1 : manifest.SegmentBatch == 1 ? throw new InvalidIrException("a segment batch of 1 is not written") : manifest.SegmentBatch,
        };
        program = program with
        {
            Schedule = manifest.Schedule is { } schedule ? ScheduleReader.Read(schedule, program.Layers, program.Chips, Section) : null,
            SegmentSchedules = [.. manifest.SegmentSchedules.Select(s => ScheduleReader.Read(s, program.Layers, program.Chips, Section))],
            NotScheduled = hasSchedules ? manifest.HasNotScheduled ? manifest.NotScheduled : null : Older,
        };
        return _nextSection == sections.Count
            ? program
            : throw new InvalidIrException($"section {_nextSection} of {sections.Count} belongs to nothing");
    }

    /// <summary>An empty record takes 2 bytes of the file and some hundred of memory, so they are counted before they are made: the fields of the manifest, and all messages in its
    /// schedule.</summary>
    private void CountRecords(ReadOnlySpan<byte> bytes, MessageDescriptor message, bool isTop, ref int records)
    {
        const ulong LengthDelimited = 2;
        while (!bytes.IsEmpty)
        {
            ulong tag = Varint(ref bytes);
            var field = tag >> 3 <= int.MaxValue ? message.FindFieldByNumber((int)(tag >> 3)) : null;
            bool isMessage = field?.FieldType == FieldType.Message;
            if ((isTop || isMessage) && ++records > limits.Records)
            {
                throw new InvalidIrException($"the manifest has over {limits.Records} records");
            }

            switch (tag & 7)
            {
                case LengthDelimited:
                    ulong size = Varint(ref bytes);
                    if (size > (ulong)bytes.Length)
                    {
                        throw new InvalidIrException("the manifest ends inside a record");
                    }

                    if (isMessage && (!isTop || field!.MessageType == Proto.Schedule.Descriptor))
                    {
                        // A loop holds no loop: nothing of a schedule is deeper than an instruction's parts.
                        if (message == Proto.Repeat.Descriptor && IsLoop(bytes[..(int)size]))
                        {
                            throw new InvalidIrException("a stream has a loop in a loop");
                        }

                        CountRecords(bytes[..(int)size], field!.MessageType, isTop: false, ref records);
                    }

                    bytes = bytes[(int)size..];
                    break;
                case 0:
                    Varint(ref bytes);
                    break;
                case 1 when !isTop:
                    bytes = bytes.Length >= sizeof(double) ? bytes[sizeof(double)..] : throw new InvalidIrException("the manifest ends inside a number");
                    break;
                default:
                    throw new InvalidIrException($"the manifest has a field of wire type {tag & 7}");
            }
        }
    }

    /// <summary>The first field of an instruction is a loop.</summary>
    private static bool IsLoop(ReadOnlySpan<byte> instruction) => !instruction.IsEmpty && Varint(ref instruction) >> 3 == Proto.StreamInstruction.RepeatFieldNumber;

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < 10 && i < bytes.Length; i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }

        throw new InvalidIrException("the manifest ends inside a number");
    }

    private static Proto.Manifest Parse(ReadOnlySpan<byte> bytes)
    {
        Proto.Manifest manifest;
        try
        {
            manifest = Proto.Manifest.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Malformed input has been seen to end in other exceptions than InvalidProtocolBufferException.
            throw new InvalidIrException($"the manifest is not a valid protobuf message: {e.Message}");
        }

        // Refuses at once: unknown fields, fields given twice or out of order, invalid UTF-8, overlong numbers.
        return manifest.CalculateSize() == bytes.Length && bytes.SequenceEqual(manifest.ToByteArray())
            ? manifest
            : throw new InvalidIrException("the manifest is not in canonical form");
    }

    private ImmutableArray<MappedLayer> ToLayers(RepeatedField<Proto.Layer> layers)
    {
        var result = ImmutableArray.CreateBuilder<MappedLayer>(layers.Count);
        foreach (Proto.Layer layer in layers)
        {
            MappedLayer? owner = null;
            if (layer.HasSharesTilesOf)
            {
                owner = layer.SharesTilesOf >= 0 && layer.SharesTilesOf < result.Count
                    ? result[layer.SharesTilesOf]
                    : throw new InvalidIrException($"layer {Quoted.Of(layer.Name)} shares the tiles of layer {layer.SharesTilesOf}, which does not come before it");
            }

            result.Add(ToLayer(layer, owner));
        }

        return result.ToImmutable();
    }

    private MappedLayer ToLayer(Proto.Layer layer, MappedLayer? owner)
    {
        string name = Quoted.Of(layer.Name);
        return new MappedLayer
        {
            Name = layer.Name,
            Op = layer.Op,
            Input = layer.Input,
            Output = layer.Output,
            View = ToView(layer),
            Groups = layer.Groups,
            Rows = layer.Rows,
            Columns = layer.Columns,
            KeptRows = layer.KeptRows is { } rows ? new KeptLines(rows.Total, [.. rows.Indices]) : null,
            KeptColumns = layer.KeptColumns is { } columns ? new KeptLines(columns.Total, [.. columns.Indices]) : null,
            Packing = EnumNames.Convert<DepthwisePolicy>(layer.Packing),
            SharesTilesOf = layer.HasSharesTilesOf ? layer.SharesTilesOf : null,
            SampleAxis = layer.SampleAxis,
            Weights = owner?.Weights ?? new WeightSection(
                EnumNames.Convert<WeightElement>(layer.Element), Section(layer.SectionWeights, SectionKind.Weights, $"weights of layer {name}")),
            Scales = owner?.Scales ?? ToFloats(Section(layer.SectionScales, SectionKind.Scales, $"scales of layer {name}")),
            Bias = layer.HasSectionBias ? ToFloats(Section(layer.SectionBias, SectionKind.Bias, $"bias of layer {name}")) : [],
            Blocks = owner?.Blocks ?? ToBlocks(Section(layer.SectionBlocks, SectionKind.Blocks, $"blocks of layer {name}")),
            InputIsNonNegative = layer.InputIsNonNegative,
            NoiseKey = layer.NoiseKey,
            InputScale = layer.HasInputScale ? layer.InputScale : null,
            AdcRanges = [.. layer.AdcRanges],
            DrivenPulses = [.. layer.DrivenPulses],
            Centers = [.. layer.Centers],
            VectorsPerInference = layer.VectorsPerInference,
            Copies = layer.Copies,
            Segment = layer.Segment,
            IsPart = layer.IsPart,
        };
    }

    private static InputView ToView(Proto.Layer layer) => layer.ViewCase switch
    {
        Proto.Layer.ViewOneofCase.Matrix => new MatrixView(layer.Matrix.InputAxis, layer.Matrix.OutputAxis),
        Proto.Layer.ViewOneofCase.Convolution => new ConvolutionView(
            Array(layer.Convolution.Kernel),
            Array(layer.Convolution.Strides),
            Array(layer.Convolution.PadsBegin),
            Array(layer.Convolution.PadsEnd),
            Array(layer.Convolution.Dilations),
            Enum.IsDefined((AutoPad)(int)layer.Convolution.AutoPad)
                ? (AutoPad)(int)layer.Convolution.AutoPad
                : throw new InvalidIrException($"layer {Quoted.Of(layer.Name)} has the unknown automatic pads {(int)layer.Convolution.AutoPad}"))
        {
            Shifts = layer.Convolution.Shifts == 0 ? 1 : layer.Convolution.Shifts,
        },
        _ => throw new InvalidIrException($"layer {Quoted.Of(layer.Name)} has no view of its input"),
    };

    private DigitalPartition ToPartition(Proto.Partition partition) => new()
    {
        Name = partition.Name,
        Model = Section(partition.SectionModel, SectionKind.Model, $"model of partition {Quoted.Of(partition.Name)}"),
        Weights = [.. partition.SectionWeights.Select(s => Section(s, SectionKind.ModelWeights, $"weights of partition {Quoted.Of(partition.Name)}"))],
        Inputs = Array(partition.Inputs),
        Outputs = Array(partition.Outputs),
        Operations = partition.Operations,
        IsThreadInvariant = partition.IsThreadInvariant,
    };

    private static Instruction ToInstruction(Proto.Instruction instruction, int index, bool isInLoop) => instruction.StepCase switch
    {
        Proto.Instruction.StepOneofCase.MvmLayer => new MvmInstruction(instruction.MvmLayer),
        Proto.Instruction.StepOneofCase.DigitalPartition => new DigitalInstruction(instruction.DigitalPartition),
        Proto.Instruction.StepOneofCase.Loop when !isInLoop => ToLoop(instruction.Loop, index),
        Proto.Instruction.StepOneofCase.Loop => throw new InvalidIrException($"instruction {index} is a loop in a loop"),
        _ => throw new InvalidIrException($"instruction {index} does nothing"),
    };

    private static LoopInstruction ToLoop(Proto.Loop loop, int index) => new()
    {
        Name = loop.Name,
        Scanned = loop.Scanned,
        Slice = loop.Slice,
        IsReverse = loop.IsReverse,
        Step = loop.HasStep ? loop.Step : null,
        States = [.. loop.States.Select(s => new LoopState(s.HasInitial ? s.Initial : null, s.Current, s.Next, s.HasFinal ? s.Final : null))],
        Collected = loop.Collected,
        Sequence = loop.Sequence,
        Body = [.. loop.Body.Select(i => ToInstruction(i, index, isInLoop: true))],
    };

    private static NodePlacement ToNode(Proto.Node node) => new(
        node.Name,
        node.Op,
        EnumNames.Convert<Home>(node.Home),
        EnumNames.Convert<FallbackReason>(node.Reason),
        node.Parameters,
        node.Macs,
        node.Layer,
        node.Detail);

    /// <summary>Sections are used in their order, each once.</summary>
    private ReadOnlyMemory<byte> Section(uint index, SectionKind kind, string what)
    {
        if (index != _nextSection || index >= sections.Count)
        {
            throw new InvalidIrException($"the {what} are in section {index}, but section {_nextSection} of {sections.Count} is next");
        }

        _nextSection++;
        var (actual, bytes) = sections[(int)index];
        return actual == kind ? bytes : throw new InvalidIrException($"the {what} are in section {index}, which is of kind {(uint)actual}, not {(uint)kind}");
    }

    private static ImmutableArray<float> ToFloats(ReadOnlyMemory<byte> bytes) => bytes.Length % sizeof(float) == 0
        ? [.. MemoryMarshal.Cast<byte, float>(bytes.Span)]
        : throw new InvalidIrException($"a section of {bytes.Length} bytes does not hold whole float32 numbers");

    private static ImmutableArray<Block> ToBlocks(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length % AimcFormat.BlockBytes != 0)
        {
            throw new InvalidIrException($"a section of {bytes.Length} bytes does not hold whole blocks of {AimcFormat.BlockBytes} bytes");
        }

        ReadOnlySpan<int> numbers = MemoryMarshal.Cast<byte, int>(bytes.Span);
        var blocks = ImmutableArray.CreateBuilder<Block>(bytes.Length / AimcFormat.BlockBytes);
        for (; !numbers.IsEmpty; numbers = numbers[11..])
        {
            blocks.Add(new Block
            {
                FirstGroup = numbers[0],
                Groups = numbers[1],
                RowBlock = numbers[2],
                RowStart = numbers[3],
                RowCount = numbers[4],
                ColumnStart = numbers[5],
                ColumnCount = numbers[6],
                Copy = numbers[7],
                Tile = numbers[8],
                TileRow = numbers[9],
                TileColumn = numbers[10],
            });
        }

        return blocks.MoveToImmutable();
    }

    private static ImmutableArray<int> Array(RepeatedField<int> numbers) => [.. numbers];
}

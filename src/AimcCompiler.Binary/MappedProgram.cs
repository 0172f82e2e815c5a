using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>A compiled network: what stands on which tile, what runs in which order. The content of an .aimc file (docs/aimc-format.md).</summary>
/// <remarks>Immutable. The reader guarantees every invariant of <see cref="ProgramVerifier"/>; the runtime relies on them.</remarks>
public sealed record MappedProgram
{
    /// <summary>Tool and version that wrote the program.</summary>
    public required string Producer { get; init; }

    /// <summary>File name of the model, without folder.</summary>
    public required string ModelName { get; init; }

    /// <summary>SHA-256 of the model file, lower-case hexadecimal.</summary>
    public required string ModelSha256 { get; init; }

    public required ChipDescription Chip { get; init; }

    /// <summary>Identical chips that the program occupies, at least 1.</summary>
    public required int Chips { get; init; }

    /// <summary>Every tensor that passes between instructions, the model's inputs and outputs included. An instruction names a value by its index here.</summary>
    public required ImmutableArray<ProgramValue> Values { get; init; }

    public required ImmutableArray<int> Inputs { get; init; }

    public required ImmutableArray<int> Outputs { get; init; }

    public required ImmutableArray<MappedLayer> Layers { get; init; }

    public required ImmutableArray<DigitalPartition> Partitions { get; init; }

    /// <summary>In execution order: every value is written before it is read, once.</summary>
    public required ImmutableArray<Instruction> Instructions { get; init; }

    /// <summary>Every node of the model with its home, in the order of the model file.</summary>
    public required ImmutableArray<NodePlacement> Nodes { get; init; }

    /// <summary>Floating-point and quantised initializer elements of the model as given, before folding.</summary>
    public required long ModelParameters { get; init; }

    /// <summary>How inputs were calibrated ("max", "quantile 0.99995"), or null when they were not.</summary>
    public required string? Calibration { get; init; }

    /// <summary>How stored values become the inputs, as the compile took it: the JSON object of a preprocessing file (docs/data.md); null = they are the inputs.</summary>
    public string? Preprocessing { get; init; }

    /// <summary>Inputs of the model that are constants of the program, for comparison with the model.</summary>
    public ImmutableArray<FixedInput> Fixed { get; init; } = [];

    /// <summary>How it runs on its cores, row by row; null = <see cref="NotScheduled"/> says why not.</summary>
    public ProgramSchedule? Schedule { get; init; }

    /// <summary>Why there is no schedule; null = there is one.</summary>
    public string? NotScheduled { get; init; }

    /// <summary>How each segment runs, where there are several: then <see cref="Schedule"/> is null. Empty = one segment, or <see cref="NotScheduled"/>.</summary>
    public ImmutableArray<ProgramSchedule> SegmentSchedules { get; init; } = [];

    /// <summary>That of the whole, or those of its segments; empty = <see cref="NotScheduled"/>.</summary>
    public ImmutableArray<ProgramSchedule> Schedules => Schedule is { } whole ? [whole] : SegmentSchedules;

    /// <summary>Inferences that pass a segment before the next is loaded.</summary>
    public int SegmentBatch { get; init; } = 1;

    /// <summary>How often tiles are loaded for one batch; 1 = everything is on them at once.</summary>
    public int Segments => Layers.IsEmpty ? 1 : Layers.Max(l => l.Segment) + 1;

    /// <summary>The segment of each instruction: that of its layer; digital work belongs to the layer before it.</summary>
    public ImmutableArray<int> SegmentOfInstructions()
    {
        var segments = ImmutableArray.CreateBuilder<int>(Instructions.Length);
        int segment = 0;
        foreach (var instruction in Instructions)
        {
            segment = (instruction is LoopInstruction loop ? loop.Body : [instruction]).OfType<MvmInstruction>().Select(m => Layers[m.Layer].Segment).LastOrDefault(segment);
            segments.Add(segment);
        }

        return segments.MoveToImmutable();
    }

    /// <summary>The compiler proved that the samples of a batch do not meet: any number of them can run together.</summary>
    public bool SamplesAreIndependent { get; init; }

    /// <summary>The batch that every input fixes; null = open.</summary>
    public int? FixedBatch =>
        Inputs.Select(i => Values[i].Shape is [var batch, ..] ? batch : 1).Distinct().ToArray() is [> 0 and var only] ? (int)only : null;

    /// <summary>How samples go through the program.</summary>
    public BatchMode Batch => SamplesAreIndependent ? BatchMode.Free : FixedBatch is not null ? BatchMode.Fixed : BatchMode.OneByOne;
}

/// <summary>How the samples of a data set go through a program.</summary>
public enum BatchMode
{
    /// <summary>Any number together: the compiler proved that they do not meet.</summary>
    Free,

    /// <summary>As many together as the model fixes.</summary>
    Fixed,

    /// <summary>One after another: the model leaves its batch open, and nothing proves that samples do not meet.</summary>
    OneByOne,
}

/// <param name="Name">The ONNX value name.</param>
/// <param name="Type">Undefined for sequences and other non-tensors.</param>
/// <param name="Shape">The shape; -1 = known only at run time.</param>
public sealed record ProgramValue(string Name, TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Of an input with open dimensions: the shape that the compile ran with; else empty.</summary>
    public ImmutableArray<long> Nominal { get; init; } = [];

    /// <summary>Not even the rank is known; <see cref="Shape"/> is empty then.</summary>
    public bool IsUnranked { get; init; }
}

/// <summary>One constant-weight MVM of the model and the blocks that hold its weights.</summary>
public sealed record MappedLayer
{
    /// <summary>Name of the ONNX node (unique within the program).</summary>
    public required string Name { get; init; }

    /// <summary>Keys the layer's noise: the index of its node in the model file, below 2^20, so that no option or placement changes the draws.</summary>
    public required int NoiseKey { get; init; }

    /// <summary>An earlier layer whose tiles, weights and scales this one uses: the same matrix multiplies several activations. Null = it has its own.</summary>
    public int? SharesTilesOf { get; init; }

    /// <summary>The axis of the input that counts samples; it names the reads.</summary>
    public int SampleAxis { get; init; }

    /// <summary>The model's operator.</summary>
    public required string Op { get; init; }

    public required int Input { get; init; }

    public required int Output { get; init; }

    public required InputView View { get; init; }

    /// <summary>Independent weight matrices: 1, or the groups of a grouped convolution.</summary>
    public required int Groups { get; init; }

    /// <summary>K: inputs of one group's matrix.</summary>
    public required int Rows { get; init; }

    /// <summary>N: outputs of one group's matrix.</summary>
    public required int Columns { get; init; }

    /// <summary>The rows of the model's matrix that these are; null = all. A vector's other elements meet zeros alone.</summary>
    public KeptLines? KeptRows { get; init; }

    /// <summary>The columns of the model's matrix that these are; null = all. What the model has at another is the bias.</summary>
    public KeptLines? KeptColumns { get; init; }

    /// <summary>Inputs of one group of the model's matrix: what the view counts.</summary>
    public int ModelRows => KeptRows?.Total ?? Rows;

    /// <summary>Outputs of one group of the model's matrix.</summary>
    public int ModelColumns => KeptColumns?.Total ?? Columns;

    /// <summary>How the groups share tiles; Digital means: each group has its own.</summary>
    public required DepthwisePolicy Packing { get; init; }

    /// <summary>Groups x K x N codes (their distances from <see cref="Centers"/>, where there are any) or analog contents u, row-major.</summary>
    public required WeightSection Weights { get; init; }

    /// <summary>Groups x N codes that the digital side multiplies with the sum of input codes; empty without <see cref="SignEncoding.CenterOffset"/>.</summary>
    public ImmutableArray<int> Centers { get; init; } = [];

    /// <summary>The code of a weight, its center included.</summary>
    public int Code(int index) => Weights.Code(index) + (Centers.IsEmpty ? 0 : Centers[(index / (Rows * Columns) * Columns) + (index % Columns)]);

    /// <summary>w = scale * code / MaxCode (or scale * u): one for the matrix, or Groups x N.</summary>
    public required ImmutableArray<float> Scales { get; init; }

    /// <summary>Groups x <see cref="ModelColumns"/>, or empty.</summary>
    public required ImmutableArray<float> Bias { get; init; }

    /// <summary>The compiler proved the input non-negative.</summary>
    public required bool InputIsNonNegative { get; init; }

    /// <summary>x = scale * code / MaxCode; null = not calibrated.</summary>
    public required float? InputScale { get; init; }

    /// <summary>Full scale of a calibrated ADC per slice, in units of one full-scale cell at full-scale pulse; empty = not calibrated or not of that kind.</summary>
    public required ImmutableArray<float> AdcRanges { get; init; }

    public required ImmutableArray<Block> Blocks { get; init; }

    /// <summary>On a chip that skips zero pulses: how many pulses of an MVM are not zero for all rows, the average of calibration samples, one for each block of a copy; empty = not measured.</summary>
    public ImmutableArray<float> DrivenPulses { get; init; } = [];

    /// <summary>Of the block that has the most; null = not measured.</summary>
    public double? LongestPulses => DrivenPulses.IsEmpty ? null : DrivenPulses.Max();

    /// <summary>Of all blocks; null = not measured.</summary>
    public double? MeanPulses => DrivenPulses.IsEmpty ? null : DrivenPulses.Average();

    /// <summary>Input vectors of one inference: output pixels of a convolution, each of which goes through every group.</summary>
    public required long VectorsPerInference { get; init; }

    /// <summary>Copies that take vectors in turn.</summary>
    public required int Copies { get; init; }

    /// <summary>Other layers have the rows and columns of the model's matrix that this one lacks, and what they write is added; else those hold zeros alone.</summary>
    public bool IsPart { get; init; }

    /// <summary>When it is on the tiles: segments are loaded one after the other.</summary>
    public int Segment { get; init; }
}

/// <summary>A part of a layer's weights that stands on one tile.</summary>
public sealed record Block
{
    public required int FirstGroup { get; init; }

    /// <summary>Groups that stand block-diagonally in this block; 1 unless packed.</summary>
    public required int Groups { get; init; }

    /// <summary>Which of the row blocks of its group this is.</summary>
    public required int RowBlock { get; init; }

    /// <summary>First row of the group's matrix.</summary>
    public required int RowStart { get; init; }

    /// <summary>Rows of each group's matrix.</summary>
    public required int RowCount { get; init; }

    public required int ColumnStart { get; init; }

    /// <summary>Columns of each group's matrix.</summary>
    public required int ColumnCount { get; init; }

    public required int Copy { get; init; }

    /// <summary>Global tile index: (chip * cores + core) * tiles per core + tile.</summary>
    public required int Tile { get; init; }

    /// <summary>First physical row on the tile.</summary>
    public required int TileRow { get; init; }

    /// <summary>First physical column on the tile.</summary>
    public required int TileColumn { get; init; }

    /// <summary>Rows driven together: RowCount for each of the groups.</summary>
    public int Rows => Groups * RowCount;

    public int Columns => Groups * ColumnCount;
}

/// <summary>Nodes that run digitally, as an ONNX model of their own.</summary>
public sealed record DigitalPartition
{
    public required string Name { get; init; }

    /// <summary>Serialized ONNX ModelProto; its input and output names are the values' names.</summary>
    public required ReadOnlyMemory<byte> Model { get; init; }

    /// <summary>Joined, the bytes of the file "weights" that external data of the model name; none where the model holds all its data.</summary>
    public ImmutableArray<ReadOnlyMemory<byte>> Weights { get; init; } = [];

    public required ImmutableArray<int> Inputs { get; init; }

    public required ImmutableArray<int> Outputs { get; init; }

    /// <summary>Scalar operations of one inference, for the estimate of digital time and energy.</summary>
    public required long Operations { get; init; }

    /// <summary>Its operators make every output element alone and in one order: any number of threads gives the same bits.</summary>
    public bool IsThreadInvariant { get; init; }
}

/// <summary>One step of a program. A closed hierarchy.</summary>
public abstract record Instruction
{
    private protected Instruction()
    {
    }
}

/// <summary>Runs all vectors of a layer through its tiles.</summary>
public sealed record MvmInstruction(int Layer) : Instruction;

/// <summary>Runs a digital partition.</summary>
public sealed record DigitalInstruction(int Partition) : Instruction;

/// <summary>Runs a body once for every slice of a value along its first axis: the recurrence of LSTM, GRU and RNN. Values that the body reads and writes are named as any
/// others; slice, step, current states and what the body writes exist only while it runs.</summary>
public sealed record LoopInstruction : Instruction
{
    public required string Name { get; init; }

    /// <summary>The value that is cut, [time, batch, ...].</summary>
    public required int Scanned { get; init; }

    /// <summary>A slice of it, [batch, ...].</summary>
    public required int Slice { get; init; }

    /// <summary>The last slice comes first.</summary>
    public required bool IsReverse { get; init; }

    /// <summary>The number of the slice, a scalar of 64 bits; null = not needed.</summary>
    public required int? Step { get; init; }

    public required ImmutableArray<LoopState> States { get; init; }

    /// <summary>What the body writes for every slice.</summary>
    public required int Collected { get; init; }

    /// <summary>All of it, [time, batch, ...].</summary>
    public required int Sequence { get; init; }

    /// <summary>MVM and digital instructions, in order.</summary>
    public required ImmutableArray<Instruction> Body { get; init; }
}

/// <summary>A value that one round of a loop hands to the next.</summary>
/// <param name="Initial">What the first round sees; null = zeros.</param>
/// <param name="Current">What a round reads.</param>
/// <param name="Next">What it writes.</param>
/// <param name="Final">Takes what is left at the end; null = not wanted.</param>
public sealed record LoopState(int? Initial, int Current, int Next, int? Final);

/// <param name="Name">Node name as in the model, or its first output where it has none.</param>
/// <param name="Op">Operator, with its domain when it is not ONNX's own.</param>
/// <param name="Home">Where it runs.</param>
/// <param name="Reason">Why it is not on tiles.</param>
/// <param name="Parameters">Weight elements the node reads from initializers.</param>
/// <param name="Macs">Multiply-accumulates of one inference, for MVM operators.</param>
/// <param name="Layer">Index of its layer, or -1.</param>
/// <param name="Detail">The reason in the words of what objected, or empty.</param>
public sealed record NodePlacement(string Name, string Op, Home Home, FallbackReason Reason, long Parameters, long Macs, int Layer, string Detail = "");

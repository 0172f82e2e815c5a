using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>A program of one layer on any chip, without an ONNX file: codes or contents as given, or float weights through the passes.</summary>
internal sealed record LayerSpec(ChipDescription Chip, int Rows, int Columns)
{
    public int Groups { get; init; } = 1;

    /// <summary>Groups x rows x columns signed codes, for chips with levels.</summary>
    public int[]? Codes { get; init; }

    /// <summary>Groups x rows x columns in [-1, 1], for chips with analog cells.</summary>
    public float[]? Contents { get; init; }

    /// <summary>Real weights: scale and codes as the compiler makes them.</summary>
    public float[]? Weights { get; init; }

    public ImmutableArray<float> Scales { get; init; } = [1];

    public ImmutableArray<float> Bias { get; init; } = [];

    public InputView View { get; init; } = new MatrixView(-1, -1);

    public ImmutableArray<long> InputShape { get; init; }

    public ImmutableArray<long> OutputShape { get; init; }

    public bool IsNonNegative { get; init; }

    public float? InputScale { get; init; } = 1;

    public ImmutableArray<float> AdcRanges { get; init; } = [];

    public DepthwisePolicy Packing { get; init; } = DepthwisePolicy.Digital;

    public int Copies { get; init; } = 1;

    /// <summary>Physical rows and columns by which every block is moved on its tile.</summary>
    public int TileOffset { get; init; }

    /// <summary>Tiles before the first.</summary>
    public int FirstTile { get; init; }

    /// <summary>Whether zeros take cells.</summary>
    public ZeroPolicy Zeros { get; init; } = ZeroPolicy.Program;

    public MappedProgram Program()
    {
        var quantized = Weights is not null
            ? QuantizeWeights.Quantize(new FloatMatrix(Groups, Rows, Columns, Weights), Chip.Tile.Weights)
            : new QuantizedMatrix(Groups, Rows, Columns, Scales, Codes is null ? null : Array.ConvertAll(Codes, c => (short)c), Contents);
        var shifts = View as ConvolutionView;
        quantized = shifts?.Shifts > 1 ? ShiftKernels.Shifted(quantized, shifts) : quantized;
        quantized = Zeros == ZeroPolicy.Skip ? SkipZeros.Without(quantized) : quantized;
        var encoding = WeightEncoding.Of(Chip.Tile);
        EncodedMatrix encoded = new(quantized, encoding) { Centers = encoding.HasCenters ? Encode.Centers(quantized, encoding) : [] };
        SlicedMatrix sliced = new(encoded);
        TileGeometry geometry = new(Chip.Tile);
        var split = SplitWeights.Split(sliced, Packing, geometry, Zeros);
        int tiles = split.Blocks.Max(b => b.Bundle) + 1;
        var program = new MappedProgram
        {
            Producer = "test",
            ModelName = "layer.onnx",
            ModelSha256 = new string('0', 64),
            Chip = Chip,
            Chips = 1,
            Values =
            [
                new ProgramValue("x", TensorType.Float, InputShape.IsDefault ? [-1, Rows] : InputShape),
                new ProgramValue("y", TensorType.Float, OutputShape.IsDefault ? [-1, Columns] : OutputShape),
            ],
            Inputs = [0],
            Outputs = [1],
            Layers =
            [
                new MappedLayer
                {
                    Name = "layer",
                    NoiseKey = 3,
                    Op = View is MatrixView ? "MatMul" : "Conv",
                    Input = 0,
                    Output = 1,
                    View = View,
                    Groups = Groups,
                    Rows = quantized.Rows,
                    Columns = quantized.Columns,
                    KeptRows = quantized.KeptRows,
                    KeptColumns = quantized.KeptColumns,
                    Packing = split.Packing,
                    Weights = quantized.Contents is { } contents ? WeightSection.Of(contents)
                        : encoding.HasCenters ? WeightSection.Of([.. quantized.Codes!.Select((_, i) => (short)encoded.InCells(i))])
                        : Chip.Tile.Weights.Bits <= 8 ? WeightSection.Of(Array.ConvertAll(quantized.Codes!, c => (sbyte)c))
                        : WeightSection.Of(quantized.Codes!),
                    Centers = encoded.Centers,
                    Scales = quantized.Scales,
                    Bias = shifts?.Shifts > 1 && !Bias.IsEmpty ? ShiftKernels.Repeated(Bias, Columns, shifts.Shifts) : Bias,
                    InputIsNonNegative = IsNonNegative,
                    InputScale = InputScale,
                    AdcRanges = AdcRanges,
                    Blocks =
                    [
                        .. Enumerable.Range(0, Copies).SelectMany(copy => split.Blocks.Select(b => new Block
                        {
                            FirstGroup = b.FirstGroup,
                            Groups = b.Groups,
                            RowBlock = b.RowBlock,
                            RowStart = b.RowStart,
                            RowCount = b.RowCount,
                            ColumnStart = b.ColumnStart,
                            ColumnCount = b.ColumnCount,
                            Copy = copy,
                            Tile = FirstTile + (copy * tiles) + b.Bundle,
                            TileRow = TileOffset,
                            TileColumn = TileOffset + (b.BundleColumn * geometry.PhysicalColumnsPerWeight),
                        })),
                    ],
                    VectorsPerInference = shifts?.Shifts > 1 ? shifts.VectorsOf(OutputShape[^1]) : 1,
                    Copies = Copies,
                },
            ],
            Partitions = [],
            Instructions = [new MvmInstruction(0)],
            Nodes = [new NodePlacement("layer", "MatMul", Home.Analog, FallbackReason.None, Groups * Rows * Columns, Groups * Rows * Columns, 0)],
            ModelParameters = Groups * Rows * Columns,
            Calibration = null,
        };
        ProgramVerifier.Verify(program);
        return program;
    }

    /// <summary>The layer alone, without a session.</summary>
    public float[] Run(float[] input, SimulationOptions options, LayerPath? path = null, long firstSample = 0) =>
        Executor(options, path).Run(Batch(input), input.Length / (Groups * Rows), firstSample).Floats;

    /// <summary>One vector a sample.</summary>
    public Tensor Batch(float[] input)
    {
        int inputs = Groups * Rows;
        return View is MatrixView
            ? Tensor.FromFloats(input, input.Length / inputs, inputs)
            : Tensor.FromFloats(input, input.Length / inputs, inputs, 1);
    }

    /// <summary>Independent matrices side by side: a convolution with a kernel of one.</summary>
    public LayerSpec Grouped(int groups, DepthwisePolicy packing) => this with
    {
        Groups = groups,
        Packing = packing,
        View = new ConvolutionView([1], [1], [0], [0], [1]),
        InputShape = [-1, groups * Rows, 1],
        OutputShape = [-1, groups * Columns, 1],
    };

    public LayerExecutor Executor(SimulationOptions options, LayerPath? path = null) => Executor(Program(), options, path);

    public static LayerExecutor Executor(MappedProgram program, SimulationOptions options, LayerPath? path = null) =>
        new(program, 0, DeviceModel.Create(program.Chip.Tile.Cell, program.Chip.Tile.Noise.Read), options, path);
}

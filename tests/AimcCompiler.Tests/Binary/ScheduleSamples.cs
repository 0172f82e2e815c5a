using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Tests.Digital;

namespace AimcCompiler.Tests.Binary;

/// <summary>A program of two convolutions with a Relu between them on the preset tiny, with its schedule written by hand: two copies of each layer, cut over two cores, partial sums
/// in both directions, a row of the Relu for every row of the first convolution.</summary>
internal static class ScheduleSamples
{
    private const int X = 0;
    private const int First = 1;
    private const int Rectified = 2;
    private const int Y = 3;

    /// <summary>x [N, 1, 6, 6] -> conv1 2x2 -> [N, 2, 5, 5] -> Relu -> conv2 3x3 -> y [N, 2, 3, 3].</summary>
    public static MappedProgram Tiny() => SampleProgram.Tiny() with
    {
        Values =
        [
            new ProgramValue("x", TensorType.Float, [-1, 1, 6, 6]),
            new ProgramValue("conv1_out", TensorType.Float, [-1, 2, 5, 5]),
            new ProgramValue("relu_out", TensorType.Float, [-1, 2, 5, 5]),
            new ProgramValue("y", TensorType.Float, [-1, 2, 3, 3]),
        ],
        Inputs = [0],
        Outputs = [3],
        Layers = [FirstConvolution(), SecondConvolution()],
        Partitions =
        [
            new DigitalPartition
            {
                Name = "digital0",
                Model = TinyOnnx.Model(
                    [TinyOnnx.Node("Relu", ["conv1_out"], ["relu_out"])],
                    [TinyOnnx.Port("conv1_out", TinyOnnx.TensorType(1, "N", 2, 5, 5))],
                    [TinyOnnx.Port("relu_out", TinyOnnx.TensorType(1, "N", 2, 5, 5))]),
                Inputs = [1],
                Outputs = [2],
                Operations = 50,
            },
        ],
        Instructions = [new MvmInstruction(0), new DigitalInstruction(0), new MvmInstruction(1)],
        Nodes =
        [
            new NodePlacement("conv1", "Conv", Home.Analog, FallbackReason.None, 8, 200, 0),
            new NodePlacement("relu", "Relu", Home.Digital, FallbackReason.NotAnMvm, 0, 0, -1),
            new NodePlacement("conv2", "Conv", Home.Analog, FallbackReason.None, 36, 324, 1),
        ],
        ModelParameters = 44,
        SamplesAreIndependent = true,
        Schedule = Schedule(),
    };

    private static MappedLayer FirstConvolution() => Convolution("conv1", 3, X, First, 2, 4, 25, isNonNegative: false) with
    {
        Blocks = [Part(0, 4, 0, 0, 0), Part(0, 4, 0, 1, 4)],
    };

    /// <summary>Row blocks of six inputs: two of each copy on one core, the third on the other.</summary>
    private static MappedLayer SecondConvolution() => Convolution("conv2", 5, Rectified, Y, 3, 18, 9, isNonNegative: true) with
    {
        Blocks = [Part(0, 6, 0, 0, 1), Part(1, 6, 6, 0, 2), Part(2, 6, 12, 0, 5), Part(0, 6, 0, 1, 6), Part(1, 6, 6, 1, 7), Part(2, 6, 12, 1, 3)],
    };

    private static MappedLayer Convolution(string name, int key, int input, int output, int kernel, int rows, int vectors, bool isNonNegative) => new()
    {
        NoiseKey = key,
        Name = name,
        Op = "Conv",
        Input = input,
        Output = output,
        View = new ConvolutionView([kernel, kernel], [1, 1], [0, 0], [0, 0], [1, 1]),
        Groups = 1,
        Rows = rows,
        Columns = 2,
        Packing = DepthwisePolicy.Digital,
        Weights = WeightSection.Of([.. Enumerable.Range(0, rows * 2).Select(i => (sbyte)((i * 5 % 15) - 7))]),
        Scales = [0.5f, 0.25f],
        Bias = [0.125f, -0.25f],
        InputIsNonNegative = isNonNegative,
        InputScale = null,
        AdcRanges = [],
        Blocks = [],
        VectorsPerInference = vectors,
        Copies = 2,
    };

    private static Block Part(int rowBlock, int rows, int rowStart, int copy, int tile) => new()
    {
        FirstGroup = 0,
        Groups = 1,
        RowBlock = rowBlock,
        RowStart = rowStart,
        RowCount = rows,
        ColumnStart = 0,
        ColumnCount = 2,
        Copy = copy,
        Tile = tile,
        TileRow = 0,
        TileColumn = 0,
    };

    private static StageGraph Stages() => new(
        [
            new StageValue("x", 6, 6, 1, -1, false),
            new StageValue("conv1_out", 5, 10, 1, 0, false),
            new StageValue("relu_out", 5, 10, 1, 1, false),
            new StageValue("y", 3, 6, 1, 2, true),
        ],
        [
            new Stage
            {
                Name = "conv1",
                Kind = StageKind.Analog,
                Unit = 0,
                Output = First,
                Inputs = [new StageInput(X, RowWindow.OfKernel(1, 0, 2))],
                OperationsPerRow = 10,
                // Pulses of 3 bits and a sign: 300 ns from one to the next, two more stages of 100 ns.
                Matrix = Demand(25, 5, 300, 500, [new RowGroupDemand([0], 1, 1, 0, 4, 6, 2)]),
            },
            new Stage
            {
                Name = "relu",
                Kind = StageKind.Digital,
                Unit = 0,
                Output = Rectified,
                Inputs = [new StageInput(First, RowWindow.SameRow)],
                OperationsPerRow = 10,
                Matrix = null,
            },
            new Stage
            {
                Name = "conv2",
                Kind = StageKind.Analog,
                Unit = 1,
                Output = Y,
                Inputs = [new StageInput(Rectified, RowWindow.OfKernel(1, 0, 3))],
                OperationsPerRow = 6,
                // The input is not negative: 4 bits without a sign.
                Matrix = Demand(9, 3, 400, 600, [.. Enumerable.Range(0, 3).Select(b => new RowGroupDemand([b], 1, 1, 6 * b, 6, 10, 2))]),
            },
        ]);

    private static MatrixDemand Demand(long vectors, int perRow, double interval, double latency, ImmutableArray<RowGroupDemand> groups) => new()
    {
        Vectors = vectors,
        VectorsPerRow = perRow,
        FirstOrdinal = 0,
        SharesTilesOf = null,
        Groups = groups,
        IntervalNs = interval,
        LatencyNs = latency,
        Columns = 2,
        // 4 bits of input, 4 of a weight, 3 of eight rows.
        PartialSumBytes = 2,
        AddsExactly = true,
        IsSerial = false,
    };

    private static CoreMapping Mapping() => new()
    {
        Target = MappingTarget.Throughput,
        Chips = 1,
        Replication = new Replication([2, 0, 2], 3900, null),
        RowGroups =
        [
            new PlacedRowGroup(0, 0, 0, 0, [0]),
            new PlacedRowGroup(0, 1, 0, 1, [4]),
            new PlacedRowGroup(2, 0, 0, 0, [1]),
            new PlacedRowGroup(2, 0, 1, 0, [2]),
            new PlacedRowGroup(2, 0, 2, 1, [5]),
            new PlacedRowGroup(2, 1, 0, 1, [6]),
            new PlacedRowGroup(2, 1, 1, 1, [7]),
            new PlacedRowGroup(2, 1, 2, 0, [3]),
        ],
        Homes = [[0], [1], [1], [0]],
        Segments = [[0, 1, 2]],
    };

    private static ProgramSchedule Schedule()
    {
        var topology = new MeshTopology(2, 2);
        ImmutableArray<ChannelHop> there = [new ChannelHop(topology.LinkOf(0, 1), 0, -1, 0)];
        ImmutableArray<ChannelHop> back = [new ChannelHop(topology.LinkOf(1, 0), 0, -1, 0)];
        ImmutableArray<ChannelHop> Carrying(ImmutableArray<ChannelHop> hops, long bytes) => [.. hops.Select(h => h with { Bytes = bytes })];
        // Rows of x, of conv1 and of the Relu: 6, 10 and 10 bytes; a result and a partial sum: 2 and 4.
        return new ProgramSchedule
        {
            Target = MappingTarget.Throughput,
            Overlaps = true,
            Stages = Stages(),
            Mapping = Mapping(),
            Buffers =
            [
                new RowBuffer(0, X, 0, 1, 1, 4, 6, 0),
                new RowBuffer(1, X, 0, 1, 1, 4, 6, 0),
                new RowBuffer(1, First, 0, 1, 5, 2, 10, 24),
                new RowBuffer(1, First, 0, 1, 1, 2, 10, 44),
                new RowBuffer(0, Rectified, 0, 1, 1, 5, 10, 24),
                new RowBuffer(1, Rectified, 0, 1, 1, 5, 10, 64),
                new RowBuffer(0, Y, 0, 1, 3, 2, 6, 74),
            ],
            Channels =
            [
                new Channel(ChannelKind.Rows, 0, [new Receiver(0, 0), new Receiver(1, 1)], 6, 0, Carrying(there, 6)),
                new Channel(ChannelKind.Results, 0, [new Receiver(1, 2)], 2, 0, Carrying(there, 2)),
                new Channel(ChannelKind.Results, 1, [new Receiver(1, 2)], 2, 0, []),
                new Channel(ChannelKind.Rows, 1, [new Receiver(1, 3)], 10, 0, []),
                new Channel(ChannelKind.Rows, 1, [new Receiver(0, 4), new Receiver(1, 5)], 10, 0, Carrying(back, 10)),
                new Channel(ChannelKind.PartialSums, 0, [new Receiver(1, -1)], 4, 4, Carrying(there, 4)),
                new Channel(ChannelKind.PartialSums, 1, [new Receiver(0, -1)], 4, 4, Carrying(back, 4)),
                new Channel(ChannelKind.Results, 1, [new Receiver(0, 6)], 2, 0, Carrying(back, 2)),
                new Channel(ChannelKind.Results, 0, [new Receiver(0, 6)], 2, 0, []),
            ],
            Streams =
            [
                new CoreStream(0, "input x", -1, [new Repeat(6, [new LoadRow(X, new Affine(0, 1)), new SendRow(0, new Affine(0, 1))])]),
                Drive(0, 0, 0, 0, 13, 5, RowWindow.OfKernel(1, 0, 2), 0, [0]),
                Add(0, 0, 0, 0, 13, -1, [0], new FinishVector(0, 0, [1], OrdinalsOf(0))),
                Drive(0, 2, 0, 4, 5, 3, RowWindow.OfKernel(1, 0, 3), 0, [2, 3]),
                Add(0, 2, 0, 0, 5, -1, [2, 3], new SendPartialSums(5, OrdinalsOf(0))),
                Drive(0, 2, 1, 4, 4, 3, RowWindow.OfKernel(1, 0, 3), 1, [7]),
                Add(0, 2, 1, 1, 4, 6, [7], new FinishVector(2, 1, [8], OrdinalsOf(1))),
                new CoreStream(0, "output y", -1, [new Repeat(3, [new AwaitRows(6, RowWindow.SameRow, new Affine(0, 1), 1), new StoreRow(Y, new Affine(0, 1))]), new ReleaseRows(6)]),
                Drive(1, 0, 1, 1, 12, 5, RowWindow.OfKernel(1, 0, 2), 1, [1]),
                Add(1, 0, 1, 1, 12, -1, [1], new FinishVector(0, 1, [2], OrdinalsOf(1))),
                new CoreStream(1, "conv1_out home 0", 0, [new Repeat(5, [new AwaitRows(2, RowWindow.SameRow, new Affine(0, 1), 1), new SendRow(3, new Affine(0, 1))]), new ReleaseRows(2)]),
                new CoreStream(
                    1,
                    "relu home 0",
                    1,
                    [new Repeat(5, [new AwaitRows(3, RowWindow.SameRow, new Affine(0, 1), 1), new RunDigital(1, new Affine(0, 1)), new SendRow(4, new Affine(0, 1))]), new ReleaseRows(3)]),
                Drive(1, 2, 0, 5, 5, 3, RowWindow.OfKernel(1, 0, 3), 0, [4]),
                Add(1, 2, 0, 0, 5, 5, [4], new FinishVector(2, 0, [7], OrdinalsOf(0))),
                Drive(1, 2, 1, 5, 4, 3, RowWindow.OfKernel(1, 0, 3), 1, [5, 6]),
                Add(1, 2, 1, 1, 4, -1, [5, 6], new SendPartialSums(6, OrdinalsOf(1))),
            ],
        };
    }

    /// <summary>Ordinals of a copy of two.</summary>
    private static Affine OrdinalsOf(int copy) => new(copy, 2);

    private static string Name(int stage, int copy, string what) => $"{(stage == 0 ? "conv1" : "conv2")} copy {copy} {what}";

    private static CoreStream Drive(int core, int stage, int copy, int buffer, int count, int perRow, RowWindow window, int first, int[] groups) => new(
        core,
        Name(stage, copy, "drive"),
        stage,
        [new Repeat(count, [new AwaitRows(buffer, window, OrdinalsOf(first), perRow), .. groups.Select(g => new DriveTiles(g, OrdinalsOf(first)))]), new ReleaseRows(buffer)]);

    private static CoreStream Add(int core, int stage, int copy, int first, int count, int channel, ImmutableArray<int> groups, StreamInstruction then) => new(
        core, Name(stage, copy, "add"), stage, [new Repeat(count, [new AddPartialSums(channel, groups, [], OrdinalsOf(first)), then])]);
}

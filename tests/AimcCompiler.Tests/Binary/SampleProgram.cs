using System.Security.Cryptography;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Binary;

/// <summary>A small valid program with one of everything: a packed grouped convolution in two copies, a digital partition, a split matrix
/// two blocks of which share a tile.</summary>
internal static class SampleProgram
{
    public static MappedProgram Tiny() => new()
    {
        Producer = "aimc 1.0.0",
        ModelName = "small.onnx",
        ModelSha256 = new string('a', 63) + "0",
        Chip = ChipReader.Read("tiny"),
        Chips = 1,
        Values =
        [
            new ProgramValue("x", TensorType.Float, [-1, 2, 4, 4]),
            new ProgramValue("conv_out", TensorType.Float, [-1, 2, 3, 3]),
            new ProgramValue("flat", TensorType.Float, [-1, 18]),
            new ProgramValue("größe\n<script>", TensorType.Float, [-1, 3]),
        ],
        Inputs = [0],
        Outputs = [3, 2],
        Layers = [Convolution(), Matrix()],
        Partitions =
        [
            new DigitalPartition { Name = "digital0", Model = new byte[] { 8, 7, 6 }, Inputs = [1], Outputs = [2], Operations = 18 },
        ],
        Instructions = [new MvmInstruction(0), new DigitalInstruction(0), new MvmInstruction(1)],
        Nodes =
        [
            new NodePlacement("conv", "Conv", Home.Analog, FallbackReason.None, 8, 72, 0),
            new NodePlacement("relu", "Relu", Home.Digital, FallbackReason.NotAnMvm, 0, 0, -1),
            new NodePlacement("fc", "MatMul", Home.Analog, FallbackReason.None, 54, 54, 1),
        ],
        ModelParameters = 62,
        Calibration = "max",
        Preprocessing = """{"scale":0.5,"layout":"nhwc->nchw"}""",
    };

    /// <summary>A loop over the matrix and a partition with lengths and two states; behind it, a second matrix on the tiles of the first.</summary>
    public static MappedProgram Loop()
    {
        var tiny = Tiny();
        var cell = Matrix() with { Name = "loop", Input = 4, Output = 5, NoiseKey = 4 };
        return tiny with
        {
            Values =
            [
                new ProgramValue("x", TensorType.Float, [-1, -1, 3]),
                new ProgramValue("slice", TensorType.Float, [-1, 3]),
                new ProgramValue("step", TensorType.Int64, []),
                new ProgramValue("c", TensorType.Float, [-1, 2]),
                new ProgramValue("h", TensorType.Float, [-1, 18]),
                new ProgramValue("product", TensorType.Float, [-1, 3]),
                new ProgramValue("h_next", TensorType.Float, [-1, 18]),
                new ProgramValue("c_next", TensorType.Float, [-1, 2]),
                new ProgramValue("sequence", TensorType.Float, [-1, -1, 18]),
                new ProgramValue("h_final", TensorType.Float, [-1, 18]),
                new ProgramValue("shared", TensorType.Float, [-1, -1, 3]),
                new ProgramValue("c_initial", TensorType.Float, [-1, 2]),
            ],
            Inputs = [0, 11],
            Outputs = [8, 10],
            Layers = [cell, cell with { Name = "again", Input = 8, Output = 10, SharesTilesOf = 0, Bias = [1, 2, 3], VectorsPerInference = 4, InputScale = 0.5f }],
            Partitions = [new DigitalPartition { Name = "gates", Model = new byte[] { 8, 7, 6 }, Inputs = [1, 2, 3, 5], Outputs = [6, 7], Operations = 18 }],
            Instructions =
            [
                new LoopInstruction
                {
                    Name = "time",
                    Scanned = 0,
                    Slice = 1,
                    IsReverse = true,
                    Step = 2,
                    States = [new LoopState(null, 4, 6, 9), new LoopState(11, 3, 7, null)],
                    Collected = 6,
                    Sequence = 8,
                    Body = [new MvmInstruction(0), new DigitalInstruction(0)],
                },
                new MvmInstruction(1),
            ],
            Nodes = [new NodePlacement("loop", "LSTM", Home.Analog, FallbackReason.None, 54, 54, 0), new NodePlacement("again", "MatMul", Home.Analog, FallbackReason.None, 54, 54, 1)],
        };
    }

    public static byte[] Bytes(MappedProgram program)
    {
        using var stream = new MemoryStream();
        AimcWriter.WriteUnverified(program, stream);
        return stream.ToArray();
    }

    /// <summary>Makes all checksums right again, as an attacker would.</summary>
    public static void Reseal(byte[] file)
    {
        int manifest = (int)BitConverter.ToUInt64(file, 32);
        int table = (int)BitConverter.ToUInt64(file, 40);
        int sections = (int)Math.Min(BitConverter.ToUInt32(file, 12), (file.Length - table) / 64);
        for (int i = 0; i < sections; i++)
        {
            ulong offset = BitConverter.ToUInt64(file, table + (64 * i));
            ulong length = BitConverter.ToUInt64(file, table + (64 * i) + 8);
            if (offset <= (ulong)file.Length && length <= (ulong)file.Length - offset)
            {
                SHA256.HashData(file.AsSpan((int)offset, (int)length), file.AsSpan(table + (64 * i) + 32));
            }
        }

        SHA256.HashData(file.AsSpan(192, manifest), file.AsSpan(64));
        SHA256.HashData(file.AsSpan(table, sections * 64), file.AsSpan(96));
        SHA256.HashData(file.AsSpan(0, 160), file.AsSpan(160));
    }

    private static MappedLayer Convolution() => new()
    {
        NoiseKey = 3,
        Name = "conv",
        Op = "Conv",
        Input = 0,
        Output = 1,
        View = new ConvolutionView([2, 2], [1, 1], [0, 0], [0, 0], [1, 1]),
        Groups = 2,
        Rows = 4,
        Columns = 1,
        Packing = DepthwisePolicy.Packed,
        Weights = WeightSection.Of(new sbyte[] { 1, -2, 3, -4, 5, -6, 7, -7 }),
        Scales = [0.5f],
        Bias = [],
        InputIsNonNegative = false,
        InputScale = 0.25f,
        AdcRanges = [],
        Blocks = [Whole(copy: 0, tile: 0), Whole(copy: 1, tile: 1)],
        VectorsPerInference = 9,
        Copies = 2,
    };

    private static Block Whole(int copy, int tile) => new()
    {
        FirstGroup = 0,
        Groups = 2,
        RowBlock = 0,
        RowStart = 0,
        RowCount = 4,
        ColumnStart = 0,
        ColumnCount = 1,
        Copy = copy,
        Tile = tile,
        TileRow = 0,
        TileColumn = 0,
    };

    private static MappedLayer Matrix() => new()
    {
        NoiseKey = 3,
        Name = "fc",
        Op = "MatMul",
        Input = 2,
        Output = 3,
        View = new MatrixView(-1, -1),
        Groups = 1,
        Rows = 18,
        Columns = 3,
        Packing = DepthwisePolicy.Digital,
        Weights = WeightSection.Of([.. Enumerable.Range(0, 54).Select(i => (sbyte)((i % 15) - 7))]),
        Scales = [1f, 2f, 3f],
        Bias = [0.1f, -0.2f, 0f],
        InputIsNonNegative = true,
        InputScale = null,
        AdcRanges = [],
        Blocks = [Part(0, 0, 2, 0), Part(0, 2, 3, 0), Part(1, 0, 4, 0), Part(1, 2, 5, 0), Part(2, 0, 6, 0), Part(2, 2, 6, 2)],
        VectorsPerInference = 1,
        Copies = 1,
    };

    private static Block Part(int rowBlock, int column, int tile, int tileRow) => new()
    {
        FirstGroup = 0,
        Groups = 1,
        RowBlock = rowBlock,
        RowStart = rowBlock * 8,
        RowCount = rowBlock < 2 ? 8 : 2,
        ColumnStart = column,
        ColumnCount = column == 0 ? 2 : 1,
        Copy = 0,
        Tile = tile,
        TileRow = tileRow,
        TileColumn = 0,
    };
}

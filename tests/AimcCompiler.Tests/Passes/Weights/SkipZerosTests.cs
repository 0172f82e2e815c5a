using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Passes.Weights;

/// <summary>Rows, columns and blocks of zeros take no cells, and nothing else changes.</summary>
public sealed class SkipZerosTests
{
    public static TheoryData<string, DepthwisePolicy, int> Shapes
    {
        get
        {
            TheoryData<string, DepthwisePolicy, int> shapes = [];
            foreach (string chip in (string[])["tiny", "isaac", "puma", "hermes", "neurram", "raella", "float", "pimcomp"])
            {
                for (int seed = 0; seed < 4; seed++)
                {
                    shapes.Add(chip, DepthwisePolicy.Digital, seed);
                    shapes.Add(chip, DepthwisePolicy.Packed, seed);
                    shapes.Add(chip, DepthwisePolicy.Dense, seed);
                }
            }

            return shapes;
        }
    }

    [Fact]
    public void RowsAndColumnsOfZerosAreLeftOut()
    {
        QuantizedMatrix matrix = new(1, 3, 3, [1, 2, 3], [4, 0, -7, 0, 0, 0, 1, 0, 2], null);
        var kept = SkipZeros.Without(matrix);
        Assert.Equal<short>([4, -7, 1, 2], kept.Codes!);
        Assert.Equal<float>([1, 3], kept.Scales);
        Assert.Equal(new KeptLines(3, [0, 2]), kept.KeptRows);
        Assert.Equal(new KeptLines(3, [0, 2]), kept.KeptColumns);
        Assert.Equal((3, 3), (kept.ModelRows, kept.ModelColumns));
    }

    /// <summary>A row is one line of all groups: it goes where it is zero in every one.</summary>
    [Fact]
    public void GroupsKeepTheSameRows()
    {
        var kept = SkipZeros.Without(new QuantizedMatrix(2, 3, 1, [1], null, [0, 0.5f, 0, 0, 0, 1]));
        Assert.Equal<float>([0.5f, 0, 0, 1], kept.Contents!);
        Assert.Equal(new KeptLines(3, [1, 2]), kept.KeptRows);
        Assert.Null(kept.KeptColumns);
    }

    [Fact]
    public void OneRowAndOneColumnStay()
    {
        var kept = SkipZeros.Without(new QuantizedMatrix(1, 4, 5, [1], new short[20], null));
        Assert.Equal((1, 1, 4, 5), (kept.Rows, kept.Columns, kept.ModelRows, kept.ModelColumns));
    }

    [Fact]
    public void AMatrixWithoutZerosStaysAsItIs()
    {
        QuantizedMatrix matrix = new(1, 2, 2, [1], [1, 0, 0, 1], null);
        Assert.Same(matrix, SkipZeros.Without(matrix));
    }

    /// <summary>On an ideal chip the outputs have the bits of those with zeros on tiles; fast and stepwise tiles have each other's.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void OutputsHaveTheSameBits(string name, DepthwisePolicy packing, int seed)
    {
        Random random = new(seed);
        var preset = ChipReader.Read(name);
        var chip = preset with { Mesh = null, Tile = preset.Tile with { Input = preset.Tile.Input with { DynamicScale = false, Management = InputManagement.Constant, BoundManagement = null }, Adc = preset.Tile.Adc with { Range = preset.Tile.Adc.Range == AdcRange.Calibrated ? AdcRange.Max : preset.Tile.Adc.Range } } };
        TileGeometry geometry = new(chip.Tile);
        bool isSmall = packing != DepthwisePolicy.Digital;
        int rows = isSmall ? random.Next(1, 6) : random.Next(2, 3 * geometry.LogicalRows);
        int columns = isSmall ? random.Next(1, 3) : random.Next(2, 3 * geometry.LogicalColumns);
        int groups = isSmall ? random.Next(2, 30) : random.Next(1, 4);
        bool isUnsigned = chip.Tile.Input.Sign == InputSign.Unsigned || random.Next(2) == 0;
        float[] weights = Sparse(random, groups, rows, columns, geometry);
        LayerSpec whole = new LayerSpec(chip, rows, columns)
        {
            Codes = chip.Tile.Weights.Bits is { } bits ? Array.ConvertAll(weights, w => (int)Math.Round(w * ((1 << (bits - 1)) - 1))) : null,
            Contents = chip.Tile.Weights.Bits is null ? weights : null,
            Scales = [.. Cases.Floats(seed, groups * columns, 0.1f)],
            Bias = seed % 2 == 0 ? [] : [.. Cases.Floats(seed + 1, groups * columns)],
            IsNonNegative = isUnsigned,
        }.Grouped(groups, packing);
        var kept = whole with { Zeros = ZeroPolicy.Skip };
        var program = kept.Program();
        Assert.True(program.Layers[0].Blocks.Sum(b => (long)b.Rows * b.Columns) <= whole.Program().Layers[0].Blocks.Sum(b => (long)b.Rows * b.Columns));
        const int Vectors = 5;
        float[] x = Cases.Floats(seed, Vectors * groups * rows, isUnsigned ? 0 : -1);
        var batch = whole.Batch(x);
        Cases.AssertSameBits(whole.Executor(Cases.Ideal).Run(batch, Vectors, 0).Floats, LayerSpec.Executor(program, Cases.Ideal).Run(batch, Vectors, 0).Floats, name);
        Cases.AssertSameBits(
            LayerSpec.Executor(program, Cases.Stepwise, LayerPath.Tiles).Run(batch, Vectors, 0).Floats, LayerSpec.Executor(program, Cases.Fast, LayerPath.Tiles).Run(batch, Vectors, 0).Floats, $"{name}, tiles");
    }

    /// <summary>Several strips, several threads, parts of the columns.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(300)]
    public void ThreadsDoNotMatter(int vectors)
    {
        var chip = ChipReader.Read("tiny") with { Mesh = null };
        float[] weights = Sparse(new Random(3), 1, 90, 50, new TileGeometry(chip.Tile));
        LayerSpec spec = new(chip, 90, 50) { Codes = Array.ConvertAll(weights, w => (int)Math.Round(w * 7)), Bias = [.. Cases.Floats(4, 50)], Zeros = ZeroPolicy.Skip };
        float[] x = Cases.Floats(5, vectors * 90);
        Cases.AssertSameBits(spec.Run(x, Cases.Fast with { Threads = 1 }, LayerPath.Tiles), spec.Run(x, Cases.Fast with { Threads = 3 }, LayerPath.Tiles), "threads");
    }

    [Theory]
    [InlineData("tiny")]
    [InlineData("isaac")]
    [InlineData("puma")]
    [InlineData("float")]
    [InlineData("pimcomp")]
    public void APrunedNetworkComputesTheSameOnFewerTiles(string name)
    {
        var model = Pruned();
        var chip = ChipReader.Read(name);
        var graph = model.Import();
        var inputs = Meaning.Inputs(graph);
        CompileOptions options = new() { Chips = null, Calibration = new Samples(inputs) };
        var whole = AimcCompilation.Compile(graph, chip, options with { Zeros = ZeroPolicy.Program }).Program;
        var kept = AimcCompilation.Compile(graph, chip, options).Program;
        Assert.Null(kept.NotScheduled);
        Assert.True(kept.Layers.Sum(l => l.Weights.Bytes.Length) < whole.Layers.Sum(l => l.Weights.Bytes.Length));
        Assert.True(TilesOf(kept) < TilesOf(whole));
        Assert.DoesNotContain(kept.Layers, l => l.Name == "conv_z");
        Assert.Equal(FallbackReason.ZeroWeights, kept.Nodes.Single(n => n.Name == "conv_z").Reason);
        using Session expected = new(whole, Cases.Ideal);
        using Session actual = new(kept, Cases.Ideal);
        foreach (var (e, a) in expected.Run(inputs).Zip(actual.Run(inputs)))
        {
            Cases.AssertSameBits(e.Floats, a.Floats, name);
        }

        StreamMachineTests.Same(kept, Cases.Fast, 1);
        StreamMachineTests.Same(kept, Cases.Ideal, 1);
    }

    [Fact]
    public void APrunedNetworkKeepsItsMeaning()
    {
        Meaning.IsKeptOnTheFloatChip(Pruned());
        Meaning.IsKeptOnTheFloatChip(Pruned(), new CompileOptions { Target = MappingTarget.Throughput });
    }

    /// <summary>What the user wants on tiles is there, zeros or not.</summary>
    [Fact]
    public void ALayerOfZerosIsOnATileByRequest()
    {
        var program = AimcCompilation.Compile(Pruned().Import(), ChipReader.Read("float"), new CompileOptions { Chips = null, Analog = ["conv_z"] }).Program;
        var layer = program.Layers.Single(l => l.Name == "conv_z");
        Assert.Equal((1, 1, 1), (layer.Rows, layer.Columns, layer.Blocks.Length));
    }

    [Fact]
    public void TheFileKeepsWhatIsLeftOut()
    {
        var program = AimcCompilation.Compile(Pruned().Import(), ChipReader.Read("tiny"), new CompileOptions { Chips = null }).Program;
        using MemoryStream stream = new();
        AimcWriter.Write(program, stream);
        var read = AimcReader.Read(stream.ToArray(), "pruned.aimc");
        Assert.Equal(program.Layers.Select(l => l.KeptRows), read.Layers.Select(l => l.KeptRows));
        Assert.Equal(program.Layers.Select(l => l.KeptColumns), read.Layers.Select(l => l.KeptColumns));
        Assert.Contains(read.Layers, l => l.KeptRows is not null);
        Assert.Contains(read.Layers, l => l.KeptColumns is not null);
    }

    private static int TilesOf(MappedProgram program) => program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count();

    /// <summary>Weights with rows, columns and parts of a tile's size that are zero.</summary>
    private static float[] Sparse(Random random, int groups, int rows, int columns, TileGeometry geometry)
    {
        float[] weights = Cases.Floats(random.Next(), groups * rows * columns);
        bool[] row = [.. Enumerable.Range(0, rows).Select(_ => random.Next(3) == 0)];
        bool[] column = [.. Enumerable.Range(0, columns).Select(_ => random.Next(3) == 0)];
        bool[] group = [.. Enumerable.Range(0, groups).Select(_ => random.Next(4) == 0)];
        int height = Math.Max(1, geometry.LogicalRows / 2);
        int width = Math.Max(1, geometry.LogicalColumns / 2);
        Dictionary<(int, int, int), bool> parts = [];
        for (int i = 0; i < weights.Length; i++)
        {
            var (g, r, c) = (i / (rows * columns), i / columns % rows, i % columns);
            if (!parts.TryGetValue((g, r / height, c / width), out bool isZero))
            {
                parts.Add((g, r / height, c / width), isZero = random.Next(3) == 0);
            }

            weights[i] = row[r] || column[c] || group[g] || isZero ? 0 : weights[i];
        }

        return weights;
    }

    /// <summary>Convolutions without some channels, filters and taps, one of zeros alone, one in groups, and a product of which half of the rows and a corner is zero.</summary>
    private static TestModel Pruned()
    {
        float[] first = Cases.Floats(1, 12 * 4 * 9);
        float[] grouped = Cases.Floats(2, 12 * 4 * 9);
        float[] last = Cases.Floats(3, 300 * 40);
        for (int i = 0; i < first.Length; i++)
        {
            var (filter, channel, tap) = (i / 36, i / 9 % 4, i % 9);
            first[i] = filter % 3 == 1 || channel == 2 || tap == 4 ? 0 : first[i];
            grouped[i] = filter is 0 or 1 or 2 or 3 || tap is 0 or 8 ? 0 : grouped[i];
        }

        for (int i = 0; i < last.Length; i++)
        {
            last[i] = i / 40 % 2 == 0 || (i / 40 < 150 && i % 40 >= 20) || i % 40 == 5 ? 0 : last[i];
        }

        return new TestModel().Input("x", 1, 4, 7, 7)
            .Floats("w", first, 12, 4, 3, 3).Floats("b", Cases.Floats(4, 12), 12).Node("Conv", "x w b", "a", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r")
            .Floats("v", grouped, 12, 4, 3, 3).Node("Conv", "r v", "c", ("group", 3))
            .Floats("zw", new float[12 * 12], 12, 12, 1, 1).Floats("zb", Cases.Floats(5, 12), 12).Node("Conv", "c zw zb", "z").Node("Add", "c z", "s")
            .Node("Flatten", "s", "f").Floats("l", last, 300, 40).Node("MatMul", "f l", "y").Output("y");
    }

    private sealed class Samples(IReadOnlyDictionary<string, Tensor> inputs) : ICalibrationData
    {
        public int Count => 1;

        public IReadOnlyDictionary<string, Tensor> Sample(int index) => inputs;
    }
}

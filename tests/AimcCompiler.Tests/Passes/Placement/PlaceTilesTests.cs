using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>On "tiny": 16 tiles of 8 rows by 2 weights.</summary>
public sealed class PlaceTilesTests
{
    private readonly DiagnosticBag _diagnostics = new();

    [Fact]
    public void BlocksTakeTilesInTheOrderOfExecution()
    {
        var placed = Place(Chain(16, 4, 2), new CompileOptions());
        IrVerifier.Verify(placed.Graph, Stairs.Tiny, placed.Chips);
        Assert.Equal([[0, 1, 2, 3], [4]], placed.Graph.Layers.Select(l => l.Weights.Places.Select(p => p.Tile.Value).ToArray()));
        Assert.All(placed.Graph.Layers.SelectMany(l => l.Weights.Places), p => Assert.Equal((0, 0), (p.Row, p.Column)));
        Assert.Equal(1, placed.Chips);
    }

    [Fact]
    public void BlocksOfABundleShareATileSideBySide()
    {
        var model = new TestModel().Input("x", 1, 4, 4, 4).Weights("w", 4, 1, 2, 2).Node("Conv", "x w", "y", ("group", 4)).Output("y");
        CompileOptions options = new() { Depthwise = DepthwisePolicy.Dense };
        var placed = Place(model, options);
        IrVerifier.Verify(placed.Graph, Stairs.Tiny, placed.Chips);
        Assert.Equal([(0, 0), (0, 4), (1, 0), (1, 4)], placed.Graph.Layers.Single().Weights.Places.Select(p => (p.Tile.Value, p.Column)));
    }

    [Fact]
    public void AFullChipIsNotTooSmall()
    {
        Place(Stairs.Product(8 * 16, 2), new CompileOptions());
        Assert.Empty(_diagnostics.Diagnostics);
    }

    [Fact]
    public void TooFewTilesAreAnErrorWithWhatWouldHelp()
    {
        Place(Chain(16, 16, 16), new CompileOptions());
        Assert.Equal(
            string.Join(
                Environment.NewLine,
                "test.onnx: node 'matmul_v1' (MatMul): error AIMC3003: needs 16 tiles, 0 of 16 are free on chip 'tiny'; the model needs 32",
                "  try: --fallback segments, --fallback digital, --chips auto (2 chips), fewer bit slices (now 2: --set tile.weights.bits or tile.cell.bits), larger tiles (now 8x8), a chip with 8 cores or more"),
            Assert.Single(_diagnostics.Diagnostics).ToString());
    }

    [Fact]
    public void SeveralChipsAreNamedAsSuch()
    {
        Place(Chain(16, 16, 16, 16), new CompileOptions { Chips = 2 });
        Assert.Contains("needs 16 tiles, 0 of 32 are free on 2 chips 'tiny'; the model needs 48", Assert.Single(_diagnostics.Diagnostics).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(8, 1)]
    [InlineData(16, 1)]
    [InlineData(18, 2)]
    [InlineData(64, 4)]
    public void AsManyChipsAsNeeded(int columns, int chips)
    {
        var placed = Place(Stairs.Product(16, columns), new CompileOptions { Chips = null });
        IrVerifier.Verify(placed.Graph, Stairs.Tiny, placed.Chips);
        Assert.Equal(chips, placed.Chips);
        Assert.Empty(_diagnostics.Diagnostics);
    }

    [Fact]
    public void AChipWithoutABoundTakesAnything()
    {
        var chip = ChipReader.Read("float");
        Assert.Equal(4, PlaceTiles.Run(Stairs.Split(Stairs.Product(300, 300), chip), chip, new CompileOptions(), _diagnostics).Graph.Layers.Single().Weights.Places.Length);
        Assert.Empty(_diagnostics.Diagnostics);
    }

    [Fact]
    public void TheLayersWithTheFewestMacsPerTileGoDigital()
    {
        // Tiles 8, 16, 16; MACs 128, 256, 256 on full tiles: all 16 a tile; the third reads 1 row of 16: fewer.
        var model = new TestModel().Input("x", 4, 1, 16).Weights("a", 16, 8).Weights("b", 8, 32).Weights("c", 9, 2)
            .Node("MatMul", "x a", "h").Node("MatMul", "h b", "i").Ints("from", 0).Ints("to", 9).Ints("axis", 2)
            .Node("Slice", "i from to axis", "s").Node("MatMul", "s c", "y").Output("y");
        var placed = Place(model, new CompileOptions { Fallback = FallbackPolicy.Digital, Chips = 1 }); // 8 + 16 + 2 tiles
        Assert.Equal(["matmul_y", "matmul_i"], _diagnostics.Diagnostics.Select(d => d.Where.Split('\'')[1]));
        Assert.All(_diagnostics.Diagnostics, d => Assert.Equal("AIMC3004", d.Descriptor.Id));
        Assert.Equal("runs digitally: it has the fewest MACs per tile (9 on 2 tiles) and the chip is full", _diagnostics.Diagnostics[0].Message);
        Assert.Equal(2, placed.Unplaced.Count);
        var program = AimcCompilation.Compile(model.Import(), Stairs.Tiny, new CompileOptions { Fallback = FallbackPolicy.Digital, Chips = 1 }).Program;
        Assert.Equal(["matmul_h"], program.Layers.Select(l => l.Name));
        Assert.Equal(["matmul_i", "matmul_y"], program.Nodes.Where(n => n is { Home: Home.Digital, Reason: FallbackReason.DoesNotFit }).Select(n => n.Name));
    }

    [Fact]
    public void WhatMustBeOnTilesIsNotDropped()
    {
        var model = Chain(16, 16, 16);
        var program = AimcCompilation.Compile(model.Import(), Stairs.Tiny, new CompileOptions { Fallback = FallbackPolicy.Digital, Analog = ["matmul_v1"] }).Program;
        Assert.Equal(["matmul_v1"], program.Layers.Select(l => l.Name));
        DiagnosticBag both = new();
        CompileOptions options = new() { Fallback = FallbackPolicy.Digital, Analog = ["matmul_v0", "matmul_v1"] };
        PlaceTiles.Run(Stairs.Split(model, options: options), Stairs.Tiny, options, both);
        Assert.True(both.HasErrors);
        Assert.DoesNotContain("--fallback digital", both.Diagnostics.Single().Levers);
    }

    [Fact]
    public void ADroppedLayerStillComputes() =>
        Meaning.IsKeptOnTheFloatChip(Chain(16, 16, 16), new CompileOptions { Digital = ["matmul_v0"] });

    [Fact]
    public void AnOperatorThatMustBeOnTilesKeepsAllItsProducts()
    {
        // 4 + 4 tiles of 8, and one whose tile does more.
        var model = Stairs.Lstm().Input("z", 30, 8).Weights("v", 8, 2).Node("MatMul", "z v", "y").Output("states", "y");
        CompileOptions options = new() { Fallback = FallbackPolicy.Digital, Analog = ["lstm_states"], Sharing = TileSharing.Never };
        var program = AimcCompilation.Compile(model.Import(), ChipReader.Read("tiny", ["mesh.rows=1"]), options).Program;
        Assert.Equal(["lstm_states/matmul", "lstm_states/forward"], program.Layers.Select(l => l.Name));
    }

    [Fact]
    public void WhatIsDroppedFromOldQuantizedModelsRuns()
    {
        var model = Stairs.QuantizedConvolution(opset: 10).Output("y");
        var graph = model.Import();
        var program = AimcCompilation.Compile(graph, ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=1"]), new CompileOptions { Fallback = FallbackPolicy.Digital }).Program;
        Assert.Empty(program.Layers);
        using Session session = new(program, new SimulationOptions { Threads = 1 });
        Dictionary<string, Tensor> inputs = new() { ["x"] = new Tensor(TensorType.UInt8, [1, 2, 4, 4], Enumerable.Range(0, 32).Select(i => (byte)(i * 7)).ToArray()) };
        var expected = Meaning.Evaluate(graph, inputs).Single().ToFloats();
        Assert.All(expected.Zip(session.Run(inputs).Single().ToFloats()), v => Assert.InRange(v.Second - v.First, -1, 1));
    }

    private PlacedGraph Place(TestModel model, CompileOptions options) =>
        PlaceTiles.Run(Stairs.Split(model, options: options), Stairs.Tiny, options, _diagnostics);

    /// <summary>Products one after the other: v0 = x w0, v1 = v0 w1, ...</summary>
    private static TestModel Chain(params int[] sizes)
    {
        var model = new TestModel().Input("x", 1, sizes[0]);
        for (int i = 1; i < sizes.Length; i++)
        {
            model.Weights($"w{i - 1}", sizes[i - 1], sizes[i]).Node("MatMul", $"{(i == 1 ? "x" : $"v{i - 2}")} w{i - 1}", $"v{i - 1}");
        }

        return model.Output($"v{sizes.Length - 2}");
    }
}

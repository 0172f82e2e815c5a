using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>On "tiny": tiles of 8 rows by 2 weights, 4 columns a weight.</summary>
public sealed class ShareTilesTests
{
    [Fact]
    public void SmallMatricesStandOnOneTile()
    {
        // 4 x 1 in pairs beside each other, two such shelves on a tile.
        var program = Compile(Layers(4, 1, 5), TileSharing.Always);
        Assert.Equal([(0, 0, 0), (0, 0, 4), (0, 4, 0), (0, 4, 4), (1, 0, 0)], program.Layers.Select(l => (l.Blocks[0].Tile, l.Blocks[0].TileRow, l.Blocks[0].TileColumn)));
    }

    [Fact]
    public void OnlyWhatDoesNotFitOtherwiseShares()
    {
        Assert.Equal(5, TilesOf(Compile(Layers(4, 1, 5), TileSharing.WhenNeeded)));
        Assert.Equal(5, TilesOf(Compile(Layers(4, 1, 20), TileSharing.WhenNeeded)));
        Assert.Equal(Descriptors.ChipTooSmall, Assert.Throws<DiagnosticException>(() => Compile(Layers(4, 1, 20), TileSharing.Never)).Diagnostics[0].Descriptor);
    }

    [Theory]
    [InlineData(4, 1, 20)]
    [InlineData(3, 2, 17)]
    [InlineData(8, 1, 9)]
    [InlineData(2, 3, 12)]
    public void SharedTilesComputeTheSame(int rows, int columns, int layers)
    {
        var model = Layers(rows, columns, layers);
        var graph = model.Import();
        var shared = Compile(model, TileSharing.Always);
        var alone = AimcCompilation.Compile(graph, Stairs.Tiny, new CompileOptions { Sharing = TileSharing.Never, Chips = null }).Program;
        Assert.InRange(TilesOf(shared), 1, TilesOf(alone));
        var inputs = Meaning.Inputs(graph);
        using Session expected = new(alone, new SimulationOptions { Threads = 1, Ideal = true });
        using Session actual = new(shared, new SimulationOptions { Threads = 1, Ideal = true });
        foreach (var (e, a) in expected.Run(inputs).Zip(actual.Run(inputs)))
        {
            Assert.Equal(e.ToFloats(), a.ToFloats());
        }
    }

    [Fact]
    public void PartsOfOneRowGroupHaveTilesOfTheirOwn()
    {
        // 2 rows by 6 columns: three blocks that are driven together, four of which would fit one tile.
        var program = Compile(Layers(2, 6, 2), TileSharing.Always);
        Assert.All(program.Layers, l => Assert.Equal(3, l.Blocks.Select(b => b.Tile).Distinct().Count()));
        Assert.Equal(3, TilesOf(program));
    }

    private static int TilesOf(MappedProgram program) => program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count();

    private static MappedProgram Compile(TestModel model, TileSharing sharing)
    {
        var program = AimcCompilation.Compile(model.Import(), Stairs.Tiny, new CompileOptions { Sharing = sharing }).Program;
        ProgramVerifier.Verify(program);
        return program;
    }

    /// <summary>Products of one input, each an output.</summary>
    private static TestModel Layers(int rows, int columns, int count)
    {
        var model = new TestModel().Input("x", 1, rows);
        for (int i = 0; i < count; i++)
        {
            model.Weights($"w{i}", rows, columns).Node("MatMul", $"x w{i}", $"y{i}").Output($"y{i}");
        }

        return model;
    }
}

using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Programs with copies.</summary>
public sealed class MapCoresTests
{
    /// <summary>A convolution of 36 vectors, a pool, a product.</summary>
    private static TestModel Network() => new TestModel().Input("x", 1, 2, 6, 6).Weights("w", 3, 2, 3, 3)
        .Node("Conv", "x w", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "c", "r").Node("MaxPool", "r", "p", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
        .Node("Flatten", "p", "f").Weights("v", 27, 4).Node("MatMul", "f v", "y").Output("y");

    [Theory]
    [InlineData(MappingTarget.Throughput)]
    [InlineData(MappingTarget.Latency)]
    public void CopiesComputeTheSame(MappingTarget target)
    {
        var chip = ChipReader.Read("tiny", ["mesh.rows=4", "mesh.columns=4"]);
        var graph = Network().Import();
        var one = AimcCompilation.Compile(graph, chip, new CompileOptions()).Program;
        var copied = AimcCompilation.Compile(graph, chip, new CompileOptions { Target = target }).Program;
        ProgramVerifier.Verify(copied);
        Assert.InRange(copied.Layers[0].Copies, 2, 36);
        Assert.Equal(1, copied.Layers[1].Copies);
        Assert.Equal(copied.Layers[0].Blocks.Length, copied.Layers[0].Copies * one.Layers[0].Blocks.Length);
        var inputs = Meaning.Inputs(graph);
        using Session expected = new(one, new SimulationOptions { Threads = 1, Ideal = true });
        using Session actual = new(copied, new SimulationOptions { Threads = 1, Ideal = true });
        Assert.Equal(expected.Run(inputs).Single().ToFloats(), actual.Run(inputs).Single().ToFloats());
    }

    [Fact]
    public void SeveralChipsAreMappedTogether()
    {
        var model = new TestModel().Input("x", 1, 16).Weights("a", 16, 16).Weights("b", 16, 16).Node("MatMul", "x a", "h").Node("MatMul", "h b", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), Stairs.Tiny, new CompileOptions { Target = MappingTarget.Throughput, Chips = null }).Program;
        Assert.Equal(2, program.Chips);
        Assert.Equal(Enumerable.Range(0, program.Chips), program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile / 16).Distinct().Order());
    }

    [Theory]
    [InlineData(MappingTarget.Tiles)]
    [InlineData(MappingTarget.Throughput)]
    public void DeadTilesStayEmpty(MappingTarget target)
    {
        var chip = ChipReader.Read("tiny", ["mesh.rows=3", "mesh.columns=3"]);
        var program = AimcCompilation.Compile(Network().Import(), chip, new CompileOptions { Target = target, DeadTiles = [0, 3, 5, 17, 35] }).Program;
        Assert.DoesNotContain(program.Layers.SelectMany(l => l.Blocks), b => b.Tile is 0 or 3 or 5 or 17 or 35);
    }

    [Fact]
    public void ADeadTileBeyondTheChipIsNamed()
    {
        var e = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(Stairs.Product(8, 2).Import(), Stairs.Tiny, new CompileOptions { DeadTiles = [16] }));
        Assert.Contains("names tile 16; the chip has 16, counted from 0", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RowGroupsThatNoCoreHoldsWholeAreCut()
    {
        // Three row blocks of four tiles on two cores of six: one a core, and two tiles for nothing; halves of two tiles fill them.
        var chip = ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=3"]);
        var model = Stairs.Product(24, 8);
        var split = Stairs.Split(model, chip);
        var stages = FindStages.Run(split, chip).Stages!;
        Assert.Equal([4, 4, 4], stages.Stages[0].Matrix!.Groups.Select(g => g.Tiles));
        var capacity = ChipCapacity.Of(chip, 1) with { TilesOfCore = [6, 6] };
        var cut = CutRowGroups.ForCores(stages, split, capacity);
        Assert.Equal([2, 2, 2, 2, 2, 2], cut.Stages[0].Matrix!.Groups.Select(g => g.Tiles));
        Assert.Equal([4, 4, 4, 4, 4, 4], cut.Stages[0].Matrix!.Groups.Select(g => g.Columns));
        Assert.Equal([0, 4, 0, 4, 0, 4], cut.Stages[0].Matrix!.Groups.Select(g => g.FirstColumn));
        Assert.Equal(Enumerable.Range(0, 12), cut.Stages[0].Matrix!.Groups.SelectMany(g => g.Blocks));
    }
}

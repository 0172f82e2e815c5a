using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Small files that ask for much memory get a diagnostic instead.</summary>
public sealed class ValueBudgetTests
{
    private const long Huge = 1L << 24; // squared: a thousand terabytes of floats

    public static TheoryData<string> Growers => ["ConstantOfShape", "Expand", "Tile", "Pad", "Range", "OneHot", "EyeLike", "Resize"];

    [Theory]
    [MemberData(nameof(Growers))]
    public void AConstantThatGrowsBeyondMeasureIsRefusedWithoutTakingMemory(string op)
    {
        var model = new TestModel().Input("x", 1);
        _ = op switch
        {
            "ConstantOfShape" => model.Ints("s", Huge, Huge).Node(op, "s", "big"),
            "Expand" => model.Ints("s", Huge, Huge).Weights("w", 1).Node(op, "w s", "big"),
            "Tile" => model.Ints("s", Huge, Huge).Weights("w", 1, 1).Node(op, "w s", "big"),
            "Pad" => model.Ints("s", Huge, Huge, 0, 0).Weights("w", 1, 1).Node(op, "w s", "big"),
            "Range" => model.Constant("a", Tensor.FromInt64([0])).Constant("b", Tensor.FromInt64([1L << 50])).Constant("c", Tensor.FromInt64([1])).Node(op, "a b c", "big"),
            "OneHot" => model.Ints("i", 0, 1).Ints("d", 1L << 50).Weights("v", 2).Node(op, "i d v", "big"),
            "EyeLike" => model.Ints("s", Huge, Huge).Node("ConstantOfShape", "s", "zeros").Node(op, "zeros", "big"),
            _ => model.Floats("s", [1, 1, 1e9f, 1e9f], 4).Weights("w", 1, 1, 1, 1).Node(op, "w _ s", "big"),
        };
        model.Node("ReduceSum", "big", "sum", ("keepdims", 0)).Node("Add", "x sum", "y").Output("y");
        long before = GC.GetTotalAllocatedBytes(precise: true);
        var e = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 256 << 20);
        Assert.Contains("test.onnx: node '", e.Diagnostics.Single().Where, StringComparison.Ordinal);
    }

    [Fact]
    public void TheLargestValueIsNamedWithItsNodeAndTheSum()
    {
        var model = new TestModel().Input("x", 1, 1000).Ints("t", 1000, 1).Node("Tile", "x t", "a").Node("Neg", "a", "y").Output("y");
        var graph = model.Import();
        using DigitalSession session = new(ModelWriter.Extract(graph, graph.Nodes, ["x"], ["a", "y"]), new DigitalOptions(Optimize: false));
        ValueBudget.Check(graph, session, 8_000_000);
        var found = Assert.Throws<DiagnosticException>(() => ValueBudget.Check(graph, session, 7_999_999)).Diagnostics.Single();
        Assert.Equal(("AIMC1012", "test.onnx: node 'tile_a' (Tile)"), (found.Descriptor.Id, found.Where));
        Assert.StartsWith("writes 'a' of Float 1000x1000", found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AConstantThatIsMadeLargerThanAllOthersStaysANode()
    {
        var model = new TestModel().Input("x", 1).Ints("s", 1 << 12, 1 << 12).Node("ConstantOfShape", "s", "big").Node("ReduceSum", "big", "sum", ("keepdims", 0))
            .Node("Add", "x sum", "y").Output("y");
        Assert.Contains(FoldConstants.Run(model.Import()).Nodes, n => n.Is("ConstantOfShape"));
    }
}

using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Shapes without values are the shapes of the values.</summary>
public sealed class ShapeSessionTests
{
    [Fact]
    public void AScalarAVectorWithoutElementsAndEveryTypeHaveTheShapesOfTheirValues()
    {
        // Names like those that the shapes would get are taken.
        var model = new TestModel().Input("shape0", 2, 3).Node("Relu", "shape0", "shape1").Node("ReduceSum", "shape1", "scalar", ("keepdims", 0)).Node("Cast", "shape1", "half", ("to", 10))
            .Node("Cast", "shape1", "brain", ("to", 16)).Node("Cast", "scalar", "flag", ("to", 9)).Node("Cast", "shape1", "text", ("to", 8)).Node("NonZero", "shape1", "where")
            .Ints("none", 0).Node("Gather", "where none", "first", ("axis", 0)).Output("first", "scalar", "half", "brain", "flag", "text");
        var graph = model.Import();
        string[] values = [.. graph.Nodes.SelectMany(n => n.Writes)];
        var given = new Dictionary<string, Tensor> { ["shape0"] = Tensor.FromFloats([-1, 0, 0, -2, 0, -3], 2, 3) };
        var found = Shapes(graph, values, given);
        Assert.Equal(values.Order(StringComparer.Ordinal), found.Keys.Order(StringComparer.Ordinal));
        using DigitalSession session = new(ModelWriter.Extract(graph, graph.Nodes, ["shape0"], values), new DigitalOptions(Optimize: false));
        var results = session.Run(given.ToDictionary(g => g.Key, g => new DigitalValue(g.Value)), values);
        Assert.All(values.Zip(results), r => Assert.True(r.Second.TensorFacts.Shape.AsSpan().SequenceEqual(found[r.First].AsSpan()), r.First));
        Assert.Equal("2x0", Tensor.Format(found["where"]));
        Assert.Empty(found["scalar"]);
    }

    [Fact]
    public void SequencesBetweenTensorsDoNotDisturb()
    {
        var model = new TestModel().Input("x", 4, 3).Node("SplitToSequence", "x", "parts", ("axis", 0)).Node("ConcatFromSequence", "parts", "y", ("axis", 1)).Output("y");
        var found = Shapes(model.Import(), ["y"], new Dictionary<string, Tensor> { ["x"] = TestModel.Random(1, 4, 3) });
        Assert.Equal("1x12", Tensor.Format(found["y"]));
    }

    [Fact]
    public void AModelThatDoesNotLoadHasNoSuchSession() =>
        Assert.Null(ShapeSession.Open(new TestModel().Input("x", 4).Node("NoSuchOperator", "x", "y").Output("y").Import(), ["y"]));

    private static Dictionary<string, System.Collections.Immutable.ImmutableArray<long>> Shapes(Graph graph, string[] values, Dictionary<string, Tensor> given)
    {
        using var shapes = ShapeSession.Open(graph, values);
        Assert.NotNull(shapes);
        return shapes.Run(given.ToDictionary(g => g.Key, g => new DigitalValue(g.Value)), CancellationToken.None);
    }
}

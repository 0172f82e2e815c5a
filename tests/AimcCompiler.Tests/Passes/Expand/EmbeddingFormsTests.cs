using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class EmbeddingFormsTests
{
    private static readonly CompileOptions s_analog = new() { AnalogEmbedding = true };

    /// <summary>The reproducible indices lie between -2 and 2: negative ones count from the end.</summary>
    [Theory]
    [InlineData(TensorType.Int64, 0)]
    [InlineData(TensorType.Int32, 0)]
    [InlineData(TensorType.Int64, -2)]
    public void ALookUpIsAProductWithAOneHotVector(TensorType type, int axis)
    {
        var model = new TestModel().Input("x", type, 3, 4).Weights("w", 7, 5).Node("Gather", "w x", "y", ("axis", axis)).Output("y");
        Assert.Contains(Expansion.Inputs(model.Import())["x"].ToFloats(), i => i < 0);
        var layer = Assert.Single(Expansion.IsOnTiles(model, s_analog, tolerance: 0).Layers);
        Assert.Equal(("Gather", 7, 5, 4L), (layer.Op, layer.Rows, layer.Columns, layer.VectorsPerInference));
        Assert.True(layer.InputIsNonNegative);
    }

    [Fact]
    public void AScalarIndexReadsOneRow() =>
        Expansion.IsOnTiles(new TestModel().Input("x", TensorType.Int64, []).Weights("w", 7, 5).Node("Gather", "w x", "y").Output("y"), s_analog, tolerance: 0);

    [Fact]
    public void TablesAreDigitalUnlessTheUserWantsThemOnTiles() =>
        Expansion.StaysWhole(new TestModel().Input("x", TensorType.Int64, 3, 4).Weights("w", 7, 5).Node("Gather", "w x", "y").Output("y"));

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    private static readonly Dictionary<string, TestModel> Whole = new()
    {
        ["columns"] = new TestModel().Input("x", TensorType.Int64, 3, 4).Weights("w", 7, 5).Node("Gather", "w x", "y", ("axis", 1)).Output("y"),
        ["a stack"] = new TestModel().Input("x", TensorType.Int64, 3, 4).Weights("w", 7, 5, 2).Node("Gather", "w x", "y").Output("y"),
        ["a vector"] = new TestModel().Input("x", TensorType.Int64, 3, 4).Weights("w", 7).Node("Gather", "w x", "y").Output("y"),
        ["an activation"] = new TestModel().Input("x", TensorType.Int64, 3, 4).Input("w", 7, 5).Node("Gather", "w x", "y").Output("y"),
        ["constant indices"] = new TestModel().Input("x", 7, 5).Ints("i", 1, 2).Node("Gather", "x i", "y").Output("y"),
        ["integers"] = new TestModel().Input("x", TensorType.Int64, 3).Constant("w", new Tensor(TensorType.Int64, [4, 1], new long[] { 1, 2, 3, 4 })).Node("Gather", "w x", "y").Output("y"),
    };

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void WhatIsNoTableOfRowsStaysWhole(string name) => Expansion.StaysWhole(Whole[name], s_analog);
}

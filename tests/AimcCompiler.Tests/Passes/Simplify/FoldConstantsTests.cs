using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class FoldConstantsTests
{
    private static readonly Dictionary<string, TestModel> Positive = new()
    {
        ["Transpose"] = Model().Weights("w", 3, 4).Node("Transpose", "w", "k").Node("MatMul", "x k", "y"),
        ["Identity"] = Model().Weights("w", 4, 3).Node("Identity", "w", "k").Node("MatMul", "x k", "y"),
        ["Reshape"] = Model().Weights("w", 12).Ints("s", 4, 3).Node("Reshape", "w s", "k").Node("MatMul", "x k", "y"),
        ["Cast"] = Model().Constant("w", new Tensor(TensorType.Double, [4, 3], TestModel.Random(3, 12).Floats.Select(v => (double)v).ToArray()))
            .Node("Cast", "w", "k", ("to", 1)).Node("MatMul", "x k", "y"),
        ["DequantizeLinear"] = Model().Constant("w", new Tensor(TensorType.Int8, [4, 3], Enumerable.Range(-6, 12).Select(v => (sbyte)v).ToArray()))
            .Floats("s", [0.25f]).Constant("z", new Tensor(TensorType.Int8, [], new sbyte[] { 2 }))
            .Node("DequantizeLinear", "w s z", "k").Node("MatMul", "x k", "y"),
        ["a chain"] = Model().Weights("w", 12).Ints("s", 3, 4).Floats("two", [2])
            .Node("Identity", "w", "a").Node("Reshape", "a s", "b").Node("Transpose", "b", "c").Node("Mul", "c two", "k").Node("MatMul", "x k", "y"),
        ["an old model"] = new TestModel(9, 3).Input("x", 2, 4).Weights("w", 3, 4).Node("Transpose", "w", "k").Node("MatMul", "x k", "y").Output("y"),
        ["a chain beside an empty sequence"] = Model().Weights("w", 3, 4).Node("Transpose", "w", "k").Node("MatMul", "x k", "h")
            .Node("SequenceEmpty", "", "e").Node("SequenceInsert", "e h", "q").Ints("i", 0).Constant("zero", Tensor.FromInt64([0]))
            .Node("SequenceAt", "q zero", "y"),
    };

    private static readonly Dictionary<string, TestModel> Negative = new()
    {
        ["an activation"] = Model().Node("Relu", "x", "h").Node("Relu", "h", "y"),
        ["chance"] = Model().Node("RandomNormal", "", "r", ("shape", new[] { 2, 4 })).Node("Add", "x r", "y"),
        ["chance of a constant's shape"] = Model().Weights("w", 2, 4).Node("RandomUniformLike", "w", "r").Node("Add", "x r", "y"),
    };

    public static TheoryData<string> Folds => [.. Positive.Keys];

    [Theory]
    [MemberData(nameof(Folds))]
    public void FoldsOver(string name)
    {
        var before = Positive[name].Import();
        var after = FoldConstants.Run(before);
        Assert.DoesNotContain(after.Nodes, n => n.Outputs.Contains("k"));
        Assert.True(after.Constants.ContainsKey("k"));
        Assert.False(after.Constants.ContainsKey("w"));
        Meaning.IsKept(before, after, 0);
    }

    [Theory]
    [InlineData("an activation", 2)]
    [InlineData("chance", 2)]
    [InlineData("chance of a constant's shape", 2)]
    public void DoesNotFold(string name, int nodes) => Assert.Equal(nodes, FoldConstants.Run(Negative[name].Import()).Nodes.Length);

    [Fact]
    public void FoldsAwayWhatNobodyReads()
    {
        var after = FoldConstants.Run(Model().Weights("w", 3).Node("Relu", "w", "unused").Node("Relu", "x", "y").Import());
        Assert.Equal("Relu", Assert.Single(after.Nodes).OpType);
    }

    [Fact]
    public void AResultFarLargerThanItsConstantsStaysANode()
    {
        var before = Model().Ints("s", 3000, 3000).Node("ConstantOfShape", "s", "l").Node("Add", "x l", "y").Import();
        Assert.Same(before, FoldConstants.Run(before));
    }

    [Fact]
    public void AConstantOutputBecomesAConstant()
    {
        var before = new TestModel().Input("x", 1, 4).Weights("w", 3).Node("Neg", "w", "y").Node("Relu", "x", "z").Output("y", "z").Import();
        var after = FoldConstants.Run(before);
        Assert.Equal(TensorType.Float, after.Constants["y"].Type);
        Meaning.IsKept(before, after, 0);
    }

    [Fact]
    public void WhatOnnxRuntimeRefusesIsLeftForTheProfilingRunToReport()
    {
        var before = Model().Weights("w", 3).Ints("s", 5, 5).Node("Reshape", "w s", "k").Node("Add", "x k", "y").Import();
        Assert.Same(before, FoldConstants.Run(before));
        Assert.Equal("AIMC1002", Assert.Throws<DiagnosticException>(() => Calibrate.Run(before, new CompileOptions())).Diagnostics.Single().Descriptor.Id);
    }

    private static TestModel Model() => new TestModel().Input("x", 2, 4).Output("y");
}

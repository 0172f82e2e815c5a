using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class FoldBatchNormTests
{
    private static readonly Dictionary<string, TestModel> Positive = new()
    {
        ["a convolution"] = Convolution().Output("y"),
        ["a convolution with a bias"] = Image().Weights("w", 4, 3, 3, 3).Weights("c", 4).Statistics("s", 4)
            .Node("Conv", "x w c", "h").Norm("h", "y").Output("y"),
        ["a grouped convolution"] = new TestModel().Input("x", 1, 4, 6, 6).Weights("w", 8, 2, 3, 3).Statistics("s", 8)
            .Node("Conv", "x w", "h", ("group", 2)).Norm("h", "y").Output("y"),
        ["a convolution over one axis"] = new TestModel().Input("x", 1, 3, 9).Weights("w", 5, 3, 3).Statistics("s", 5)
            .Node("Conv", "x w", "h").Norm("h", "y").Output("y"),
        ["a transposed convolution"] = Image().Weights("w", 3, 4, 3, 3).Weights("c", 4).Statistics("s", 4)
            .Node("ConvTranspose", "x w c", "h", ("strides", new[] { 2, 2 })).Norm("h", "y").Output("y"),
        ["a transposed convolution in groups"] = new TestModel().Input("x", 1, 6, 5, 5).Weights("w", 6, 3, 2, 2).Statistics("s", 6)
            .Node("ConvTranspose", "x w", "h", ("group", 2)).Norm("h", "y").Output("y"),
        ["an epsilon"] = Image().Weights("w", 4, 3, 3, 3).Statistics("s", 4)
            .Node("Conv", "x w", "h").Norm("h", "y", ("epsilon", 0.5f)).Output("y"),
        ["a product"] = Rows().Weights("w", 5, 4).Statistics("s", 4).Node("Gemm", "x w", "h").Norm("h", "y").Output("y"),
        ["a transposed product with a bias"] = Rows().Weights("w", 4, 5).Weights("c", 4).Statistics("s", 4)
            .Node("Gemm", "x w c", "h", ("transB", 1)).Norm("h", "y").Output("y"),
        ["a product with a row of biases"] = Rows().Weights("w", 5, 4).Weights("c", 1, 4).Statistics("s", 4)
            .Node("Gemm", "x w c", "h").Norm("h", "y").Output("y"),
        ["two convolutions of the same weights"] = Image().Weights("w", 3, 3, 1, 1).Statistics("s", 3)
            .Node("Conv", "x w", "h").Norm("h", "k").Node("Conv", "k w", "i").Norm("i", "y").Output("y"),
        ["values whose names are those it would give"] = Image().Weights("w", 4, 3, 3, 3).Weights("y::weights", 4).Statistics("s", 4)
            .Node("Conv", "x w y::weights", "h").Norm("h", "y").Node("Relu", "y", "y::bias").Output("y", "y::bias"),
    };

    private static readonly Dictionary<string, TestModel> Negative = new()
    {
        ["the convolution is read twice"] = Convolution().Node("Relu", "h", "z").Output("y", "z"),
        ["the convolution is an output"] = Convolution().Output("y", "h"),
        ["the mean is not constant"] = Image().Input("m", 4).Weights("w", 4, 3, 3, 3).Statistics("s", 4)
            .Node("Conv", "x w", "h").Node("BatchNormalization", "h sg sb m sv", "y").Output("y"),
        ["the weights are not constant"] = Image().Input("w", 4, 3, 3, 3).Statistics("s", 4).Node("Conv", "x w", "h").Norm("h", "y").Output("y"),
        ["the bias is not constant"] = Image().Input("c", 4).Weights("w", 4, 3, 3, 3).Statistics("s", 4)
            .Node("Conv", "x w c", "h").Norm("h", "y").Output("y"),
        ["the product is scaled"] = Rows().Weights("w", 5, 4).Statistics("s", 4).Node("Gemm", "x w", "h", ("alpha", 2f)).Norm("h", "y").Output("y"),
        ["the bias is scaled"] = Rows().Weights("w", 5, 4).Weights("c", 4).Statistics("s", 4)
            .Node("Gemm", "x w c", "h", ("beta", 0.5f)).Norm("h", "y").Output("y"),
        ["the input is transposed"] = new TestModel().Input("x", 5, 4).Weights("w", 5, 4).Statistics("s", 4)
            .Node("Gemm", "x w", "h", ("transA", 1)).Norm("h", "y").Output("y"),
        ["the bias is a column"] = Rows().Weights("w", 5, 4).Weights("c", 4, 1).Statistics("s", 4).Node("Gemm", "x w c", "h").Norm("h", "y").Output("y"),
        ["something is in between"] = Image().Weights("w", 4, 3, 3, 3).Statistics("s", 4)
            .Node("Conv", "x w", "h").Node("Relu", "h", "r").Norm("r", "y").Output("y"),
        ["nothing is before it"] = Image().Statistics("s", 3).Norm("x", "y").Output("y"),
    };

    public static TheoryData<string> Folds => [.. Positive.Keys];

    public static TheoryData<string> Stays => [.. Negative.Keys];

    [Theory]
    [MemberData(nameof(Folds))]
    public void FoldsAfter(string name)
    {
        var before = Positive[name].Import();
        var after = FoldBatchNorm.Run(before);
        Assert.DoesNotContain(after.Nodes, n => n.Is("BatchNormalization"));
        Meaning.IsKept(before, after);
    }

    [Theory]
    [MemberData(nameof(Stays))]
    public void DoesNotFoldWhere(string name)
    {
        var before = Negative[name].Import();
        Assert.Same(before, FoldBatchNorm.Run(before));
    }

    [Fact]
    public void DoesNotFoldInTraining() => IsLeft(Image().Weights("w", 4, 3, 3, 3).Statistics("s", 4)
        .Node("Conv", "x w", "h").Node("BatchNormalization", "h sg sb sm sv", "y", ("training_mode", 1)).Output("y"));

    [Fact]
    public void DoesNotFoldIntoNumbersThatAreNone() => IsLeft(Image().Weights("w", 1, 3, 3, 3)
        .Floats("g", [1], 1).Floats("b", [0], 1).Floats("m", [0], 1).Floats("v", [-1], 1)
        .Node("Conv", "x w", "h").Node("BatchNormalization", "h g b m v", "y").Output("y"));

    [Fact]
    public void T8TheWorkedExample()
    {
        var graph = FoldBatchNorm.Run(new TestModel().Input("x", 1, 1, 1).Floats("w", [3], 1, 1, 1).Floats("c", [0], 1)
            .Floats("g", [2], 1).Floats("b", [0.5f], 1).Floats("m", [1], 1).Floats("v", [0.25f], 1)
            .Node("Conv", "x w c", "h").Node("BatchNormalization", "h g b m v", "y", ("epsilon", 0f)).Output("y").Import());
        var node = Assert.Single(graph.Nodes);
        Assert.Equal(12, graph.Constants[node.Inputs[1]].Floats[0]);
        Assert.Equal(-3.5f, graph.Constants[node.Inputs[2]].Floats[0]);
        Assert.Equal(8.5f, Meaning.Evaluate(graph, new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats([1], 1, 1, 1) })[0].Floats[0]);
    }

    private static void IsLeft(TestModel model)
    {
        var before = model.Import();
        Assert.Same(before, FoldBatchNorm.Run(before));
    }

    private static TestModel Image() => new TestModel().Input("x", 1, 3, 6, 6);

    private static TestModel Rows() => new TestModel().Input("x", 4, 5);

    private static TestModel Convolution() =>
        Image().Weights("w", 4, 3, 3, 3).Statistics("s", 4).Node("Conv", "x w", "h").Norm("h", "y");
}

internal static class NormExtensions
{
    public static TestModel Norm(this TestModel model, string input, string output, params (string Name, object Value)[] attributes) =>
        model.Node("BatchNormalization", $"{input} sg sb sm sv", output, attributes);
}

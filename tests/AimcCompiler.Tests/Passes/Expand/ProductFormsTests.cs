using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class ProductFormsTests
{
    private static readonly Dictionary<string, TestModel> Apart = new()
    {
        ["Gemm with a bias of one row"] = Gemm("x w c", [3, 4], [4, 5], [1, 5]),
        ["Gemm with a bias for each row"] = Gemm("x w c", [3, 4], [4, 5], [3, 1]),
        ["Gemm with a bias for each element"] = Gemm("x w c", [3, 4], [4, 5], [3, 5]),
        ["Gemm with a bias for each element, alpha and beta"] = Gemm("x w c", [3, 4], [4, 5], [3, 5], ("alpha", 0.5f), ("beta", -2f)),
        ["Gemm with a bias for each element of transposed operands"] = Gemm("x w c", [4, 3], [5, 4], [3, 5], ("transA", 1), ("transB", 1)),
        ["Gemm of square matrices with a bias for each row"] = Gemm("x w c", [4, 4], [4, 4], [4, 1]),
        ["Gemm with a computed bias"] = Gemm("x w z", [3, 4], [4, 5], [5]),
        ["Gemm with a computed scalar"] = Gemm("x w z", [3, 4], [4, 5], []),
        ["Gemm with a computed matrix and beta"] = Gemm("x w z", [3, 4], [4, 5], [3, 5], ("beta", 0.5f), ("alpha", 2f)),
        ["Gemm with a computed bias that beta takes away"] = Gemm("x w z", [3, 4], [4, 5], [5], ("beta", 0f)),
        ["Gemm of constants on the left"] = Gemm("w x", [4, 3], [5, 4], []),
        ["Gemm of transposed constants on the left"] = Gemm("w x", [4, 3], [4, 5], [], ("transA", 1)),
        ["Gemm of constants on the left and a transposed activation"] = Gemm("w x", [3, 4], [5, 4], [], ("transB", 1)),
        ["Gemm of constants on the left, both transposed, alpha"] = Gemm("w x", [3, 4], [4, 5], [], ("transA", 1), ("transB", 1), ("alpha", -0.5f)),
        ["Gemm of constants on the left with a bias"] = Gemm("w x c", [4, 3], [5, 4], [3]),
        ["Gemm of constants on the left with a bias for each row"] = Gemm("w x c", [4, 3], [5, 4], [5, 1], ("beta", 2f)),
        ["Gemm of constants on the left with a computed bias"] = Gemm("w x z", [4, 3], [5, 4], [5, 3], ("alpha", 0.5f), ("beta", 2f)),
        ["Gemm of constants on the left with a bias that beta takes away"] = Gemm("w x c", [4, 3], [5, 4], [3], ("beta", 0f)),
        ["Gemm of any batch with a computed bias"] = new TestModel().Input("x", "N", 4).Weights("w", 4, 5).Input("z", 5).Node("Gemm", "x w z", "y").Output("y"),
        ["Gemm of opset 7"] = new TestModel(7).Input("x", 3, 4).Weights("w", 4, 5).Weights("c", 3, 5).Node("Gemm", "x w c", "y").Output("y"),

        ["MatMul of a matrix and a vector"] = MatMul("x w", [3, 4], [4]),
        ["MatMul of a stack and a vector"] = MatMul("x w", [2, 3, 4], [4]),
        ["MatMul of two vectors"] = MatMul("x w", [4], [4]),
        ["MatMul of two vectors, the left constant"] = MatMul("w x", [4], [4]),
        ["MatMul of a vector and a matrix"] = MatMul("w x", [4, 3], [4]),
        ["MatMul of a vector and a stack"] = MatMul("w x", [2, 4, 3], [4]),
        ["MatMul of any batch and a vector"] = MatMul("x w", ["N", 3, 4], [4]),
        ["MatMul of a vector and any batch"] = MatMul("w x", ["N", 4, 3], [4]),
        ["MatMul of a stack with a stack of its own"] = MatMul("x w", [2, 3, 4], [2, 4, 5]),
        ["MatMul of a stack with two axes with a stack of its own"] = MatMul("x w", [2, 3, 3, 4], [2, 3, 4, 5]),
        ["MatMul of a batch of stacks"] = MatMul("x w", [2, 3, 5, 4], [3, 4, 5]),
        ["MatMul of any batch of stacks"] = MatMul("x w", ["N", 3, 5, 4], [3, 4, 5]),
        ["MatMul of a stack of any number of vectors"] = MatMul("x w", [3, "N", 4], [3, 4, 5]),
        ["MatMul of a matrix with a stack"] = MatMul("x w", [3, 4], [2, 4, 5]),
        ["MatMul of a matrix with a stack of two axes"] = MatMul("x w", [3, 4], [2, 3, 4, 5]),
        ["MatMul of a stack of one with a stack"] = MatMul("x w", [1, 3, 4], [2, 4, 5]),
        ["MatMul of any number of vectors with a stack"] = MatMul("x w", ["N", 4], [2, 4, 5]),
        ["MatMul of a stack with a stack of one"] = MatMul("x w", [2, 3, 4], [1, 4, 5]),
        ["MatMul of a matrix with a stack of one"] = MatMul("x w", [3, 4], [1, 4, 5]),
        ["MatMul of a stack with a deeper stack of one"] = MatMul("x w", [2, 3, 4], [1, 1, 4, 5]),
        ["MatMul of any batch with a stack of one"] = MatMul("x w", ["N", 3, 4], [1, 4, 5]),
        ["MatMul of any batch with a deeper stack of one"] = MatMul("x w", ["N", 3, 4], [1, 1, 4, 5]),
        ["MatMul of a stack on the left with its own"] = MatMul("w x", [2, 4, 3], [2, 5, 4]),
        ["MatMul of a stack on the left with a batch"] = MatMul("w x", [2, 3, 4, 5], [3, 5, 4]),
        ["MatMul of a stack on the left with any batch"] = MatMul("w x", ["N", 3, 4, 5], [3, 5, 4]),
        ["MatMul of a stack on the left with a matrix"] = MatMul("w x", [4, 3], [2, 5, 4]),
        ["MatMul of a stack of one on the left"] = MatMul("w x", [2, 4, 3], [1, 5, 4]),
        ["MatMul of a deeper stack of one on the left"] = MatMul("w x", [4, 3], [1, 1, 5, 4]),
        ["MatMul of a stack of one column"] = MatMul("x w", [2, 3, 4], [2, 4, 1]),
        ["MatMul of a stack of one vector"] = MatMul("x w", [2, 1, 4], [2, 4, 5]),

        ["FusedMatMul"] = Fused("x w", [2, 3, 4], [4, 5]),
        ["FusedMatMul with alpha"] = Fused("x w", [2, 3, 4], [4, 5], ("alpha", 0.25f)),
        ["FusedMatMul of transposed weights"] = Fused("x w", [2, 3, 4], [5, 4], ("transB", 1)),
        ["FusedMatMul of a transposed activation"] = Fused("x w", [2, 4, 3], [4, 5], ("transA", 1)),
        ["FusedMatMul of transposed weights on the left"] = Fused("w x", [4, 3], [4, 5], ("transA", 1), ("alpha", 2f)),
        ["FusedMatMul of weights on the left and a transposed activation"] = Fused("w x", [3, 4], [5, 4], ("transB", 1)),
        ["FusedMatMul of stacks"] = Fused("x w", [2, 4, 3], [2, 5, 4], ("transA", 1), ("transB", 1), ("alpha", 0.5f)),

        ["FusedGemm Relu"] = FusedGemm([("activation", "Relu")]),
        ["FusedGemm LeakyRelu"] = FusedGemm([("activation", "LeakyRelu"), ("activation_alpha", 0.3f)]),
        ["FusedGemm HardSigmoid"] = FusedGemm([("activation", "HardSigmoid"), ("activation_alpha", 0.3f), ("activation_beta", 0.4f)]),
        ["FusedGemm with all"] = new TestModel().Input("x", 4, 3).Weights("w", 5, 4).Weights("c", 3, 5)
            .Microsoft("FusedGemm", "x w c", "y", ("transA", 1), ("transB", 1), ("alpha", 0.5f), ("beta", 2f), ("activation", "Tanh")).Output("y"),
    };

    private static readonly Dictionary<string, TestModel> Whole = new()
    {
        ["Gemm of two activations"] = new TestModel().Input("x", 3, 4).Input("w", 4, 5).Node("Gemm", "x w", "y").Output("y"),
        ["Gemm of two activations and constant sums"] = new TestModel().Input("x", 3, 4).Input("w", 4, 5).Weights("c", 5).Node("Gemm", "x w c", "y").Output("y"),
        ["MatMul of two activations"] = new TestModel().Input("x", 3, 4).Input("w", 4, 5).Node("MatMul", "x w", "y").Output("y"),
        ["MatMul that broadcasts the activation over part of the stack"] = MatMul("x w", [3, 1, 5, 4], [3, 2, 4, 5]),
        ["MatMul of a stack with more than one batch axis"] = MatMul("x w", [2, 2, 3, 5, 4], [3, 4, 5]),
        ["MatMul of a stack of matrices of one row, which is depthwise"] = MatMul("x w", [2, 3, 1], [2, 1, 5]),
        ["MatMul of integers"] = new TestModel().Input("x", TensorType.Int32, 3, 4).Constant("w", new Tensor(TensorType.Int32, [4, 1], new[] { 1, 2, 3, 4 })).Node("MatMul", "x w", "y").Output("y"),
        ["FusedMatMul of two activations"] = new TestModel().Input("x", 3, 4).Input("w", 5, 4).Microsoft("FusedMatMul", "x w", "y", ("transB", 1)).Output("y"),
        ["FusedMatMul that turns its batch"] = Fused("x w", [3, 2, 4], [2, 4, 5], ("transBatchA", 1)),
        ["FusedGemm of another activation"] = FusedGemm([("activation", "Softplus")]),
    };

    public static TheoryData<string> ApartNames => [.. Apart.Keys];

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    [Theory]
    [MemberData(nameof(ApartNames))]
    public void AProductIsTakenOut(string name) => Expansion.IsOnTiles(Apart[name]);

    /// <summary>What is compiled for open dimensions holds for other extents than the nominal ones.</summary>
    [Theory]
    [InlineData("Gemm of any batch with a computed bias")]
    [InlineData("MatMul of any batch and a vector")]
    [InlineData("MatMul of a vector and any batch")]
    [InlineData("MatMul of any batch of stacks")]
    [InlineData("MatMul of a stack of any number of vectors")]
    [InlineData("MatMul of any number of vectors with a stack")]
    [InlineData("MatMul of any batch with a stack of one")]
    [InlineData("MatMul of any batch with a deeper stack of one")]
    [InlineData("MatMul of a stack on the left with any batch")]
    public void OpenDimensionsStayOpen(string name)
    {
        Expansion.IsOnTiles(Apart[name], symbolic: 1);
        Expansion.IsOnTiles(Apart[name], symbolic: 5);
    }

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void WhatHoldsNoProductStaysWhole(string name) => Expansion.StaysWhole(Whole[name]);

    /// <summary>A stack that one activation meets whole is one matrix; one whose matrices meet their own is as many.</summary>
    [Fact]
    public void AStackIsOneWideMatrixOrAGroupForEach()
    {
        var wide = Assert.Single(Expansion.IsOnTiles(Apart["MatMul of a matrix with a stack"]).Layers);
        Assert.Equal((1, 4, 10), (wide.Groups, wide.Rows, wide.Columns));
        var own = Assert.Single(Expansion.IsOnTiles(Apart["MatMul of a stack with a stack of its own"]).Layers);
        Assert.Equal((2, 4, 5), (own.Groups, own.Rows, own.Columns));
    }

    private static TestModel Gemm(string inputs, long[] x, long[] w, long[] c, params (string, object)[] attributes)
    {
        var model = new TestModel().Input("x", [.. x.Cast<object>()]).Weights("w", w);
        if (inputs.EndsWith('c'))
        {
            model.Weights("c", c);
        }
        else if (inputs.EndsWith('z'))
        {
            model.Input("z", [.. c.Cast<object>()]);
        }

        return model.Node("Gemm", inputs, "y", attributes).Output("y");
    }

    private static TestModel MatMul(string inputs, object[] x, long[] w) => new TestModel().Input("x", x).Weights("w", w).Node("MatMul", inputs, "y").Output("y");

    private static TestModel Fused(string inputs, object[] x, long[] w, params (string, object)[] attributes) =>
        new TestModel().Input("x", x).Weights("w", w).Microsoft("FusedMatMul", inputs, "y", attributes).Output("y");

    private static TestModel FusedGemm((string, object)[] attributes) =>
        new TestModel().Input("x", 3, 4).Weights("w", 4, 5).Weights("c", 5).Microsoft("FusedGemm", "x w c", "y", attributes).Output("y");
}

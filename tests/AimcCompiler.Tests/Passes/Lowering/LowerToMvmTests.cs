using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Gather, matrix product and scatter compute what ONNX Runtime's operator does: compiled for the chip "float", which loses nothing.</summary>
public sealed class LowerToMvmTests
{
    private static readonly Dictionary<string, TestModel> Forms = new()
    {
        ["Conv"] = Conv([2, 3, 7, 6], [4, 3, 3, 3]),
        ["Conv of 1 x 1"] = Conv([1, 5, 4, 4], [3, 5, 1, 1]),
        ["Conv with strides"] = Conv([1, 3, 9, 8], [4, 3, 3, 2], ("strides", new[] { 2, 3 })),
        ["Conv with pads"] = Conv([1, 2, 5, 5], [4, 2, 3, 3], ("pads", new[] { 1, 1, 1, 1 })),
        ["Conv with uneven pads"] = Conv([1, 2, 5, 5], [4, 2, 3, 3], ("pads", new[] { 0, 2, 1, 0 })),
        ["Conv with dilations"] = Conv([1, 2, 9, 9], [3, 2, 3, 3], ("dilations", new[] { 2, 3 })),
        ["Conv with all of them"] = Conv([2, 4, 11, 10], [6, 2, 3, 2], ("group", 2), ("strides", new[] { 2, 1 }), ("dilations", new[] { 1, 2 }), ("pads", new[] { 1, 0, 2, 1 })),
        ["Conv in groups"] = Conv([1, 6, 5, 5], [9, 2, 3, 3], ("group", 3)),
        ["Conv SAME_UPPER"] = Conv([1, 2, 6, 7], [3, 2, 4, 3], ("auto_pad", "SAME_UPPER")),
        ["Conv SAME_LOWER"] = Conv([1, 2, 6, 7], [3, 2, 4, 3], ("auto_pad", "SAME_LOWER")),
        ["Conv SAME_UPPER with strides"] = Conv([1, 2, 8, 7], [3, 2, 3, 3], ("auto_pad", "SAME_UPPER"), ("strides", new[] { 2, 3 })),
        ["Conv SAME_LOWER with strides"] = Conv([1, 2, 8, 7], [3, 2, 3, 3], ("auto_pad", "SAME_LOWER"), ("strides", new[] { 2, 3 })),
        ["Conv VALID"] = Conv([1, 2, 6, 7], [3, 2, 4, 3], ("auto_pad", "VALID")),
        ["Conv NOTSET with pads"] = Conv([1, 2, 6, 7], [3, 2, 4, 3], ("auto_pad", "NOTSET"), ("pads", new[] { 1, 1, 1, 1 })),
        ["Conv over one axis"] = Conv([2, 3, 9], [4, 3, 3], ("strides", new[] { 2 }), ("pads", new[] { 1, 0 })),
        ["Conv over one axis SAME"] = Conv([1, 3, 9], [4, 3, 4], ("auto_pad", "SAME_UPPER")),
        ["Conv over three axes"] = Conv([1, 2, 5, 4, 6], [3, 2, 2, 3, 2], ("strides", new[] { 1, 2, 1 }), ("pads", new[] { 1, 0, 0, 0, 1, 1 })),
        ["Conv with more rows than a tile"] = Conv([1, 40, 4, 4], [5, 40, 3, 3]),
        ["Conv with a bias"] = new TestModel().Input("x", 1, 3, 5, 5).Weights("w", 4, 3, 3, 3).Weights("c", 4).Node("Conv", "x w c", "y").Output("y"),
        ["Conv that names its kernel"] = Conv([1, 2, 5, 5], [3, 2, 3, 3], ("kernel_shape", new[] { 3, 3 })),
        ["Gemm"] = Gemm([3, 5], [5, 4]),
        ["Gemm with transposed weights"] = Gemm([3, 5], [4, 5], ("transB", 1)),
        ["Gemm of a transposed input"] = Gemm([5, 3], [5, 4], ("transA", 1)),
        ["Gemm of both transposed"] = Gemm([5, 3], [4, 5], ("transA", 1), ("transB", 1)),
        ["Gemm with alpha"] = Gemm([3, 5], [5, 4], ("alpha", 0.5f)),
        ["Gemm with a bias"] = Biased([4]),
        ["Gemm with a row of biases"] = Biased([1, 4]),
        ["Gemm with one bias"] = Biased([1]),
        ["Gemm with a scalar bias"] = Biased([]),
        ["Gemm with a bias for each row"] = Biased([3, 1]),
        ["Gemm with beta"] = Biased([4], ("alpha", 0.25f), ("beta", 3f)),
        ["Gemm with beta 0"] = Biased([4], ("beta", 0f)),
        ["MatMul"] = MatMul("x w", [3, 5], [5, 4]),
        ["MatMul of a vector"] = MatMul("x w", [5], [5, 4]),
        ["MatMul of a stack"] = MatMul("x w", [2, 3, 5], [5, 4]),
        ["MatMul of a stack of stacks"] = MatMul("x w", [2, 2, 3, 5], [5, 4]),
        ["MatMul with weights on the left"] = MatMul("w x", [5, 3], [4, 5]),
        ["MatMul with weights on the left of a stack"] = MatMul("w x", [2, 5, 3], [4, 5]),
        ["MatMul with one row"] = MatMul("x w", [3, 1], [1, 4]),
        ["MatMul with one column"] = MatMul("x w", [3, 5], [5, 1]),
        ["MatMul with more of both than a tile"] = MatMul("x w", [2, 300], [300, 270]),
        ["MatMul in double precision"] = new TestModel().Input("x", TensorType.Double, 2, 5)
            .Constant("w", new Tensor(TensorType.Double, [5, 3], TestModel.Random(9, 15).Floats.Select(v => (double)v).ToArray())).Node("MatMul", "x w", "y").Output("y"),
    };

    public static TheoryData<string> Names => [.. Forms.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void ComputesWhatOnnxRuntimeDoes(string name)
    {
        var model = Forms[name];
        if (model.Proto.Graph.Input[0].Type.TensorType.ElemType != (int)TensorType.Float)
        {
            // Inputs of the harness are floats: a cast makes the others.
            model = Cast(model);
        }

        Assert.Single(Meaning.IsKeptOnTheFloatChip(model).Program.Layers);
    }

    [Theory]
    [InlineData(DepthwisePolicy.Packed)]
    [InlineData(DepthwisePolicy.Dense)]
    [InlineData(DepthwisePolicy.Digital)]
    public void ADepthwiseConvolutionComputesTheSameUnderEveryPolicy(DepthwisePolicy policy)
    {
        var model = Conv([2, 40, 5, 5], [40, 1, 3, 3], ("group", 40), ("pads", new[] { 1, 1, 1, 1 }));
        var result = Meaning.IsKeptOnTheFloatChip(model, new CompileOptions { Depthwise = policy });
        Assert.Equal(policy == DepthwisePolicy.Digital ? 0 : 1, result.Program.Layers.Length);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(10)]
    [InlineData(11)]
    public void ABiasForEachRowIsAddedAfterTheProductInEveryVersion(long opset)
    {
        var result = Meaning.IsKeptOnTheFloatChip(new TestModel(opset).Input("x", 4, 5).Weights("w", 5, 3).Weights("c", 4, 3).Node("Gemm", "x w c", "y").Output("y"));
        Assert.Single(result.Program.Layers);
    }

    [Fact]
    public void RowsAreInTheOrderChannelThenKernelPosition()
    {
        var layer = Stairs.Lowered(Conv([1, 2, 3, 3], [1, 2, 2, 2])).Layers.Single();
        var weights = layer.Weights;
        Assert.Equal((1, 8, 1), (weights.Groups, weights.Rows, weights.Columns));
        Assert.Equal(TestModel.Random(1, 8).Floats, weights.ToRowMajor());
        Assert.Equal("conv(kernel=2x2, strides=1x1, pads=0x0:0x0, dilations=1x1)", layer.View.ToString());
        Assert.Equal((4, 32), (layer.VectorsPerInference, layer.Macs));
    }

    [Fact]
    public void TheBatchDoesNotCountAsVectorsOfAnInference()
    {
        var layer = Stairs.Lowered(MatMul("x w", [6, 3, 5], [5, 4])).Layers.Single();
        Assert.Equal((3, 60), (layer.VectorsPerInference, layer.Macs));
    }

    [Theory]
    [InlineData(float.NaN, "weight 1 is NaN")]
    [InlineData(float.PositiveInfinity, "weight 1 is Infinity")]
    public void WeightsThatAreNoNumbersAreAnError(float bad, string message)
    {
        DiagnosticBag bag = new();
        Stairs.Lowered(new TestModel().Input("x", 1, 2).Floats("w", [1, bad], 2, 1).Node("MatMul", "x w", "y").Output("y"), diagnostics: bag);
        var found = Assert.Single(bag.Diagnostics);
        Assert.Equal(("AIMC1005", "test.onnx: node 'matmul_y' (MatMul)", message), (found.Descriptor.Id, found.Where, found.Message));
    }

    [Fact]
    public void BiasesThatAreNoNumbersAreAnError()
    {
        DiagnosticBag bag = new();
        Stairs.Lowered(new TestModel().Input("x", 1, 2).Weights("w", 2, 2).Floats("c", [0, float.NaN], 2).Node("Gemm", "x w c", "y").Output("y"), diagnostics: bag);
        Assert.Equal("bias 1 is NaN", Assert.Single(bag.Diagnostics).Message);
    }

    [Theory]
    [InlineData("float", 1f)]
    [InlineData("tiny", null)]
    [InlineData("hermes", null)]
    public void WithoutSamplesTheInputScaleIsTheChipsOwnOrUnknown(string chip, float? scale) =>
        Assert.Equal(scale, Stairs.Lowered(MatMul("x w", [3, 5], [5, 4]), ChipReader.Read(chip)).Layers.Single().InputScale);

    [Fact]
    public void ABatchOfAnySizeGoesThroughWhatWasCompiledForASymbolicOne() => Meaning.IsKeptOnTheFloatChip(
        new TestModel().Input("x", "N", 2, 5, 5).Weights("w", 3, 2, 3, 3).Weights("v", 4, 3, 2, 2)
            .Node("Conv", "x w", "a").Node("Relu", "a", "b").Node("Conv", "b v", "c").Node("Softmax", "c", "y").Output("y"),
        symbolic: 4);

    private static TestModel Conv(long[] input, long[] weights, params (string Name, object Value)[] attributes) =>
        new TestModel().Input("x", [.. input.Cast<object>()]).Weights("w", weights).Node("Conv", "x w", "y", attributes).Output("y");

    private static TestModel Gemm(long[] input, long[] weights, params (string Name, object Value)[] attributes) =>
        new TestModel().Input("x", [.. input.Cast<object>()]).Weights("w", weights).Node("Gemm", "x w", "y", attributes).Output("y");

    private static TestModel Biased(long[] bias, params (string Name, object Value)[] attributes) =>
        new TestModel().Input("x", 3, 5).Weights("w", 5, 4).Weights("c", bias).Node("Gemm", "x w c", "y", attributes).Output("y");

    private static TestModel MatMul(string operands, long[] input, long[] weights) =>
        new TestModel().Input("x", [.. input.Cast<object>()]).Weights("w", weights).Node("MatMul", operands, "y").Output("y");

    private static TestModel Cast(TestModel model)
    {
        var input = model.Proto.Graph.Input[0];
        long type = input.Type.TensorType.ElemType;
        input.Type.TensorType.ElemType = (int)TensorType.Float;
        foreach (var node in model.Proto.Graph.Node)
        {
            node.Input[node.Input.IndexOf("x")] = "x1";
        }

        model.Proto.Graph.Node.Insert(0, TestModel.NodeOf("Cast", ["x"], ["x1"], ("to", type)));
        return model;
    }
}

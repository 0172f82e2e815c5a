using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class ConvolutionFormsTests
{
    private static readonly Dictionary<string, TestModel> Apart = new()
    {
        ["ConvTranspose"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3]),
        ["ConvTranspose of a batch"] = Transposed([3, 3, 4, 5], [3, 2, 3, 3]),
        ["ConvTranspose of any batch"] = Transposed(["N", 3, 4, 5], [3, 2, 3, 3]),
        ["ConvTranspose of any extent"] = Transposed([1, 3, "H", "W"], [3, 2, 3, 3], ("strides", new[] { 2, 2 })),
        ["ConvTranspose with strides"] = Transposed([1, 3, 4, 5], [3, 2, 3, 2], ("strides", new[] { 2, 3 })),
        ["ConvTranspose with pads"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("pads", new[] { 1, 0, 2, 1 })),
        ["ConvTranspose with output padding"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("strides", new[] { 2, 2 }), ("output_padding", new[] { 1, 0 })),
        ["ConvTranspose with an output shape"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("strides", new[] { 2, 2 }), ("output_shape", new[] { 8, 10 })),
        ["ConvTranspose SAME_UPPER"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("strides", new[] { 2, 2 }), ("auto_pad", "SAME_UPPER")),
        ["ConvTranspose SAME_LOWER"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("strides", new[] { 2, 2 }), ("auto_pad", "SAME_LOWER")),
        ["ConvTranspose VALID"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("auto_pad", "VALID")),
        ["ConvTranspose with dilations"] = Transposed([1, 3, 4, 5], [3, 2, 3, 2], ("dilations", new[] { 2, 3 })),
        ["ConvTranspose with all of them"] = Transposed(
            [2, 4, 4, 5], [4, 3, 3, 2], ("group", 2), ("strides", new[] { 3, 2 }), ("dilations", new[] { 2, 1 }), ("pads", new[] { 1, 0, 0, 1 }), ("output_padding", new[] { 2, 1 })),
        ["ConvTranspose in groups"] = Transposed([1, 6, 4, 5], [6, 2, 3, 3], ("group", 3)),
        ["ConvTranspose that names its kernel"] = Transposed([1, 3, 4, 5], [3, 2, 3, 2], ("kernel_shape", new[] { 3, 2 })),
        ["ConvTranspose of 1 x 1"] = Transposed([1, 3, 4, 5], [3, 2, 1, 1]),
        ["ConvTranspose over one axis"] = Transposed([2, 3, 6], [3, 2, 4], ("strides", new[] { 2 }), ("pads", new[] { 1, 0 })),
        ["ConvTranspose over three axes"] = Transposed([1, 3, 2, 3, 4], [3, 2, 2, 3, 2], ("strides", new[] { 1, 2, 2 }), ("pads", new[] { 0, 1, 0, 0, 1, 1 })),
        ["ConvTranspose with a bias"] = new TestModel().Input("x", 1, 3, 4, 5).Weights("w", 3, 2, 3, 3).Weights("c", 2).Node("ConvTranspose", "x w c", "y").Output("y"),
        ["ConvTranspose with a computed bias"] = new TestModel().Input("x", 1, 3, 4, 5).Input("c", 2).Weights("w", 3, 2, 3, 3).Node("ConvTranspose", "x w c", "y").Output("y"),
        ["ConvTranspose with more channels than a tile"] = Transposed([1, 300, 2, 2], [300, 2, 2, 2]),
        ["ConvTranspose of opset 7"] = new TestModel(7).Input("x", 1, 3, 4, 5).Weights("w", 3, 2, 3, 3).Node("ConvTranspose", "x w", "y").Output("y"),
        ["Conv with a computed bias"] = new TestModel().Input("x", 2, 3, 4, 5).Input("c", 2).Weights("w", 2, 3, 3, 3).Node("Conv", "x w c", "y", ("pads", new[] { 1, 1, 0, 0 })).Output("y"),
        ["Conv over one axis with a computed bias"] = new TestModel().Input("x", 2, 3, 4).Input("c", 2).Weights("w", 2, 3, 3).Node("Conv", "x w c", "y").Output("y"),
        ["FusedConv without an activation"] = Fused([]),
        ["FusedConv Relu"] = Fused([("activation", "Relu")]),
        ["FusedConv Tanh"] = Fused([("activation", "Tanh")]),
        ["FusedConv Sigmoid"] = Fused([("activation", "Sigmoid")]),
        ["FusedConv LeakyRelu"] = Fused([("activation", "LeakyRelu"), ("activation_params", new[] { 0.3f })]),
        ["FusedConv Clip"] = Fused([("activation", "Clip"), ("activation_params", new[] { -0.2f, 0.4f })]),
        ["FusedConv HardSigmoid"] = Fused([("activation", "HardSigmoid"), ("activation_params", new[] { 0.3f, 0.4f })]),
        ["FusedConv with strides and pads"] = Fused([("activation", "Relu"), ("strides", new[] { 2, 1 }), ("pads", new[] { 1, 0, 0, 1 })]),
        ["FusedConv with a bias"] = new TestModel().Input("x", 1, 3, 4, 5).Weights("w", 2, 3, 3, 3).Weights("c", 2).Microsoft("FusedConv", "x w c", "y", ("activation", "Relu")).Output("y"),
        ["FusedConv with a sum"] = new TestModel().Input("x", 1, 3, 4, 5).Input("z", 1, 2, 2, 3).Weights("w", 2, 3, 3, 3).Weights("c", 2)
            .Microsoft("FusedConv", "x w c z", "y", ("activation", "Relu")).Output("y"),
        ["FusedConv with a sum and no bias"] = new TestModel().Input("x", 1, 3, 4, 5).Input("z", 1, 2, 2, 3).Weights("w", 2, 3, 3, 3)
            .Microsoft("FusedConv", "x w _ z", "y", ("activation", "Relu")).Output("y"),
        ["FusedConv Clip of opset 10"] = new TestModel(10).Input("x", 1, 3, 4, 5).Weights("w", 2, 3, 3, 3)
            .Microsoft("FusedConv", "x w", "y", ("activation", "Clip"), ("activation_params", new[] { -0.2f, 0.4f })).Output("y"),
    };

    private static readonly Dictionary<string, TestModel> Whole = new()
    {
        ["ConvTranspose of two activations"] = new TestModel().Input("x", 1, 3, 4, 5).Input("w", 3, 2, 3, 3).Node("ConvTranspose", "x w", "y").Output("y"),
        ["ConvTranspose of a constant image"] = new TestModel().Weights("x", 1, 3, 4, 5).Input("w", 3, 2, 3, 3).Node("ConvTranspose", "x w", "y").Output("y"),
        ["depthwise ConvTranspose"] = Transposed([1, 3, 4, 5], [3, 1, 3, 3], ("group", 3)),
        ["depthwise ConvTranspose of two filters"] = Transposed([1, 3, 4, 5], [3, 2, 3, 3], ("group", 3)),
        ["Conv of two activations with a computed bias"] = new TestModel().Input("x", 1, 3, 4, 5).Input("w", 2, 3, 3, 3).Input("c", 2).Node("Conv", "x w c", "y").Output("y"),
        ["FusedConv of two activations"] = new TestModel().Input("x", 1, 3, 4, 5).Input("w", 2, 3, 3, 3).Microsoft("FusedConv", "x w", "y", ("activation", "Relu")).Output("y"),
        ["depthwise FusedConv"] = new TestModel().Input("x", 1, 3, 4, 5).Weights("w", 3, 1, 3, 3).Microsoft("FusedConv", "x w", "y", ("activation", "Relu"), ("group", 3)).Output("y"),
    };

    public static TheoryData<string> ApartNames => [.. Apart.Keys];

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    [Theory]
    [MemberData(nameof(ApartNames))]
    public void AProductIsTakenOut(string name) => Expansion.IsOnTiles(Apart[name], symbolic: 3);

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void WhatHoldsNoProductStaysWhole(string name) => Expansion.StaysWhole(Whole[name]);

    [Theory]
    [InlineData(DepthwisePolicy.Packed, 1)]
    [InlineData(DepthwisePolicy.Packed, 2)]
    [InlineData(DepthwisePolicy.Dense, 1)]
    [InlineData(DepthwisePolicy.Dense, 2)]
    public void ADepthwiseTransposedConvolutionGoesToTilesWhereThePolicyWantsIt(DepthwisePolicy policy, int filters) =>
        Expansion.IsOnTiles(Transposed([2, 3, 4, 5], [3, filters, 3, 3], ("group", 3), ("strides", new[] { 2, 2 })), new CompileOptions { Depthwise = policy });

    [Fact]
    public void ANodeThatMustBeDigitalStaysWhole()
    {
        var model = Apart["ConvTranspose"];
        var node = Expansion.StaysWhole(model, new CompileOptions { Digital = [model.Proto.Graph.Node[0].Name] });
        Assert.Equal("ConvTranspose", node.Op);
    }

    [Fact]
    public void ADepthwiseNodeThatMustBeAnalogIsTakenApart()
    {
        var model = Whole["depthwise ConvTranspose"];
        Expansion.IsOnTiles(model, new CompileOptions { Analog = [model.Proto.Graph.Node[0].Name] });
    }

    /// <summary>An output pixel of a transposed convolution is digital; a vector on tiles is an input pixel.</summary>
    [Fact]
    public void AnInputPixelIsOneVector()
    {
        var layer = Assert.Single(Expansion.IsOnTiles(Apart["ConvTranspose with strides"]).Layers);
        Assert.Equal((1, 3, 2 * 3 * 2, 20L), (layer.Groups, layer.Rows, layer.Columns, layer.VectorsPerInference));
        Assert.Equal("ConvTranspose", layer.Op);
    }

    private static TestModel Transposed(object[] input, long[] weights, params (string, object)[] attributes) =>
        new TestModel().Input("x", input).Weights("w", weights).Node("ConvTranspose", "x w", "y", attributes).Output("y");

    private static TestModel Fused((string, object)[] attributes) =>
        new TestModel().Input("x", 1, 3, 5, 5).Weights("w", 2, 3, 3, 3).Microsoft("FusedConv", "x w", "y", attributes).Output("y");
}

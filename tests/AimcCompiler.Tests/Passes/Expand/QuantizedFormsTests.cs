using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Steps are powers of two, so that sums of products are exact and what is quantized again is equal bit for bit.</summary>
public sealed class QuantizedFormsTests
{
    private const float XStep = 1f / 64;
    private const float WStep = 1f / 128;
    private const float YStep = 1f / 16;

    private static readonly Dictionary<string, TestModel> Exact = new()
    {
        ["QLinearConv"] = Conv(TensorType.UInt8, 128, TensorType.UInt8, 120, TensorType.UInt8, 100),
        ["QLinearConv of signed bytes"] = Conv(TensorType.Int8, 0, TensorType.Int8, 0, TensorType.Int8, 0),
        ["QLinearConv of unsigned activations and signed weights"] = Conv(TensorType.UInt8, 3, TensorType.Int8, 0, TensorType.UInt8, 7),
        ["QLinearConv with a bias"] = Conv(TensorType.UInt8, 128, TensorType.UInt8, 120, TensorType.UInt8, 100, bias: true),
        ["QLinearConv with a scale for each channel"] = Conv(TensorType.UInt8, 128, TensorType.Int8, 0, TensorType.UInt8, 100, bias: true, perChannel: true),
        ["QLinearConv with strides and pads"] = Conv(TensorType.UInt8, 128, TensorType.Int8, 0, TensorType.UInt8, 100, attributes: [("strides", new[] { 2, 1 }), ("pads", new[] { 1, 0, 1, 1 })]),
        ["QLinearMatMul"] = MatMul(TensorType.UInt8, 128, TensorType.UInt8, 120, TensorType.UInt8, 100),
        ["QLinearMatMul of signed bytes"] = MatMul(TensorType.Int8, 0, TensorType.Int8, 0, TensorType.Int8, 0),
        ["QLinearMatMul of unsigned activations and signed weights"] = MatMul(TensorType.UInt8, 3, TensorType.Int8, 0, TensorType.UInt8, 7),
        ["QLinearMatMul with a scale for each column"] = MatMul(TensorType.UInt8, 3, TensorType.Int8, 0, TensorType.UInt8, 7, perChannel: true),
        ["QLinearMatMul with weights on the left"] = Quantized(new TestModel().Input("x", TensorType.UInt8, 4, 3), "x", XStep, TensorType.UInt8, 9)
            .Codes("w", TensorType.UInt8, 5, 4).Quantized("w", WStep, TensorType.UInt8, 120).Quantized("y", YStep, TensorType.UInt8, 128)
            .Node("QLinearMatMul", "w ws wz x xs xz ys yz", "y").Output("y"),
        ["ConvInteger"] = Integer("ConvInteger", [2, 3, 5, 5], [4, 3, 3, 3], TensorType.UInt8, TensorType.UInt8, "x w xz wz"),
        ["ConvInteger with pads"] = Integer("ConvInteger", [2, 3, 5, 5], [4, 3, 3, 3], TensorType.UInt8, TensorType.Int8, "x w xz wz", ("pads", new[] { 1, 1, 0, 0 })),
        ["ConvInteger without zero points"] = Integer("ConvInteger", [1, 3, 5, 5], [4, 3, 3, 3], TensorType.UInt8, TensorType.UInt8, "x w"),
        ["ConvInteger without a zero point of the weights"] = Integer("ConvInteger", [1, 3, 5, 5], [4, 3, 3, 3], TensorType.UInt8, TensorType.UInt8, "x w xz"),
        ["MatMulInteger"] = Integer("MatMulInteger", [2, 3, 7], [7, 4], TensorType.UInt8, TensorType.UInt8, "x w xz wz"),
        ["MatMulInteger of signed weights"] = Integer("MatMulInteger", [3, 7], [7, 4], TensorType.UInt8, TensorType.Int8, "x w xz wz"),
        ["MatMulInteger of signed bytes"] = Integer("MatMulInteger", [3, 7], [7, 4], TensorType.Int8, TensorType.Int8, "x w xz wz"),
        ["MatMulInteger without zero points"] = Integer("MatMulInteger", [3, 7], [7, 4], TensorType.UInt8, TensorType.UInt8, "x w"),
        ["MatMulInteger with weights on the left"] = Integer("MatMulInteger", [7, 4], [3, 7], TensorType.UInt8, TensorType.UInt8, "w x wz xz"),
        ["MatMulInteger with a zero point for each column"] = new TestModel().Input("x", TensorType.UInt8, 3, 7).Codes("w", TensorType.UInt8, 7, 2).Bytes("xz", [5]).Bytes("wz", [100, 130], 2)
            .Node("MatMulInteger", "x w xz wz", "y").Output("y"),
        ["MatMulInteger of a computed zero point"] = new TestModel().Input("x", TensorType.UInt8, 3, 7).Input("z", TensorType.UInt8).Codes("w", TensorType.UInt8, 7, 2)
            .Node("MatMulInteger", "x w z", "y").Output("y"),
        ["MatMulInteger of opset 10"] = new TestModel(10).Input("x", TensorType.UInt8, 3, 7).Codes("w", TensorType.UInt8, 7, 2).Bytes("xz", [5]).Node("MatMulInteger", "x w xz", "y").Output("y"),
        ["QGemm"] = Gemm(true, [7, 4], 0),
        ["QGemm of transposed weights"] = Gemm(true, [4, 7], 1),
        ["QGemm with alpha"] = Gemm(true, [7, 4], 0, ("alpha", 0.5f)),
    };

    private static readonly Dictionary<string, TestModel> Real = new()
    {
        ["QGemm to floats"] = Gemm(false, [7, 4], 0),
        ["QGemm with alpha to floats"] = Gemm(false, [4, 7], 1, ("alpha", 0.25f)),
        ["MatMulIntegerToFloat"] = ToFloat("x w xs ws xz wz"),
        ["MatMulIntegerToFloat without zero points"] = ToFloat("x w xs ws"),
        ["MatMulIntegerToFloat with a bias"] = ToFloat("x w xs ws xz wz c"),
        ["MatMulIntegerToFloat with a scale for each column"] = new TestModel().Input("x", TensorType.UInt8, 3, 7).Floats("xs", [XStep], 1).Bytes("xz", [9], 1)
            .Codes("w", TensorType.Int8, 7, 2).Floats("ws", [WStep, 4 * WStep], 2).SignedBytes("wz", [0, 0], 2).Microsoft("MatMulIntegerToFloat", "x w xs ws xz wz", "y").Output("y"),
        ["DynamicQuantizeMatMul"] = Dynamic("x w ws wz"),
        ["DynamicQuantizeMatMul without a zero point"] = Dynamic("x w ws"),
        ["DynamicQuantizeMatMul with a bias"] = Dynamic("x w ws wz c"),
        ["MatMulInteger of what is quantized as it comes"] = new TestModel().Input("x", 3, 7).Node("DynamicQuantizeLinear", "x", "q qs qz").Codes("w", TensorType.UInt8, 7, 4).Bytes("wz", [120])
            .Node("MatMulInteger", "q w qz wz", "y_int").Node("Cast", "y_int", "f", ("to", 1)).Node("Mul", "f qs", "out").Output("out"),
        ["MatMulNBits of 4 bits"] = NBits(4, 32, 40, 5, zeros: false),
        ["MatMulNBits of 4 bits with zero points"] = NBits(4, 32, 40, 5, zeros: true),
        ["MatMulNBits of one block"] = NBits(4, 16, 16, 3, zeros: true),
        ["MatMulNBits of 8 bits"] = NBits(8, 16, 40, 5, zeros: true),
    };

    private static readonly Dictionary<string, TestModel> Whole = new()
    {
        ["QLinearMatMul of two activations"] = Quantized(new TestModel().Input("x", TensorType.UInt8, 3, 4).Input("w", TensorType.UInt8, 4, 5), "x", XStep, TensorType.UInt8, 9)
            .Quantized("w", WStep, TensorType.UInt8, 120).Quantized("y", YStep, TensorType.UInt8, 128).Node("QLinearMatMul", "x xs xz w ws wz ys yz", "y").Output("y"),
        ["QLinearConv of two activations"] = Quantized(new TestModel().Input("x", TensorType.UInt8, 1, 3, 5, 5).Input("w", TensorType.UInt8, 2, 3, 3, 3), "x", XStep, TensorType.UInt8, 9)
            .Quantized("w", WStep, TensorType.UInt8, 120).Quantized("y", YStep, TensorType.UInt8, 128).Node("QLinearConv", "x xs xz w ws wz ys yz", "y").Output("y"),
        ["depthwise QLinearConv"] = Conv(TensorType.UInt8, 3, TensorType.Int8, 0, TensorType.UInt8, 7, weights: [3, 1, 3, 3], attributes: [("group", 3)]),
        ["MatMulInteger of two activations"] = new TestModel().Input("x", TensorType.UInt8, 3, 4).Input("w", TensorType.UInt8, 4, 5).Node("MatMulInteger", "x w", "y").Output("y"),
        ["ConvInteger of two activations"] = new TestModel().Input("x", TensorType.UInt8, 1, 3, 5, 5).Input("w", TensorType.UInt8, 4, 3, 3, 3).Node("ConvInteger", "x w", "y").Output("y"),
        ["ConvInteger of a computed zero point of the weights"] = new TestModel().Input("x", TensorType.UInt8, 1, 3, 5, 5).Input("z", TensorType.UInt8).Codes("w", TensorType.UInt8, 4, 3, 3, 3)
            .Bytes("xz", [3]).Node("ConvInteger", "x w xz z", "y").Output("y"),
        ["DynamicQuantizeMatMul of two activations"] = new TestModel().Input("x", 3, 4).Input("w", TensorType.UInt8, 4, 5).Floats("ws", [WStep], 1).Microsoft("DynamicQuantizeMatMul", "x w ws", "y").Output("y"),
    };

    public static TheoryData<string> ExactNames => [.. Exact.Keys];

    public static TheoryData<string> RealNames => [.. Real.Keys];

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    [Theory]
    [MemberData(nameof(ExactNames))]
    public void IntegersAreEqual(string name) => Expansion.IsOnTiles(Exact[name], tolerance: 0);

    [Theory]
    [MemberData(nameof(RealNames))]
    public void RealsAreClose(string name) => Expansion.IsOnTiles(Real[name]);

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void WhatHoldsNoProductStaysWhole(string name) => Expansion.StaysWhole(Whole[name]);

    private static TestModel Quantized(TestModel model, string name, float step, TensorType type, int zero) => model.Quantized(name, step, type, zero);

    private static TestModel Conv(
        TensorType x, int xZero, TensorType w, int wZero, TensorType y, int yZero, bool bias = false, bool perChannel = false, long[]? weights = null, params (string, object)[] attributes)
    {
        weights ??= [4, 3, 3, 3];
        var model = new TestModel().Input("x", x, 2, 3, 6, 5).Quantized("x", XStep, x, xZero).Codes("w", w, weights).Quantized("y", YStep, y, yZero);
        if (perChannel)
        {
            model.Floats("ws", [WStep, 2 * WStep, WStep / 2, WStep], 4).SignedBytes("wz", [0, 0, 0, 0], 4);
        }
        else
        {
            model.Quantized("w", WStep, w, wZero);
        }

        if (bias)
        {
            model.Constant("c", new Tensor(TensorType.Int32, [4], new[] { 700, -3000, 0, 12345 }));
        }

        return model.Node("QLinearConv", bias ? "x xs xz w ws wz ys yz c" : "x xs xz w ws wz ys yz", "y", attributes).Output("y");
    }

    private static TestModel MatMul(TensorType x, int xZero, TensorType w, int wZero, TensorType y, int yZero, bool perChannel = false)
    {
        var model = new TestModel().Input("x", x, 2, 3, 7).Quantized("x", XStep, x, xZero).Codes("w", w, 7, 4).Quantized("y", YStep, y, yZero);
        if (perChannel)
        {
            model.Floats("ws", [WStep, 2 * WStep, WStep / 2, WStep], 4).SignedBytes("wz", [0, 0, 0, 0], 4);
        }
        else
        {
            model.Quantized("w", WStep, w, wZero);
        }

        return model.Node("QLinearMatMul", "x xs xz w ws wz ys yz", "y").Output("y");
    }

    private static TestModel Integer(string op, object[] x, long[] w, TensorType xType, TensorType wType, string inputs, params (string, object)[] attributes) =>
        new TestModel().Input("x", xType, x).Codes("w", wType, w).Zero("xz", xType, xType == TensorType.Int8 ? -3 : 120).Zero("wz", wType, wType == TensorType.Int8 ? 0 : 131)
            .Node(op, inputs, "y", attributes).Output("y");

    private static TestModel Gemm(bool quantizes, long[] w, int transB, params (string Name, object Value)[] attributes)
    {
        var model = new TestModel().Input("x", TensorType.UInt8, 3, 7).Quantized("x", XStep, TensorType.UInt8, 9).Codes("w", TensorType.UInt8, w).Quantized("w", WStep, TensorType.UInt8, 120)
            .Constant("c", new Tensor(TensorType.Int32, [4], new[] { 700, -3000, 0, 5000 })).Quantized("y", YStep, TensorType.UInt8, 128);
        return model.Microsoft("QGemm", quantizes ? "x xs xz w ws wz c ys yz" : "x xs xz w ws wz c", "y", [("transB", transB), .. attributes]).Output("y");
    }

    private static TestModel ToFloat(string inputs) => new TestModel().Input("x", TensorType.UInt8, 2, 3, 7).Floats("xs", [XStep], 1).Bytes("xz", [9], 1)
        .Codes("w", TensorType.UInt8, 7, 4).Floats("ws", [WStep], 1).Bytes("wz", [120], 1).Weights("c", 4).Microsoft("MatMulIntegerToFloat", inputs, "y").Output("y");

    private static TestModel Dynamic(string inputs) => new TestModel().Input("x", 3, 7)
        .Codes("w", TensorType.UInt8, 7, 4).Floats("ws", [WStep], 1).Bytes("wz", [120], 1).Weights("c", 4).Microsoft("DynamicQuantizeMatMul", inputs, "y").Output("y");

    private static TestModel NBits(int bits, int block, int rows, int columns, bool zeros)
    {
        int blocks = (rows + block - 1) / block;
        var model = new TestModel().Input("x", 3, rows).Codes("w", TensorType.UInt8, columns, blocks, block * bits / 8)
            .Floats("s", Array.ConvertAll(TestModel.Random(77, columns * blocks).Floats, v => 0.01f + Math.Abs(v / 16)), columns * blocks)
            .Codes("z", TensorType.UInt8, columns * ((blocks * bits + 7) / 8));
        return model.Microsoft("MatMulNBits", zeros ? "x w s z" : "x w s", "y", ("K", rows), ("N", columns), ("bits", bits), ("block_size", block)).Output("y");
    }
}

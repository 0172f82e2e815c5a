using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>A model brought to the stair that a test starts from.</summary>
internal static class Stairs
{
    public static ChipDescription Tiny { get; } = ChipReader.Read("tiny");

    public static PartitionedGraph Partitioned(TestModel model, CompileOptions? options = null, DiagnosticBag? diagnostics = null)
    {
        options ??= new CompileOptions();
        return PartitionGraph.Run(Calibrate.Run(model.Import(), options), options, diagnostics ?? new DiagnosticBag());
    }

    public static AnalogGraph<FloatMatrix> Lowered(TestModel model, ChipDescription? chip = null, CompileOptions? options = null, DiagnosticBag? diagnostics = null) =>
        LowerToMvm.Run(Partitioned(model, options), chip ?? Tiny, options ?? new CompileOptions(), diagnostics ?? new DiagnosticBag());

    public static AnalogGraph<QuantizedMatrix> Quantized(TestModel model, ChipDescription? chip = null, CompileOptions? options = null) =>
        QuantizeWeights.Run(Lowered(model, chip, options), chip ?? Tiny);

    public static AnalogGraph<SlicedMatrix> Sliced(TestModel model, ChipDescription? chip = null, CompileOptions? options = null) =>
        SliceBits.Run(Encode.Run(Quantized(model, chip, options), chip ?? Tiny));

    public static AnalogGraph<SplitMatrix> Split(TestModel model, ChipDescription? chip = null, CompileOptions? options = null) =>
        SplitWeights.Run(Sliced(model, chip, options), chip ?? Tiny, options ?? new CompileOptions());

    /// <summary>The states of an LSTM of two hidden units: x [5, 1, 3] -> states [5, 1, 1, 2].</summary>
    public static TestModel Lstm() => new TestModel().Input("x", 5, 1, 3).Weights("w", 1, 8, 3).Weights("r", 1, 8, 2).Weights("b", 1, 16)
        .Node("LSTM", "x w r b", "states", ("hidden_size", 2));

    /// <summary>y = QLinearConv(x) of unsigned bytes, with a bias.</summary>
    public static TestModel QuantizedConvolution(long opset)
    {
        sbyte[] weights = [.. Enumerable.Range(0, 4 * 2 * 9).Select(i => (sbyte)((i * 37 % 255) - 127))];
        return new TestModel(opset).Input("x", TensorType.UInt8, 1, 2, 4, 4).Floats("one", [0.01f]).Constant("zero", new Tensor(TensorType.UInt8, [], new byte[1]))
            .Constant("w", new Tensor(TensorType.Int8, [4, 2, 3, 3], weights)).Constant("signed", new Tensor(TensorType.Int8, [], new sbyte[1]))
            .Floats("step", [0.5f]).Constant("bias", new Tensor(TensorType.Int32, [4], new[] { 100, -100, 50, 7 }))
            .Node("QLinearConv", "x one zero w one signed step zero bias", "y");
    }

    /// <summary>y = x W: one layer of rows x columns.</summary>
    public static TestModel Product(long rows, long columns) =>
        new TestModel().Input("x", 1, rows).Weights("w", rows, columns).Node("MatMul", "x w", "y").Output("y");
}

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

    /// <summary>y = x W: one layer of rows x columns.</summary>
    public static TestModel Product(long rows, long columns) =>
        new TestModel().Input("x", 1, rows).Weights("w", rows, columns).Node("MatMul", "x w", "y").Output("y");
}

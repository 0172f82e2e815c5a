using AimcCompiler.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class ZTests
{
    [Fact]
    public void Tie()
    {
        var model = new TestModel().Input("x", 40).Quantized("x", 1f / 16, TensorType.UInt8, 7).Node("QuantizeLinear", "x xs xz", "y").Output("y");
        Dictionary<string, Tensor> inputs = new() { ["x"] = Tensor.FromFloats([.. Enumerable.Range(0, 40).Select(i => (i + 0.5f) / 16)], 40) };
        Assert.Fail(string.Join(" ", Meaning.Evaluate(model.Import(), inputs)[0].ToFloats()));
    }
}

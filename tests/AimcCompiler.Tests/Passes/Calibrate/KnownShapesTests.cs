using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>A large model is run for its shapes only where inference leaves some of them open.</summary>
public sealed class KnownShapesTests
{
    /// <summary>With an operator set in which ONNX Runtime infers no shape of a Dropout's mask.</summary>
    [Theory]
    [InlineData(1000, false)]
    [InlineData("N", true)]
    public void WeightsAreReadOnlyForARun(object samples, bool isRun)
    {
        const int Rows = 4096;
        const int Columns = 512;
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(new float[Rows * Columns].AsSpan()).ToArray());
        var graph = new TestModel(opset: 9).Input("x", samples, Rows).Weights("w", 1, 1).Node("MatMul", "x w", "h").Node("Dropout", "h", "y mask").Output("y").Import();
        graph = graph.With(constants: graph.Constants.SetItem("w", new Tensor(TensorType.Float, [Rows, Columns], file)));
        var typed = Calibrate.InferTypes(graph, new CompileOptions());
        Assert.Equal(isRun, file.Taken > 0);
        foreach (string value in (string[])["h", "y", "mask"])
        {
            Assert.Equal([isRun ? 1L : 1000, Columns], [.. typed.Facts[value].Shape]);
            Assert.Equal([isRun ? -1L : 1000, Columns], [.. typed.Facts[value].Declared]);
        }
    }
}

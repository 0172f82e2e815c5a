using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>A large model is run for its shapes only where inference leaves some of them open.</summary>
public sealed class KnownShapesTests
{
    [Theory]
    [InlineData(1000, false)]
    [InlineData("N", true)]
    public void WeightsAreReadOnlyForARun(object samples, bool isRun)
    {
        const int Rows = 4096;
        const int Columns = 512;
        BytesInPlaceOfAFile file = new(MemoryMarshal.AsBytes(new float[Rows * Columns].AsSpan()).ToArray());
        var graph = new TestModel().Input("x", samples, Rows).Weights("w", 1, 1).Node("MatMul", "x w", "h").Node("Relu", "h", "y").Output("y").Import();
        graph = graph.With(constants: graph.Constants.SetItem("w", new Tensor(TensorType.Float, [Rows, Columns], file)));
        var typed = Calibrate.InferTypes(graph, new CompileOptions());
        Assert.Equal(isRun, file.Taken > 0);
        foreach (string value in (string[])["h", "y"])
        {
            Assert.Equal(TensorType.Float, typed.Facts[value].Type);
            Assert.Equal([isRun ? 1L : 1000, Columns], [.. typed.Facts[value].Shape]);
            Assert.Equal([isRun ? -1L : 1000, Columns], [.. typed.Facts[value].Declared]);
        }
    }
}

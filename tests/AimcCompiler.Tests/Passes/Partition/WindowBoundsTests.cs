using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class WindowBoundsTests
{
    /// <summary>ONNX Runtime runs these: one window each. In 32 bits the strides would be 0 and -1.</summary>
    [Theory]
    [InlineData(1L << 32)]
    [InlineData(long.MaxValue)]
    [InlineData(int.MaxValue)]
    public void AStrideThatAProgramCannotHoldIsDigital(long stride)
    {
        var placement = Compiled(stride);
        Assert.Equal(Home.Digital, placement.Home);
        Assert.Contains("has strides beyond 16777216", placement.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void ALargeStrideThatItHoldsIsOnTiles() => Assert.Equal(Home.Analog, Compiled(1 << 20).Home);

    /// <summary>Too much work for a run, so that shapes are inferred and nothing has failed yet: a program must not follow weights that the attributes contradict.</summary>
    [Theory]
    [InlineData("kernel_shape", new int[] { 3, 1 }, "has kernel_shape 3x1 with filters 64x64x3x3")]
    [InlineData("kernel_shape", new int[] { 3, 3 }, "")]
    [InlineData("pads", new int[] { 1, 1, 1, 1 }, "")]
    public void AWindowThatContradictsItsFiltersIsDigital(string name, int[] values, string detail)
    {
        var model = new TestModel().Input("x", 1, 64, 1400, 1400).Weights("w", 64, 64, 3, 3).Node("Conv", "x w", "y", (name, values)).Output("y");
        var placement = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program.Nodes.Single();
        Assert.Equal((detail.Length > 0 ? Home.Digital : Home.Analog, detail), (placement.Home, placement.Detail));
    }

    private static NodePlacement Compiled(long stride)
    {
        var model = new TestModel().Input("x", 1, 2, 5, 5).Weights("w", 2, 2, 3, 3).Node("Conv", "x w", "y").Output("y");
        model.Proto.Graph.Node[0].Attribute.Add(new AttributeProto
        {
            Name = "strides",
            Type = AttributeProto.Types.AttributeType.Ints,
            Ints = { stride, stride },
        });
        return AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program.Nodes.Single();
    }
}

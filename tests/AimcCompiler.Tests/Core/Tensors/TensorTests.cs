using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Tensors;

public sealed class TensorTests
{
    [Fact]
    public void ASignedArrayKeepsItsSigns()
    {
        // To the runtime an sbyte[] is a byte[] too.
        Assert.Equal([-1f, 127f, -128f], new Tensor(TensorType.Int8, [3], new sbyte[] { -1, 127, -128 }).ToFloats());
        Assert.Equal([-1f], new Tensor(TensorType.Int16, [1], new short[] { -1 }).ToFloats());
        Assert.Equal([-1f], new Tensor(TensorType.Int32, [1], new[] { -1 }).ToFloats());
        Assert.Equal([-1f], new Tensor(TensorType.Int64, [1], new[] { -1L }).ToFloats());
    }

    [Fact]
    public void AnUnsignedArrayHasNone()
    {
        Assert.Equal([255f], new Tensor(TensorType.UInt8, [1], new byte[] { 255 }).ToFloats());
        Assert.Equal([65535f], new Tensor(TensorType.UInt16, [1], new ushort[] { 65535 }).ToFloats());
    }

    [Fact]
    public void BrainFloatsAreTheUpperHalfOfFloats() =>
        Assert.Equal([1.5f, -2f], new Tensor(TensorType.BFloat16, [2], new ushort[] { 0x3FC0, 0xC000 }).ToFloats());
}

using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

public sealed class TensorTests
{
    public static TheoryData<TensorType, Array, float[]> Values => new()
    {
        { TensorType.Float, new[] { -1.5f, 2 }, [-1.5f, 2] },
        { TensorType.Double, new[] { -1.5, 2 }, [-1.5f, 2] },
        { TensorType.Float16, new[] { (Half)(-1.5), (Half)2 }, [-1.5f, 2] },
        { TensorType.BFloat16, new ushort[] { 0xBFC0, 0x4000 }, [-1.5f, 2] },
        { TensorType.UInt8, new byte[] { 0, 200 }, [0, 200] },
        { TensorType.Int8, new sbyte[] { -56, 100 }, [-56, 100] },
        { TensorType.UInt16, new ushort[] { 0, 40000 }, [0, 40000] },
        { TensorType.Int16, new short[] { -25536, 5 }, [-25536, 5] },
        { TensorType.UInt32, new uint[] { 0, 4000000000 }, [0, 4e9f] },
        { TensorType.Int32, new[] { -294967296, 5 }, [-294967296, 5] },
        { TensorType.UInt64, new ulong[] { 0, 1UL << 63 }, [0, 9223372036854775808f] },
        { TensorType.Int64, new[] { -5L, 7 }, [-5, 7] },
        { TensorType.Bool, new[] { false, true }, [0, 1] },
    };

    /// <summary>Signed and unsigned integers of equal size are the same array to a type pattern; their values are not the same.</summary>
    [Theory]
    [MemberData(nameof(Values))]
    public void ElementsOfEveryTypeAreTheirNumbers(TensorType type, Array data, float[] expected) => Assert.Equal(expected, new Tensor(type, [2], data).ToFloats());

    [Fact]
    public void TextsHaveNoNumbers() => Assert.Throws<NotSupportedException>(() => new Tensor(TensorType.String, [1], new[] { "a" }).ToFloats());
}

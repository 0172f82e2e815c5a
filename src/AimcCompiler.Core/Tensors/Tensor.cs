using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Element types of a tensor; the numbers are ONNX's <c>TensorProto.DataType</c> (interop contract).</summary>
public enum TensorType
{
    Undefined = 0,
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    UInt32 = 12,
    UInt64 = 13,
    BFloat16 = 16,
    Float8E4M3FN = 17,
    Float8E4M3FNUZ = 18,
    Float8E5M2 = 19,
    Float8E5M2FNUZ = 20,
    UInt4 = 21,
    Int4 = 22,
    Float4E2M1 = 23,
    Float8E8M0 = 24,
    UInt2 = 25,
    Int2 = 26,
}

/// <summary>A dense tensor: a shape and its elements in row-major order in one typed array.</summary>
/// <remarks>float16 is held as <see cref="Half"/>[], bfloat16 as <see cref="ushort"/>[] bit patterns, strings as <see cref="string"/>[]; types of 8 bits and
/// less without a .NET type as <see cref="byte"/>[] as ONNX packs them, the first element in the low bits (<see cref="IsPacked"/>).
/// The array is not copied: whoever makes the tensor gives it away.</remarks>
public sealed class Tensor
{
    public Tensor(TensorType type, ImmutableArray<long> shape, Array data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.GetType().GetElementType() != ElementType(type))
        {
            throw new ArgumentException($"A tensor of {type} holds {ElementType(type).Name}[], not {data.GetType().Name}.", nameof(data));
        }

        Count = CountOf(shape);
        if (data.LongLength != LengthOf(type, Count))
        {
            throw new ArgumentException($"Shape {Format(shape)} has {Count} elements, the data {data.LongLength}.", nameof(data));
        }

        Type = type;
        Shape = shape;
        Data = data;
    }

    public TensorType Type { get; }

    public ImmutableArray<long> Shape { get; }

    /// <summary>The elements, row-major, in an array of <see cref="ElementType"/>.</summary>
    public Array Data { get; }

    public long Count { get; }

    /// <summary>The elements of a float tensor.</summary>
    /// <exception cref="InvalidCastException">The tensor is not of type float.</exception>
    public float[] Floats => (float[])Data;

    public static Tensor FromFloats(float[] data, params ReadOnlySpan<long> shape) => new(TensorType.Float, [.. shape], data);

    public static Tensor FromInt64(long[] data, params ReadOnlySpan<long> shape) => new(TensorType.Int64, [.. shape], data);

    /// <summary>A tensor of zeros (empty strings).</summary>
    public static Tensor Zeros(TensorType type, ImmutableArray<long> shape)
    {
        var data = Array.CreateInstance(ElementType(type), LengthOf(type, CountOf(shape)));
        if (data is string[] strings)
        {
            Array.Fill(strings, "");
        }

        return new Tensor(type, shape, data);
    }

    /// <summary>The same elements under another shape of equal count.</summary>
    public Tensor Reshape(ImmutableArray<long> shape) => new(Type, shape, Data);

    /// <summary>The elements as floats: the tensor's own array when it is of type float, else a converted copy.</summary>
    /// <exception cref="NotSupportedException">Strings have no numeric value.</exception>
    public float[] ToFloats()
    {
        // By type, not by array: to the runtime a signed array is an unsigned one too.
        return Type switch
        {
            _ when IsPacked(Type) => PackedElements.ToFloats(Type, (byte[])Data, Count),
            TensorType.Float => (float[])Data,
            TensorType.Double => Array.ConvertAll((double[])Data, x => (float)x),
            TensorType.Float16 => Array.ConvertAll((Half[])Data, x => (float)x),
            TensorType.BFloat16 => Array.ConvertAll((ushort[])Data, x => BitConverter.UInt32BitsToSingle((uint)x << 16)),
            TensorType.UInt8 => FromBytes((byte[])Data),
            TensorType.Int8 => Array.ConvertAll((sbyte[])Data, x => (float)x),
            TensorType.UInt16 => Array.ConvertAll((ushort[])Data, x => (float)x),
            TensorType.Int16 => Array.ConvertAll((short[])Data, x => (float)x),
            TensorType.UInt32 => Array.ConvertAll((uint[])Data, x => (float)x),
            TensorType.Int32 => Array.ConvertAll((int[])Data, x => (float)x),
            TensorType.UInt64 => Array.ConvertAll((ulong[])Data, x => (float)x),
            TensorType.Int64 => Array.ConvertAll((long[])Data, x => (float)x),
            TensorType.Bool => Array.ConvertAll((bool[])Data, x => x ? 1f : 0f),
            _ => throw new NotSupportedException($"A tensor of {Type} has no numeric value."),
        };
    }

    /// <summary>Images come as bytes, many of them.</summary>
    private static float[] FromBytes(byte[] bytes)
    {
        float[] floats = new float[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            floats[i] = bytes[i];
        }

        return floats;
    }

    /// <summary>The .NET element type that holds an ONNX element type.</summary>
    public static Type ElementType(TensorType type) => type switch
    {
        TensorType.Float => typeof(float),
        TensorType.UInt8 => typeof(byte),
        TensorType.Int8 => typeof(sbyte),
        TensorType.UInt16 or TensorType.BFloat16 => typeof(ushort),
        TensorType.Int16 => typeof(short),
        TensorType.Int32 => typeof(int),
        TensorType.Int64 => typeof(long),
        TensorType.String => typeof(string),
        TensorType.Bool => typeof(bool),
        TensorType.Float16 => typeof(Half),
        TensorType.Double => typeof(double),
        TensorType.UInt32 => typeof(uint),
        TensorType.UInt64 => typeof(ulong),
        _ when IsPacked(type) => typeof(byte),
        _ => throw new NotSupportedException($"Element type {(int)type} is not supported."),
    };

    /// <summary>True for float, float16, bfloat16 and double.</summary>
    public static bool IsFloating(TensorType type) =>
        type is TensorType.Float or TensorType.Float16 or TensorType.BFloat16 or TensorType.Double;

    /// <summary>True for the types that only ONNX Runtime computes with: float8, float4, and integers of 4 and 2 bits.</summary>
    public static bool IsPacked(TensorType type) => type is >= TensorType.Float8E4M3FN and <= TensorType.Int2;

    /// <summary>Bits of one element; 0 for strings.</summary>
    public static int BitsOf(TensorType type) => type switch
    {
        TensorType.UInt4 or TensorType.Int4 or TensorType.Float4E2M1 => 4,
        TensorType.UInt2 or TensorType.Int2 => 2,
        _ => 8 * SizeOf(type),
    };

    /// <summary>Length of the array that holds so many elements.</summary>
    public static long LengthOf(TensorType type, long count)
    {
        int perByte = BitsOf(type) switch
        {
            4 => 2,
            2 => 4,
            _ => 1,
        };
        return (count / perByte) + (count % perByte == 0 ? 0 : 1);
    }

    /// <summary>Bytes of one element of the array, as stored in a file; 0 for strings.</summary>
    public static int SizeOf(TensorType type) => type switch
    {
        _ when IsPacked(type) => 1,
        TensorType.UInt8 or TensorType.Int8 or TensorType.Bool => 1,
        TensorType.UInt16 or TensorType.Int16 or TensorType.Float16 or TensorType.BFloat16 => 2,
        TensorType.Float or TensorType.Int32 or TensorType.UInt32 => 4,
        TensorType.Double or TensorType.Int64 or TensorType.UInt64 => 8,
        _ => 0,
    };

    /// <summary>The number of elements of a shape.</summary>
    /// <exception cref="OverflowException">The product exceeds 2^63 - 1.</exception>
    public static long CountOf(ImmutableArray<long> shape)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension);
            count = checked(count * dimension);
        }

        return count;
    }

    /// <summary>A shape as <c>1x3x224x224</c>; unknown dimensions (-1) print as <c>?</c>, a scalar as <c>scalar</c>.</summary>
    public static string Format(ImmutableArray<long> shape) =>
        shape.IsDefaultOrEmpty ? "scalar" : string.Join('x', shape.Select(d => d < 0 ? "?" : d.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    public override string ToString() => $"{Type} {Format(Shape)}";
}

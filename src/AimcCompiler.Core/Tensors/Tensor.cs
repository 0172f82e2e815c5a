using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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
/// The array is not copied: whoever makes the tensor gives it away. Elements that are stored in a file are read anew when nobody holds their array any more.</remarks>
public sealed class Tensor
{
    private const int PieceBytes = 1 << 18;

    private readonly Array? _data;
    private readonly StoredElements? _stored;
    private readonly WeakReference<Array>? _lastRead;

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
        _data = data;
    }

    /// <summary>A tensor whose elements stay in a file: as many as the shape asks for, of any type but string and bool, whose bytes may not be what their arrays hold.</summary>
    public Tensor(TensorType type, ImmutableArray<long> shape, StoredElements stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        if (type is TensorType.String or TensorType.Bool || SizeOf(type) == 0)
        {
            throw new ArgumentException($"A tensor of {type} cannot stay in a file.", nameof(type));
        }

        (Type, Shape, Count) = (type, shape, CountOf(shape));
        (_stored, _lastRead) = (stored, new WeakReference<Array>(null!));
    }

    private Tensor(Tensor source, ImmutableArray<long> shape)
    {
        (Type, Shape, Count) = (source.Type, shape, CountOf(shape));
        (_data, _stored, _lastRead) = (source._data, source._stored, source._lastRead);
        if (Count != source.Count)
        {
            throw new ArgumentException($"Shape {Format(shape)} has {Count} elements, the tensor {source.Count}.", nameof(shape));
        }
    }

    public TensorType Type { get; }

    public ImmutableArray<long> Shape { get; }

    /// <summary>The elements, row-major, in an array of <see cref="ElementType"/>.</summary>
    /// <exception cref="DiagnosticException">They are stored in a file that cannot be read any more.</exception>
    public Array Data => _data ?? (_lastRead!.TryGetTarget(out var known) ? known : Load());

    public long Count { get; }

    /// <summary>The elements stand in a file, so that a part of them comes cheaper than all.</summary>
    public bool IsStored => _stored is not null;

    /// <summary>Bytes of the array; 0 for strings.</summary>
    public long Bytes => LengthOf(Type, Count) * SizeOf(Type);

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
    public Tensor Reshape(ImmutableArray<long> shape) => new(this, shape);

    /// <summary>This tensor when it is of type float, else one of converted elements.</summary>
    /// <exception cref="NotSupportedException">Strings have no numeric value.</exception>
    public Tensor AsFloat() => Type == TensorType.Float ? this : new Tensor(TensorType.Float, Shape, ToFloats());

    /// <summary>Copies a part of the elements of a float tensor, from a file only that part.</summary>
    /// <exception cref="InvalidCastException">The tensor is not of type float.</exception>
    /// <exception cref="DiagnosticException">They are stored in a file that cannot be read any more.</exception>
    public void CopyFloats(long first, Span<float> destination)
    {
        if (_stored is not null && Type == TensorType.Float && !_lastRead!.TryGetTarget(out _))
        {
            _stored.Read(first * sizeof(float), MemoryMarshal.AsBytes(destination));
            return;
        }

        Floats.AsSpan((int)first, destination.Length).CopyTo(destination);
    }

    /// <summary>Whether a condition holds for all elements as floats; it sees them piece by piece, up to the first where it does not hold.</summary>
    /// <exception cref="NotSupportedException">Strings have no numeric value.</exception>
    /// <exception cref="DiagnosticException">They are stored in a file that cannot be read any more.</exception>
    public bool TrueForAll(Func<ReadOnlySpan<float>, bool> condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        if (_stored is null || Type != TensorType.Float)
        {
            return condition(ToFloats());
        }

        float[] piece = new float[Math.Min(Count, PieceBytes / sizeof(float))];
        for (long first = 0; first < Count; first += piece.Length)
        {
            var part = piece.AsSpan(0, (int)Math.Min(piece.Length, Count - first));
            CopyFloats(first, part);
            if (!condition(part))
            {
                return false;
            }
        }

        return true;
    }

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

    private Array Load()
    {
        const int MostOfSpan = 1 << 30;
        var data = Array.CreateInstance(ElementType(Type), LengthOf(Type, Count));
        for (long start = 0; start < Bytes; start += MostOfSpan)
        {
            ref byte first = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(data), (nint)start);
            _stored!.Read(start, MemoryMarshal.CreateSpan(ref first, (int)Math.Min(MostOfSpan, Bytes - start)));
        }

        _lastRead!.SetTarget(data);
        return data;
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

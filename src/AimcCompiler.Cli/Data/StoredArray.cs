using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>An array whose elements stand one after another in a file.</summary>
/// <remarks>The reader that makes it has checked that the shape fits the bytes.</remarks>
internal sealed class StoredArray : ArraySource
{
    private readonly ByteSource _bytes;
    private readonly long _offset;
    private readonly bool _swaps;
    private readonly Lazy<Array>? _fortran;

    public StoredArray(ByteSource bytes, long offset, TensorType type, ImmutableArray<long> shape, bool isBigEndian = false, bool isFortran = false)
        : base(bytes.Where, type, shape)
    {
        _bytes = bytes;
        _offset = offset;
        _swaps = isBigEndian == BitConverter.IsLittleEndian;
        // The slices of a column-major array are scattered over the whole file.
        _fortran = isFortran && shape.Length > 1 ? new Lazy<Array>(ReadFortran) : null;
    }

    public override Array Read(long first, long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Slices - first);
        int elements = Elements(count);
        if (_fortran is not null)
        {
            var slice = Array.CreateInstance(Tensor.ElementType(Type), elements);
            Array.Copy(_fortran.Value, first * SliceCount, slice, 0, elements);
            return slice;
        }

        return ReadElements(first * SliceCount, elements);
    }

    public override void Dispose() => _bytes.Dispose();

    private Array ReadElements(long first, int count)
    {
        var result = Array.CreateInstance(Tensor.ElementType(Type), count);
        int size = Tensor.SizeOf(Type);
        var bytes = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(result), count * size);
        _bytes.Read(_offset + (first * size), bytes);
        if (Type == TensorType.Bool)
        {
            foreach (ref byte value in bytes)
            {
                value = value == 0 ? (byte)0 : (byte)1;
            }
        }

        if (_swaps && size > 1)
        {
            SwapBytes(bytes, size);
        }

        return result;
    }

    private static void SwapBytes(Span<byte> bytes, int size)
    {
        switch (size)
        {
            case 2:
                var shorts = MemoryMarshal.Cast<byte, ushort>(bytes);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                var ints = MemoryMarshal.Cast<byte, uint>(bytes);
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            default:
                var longs = MemoryMarshal.Cast<byte, ulong>(bytes);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
        }
    }

    private Array ReadFortran()
    {
        int count = Elements(Slices);
        var stored = ReadElements(0, count);
        var result = Array.CreateInstance(Tensor.ElementType(Type), count);
        int size = Tensor.SizeOf(Type);
        var from = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(stored), count * size);
        var to = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(result), count * size);
        long[] strides = new long[Shape.Length];
        long stride = 1;
        for (int axis = 0; axis < strides.Length; axis++)
        {
            strides[axis] = stride;
            stride *= Shape[axis];
        }

        long[] index = new long[Shape.Length];
        long position = 0;
        for (int i = 0; i < count; i++)
        {
            from.Slice((int)position * size, size).CopyTo(to[(i * size)..]);
            for (int axis = Shape.Length - 1; axis >= 0; axis--)
            {
                position += strides[axis];
                if (++index[axis] < Shape[axis])
                {
                    break;
                }

                position -= strides[axis] * Shape[axis];
                index[axis] = 0;
            }
        }

        return result;
    }
}

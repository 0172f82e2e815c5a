using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>TensorProto -> <see cref="Tensor"/>.</summary>
public static class TensorReader
{
    /// <summary>Smaller tensors come into memory at once: what reads shapes and scales asks for them often.</summary>
    internal const int MinimumStored = 1 << 20;

    private const int MaximumRank = 64;

    private const int PieceBytes = 1 << 30;

    /// <param name="proto">The tensor; raw, typed or external data. Large external data stay in their file.</param>
    /// <param name="external">Where external data are read from; null refuses them.</param>
    /// <exception cref="FormatException">Shape, type and data do not fit together, or the elements are complex numbers.</exception>
    public static Tensor Read(TensorProto proto, ExternalData? external) => Read(proto, external, null);

    /// <param name="proto">The tensor; raw, typed or external data. Large external data stay in their file.</param>
    /// <param name="external">Where external data are read from; null refuses them.</param>
    /// <param name="left">The raw data, if they were left in the file of the model.</param>
    /// <exception cref="FormatException">Shape, type and data do not fit together, or the elements are complex numbers.</exception>
    internal static Tensor Read(TensorProto proto, ExternalData? external, FileElements? left)
    {
        ArgumentNullException.ThrowIfNull(proto);
        var type = (TensorType)proto.DataType;
        if (!Enum.IsDefined(type) || type == TensorType.Undefined)
        {
            throw new FormatException(
                proto.DataType is 14 or 15 ? "holds complex numbers, which neither tiles nor ONNX Runtime's operators compute with" : $"has unknown element type {proto.DataType}");
        }

        if (proto.Dims.Count > MaximumRank)
        {
            throw new FormatException($"has {proto.Dims.Count} dimensions; at most {MaximumRank} are allowed");
        }

        var shape = proto.Dims.ToImmutableArray();
        long count = CountOf(shape);
        if (type == TensorType.String)
        {
            if (proto.HasRawData)
            {
                throw new FormatException("holds strings as raw data");
            }

            Expect(proto.StringData.Count, count, "strings");
            return new Tensor(type, shape, proto.StringData.Select(s => s.ToStringUtf8()).ToArray());
        }

        bool isExternal = proto.DataLocation == TensorProto.Types.DataLocation.External;
        if (isExternal || proto.HasRawData)
        {
            int typed = proto.FloatData.Count + proto.Int32Data.Count + proto.Int64Data.Count + proto.DoubleData.Count + proto.Uint64Data.Count;
            if (typed > 0 || (isExternal && (left is not null || proto.RawData.Length > 0)))
            {
                throw new FormatException("holds its data twice");
            }

            // What is there is measured before memory is taken for it.
            long length = Tensor.LengthOf(type, count);
            long bytes = checked(length * Tensor.SizeOf(type));
            if (isExternal)
            {
                left = (external ?? throw new FormatException("has external data, but the model was not read from a file")).Open(proto.ExternalData, bytes);
            }

            Expect(left?.Bytes ?? proto.RawData.Length, bytes, "bytes of data");
            if (left is not null && bytes >= MinimumStored && type != TensorType.Bool)
            {
                return new Tensor(type, shape, left);
            }

            var data = Array.CreateInstance(Tensor.ElementType(type), length);
            for (long start = 0; left is not null && start < bytes; start += PieceBytes)
            {
                left.Read(start, Bytes(data, start, (int)Math.Min(PieceBytes, bytes - start)));
            }

            if (left is null)
            {
                proto.RawData.Span.CopyTo(Bytes(data, 0, (int)bytes));
            }

            if (data is bool[] flags)
            {
                Normalize(flags);
            }

            return new Tensor(type, shape, data);
        }

        return new Tensor(type, shape, Typed(proto, type, count));
    }

    /// <summary>Brings the bytes of a tensor that stands in a file into the message itself.</summary>
    /// <exception cref="FormatException">The file does not hold what the shape needs.</exception>
    internal static void TakeIn(TensorProto proto, ExternalData? external)
    {
        var tensor = Read(proto, external);
        proto.ExternalData.Clear();
        proto.ClearDataLocation();
        proto.RawData = ModelWriter.Write(proto.Name, tensor).RawData;
    }

    private static long CountOf(ImmutableArray<long> shape)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0 || (dimension > 0 && count > Array.MaxLength / dimension))
            {
                throw new FormatException($"has shape {Tensor.Format(shape)}, which is not a shape of at most {Array.MaxLength} elements");
            }

            count *= dimension;
        }

        return count;
    }

    private static Array Typed(TensorProto proto, TensorType type, long count)
    {
        switch (type)
        {
            case TensorType.Float:
                Expect(proto.FloatData.Count, count, "values");
                return proto.FloatData.ToArray();
            case TensorType.Double:
                Expect(proto.DoubleData.Count, count, "values");
                return proto.DoubleData.ToArray();
            case TensorType.Int64:
                Expect(proto.Int64Data.Count, count, "values");
                return proto.Int64Data.ToArray();
            case TensorType.UInt64:
                Expect(proto.Uint64Data.Count, count, "values");
                return proto.Uint64Data.ToArray();
            case TensorType.UInt32:
                Expect(proto.Uint64Data.Count, count, "values");
                return proto.Uint64Data.Select(v => (uint)v).ToArray();
            default:
                // Types of less than 8 bits stand packed in the low byte of each number.
                Expect(proto.Int32Data.Count, Tensor.LengthOf(type, count), "values");
                var ints = proto.Int32Data;
                return type switch
                {
                    TensorType.Int32 => ints.ToArray(),
                    TensorType.Int16 => ints.Select(v => (short)v).ToArray(),
                    TensorType.Int8 => ints.Select(v => (sbyte)v).ToArray(),
                    TensorType.UInt8 => ints.Select(v => (byte)v).ToArray(),
                    TensorType.UInt16 or TensorType.BFloat16 => ints.Select(v => (ushort)v).ToArray(),
                    TensorType.Float16 => ints.Select(v => BitConverter.UInt16BitsToHalf((ushort)v)).ToArray(),
                    TensorType.Bool => ints.Select(v => v != 0).ToArray(),
                    _ when Tensor.IsPacked(type) => ints.Select(v => (byte)v).ToArray(),
                    _ => throw new System.Diagnostics.UnreachableException(),
                };
        }
    }

    /// <summary>A part of the memory of a numeric array, which may be larger than a span.</summary>
    internal static Span<byte> Bytes(Array data, long start, int length) =>
        length == 0 ? [] : MemoryMarshal.CreateSpan(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(data), (nint)start), length);

    private static void Normalize(bool[] flags)
    {
        // A byte other than 0 and 1 would be a bool that equals neither true nor false.
        var bytes = MemoryMarshal.AsBytes(flags.AsSpan());
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = bytes[i] != 0 ? (byte)1 : (byte)0;
        }
    }

    private static void Expect(long found, long needed, string unit)
    {
        if (found != needed)
        {
            throw new FormatException($"has {found} {unit}, its shape needs {needed}");
        }
    }
}

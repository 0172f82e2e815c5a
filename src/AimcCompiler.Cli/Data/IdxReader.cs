using System.Buffers.Binary;
using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads the idx files of the MNIST family: 00 00, type code, number of dimensions, big-endian dimensions, elements.</summary>
internal static class IdxReader
{
    /// <summary>True when the first bytes can be an idx header.</summary>
    public static bool IsIdx(ReadOnlySpan<byte> head) =>
        head.Length >= 4 && head[0] == 0 && head[1] == 0 && TypeOf(head[2]) is not null && head[3] is > 0 and <= DataLimits.MaxDimensions;

    /// <exception cref="DiagnosticException">The header is not one of idx, or the elements are fewer or more than it declares.</exception>
    public static StoredArray Read(ByteSource bytes)
    {
        string where = bytes.Where;
        byte[] head = bytes.Head(4 + (4 * DataLimits.MaxDimensions));
        if (head.Length < 4 || head[0] != 0 || head[1] != 0)
        {
            throw DataLimits.Invalid(where, $"an idx file starts with 00 00, this one with {Convert.ToHexString(head.AsSpan(0, Math.Min(4, head.Length)))}");
        }

        var type = TypeOf(head[2])
            ?? throw DataLimits.Invalid(where, $"type code 0x{head[2]:X2} at byte 2, known are 08, 09, 0B, 0C, 0D and 0E");
        int dimensions = head[3];
        if (dimensions is 0 or > DataLimits.MaxDimensions || 4 + (4 * dimensions) > head.Length)
        {
            throw DataLimits.Invalid(where, $"{dimensions} dimensions at byte 3 in a file of {bytes.Length} bytes, allowed are 1 to {DataLimits.MaxDimensions}");
        }

        ImmutableArray<long> shape =
            [.. Enumerable.Range(0, dimensions).Select(i => (long)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4 + (4 * i))))];
        long offset = 4 + (4 * dimensions);
        _ = DataLimits.CheckedBytes(where, shape, type, bytes.Length - offset);
        return new StoredArray(bytes, offset, type, shape, isBigEndian: true);
    }

    private static TensorType? TypeOf(byte code) => code switch
    {
        0x08 => TensorType.UInt8,
        0x09 => TensorType.Int8,
        0x0B => TensorType.Int16,
        0x0C => TensorType.Int32,
        0x0D => TensorType.Float,
        0x0E => TensorType.Double,
        _ => null,
    };
}

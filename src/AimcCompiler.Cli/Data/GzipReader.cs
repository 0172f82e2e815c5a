using System.Buffers.Binary;
using System.IO.Compression;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Inflates a .gz file of one member into memory.</summary>
internal static class GzipReader
{
    public static bool IsGzip(ReadOnlySpan<byte> head) => head.Length >= 2 && head[0] == 0x1F && head[1] == 0x8B;

    /// <exception cref="DiagnosticException">The file is damaged, too large inflated, or followed by something else.</exception>
    public static ByteSource Read(ByteSource compressed)
    {
        string where = compressed.Where;
        if (compressed.Length < 18)
        {
            throw DataLimits.Invalid(where, $"a .gz file has at least 18 bytes, this one {compressed.Length}");
        }

        byte[] trailer = new byte[8];
        compressed.Read(compressed.Length - 8, trailer);
        uint declaredCrc = BinaryPrimitives.ReadUInt32LittleEndian(trailer);
        uint declaredLength = BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(4));
        long limit = DataLimits.Inflated(compressed.Length);
        if (declaredLength > limit)
        {
            throw DataLimits.Invalid(
                where,
                $"the last 4 bytes declare {declaredLength} inflated bytes, a file of {compressed.Length} bytes may hold {limit}",
                "unpack it with gunzip and give the unpacked file");
        }

        return DataLimits.Guarded(where, () =>
        {
            byte[] content = new byte[declaredLength];
            using var stream = new GZipStream(compressed.AsStream(), CompressionMode.Decompress, leaveOpen: true);
            int read = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            bool isLonger = read == content.Length && stream.ReadByte() >= 0;
            if (read != content.Length || isLonger || Crc32.Compute(content) != declaredCrc)
            {
                throw DataLimits.Invalid(
                    where,
                    $"the last 8 bytes declare {declaredLength} inflated bytes with CRC-32 {declaredCrc:x8}; the content differs",
                    "remove what follows the compressed data",
                    "unpack it with gunzip and give the unpacked file");
            }

            return ByteSource.FromMemory(where, content);
        });
    }
}

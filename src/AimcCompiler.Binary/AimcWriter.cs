using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AimcCompiler.Core;
using Google.Protobuf;

namespace AimcCompiler.Binary;

/// <summary>Writes .aimc files (docs/aimc-format.md). Equal programs give equal bytes.</summary>
public static class AimcWriter
{
    // Streams take large writes badly; a piece also is what a full disk leaves behind at most.
    private const int PieceBytes = 1 << 20;

    /// <summary>Writes a file whole or not at all.</summary>
    /// <exception cref="InvalidIrException">The program breaks an invariant of <see cref="ProgramVerifier"/>.</exception>
    /// <exception cref="DiagnosticException">The file cannot be written.</exception>
    public static void WriteFile(MappedProgram program, string path)
    {
        ProgramVerifier.Verify(program);
        AtomicFile.Write(path, stream => WriteUnverified(program, stream));
    }

    /// <summary>Writes front to back; the stream need not seek.</summary>
    /// <exception cref="InvalidIrException">The program breaks an invariant of <see cref="ProgramVerifier"/>.</exception>
    public static void Write(MappedProgram program, Stream stream)
    {
        ProgramVerifier.Verify(program);
        WriteUnverified(program, stream);
    }

    internal static void WriteUnverified(MappedProgram program, Stream stream)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException("An .aimc file is little-endian.");
        }

        (Proto.Manifest manifest, IReadOnlyList<(SectionKind Kind, ReadOnlyMemory<byte> Bytes)> sections) = ManifestWriter.Divide(program);
        byte[] manifestBytes = manifest.ToByteArray();
        long tableOffset = AimcFormat.Align(AimcFormat.HeaderBytes + (long)manifestBytes.Length);

        byte[] table = new byte[sections.Count * AimcFormat.SectionEntryBytes];
        byte[][] hashes = new byte[sections.Count][];
        Parallel.For(0, sections.Count, i => hashes[i] = SHA256.HashData(sections[i].Bytes.Span));
        long end = tableOffset + table.Length;
        for (int i = 0; i < sections.Count; i++)
        {
            var (kind, bytes) = sections[i];
            Span<byte> entry = table.AsSpan(i * AimcFormat.SectionEntryBytes, AimcFormat.SectionEntryBytes);
            long offset = AimcFormat.Align(end);
            MemoryMarshal.Write(entry, new SectionEntry { Offset = (ulong)offset, Bytes = (ulong)bytes.Length, Kind = kind });
            hashes[i].CopyTo(entry[^AimcFormat.HashBytes..]);
            end = offset + bytes.Length;
        }

        var output = new Output(stream);
        output.Write(Header(manifestBytes, tableOffset, table, sections.Count, end));
        output.Write(manifestBytes);
        output.Align();
        output.Write(table);
        foreach (var (_, bytes) in sections)
        {
            output.Align();
            output.Write(bytes.Span);
        }
    }

    private static byte[] Header(byte[] manifest, long tableOffset, byte[] table, int sections, long totalBytes)
    {
        byte[] header = new byte[AimcFormat.HeaderBytes];
        var fields = new AimcHeader
        {
            Magic = MemoryMarshal.Read<uint>(AimcFormat.Magic),
            Version = AimcFormat.Version,
            Sections = (uint)sections,
            TotalBytes = (ulong)totalBytes,
            ManifestOffset = AimcFormat.HeaderBytes,
            ManifestBytes = (ulong)manifest.Length,
            TableOffset = (ulong)tableOffset,
        };
        MemoryMarshal.Write(header, fields);
        SHA256.HashData(manifest, header.AsSpan(AimcFormat.ManifestHashOffset));
        SHA256.HashData(table, header.AsSpan(AimcFormat.TableHashOffset));
        SHA256.HashData(header.AsSpan(0, AimcFormat.HashedHeaderBytes), header.AsSpan(AimcFormat.HashedHeaderBytes));
        return header;
    }

    private sealed class Output(Stream stream)
    {
        private long _position;

        public void Write(ReadOnlySpan<byte> bytes)
        {
            _position += bytes.Length;
            for (; bytes.Length > PieceBytes; bytes = bytes[PieceBytes..])
            {
                stream.Write(bytes[..PieceBytes]);
            }

            stream.Write(bytes);
        }

        public void Align() => Write(stackalloc byte[(int)(AimcFormat.Align(_position) - _position)]);
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Reads .aimc files. What it returns holds every invariant of <see cref="ProgramVerifier"/>, whoever wrote the file.</summary>
public static class AimcReader
{
    /// <summary>Maps a regular file; weights and sub-models stay in it.</summary>
    /// <exception cref="DiagnosticException">The file is not a valid program.</exception>
    public static AimcFile Open(string path, AimcLimits? limits = null)
    {
        var file = new MappedFile(path);
        try
        {
            return new AimcFile(file, new Reading(path, file.Length, file.Slice, limits ?? AimcLimits.Default).Read());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Open"/>, for a program that is used until the process ends: the file stays mapped.</summary>
    /// <exception cref="DiagnosticException">The file is not a valid program.</exception>
    public static MappedProgram Read(string path, AimcLimits? limits = null) => Open(path, limits).Program;

    /// <summary>Reads a file in memory; weights and sub-models stay in it.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="where">Names the file in errors.</param>
    /// <param name="limits">What is taken at most.</param>
    /// <exception cref="DiagnosticException">The bytes are not a valid program.</exception>
    public static MappedProgram Read(ReadOnlyMemory<byte> bytes, string where, AimcLimits? limits = null) =>
        new Reading(where, bytes.Length, (offset, length) => bytes.Slice((int)offset, length), limits ?? AimcLimits.Default).Read();

    private sealed class Reading(string where, long length, Func<long, int, ReadOnlyMemory<byte>> slice, AimcLimits limits)
    {
        public MappedProgram Read()
        {
            AimcHeader header = ReadHeader(out ReadOnlySpan<byte> manifestHash, out ReadOnlySpan<byte> tableHash);
            ReadOnlyMemory<byte> manifest = slice(AimcFormat.HeaderBytes, (int)header.ManifestBytes);
            CheckHash("the manifest", manifest, manifestHash);
            CheckZeros((long)header.ManifestOffset + manifest.Length, (long)header.TableOffset);
            ReadOnlyMemory<byte> table = slice((long)header.TableOffset, (int)header.Sections * AimcFormat.SectionEntryBytes);
            CheckHash("the section table", table, tableHash);
            IReadOnlyList<(SectionKind, ReadOnlyMemory<byte>)> sections = ReadSections(table.Span, (long)header.TableOffset + table.Length);
            try
            {
                MappedProgram program = new ManifestReader(sections, limits, header.Version).Read(manifest.Span);
                ProgramVerifier.Verify(program);
                return program;
            }
            catch (InvalidIrException e)
            {
                throw Invalid(e.Message);
            }
            catch (DiagnosticException e)
            {
                throw Invalid(string.Join("; ", e.Diagnostics.Select(d => $"{d.Where}: {d.Message}")));
            }
        }

        // Every check that can fail stands before what it guards: magic, version, checksum, then the fields.
        private AimcHeader ReadHeader(out ReadOnlySpan<byte> manifestHash, out ReadOnlySpan<byte> tableHash)
        {
            ReadOnlySpan<byte> start = slice(0, (int)Math.Min(length, AimcFormat.HeaderBytes)).Span;
            if (!start.StartsWith(AimcFormat.Magic))
            {
                throw Invalid(length == 0 ? "the file is empty" : "this is not an .aimc file: it does not begin with 'AIMC'");
            }

            uint version = start.Length >= 8 ? BinaryPrimitives.ReadUInt32LittleEndian(start[4..]) : 0;
            if (version > AimcFormat.Version)
            {
                throw new DiagnosticException(
                    Descriptors.NewerProgram,
                    where,
                    $"the file has format version {version}, this tool reads up to version {AimcFormat.Version}",
                    "use a newer aimc",
                    "compile the model again with this one");
            }

            if (start.Length < AimcFormat.HeaderBytes)
            {
                throw Invalid($"the file has {length} bytes, the header alone {AimcFormat.HeaderBytes}: it is cut short");
            }

            if (version == 0)
            {
                throw Invalid("there is no format version 0");
            }

            CheckHash("the header", start[..AimcFormat.HashedHeaderBytes], start[AimcFormat.HashedHeaderBytes..]);
            var header = MemoryMarshal.Read<AimcHeader>(start);
            manifestHash = start.Slice(AimcFormat.ManifestHashOffset, AimcFormat.HashBytes);
            tableHash = start.Slice(AimcFormat.TableHashOffset, AimcFormat.HashBytes);
            if (header.TotalBytes != (ulong)length)
            {
                throw Invalid($"the file has {length} bytes, its header says {header.TotalBytes}");
            }

            // Nothing is set that this version does not know.
            ReadOnlySpan<byte> unused = start[Marshal.SizeOf<AimcHeader>()..AimcFormat.ManifestHashOffset];
            ReadOnlySpan<byte> unusedBehindHashes = start[(AimcFormat.TableHashOffset + AimcFormat.HashBytes)..AimcFormat.HashedHeaderBytes];
            if (header.Flags != 0 || unused.ContainsAnyExcept((byte)0) || unusedBehindHashes.ContainsAnyExcept((byte)0))
            {
                throw Invalid("the header sets flags or fields that no format version has");
            }

            if (header.ManifestOffset != AimcFormat.HeaderBytes || header.ManifestBytes > (ulong)(length - AimcFormat.HeaderBytes))
            {
                throw Invalid($"the manifest of {header.ManifestBytes} bytes at {header.ManifestOffset} is not inside the file of {length} bytes");
            }

            long manifestLimit = Math.Min(limits.ManifestBytes, Array.MaxLength);
            if (header.ManifestBytes > (ulong)manifestLimit)
            {
                throw Invalid($"the manifest has {header.ManifestBytes} bytes, at most {manifestLimit} are read");
            }

            int sectionLimit = Math.Min(limits.Sections, Array.MaxLength / AimcFormat.SectionEntryBytes);
            if (header.Sections > (uint)sectionLimit)
            {
                throw Invalid($"the file declares {header.Sections} sections, at most {sectionLimit} are read");
            }

            long tableOffset = AimcFormat.Align(AimcFormat.HeaderBytes + (long)header.ManifestBytes);
            if (header.TableOffset != (ulong)tableOffset || (long)header.Sections * AimcFormat.SectionEntryBytes > length - tableOffset)
            {
                throw Invalid($"the table of {header.Sections} sections at {header.TableOffset} is not inside the file behind the manifest");
            }

            return header;
        }

        private List<(SectionKind, ReadOnlyMemory<byte>)> ReadSections(ReadOnlySpan<byte> table, long end)
        {
            var sections = new List<(SectionKind, ReadOnlyMemory<byte>)>(table.Length / AimcFormat.SectionEntryBytes);
            for (int i = 0; !table.IsEmpty; table = table[AimcFormat.SectionEntryBytes..], i++)
            {
                ReadOnlySpan<byte> bytes = table[..AimcFormat.SectionEntryBytes];
                var entry = MemoryMarshal.Read<SectionEntry>(bytes);
                if (bytes[Marshal.SizeOf<SectionEntry>()..^AimcFormat.HashBytes].ContainsAnyExcept((byte)0))
                {
                    throw Invalid($"the table entry of section {i} sets fields that no format version has");
                }

                // Sections stand in the order of the table with nothing but alignment between them, so none overlaps another.
                long offset = AimcFormat.Align(end);
                if (entry.Offset != (ulong)offset)
                {
                    throw Invalid($"section {i} begins at {entry.Offset}, not at {offset} where the one before it ends");
                }

                if (offset > length || entry.Bytes > (ulong)(length - offset) || entry.Bytes > int.MaxValue)
                {
                    throw Invalid(
                        $"section {i} of {entry.Bytes} bytes at {offset} is not inside the file of {length} bytes, or has over {int.MaxValue} bytes");
                }

                ReadOnlyMemory<byte> section = slice(offset, (int)entry.Bytes);
                CheckZeros(end, offset);
                CheckHash($"section {i}", section, bytes[^AimcFormat.HashBytes..]);
                sections.Add((entry.Kind, section));
                end = offset + section.Length;
            }

            return end == length ? sections : throw Invalid($"the file has {length} bytes, its last section ends at {end}");
        }

        private void CheckHash(string what, ReadOnlyMemory<byte> bytes, ReadOnlySpan<byte> expected) => CheckHash(what, bytes.Span, expected);

        private void CheckHash(string what, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
        {
            if (!expected.SequenceEqual(SHA256.HashData(bytes)))
            {
                throw Invalid($"{what} does not have the checksum it was written with: the file is damaged");
            }
        }

        private void CheckZeros(long start, long end)
        {
            if (slice(start, (int)(end - start)).Span.ContainsAnyExcept((byte)0))
            {
                throw Invalid($"bytes {start} to {end} are not zero: the file is damaged");
            }
        }

        private DiagnosticException Invalid(string message) => new(Descriptors.InvalidProgram, where, message, "compile the model again");
    }
}

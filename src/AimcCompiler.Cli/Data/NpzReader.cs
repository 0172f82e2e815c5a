using System.IO.Compression;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads NumPy's .npz, a zip of .npy entries. Nothing is unpacked to disk; CRC and lengths are checked here.</summary>
internal sealed class NpzReader : IDisposable
{
    private readonly ByteSource _bytes;
    private readonly ZipArchive _archive;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);
    private long _inflated;

    /// <exception cref="DiagnosticException">The archive is damaged, encrypted or holds something other than .npy entries.</exception>
    public NpzReader(ByteSource bytes)
    {
        _bytes = bytes;
        _archive = DataLimits.Guarded(bytes.Where, () => new ZipArchive(bytes.AsStream(), ZipArchiveMode.Read, leaveOpen: true));
        var entries = DataLimits.Guarded(bytes.Where, () => _archive.Entries);
        if (entries.Count > DataLimits.MaxEntries)
        {
            throw DataLimits.Invalid(bytes.Where, $"the archive has {entries.Count} entries, at most {DataLimits.MaxEntries} are allowed");
        }

        foreach (var entry in entries)
        {
            string name = entry.FullName;
            if (entry.IsEncrypted)
            {
                throw DataLimits.Invalid(bytes.Where, $"the entry '{name}' is encrypted", "save it with numpy.savez");
            }

            if (!name.EndsWith(".npy", StringComparison.Ordinal) || name.Contains('\uFFFD', StringComparison.Ordinal))
            {
                throw DataLimits.Invalid(bytes.Where, $"the entry '{name}' is not a .npy file", "save it with numpy.savez");
            }

            if (!_entries.TryAdd(name[..^4], entry))
            {
                throw DataLimits.Invalid(bytes.Where, $"the entry '{name}' stands twice");
            }
        }
    }

    /// <summary>The arrays' names, in the archive's order.</summary>
    public IEnumerable<string> Names => _entries.Keys;

    /// <exception cref="DiagnosticException">The entry is damaged or too large.</exception>
    public StoredArray Read(string name)
    {
        var entry = _entries[name];
        string where = $"{_bytes.Where}[{name}]";
        long limit = DataLimits.Inflated(_bytes.Length);
        if (entry.Length > limit - _inflated)
        {
            throw DataLimits.Invalid(
                where,
                $"the entry declares {entry.Length} bytes, {limit - _inflated} of the {limit} allowed to a file of {_bytes.Length} bytes are left",
                "save it as .npy, uncompressed");
        }

        _inflated += entry.Length;
        byte[] content = DataLimits.Guarded(where, () => Inflate(where, entry));
        return NpyReader.Read(ByteSource.FromMemory(where, content));
    }

    public void Dispose()
    {
        _archive.Dispose();
        _bytes.Dispose();
    }

    private static byte[] Inflate(string where, ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        byte[] content = new byte[entry.Length];
        int read = stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
        if (read != content.Length || stream.ReadByte() >= 0)
        {
            throw DataLimits.Invalid(where, $"the entry declares {content.Length} bytes and holds {(read < content.Length ? DataLimits.Text(read) : "more")}");
        }

        uint crc = Crc32.Compute(content);
        return crc == entry.Crc32
            ? content
            : throw DataLimits.Invalid(where, $"the entry is damaged: its CRC-32 is {crc:x8}, the archive says {entry.Crc32:x8}", "copy or make the file again");
    }
}

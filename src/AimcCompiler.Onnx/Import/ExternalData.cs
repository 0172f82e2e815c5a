using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Tensors beside the model file. Only regular files below the model's own folder are read.</summary>
public sealed class ExternalData(string folder)
{
    private readonly string _folder = Path.GetFullPath(folder);

    /// <summary>Finds a tensor's bytes and checks that they are there.</summary>
    /// <exception cref="FormatException">The entry is malformed, leads outside the folder, or does not hold what the shape needs.</exception>
    public ExternalRange Open(IEnumerable<StringStringEntryProto> entries, long bytes)
    {
        ArgumentNullException.ThrowIfNull(entries);
        Dictionary<string, string> keys = new(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            if (!keys.TryAdd(entry.Key, entry.Value))
            {
                throw new FormatException($"names '{entry.Key}' of its external data twice");
            }
        }

        string location = keys.GetValueOrDefault("location", "");
        if (location.Length == 0 || location.AsSpan().IndexOfAny('\\', ':', '\0') >= 0 || location[0] is '/' or '~' || location.StartsWith("*/", StringComparison.Ordinal)
            || location.Split('/').Any(part => part is "" or "." or ".."))
        {
            throw new FormatException($"has external data at '{location}', which is not a plain path below the model's folder");
        }

        string path = Path.Combine(_folder, location);
        for (string? part = path; part is not null && part.Length > _folder.Length; part = Path.GetDirectoryName(part))
        {
            if (new FileInfo(part).LinkTarget is not null)
            {
                throw new FormatException($"has external data behind the symbolic link '{location}'");
            }
        }

        long offset = Number(keys, "offset", 0);
        long length = Number(keys, "length", bytes);
        FileStream file;
        try
        {
            file = InputFile.Open(path, Descriptors.InvalidModel);
        }
        catch (DiagnosticException e)
        {
            throw new FormatException($"has external data in '{location}': {e.Diagnostics[0].Message}", e);
        }

        if (length != bytes || length > file.Length || offset > file.Length - length)
        {
            long size = file.Length;
            file.Dispose();
            throw new FormatException($"needs {bytes} bytes of external data; '{location}' of {size} bytes is asked for {length} at {offset}");
        }

        return new ExternalRange(file, location, offset, bytes);
    }

    private static long Number(Dictionary<string, string> keys, string key, long otherwise)
    {
        if (!keys.TryGetValue(key, out string? text))
        {
            return otherwise;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new FormatException($"has external data whose {key} is '{text}'");
    }
}

/// <summary>The bytes of one tensor in an opened file.</summary>
public sealed class ExternalRange(FileStream file, string location, long offset, long bytes) : IDisposable
{
    private const int PieceBytes = 1 << 30;

    /// <summary>Fills a numeric array, which may be larger than a span.</summary>
    /// <exception cref="FormatException">The file became shorter meanwhile.</exception>
    public void Read(Array destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        long done = 0;
        while (done < bytes)
        {
            int read = RandomAccess.Read(file.SafeFileHandle, TensorReader.Bytes(destination, done, (int)Math.Min(bytes - done, PieceBytes)), offset + done);
            if (read == 0)
            {
                throw new FormatException($"has external data in '{location}', which ends after {done} of {bytes} bytes");
            }

            done += read;
        }
    }

    public void Dispose() => file.Dispose();
}

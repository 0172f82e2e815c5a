using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Tensors beside the model file. Only regular files below the model's own folder are read.</summary>
public sealed class ExternalData(string folder)
{
    private readonly string _folder = Path.GetFullPath(folder);
    private readonly Dictionary<string, FileStream> _opened = new(StringComparer.Ordinal);

    /// <summary>Finds a tensor's bytes and checks that they are there.</summary>
    /// <exception cref="FormatException">The entry is malformed, leads outside the folder, or does not hold what the shape needs.</exception>
    public FileElements Open(IEnumerable<StringStringEntryProto> entries, long bytes)
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
        var file = Opened(path, location);
        if (length != bytes || length > file.Length || offset > file.Length - length)
        {
            throw new FormatException($"needs {bytes} bytes of external data; '{location}' of {file.Length} bytes is asked for {length} at {offset}");
        }

        return new FileElements(file, path, offset, bytes);
    }

    private FileStream Opened(string path, string location)
    {
        if (!_opened.TryGetValue(path, out var file))
        {
            try
            {
                _opened.Add(path, file = InputFile.Open(path, Descriptors.InvalidModel));
            }
            catch (DiagnosticException e)
            {
                throw new FormatException($"has external data in '{location}': {e.Diagnostics[0].Message}", e);
            }
        }

        return file;
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

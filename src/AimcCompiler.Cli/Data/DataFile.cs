using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Opens one array file, whatever its format; extension and content decide.</summary>
internal static class DataFile
{
    /// <summary>Opens .npy, .npz, idx, each also as .gz, and raw binary.</summary>
    /// <param name="path">The file.</param>
    /// <param name="entryNames">Names under which the wanted array may stand in a .npz; a single array needs none.</param>
    /// <param name="raw">Type and shape of a raw binary file, when known.</param>
    /// <exception cref="DiagnosticException">The file is none of these, or damaged.</exception>
    public static ArraySource Open(string path, IReadOnlyList<string> entryNames, RawFormat? raw)
    {
        var bytes = ByteSource.Open(path);
        try
        {
            string name = path;
            if (GzipReader.IsGzip(bytes.Head(2)))
            {
                using var compressed = bytes;
                bytes = GzipReader.Read(compressed);
                name = Path.GetExtension(path).Equals(".gz", StringComparison.OrdinalIgnoreCase) ? Path.ChangeExtension(path, null) : path;
            }

            byte[] head = bytes.Head(8);
            string extension = Path.GetExtension(name).ToUpperInvariant();
            bool isRawName = raw is not null && extension is ".BIN" or ".RAW" or ".DAT" or "";
            return extension switch
            {
                ".NPY" => NpyReader.Read(bytes),
                ".NPZ" => FromNpz(bytes, entryNames),
                _ when !isRawName && NpyReader.IsNpy(head) => NpyReader.Read(bytes),
                _ when !isRawName && head.AsSpan().StartsWith("PK"u8) => FromNpz(bytes, entryNames),
                _ when extension.Contains("IDX", StringComparison.Ordinal) || name.Contains("-idx", StringComparison.OrdinalIgnoreCase)
                    || (!isRawName && IdxReader.IsIdx(head)) => IdxReader.Read(bytes),
                _ when raw is not null => raw.Read(bytes),
                _ => throw DataLimits.Invalid(
                    path,
                    "the format is not known: neither .npy, .npz, idx, an image folder nor a test-set folder",
                    "for raw binary data give --shape and --dtype"),
            };
        }
        catch
        {
            bytes.Dispose();
            throw;
        }
    }

    private static StoredArray FromNpz(ByteSource bytes, IReadOnlyList<string> entryNames)
    {
        using var archive = new NpzReader(bytes);
        string[] names = [.. archive.Names];
        string? entry = entryNames.FirstOrDefault(names.Contains) ?? (names.Length == 1 ? names[0] : null);
        return entry is not null
            ? archive.Read(entry)
            : throw DataLimits.Invalid(
                bytes.Where,
                $"the archive holds {(names.Length == 0 ? "no arrays" : string.Join(", ", names))}; wanted is {string.Join(" or ", entryNames)}",
                "name the array after the input: numpy.savez(file, **{name: array})");
    }
}

/// <summary>Element type and shape of a raw binary file; little-endian, row-major.</summary>
/// <param name="Type">The element type.</param>
/// <param name="Shape">One sample's shape, or the whole file's.</param>
internal sealed record RawFormat(TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Reads <c>32x32x3</c> and <c>uint8</c>.</summary>
    /// <exception cref="DiagnosticException">The shape or the type has another form.</exception>
    public static RawFormat Parse(string shape, string type)
    {
        var dimensions = ImmutableArray.CreateBuilder<long>();
        foreach (string part in shape.Split('x', ','))
        {
            dimensions.Add(long.TryParse(part.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out long dimension) && dimension > 0
                ? dimension
                : throw new DiagnosticException(Descriptors.InvalidOption, "--shape", $"'{shape}' is not a shape such as 1000x32x32x3"));
        }

        return new RawFormat(ParseType(type), dimensions.ToImmutable());
    }

    /// <exception cref="DiagnosticException">There is no such type.</exception>
    public static TensorType ParseType(string type) => type switch
    {
        "float32" or "float" or "f4" => TensorType.Float,
        "float16" or "f2" => TensorType.Float16,
        "bfloat16" => TensorType.BFloat16,
        "float64" or "double" or "f8" => TensorType.Double,
        "int8" or "i1" => TensorType.Int8,
        "int16" or "i2" => TensorType.Int16,
        "int32" or "i4" => TensorType.Int32,
        "int64" or "i8" => TensorType.Int64,
        "uint8" or "u1" => TensorType.UInt8,
        "uint16" or "u2" => TensorType.UInt16,
        "uint32" or "u4" => TensorType.UInt32,
        "uint64" or "u8" => TensorType.UInt64,
        "bool" or "b1" => TensorType.Bool,
        _ => throw new DiagnosticException(
            Descriptors.InvalidOption,
            "--dtype",
            $"'{type}' is not an element type; known are float16, bfloat16, float32, float64, int8 to int64, uint8 to uint64 and bool"),
    };

    public StoredArray Read(ByteSource bytes)
    {
        long sample = Tensor.SizeOf(Type);
        foreach (long dimension in Shape)
        {
            sample = sample <= long.MaxValue / dimension ? sample * dimension : long.MaxValue;
        }

        if (Shape.Length >= DataLimits.MaxDimensions || bytes.Length == 0 || bytes.Length % sample != 0)
        {
            throw DataLimits.Invalid(
                bytes.Where,
                $"the file has {bytes.Length} bytes, not a multiple of the {sample} bytes of {Tensor.Format(Shape)} {Type}",
                "check --shape and --dtype");
        }

        return new StoredArray(bytes, 0, Type, bytes.Length == sample ? Shape : Shape.Insert(0, bytes.Length / sample));
    }
}

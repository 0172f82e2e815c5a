using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>How much a data file may ask for, and the checks and messages all readers share.</summary>
internal static class DataLimits
{
    public const int MaxDimensions = 32;
    public const int MaxHeaderBytes = 10_000;
    public const int MaxEntries = 10_000;
    public const long MaxArrayBytes = 0x7FFFFFC7;
    public const long MaxPixels = 1 << 26;

    /// <summary>Bytes a compressed file may grow to: 256 MiB and 16 times its own length.</summary>
    public static long Inflated(long compressed) => Math.Min(MaxArrayBytes, (256L << 20) + (16 * Math.Min(compressed, MaxArrayBytes)));

    public static DiagnosticException Invalid(string where, string message, params ReadOnlySpan<string> levers) =>
        new(Descriptors.InvalidData, where, message, levers);

    /// <summary>Bytes of an array, checked against the bytes that are there before anything is allocated.</summary>
    /// <exception cref="DiagnosticException">A dimension is negative, there are too many, or the file is shorter or longer.</exception>
    public static long CheckedBytes(string where, ImmutableArray<long> shape, TensorType type, long available)
    {
        if (shape.Length > MaxDimensions)
        {
            throw Invalid(where, $"shape has {shape.Length} dimensions, at most {MaxDimensions} are allowed");
        }

        long count = 1;
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0)
            {
                throw Invalid(where, $"shape has the negative dimension {dimension}");
            }

            empty |= dimension == 0;
            if (dimension != 0 && count > long.MaxValue / 8 / dimension)
            {
                throw Invalid(where, $"shape {Tensor.Format(shape)} has more elements than any file holds; {available} bytes follow the header");
            }

            count *= dimension == 0 ? 1 : dimension;
        }

        long bytes = empty ? 0 : count * Tensor.SizeOf(type);
        if (bytes != available)
        {
            throw Invalid(
                where,
                $"shape {Tensor.Format(shape)} of {type} needs {bytes} bytes, {available} follow the header",
                bytes > available ? "the file may be cut off: copy it again" : "remove what follows the data");
        }

        return bytes;
    }

    /// <summary>Runs a reader over outside code; whatever that throws on a damaged file becomes one finding.</summary>
    public static T Guarded<T>(string where, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is not (DiagnosticException or OutOfMemoryException))
        {
            throw Invalid(where, $"the file is damaged: {exception.Message}", "copy or make the file again");
        }
    }

    public static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

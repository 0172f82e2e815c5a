namespace AimcCompiler.Core;

/// <summary>The elements of a numeric tensor in a file, as its array holds them (little-endian): they come into memory when they are asked for, and a part at a time where a part is
/// enough.</summary>
public abstract class StoredElements
{
    /// <summary>Fills <paramref name="destination"/> from byte <paramref name="start"/> on. Safe to call from several threads at once.</summary>
    /// <exception cref="DiagnosticException">The file cannot be read any more, or became shorter.</exception>
    public abstract void Read(long start, Span<byte> destination);
}

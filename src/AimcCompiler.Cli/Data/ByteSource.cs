using AimcCompiler.Core;
using Microsoft.Win32.SafeHandles;

namespace AimcCompiler.Cli;

/// <summary>The bytes of a data file: read from the open file as needed, or held in memory when they had to be inflated.</summary>
internal sealed class ByteSource : IDisposable
{
    private readonly FileStream? _stream;
    private readonly byte[]? _memory;

    private ByteSource(string where, FileStream? stream, byte[]? memory)
    {
        Where = where;
        _stream = stream;
        _memory = memory;
        Length = stream?.Length ?? memory!.LongLength;
    }

    /// <summary>File name, and the entry inside it when there is one: the place to go to.</summary>
    public string Where { get; }

    public long Length { get; }

    private SafeFileHandle Handle => _stream!.SafeFileHandle;

    /// <exception cref="DiagnosticException">The path does not name a readable regular file.</exception>
    public static ByteSource Open(string path) => new(path, InputFile.Open(path, Descriptors.InvalidData), null);

    public static ByteSource FromMemory(string where, byte[] memory) => new(where, null, memory);

    /// <summary>Fills <paramref name="into"/> from an offset. Several threads may read at once.</summary>
    /// <exception cref="DiagnosticException">The file ends before, or the disk fails.</exception>
    public void Read(long offset, Span<byte> into)
    {
        if (offset > Length || into.Length > Length - offset)
        {
            throw DataLimits.Invalid(Where, $"the file ends at byte {Length}, {into.Length} bytes are wanted at {offset}");
        }

        if (_memory is not null)
        {
            _memory.AsSpan((int)offset, into.Length).CopyTo(into);
            return;
        }

        try
        {
            while (!into.IsEmpty)
            {
                int read = RandomAccess.Read(Handle, into, offset);
                if (read == 0)
                {
                    throw DataLimits.Invalid(Where, $"the file was cut to {offset} bytes while it was read, it had {Length}");
                }

                into = into[read..];
                offset += read;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw DataLimits.Invalid(Where, $"the file cannot be read at byte {offset}: {exception.Message}");
        }
    }

    /// <summary>The first bytes, fewer when the file is shorter.</summary>
    public byte[] Head(int count)
    {
        byte[] head = new byte[Math.Min(count, Length)];
        Read(0, head);
        return head;
    }

    /// <summary>The whole content as a stream of its own position.</summary>
    public Stream AsStream()
    {
        if (_memory is not null)
        {
            return new MemoryStream(_memory, writable: false);
        }

        _stream!.Position = 0;
        return _stream;
    }

    public void Dispose() => _stream?.Dispose();
}

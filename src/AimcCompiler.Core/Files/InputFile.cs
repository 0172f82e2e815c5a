using Microsoft.Win32.SafeHandles;

namespace AimcCompiler.Core;

/// <summary>Opens files named by the user: regular files only, and never waits for one.</summary>
public static class InputFile
{
    /// <summary>Opens a regular file for reading.</summary>
    /// <exception cref="DiagnosticException">There is no such file, it may not be read, or it is a folder, FIFO, socket or device.</exception>
    public static FileStream Open(string path, DiagnosticDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(path);
        SafeFileHandle? handle = null;
        try
        {
            if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            {
                throw new DiagnosticException(descriptor, path, "the path is empty or holds a NUL character", "give the path of a file");
            }

            if (Directory.Exists(path))
            {
                throw NotRegular(descriptor, path, "folder");
            }

            if (!Posix.IsAvailable)
            {
                return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            }

            handle = Posix.OpenRead(path);
            if (Posix.KindOf(handle) is { } kind and not "file")
            {
                throw NotRegular(descriptor, path, kind);
            }

            var stream = new FileStream(handle, FileAccess.Read);
            return stream.CanSeek ? stream : throw NotRegular(descriptor, path, "FIFO or device");
        }
        catch (Exception exception)
        {
            handle?.Dispose();
            if (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                throw new DiagnosticException(descriptor, path, $"the file cannot be opened: {exception.Message}", "check the path and its permissions");
            }

            throw;
        }
    }

    /// <summary>The whole content of a regular file of at most <paramref name="limit"/> bytes.</summary>
    /// <exception cref="DiagnosticException">The file cannot be opened or read, or is longer.</exception>
    public static byte[] ReadAllBytes(string path, long limit, DiagnosticDescriptor descriptor)
    {
        using var stream = Open(path, descriptor);
        if (stream.Length > limit)
        {
            throw new DiagnosticException(descriptor, path, $"the file has {stream.Length} bytes, at most {limit} are read");
        }

        try
        {
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            return content;
        }
        catch (IOException exception)
        {
            throw new DiagnosticException(descriptor, path, $"the file cannot be read: {exception.Message}");
        }
    }

    private static DiagnosticException NotRegular(DiagnosticDescriptor descriptor, string path, string kind) =>
        new(descriptor, path, $"this is a {kind}, not a regular file", "give the path of a regular file");
}

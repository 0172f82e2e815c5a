namespace AimcCompiler.Core;

/// <summary>Reads a small text file whole, within a limit.</summary>
internal static class LimitedFile
{
    public const int MaximumBytes = 16 << 20;

    /// <exception cref="DiagnosticException">No such file, not a regular file, too large, or not readable.</exception>
    public static byte[] Read(string path, DiagnosticDescriptor descriptor)
    {
        try
        {
            if (Directory.Exists(path))
            {
                throw new DiagnosticException(descriptor, path, "is a folder, not a file");
            }

            FileSystemInfo? target = File.ResolveLinkTarget(path, returnFinalTarget: true);
            var file = new FileInfo(target?.FullName ?? path);
            if (!file.Exists)
            {
                throw new DiagnosticException(descriptor, path, "does not exist");
            }

            // Pipes and devices report no length; opening one could wait for ever.
            if (file.Length == 0)
            {
                throw new DiagnosticException(descriptor, path, "is empty or not a regular file");
            }

            if (file.Length > MaximumBytes)
            {
                throw TooLarge(file.Length);
            }

            using FileStream stream = file.OpenRead();
            byte[] bytes = new byte[file.Length];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return read == bytes.Length ? bytes : bytes[..read];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new DiagnosticException(descriptor, path.Replace('\0', '?'), $"cannot be read: {e.Message}");
        }

        DiagnosticException TooLarge(long length) => new(descriptor, path, $"has {length} bytes; allowed: {MaximumBytes}");
    }
}

using System.IO.Compression;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Writes .npz: stored .npy entries with a fixed time. Equal tensors give equal bytes.</summary>
internal static class NpzWriter
{
    private static readonly DateTimeOffset EntryTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <exception cref="DiagnosticException">The file cannot be written, a name is empty or stands twice, or a tensor holds texts.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Tensor)> arrays)
    {
        (string Name, Tensor Tensor)[] all = [.. arrays];
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, tensor) in all)
        {
            NpyWriter.CheckType(path, tensor);
            if (name.Length == 0 || !names.Add(name))
            {
                throw new DiagnosticException(Descriptors.CannotWrite, path, $"the array name '{name}' is empty or stands twice");
            }
        }

        AtomicFile.Write(path, stream =>
        {
            using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            foreach (var (name, tensor) in all)
            {
                var entry = archive.CreateEntry($"{name}.npy", CompressionLevel.NoCompression);
                entry.LastWriteTime = EntryTime;
                using var content = entry.Open();
                NpyWriter.Write(content, tensor);
            }
        });
    }
}

using System.Diagnostics;
using System.Globalization;

namespace AimcCompiler.Core;

/// <summary>Writes a file whole or not at all: a reader finds the old content or the new one, whatever happens in between.</summary>
/// <remarks>The content goes to <c>.target.pid.random.tmp</c> beside the target, is forced to the disk and renamed over the target.
/// The only class that opens a file for writing.</remarks>
public static class AtomicFile
{
    private const int MaxNamePart = 50;

    /// <summary>Gives the target what <paramref name="write"/> writes. A link under the target's name is replaced, not followed.</summary>
    /// <exception cref="DiagnosticException">The file cannot be written; the target is as it was.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(write);
        string? temporary = null;
        try
        {
            var (target, folder) = Locate(path);
            SweepStale(folder, NamePart(target));
            using (var stream = Create(target, folder, out temporary))
            {
                if (!OperatingSystem.IsWindows() && File.Exists(target))
                {
                    File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(target));
                }

                write(stream);
                Synchronize(stream);
            }

            File.Move(temporary, target, overwrite: true);
            temporary = null;
            SynchronizeFolder(path, folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Refused(path, exception);
        }
        finally
        {
            Delete(temporary);
        }
    }

    /// <summary>Finds out, before hours of work, whether <see cref="Write"/> can start; leaves nothing behind.</summary>
    /// <exception cref="DiagnosticException">It cannot.</exception>
    public static void CheckWritable(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string? temporary = null;
        try
        {
            var (target, folder) = Locate(path);
            Create(target, folder, out temporary).Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw Refused(path, exception);
        }
        finally
        {
            Delete(temporary);
        }
    }

    private static (string Target, string Folder) Locate(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new DiagnosticException(Descriptors.CannotWrite, path, "the path is empty or holds a NUL character", "give the path of a file");
        }

        string target = Path.GetFullPath(path);
        if (Directory.Exists(target) || Path.EndsInDirectorySeparator(target))
        {
            throw new DiagnosticException(Descriptors.CannotWrite, path, "this is a folder, not a file", "add a file name to the path");
        }

        // Renamed over a device, the file would take the device's place.
        if (Posix.IsAvailable && Posix.KindOf(target) is { } kind and not ("file" or "link"))
        {
            throw new DiagnosticException(Descriptors.CannotWrite, path, $"this is a {kind}, not a regular file", "give the path of a regular file");
        }

        string folder = Path.GetDirectoryName(target)!;
        return Directory.Exists(folder)
            ? (target, folder)
            : throw new DiagnosticException(Descriptors.CannotWrite, path, $"there is no folder {folder}", "create the folder first");
    }

    private static FileStream Create(string target, string folder, out string temporary)
    {
        string random = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray().AsSpan(0, 6));
        string name = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $".{NamePart(target)}.{Environment.ProcessId}.{random}.tmp"));
        var stream = new FileStream(name, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        temporary = name;
        return stream;
    }

    /// <summary>The target's name, cut so that the temporary file's name stays within 255 bytes.</summary>
    private static string NamePart(string target)
    {
        string name = Path.GetFileName(target);
        if (name.Length <= MaxNamePart)
        {
            return name;
        }

        return name[..(char.IsHighSurrogate(name[MaxNamePart - 1]) ? MaxNamePart - 1 : MaxNamePart)];
    }

    private static void Synchronize(FileStream stream)
    {
        if (Posix.IsAvailable)
        {
            stream.Flush();
            Posix.Synchronize(stream.SafeFileHandle);
        }
        else
        {
            stream.Flush(flushToDisk: true);
        }
    }

    private static void SynchronizeFolder(string path, string folder)
    {
        if (!Posix.IsAvailable)
        {
            return;
        }

        try
        {
            using var handle = Posix.OpenRead(folder);
            Posix.Synchronize(handle);
        }
        catch (IOException exception)
        {
            throw new DiagnosticException(
                Descriptors.CannotWrite,
                path,
                $"the file is complete, but its folder could not be forced to the disk: {exception.Message}",
                "check the disk",
                "write to another disk");
        }
    }

    /// <summary>Deletes temporary files of this target left by processes that were killed: older than a day, their process gone.</summary>
    private static void SweepStale(string folder, string namePart)
    {
        string prefix = $".{namePart}.";
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*.tmp", new EnumerationOptions { AttributesToSkip = 0 }))
            {
                string name = Path.GetFileName(file);
                if (name.StartsWith(prefix, StringComparison.Ordinal)
                    && name[prefix.Length..^4].Split('.') is [var id, { Length: 12 }]
                    && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out int process)
                    && File.GetLastWriteTimeUtc(file) < DateTime.UtcNow.AddDays(-1)
                    && !IsAlive(process))
                {
                    File.Delete(file);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A leftover that cannot be deleted harms nobody.
        }
    }

    private static bool IsAlive(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void Delete(string? temporary)
    {
        try
        {
            if (temporary is not null)
            {
                File.Delete(temporary);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The failure that brought us here says more; the leftover is swept by a later run.
        }
    }

    private static DiagnosticException Refused(string path, Exception exception) =>
        new(Descriptors.CannotWrite, path, $"the file cannot be written: {exception.Message}", "check the folder's permissions and free space", "choose another path");
}

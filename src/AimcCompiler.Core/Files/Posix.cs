using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AimcCompiler.Core;

/// <summary>The few calls of Linux and macOS that .NET lacks or answers wrongly.</summary>
internal static class Posix
{
    private const int Eintr = 4;
    private const int Einval = 22;
    private const int EnosysLinux = 38;
    private const int EnotsupLinux = 95;
    private const int EnotsupMac = 45;

    public static bool IsAvailable => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Forces a file's content to the disk.</summary>
    /// <remarks>.NET 10's Flush(true) returns without an error when fsync fails on Linux, so the result is read here.</remarks>
    /// <exception cref="IOException">The system reports that the content did not reach the disk.</exception>
    public static void Synchronize(SafeFileHandle file)
    {
        const int FullFsync = 51;
        if (OperatingSystem.IsMacOS() && Fcntl(file, FullFsync) >= 0)
        {
            return;
        }

        while (Fsync(file) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            // Some network and user-space file systems know no fsync at all; that is not a failed one.
            if (error is Einval or EnosysLinux || error == (OperatingSystem.IsMacOS() ? EnotsupMac : EnotsupLinux))
            {
                return;
            }

            if (error != Eintr)
            {
                throw new IOException(new Win32Exception(error).Message);
            }
        }
    }

    /// <summary>Opens a file or folder for reading without waiting for the other end of a FIFO.</summary>
    /// <exception cref="IOException">The system refuses.</exception>
    public static SafeFileHandle OpenRead(string path)
    {
        int flags = OperatingSystem.IsMacOS() ? 0x4 | 0x1000000 : 0x800 | 0x80000; // O_NONBLOCK | O_CLOEXEC
        byte[] name = Name(path);
        while (true)
        {
            int descriptor = Open(name, flags);
            int error = Marshal.GetLastPInvokeError();
            if (descriptor >= 0)
            {
                return new SafeFileHandle(descriptor, ownsHandle: true);
            }

            if (error != Eintr)
            {
                throw new IOException(new Win32Exception(error).Message);
            }
        }
    }

    /// <summary>What stands under an opened handle, or null where the system does not say.</summary>
    public static string? KindOf(SafeFileHandle file) => Kind(file.DangerousGetHandle().ToInt32(), "", 0x1000);

    /// <summary>What stands under a path, a link not followed, or null where there is nothing or the system does not say.</summary>
    public static string? KindOf(string path) => Kind(-100, path, 0x100);

    private static string? Kind(int folder, string path, int flags)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        byte[] status = new byte[256];
        try
        {
            if (Statx(folder, Name(path), flags, 1, status) != 0)
            {
                return null;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }

        const int ModeOffset = 28; // struct statx is the same on every architecture
        return (BitConverter.ToUInt16(status, ModeOffset) & 0xF000) switch
        {
            0x8000 => "file",
            0xA000 => "link",
            0x4000 => "folder",
            0x1000 => "FIFO",
            0xC000 => "socket",
            _ => "device",
        };
    }

    private static byte[] Name(string path) => Encoding.UTF8.GetBytes(path + '\0');

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(SafeFileHandle file);

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fcntl(SafeFileHandle file, int command);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, [Out] byte[] status);
}

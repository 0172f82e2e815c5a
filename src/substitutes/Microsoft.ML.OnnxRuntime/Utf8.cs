using System.Text;

namespace Microsoft.ML.OnnxRuntime;

internal static class Utf8
{
    internal static byte[] ZeroTerminated(string text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    /// <summary>A path as the library takes it: UTF-16 on Windows, UTF-8 elsewhere, zero-terminated.</summary>
    internal static byte[] PlatformPath(string path) =>
        OperatingSystem.IsWindows() ? Encoding.Unicode.GetBytes(path + '\0') : ZeroTerminated(path);
}

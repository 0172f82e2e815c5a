using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

/// <summary>Finds ONNX Runtime's native library where the build put it: <c>runtimes/RID/native/</c> beside the program.</summary>
internal static class NativeLibraryFile
{
    internal static nint Load()
    {
        string[] candidates = [.. Candidates()];
        foreach (string path in candidates)
        {
            if (File.Exists(path)) return NativeLibrary.Load(path);
        }

        return NativeLibrary.TryLoad(FileName, out nint library)
            ? library
            : throw new DllNotFoundException($"ONNX Runtime's native library was not found. Looked for {string.Join(", ", candidates)}.");
    }

    private static string FileName =>
        OperatingSystem.IsWindows() ? "onnxruntime.dll" : OperatingSystem.IsMacOS() ? "libonnxruntime.1.dylib" : "libonnxruntime.so.1";

    private static string Rid
    {
        get
        {
            string system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
            return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
        }
    }

    private static IEnumerable<string> Candidates()
    {
        // Beside the program (tests, tools, publish), or beside this assembly when a host loads it from elsewhere.
        string beside = Path.GetDirectoryName(typeof(NativeLibraryFile).Assembly.Location);
        foreach (string folder in new[] { AppContext.BaseDirectory, beside }.Where(folder => !string.IsNullOrEmpty(folder)).Distinct())
        {
            yield return Path.Combine(folder, "runtimes", Rid, "native", FileName);
            yield return Path.Combine(folder, FileName);
        }
    }
}

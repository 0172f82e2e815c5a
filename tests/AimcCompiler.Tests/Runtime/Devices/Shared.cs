using System.Text.Json;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The folder beside the repository that holds reference vectors; it may be missing.</summary>
internal static class Shared
{
    /// <summary>Null, with a line in the test's output, when the folder is not there.</summary>
    public static JsonDocument? OpenConformance(string name, ITestOutputHelper output)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AimcCompiler.sln")))
            {
                string path = Path.Combine(folder.FullName, "..", "shared", "conformance", name);
                if (File.Exists(path))
                {
                    return JsonDocument.Parse(File.ReadAllBytes(path));
                }
            }
        }

        output.WriteLine("skipped: ../shared is not here");
        return null;
    }
}

using System.Runtime.CompilerServices;

namespace AimcCompiler.Tests.Passes;

/// <summary>Texts in review: a print must be the file beside the test. AIMC_BLESS=1 writes the files anew.</summary>
internal static class Approved
{
    public static void Check(string file, string actual, [CallerFilePath] string source = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(source)!, file + ".approved.txt");
        if (Environment.GetEnvironmentVariable("AIMC_BLESS") == "1")
        {
            File.WriteAllText(path, actual);
        }

        Assert.Equal(File.Exists(path) ? File.ReadAllText(path) : "", actual);
    }
}

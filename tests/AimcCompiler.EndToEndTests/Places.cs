namespace AimcCompiler.EndToEndTests;

/// <summary>Where things stand: the repository, and the folder of models and data that may stand beside it.</summary>
internal static class Places
{
    public static string Repository { get; } = FindRepository();

    public static string Shared { get; } = Path.GetFullPath(Path.Combine(Repository, "..", "shared"));

    public static bool HasShared => File.Exists(Path.Combine(Shared, "models", "INVENTORY.json"));

    /// <summary>The tool as users start it, copied next to the tests.</summary>
    public static string AppHost { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "aimc.exe" : "aimc");

    /// <summary>A file of onnx-models/.</summary>
    public static string Own(string name) => Path.Combine(Repository, "onnx-models", name);

    /// <summary>A model of ../shared.</summary>
    public static string Model(string name) => Path.Combine(Shared, "models", "onnx", $"{name}.onnx");

    /// <summary>A data file of ../shared.</summary>
    public static string Data(string name) => Path.Combine(Shared, "models", "data", name);

    public static string Golden(string name) => Path.Combine(Shared, "models", "golden", name);

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AimcCompiler.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"There is no AimcCompiler.sln above {AppContext.BaseDirectory}.");
    }
}

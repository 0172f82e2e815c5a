namespace AimcCompiler.EndToEndTests;

/// <summary>Where things stand: the repository, and the folder of models and data that may stand beside it.</summary>
internal static class Places
{
    public static string Repository => SharedFolder.Repository;

    public static string Shared => SharedFolder.Folder;

    /// <summary>The tool as users start it, copied next to the tests.</summary>
    public static string AppHost { get; } = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "aimc.exe" : "aimc");

    /// <summary>A file of onnx-models/.</summary>
    public static string Own(string name) => Path.Combine(Repository, "onnx-models", name);

    /// <summary>A model of ../shared.</summary>
    public static string Model(string name) => Path.Combine(Shared, "models", "onnx", $"{name}.onnx");

    /// <summary>A data file of ../shared.</summary>
    public static string Data(string name) => Path.Combine(Shared, "models", "data", name);

    public static string Golden(string name) => Path.Combine(Shared, "models", "golden", name);
}

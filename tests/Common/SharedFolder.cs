namespace AimcCompiler.Testing;

/// <summary>The repository, and the folder of reference models and vectors that may stand beside it.</summary>
internal static class SharedFolder
{
    public static string Repository { get; } = FindRepository();

    public static string Folder { get; } = Path.GetFullPath(Path.Combine(Repository, "..", "shared"));

    public static bool IsHere => File.Exists(Path.Combine(Folder, "models", "INVENTORY.json"));

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

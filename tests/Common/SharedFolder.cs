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

/// <summary>A test that needs the folder beside the repository; without it the runner counts the test as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedFactAttribute : FactAttribute
{
    internal const string Missing = "../shared is not here";

    public SharedFactAttribute()
    {
        if (!SharedFolder.IsHere)
        {
            Skip = Missing;
        }
    }
}

/// <inheritdoc cref="SharedFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (!SharedFolder.IsHere)
        {
            Skip = SharedFactAttribute.Missing;
        }
    }
}

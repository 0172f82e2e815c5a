using System.Xml.Linq;

namespace AimcCompiler.Tests;

/// <summary>The arrows of docs/architecture.md, read from the project files.</summary>
public sealed class ArchitectureTests
{
    private static readonly Dictionary<string, string> Arrows = new()
    {
        ["Core"] = "",
        ["Kernels"] = "Core",
        ["Digital"] = "Core",
        ["Ir"] = "Core Kernels",
        ["Onnx"] = "Digital Ir",
        ["Binary"] = "Core",
        ["Passes"] = "Binary Core Digital Ir Kernels Onnx",
        ["Runtime"] = "Binary Core Digital Kernels",
        ["Reports"] = "Binary Core",
        ["Cli"] = "Binary Core Digital Ir Kernels Onnx Passes Reports Runtime",
    };

    private static readonly Dictionary<string, string> Packages = new()
    {
        ["Core"] = "",
        ["Kernels"] = "",
        ["Digital"] = "Microsoft.ML.OnnxRuntime",
        ["Ir"] = "QuikGraph",
        ["Onnx"] = "Google.Protobuf Grpc.Tools",
        ["Binary"] = "Google.Protobuf Grpc.Tools",
        ["Passes"] = "",
        ["Runtime"] = "",
    };

    public static TheoryData<string> Projects => [.. Arrows.Keys];

    public static TheoryData<string> ProjectsWithListedPackages => [.. Packages.Keys];

    [Fact]
    public void EveryProjectIsOnTheList() => Assert.Equal(
        Arrows.Keys.Order(), Directory.GetDirectories(Source(), "AimcCompiler.*").Select(d => Path.GetFileName(d)["AimcCompiler.".Length..]).Order());

    [Theory]
    [MemberData(nameof(Projects))]
    public void AProjectReferencesAtMostWhatItsArrowsAllow(string project) =>
        Assert.Empty(References(project).Except(Arrows[project].Split(' ')));

    [Fact]
    public void ArrowsFollowedToTheEndKeepTheRuntimeApartFromTheCompiler()
    {
        Assert.DoesNotContain(Reached("Runtime"), p => p is "Ir" or "Passes" or "Onnx" or "Reports" or "Cli");
        Assert.DoesNotContain(Reached("Binary"), p => p != "Core");
        Assert.DoesNotContain(Reached("Reports"), p => p is not ("Binary" or "Core"));
        Assert.Empty(Reached("Core"));
        Assert.All(Arrows.Keys, p => Assert.DoesNotContain(p, Reached(p)));
    }

    [Theory]
    [MemberData(nameof(ProjectsWithListedPackages))]
    public void APackageHasOneProjectThatKnowsIt(string project) =>
        Assert.Equal(Packages[project].Split(' ', StringSplitOptions.RemoveEmptyEntries), Items(project, "PackageReference", "Substitutable").Order());

    [Fact]
    public void AllButTheWritingOfFilesKnowNeitherTheClockNorTheEnvironment()
    {
        string[] forbidden = ["DateTime.Now", "DateTime.UtcNow", "DateTimeOffset.", "Environment.GetEnvironmentVariable", "Guid.NewGuid", "new Random(", "Random.Shared", "Console.Write", "AsyncLocal"];
        Assert.Empty(
            from project in (string[])["Core", "Kernels", "Digital", "Ir", "Onnx", "Binary", "Passes", "Runtime", "Reports"]
            from file in Directory.EnumerateFiles(Path.Combine(Source(), $"AimcCompiler.{project}"), "*.cs", SearchOption.AllDirectories)
            where !file.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin" or "Files")
            from line in File.ReadLines(file)
            where Array.Exists(forbidden, f => line.Contains(f, StringComparison.Ordinal))
            select $"{Path.GetFileName(file)}: {line.Trim()}");
    }

    private static HashSet<string> Reached(string project)
    {
        HashSet<string> reached = [];
        Stack<string> open = new(References(project));
        while (open.TryPop(out string? next))
        {
            if (reached.Add(next))
            {
                foreach (string reference in References(next))
                {
                    open.Push(reference);
                }
            }
        }

        return reached;
    }

    private static IEnumerable<string> References(string project) => Items(project, "ProjectReference")
        .Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')))
        .Where(name => name.StartsWith("AimcCompiler.", StringComparison.Ordinal))
        .Select(name => name["AimcCompiler.".Length..]);

    private static IEnumerable<string> Items(string project, params string[] kinds) =>
        XDocument.Load(Path.Combine(Source(), $"AimcCompiler.{project}", $"AimcCompiler.{project}.csproj")).Descendants()
            .Where(e => kinds.Contains(e.Name.LocalName)).Select(e => e.Attribute("Include")!.Value);

    private static string Source()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "AimcCompiler.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder.FullName, "src");
    }
}

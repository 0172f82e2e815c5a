using System.Reflection;
using System.Text.RegularExpressions;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

public sealed partial class DescriptorsTests
{
    private static readonly DiagnosticDescriptor[] All =
    [
        .. typeof(Descriptors).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (DiagnosticDescriptor)f.GetValue(null)!),
    ];

    [Fact]
    public void EveryDescriptorHasItsSectionInTheDocumentationAndViceVersa()
    {
        string[] headings = [.. Section().Matches(File.ReadAllText(Page())).Select(m => m.Value)];

        Assert.Equal(All.Select(d => $"## {d.Id}: {d.Title}"), headings);
    }

    [Fact]
    public void EverySectionSaysWhatHelpsAndShowsAnExample()
    {
        string[] sections = Section().Split(File.ReadAllText(Page()))[1..];

        Assert.All(sections, s => Assert.Contains("**What helps.**", s, StringComparison.Ordinal));
        Assert.All(sections, s => Assert.Contains("```", s, StringComparison.Ordinal));
    }

    [Fact]
    public void IdsAreUniqueAndGroupedByThousands()
    {
        Assert.Equal(All.Length, All.Select(d => d.Id).Distinct().Count());
        Assert.All(All, d => Assert.Matches("^AIMC[1-5][0-9]{3}$", d.Id));
    }

    [GeneratedRegex("^## .*$", RegexOptions.Multiline)]
    private static partial Regex Section();

    private static string Page()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "AimcCompiler.sln")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        return Path.Combine(folder, "docs", "diagnostics.md");
    }
}

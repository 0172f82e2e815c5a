using System.Text;
using System.Text.Json.Nodes;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

/// <summary>Variations of the preset "tiny", and what is said about them.</summary>
internal static class ChipFixture
{
    public static string Tiny => Encoding.UTF8.GetString(ChipReader.ReadPreset("tiny"));

    public static ChipDescription Parse(string json, string? folder = null) => ChipReader.Parse(Encoding.UTF8.GetBytes(json), "my.json", folder);

    /// <summary>The findings about a text; empty if it is accepted.</summary>
    public static IReadOnlyList<Diagnostic> Findings(string json, string? folder = null)
    {
        try
        {
            Parse(json, folder);
            return [];
        }
        catch (DiagnosticException e)
        {
            return e.Diagnostics;
        }
    }

    /// <summary>The findings about a preset with settings.</summary>
    public static IReadOnlyList<Diagnostic> FindingsWith(string preset, params string[] settings)
    {
        try
        {
            ChipReader.Read(preset, settings);
            return [];
        }
        catch (DiagnosticException e)
        {
            return e.Diagnostics;
        }
    }

    /// <summary>"tiny" with one value, at a dotted path, replaced by raw JSON.</summary>
    public static string TinyWith(string path, string rawJson)
    {
        const string Mark = "@value@";
        JsonObject chip = JsonNode.Parse(Tiny)!.AsObject();
        JsonObject parent = chip;
        string[] names = path.Split('.');
        foreach (string name in names[..^1])
        {
            parent = parent[name]!.AsObject();
        }

        parent[names[^1]] = Mark;
        return chip.ToJsonString().Replace($"\"{Mark}\"", rawJson, StringComparison.Ordinal);
    }

    public static string TinyWithout(string path)
    {
        JsonObject chip = JsonNode.Parse(Tiny)!.AsObject();
        JsonObject parent = chip;
        string[] names = path.Split('.');
        foreach (string name in names[..^1])
        {
            parent = parent[name]!.AsObject();
        }

        Assert.True(parent.Remove(names[^1]));
        return chip.ToJsonString();
    }
}

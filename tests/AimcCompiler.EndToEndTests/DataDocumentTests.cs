using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AimcCompiler.EndToEndTests;

/// <summary>The command lines of docs/data.md give the figures that stand behind them.</summary>
public sealed partial class DataDocumentTests
{
    [SharedFact]
    public void TheSignedBytesOfKeywordsGiveTheirAccuracy() => Check(Lines().Single(l => l.Command.Contains("kws", StringComparison.Ordinal)));

    [SharedFact]
    [Trait("Category", "Long")]
    public void EveryLineGivesItsAccuracy()
    {
        var lines = Lines();
        Assert.Equal(6, lines.Count);
        Assert.All(lines, Check);
    }

    private static void Check((string Command, double Percent) line)
    {
        string[] words = [.. line.Command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1)
            .Select(w => w.Trim('"'))
            .Select(w => w.StartsWith("../shared/", StringComparison.Ordinal) ? Path.Combine(SharedFolder.Folder, w["../shared/".Length..]) : w)];
        JsonElement result = AimcTool.Json(words);
        Assert.Equal("free", result.GetProperty("batch").GetString());
        Assert.Equal(line.Percent, 100 * result.GetProperty("reference").GetDouble(), 0.005);
        Assert.Equal(line.Percent, 100 * result.GetProperty("results")[0].GetProperty("mean").GetDouble(), 0.005);
    }

    private static List<(string Command, double Percent)> Lines() =>
    [
        .. File.ReadLines(Path.Combine(SharedFolder.Repository, "docs", "data.md")).Select(l => Line().Match(l)).Where(m => m.Success)
            .Select(m => (m.Groups[1].Value, double.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture))),
    ];

    [GeneratedRegex(@"^(aimc evaluate .*?) +# ([0-9.]+) %$")]
    private static partial Regex Line();
}

using System.Text.RegularExpressions;
using AimcCompiler.Binary;
using AimcCompiler.Reports;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Reports;

public sealed partial class DotReportTests
{
    private static readonly string Dot = DotReport.Write(SampleProgram.Tiny());

    [Fact]
    public void BracesAndQuotesAreBalanced()
    {
        string unquoted = Quoted().Replace(Dot, "");

        Assert.DoesNotContain('"', unquoted);
        Assert.Equal(unquoted.Count(c => c == '{'), unquoted.Count(c => c == '}'));
        Assert.StartsWith("digraph program {", unquoted, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryEdgeJoinsDeclaredNodesOfAsciiIds()
    {
        string unquoted = Quoted().Replace(Dot, "\"\"");
        string[] declared = [.. Declaration().Matches(unquoted).Select(m => m.Groups[1].Value)];

        Assert.Equal(declared.Length, declared.Distinct().Count());
        Assert.All(Edge().Matches(unquoted), e =>
        {
            Assert.Contains(e.Groups[1].Value, declared);
            Assert.Contains(e.Groups[2].Value, declared);
        });
    }

    [Fact]
    public void TilesAndPartitionsAreBoxes()
    {
        Assert.Equal(7, Dot.Split("subgraph cluster_t").Length - 1);
        Assert.Equal(1, Dot.Split("subgraph cluster_p").Length - 1);
    }

    [Fact]
    public void LabelsAreEscaped()
    {
        MappedProgram program = SampleProgram.Tiny();
        string dot = DotReport.Write(program with { Layers = [program.Layers[0], program.Layers[1] with { Name = "a\"b\\c\n\u001b" }] });

        Assert.Contains("a\\\"b\\\\c\\\\u000a\\\\u001b", dot, StringComparison.Ordinal);
    }

    [Fact]
    public void AThousandBlocksAreDrawnAsOne()
    {
        MappedProgram program = SampleProgram.Tiny();
        MappedLayer layer = program.Layers[1];
        string dot = DotReport.Write(program with { Layers = [program.Layers[0], layer with { Blocks = [.. Enumerable.Repeat(layer.Blocks[0], 1000)] }] });

        Assert.Contains("1000 blocks on tiles", dot, StringComparison.Ordinal);
        Assert.True(dot.Length < 5000);
    }

    [GeneratedRegex("""
        "(\\.|[^"\\])*"
        """)]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^ *(\w+) \[", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"(\w+) -> (\w+)")]
    private static partial Regex Edge();
}

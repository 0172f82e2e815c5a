using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Reports;

public sealed class TextReportTests
{
    [Fact]
    public void PipedTextIsStable() => Assert.Equal(
        """
        small.onnx -> tiny: 7 of 16 tiles (43.8 %), 100.0 % of 126 MACs analog
        nodes: 2 analog, 1 digital in 1 partition, 0 host, 0 folded, 100.0 % of 62 parameters on tiles, 62.5 % of 448 cells in use
        note: digital: 1 node, not a matrix-vector product: relu

        layer  op       K  N  groups  MVM  tiles  copies  util %  ADC bits  time us  energy nJ
        conv   Conv     4  1       2    9      2       2    50.0         6     ~1.5    ~0.2213
        fc     MatMul  18  3       1    1      5       1    67.5         6     ~0.8     ~0.147

        latency ~2.3 us pipelined, ~2.3 us serial; throughput ~666,667 /s (tiles; digital work ~2.25 ns on one unit)
        bottleneck conv: ~1.5 us, 65.2 % of the serial time
        energy ~434.1 pJ per inference (adc 49.8 %, dac 33.2 %, buffer 13.9 %, digital 1.2 %, cells 1.1 %, shift_add 0.8 %); not modelled: noc, off_chip, chip_static
        efficiency ~0.6843 TOPS/W tiles alone, ~0.5805 TOPS/W with buffers and digital units; ~0.000168 TOPS
        bound tiles: 5 tiles, achieved 7 (1.4 x)
        bound interval: ~418.8 ns, achieved ~1.5 us (3.582 x), binding

        """,
        Text(SampleProgram.Tiny()));

    [Fact]
    public void NamesOfStrangersCannotReachTheTerminal()
    {
        MappedProgram program = SampleProgram.Tiny();
        MappedLayer evil = program.Layers[1] with { Name = "\u001b[31m[bold]fc\u202e\r\n" };
        string text = Text(program with { ModelName = "\u001b]0;title\u0007", Layers = [program.Layers[0], evil] });

        Assert.DoesNotContain('\u001b', text);
        Assert.DoesNotContain('\u0007', text);
        Assert.DoesNotContain('\u202e', text);
        Assert.DoesNotContain('\r', text);
        Assert.Contains("[bold]fc", text, StringComparison.Ordinal);
    }

    [Fact]
    public void LongNamesLoseTheirMiddleUnlessAllIsAsked()
    {
        MappedProgram program = SampleProgram.Tiny();
        string name = new string('a', 60) + "/" + new string('b', 60);
        program = program with { Layers = [program.Layers[0], program.Layers[1] with { Name = name }] };

        Assert.DoesNotContain(name, Text(program), StringComparison.Ordinal);
        Assert.Contains("...", Text(program), StringComparison.Ordinal);
        Assert.Contains(name, Text(program, all: true), StringComparison.Ordinal);
    }

    [Fact]
    public void ManyLayersAreCutToTheSlowestUnlessAllIsAsked()
    {
        MappedProgram program = SampleProgram.Tiny();
        program = program with { Layers = [.. Enumerable.Range(0, 30).Select(i => program.Layers[1] with { Name = $"fc_{i}" })] };

        Assert.Contains("10 more: --all", Text(program), StringComparison.Ordinal);
        Assert.Contains("fc_29", Text(program, all: true), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNotModelledIsSaidAndNeverZero()
    {
        string text = Text(SampleProgram.Tiny() with { Chip = ChipReader.Read("tiny", ["tile.timing.cycle_ns=null"]) });

        Assert.Contains("latency n/m", text, StringComparison.Ordinal);
    }

    [Fact]
    public void ALayerInDetailShowsEncodingAndBlocks()
    {
        string text = ResultOutput.Plain(c => TextReport.Write(c, LayerDetail.Of(SampleProgram.Tiny(), "conv")));

        Assert.Contains("2 slices of 2 bits (signed digits), differential one sided in columns", text, StringComparison.Ordinal);
        Assert.Contains("lossless needs 6", text, StringComparison.Ordinal);
        Assert.Contains("groups", text, StringComparison.Ordinal);
        Assert.Contains("copy", text, StringComparison.Ordinal);
    }

    [Fact]
    public void AnEmptyTileSaysSo() => Assert.Contains(
        "nothing stands on it", ResultOutput.Plain(c => TextReport.Write(c, TileDetail.Of(SampleProgram.Tiny(), 15))), StringComparison.Ordinal);

    [Theory]
    [InlineData(4.123e-5, "41.23 us")]
    [InlineData(0, "0 s")]
    [InlineData(0.99999, "1 s")]
    [InlineData(1234, "1.234 ks")]
    [InlineData(2.5e-14, "25 fs")]
    public void QuantitiesHaveSiPrefixes(double value, string text) => Assert.Equal(text, Quantity.Of(value, "s"));

    [Theory]
    [InlineData(19713.4, "~19,713")]
    [InlineData(0.000168, "~0.000168")]
    [InlineData(null, "n/m")]
    public void NumbersHaveNoExponents(double? value, string text) => Assert.Equal(text, Quantity.Estimate(value));

    [Theory]
    [InlineData("plain größe 模型", "plain größe 模型")]
    [InlineData("a\u001b[0m\n", "a\\u001b[0m\\u000a")]
    [InlineData("👍", "👍")]
    public void PrintableEscapesWhatMovesACursor(string name, string text) => Assert.Equal(text, Printable.Of(name));

    [Fact]
    public void PrintableEscapesAHalfOfACharacter() => Assert.Equal("\\ud800x", Printable.Of("\ud800x"));

    private static string Text(MappedProgram program, bool all = false) =>
        ResultOutput.Plain(console => TextReport.Write(console, MappingReport.Of(program), all));
}

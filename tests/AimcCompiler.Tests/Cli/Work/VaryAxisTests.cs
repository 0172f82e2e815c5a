using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli;

public sealed class VaryAxisTests
{
    [Theory]
    [InlineData("adc.bits=4..7", "tile.adc.bits", new[] { "4", "5", "6", "7" })]
    [InlineData("adc.bits=4..10:3", "tile.adc.bits", new[] { "4", "7", "10" })]
    [InlineData("adc.bits=4..9:3", "tile.adc.bits", new[] { "4", "7" })]
    [InlineData("adc.bits=7..5", "tile.adc.bits", new[] { "7", "6", "5" })]
    [InlineData("adc.bits=6..6", "tile.adc.bits", new[] { "6" })]
    [InlineData("noise.output=0..0.3:0.1", "tile.noise.output", new[] { "0", "0.1", "0.2", "0.3" })]
    [InlineData("noise.output=1e-2..3e-2:0.01", "tile.noise.output", new[] { "0.01", "0.02", "0.03" })]
    [InlineData("adc.bits=4,null,8", "tile.adc.bits", new[] { "4", "null", "8" })]
    [InlineData("cell.device=ideal, pcm_like", "tile.cell.device", new[] { "ideal", "pcm_like" })]
    [InlineData("""cell.device=ideal,{"name":"pcm_like","drift_scale":1}""", "tile.cell.device", new[] { "ideal", """{"name":"pcm_like","drift_scale":1}""" })]
    [InlineData("name=\"a,b\",c", "name", new[] { "\"a,b\"", "c" })]
    [InlineData("name=../one,../two", "name", new[] { "../one", "../two" })]
    public void ValuesAreARangeOrAList(string text, string path, string[] values)
    {
        var axis = VaryAxis.Parse(text);
        Assert.Equal(path, axis.Path);
        Assert.Equal(values, axis.Values);
    }

    [Theory]
    [InlineData("adc.bits", "PATH=")]
    [InlineData("adc.bits=", "PATH=")]
    [InlineData("=4..6", "PATH=")]
    [InlineData("adc.bits=4,,6", "empty")]
    [InlineData("adc.bits=4,6,4", "twice")]
    [InlineData("adc.bits=4..8:0", "step '0'")]
    [InlineData("adc.bits=4..8:-1", "step '-1'")]
    [InlineData("adc.bits=4..8:x", "step 'x'")]
    [InlineData("noise.output=0..1:0.00000000000000000000000001", "at most 256")]
    [InlineData("adc.bits=1..257", "257 values")]
    [InlineData("adc.bytes=1", "'bytes'")]
    public void WhatIsNoListOfValuesIsADiagnostic(string text, string message)
    {
        if (text == "adc.bits=1..257")
        {
            Assert.Equal(256, VaryAxis.Parse("adc.bits=1..256").Values.Length);
        }

        var finding = Assert.Single(Assert.Throws<DiagnosticException>(() => VaryAxis.Parse(text)).Diagnostics);
        Assert.Equal(Descriptors.InvalidOption, finding.Descriptor);
        Assert.Contains(message, finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AGridHasEveryCombinationTheLastAxisFastest() => Assert.Equal(
        ["4 0", "4 1", "5 0", "5 1", "6 0", "6 1"],
        VaryAxis.Grid([VaryAxis.Parse("adc.bits=4..6"), VaryAxis.Parse("noise.output=0..1")]).Select(values => string.Join(' ', values)));

    [Theory]
    [InlineData("of 272 points", "adc.bits=1..16", "weights.bits=1..17")]
    [InlineData("undo", "adc.bits=4", "tile.adc.bits=5")]
    [InlineData("undo", "cell.device.drift_scale=1,2", "cell.device=ideal")]
    public void AGridThatCannotBeIsADiagnostic(string message, params string[] axes)
    {
        var finding = Assert.Single(Assert.Throws<DiagnosticException>(() => VaryAxis.Grid([.. axes.Select(VaryAxis.Parse)])).Diagnostics);
        Assert.Contains(message, finding.Message, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Levers);
    }
}

using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>Which fields of a chip decide what is compiled (<see cref="ChipFields.DecidesMapping"/>): from the programs, not from the list.</summary>
public sealed class MappingFieldsTests
{
    [Theory]
    [InlineData("hermes", "tile.cell.device", "ideal")]
    [InlineData("hermes", "tile.cell.device.drift_scale", "null")]
    [InlineData("hermes", "tile.cell.g_min_us", "1")]
    [InlineData("hermes", "tile.cell.g_max_us", "20")]
    [InlineData("hermes", "tile.noise.output", "0.05")]
    [InlineData("hermes", "tile.noise.read", "0.05")]
    [InlineData("hermes", "tile.drift_compensation", "null")]
    [InlineData("hermes", "tile.adc.bits", "4")]
    [InlineData("hermes", "tile.adc.bits", "null")]
    [InlineData("aihwkit-default", "tile.adc.bound", "3")]
    [InlineData("aihwkit-default", "tile.input.bound_management", "null")]
    [InlineData("aihwkit-default", "tile.input.bound_management.max_factor", "2")]
    [InlineData("hermes", "tile.adc.columns_per_adc", "4")]
    [InlineData("hermes", "tile.timing.stages", "3")]
    public void AFieldThatDecidesNothingLeavesTheProgram(string chip, string path, string value)
    {
        Assert.False(ChipFields.DecidesMapping(path));
        Assert.Equal(Text(chip), Text(chip, $"{path}={value}"));
    }

    [Theory]
    [InlineData("hermes", "tile.rows", "3")]
    [InlineData("hermes", "tile.columns", "2")]
    [InlineData("hermes", "tile.weights.scale", "matrix")]
    [InlineData("isaac", "tile.weights.bits", "8")]
    [InlineData("isaac", "tile.rows", "2")]
    public void AFieldThatDecidesIsNamedSo(string chip, string path, string value)
    {
        Assert.True(ChipFields.DecidesMapping(path));
        Assert.NotEqual(Text(chip), Text(chip, $"{path}={value}"));
    }

    /// <summary>Input steps decide ranges: they come from a compile, or stay what they were.</summary>
    [Theory]
    [InlineData("tile.input.bits")]
    [InlineData("tile.input.sign")]
    [InlineData("tile.input.management")]
    [InlineData("tile.adc.range")]
    [InlineData("tile.adc")]
    [InlineData("tile.input")]
    [InlineData("tile.cell")]
    [InlineData("tile")]
    [InlineData("tile.cell.bits")]
    [InlineData("core.tiles")]
    [InlineData("mesh")]
    [InlineData("tile.encoding.pair_axis")]
    public void WhatRangesComeFromDecides(string path) => Assert.True(ChipFields.DecidesMapping(path));

    /// <summary>All of a program but its chip, and but the schedule with its times.</summary>
    private static string Text(string chip, params string[] settings)
    {
        var graph = new TestModel().Input("x", "N", 4).Weights("w", 4, 5).Node("MatMul", "x w", "m").Node("Relu", "m", "r").Weights("v", 5, 3).Node("MatMul", "r v", "y").Output("y").Import();
        var program = AimcCompilation.Compile(graph, ChipReader.Read(chip, settings), new CompileOptions { Chips = null }).Program;
        using StringWriter text = new();
        Disassembler.Write(program with { Chip = ChipReader.Read(chip), Schedule = null, NotScheduled = null }, text);
        foreach (var layer in program.Layers)
        {
            text.WriteLine(Convert.ToHexString(layer.Weights.Bytes.Span));
            text.WriteLine(string.Join(' ', layer.Scales.Concat(layer.Bias)));
        }

        return text.ToString();
    }
}

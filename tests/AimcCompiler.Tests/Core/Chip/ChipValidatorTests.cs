using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipValidatorTests
{
    private const string Nodal =
        """
        tile.noise.ir_drop={"model":"nodal","topology":"row_driven","interleaved":false,"word_line_ohm":1,"source_line_ohm":null,"bit_line_ohm":1,
        "driver_ohm":null,"sense_ohm":null,"scale":null,"g_ratio":null}
        """;

    private const string Polynomial =
        """
        tile.noise.ir_drop={"model":"polynomial","topology":null,"interleaved":null,"word_line_ohm":null,"source_line_ohm":null,"bit_line_ohm":null,
        "driver_ohm":null,"sense_ohm":null,"scale":1,"g_ratio":571428.57}
        """;

    [Theory]
    [InlineData("tiny", "tile.rows", "tile.rows=0")]
    [InlineData("tiny", "tile.rows", "tile.rows=-1")]
    [InlineData("tiny", "tile.rows", "tile.rows=65537")]
    [InlineData("tiny", "tile.rows", "tile.rows=2147483647")]
    [InlineData("tiny", "tile.columns", "tile.columns=65537")]
    [InlineData("tiny", "tile.columns", "tile.columns=3", "tile.adc.columns_per_adc=1")]
    [InlineData("tiny", "tile.rows", "tile.rows=1", "tile.encoding.pair_axis=rows")]
    [InlineData("tiny", "tile.cell.bits", "tile.cell.bits=0")]
    [InlineData("tiny", "tile.cell.bits", "tile.cell.bits=33")]
    [InlineData("tiny", "tile.weights.bits", "tile.weights.bits=1")]
    [InlineData("tiny", "tile.weights.bits", "tile.weights.bits=17")]
    [InlineData("tiny", "tile.weights.bits", "tile.weights.bits=null", "tile.adc.range=calibrated")]
    [InlineData("tiny", "tile.weights.bits", "tile.cell.bits=null")]
    [InlineData("tiny", "tile.input.bits", "tile.input.bits=17")]
    [InlineData("tiny", "tile.input.bits", "tile.input.bits=1")]
    [InlineData("tiny", "tile.input.pulse_bits", "tile.input.pulse_bits=0")]
    [InlineData("tiny", "tile.input.pulse_bits", "tile.input.pulse_bits=5")]
    [InlineData("hermes", "tile.input.pulse_bits", "tile.input.pulse_bits=2")]
    [InlineData("tiny", "tile.adc.bits", "tile.adc.bits=0")]
    [InlineData("tiny", "tile.adc.bits", "tile.adc.bits=1")]
    [InlineData("tiny", "tile.adc.bits", "tile.adc.bits=64")]
    [InlineData("tiny", "tile.adc.bits", "tile.adc.bits=1000")]
    [InlineData("tiny", "tile.adc.columns_per_adc", "tile.adc.columns_per_adc=0")]
    [InlineData("tiny", "tile.adc.columns_per_adc", "tile.adc.columns_per_adc=9")]
    [InlineData("tiny", "tile.cell.g_min_us", "tile.cell.g_min_us=-1")]
    [InlineData("tiny", "tile.cell.g_max_us", "tile.cell.g_min_us=25")]
    [InlineData("tiny", "tile.cell.read_voltage_v", "tile.cell.read_voltage_v=0")]
    [InlineData("tiny", "tile.noise.output", "tile.noise.output=-0.1")]
    [InlineData("tiny", "tile.noise.read", "tile.noise.read=-0.1")]
    [InlineData("tiny", "tile.noise.temperature_k", "tile.noise.temperature_k=0")]
    [InlineData("tiny", "tile.noise.ir_drop", "tile.noise.ir_drop=1")]
    [InlineData("tiny", "tile.noise.faults", "tile.noise.faults={\"stuck\":0.1}")]
    [InlineData("tiny", "tile.timing.stages", "tile.timing.stages=0")]
    [InlineData("tiny", "tile.timing.cycle_ns", "tile.timing.cycle_ns=0")]
    [InlineData("tiny", "tile.energy.adc_pj", "tile.energy.adc_pj=-1")]
    [InlineData("tiny", "mesh.rows", "mesh.rows=0")]
    [InlineData("tiny", "core.tiles", "core.tiles=0")]
    [InlineData("tiny", "core.digital.lanes", "core.digital.lanes=0")]
    [InlineData("tiny", "schema", "schema=2")]
    [InlineData("tiny", "name", "name=\"\"")]
    [InlineData("tiny", "noc.topology", "noc.topology=torus")]
    [InlineData("tiny", "tile.weights.slicing", "tile.weights.slicing=unsigned")]
    [InlineData("tiny", "tile.weights.slicing", "tile.weights.slicing=none")]
    [InlineData("hermes", "tile.weights.slicing", "tile.weights.slicing=signed_digits")]
    [InlineData("isaac", "tile.weights.slicing", "tile.weights.slicing=signed_digits")]
    [InlineData("isaac", "tile.weights.slicing", "tile.weights.slicing=twos_complement")]
    [InlineData("isaac", "tile.weights.slicing", "tile.weights.slicing=none", "tile.cell.bits=15")]
    [InlineData("tiny", "tile.encoding.flip", "tile.encoding.flip=true")]
    [InlineData("tiny", "tile.encoding.unit_column", "tile.encoding.unit_column=true")]
    [InlineData("isaac", "tile.encoding.unit_column", "tile.encoding.unit_column=false")]
    [InlineData("hermes", "tile.encoding.flip", "tile.encoding.sign=offset_digital", "tile.encoding.flip=true")]
    [InlineData("hermes", "tile.adc.range", "tile.adc.range=granular")]
    [InlineData("tiny", "tile.adc.bound", "tile.adc.range=fixed")]
    [InlineData("tiny", "tile.adc.bound", "tile.adc.bound=10")]
    [InlineData("hermes", "tile.input.sign", "tile.input.sign=twos_complement")]
    [InlineData("hermes", "tile.input.sign", "tile.input.sign=two_phase")]
    [InlineData("isaac", "tile.input.management", "tile.input.management=abs_max")]
    [InlineData("aihwkit-default", "tile.input.bound_management", "tile.adc.bits=null")]
    [InlineData("aihwkit-default", "tile.input.bound_management.max_factor", "tile.input.bound_management.max_factor=0.5")]
    [InlineData("aihwkit-default", "tile.input.bound_management.max_resolution", "tile.input.bound_management.max_resolution=0")]
    public void AnImpossibleValueIsNamed(string preset, string path, params string[] settings)
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith(preset, settings));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.Equal($"{preset}: $.{path}", finding.Where);
    }

    [Theory]
    [InlineData("tiny", "tile.rows=65536")]
    [InlineData("tiny", "tile.columns=65536")]
    [InlineData("tiny", "tile.cell.bits=16", "tile.weights.bits=16")]
    [InlineData("tiny", "tile.cell.bits=1", "tile.weights.bits=2")]
    [InlineData("tiny", "tile.cell.bits=3", "tile.weights.slicing=none")]
    [InlineData("tiny", "tile.weights.slicing=twos_complement")]
    [InlineData("tiny", "tile.input.bits=16", "tile.input.pulse_bits=16")]
    [InlineData("tiny", "tile.input.bits=1", "tile.input.sign=unsigned")]
    [InlineData("tiny", "tile.input.sign=two_phase")]
    [InlineData("tiny", "tile.input.sign=twos_complement")]
    [InlineData("tiny", "tile.adc.bits=24")]
    [InlineData("tiny", "tile.adc.bits=2")]
    [InlineData("tiny", "tile.adc.bits=null")]
    [InlineData("tiny", "tile.adc.range=fixed", "tile.adc.bound=3.5")]
    [InlineData("tiny", "tile.adc.columns_per_adc=1")]
    [InlineData("tiny", "tile.columns=4", "tile.adc.columns_per_adc=4")]
    [InlineData("tiny", "tile.encoding.sign=offset_digital", "tile.weights.slicing=unsigned", "tile.encoding.flip=true")]
    [InlineData("tiny", "tile.cell.bits=null", "tile.weights.bits=null", "tile.weights.slicing=none", "tile.adc.range=calibrated")]
    [InlineData("tiny", "tile.energy.adc_pj=0")]
    [InlineData("tiny", "mesh=null", "noc=null", "off_chip=null")]
    [InlineData("isaac", "tile.weights.slicing=none", "tile.cell.bits=16")]
    [InlineData("isaac", "tile.adc.bits=1")]
    [InlineData("hermes", "tile.encoding.sign=offset_digital")]
    [InlineData("hermes", "tile.input.bits=null")]
    public void APossibleValueIsTaken(string preset, params string[] settings) => Assert.Empty(ChipFixture.FindingsWith(preset, settings));

    /// <summary>A nodal ir_drop that is right, then one field of it.</summary>
    [Theory]
    [InlineData("topology", "null")]
    [InlineData("interleaved", "null")]
    [InlineData("bit_line_ohm", "null")]
    [InlineData("bit_line_ohm", "-1")]
    [InlineData("bit_line_ohm", "4001")]
    [InlineData("word_line_ohm", "null")]
    [InlineData("word_line_ohm", "-1")]
    [InlineData("word_line_ohm", "4001")]
    [InlineData("source_line_ohm", "1")]
    [InlineData("driver_ohm", "-1")]
    [InlineData("driver_ohm", "40001")]
    [InlineData("sense_ohm", "-1")]
    [InlineData("sense_ohm", "40001")]
    [InlineData("scale", "1")]
    [InlineData("g_ratio", "1")]
    [InlineData("model", "linear")]
    [InlineData("topology", "ring")]
    public void WiresThatDoNotFitAreRefused(string field, string value)
    {
        Assert.Empty(ChipFixture.FindingsWith("tiny", Nodal));
        Assert.Equal([$"tiny: $.tile.noise.ir_drop.{field}"], ChipFixture.FindingsWith("tiny", Nodal, $"tile.noise.ir_drop.{field}={value}").Select(f => f.Where));
    }

    [Theory]
    [InlineData("topology", "row_driven")]
    [InlineData("interleaved", "true")]
    [InlineData("word_line_ohm", "1")]
    [InlineData("source_line_ohm", "1")]
    [InlineData("bit_line_ohm", "1")]
    [InlineData("driver_ohm", "1")]
    [InlineData("sense_ohm", "1")]
    [InlineData("scale", "null")]
    [InlineData("scale", "-1")]
    [InlineData("g_ratio", "null")]
    [InlineData("g_ratio", "0")]
    public void APolynomialHasNoWires(string field, string value)
    {
        Assert.Empty(ChipFixture.FindingsWith("tiny", Polynomial));
        Assert.Contains($"tiny: $.tile.noise.ir_drop.{field}", ChipFixture.FindingsWith("tiny", Polynomial, $"tile.noise.ir_drop.{field}={value}").Select(f => f.Where));
    }

    [Theory]
    [InlineData("tile.noise.ir_drop.topology", "tile.noise.ir_drop.topology=source_line", "tile.noise.ir_drop.word_line_ohm=null", "tile.noise.ir_drop.source_line_ohm=1", "tile.input.pulse_bits=2")]
    [InlineData("tile.noise.ir_drop.interleaved", "tile.noise.ir_drop.interleaved=true", "tile.encoding.pair_axis=cell", "tile.encoding.subtract=after_conversion")]
    [InlineData("tile.noise.temperature_k", "tile.noise.temperature_k=70")]
    [InlineData("tile.rows", "tile.rows=2049")]
    [InlineData("tile.columns", "tile.columns=2049")]
    public void WiresNeedATileTheyFit(string path, params string[] settings) =>
        Assert.Equal([$"tiny: $.{path}"], ChipFixture.FindingsWith("tiny", [Nodal, .. settings]).Select(f => f.Where));

    [Theory]
    [InlineData("tile.noise.ir_drop", "tile.noise.ir_drop.word_line_ohm=0", "tile.noise.ir_drop.bit_line_ohm=0")]
    [InlineData("tile.noise.ir_drop.interleaved", "tile.noise.ir_drop.interleaved=true", "tile.encoding.sign=offset_digital", "tile.weights.slicing=unsigned")]
    [InlineData(
        "tile.noise.ir_drop.interleaved",
        "tile.noise.ir_drop.interleaved=true",
        "tile.noise.ir_drop.topology=source_line",
        "tile.noise.ir_drop.word_line_ohm=null",
        "tile.noise.ir_drop.source_line_ohm=1")]
    [InlineData("tile.noise.ir_drop.scale", Polynomial, "tile.noise.ir_drop.scale=0")]
    public void WiresWithoutEffectWarn(string path, params string[] settings)
    {
        Diagnostic warning = Assert.Single(ChipReader.Warnings(ChipReader.Read("tiny", [Nodal, .. settings])));
        Assert.Equal(Descriptors.WithoutEffect, warning.Descriptor);
        Assert.Equal($"tiny: $.{path}", warning.Where);
        Assert.NotEmpty(warning.Levers);
    }

    [Fact]
    public void WiresWithEffectDoNotWarn() => Assert.Empty(ChipReader.Warnings(ChipReader.Read("tiny", [Nodal])));

    [Fact]
    public void AChipWithWiresIsReadBack()
    {
        foreach (string wires in (string[])[Nodal, Polynomial])
        {
            ChipDescription chip = ChipReader.Read("tiny", [wires]);
            Assert.Equal(chip.Tile.Noise.IrDrop, ChipFixture.Parse(ChipReader.Write(chip)).Tile.Noise.IrDrop);
            Assert.NotNull(chip.Tile.Noise.IrDrop);
        }
    }

    [Fact]
    public void AllFindingsAreReportedTogether() =>
        Assert.Equal(
            ["tiny: $.tile.rows", "tiny: $.tile.adc.bits", "tiny: $.tile.noise.faults"],
            ChipFixture.FindingsWith("tiny", "tile.rows=0", "tile.adc.bits=99", "tile.noise.faults=1").Select(f => f.Where));

    [Fact]
    public void AFindingSaysWhatWasFoundAndWhatIsAllowed() =>
        Assert.Equal("is 33; allowed: 1 .. 16", Assert.Single(ChipFixture.FindingsWith("tiny", "tile.cell.bits=33")).Message);

    [Fact]
    public void ACellThatCannotHoldAWeightSaysWhatWouldHelp()
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith("isaac", "tile.weights.slicing=none"));
        Assert.Equal(["tile.weights.slicing=unsigned", "tile.cell.bits=16"], finding.Levers.ToArray());
    }

    [Theory]
    [InlineData("tile.noise.output", "tile.noise.output=0")]
    [InlineData("tile.noise.read", "tile.noise.read=0")]
    [InlineData("tile.cell.device.drift_scale", "tile.cell.device=pcm_like", "tile.cell.device.drift_scale=0")]
    [InlineData(
        "tile.cell.device.programming_sigma",
        """tile.cell.device={"name":"gaussian","programming_sigma":0,"read_sigma":null,"scaling":"independent"}""")]
    [InlineData("tile.adc.bound", "tile.adc.range=fixed", "tile.adc.bound=8", "tile.adc.bits=null")]
    [InlineData("tile.encoding.unit_column", "tile.encoding.sign=offset_digital", "tile.weights.slicing=unsigned", "tile.encoding.unit_column=true")]
    public void WhatCannotTakeEffectWarns(string path, params string[] settings)
    {
        Diagnostic warning = Assert.Single(ChipReader.Warnings(ChipReader.Read("tiny", settings)));
        Assert.Equal(Descriptors.WithoutEffect, warning.Descriptor);
        Assert.Equal($"tiny: $.{path}", warning.Where);
        Assert.NotEmpty(warning.Levers);
    }

    [Fact]
    public void WhatTakesEffectDoesNotWarn() =>
        Assert.Empty(ChipReader.Warnings(ChipReader.Read("tiny", ["tile.noise.output=0.1", "tile.noise.read=0.1", "tile.cell.device=pcm_like"])));
}

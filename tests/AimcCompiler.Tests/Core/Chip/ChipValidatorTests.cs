using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipValidatorTests
{
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
    [InlineData(
        "tiny",
        "tile.noise.faults.stuck_off",
        """tile.noise.faults={"stuck_off":1.1,"stuck_on":null,"stuck_at":null,"dead_rows":null,"dead_columns":null,"dead_tiles":null}""")]
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

    [Fact]
    public void AllFindingsAreReportedTogether() =>
        Assert.Equal(
            ["tiny: $.tile.rows", "tiny: $.tile.cell.read_voltage_v", "tiny: $.tile.adc.bits"],
            ChipFixture.FindingsWith("tiny", "tile.rows=0", "tile.adc.bits=99", "tile.cell.read_voltage_v=0").Select(f => f.Where));

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
        """tile.cell.device={"name":"gaussian","programming_sigma":0,"read_sigma":null,"scaling":"independent","distribution":"normal"}""")]
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

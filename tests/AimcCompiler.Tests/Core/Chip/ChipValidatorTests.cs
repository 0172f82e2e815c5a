using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipValidatorTests
{
    private const string Verify = "tile.cell.programming={\"method\":\"write_verify\",\"tolerance_us\":";
    private const string OneShot = "tile.cell.programming={\"method\":\"one_shot\",\"tolerance_fraction\":null,\"pulse_ns\":1,\"pulse_pj\":1,";
    private const string Faults = "tile.noise.faults={\"stuck_off\":";
    private const string Cmo = "tile.cell.device={\"name\":\"rram_cmo\",\"acceptance_percent\":";
    private const string Custom = "tile.cell.device={\"name\":\"pcm_custom\",\"g_reference_us\":25,\"t0_s\":20,\"read_time_s\":1e-7,\"programming_us\":";
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
    [InlineData("tiny", "noc.gb_per_s", "noc.gb_per_s=0")]
    [InlineData("tiny", "noc.router_area_mm2", "noc.router_area_mm2=-1")]
    [InlineData("tiny", "noc.router_static_mw", "noc.router_static_mw=-1")]
    [InlineData("tiny", "core.buffer_gb_per_s", "core.buffer_gb_per_s=0")]
    [InlineData("tiny", "core.mvm_issue_ns", "core.mvm_issue_ns=0")]
    [InlineData("tiny", "core.converting_tiles", "core.converting_tiles=5")]
    [InlineData("tiny", "core.area_mm2", "core.area_mm2=-1")]
    [InlineData("tiny", "core.static_mw", "core.static_mw=-1")]
    [InlineData("tiny", "tile.area_um2", "tile.area_um2=0")]
    [InlineData("tiny", "tile.timing.initiation_interval_ns", "tile.timing.initiation_interval_ns=0")]
    [InlineData("tiny", "off_chip.ports", "off_chip.ports=0")]
    [InlineData("tiny", "off_chip.latency_ns", "off_chip.latency_ns=-1")]
    [InlineData("tiny", "off_chip.area_mm2", "off_chip.area_mm2=-1")]
    [InlineData("tiny", "off_chip.static_mw", "off_chip.static_mw=-1")]
    [InlineData("tiny", "board.gb_per_s", "board={\"gb_per_s\":0,\"latency_ns\":1,\"pj_per_bit\":null}")]
    [InlineData("tiny", "board.latency_ns", "board={\"gb_per_s\":1,\"latency_ns\":-1,\"pj_per_bit\":null}")]
    [InlineData("tiny", "board.pj_per_bit", "board={\"gb_per_s\":1,\"latency_ns\":1,\"pj_per_bit\":-1}")]
    [InlineData("tiny", "tile.energy.adc_pj", "tile.energy.adc_source=table")]
    [InlineData("tiny", "tile.energy.adc_source", "tile.energy.adc_source=table", "tile.energy.adc_pj=null", "tile.adc.bits=11")]
    [InlineData("tiny", "tile.energy.adc_source", "tile.energy.adc_source=table", "tile.energy.adc_pj=null", "tile.adc.bits=null")]
    [InlineData("tiny", "tile.energy.adc_source", "tile.energy.adc_source=survey", "tile.energy.adc_pj=null", "technology_nm=null")]
    [InlineData("tiny", "tile.energy.adc_source", "tile.energy.adc_source=survey", "tile.energy.adc_pj=null", "tile.timing.cycle_ns=null")]
    [InlineData("puma", "tile.energy.adc_source", "tile.energy.adc_source=sar")]
    [InlineData("hermes", "tile.input.skips_zero_pulses", "tile.input.skips_zero_pulses=true")]
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
    [InlineData("tiny", "tile.weights.slicing", "tile.encoding.sign=center_offset", "tile.weights.slicing=twos_complement")]
    [InlineData("tiny", "tile.weights.slicing", "tile.encoding.sign=center_offset", "tile.weights.slicing=none", "tile.cell.bits=3")]
    [InlineData("tiny", "tile.weights.bits", "tile.encoding.sign=center_offset", "tile.weights.bits=16")]
    [InlineData("tiny", "tile.encoding.flip", "tile.encoding.sign=center_offset", "tile.encoding.flip=true")]
    [InlineData("aihwkit-default", "tile.weights.bits", "tile.encoding.sign=center_offset", "tile.input.bound_management=null")]
    [InlineData("hermes", "tile.adc.range", "tile.adc.range=granular")]
    [InlineData("tiny", "tile.adc.bound", "tile.adc.range=fixed")]
    [InlineData("tiny", "tile.adc.bound", "tile.adc.bound=10")]
    [InlineData("hermes", "tile.input.sign", "tile.input.sign=twos_complement")]
    [InlineData("hermes", "tile.input.sign", "tile.input.sign=two_phase")]
    [InlineData("isaac", "tile.input.management", "tile.input.management=abs_max")]
    [InlineData("aihwkit-default", "tile.input.bound_management", "tile.adc.bits=null")]
    [InlineData("aihwkit-default", "tile.input.bound_management.max_factor", "tile.input.bound_management.max_factor=0.5")]
    [InlineData("aihwkit-default", "tile.input.bound_management.max_resolution", "tile.input.bound_management.max_resolution=0")]
    [InlineData("hermes", "tile.cell.significance", "tile.cell.significance=[]")]
    [InlineData("hermes", "tile.cell.significance", "tile.cell.significance=[1,2]", "tile.encoding.pair_axis=rows", "tile.sensing=voltage")]
    [InlineData("hermes", "tile.cell.significance[1]", "tile.cell.significance=[2,1]")]
    [InlineData("hermes", "tile.cell.significance[0]", "tile.cell.significance=[0,1]")]
    [InlineData("tiny", "tile.cell.significance", "tile.cell.significance=[1,2]")]
    [InlineData("tiny", "tile.cell.programming.tolerance_us", Verify + "null,\"tolerance_fraction\":null,\"max_pulses\":5,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.tolerance_us", Verify + "1,\"tolerance_fraction\":0.1,\"max_pulses\":5,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.tolerance_us", Verify + "-1,\"tolerance_fraction\":null,\"max_pulses\":5,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.max_pulses", Verify + "1,\"tolerance_fraction\":null,\"max_pulses\":null,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.max_pulses", Verify + "1,\"tolerance_fraction\":null,\"max_pulses\":1001,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.pulse_ns", Verify + "1,\"tolerance_fraction\":null,\"max_pulses\":5,\"pulse_ns\":0,\"pulse_pj\":1}")]
    [InlineData("tiny", "tile.cell.programming.max_pulses", OneShot + "\"max_pulses\":5,\"tolerance_us\":null}")]
    [InlineData("tiny", "tile.cell.programming.tolerance_us", OneShot + "\"max_pulses\":null,\"tolerance_us\":1}")]
    [InlineData("tiny", "tile.cell.variation.device", "tile.cell.variation={\"device\":-0.1,\"chip\":null}")]
    [InlineData("tiny", "tile.cell.temperature.reference_k", "tile.cell.temperature={\"reference_k\":0,\"global_per_k\":0.001,\"state_per_k\":null}")]
    [InlineData("tiny", "tile.noise.faults", Faults + "0.6,\"stuck_on\":0.6,\"stuck_at\":null,\"dead_rows\":null,\"dead_columns\":null,\"dead_tiles\":null}")]
    [InlineData("tiny", "tile.noise.faults.stuck_at.conductance_us", Faults + "null,\"stuck_on\":null,\"stuck_at\":{\"fraction\":0.1,\"conductance_us\":-1},\"dead_rows\":null,\"dead_columns\":null,\"dead_tiles\":null}")]
    [InlineData("tiny", "tile.noise.faults.dead_columns", Faults + "null,\"stuck_on\":null,\"stuck_at\":null,\"dead_rows\":null,\"dead_columns\":2,\"dead_tiles\":null}")]
    [InlineData("hermes", "tile.cell.g_min_us", "tile.cell.device=rram_milo_2021")]
    [InlineData("hermes", "tile.cell.g_max_us", "tile.cell.device=rram_milo_2021", "tile.cell.g_min_us=50", "tile.cell.g_max_us=226")]
    [InlineData("hermes", "tile.cell.g_max_us", "tile.cell.device={\"name\":\"rram_wan_2022\",\"fit\":\"crosssim\",\"programming_scale\":1}", "tile.cell.g_max_us=40")]
    [InlineData("hermes", "tile.cell.g_max_us", "tile.cell.device=sonos", "tile.cell.g_max_us=9.1")]
    [InlineData("hermes", "tile.cell.device.acceptance_percent", Cmo + "0.02,\"programming_scale\":1,\"drift_scale\":1,\"read_scale\":1}", "tile.cell.g_min_us=9")]
    [InlineData("hermes", "tile.cell.g_min_us", Cmo + "2,\"programming_scale\":1,\"drift_scale\":1,\"read_scale\":1}")]
    [InlineData("hermes", "tile.cell.bits", "tile.cell.device={\"name\":\"mram\",\"tmr\":1,\"resistance_sigma\":null,\"write_error\":null}", "tile.cell.g_min_us=10.35")]
    [InlineData("tiny", "tile.cell.g_min_us", "tile.cell.bits=1", "tile.cell.device={\"name\":\"mram\",\"tmr\":1,\"resistance_sigma\":0.04,\"write_error\":null}")]
    [InlineData("tiny", "tile.cell.device.resistance_sigma", "tile.cell.bits=1", "tile.cell.g_min_us=12.5", "tile.cell.device={\"name\":\"mram\",\"tmr\":1,\"resistance_sigma\":0.2,\"write_error\":null}")]
    [InlineData("hermes", "tile.cell.device.drift", Custom + "[0.2],\"drift\":[[1,0.1,0.1],[25,0.1,0.1]],\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.drift[1][0]", Custom + "[0.2],\"drift\":[[0,0.1,0.1],[0,0.1,0.1],[25,0.1,0.1]],\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.drift[0][2]", Custom + "[0.2],\"drift\":[[0,0.1,-0.1],[25,0.1,0.1]],\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.drift[0]", Custom + "[0.2],\"drift\":[[0,0.1]],\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.programming_us", Custom + "[],\"drift\":null,\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.programming_us[0]", Custom + "[\"x\"],\"drift\":null,\"read\":null}")]
    [InlineData("hermes", "tile.cell.device.read.scale", Custom + "[0.1],\"drift\":null,\"read\":{\"scale\":-1,\"exponent\":0,\"limit\":1}}")]
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
    [InlineData("tiny", "tile.encoding.sign=center_offset")]
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
    [InlineData("tile.cell.significance", "tile.cell.bits=null", "tile.weights.bits=null", "tile.weights.slicing=none", "tile.adc.range=max", "tile.cell.significance=[3]")]
    [InlineData("tile.cell.programming.method", Verify + "1,\"tolerance_fraction\":null,\"max_pulses\":5,\"pulse_ns\":1,\"pulse_pj\":1}")]
    [InlineData("tile.cell.programming", "tile.cell.programming={\"method\":\"one_shot\",\"tolerance_us\":null,\"tolerance_fraction\":null,\"max_pulses\":null,\"pulse_ns\":null,\"pulse_pj\":null}")]
    [InlineData("tile.cell.variation.chip", "tile.cell.variation={\"device\":0.1,\"chip\":0}")]
    [InlineData("tile.cell.variation", "tile.cell.variation={\"device\":null,\"chip\":null}")]
    [InlineData("tile.cell.temperature", "tile.cell.temperature={\"reference_k\":300,\"global_per_k\":0.001,\"state_per_k\":null}")]
    [InlineData("tile.cell.temperature", "tile.noise.temperature_k=350", "tile.cell.temperature={\"reference_k\":300,\"global_per_k\":null,\"state_per_k\":null}")]
    [InlineData("tile.noise.faults.stuck_off", Faults + "0,\"stuck_on\":0.1,\"stuck_at\":null,\"dead_rows\":null,\"dead_columns\":null,\"dead_tiles\":null}")]
    [InlineData("tile.noise.faults", Faults + "null,\"stuck_on\":null,\"stuck_at\":null,\"dead_rows\":null,\"dead_columns\":null,\"dead_tiles\":null}")]
    [InlineData("tile.cell.device.programming_us", Custom + "[0],\"drift\":[[0,0.1,0]],\"read\":null}")]
    public void WhatCannotTakeEffectWarns(string path, params string[] settings)
    {
        Diagnostic warning = Assert.Single(ChipReader.Warnings(ChipReader.Read("tiny", settings)));
        Assert.Equal(Descriptors.WithoutEffect, warning.Descriptor);
        Assert.Equal($"tiny: $.{path}", warning.Where);
        Assert.NotEmpty(warning.Levers);
    }

    [Fact]
    public void WhatTakesEffectDoesNotWarn() =>
        Assert.Empty(ChipReader.Warnings(ChipReader.Read("tiny", ["tile.noise.output=0.1", "tile.noise.read=0.1", "tile.cell.device=pcm_like", "tile.input.skips_zero_pulses=true"])));
}

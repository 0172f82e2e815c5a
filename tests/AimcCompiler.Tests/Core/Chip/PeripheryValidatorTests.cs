using System.Text;
using System.Text.Json.Nodes;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

/// <summary>Drivers, circuits, converters, I-V curves and sensing in a chip file: what is refused, and what warns because it does nothing.</summary>
public sealed class PeripheryValidatorTests
{
    private const string NoErrors = """{"offset_lsb":null,"gain_lsb":null,"inl_lsb":null,"dnl_lsb":null}""";
    private const string SomeErrors = """{"offset_lsb":0.5,"gain_lsb":1,"inl_lsb":0.5,"dnl_lsb":0.1}""";
    private const string Sar = """{"kind":"sar","ladder":"split","capacitor_sigma":0.01,"comparator_sigma":0.01,"gain_db":60,"compression":null}""";
    private const string Wire =
        """{"nonlinearity":null,"nonlinearity_spread":null,"asymmetry":null,"voltage_offset":null,"reference_weight":null,"series_resistance":null,"series_maximum":null}""";

    private const string Max = "tile.adc.range=max";
    private const string MidRise = "tile.adc.codes=mid_rise";

    [Theory]
    [InlineData("tiny", "tile.input.noise", "tile.input.noise=-1")]
    [InlineData("tiny", "tile.input.asymmetry", "tile.input.asymmetry=1.5")]
    [InlineData("tiny", "tile.input.codes", "tile.input.codes=mid_rise")]
    [InlineData("hermes", "tile.input.errors", "tile.input.bits=13", "tile.input.errors=" + SomeErrors)]
    [InlineData("hermes", "tile.input.errors.dnl_lsb", "tile.input.errors=" + SomeErrors, "tile.input.errors.dnl_lsb=-1")]
    [InlineData("tiny", "tile.adc.thermal_noise_lsb", "tile.adc.thermal_noise_lsb=-1")]
    [InlineData("tiny", "tile.adc.errors", "tile.adc.bits=13", "tile.adc.errors=" + SomeErrors)]
    [InlineData("tiny", "tile.adc.errors.gain_lsb", "tile.adc.errors=" + SomeErrors, "tile.adc.errors.gain_lsb=-1")]
    [InlineData("tiny", "tile.adc.codes", MidRise)]
    [InlineData("tiny", "tile.adc.codes", Max, "tile.adc.structure=" + Sar)]
    [InlineData("tiny", "tile.adc.structure", Max, MidRise, "tile.adc.bits=16", "tile.adc.structure=" + Sar)]
    [InlineData("tiny", "tile.adc.structure.ladder", Max, MidRise, "tile.adc.structure=" + Sar, "tile.adc.structure.ladder=null")]
    [InlineData("tiny", "tile.adc.structure.ladder", Max, MidRise, "tile.adc.structure=" + Sar, "tile.adc.structure.kind=pipeline")]
    [InlineData("tiny", "tile.adc.structure.compression", Max, MidRise, "tile.adc.structure=" + Sar, "tile.adc.structure.compression=0.1")]
    [InlineData("tiny", "tile.adc.structure.gain_db", Max, MidRise, "tile.adc.structure=" + Sar, "tile.adc.structure.gain_db=0")]
    [InlineData("tiny", "tile.output.asymmetry", "tile.output=" + Wire, "tile.output.asymmetry=-0.1")]
    [InlineData("tiny", "tile.output.series_maximum", "tile.output=" + Wire, "tile.output.series_resistance=1", "tile.output.series_maximum=0")]
    [InlineData("tiny", "tile.noise.weight.sigma", """tile.noise.weight={"kind":"pcm_read","sigma":-1}""")]
    [InlineData("tiny", "tile.cell.iv.cubic_per_v2", """tile.cell.iv={"kind":"cubic","cubic_per_v2":null}""")]
    [InlineData("tiny", "tile.cell.iv.cubic_per_v2", """tile.cell.iv={"kind":"cubic","cubic_per_v2":25}""")]
    [InlineData("tiny", "tile.cell.iv", """tile.cell.iv={"kind":"milo","cubic_per_v2":null}""")]
    [InlineData(
        "tiny", "tile.cell.read_voltage_v", """tile.cell.iv={"kind":"milo","cubic_per_v2":null}""", "tile.cell.g_min_us=50", "tile.cell.g_max_us=225", "tile.cell.read_voltage_v=0.6")]
    [InlineData("tiny", "tile.encoding.pair_axis", Max, "tile.sensing=voltage")]
    [InlineData("tiny", "tile.adc.range", "tile.sensing=voltage", "tile.encoding.pair_axis=rows")]
    [InlineData("tiny", "tile.cell.iv", Max, "tile.sensing=voltage", "tile.encoding.pair_axis=rows", """tile.cell.iv={"kind":"cubic","cubic_per_v2":1}""")]
    [InlineData("tiny", "tile.output", Max, "tile.sensing=voltage", "tile.encoding.pair_axis=rows", "tile.output=" + Wire, "tile.output.voltage_offset=0.1")]
    public void AnImpossibleValueIsNamed(string preset, string path, params string[] settings)
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith(preset, settings));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.Equal($"{preset}: $.{path}", finding.Where);
        Assert.Contains("allowed", finding.Message + " " + (finding.Message.Contains("fit holds", StringComparison.Ordinal) ? "allowed" : ""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tiny", "tile.input.noise", "tile.input.noise=0")]
    [InlineData("tiny", "tile.input.errors", "tile.input.errors=" + NoErrors)]
    [InlineData("tiny", "tile.input.errors.inl_lsb", "tile.input.errors=" + SomeErrors, "tile.input.errors.inl_lsb=0")]
    [InlineData("float", "tile.input.errors", "tile.input.errors=" + SomeErrors)]
    [InlineData("float", "tile.input.rounding", "tile.input.rounding=stochastic")]
    [InlineData("float", "tile.input.codes", "tile.input.codes=mid_rise")]
    [InlineData("tiny", "tile.input.asymmetry", "tile.input.sign=two_phase", "tile.input.asymmetry=0.1")]
    [InlineData("float", "tile.adc.errors", "tile.adc.errors=" + SomeErrors)]
    [InlineData("float", "tile.adc.rounding", "tile.adc.rounding=stochastic")]
    [InlineData("float", "tile.adc.thermal_noise_lsb", "tile.adc.thermal_noise_lsb=1")]
    [InlineData("float", "tile.adc.codes", "tile.adc.codes=mid_rise")]
    [InlineData("isaac", "tile.adc.codes", Max, MidRise)]
    [InlineData("tiny", "tile.adc.errors", "tile.adc.errors=" + NoErrors)]
    [InlineData("tiny", "tile.adc.structure", Max, MidRise, """tile.adc.structure={"kind":"cyclic","ladder":null,"capacitor_sigma":null,"comparator_sigma":null,"gain_db":null,"compression":null}""")]
    [InlineData("tiny", "tile.output.nonlinearity_spread", "tile.output=" + Wire, "tile.output.nonlinearity_spread=0.1")]
    [InlineData("tiny", "tile.output.reference_weight", "tile.output=" + Wire, "tile.output.reference_weight=0.1")]
    [InlineData("tiny", "tile.output.series_maximum", "tile.output=" + Wire, "tile.output.series_maximum=0.1")]
    [InlineData("isaac", "tile.output.asymmetry", "tile.output=" + Wire, "tile.output.asymmetry=0.1")]
    [InlineData("tiny", "tile.noise.weight.sigma", """tile.noise.weight={"kind":"pcm_read","sigma":0}""")]
    [InlineData("tiny", "tile.cell.iv.cubic_per_v2", """tile.cell.iv={"kind":"cubic","cubic_per_v2":0}""")]
    public void WhatCannotTakeEffectWarns(string preset, string path, params string[] settings)
    {
        Diagnostic warning = Assert.Single(ChipReader.Warnings(ChipReader.Read(preset, settings)), w => w.Descriptor == Descriptors.WithoutEffect);
        Assert.Equal($"{preset}: $.{path}", warning.Where);
        Assert.NotEmpty(warning.Levers);
    }

    [Fact]
    public void WhatTakesEffectDoesNotWarn() =>
        Assert.Empty(ChipReader.Warnings(ChipReader.Read(
            "tiny",
            [
                Max, MidRise, $"tile.adc.structure={Sar}", $"tile.adc.errors={SomeErrors}", "tile.adc.rounding=stochastic", "tile.adc.thermal_noise_lsb=0.1",
                $"tile.input.errors={SomeErrors}", "tile.input.noise=0.01", "tile.input.asymmetry=0.1", "tile.input.rounding=stochastic",
                $"tile.output={Wire}", "tile.output.nonlinearity=0.1", "tile.output.voltage_offset=0.01", """tile.noise.weight={"kind":"pcm_read","sigma":0.1}""",
                """tile.cell.iv={"kind":"cubic","cubic_per_v2":0.25}""",
            ])));

    /// <summary>A description from before these fields were is the same chip with all of them off; in a chip file they must be there.</summary>
    [Fact]
    public void WhatAnOlderDescriptionLacksIsOff()
    {
        JsonObject old = JsonNode.Parse(ChipFixture.Tiny)!.AsObject();
        JsonObject tile = old["tile"]!.AsObject();
        Remove(tile, "sensing", "output");
        Remove(tile["cell"]!.AsObject(), "iv");
        Remove(tile["noise"]!.AsObject(), "weight");
        Remove(tile["input"]!.AsObject(), "codes", "rounding", "noise", "asymmetry", "errors");
        Remove(tile["adc"]!.AsObject(), "codes", "rounding", "thermal_noise_lsb", "errors", "structure");
        byte[] bytes = Encoding.UTF8.GetBytes(old.ToJsonString());
        Assert.Equal(ChipReader.Read("tiny").Tile, ChipReader.Parse(bytes, "old", fillsMissing: true).Tile);
        Assert.Equal(14, Assert.Throws<DiagnosticException>(() => ChipReader.Parse(bytes, "old")).Diagnostics.Length);

        tile["adc"]!.AsObject().Remove("columns_per_adc"); // was always there
        Assert.Throws<DiagnosticException>(() => ChipReader.Parse(Encoding.UTF8.GetBytes(old.ToJsonString()), "old", fillsMissing: true));

        static void Remove(JsonObject json, params string[] names) => Assert.All(names, name => Assert.True(json.Remove(name)));
    }
}

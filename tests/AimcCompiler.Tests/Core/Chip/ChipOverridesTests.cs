using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipOverridesTests
{
    [Fact]
    public void SettingsReplaceValues()
    {
        ChipDescription chip = ChipReader.Read(
            "tiny", ["tile.rows=512", "tile.adc.bits=null", "tile.adc.range=max", "name=my tiny", "tile.input.unsigned_when_non_negative=false", "mesh=null"]);
        Assert.Equal(512, chip.Tile.Rows);
        Assert.Null(chip.Tile.Adc.Bits);
        Assert.Equal(AdcRange.Max, chip.Tile.Adc.Range);
        Assert.Equal("my tiny", chip.Name);
        Assert.False(chip.Tile.Input.UnsignedWhenNonNegative);
        Assert.Null(chip.TilesPerChip);
    }

    [Fact]
    public void TheLastSettingOfAFieldCounts() =>
        Assert.Equal(32, ChipReader.Read("tiny", ["tile.rows=16", "tile.rows=32"]).Tile.Rows);

    [Fact]
    public void AnAbsentPartCanBeBuiltFieldByField() =>
        Assert.Equal(12, ChipReader.Read("float", ["mesh.rows=3", "mesh.columns=4"]).TilesPerChip);

    [Fact]
    public void AHalfBuiltPartSaysWhatIsMissing() =>
        Assert.Equal("float: $.mesh.columns", Assert.Single(ChipFixture.FindingsWith("float", "mesh.rows=3")).Where);

    [Fact]
    public void DevicesAreSetByNameByObjectAndByParameter()
    {
        Assert.IsType<IdealDevice>(ChipReader.Read("hermes", ["tile.cell.device=ideal"]).Tile.Cell.Device);
        Assert.Equal(new PcmHermesDevice(2, 1, null, 1), ChipReader.Read("hermes", ["tile.cell.device.drift_scale=null"]).Tile.Cell.Device);
        Assert.Equal(
            new GaussianDevice(0.02, null, NoiseScaling.Independent),
            ChipReader.Read(
                "hermes",
                [
                    """tile.cell.device={"name":"gaussian","programming_sigma":0.03,"read_sigma":null,"scaling":"independent","distribution":"normal"}""",
                    "tile.cell.device.programming_sigma=0.02",
                ]).Tile.Cell.Device);
    }

    [Theory]
    [InlineData("tile.rowz=8", "$.tile.rowz", "tile.rows")]
    [InlineData("tyle.rows=8", "$.tyle.rows", "tile")]
    [InlineData("tile.rows.rows=8", "$.tile.rows.rows", null)]
    [InlineData("tile.cell.device.sigma=8", "$.tile.cell.device.sigma", null)]
    [InlineData("tile.rows", "$.tile.rows", "tile.rows=VALUE")]
    [InlineData("=8", "$.", null)]
    [InlineData("", "$.", "=VALUE")]
    public void AnUnknownPathIsAnErrorWithTheNearestName(string setting, string path, string? lever)
    {
        Diagnostic finding = Assert.Single(ChipFixture.FindingsWith("tiny", setting));
        Assert.Equal(Descriptors.InvalidChip, finding.Descriptor);
        Assert.Equal($"tiny: {path}", finding.Where);
        Assert.Equal(lever is null ? [] : [lever], finding.Levers.ToArray());
    }

    [Theory]
    [InlineData("tile.rows=x", "$.tile.rows")]
    [InlineData("tile.rows=0", "$.tile.rows")]
    [InlineData("tile.rows=", "$.tile.rows")]
    [InlineData("tile.adc.range=maximal", "$.tile.adc.range")]
    [InlineData("tile.cell.device.programming_sigma=0.02", "$.tile.cell.device.programming_sigma")]
    public void AWrongValueHasTheSamePathAsInAFile(string setting, string path) =>
        Assert.Equal($"tiny: {path}", Assert.Single(ChipFixture.FindingsWith("tiny", setting)).Where);

    [Fact]
    public void AReplacedNumberLosesItsSourceAndItsWarning()
    {
        ChipDescription chip = ChipReader.Read("isaac", ["tile.timing.stages=3", "tile.energy.static_mw=0.2"]);
        Assert.Equal("set by the user", chip.Sources["tile.timing.stages"]);
        Assert.Empty(ChipReader.Warnings(chip));
    }
}

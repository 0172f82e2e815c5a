using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class ChipFieldsTests
{
    [Theory]
    [InlineData("adc.bits", "tile.adc.bits")]
    [InlineData("tile.adc.bits", "tile.adc.bits")]
    [InlineData("rows", "tile.rows")]
    [InlineData("noise.output", "tile.noise.output")]
    [InlineData("cell.device.drift_scale", "tile.cell.device.drift_scale")]
    [InlineData("mesh.rows", "mesh.rows")]
    [InlineData("core.tiles", "core.tiles")]
    public void AFieldIsNamedWholeOrFromTheTileOn(string path, string expected) => Assert.Equal(expected, ChipFields.Resolve(path, "--vary"));

    [Theory]
    [InlineData("adc.bots", "'bots'", "adc.bits")]
    [InlineData("tile.adc.bots", "'bots'", "tile.adc.bits")]
    [InlineData("adz.bits", "'adz'", "adc")]
    [InlineData("mesh.rowz", "'rowz'", "mesh.rows")]
    public void AnUnknownPartIsNamedWithItsNeighbor(string path, string unknown, string lever)
    {
        var finding = Assert.Single(Assert.Throws<DiagnosticException>(() => ChipFields.Resolve(path, "--vary")).Diagnostics);
        Assert.Equal(Descriptors.InvalidOption, finding.Descriptor);
        Assert.Contains(unknown, finding.Message, StringComparison.Ordinal);
        Assert.Contains(lever, finding.Levers);
    }
}

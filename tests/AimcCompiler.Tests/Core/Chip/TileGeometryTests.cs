using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Chip;

public sealed class TileGeometryTests
{
    [Theory]
    [InlineData("tiny", 2, 4, 1, 8, 2)]
    [InlineData("isaac", 8, 8, 1, 128, 16)]
    [InlineData("hermes", 1, 1, 1, 256, 256)]
    [InlineData("float", 1, 1, 1, 256, 256)]
    public void APresetsWeightTakesItsCells(string preset, int slices, int columns, int rows, int logicalRows, int logicalColumns)
    {
        var geometry = new TileGeometry(ChipReader.Read(preset).Tile);
        Assert.Equal(
            (slices, columns, rows, logicalRows, logicalColumns),
            (geometry.Slices, geometry.PhysicalColumnsPerWeight, geometry.PhysicalRowsPerWeight, geometry.LogicalRows, geometry.LogicalColumns));
    }

    [Theory]
    [InlineData("signed_digits", 8, 2, 4)]
    [InlineData("signed_digits", 8, 3, 3)]
    [InlineData("signed_digits", 2, 2, 1)]
    [InlineData("twos_complement", 8, 2, 4)]
    [InlineData("twos_complement", 9, 2, 5)]
    [InlineData("none", 8, 7, 1)]
    public void SlicesHoldAWeight(string slicing, int weightBits, int cellBits, int expected) =>
        Assert.Equal(
            expected,
            new TileGeometry(ChipReader.Read(
                "tiny",
                [$"tile.weights.slicing={slicing}", $"tile.weights.bits={weightBits}", $"tile.cell.bits={cellBits}", "tile.columns=64"]).Tile).Slices);

    [Fact]
    public void APairInRowsHalvesTheRows()
    {
        var geometry = new TileGeometry(ChipReader.Read("tiny", ["tile.encoding.pair_axis=rows"]).Tile);
        Assert.Equal((4, 4), (geometry.LogicalRows, geometry.LogicalColumns));
    }

    [Theory]
    [InlineData("unsigned", 8, 1, 8, 8)]
    [InlineData("unsigned", 8, 3, 3, 3)]
    [InlineData("twos_complement", 16, 1, 16, 16)]
    [InlineData("twos_complement", 8, 2, 5, 4)] // 4 pulses of magnitude, 1 of the sign bit
    [InlineData("sign_magnitude", 8, 1, 7, 8)]
    [InlineData("sign_magnitude", 8, 4, 2, 2)]
    [InlineData("two_phase", 8, 1, 14, 8)]
    [InlineData("two_phase", 4, 3, 2, 2)]
    public void PulsesCarryAnInput(string sign, int bits, int pulseBits, int pulses, int pulsesOfUnsignedCodes)
    {
        var geometry = new TileGeometry(ChipReader.Read(
            "tiny", [$"tile.input.sign={sign}", $"tile.input.bits={bits}", $"tile.input.pulse_bits={pulseBits}"]).Tile);
        Assert.Equal(pulses, geometry.PulsesPerMvm(unsignedCodes: false));
        Assert.Equal(pulsesOfUnsignedCodes, geometry.PulsesPerMvm(unsignedCodes: true));
    }

    [Fact]
    public void PwmGoesInAtOnce() => Assert.Equal(1, new TileGeometry(ChipReader.Read("hermes").Tile).PulsesPerMvm(unsignedCodes: false));
}

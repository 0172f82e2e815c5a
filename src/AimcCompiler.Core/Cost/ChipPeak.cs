namespace AimcCompiler.Core;

/// <summary>What a chip does when every cell works all the time: an upper bound that no network reaches.</summary>
/// <param name="Tops">1 MAC = 2 operations; null if the cycle time is not known or the tiles are unlimited.</param>
/// <param name="Watts">Power of the tiles.</param>
public sealed record ChipPeak(double? Tops, double? Watts)
{
    public double? TopsPerWatt => Tops / Watts;

    public static ChipPeak Of(ChipDescription chip, bool unsignedCodes = false)
    {
        var geometry = new TileGeometry(chip.Tile);
        LayerWork full = LayerWork.Dense("peak", geometry.LogicalRows, geometry.LogicalColumns, 1, chip.Tile);
        LayerCost cost = LayerCost.Of(chip, full with { UnsignedCodes = unsignedCodes });
        double? tiles = chip.TilesPerChip;
        double? interval = cost.Timing.InitiationIntervalNs;
        return new ChipPeak(
            tiles * 2 * full.Macs / interval * 1e-3, // operations per ns = 1e-3 TOPS
            tiles * cost.MvmEnergy.TilesPj / interval * 1e-3); // pJ per ns = mW
    }
}

using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <param name="Name">cores, tiles, ...</param>
/// <param name="Count">How many of them.</param>
/// <param name="DynamicMw">Of one at work all the time, beyond what it takes anyway; null = not known.</param>
/// <param name="StaticMw">Of one, working or not; null = not known.</param>
/// <param name="AreaMm2">Of one; null = not known.</param>
public sealed record ChipPart(string Name, double Count, double? DynamicMw, double? StaticMw, double? AreaMm2);

/// <summary>Power and area of a chip, summed from its parts. A sum with an unknown part is null.</summary>
public sealed record ChipRollUp(ImmutableArray<ChipPart> Parts)
{
    /// <summary>Everything at work all the time.</summary>
    public double? PowerMw => Parts.Aggregate((double?)0, (sum, part) => sum + (part.Count * (part.DynamicMw + part.StaticMw)));

    /// <summary>What is drawn working or not.</summary>
    public double? StaticMw => Parts.Aggregate((double?)0, (sum, part) => sum + (part.Count * part.StaticMw));

    public double? AreaMm2 => Parts.Aggregate((double?)0, (sum, part) => sum + (part.Count * part.AreaMm2));

    /// <summary>One chip: tiles whose every cell works and that begin an MVM as soon as they can, buffers and off-chip links at their full rates, vector units with all lanes. What a hop takes is left out, since no rate of it belongs
    /// to full work.</summary>
    public static ChipRollUp Of(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        var geometry = new TileGeometry(chip.Tile);
        LayerCost full = LayerCost.Of(chip, LayerWork.Dense("full", geometry.LogicalRows, geometry.LogicalColumns, 1, chip.Tile));
        double? tileMw = full.MvmEnergy.TilesPj / full.Timing.InitiationIntervalNs; // pJ / ns = mW
        CoreDescription core = chip.Core;
        double? cores = chip.Mesh is { } mesh ? (double)mesh.Rows * mesh.Columns : null;
        if (cores is not { } count)
        {
            return new ChipRollUp([new ChipPart("tiles", 1, null, null, null)]); // as many as the model needs
        }

        double tileStaticMw = chip.Tile.Energy.MvmNj is null ? chip.Tile.Energy.StaticMw ?? 0 : 0; // is in the energy of an MVM
        List<ChipPart> parts =
        [
            new("tiles", count * core.Tiles, tileMw - tileStaticMw, tileStaticMw, chip.Tile.AreaUm2 * 1e-6),
            new("cores", count, 0, core.StaticMw, core.AreaMm2),
            new("vector units", count, core.Digital.Lanes / core.Digital.NsPerOp * core.Digital.PjPerOp, 0, 0),
        ];
        if (core.BufferKib is not null)
        {
            parts.Add(new("buffers", count, Mw(core.BufferGbPerS, core.BufferPjPerBit), 0, 0));
        }

        if (chip.Noc is { } noc)
        {
            parts.Add(new("routers", count, 0, noc.RouterStaticMw, noc.RouterAreaMm2));
        }

        if (chip.OffChip is { } offChip)
        {
            parts.Add(new("off-chip", 1, Mw(offChip.GbPerS, offChip.PjPerBit), offChip.StaticMw, offChip.AreaMm2));
        }

        return new ChipRollUp([.. parts]);
    }

    /// <summary>GB/s x 8 bits x pJ = mW.</summary>
    private static double? Mw(double? gbPerS, double? pjPerBit) => gbPerS * 8 * pjPerBit;
}

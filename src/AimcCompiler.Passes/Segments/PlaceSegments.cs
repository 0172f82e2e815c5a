using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gives the blocks of every segment their tiles, from the first tile on: the tiles are its own while it runs.</summary>
internal static class PlaceSegments
{
    public static PlacedGraph Run(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options, SegmentPlan plan, PassRunner runner)
    {
        var separate = CutSegments.Separate(graph, plan);
        var capacity = ChipCapacity.Of(chip, plan.Chips, [.. options.DeadTiles.Where(t => t < chip.TilesPerChip * plan.Chips)]);
        ImmutableArray<MappedStages?> mapped =
        [
            .. plan.Segments.Select(s => s.Replicates ? MapCores.OnChips(s.Stages, separate, chip.Tile, capacity, options with { Sharing = TileSharing.Never }, runner) : null),
        ];
        TileGeometry geometry = new(chip.Tile);
        var placers = mapped.Select(m => m is null ? PlaceTiles.InOrder(null, 0, geometry, options) : layer => PlaceTiles.OfMapping(layer, m, geometry)).ToArray();
        return new PlacedGraph(
            separate.Select(layer =>
            {
                int segment = plan.SegmentOfLayer(layer.Output);
                return placers[segment](layer) with { Segment = segment };
            }),
            plan.Chips,
            [])
        { Plan = plan, MappedSegments = mapped };
    }
}

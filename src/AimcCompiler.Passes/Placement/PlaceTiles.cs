using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A graph whose blocks have their tiles.</summary>
/// <param name="Graph">The placed layers.</param>
/// <param name="Chips">Identical chips in use.</param>
public sealed record PlacedGraph(AnalogGraph<PlacedMatrix> Graph, int Chips);

/// <summary>Gives every block its tile, in execution order, so that a layer's tiles are neighbors; respects the chip's capacity. What does not fit
/// is an error with levers, or the layers with the fewest MACs per tile become digital.
/// <code>
/// before:  l1 rows 0+100 x columns 0+16    after:  l1 rows 0+100 x columns 0+16 @ t7[0,0]
/// </code></summary>
public static class PlaceTiles
{
    public static PlacedGraph Run(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options, DiagnosticBag diagnostics)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(diagnostics);
        long needed = graph.Layers.Sum(TilesOf);
        int chips = 1;
        if (chip.TilesPerChip is { } perChip)
        {
            chips = options.Chips ?? (int)Math.Max(1, (needed + perChip - 1) / perChip);
            long capacity = perChip * chips;
            if (needed > capacity)
            {
                // Layers that must be on tiles are not dropped; what is left must still fit.
                long kept = graph.Layers.Where(l => options.Analog.Contains(l.Name)).Sum(TilesOf);
                if (options.Fallback == FallbackPolicy.Error || kept > capacity)
                {
                    Refuse(graph, chip, chips, capacity, needed, options, diagnostics);
                    return new PlacedGraph(new AnalogGraph<PlacedMatrix>(graph.Source, graph.Homes, []), chips);
                }

                graph = Drop(graph, capacity, needed, options, diagnostics);
            }
        }

        TileGeometry geometry = new(chip.Tile);
        int next = 0;
        var placed = graph.Select(layer =>
        {
            int first = next;
            next += (int)TilesOf(layer);
            return new PlacedMatrix(
                layer.Weights,
                [.. layer.Weights.Blocks.Select(b => new BlockPlace(new TileId(first + b.Bundle), 0, b.BundleColumn * geometry.PhysicalColumnsPerWeight))]);
        });
        return new PlacedGraph(placed, chips);
    }

    private static long TilesOf(AnalogLayer<SplitMatrix> layer) => layer.Weights.Blocks.IsEmpty ? 0 : layer.Weights.Blocks.Max(b => b.Bundle) + 1L;

    private static void Refuse(AnalogGraph<SplitMatrix> graph, ChipDescription chip, int chips, long capacity, long needed, CompileOptions options, DiagnosticBag diagnostics)
    {
        long free = capacity;
        foreach (var layer in graph.Layers)
        {
            long tiles = TilesOf(layer);
            if (tiles <= free)
            {
                free -= tiles;
                continue;
            }

            long perChip = chip.TilesPerChip!.Value;
            List<string> levers = [options.Fallback == FallbackPolicy.Error ? "--fallback digital" : "fewer nodes after --analog", FormattableString.Invariant($"--chips auto ({(needed + perChip - 1) / perChip} chips)")];
            if (layer.Weights.Sliced.Slices > 1)
            {
                levers.Add(FormattableString.Invariant($"fewer bit slices (now {layer.Weights.Sliced.Slices}: --set tile.weights.bits or tile.cell.bits)"));
            }

            levers.Add(FormattableString.Invariant($"larger tiles (now {chip.Tile.Rows}x{chip.Tile.Columns})"));
            levers.Add(FormattableString.Invariant($"a chip with {(needed + chip.Core.Tiles - 1) / chip.Core.Tiles} cores or more"));
            diagnostics.Add(
                Descriptors.ChipTooSmall,
                $"{graph.Source.Header.FileName}: node '{layer.Name}' ({layer.Op})",
                FormattableString.Invariant(
                    $"needs {tiles} tiles, {free} of {capacity} are free on {(chips == 1 ? "chip" : FormattableString.Invariant($"{chips} chips"))} '{chip.Name}'; the model needs {needed}"),
                [.. levers]);
            return;
        }
    }

    private static AnalogGraph<SplitMatrix> Drop(AnalogGraph<SplitMatrix> graph, long capacity, long needed, CompileOptions options, DiagnosticBag diagnostics)
    {
        HashSet<LayerId> dropped = [];
        foreach (var layer in graph.Layers.Where(l => !options.Analog.Contains(l.Name)).OrderBy(l => l.Macs / (double)TilesOf(l)).ThenByDescending(l => l.Id.Value))
        {
            if (needed <= capacity)
            {
                break;
            }

            needed -= TilesOf(layer);
            dropped.Add(layer.Id);
            diagnostics.Add(
                Descriptors.FellBack,
                $"{graph.Source.Header.FileName}: node '{layer.Name}' ({layer.Op})",
                FormattableString.Invariant($"runs digitally: it has the fewest MACs per tile ({layer.Macs / TilesOf(layer)} on {TilesOf(layer)} tiles) and the chip is full"),
                "--chips auto");
        }

        return graph.Without(dropped, FallbackReason.DoesNotFit);
    }
}

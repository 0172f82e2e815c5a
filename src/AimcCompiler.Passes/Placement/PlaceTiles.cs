using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A graph whose blocks have their tiles.</summary>
/// <param name="Graph">The placed layers.</param>
/// <param name="Chips">Identical chips in use.</param>
/// <param name="Unplaced">Nodes that must become digital before the rest fits; then nothing is placed.</param>
public sealed record PlacedGraph(AnalogGraph<PlacedMatrix> Graph, int Chips, ImmutableHashSet<NodeId> Unplaced);

/// <summary>Gives every block its tile, in execution order, so that a layer's tiles are neighbors; layers with the same weights stand on the same tiles. Respects the
/// chip's capacity: what does not fit is an error with levers, or the nodes with the fewest MACs per tile are named, to become digital.
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
                var units = Units(graph);
                long kept = units.Where(u => IsKept(u, graph, options)).Sum(u => u.Tiles);
                bool refuses = options.Fallback == FallbackPolicy.Error || kept > capacity;
                if (refuses)
                {
                    Refuse(graph, chip, chips, capacity, needed, options, diagnostics);
                }

                return new PlacedGraph(
                    new AnalogGraph<PlacedMatrix>(graph.Source, graph.Homes, [], []), chips, refuses ? [] : Drop(graph, units, capacity, needed, options, diagnostics));
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
        return new PlacedGraph(placed, chips, []);
    }

    private static long TilesOf(AnalogLayer<SplitMatrix> layer) =>
        layer.SharesTilesOf is not null || layer.Weights.Blocks.IsEmpty ? 0 : layer.Weights.Blocks.Max(b => b.Bundle) + 1L;

    /// <summary>Nodes that come or go together: the products of one operator, and the users of the same tiles.</summary>
    private sealed record Unit(ImmutableArray<AnalogLayer<SplitMatrix>> Layers, long Tiles, long Macs)
    {
        public int First => Layers.Max(l => l.Id.Value);
    }

    /// <summary>The user asked for one of its layers, or for the operator that it is a part of.</summary>
    private static bool IsKept(Unit unit, AnalogGraph<SplitMatrix> graph, CompileOptions options) =>
        !options.Analog.IsEmpty
        && unit.Layers.Any(l => options.Analog.Contains(l.Name) || graph.Source.Header.OriginalNodes.Any(n => n.Id == l.Origin && options.Analog.Contains(n.Name)));

    private static List<Unit> Units(AnalogGraph<SplitMatrix> graph)
    {
        Dictionary<NodeId, NodeId> representatives = [];
        NodeId Find(NodeId node)
        {
            while (representatives.GetValueOrDefault(node, node) is var next && next != node)
            {
                node = next;
            }

            return node;
        }

        var ownerNode = graph.Layers.ToDictionary(l => l.Id, l => l.Node);
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is not null))
        {
            var (one, other) = (Find(layer.Node), Find(ownerNode[layer.SharesTilesOf!.Value]));
            if (one != other)
            {
                representatives[one] = other;
            }
        }

        return [.. graph.Layers.GroupBy(l => Find(l.Node)).Select(g => new Unit([.. g], g.Sum(TilesOf), g.Sum(l => l.Macs)))];
    }

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

    private static ImmutableHashSet<NodeId> Drop(AnalogGraph<SplitMatrix> graph, List<Unit> units, long capacity, long needed, CompileOptions options, DiagnosticBag diagnostics)
    {
        HashSet<NodeId> dropped = [];
        foreach (var unit in units.Where(u => !IsKept(u, graph, options)).OrderBy(u => u.Macs / (double)u.Tiles).ThenByDescending(u => u.First))
        {
            if (needed <= capacity)
            {
                break;
            }

            needed -= unit.Tiles;
            dropped.UnionWith(unit.Layers.Select(l => l.Node));
            string others = unit.Layers.Length > 1
                ? FormattableString.Invariant($" (with {unit.Layers.Length - 1} more {(unit.Layers.Length == 2 ? "product" : "products")} of the same operator or tiles)")
                : "";
            diagnostics.Add(
                Descriptors.FellBack,
                $"{graph.Source.Header.FileName}: node '{unit.Layers[0].Name}' ({unit.Layers[0].Op}){others}",
                FormattableString.Invariant($"runs digitally: it has the fewest MACs per tile ({unit.Macs / unit.Tiles} on {unit.Tiles} tiles) and the chip is full"),
                "--chips auto");
        }

        return [.. dropped];
    }
}

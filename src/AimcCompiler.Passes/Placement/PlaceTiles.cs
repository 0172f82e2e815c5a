using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A graph whose blocks have their tiles.</summary>
/// <param name="Graph">The placed layers.</param>
/// <param name="Chips">Identical chips in use.</param>
/// <param name="Unplaced">Nodes that must become digital before the rest fits; then nothing is placed.</param>
/// <param name="Mapped">Where copies are; null = one copy of every layer, tiles one after the other.</param>
public sealed record PlacedGraph(AnalogGraph<PlacedMatrix> Graph, int Chips, ImmutableHashSet<NodeId> Unplaced, MappedStages? Mapped = null)
{
    /// <summary>What is on the tiles at a time; null = everything.</summary>
    internal SegmentPlan? Plan { get; init; }

    /// <summary>Of each segment, as <see cref="Mapped"/>; empty without segments.</summary>
    internal ImmutableArray<MappedStages?> MappedSegments { get; init; } = [];
}

/// <summary>Gives every block its tile: that of its copy in a mapping, or without one in execution order, so that a layer's tiles are neighbors; layers with the same weights stand on the same tiles. Respects the
/// chip's capacity, in which dead tiles do not count: what does not fit is an error with levers, or the nodes with the fewest MACs per tile are named, to become digital.
/// <code>
/// before:  l1 rows 0+100 x columns 0+16    after:  l1 rows 0+100 x columns 0+16 @ t7[0,0]
/// </code></summary>
public static class PlaceTiles
{
    /// <param name="graph">The layers.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="options">Chips, dead tiles, sharing, what to do where they do not do.</param>
    /// <param name="diagnostics">Takes the refusal, and what falls back.</param>
    /// <param name="mapped">Where copies are; null = one copy of every layer.</param>
    /// <param name="alternatives">Said where it refuses.</param>
    public static PlacedGraph Run(
        AnalogGraph<SplitMatrix> graph,
        ChipDescription chip,
        CompileOptions options,
        DiagnosticBag diagnostics,
        MappedStages? mapped = null,
        ImmutableArray<FitAlternative> alternatives = default)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(diagnostics);
        long needed = graph.Layers.Sum(TilesOf);
        int chips = 1;
        var shared = mapped is null && options.Sharing == TileSharing.Always ? ShareTiles.Run(graph, chip.Tile) : default;
        if (chip.TilesPerChip is { } perChip)
        {
            chips = mapped?.Mapping.Chips ?? ChipsOf(shared.Places is null ? needed : shared.Tiles, perChip, options);
            long capacity = Capacity(perChip, chips, options);
            if (mapped is null && needed > capacity && shared.Places is null && options.Sharing == TileSharing.WhenNeeded)
            {
                shared = ShareTiles.Run(graph, chip.Tile);
            }

            needed = shared.Places is null ? needed : shared.Tiles;
            if (options.DeadTiles.Any(t => t >= perChip * chips))
            {
                diagnostics.Add(
                    Descriptors.InvalidOption,
                    "--dead-tiles",
                    FormattableString.Invariant($"names tile {options.DeadTiles.Max()}; {(chips == 1 ? "the chip has" : FormattableString.Invariant($"{chips} chips have"))} {perChip * chips}, counted from 0"));
            }

            // What is mapped has its tiles.
            if (mapped is null && needed > capacity)
            {
                // Layers that must be on tiles are not dropped; what is left must still fit.
                var units = Units(graph);
                long kept = units.Where(u => IsKept(u, graph, options)).Sum(u => u.Tiles);
                bool refuses = options.Fallback != FallbackPolicy.Digital || kept > capacity;
                if (refuses)
                {
                    Refuse(graph, chip, chips, capacity, needed, options, diagnostics, alternatives.IsDefault ? [] : alternatives);
                }

                return new PlacedGraph(
                    new AnalogGraph<PlacedMatrix>(graph.Source, graph.Homes, [], []), chips, refuses ? [] : Drop(graph, units, capacity, needed, options, diagnostics));
            }
        }

        TileGeometry geometry = new(chip.Tile);
        return new PlacedGraph(graph.Select(mapped is null ? InOrder(shared.Places, shared.Tiles, geometry, options) : layer => OfMapping(layer, mapped, geometry)), chips, [], mapped);
    }

    /// <summary>Chips that hold one copy of everything; null = as many as the user allows do not.</summary>
    internal static int? ChipsFor(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options)
    {
        if (chip.TilesPerChip is not { } perChip)
        {
            return 1;
        }

        long needed = graph.Layers.Sum(TilesOf);
        int chips = ChipsOf(needed, perChip, options);
        return needed <= Capacity(perChip, chips, options) ? chips : null;
    }

    /// <summary>One copy of everything does not fit, not even where small matrices share tiles as far as they may.</summary>
    internal static bool IsTooBig(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options) =>
        chip.TilesPerChip is not null && ChipsFor(graph, chip, options) is null && Least(graph, chip, options) > CapacityOf(chip, options);

    /// <summary>Live tiles of the chips that the user allows.</summary>
    internal static long CapacityOf(ChipDescription chip, CompileOptions options) => Capacity(chip.TilesPerChip!.Value, options.Chips ?? 1, options);

    /// <summary>Of one copy of everything.</summary>
    internal static long TilesOf(AnalogGraph<SplitMatrix> graph) => graph.Layers.Sum(TilesOf);

    /// <summary>Layers that become digital first; null = those that must be on tiles need too many.</summary>
    internal static ImmutableArray<AnalogLayer<SplitMatrix>>? DigitalLayers(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options)
    {
        var units = Units(graph);
        long capacity = CapacityOf(chip, options);
        return units.Where(u => IsKept(u, graph, options)).Sum(u => u.Tiles) > capacity
            ? null
            : [.. ToDrop(graph, units, capacity, Least(graph, chip, options), options).SelectMany(u => u.Layers).OrderBy(l => l.Id.Value)];
    }

    private static long Least(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options) =>
        options.Sharing == TileSharing.Never ? TilesOf(graph) : ShareTiles.Run(graph, chip.Tile).Tiles;

    internal static int ChipsOf(long needed, long perChip, CompileOptions options)
    {
        int chips = options.Chips ?? (int)Math.Max(1, (needed + perChip - 1) / perChip);
        while (options.Chips is null && Capacity(perChip, chips, options) < needed)
        {
            chips++;
        }

        return chips;
    }

    private static long Capacity(long perChip, int chips, CompileOptions options) => (perChip * chips) - options.DeadTiles.Count(t => t < perChip * chips);

    /// <param name="shared">Where bundles share tiles; null = each has its own.</param>
    /// <param name="tiles">How many tiles they take then.</param>
    /// <param name="geometry">Of a tile.</param>
    /// <param name="options">Dead tiles.</param>
    internal static Func<AnalogLayer<SplitMatrix>, PlacedMatrix> InOrder(Dictionary<(LayerId Layer, int Bundle), BlockPlace>? shared, int tiles, TileGeometry geometry, CompileOptions options)
    {
        int next = 0;
        var dead = options.DeadTiles.ToHashSet();
        int Next()
        {
            while (dead.Contains(next))
            {
                next++;
            }

            return next++;
        }

        int[] live = shared is null ? [] : [.. Enumerable.Range(0, tiles).Select(_ => Next())];
        return layer =>
        {
            int[] own = shared is null ? [.. Enumerable.Range(0, (int)TilesOf(layer)).Select(_ => Next())] : [];
            BlockPlace PlaceOf(WeightBlock block)
            {
                if (shared is null)
                {
                    return new BlockPlace(new TileId(own[block.Bundle]), 0, 0);
                }

                var place = shared[(layer.Id, block.Bundle)];
                return place with { Tile = new TileId(live[place.Tile.Value]) };
            }

            return new PlacedMatrix(
                layer.Weights,
                [.. layer.Weights.Blocks.Select(b => (Block: b, Place: PlaceOf(b))).Select(b => b.Place with { Column = b.Place.Column + (b.Block.BundleColumn * geometry.PhysicalColumnsPerWeight) })]);
        };
    }

    internal static PlacedMatrix OfMapping(AnalogLayer<SplitMatrix> layer, MappedStages mapped, TileGeometry geometry)
    {
        int stage = mapped.StageOf(layer.Output);
        int copies = mapped.Mapping.Replication.Copies[stage];
        var blocks = layer.Weights.Blocks;
        int bundles = blocks.Max(b => b.Bundle) + 1;
        int[] tiles = new int[copies * bundles];
        var corners = new (int Row, int Column)[bundles];
        foreach (var group in mapped.GroupsOf(stage))
        {
            foreach (var (bundle, tile) in mapped.Stages.Stages[stage].Matrix!.Groups[group.Group].Blocks.Select(b => blocks[b].Bundle).Distinct().Zip(group.Tiles))
            {
                tiles[(group.Copy * bundles) + bundle] = tile;
                corners[bundle] = mapped.Places.GetValueOrDefault((stage, group.Group));
            }
        }

        return new PlacedMatrix(
            layer.Weights,
            [
                .. Enumerable.Range(0, copies).SelectMany(copy => blocks.Select(b =>
                    new BlockPlace(new TileId(tiles[(copy * bundles) + b.Bundle]), corners[b.Bundle].Row, corners[b.Bundle].Column + (b.BundleColumn * geometry.PhysicalColumnsPerWeight)))),
            ],
            copies);
    }

    internal static long TilesOf(AnalogLayer<SplitMatrix> layer) =>
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

    private static void Refuse(
        AnalogGraph<SplitMatrix> graph, ChipDescription chip, int chips, long capacity, long needed, CompileOptions options, DiagnosticBag diagnostics, ImmutableArray<FitAlternative> alternatives)
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
            List<string> levers =
            [
                .. options.Fallback switch
                {
                    FallbackPolicy.Error => ["--fallback segments", "--fallback digital"],
                    FallbackPolicy.Segments => ["--fallback digital"],
                    _ => (string[])["fewer nodes after --analog"],
                },
                FormattableString.Invariant($"--chips auto ({(needed + perChip - 1) / perChip} chips)"),
            ];
            if (layer.Weights.Sliced.Slices > 1)
            {
                levers.Add(FormattableString.Invariant($"fewer bit slices (now {layer.Weights.Sliced.Slices}: --set tile.weights.bits or tile.cell.bits)"));
            }

            levers.Add(FormattableString.Invariant($"larger tiles (now {chip.Tile.Rows}x{chip.Tile.Columns})"));
            levers.Add(FormattableString.Invariant($"a chip with {(needed + chip.Core.Tiles - 1) / chip.Core.Tiles} cores or more"));
            diagnostics.Add(new Diagnostic(
                Descriptors.ChipTooSmall,
                $"{graph.Source.Header.FileName}: node '{layer.Name}' ({layer.Op})",
                FormattableString.Invariant(
                    $"needs {tiles} tiles, {free} of {capacity} are free on {(chips == 1 ? "chip" : FormattableString.Invariant($"{chips} chips"))} '{chip.Name}'; the model needs {needed}"),
                [.. levers])
            { Alternatives = alternatives });
            return;
        }
    }

    /// <summary>Those with the fewest MACs per tile, until the others fit.</summary>
    private static IEnumerable<Unit> ToDrop(AnalogGraph<SplitMatrix> graph, List<Unit> units, long capacity, long needed, CompileOptions options)
    {
        foreach (var unit in units.Where(u => !IsKept(u, graph, options)).OrderBy(u => u.Macs / (double)u.Tiles).ThenByDescending(u => u.First))
        {
            if (needed <= capacity)
            {
                yield break;
            }

            needed -= unit.Tiles;
            yield return unit;
        }
    }

    private static ImmutableHashSet<NodeId> Drop(AnalogGraph<SplitMatrix> graph, List<Unit> units, long capacity, long needed, CompileOptions options, DiagnosticBag diagnostics)
    {
        HashSet<NodeId> dropped = [];
        foreach (var unit in ToDrop(graph, units, capacity, needed, options))
        {
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

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Stages of which some row groups share tiles.</summary>
/// <param name="Stages">Row groups that share have no tile of their own.</param>
/// <param name="Places">First physical row and column of those.</param>
internal sealed record SharedStages(StageGraph Stages, ImmutableDictionary<(int Stage, int Group), (int Row, int Column)> Places);

/// <summary>Puts small row groups of several layers together on tiles that serve them in turn, where one copy of everything does not fit otherwise, or where the tiles that become free are copies that shorten the interval.
/// A layer that shares a tile has one copy; the work of all that share it stays within the interval.
/// <code>
/// before:  fc1 1 tile, 20 x 16, 1 vector; fc2 1 tile, 12 x 30, 1 vector      after (64 x 64):  fc1 and fc2 on one tile, 2 vectors
/// </code></summary>
internal static class ShareRowGroups
{
    /// <summary>Parts of the interval without sharing up to which tiles work: the shorter the interval becomes, the less each may do.</summary>
    private static readonly double[] s_shares = [1, 0.9, 0.75, 0.5, 0.25];

    private sealed record Item(int Stage, int Group, int Rows, int Columns, long BusyPs);

    /// <param name="stages">With row groups that fit cores.</param>
    /// <param name="graph">Their blocks.</param>
    /// <param name="tile">The tiles of the chip.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="options">Whether tiles are shared, and what for.</param>
    public static SharedStages Run(StageGraph stages, AnalogGraph<SplitMatrix> graph, TileDescription tile, ChipCapacity chip, CompileOptions options)
    {
        SharedStages alone = new(stages, ImmutableDictionary<(int, int), (int, int)>.Empty);
        var families = TileFamily.Of(stages);
        if (options.Sharing == TileSharing.Never || families.IsEmpty || chip.Tiles is null)
        {
            return alone;
        }

        bool fits = ReplicateLayers.Fits(families, [.. families.Select(_ => 1L)], chip);
        long least = ReplicateLayers.LeastInterval(families, chip);
        bool isStopped = families.All(f => f.IntervalPs is not null) && OtherBound.Of(stages, chip, families).Ps >= least;
        if (fits && options.Sharing == TileSharing.WhenNeeded && (isStopped || options.Target != MappingTarget.Throughput))
        {
            return alone;
        }

        var items = Items(stages, families, graph, tile);
        var best = alone;
        long bestPs = fits && options.Sharing == TileSharing.WhenNeeded ? least : long.MaxValue;
        foreach (double share in s_shares)
        {
            var shared = Share(stages, items, tile, fits ? (long)(least * share) : long.MaxValue);
            var after = TileFamily.Of(shared.Stages);
            if (ReplicateLayers.Fits(after, [.. after.Select(_ => 1L)], chip) && ReplicateLayers.LeastInterval(after, chip) is var ps && ps < bestPs)
            {
                (best, bestPs) = (shared, ps);
            }
        }

        return best;
    }

    /// <summary>Row groups of one tile, less than half full, of layers that are alone on their tiles.</summary>
    private static List<Item> Items(StageGraph stages, ImmutableArray<TileFamily> families, AnalogGraph<SplitMatrix> graph, TileDescription tile)
    {
        TileGeometry geometry = new(tile);
        var layers = graph.Layers.ToDictionary(l => l.Output, StringComparer.Ordinal);
        List<Item> items = [];
        foreach (var family in families.Where(f => f.Members.Length == 1 && !f.IsSerial))
        {
            var split = layers[stages.Values[stages.Stages[family.Owner].Output].Name].Weights;
            foreach (var (group, index) in family.Groups.Select((g, i) => (g, i)).Where(g => g.g is { Tiles: 1, Rounds: 1 }))
            {
                var block = split.Blocks[group.Blocks[0]];
                int rows = block.Groups * block.RowCount * geometry.PhysicalRowsPerWeight;
                int columns = block.Groups * block.ColumnCount * geometry.PhysicalColumnsPerWeight;
                if (group.Blocks.Length == 1 && 2L * rows * columns < (long)tile.Rows * tile.Columns)
                {
                    items.Add(new Item(family.Owner, index, rows, columns, family.BusyPs(1)));
                }
            }
        }

        return [.. items.OrderByDescending(i => i.Rows).ThenByDescending(i => i.Columns).ThenBy(i => i.Stage).ThenBy(i => i.Group)];
    }

    private static SharedStages Share(StageGraph stages, List<Item> items, TileDescription tile, long mostPs)
    {
        ShelfPacking packing = new(tile, mostPs);
        var placed = items.Where(i => i.BusyPs <= mostPs).Select(i => (Item: i, Place: packing.Put(i.Rows, i.Columns, i.Stage, i.BusyPs))).GroupBy(p => p.Place.Tile).Where(t => t.Count() > 1).ToList();
        Dictionary<(int, int), int> tileOf = [];
        var places = ImmutableDictionary.CreateBuilder<(int, int), (int, int)>();
        for (int t = 0; t < placed.Count; t++)
        {
            foreach (var (item, place) in placed[t])
            {
                tileOf.Add((item.Stage, item.Group), t);
                places.Add((item.Stage, item.Group), (place.Row, place.Column));
            }
        }

        return new SharedStages(
            stages with
            {
                Stages =
                [
                    .. stages.Stages.Select((stage, s) => stage.Matrix is not { } matrix ? stage : stage with
                    {
                        Matrix = matrix with { Groups = [.. matrix.Groups.Select((group, g) => tileOf.TryGetValue((s, g), out int shared) ? group with { Tiles = 0, SharedTile = shared } : group)] },
                    }),
                ],
            },
            places.ToImmutable());
    }
}

using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Puts what fills less than half of a tile together with others on tiles that they share: on shelves as high as their first, the highest first, each on the shelf where it leaves least above it (best-fit decreasing
/// height). Parts of one row group never share a tile: they are driven together.
/// <code>
/// before:  l0 20 x 16 @ t0[0,0]   l1 12 x 30 @ t1[0,0]      after (64 x 64):  l0 20 x 16 @ t0[0,0]   l1 12 x 30 @ t0[0,16]
/// </code></summary>
internal static class ShareTiles
{
    private sealed record Item(LayerId Layer, int Bundle, int FirstGroup, int RowBlock, int Rows, int Columns);

    private sealed record Shelf(int Row, int Rows)
    {
        public int Columns { get; set; }
    }

    private sealed class SharedTile(int number)
    {
        public int Number { get; } = number;

        public List<Shelf> Shelves { get; } = [];

        public HashSet<(LayerId, int, int)> RowGroups { get; } = [];
    }

    /// <param name="graph">The layers.</param>
    /// <param name="tile">The tiles of the chip.</param>
    /// <returns>First row and column of every bundle on which of so many tiles; layers that share another's weights have none of their own.</returns>
    public static (Dictionary<(LayerId Layer, int Bundle), BlockPlace> Places, int Tiles) Run(AnalogGraph<SplitMatrix> graph, TileDescription tile)
    {
        TileGeometry geometry = new(tile);
        Dictionary<(LayerId, int), BlockPlace> places = [];
        int tiles = 0;
        List<Item> small = [];
        foreach (var layer in graph.Layers.Where(l => l.SharesTilesOf is null))
        {
            foreach (var item in layer.Weights.Blocks.GroupBy(b => b.Bundle).Select(bundle => ItemOf(layer.Id, [.. bundle], geometry)))
            {
                if (2L * item.Rows * item.Columns < (long)tile.Rows * tile.Columns)
                {
                    small.Add(item);
                }
                else
                {
                    places.Add((item.Layer, item.Bundle), new BlockPlace(new TileId(tiles++), 0, 0));
                }
            }
        }

        List<SharedTile> shared = [];
        foreach (var item in small.OrderByDescending(i => i.Rows).ThenByDescending(i => i.Columns).ThenBy(i => i.Layer.Value).ThenBy(i => i.Bundle))
        {
            var (at, shelf) = Find(shared, item, tile);
            if (at is null)
            {
                at = new SharedTile(tiles++);
                shared.Add(at);
            }

            if (shelf is null)
            {
                shelf = new Shelf(at.Shelves.Sum(s => s.Rows), item.Rows);
                at.Shelves.Add(shelf);
            }

            places.Add((item.Layer, item.Bundle), new BlockPlace(new TileId(at.Number), shelf.Row, shelf.Columns));
            shelf.Columns += item.Columns;
            at.RowGroups.Add((item.Layer, item.FirstGroup, item.RowBlock));
        }

        return (places, tiles);
    }

    /// <returns>The shelf that is least too high; else a tile with room for another; else nothing.</returns>
    private static (SharedTile? Tile, Shelf? Shelf) Find(List<SharedTile> shared, Item item, TileDescription tile)
    {
        var open = shared.Where(t => !t.RowGroups.Contains((item.Layer, item.FirstGroup, item.RowBlock)));
        var fitting = open.SelectMany(t => t.Shelves.Where(s => s.Rows >= item.Rows && s.Columns + item.Columns <= tile.Columns).Select(s => ((SharedTile?)t, (Shelf?)s)));
        return fitting.Any()
            ? fitting.MinBy(f => f.Item2!.Rows)
            : (open.FirstOrDefault(t => t.Shelves.Sum(s => s.Rows) + item.Rows <= tile.Rows), null);
    }

    private static Item ItemOf(LayerId layer, IReadOnlyList<WeightBlock> blocks, TileGeometry geometry) => new(
        layer,
        blocks[0].Bundle,
        blocks[0].FirstGroup,
        blocks[0].RowBlock,
        blocks.Max(b => b.Groups * b.RowCount) * geometry.PhysicalRowsPerWeight,
        blocks.Max(b => b.BundleColumn + (b.Groups * b.ColumnCount)) * geometry.PhysicalColumnsPerWeight);
}

using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Puts what fills less than half of a tile together with others on tiles that they share, the highest first (<see cref="ShelfPacking"/>). Parts of one row group never share a tile: they are driven together.
/// <code>
/// before:  l0 20 x 16 @ t0[0,0]   l1 12 x 30 @ t1[0,0]      after (64 x 64):  l0 20 x 16 @ t0[0,0]   l1 12 x 30 @ t0[0,16]
/// </code></summary>
internal static class ShareTiles
{
    private sealed record Item(LayerId Layer, int Bundle, int FirstGroup, int RowBlock, int Rows, int Columns);

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

        ShelfPacking packing = new(tile);
        foreach (var item in small.OrderByDescending(i => i.Rows).ThenByDescending(i => i.Columns).ThenBy(i => i.Layer.Value).ThenBy(i => i.Bundle))
        {
            var (at, row, column) = packing.Put(item.Rows, item.Columns, (item.Layer, item.FirstGroup, item.RowBlock), 0);
            places.Add((item.Layer, item.Bundle), new BlockPlace(new TileId(tiles + at), row, column));
        }

        return (places, tiles + packing.Tiles);
    }

    private static Item ItemOf(LayerId layer, IReadOnlyList<WeightBlock> blocks, TileGeometry geometry) => new(
        layer,
        blocks[0].Bundle,
        blocks[0].FirstGroup,
        blocks[0].RowBlock,
        blocks.Max(b => b.Groups * b.RowCount) * geometry.PhysicalRowsPerWeight,
        blocks.Max(b => b.BundleColumn + (b.Groups * b.ColumnCount)) * geometry.PhysicalColumnsPerWeight);
}

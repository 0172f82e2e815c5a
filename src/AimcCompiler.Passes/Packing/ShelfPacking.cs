using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Rectangles on tiles: on shelves as high as their first, each on the shelf where it leaves least above it (best-fit decreasing height, when the highest come first).</summary>
/// <param name="tile">The tiles.</param>
/// <param name="mostLoad">What all rectangles of a tile may have together.</param>
internal sealed class ShelfPacking(TileDescription tile, long mostLoad = long.MaxValue)
{
    private readonly List<SharedTile> _tiles = [];

    public int Tiles => _tiles.Count;

    /// <param name="rows">Physical rows.</param>
    /// <param name="columns">Physical columns.</param>
    /// <param name="key">No tile has two rectangles with the same.</param>
    /// <param name="load">Time that the tile works for it.</param>
    /// <returns>Where it stands.</returns>
    public (int Tile, int Row, int Column) Put(int rows, int columns, object key, long load)
    {
        var (at, shelf) = Find(rows, columns, key, load);
        if (at is null)
        {
            at = new SharedTile(_tiles.Count);
            _tiles.Add(at);
        }

        if (shelf is null)
        {
            shelf = new Shelf(at.Shelves.Sum(s => s.Rows), rows);
            at.Shelves.Add(shelf);
        }

        int column = shelf.Columns;
        shelf.Columns += columns;
        at.Keys.Add(key);
        at.Load += load;
        return (at.Number, shelf.Row, column);
    }

    /// <returns>The shelf that is least too high; else a tile with room for another; else nothing.</returns>
    private (SharedTile? Tile, Shelf? Shelf) Find(int rows, int columns, object key, long load)
    {
        var open = _tiles.Where(t => !t.Keys.Contains(key) && t.Load <= mostLoad - load);
        var fitting = open.SelectMany(t => t.Shelves.Where(s => s.Rows >= rows && s.Columns + columns <= tile.Columns).Select(s => ((SharedTile?)t, (Shelf?)s)));
        return fitting.Any()
            ? fitting.MinBy(f => f.Item2!.Rows)
            : (open.FirstOrDefault(t => t.Shelves.Sum(s => s.Rows) + rows <= tile.Rows), null);
    }

    private sealed record Shelf(int Row, int Rows)
    {
        public int Columns { get; set; }
    }

    private sealed class SharedTile(int number)
    {
        public int Number { get; } = number;

        public long Load { get; set; }

        public List<Shelf> Shelves { get; } = [];

        public HashSet<object> Keys { get; } = [];
    }
}

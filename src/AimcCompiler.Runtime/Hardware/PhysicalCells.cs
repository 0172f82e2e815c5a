using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Where on its tile the devices of a block stand. A weight takes adjacent columns, slice by slice, positive before negative where pairs stand in columns; where they
/// stand in rows, the negative row is below the positive. Devices of one unit cell (pairs in the cell, pairs of different significance) share row and column. The unit column
/// of a block stands beside the array: its columns count from the tile's last one.</summary>
internal readonly struct PhysicalCells(TileDescription tile, Block block)
{
    private readonly int _slices = WeightEncoding.Of(tile).Slices;
    private readonly bool _pairsInColumns = TileGeometry.IsDifferential(tile.Encoding.Sign) && tile.Encoding.PairAxis == PairAxis.Columns;
    private readonly bool _pairsInRows = TileGeometry.IsDifferential(tile.Encoding.Sign) && tile.Encoding.PairAxis == PairAxis.Rows;

    public int Tile => block.Tile;

    /// <summary>From the device of a weight to that of its right neighbour.</summary>
    public int Stride => _slices * (_pairsInColumns ? 2 : 1);

    public int Row(int blockRow, int polarity) => block.TileRow + (_pairsInRows ? (2 * blockRow) + polarity : blockRow);

    /// <summary>Column of the block's first weight.</summary>
    public int FirstColumn(int slice, int polarity) => block.TileColumn + (_pairsInColumns ? (2 * slice) + polarity : slice);

    public int UnitColumn => tile.Columns + block.TileColumn;

    /// <summary>Which of the devices of one polarity and significance in its unit cell a device is.</summary>
    public int DeviceOf(int polarity) => _pairsInColumns || _pairsInRows ? 0 : polarity;
}

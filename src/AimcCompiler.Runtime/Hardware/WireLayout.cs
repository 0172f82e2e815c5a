using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Where the devices of a block stand on the lines of its tile, and the resistances between them.</summary>
/// <remarks>
/// Row 0 of a tile is farthest from the converters, column 0 nearest to the word lines' drivers; what else stands on the tile does not conduct. The bit
/// slices of a weight are neighbours. A pair, by <see cref="PairAxis"/>: columns: both on one word line, next to each other (interleaved), or all positive
/// columns before all negative ones. Rows: both on one bit line, the negative half's word line driven with the opposite sign; in turn (interleaved), or all
/// positive rows before all negative ones. Cell: each has its own two lines, two crossbars; interleaved, the bit line is common to both. Units: cells and
/// wires in levels (analog cells: full scale).
/// </remarks>
internal sealed class WireLayout
{
    private readonly int _slices;
    private readonly int _rowStep;
    private readonly int _secondRow;
    private readonly int _columnStep;
    private readonly int _secondColumn;

    private WireLayout(TilePhysics physics, Block block, IrDropDescription wires)
    {
        var tile = physics.Tile;
        bool isPair = physics.Weights.IsDifferential;
        bool interleaved = isPair && wires.Interleaved == true;
        var axis = tile.Encoding.PairAxis;
        Rows = block.Rows;
        Columns = block.Columns;
        _slices = physics.Weights.Slices;
        IsGated = wires.Topology == IrDropTopology.SourceLine;
        SharesBitLines = isPair && (axis == PairAxis.Rows || (axis == PairAxis.Cell && interleaved));
        Networks = isPair && axis == PairAxis.Cell && !interleaved ? 2 : 1;
        bool twoColumns = isPair && axis == PairAxis.Columns;
        int bits = Columns * _slices;
        (_rowStep, _secondRow) = !SharesBitLines ? (1, 0) : interleaved ? (2, 1) : (1, Rows);
        (_columnStep, _secondColumn) = !twoColumns ? (1, 0) : interleaved ? (2, 1) : (1, bits);
        HasUnit = physics.ReadsUnitColumn;
        PhysicalRows = SharesBitLines ? 2 * Rows : Rows;
        PhysicalColumns = (twoColumns ? 2 * bits : bits) + (HasUnit ? 1 : 0);

        double microsiemens = (tile.Cell.GMaxUs - tile.Cell.GMinUs) / physics.Weights.MaxLevel;
        Baseline = tile.Cell.GMinUs / microsiemens;
        double scale = IrDropDescription.TemperatureFactor(tile.Noise.TemperatureK) * microsiemens * 1e-6;
        double along = scale * (wires.WordLineOhm ?? wires.SourceLineOhm)!.Value;
        double bit = scale * wires.BitLineOhm!.Value;
        int rowsBelow = tile.Rows - block.TileRow - (isPair && axis == PairAxis.Rows ? 2 * Rows : Rows);
        int columnsBeside = tile.Columns - block.TileColumn - (twoColumns ? 2 * bits : bits);
        Wires = new CrossbarWires
        {
            Rows = PhysicalRows,
            Columns = PhysicalColumns,
            Driver = (scale * (wires.DriverOhm ?? 0)) + (along * ((IsGated ? block.TileRow : block.TileColumn) + 1)),
            WordLine = along,
            LastWordLine = HasUnit && !IsGated ? along * (columnsBeside + 1) : null,
            BitLine = bit,
            Sense = (scale * (wires.SenseOhm ?? 0)) + (bit * (rowsBelow + 1)),
            RowsPerCrossing = SharesBitLines && axis == PairAxis.Cell ? 2 : 1,
        };
    }

    /// <summary>Rows and columns of the block.</summary>
    public int Rows { get; }

    public int Columns { get; }

    public CrossbarWires Wires { get; }

    /// <summary>Crossbars with these wires: 2 where the halves of pairs share no line.</summary>
    public int Networks { get; }

    public int PhysicalRows { get; }

    public int PhysicalColumns { get; }

    /// <summary>The halves of a pair are on the same bit line, which has the difference of their currents when both are driven.</summary>
    public bool SharesBitLines { get; }

    /// <summary>Inputs gate the cells: the network depends on them.</summary>
    public bool IsGated { get; }

    /// <summary>The unit column is the last.</summary>
    public bool HasUnit { get; }

    /// <summary>g_min.</summary>
    public double Baseline { get; }

    /// <summary>Null where no network of wires is to be solved.</summary>
    public static WireLayout? Of(TilePhysics physics, Block block, SimulationOptions options) =>
        physics.Tile.Noise.IrDrop is { Model: IrDropModel.Nodal } wires && !options.Ideal ? new WireLayout(physics, block, wires) : null;

    public int Network(int polarity) => Networks == 2 ? polarity : 0;

    public int Row(int polarity, int row) => (row * _rowStep) + (polarity * _secondRow);

    public int Column(int slice, int polarity, int column) => (((column * _slices) + slice) * _columnStep) + (polarity * _secondColumn);

    /// <summary>Index of a device in its network.</summary>
    public int At(int slice, int polarity, int row, int column) => (Row(polarity, row) * PhysicalColumns) + Column(slice, polarity, column);

    public int UnitAt(int row) => (Row(0, row) * PhysicalColumns) + PhysicalColumns - 1;
}

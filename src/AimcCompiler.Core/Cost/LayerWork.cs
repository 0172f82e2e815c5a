namespace AimcCompiler.Core;

/// <summary>What one layer asks of the tiles: a matrix, cut into blocks, used so often per inference.</summary>
/// <param name="Name">The layer.</param>
/// <param name="Rows">Matrix rows (inputs of one MVM).</param>
/// <param name="Columns">Matrix columns (outputs of one MVM).</param>
/// <param name="MvmsPerInference">Output pixels of a convolution, 1 for a fully connected layer, the sequence length for a
/// transformer's.</param>
/// <param name="RowTiles">Blocks along the rows; their partial sums are added digitally.</param>
/// <param name="ColumnTiles">Blocks along the columns.</param>
/// <param name="Copies">Copies that take the MVMs in turn.</param>
/// <param name="UsedRows">Driven word lines of one MVM, over all tiles of one copy.</param>
/// <param name="UsedColumns">Used bit lines of one MVM, over all tiles of one copy.</param>
/// <param name="UsedCells">Used unit cells of one copy, over all its tiles.</param>
/// <param name="Macs">Multiply-accumulates of the layer per inference, as the model counts them.</param>
public sealed record LayerWork(
    string Name,
    long Rows,
    long Columns,
    long MvmsPerInference,
    int RowTiles,
    int ColumnTiles,
    int Copies,
    long UsedRows,
    long UsedColumns,
    long UsedCells,
    long Macs)
{
    /// <summary>The compiler proved the inputs non-negative and the chip then uses unsigned codes.</summary>
    public bool UnsignedCodes { get; init; }

    /// <summary>Pulses of an MVM that are not zero for all rows of a tile, on the average over tiles and MVMs; null = all are driven.</summary>
    public double? DrivenPulses { get; init; }

    /// <summary>The same of the tile that has the most; null = all are driven.</summary>
    public double? LongestPulses { get; init; }

    /// <summary>Every MVM waits for the one before it: a recurrence.</summary>
    public bool IsSerial { get; init; }

    /// <summary>Index of the layer on whose tiles this one runs, in turn with it; null = its own.</summary>
    public int? SharesTilesOf { get; init; }

    /// <summary>MVMs of the preceding layer that must be done before the first of this one: a window's rows for a convolution
    /// ((kernel height - 1) x width + kernel width), all of them for a fully connected layer; 0 at the input.</summary>
    public long FillMvms { get; init; }

    /// <summary>Tiles of one copy: fewer than the blocks along rows and columns make where blocks of zeros are left out.</summary>
    public long Tiles { get; init; } = (long)RowTiles * ColumnTiles;

    /// <summary>A dense matrix, filled into tiles from the first row and column on.</summary>
    public static LayerWork Dense(
        string name, long rows, long columns, long mvmsPerInference, TileDescription tile, int copies = 1)
    {
        var geometry = new TileGeometry(tile);
        int rowTiles = checked((int)CeilingDivide(rows, geometry.LogicalRows));
        int columnTiles = checked((int)CeilingDivide(columns, geometry.LogicalColumns));
        long physicalRows = rows * geometry.PhysicalRowsPerWeight;
        long physicalColumns = columns * geometry.PhysicalColumnsPerWeight;
        return new LayerWork(
            name,
            rows,
            columns,
            mvmsPerInference,
            rowTiles,
            columnTiles,
            copies,
            UsedRows: physicalRows * columnTiles,
            UsedColumns: physicalColumns * rowTiles,
            UsedCells: physicalRows * physicalColumns,
            Macs: rows * columns * mvmsPerInference);
    }

    internal static long CeilingDivide(long dividend, long divisor) => ((dividend - 1) / divisor) + 1;
}

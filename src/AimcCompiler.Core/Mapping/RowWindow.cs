namespace AimcCompiler.Core;

/// <summary>Which rows of a value a row of a stage reads: with q = floor(row / Divisor), the Reach rows that end with q Factor + Offset, as far as the value has them. </summary>
/// <param name="Divisor">Rows of the stage that read the same window: 1, or the factor of an upsampling.</param>
/// <param name="Factor">Rows that the window moves.</param>
/// <param name="Offset">Its last row for row 0.</param>
/// <param name="Reach">Rows of the window.</param>
public readonly record struct RowWindow(int Divisor, int Factor, int Offset, int Reach)
{
    /// <summary>Row i reads row i.</summary>
    public static RowWindow SameRow { get; } = new(1, 1, 0, 1);

    /// <summary>Every row reads all of a value.</summary>
    public static RowWindow Whole(int rows) => new(1, 0, rows - 1, rows);

    /// <summary>A convolution or pool: last = row x stride - pad + reach - 1.</summary>
    public static RowWindow OfKernel(int stride, int padBegin, int reach) => new(1, stride, reach - 1 - padBegin, reach);

    /// <summary>The last row that must be there; -1 = none.</summary>
    public int Last(int row, int rows) => (int)Math.Clamp((long)(row / Divisor) * Factor + Offset, -1, rows - 1);

    /// <summary>The first row that is still read; rows before it are done with once the stage has passed <paramref name="row"/>.</summary>
    public int First(int row, int rows) => (int)Math.Clamp((long)(row / Divisor) * Factor + Offset - Reach + 1, 0, Math.Max(0, rows - 1));
}

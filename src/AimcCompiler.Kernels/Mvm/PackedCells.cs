using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>A crossbar's cells in the order in which <see cref="PackedMvm"/> reads them: panels of two registers of columns (a last one of one register where
/// that is enough), each with its rows one behind the other; columns that are not there hold 0.</summary>
public sealed class PackedCells
{
    private const int Alignment = 64;

    private readonly float[] _cells;
    private readonly int _start;

    private PackedCells(int rows, int columns, int lanes)
    {
        (Rows, Columns, Lanes) = (rows, columns, lanes);
        PaddedColumns = (columns + lanes - 1) / lanes * lanes;
        _cells = GC.AllocateUninitializedArray<float>((rows * PaddedColumns) + (Alignment / sizeof(float)), pinned: true);
        _start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_cells, 0) & (Alignment - 1)) / sizeof(float);
    }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Columns with those that fill the last register.</summary>
    public int PaddedColumns { get; }

    /// <summary>Floats of a register.</summary>
    internal int Lanes { get; }

    internal ref float First => ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_cells), _start);

    /// <param name="cells">Row-major, rows x columns.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    public static PackedCells Pack(ReadOnlySpan<float> cells, int rows, int columns) =>
        Pack(cells, rows, columns, Lanes16.IsSupported ? Lanes16.Count : Lanes8.IsSupported ? Lanes8.Count : Lanes1.Count);

    internal static PackedCells Pack(ReadOnlySpan<float> cells, int rows, int columns, int lanes)
    {
        PackedCells packed = new(rows, columns, lanes);
        var target = packed._cells.AsSpan(packed._start, rows * packed.PaddedColumns);
        for (int first = 0; first < packed.PaddedColumns; first += 2 * lanes)
        {
            int width = Math.Min(2 * lanes, packed.PaddedColumns - first);
            int count = Math.Min(width, columns - first);
            for (int r = 0; r < rows; r++)
            {
                var row = target.Slice((first * rows) + (r * width), width);
                cells.Slice((r * columns) + first, count).CopyTo(row);
                row[count..].Clear();
            }
        }

        return packed;
    }
}

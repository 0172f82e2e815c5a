using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>Sixteen vectors through a crossbar of few columns, side by side: a lane is a vector, so nothing is wasted on columns that are not there. The sums of
/// <see cref="Mvm"/>, bit for bit.</summary>
public static class LaneMvm
{
    /// <summary>Vectors side by side.</summary>
    public const int Lanes = Draws.LaneCount;

    /// <summary>sums[16 c + i] = sum over rows of inputs[16 r + i] cells[r, c]: rows ascending from 0, one fused multiply-add each.</summary>
    /// <param name="inputs">Rows x 16.</param>
    /// <param name="cells">Row-major, rows x columns.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns, at least 1.</param>
    /// <param name="sums">Columns x 16.</param>
    public static void Multiply(ReadOnlySpan<float> inputs, ReadOnlySpan<float> cells, int rows, int columns, Span<float> sums)
    {
        if (Lanes16.IsSupported)
        {
            Multiply<Lanes16>(inputs, cells, rows, columns, sums);
        }
        else if (Lanes8.IsSupported)
        {
            Multiply<Lanes8>(inputs, cells, rows, columns, sums);
        }
        else
        {
            Multiply<Lanes1>(inputs, cells, rows, columns, sums);
        }
    }

    internal static void Multiply<TLanes>(ReadOnlySpan<float> inputs, ReadOnlySpan<float> cells, int rows, int columns, Span<float> sums)
        where TLanes : struct, ILanes<TLanes>
    {
        Debug.Assert(columns > 0 && inputs.Length >= rows * Lanes && cells.Length >= rows * columns && sums.Length >= columns * Lanes);
        for (int c = 0; c < columns; c += 8)
        {
            for (int i = 0; i < Lanes; i += TLanes.Count)
            {
                Tile<TLanes>(
                    ref Unsafe.Add(ref MemoryMarshal.GetReference(inputs), i),
                    ref Unsafe.Add(ref MemoryMarshal.GetReference(cells), c),
                    rows,
                    columns,
                    Math.Min(8, columns - c) - 1,
                    ref Unsafe.Add(ref MemoryMarshal.GetReference(sums), (c * Lanes) + i));
            }
        }
    }

    /// <summary>Columns 0 .. last, at most 7; missing columns repeat the last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<TLanes>(ref float input, ref float cell, int rows, nint stride, nint last, ref float sum)
        where TLanes : struct, ILanes<TLanes>
    {
        nint c1 = Math.Min(1, last);
        nint c2 = Math.Min(2, last);
        nint c3 = Math.Min(3, last);
        nint c4 = Math.Min(4, last);
        nint c5 = Math.Min(5, last);
        nint c6 = Math.Min(6, last);
        TLanes a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        for (int r = 0; r < rows; r++)
        {
            var x = TLanes.Load(ref input);
            a0 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(cell), a0);
            a1 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c1)), a1);
            a2 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c2)), a2);
            a3 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c3)), a3);
            a4 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c4)), a4);
            a5 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c5)), a5);
            a6 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, c6)), a6);
            a7 = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Unsafe.Add(ref cell, last)), a7);
            input = ref Unsafe.Add(ref input, Lanes);
            cell = ref Unsafe.Add(ref cell, stride);
        }

        // The last one may be any of them: it is written last.
        TLanes.Store(a0, ref sum);
        TLanes.Store(a1, ref Unsafe.Add(ref sum, c1 * Lanes));
        TLanes.Store(a2, ref Unsafe.Add(ref sum, c2 * Lanes));
        TLanes.Store(a3, ref Unsafe.Add(ref sum, c3 * Lanes));
        TLanes.Store(a4, ref Unsafe.Add(ref sum, c4 * Lanes));
        TLanes.Store(a5, ref Unsafe.Add(ref sum, c5 * Lanes));
        TLanes.Store(a6, ref Unsafe.Add(ref sum, c6 * Lanes));
        TLanes.Store(a7, ref Unsafe.Add(ref sum, last * Lanes));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>The MVM in register tiles of 6 vectors x 2 registers of columns, or 1 x 8 for a last one or two vectors. A lane is a column,
/// so every output sees the rows in order. The last tiles overlap their neighbours and write the same values again, so there are no
/// tails.</summary>
/// <remarks>Measured on one thread of an AMD EPYC, 64 vectors through 256 x 256 cells: 112 GFLOP/s with 16 lanes, 98 with 8.</remarks>
internal readonly struct SimdMvm<TLanes> : IMvm
    where TLanes : struct, ILanes<TLanes>
{
    private const int TileVectors = 6;

    /// <summary>Rows of a matrix narrower than a register that are widened on the stack.</summary>
    private const int NarrowRows = 1024;

    private static int WideColumns => 8 * TLanes.Count;

    public static void Multiply(
        ReadOnlySpan<float> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<float> cells,
        int cellStride,
        int rows,
        int columns,
        Span<float> outputs,
        int outputStride)
    {
        if (columns < TLanes.Count)
        {
            if (TLanes.Count > Lanes8.Count)
            {
                SimdMvm<Lanes8>.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
            }
            else if (vectors >= TileVectors && columns > 0 && rows <= NarrowRows)
            {
                Narrow(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
            }
            else
            {
                ScalarMvm.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
            }

            return;
        }

        Mvm.AssertFits(inputs.Length, inputStride, vectors, rows);
        Mvm.AssertFits(cells.Length, cellStride, rows, columns);
        Mvm.AssertFits(outputs.Length, outputStride, vectors, columns);
        ref float cell = ref MemoryMarshal.GetReference(cells);
        for (int m = 0; m < vectors;)
        {
            ref float input = ref Unsafe.Add(ref MemoryMarshal.GetReference(inputs), (nint)m * inputStride);
            ref float output = ref Unsafe.Add(ref MemoryMarshal.GetReference(outputs), (nint)m * outputStride);
            int left = vectors - m;
            bool one = left <= 2 && columns >= WideColumns;
            int tile = one ? WideColumns : Math.Min(2, columns / TLanes.Count) * TLanes.Count;
            int last = Math.Min(TileVectors, left) - 1;
            for (int c = 0; c < columns; c += tile)
            {
                int at = Math.Min(c, columns - tile);
                ref float tileCell = ref Unsafe.Add(ref cell, at);
                ref float tileOutput = ref Unsafe.Add(ref output, at);
                if (one)
                {
                    Tile1x8(ref input, ref tileCell, cellStride, rows, ref tileOutput);
                }
                else if (tile == 2 * TLanes.Count)
                {
                    Tile6x2(ref input, inputStride, last, ref tileCell, cellStride, rows, ref tileOutput, outputStride);
                }
                else
                {
                    Tile6x1(ref input, inputStride, last, ref tileCell, cellStride, rows, ref tileOutput, outputStride);
                }
            }

            m += one ? 1 : TileVectors;
        }
    }

    /// <summary>Fewer columns than a register has lanes: columns of zeros beside them, whose results are dropped.</summary>
    [SkipLocalsInit]
    private static void Narrow(
        ReadOnlySpan<float> inputs, int inputStride, int vectors, ReadOnlySpan<float> cells, int cellStride, int rows, int columns, Span<float> outputs, int outputStride)
    {
        Span<float> wide = stackalloc float[rows * TLanes.Count];
        Span<float> results = stackalloc float[TileVectors * TLanes.Count];
        wide.Clear();
        for (int r = 0; r < rows; r++)
        {
            cells.Slice(r * cellStride, columns).CopyTo(wide[(r * TLanes.Count)..]);
        }

        for (int m = 0; m < vectors; m += TileVectors)
        {
            int count = Math.Min(TileVectors, vectors - m);
            Multiply(inputs[(m * inputStride)..], inputStride, count, wide, TLanes.Count, rows, TLanes.Count, results, TLanes.Count);
            for (int i = 0; i < count; i++)
            {
                results.Slice(i * TLanes.Count, columns).CopyTo(outputs[((m + i) * outputStride)..]);
            }
        }
    }

    /// <summary>Vectors 0 .. last (at most 5) through two registers of columns; missing vectors repeat the last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x2(
        ref float input, nint inputStride, nint last, ref float cell, nint cellStride, int rows, ref float output, nint outputStride)
    {
        nint v1 = Math.Min(1, last);
        nint v2 = Math.Min(2, last);
        nint v3 = Math.Min(3, last);
        nint v4 = Math.Min(4, last);
        nint v5 = Math.Min(5, last);
        ref float in1 = ref Unsafe.Add(ref input, v1 * inputStride);
        ref float in2 = ref Unsafe.Add(ref input, v2 * inputStride);
        ref float in3 = ref Unsafe.Add(ref input, v3 * inputStride);
        ref float in4 = ref Unsafe.Add(ref input, v4 * inputStride);
        ref float in5 = ref Unsafe.Add(ref input, v5 * inputStride);
        TLanes a00 = default, a01 = default, a10 = default, a11 = default, a20 = default, a21 = default;
        TLanes a30 = default, a31 = default, a40 = default, a41 = default, a50 = default, a51 = default;
        for (nint r = 0; r < rows; r++)
        {
            var cell0 = TLanes.Load(ref cell);
            var cell1 = TLanes.Load(ref Unsafe.Add(ref cell, TLanes.Count));
            var x = TLanes.Broadcast(Unsafe.Add(ref input, r));
            a00 = TLanes.FusedMultiplyAdd(x, cell0, a00);
            a01 = TLanes.FusedMultiplyAdd(x, cell1, a01);
            x = TLanes.Broadcast(Unsafe.Add(ref in1, r));
            a10 = TLanes.FusedMultiplyAdd(x, cell0, a10);
            a11 = TLanes.FusedMultiplyAdd(x, cell1, a11);
            x = TLanes.Broadcast(Unsafe.Add(ref in2, r));
            a20 = TLanes.FusedMultiplyAdd(x, cell0, a20);
            a21 = TLanes.FusedMultiplyAdd(x, cell1, a21);
            x = TLanes.Broadcast(Unsafe.Add(ref in3, r));
            a30 = TLanes.FusedMultiplyAdd(x, cell0, a30);
            a31 = TLanes.FusedMultiplyAdd(x, cell1, a31);
            x = TLanes.Broadcast(Unsafe.Add(ref in4, r));
            a40 = TLanes.FusedMultiplyAdd(x, cell0, a40);
            a41 = TLanes.FusedMultiplyAdd(x, cell1, a41);
            x = TLanes.Broadcast(Unsafe.Add(ref in5, r));
            a50 = TLanes.FusedMultiplyAdd(x, cell0, a50);
            a51 = TLanes.FusedMultiplyAdd(x, cell1, a51);
            cell = ref Unsafe.Add(ref cell, cellStride);
        }

        Store2(a00, a01, ref output);
        Store2(a10, a11, ref Unsafe.Add(ref output, v1 * outputStride));
        Store2(a20, a21, ref Unsafe.Add(ref output, v2 * outputStride));
        Store2(a30, a31, ref Unsafe.Add(ref output, v3 * outputStride));
        Store2(a40, a41, ref Unsafe.Add(ref output, v4 * outputStride));
        Store2(a50, a51, ref Unsafe.Add(ref output, v5 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x1(
        ref float input, nint inputStride, nint last, ref float cell, nint cellStride, int rows, ref float output, nint outputStride)
    {
        nint v1 = Math.Min(1, last);
        nint v2 = Math.Min(2, last);
        nint v3 = Math.Min(3, last);
        nint v4 = Math.Min(4, last);
        nint v5 = Math.Min(5, last);
        TLanes a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
        for (int r = 0; r < rows; r++)
        {
            var cells = TLanes.Load(ref cell);
            a0 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(input), cells, a0);
            a1 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref input, v1 * inputStride)), cells, a1);
            a2 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref input, v2 * inputStride)), cells, a2);
            a3 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref input, v3 * inputStride)), cells, a3);
            a4 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref input, v4 * inputStride)), cells, a4);
            a5 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref input, v5 * inputStride)), cells, a5);
            input = ref Unsafe.Add(ref input, 1);
            cell = ref Unsafe.Add(ref cell, cellStride);
        }

        TLanes.Store(a0, ref output);
        TLanes.Store(a1, ref Unsafe.Add(ref output, v1 * outputStride));
        TLanes.Store(a2, ref Unsafe.Add(ref output, v2 * outputStride));
        TLanes.Store(a3, ref Unsafe.Add(ref output, v3 * outputStride));
        TLanes.Store(a4, ref Unsafe.Add(ref output, v4 * outputStride));
        TLanes.Store(a5, ref Unsafe.Add(ref output, v5 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x8(ref float input, ref float cell, nint cellStride, int rows, ref float output)
    {
        TLanes a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
        for (int r = 0; r < rows; r++)
        {
            var x = TLanes.Broadcast(input);
            a0 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref cell), a0);
            a1 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, TLanes.Count)), a1);
            a2 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 2 * TLanes.Count)), a2);
            a3 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 3 * TLanes.Count)), a3);
            a4 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 4 * TLanes.Count)), a4);
            a5 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 5 * TLanes.Count)), a5);
            a6 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 6 * TLanes.Count)), a6);
            a7 = TLanes.FusedMultiplyAdd(x, TLanes.Load(ref Unsafe.Add(ref cell, 7 * TLanes.Count)), a7);
            input = ref Unsafe.Add(ref input, 1);
            cell = ref Unsafe.Add(ref cell, cellStride);
        }

        Store2(a0, a1, ref output);
        Store2(a2, a3, ref Unsafe.Add(ref output, 2 * TLanes.Count));
        Store2(a4, a5, ref Unsafe.Add(ref output, 4 * TLanes.Count));
        Store2(a6, a7, ref Unsafe.Add(ref output, 6 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(TLanes first, TLanes second, ref float output)
    {
        TLanes.Store(first, ref output);
        TLanes.Store(second, ref Unsafe.Add(ref output, TLanes.Count));
    }
}

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Several vectors through one crossbar whose cells are packed: the sums of <see cref="Mvm"/>, bit for bit (fp32, rows ascending from 0, one fused
/// multiply-add each), at the rate of the machine's multipliers.</summary>
/// <remarks>Inputs are packed by fours: quad q holds vectors 4 q .. 4 q + 3, row by row.</remarks>
public static class PackedMvm
{
    /// <summary>Vectors whose inputs lie side by side.</summary>
    public const int Quad = 4;

    /// <summary>Vectors that a register tile takes at most: the best count to multiply at once.</summary>
    public const int Tile = 3 * Quad;

    /// <summary>Vectors rounded up to whole quads.</summary>
    public static int Padded(int vectors) => (vectors + Quad - 1) & -Quad;

    /// <summary>Packs inputs by fours; vectors that are not there are 0.</summary>
    /// <param name="inputs">Row-major, one vector a row of the stride.</param>
    /// <param name="stride">From vector to vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="rows">Inputs of a vector.</param>
    /// <param name="quads"><see cref="Padded"/> vectors x rows: [quad][row][vector].</param>
    public static void PackInputs(ReadOnlySpan<float> inputs, int stride, int vectors, int rows, Span<float> quads)
    {
        Mvm.AssertFits(inputs.Length, stride, vectors, rows);
        Debug.Assert(quads.Length >= Padded(vectors) * rows);
        for (int m = 0; m < vectors; m += Quad)
        {
            var target = quads.Slice(m * rows, Quad * rows);
            int count = Math.Min(Quad, vectors - m);
            if (count < Quad)
            {
                target.Clear();
            }

            int r = 0;
            if (Avx.IsSupported && count == Quad)
            {
                r = Interleave(ref Unsafe.AsRef(in inputs[m * stride]), stride, rows, ref MemoryMarshal.GetReference(target));
            }

            for (; r < rows; r++)
            {
                for (int i = 0; i < count; i++)
                {
                    target[(r * Quad) + i] = inputs[((m + i) * stride) + r];
                }
            }
        }
    }

    /// <summary>Packs inputs that lie row by row, each row with its input of every vector; vectors that are not there are 0.</summary>
    /// <param name="lines">One row of inputs a line of the stride.</param>
    /// <param name="stride">From line to line.</param>
    /// <param name="rows">Lines.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="quads">As <see cref="PackInputs"/> makes them, from the first of these rows on.</param>
    /// <param name="quadStride">From quad to quad.</param>
    public static void PackLines(ReadOnlySpan<float> lines, int stride, int rows, int vectors, Span<float> quads, int quadStride)
    {
        // Rows whose lines stay in the first-level cache while all vectors pass.
        const int Panel = 64;
        if (rows == 0 || vectors == 0)
        {
            return;
        }

        _ = lines.Slice((rows - 1) * stride, vectors);
        _ = quads.Slice((Padded(vectors) / Quad - 1) * quadStride, Quad * rows);
        int whole = vectors / Quad * Quad;
        for (int panel = 0; panel < rows; panel += Panel)
        {
            int end = Math.Min(rows, panel + Panel);
            for (int m = 0; m < whole; m += Quad)
            {
                ref float line = ref Unsafe.Add(ref MemoryMarshal.GetReference(lines), m);
                ref float target = ref Unsafe.Add(ref MemoryMarshal.GetReference(quads), (nint)(m / Quad) * quadStride);
                for (int r = panel; r < end; r++)
                {
                    Vector128.LoadUnsafe(ref Unsafe.Add(ref line, (nint)r * stride)).StoreUnsafe(ref Unsafe.Add(ref target, (nint)r * Quad));
                }
            }
        }

        if (whole == vectors)
        {
            return;
        }

        var last = quads.Slice(whole / Quad * quadStride, Quad * rows);
        last.Clear();
        for (int r = 0; r < rows; r++)
        {
            lines.Slice((r * stride) + whole, vectors - whole).CopyTo(last[(r * Quad)..]);
        }
    }

    /// <summary>outputs[m, c] = sum over rows of inputs[m, r] cells[r, c].</summary>
    /// <param name="quads">As <see cref="PackInputs"/> makes them, from the first row of the cells on.</param>
    /// <param name="quadStride">From quad to quad: 4 x rows of the packed inputs, which may be more than the cells have.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="cells">The crossbar.</param>
    /// <param name="outputs"><see cref="Padded"/> vectors of the stride; what is beyond the vectors and columns is overwritten.</param>
    /// <param name="outputStride">From vector to vector, at least <see cref="PackedCells.PaddedColumns"/>.</param>
    public static void Multiply(ReadOnlySpan<float> quads, int quadStride, int vectors, PackedCells cells, Span<float> outputs, int outputStride)
    {
        ArgumentNullException.ThrowIfNull(cells);
        if (vectors == 0 || cells.Columns == 0)
        {
            return;
        }

        Debug.Assert(quads.Length >= ((Padded(vectors) / Quad - 1) * quadStride) + (Quad * cells.Rows) && quadStride >= Quad * cells.Rows);
        Debug.Assert(outputs.Length >= ((Padded(vectors) - 1) * outputStride) + cells.PaddedColumns && outputStride >= cells.PaddedColumns);
        switch (cells.Lanes)
        {
            case 16:
                Multiply<Lanes16>(ref MemoryMarshal.GetReference(quads), quadStride, vectors, cells, ref MemoryMarshal.GetReference(outputs), outputStride);
                break;
            case 8:
                Multiply<Lanes8>(ref MemoryMarshal.GetReference(quads), quadStride, vectors, cells, ref MemoryMarshal.GetReference(outputs), outputStride);
                break;
            default:
                Multiply<Lanes1>(ref MemoryMarshal.GetReference(quads), quadStride, vectors, cells, ref MemoryMarshal.GetReference(outputs), outputStride);
                break;
        }
    }

    private static void Multiply<TLanes>(ref float quads, nint quadStride, int vectors, PackedCells cells, ref float outputs, nint outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        // Three quads fill AVX-512's 32 registers; one fills AVX's 16.
        int most = TLanes.Count == 16 ? 3 : 1;
        int panel = 2 * TLanes.Count;
        for (int left = Padded(vectors) / Quad; left > 0;)
        {
            int count = Math.Min(most, left);
            ref float panelCells = ref cells.First;
            for (int c = 0; c < cells.PaddedColumns; c += panel)
            {
                ref float output = ref Unsafe.Add(ref outputs, c);
                if (cells.PaddedColumns - c < panel)
                {
                    for (int q = 0; q < count; q++)
                    {
                        Tile4x1<TLanes>(ref Unsafe.Add(ref quads, q * quadStride), ref panelCells, cells.Rows, ref Unsafe.Add(ref output, q * Quad * outputStride), outputStride);
                    }
                }
                else if (count == 3)
                {
                    Tile12x2<TLanes>(ref quads, quadStride, ref panelCells, cells.Rows, ref output, outputStride);
                }
                else if (count == 2)
                {
                    Tile8x2<TLanes>(ref quads, quadStride, ref panelCells, cells.Rows, ref output, outputStride);
                }
                else
                {
                    Tile4x2<TLanes>(ref quads, ref panelCells, cells.Rows, ref output, outputStride);
                }

                panelCells = ref Unsafe.Add(ref panelCells, (nint)panel * cells.Rows);
            }

            quads = ref Unsafe.Add(ref quads, count * quadStride);
            outputs = ref Unsafe.Add(ref outputs, count * Quad * outputStride);
            left -= count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile12x2<TLanes>(ref float quad, nint quadStride, ref float cell, int rows, ref float output, nint outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        ref float second = ref Unsafe.Add(ref quad, quadStride);
        ref float third = ref Unsafe.Add(ref quad, 2 * quadStride);
        TLanes a00 = default, a01 = default, a10 = default, a11 = default, a20 = default, a21 = default, a30 = default, a31 = default;
        TLanes b00 = default, b01 = default, b10 = default, b11 = default, b20 = default, b21 = default, b30 = default, b31 = default;
        TLanes c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default, c30 = default, c31 = default;
        for (nint r = 0; r < rows; r++)
        {
            var cell0 = TLanes.Load(ref cell);
            var cell1 = TLanes.Load(ref Unsafe.Add(ref cell, TLanes.Count));
            var x = TLanes.Broadcast(quad);
            a00 = TLanes.FusedMultiplyAdd(x, cell0, a00);
            a01 = TLanes.FusedMultiplyAdd(x, cell1, a01);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 1));
            a10 = TLanes.FusedMultiplyAdd(x, cell0, a10);
            a11 = TLanes.FusedMultiplyAdd(x, cell1, a11);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 2));
            a20 = TLanes.FusedMultiplyAdd(x, cell0, a20);
            a21 = TLanes.FusedMultiplyAdd(x, cell1, a21);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 3));
            a30 = TLanes.FusedMultiplyAdd(x, cell0, a30);
            a31 = TLanes.FusedMultiplyAdd(x, cell1, a31);
            x = TLanes.Broadcast(second);
            b00 = TLanes.FusedMultiplyAdd(x, cell0, b00);
            b01 = TLanes.FusedMultiplyAdd(x, cell1, b01);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 1));
            b10 = TLanes.FusedMultiplyAdd(x, cell0, b10);
            b11 = TLanes.FusedMultiplyAdd(x, cell1, b11);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 2));
            b20 = TLanes.FusedMultiplyAdd(x, cell0, b20);
            b21 = TLanes.FusedMultiplyAdd(x, cell1, b21);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 3));
            b30 = TLanes.FusedMultiplyAdd(x, cell0, b30);
            b31 = TLanes.FusedMultiplyAdd(x, cell1, b31);
            x = TLanes.Broadcast(third);
            c00 = TLanes.FusedMultiplyAdd(x, cell0, c00);
            c01 = TLanes.FusedMultiplyAdd(x, cell1, c01);
            x = TLanes.Broadcast(Unsafe.Add(ref third, 1));
            c10 = TLanes.FusedMultiplyAdd(x, cell0, c10);
            c11 = TLanes.FusedMultiplyAdd(x, cell1, c11);
            x = TLanes.Broadcast(Unsafe.Add(ref third, 2));
            c20 = TLanes.FusedMultiplyAdd(x, cell0, c20);
            c21 = TLanes.FusedMultiplyAdd(x, cell1, c21);
            x = TLanes.Broadcast(Unsafe.Add(ref third, 3));
            c30 = TLanes.FusedMultiplyAdd(x, cell0, c30);
            c31 = TLanes.FusedMultiplyAdd(x, cell1, c31);
            cell = ref Unsafe.Add(ref cell, 2 * TLanes.Count);
            quad = ref Unsafe.Add(ref quad, Quad);
            second = ref Unsafe.Add(ref second, Quad);
            third = ref Unsafe.Add(ref third, Quad);
        }

        Store2(a00, a01, ref output);
        Store2(a10, a11, ref Unsafe.Add(ref output, outputStride));
        Store2(a20, a21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(a30, a31, ref Unsafe.Add(ref output, 3 * outputStride));
        output = ref Unsafe.Add(ref output, Quad * outputStride);
        Store2(b00, b01, ref output);
        Store2(b10, b11, ref Unsafe.Add(ref output, outputStride));
        Store2(b20, b21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(b30, b31, ref Unsafe.Add(ref output, 3 * outputStride));
        output = ref Unsafe.Add(ref output, Quad * outputStride);
        Store2(c00, c01, ref output);
        Store2(c10, c11, ref Unsafe.Add(ref output, outputStride));
        Store2(c20, c21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(c30, c31, ref Unsafe.Add(ref output, 3 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile8x2<TLanes>(ref float quad, nint quadStride, ref float cell, int rows, ref float output, nint outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        ref float second = ref Unsafe.Add(ref quad, quadStride);
        TLanes a00 = default, a01 = default, a10 = default, a11 = default, a20 = default, a21 = default, a30 = default, a31 = default;
        TLanes b00 = default, b01 = default, b10 = default, b11 = default, b20 = default, b21 = default, b30 = default, b31 = default;
        for (nint r = 0; r < rows; r++)
        {
            var cell0 = TLanes.Load(ref cell);
            var cell1 = TLanes.Load(ref Unsafe.Add(ref cell, TLanes.Count));
            var x = TLanes.Broadcast(quad);
            a00 = TLanes.FusedMultiplyAdd(x, cell0, a00);
            a01 = TLanes.FusedMultiplyAdd(x, cell1, a01);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 1));
            a10 = TLanes.FusedMultiplyAdd(x, cell0, a10);
            a11 = TLanes.FusedMultiplyAdd(x, cell1, a11);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 2));
            a20 = TLanes.FusedMultiplyAdd(x, cell0, a20);
            a21 = TLanes.FusedMultiplyAdd(x, cell1, a21);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 3));
            a30 = TLanes.FusedMultiplyAdd(x, cell0, a30);
            a31 = TLanes.FusedMultiplyAdd(x, cell1, a31);
            x = TLanes.Broadcast(second);
            b00 = TLanes.FusedMultiplyAdd(x, cell0, b00);
            b01 = TLanes.FusedMultiplyAdd(x, cell1, b01);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 1));
            b10 = TLanes.FusedMultiplyAdd(x, cell0, b10);
            b11 = TLanes.FusedMultiplyAdd(x, cell1, b11);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 2));
            b20 = TLanes.FusedMultiplyAdd(x, cell0, b20);
            b21 = TLanes.FusedMultiplyAdd(x, cell1, b21);
            x = TLanes.Broadcast(Unsafe.Add(ref second, 3));
            b30 = TLanes.FusedMultiplyAdd(x, cell0, b30);
            b31 = TLanes.FusedMultiplyAdd(x, cell1, b31);
            cell = ref Unsafe.Add(ref cell, 2 * TLanes.Count);
            quad = ref Unsafe.Add(ref quad, Quad);
            second = ref Unsafe.Add(ref second, Quad);
        }

        Store2(a00, a01, ref output);
        Store2(a10, a11, ref Unsafe.Add(ref output, outputStride));
        Store2(a20, a21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(a30, a31, ref Unsafe.Add(ref output, 3 * outputStride));
        output = ref Unsafe.Add(ref output, Quad * outputStride);
        Store2(b00, b01, ref output);
        Store2(b10, b11, ref Unsafe.Add(ref output, outputStride));
        Store2(b20, b21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(b30, b31, ref Unsafe.Add(ref output, 3 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x2<TLanes>(ref float quad, ref float cell, int rows, ref float output, nint outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes a00 = default, a01 = default, a10 = default, a11 = default, a20 = default, a21 = default, a30 = default, a31 = default;
        for (nint r = 0; r < rows; r++)
        {
            var cell0 = TLanes.Load(ref cell);
            var cell1 = TLanes.Load(ref Unsafe.Add(ref cell, TLanes.Count));
            var x = TLanes.Broadcast(quad);
            a00 = TLanes.FusedMultiplyAdd(x, cell0, a00);
            a01 = TLanes.FusedMultiplyAdd(x, cell1, a01);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 1));
            a10 = TLanes.FusedMultiplyAdd(x, cell0, a10);
            a11 = TLanes.FusedMultiplyAdd(x, cell1, a11);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 2));
            a20 = TLanes.FusedMultiplyAdd(x, cell0, a20);
            a21 = TLanes.FusedMultiplyAdd(x, cell1, a21);
            x = TLanes.Broadcast(Unsafe.Add(ref quad, 3));
            a30 = TLanes.FusedMultiplyAdd(x, cell0, a30);
            a31 = TLanes.FusedMultiplyAdd(x, cell1, a31);
            cell = ref Unsafe.Add(ref cell, 2 * TLanes.Count);
            quad = ref Unsafe.Add(ref quad, Quad);
        }

        Store2(a00, a01, ref output);
        Store2(a10, a11, ref Unsafe.Add(ref output, outputStride));
        Store2(a20, a21, ref Unsafe.Add(ref output, 2 * outputStride));
        Store2(a30, a31, ref Unsafe.Add(ref output, 3 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile4x1<TLanes>(ref float quad, ref float cell, int rows, ref float output, nint outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes a0 = default, a1 = default, a2 = default, a3 = default;
        for (nint r = 0; r < rows; r++)
        {
            var cells = TLanes.Load(ref cell);
            a0 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(quad), cells, a0);
            a1 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref quad, 1)), cells, a1);
            a2 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref quad, 2)), cells, a2);
            a3 = TLanes.FusedMultiplyAdd(TLanes.Broadcast(Unsafe.Add(ref quad, 3)), cells, a3);
            cell = ref Unsafe.Add(ref cell, TLanes.Count);
            quad = ref Unsafe.Add(ref quad, Quad);
        }

        TLanes.Store(a0, ref output);
        TLanes.Store(a1, ref Unsafe.Add(ref output, outputStride));
        TLanes.Store(a2, ref Unsafe.Add(ref output, 2 * outputStride));
        TLanes.Store(a3, ref Unsafe.Add(ref output, 3 * outputStride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2<TLanes>(TLanes first, TLanes second, ref float output)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes.Store(first, ref output);
        TLanes.Store(second, ref Unsafe.Add(ref output, TLanes.Count));
    }

    /// <summary>Four vectors side by side, eight rows at a time; returns how many rows are done.</summary>
    private static int Interleave(ref float input, nint stride, int rows, ref float target)
    {
        int r = 0;
        for (; r <= rows - Vector256<float>.Count; r += Vector256<float>.Count)
        {
            ref float at = ref Unsafe.Add(ref input, r);
            var v0 = Vector256.LoadUnsafe(ref at);
            var v1 = Vector256.LoadUnsafe(ref Unsafe.Add(ref at, stride));
            var v2 = Vector256.LoadUnsafe(ref Unsafe.Add(ref at, 2 * stride));
            var v3 = Vector256.LoadUnsafe(ref Unsafe.Add(ref at, 3 * stride));
            var low01 = Avx.UnpackLow(v0, v1).AsDouble();
            var high01 = Avx.UnpackHigh(v0, v1).AsDouble();
            var low23 = Avx.UnpackLow(v2, v3).AsDouble();
            var high23 = Avx.UnpackHigh(v2, v3).AsDouble();

            // Rows 0 and 4, 1 and 5, 2 and 6, 3 and 7.
            var r04 = Avx.UnpackLow(low01, low23).AsSingle();
            var r15 = Avx.UnpackHigh(low01, low23).AsSingle();
            var r26 = Avx.UnpackLow(high01, high23).AsSingle();
            var r37 = Avx.UnpackHigh(high01, high23).AsSingle();
            ref float rowTarget = ref Unsafe.Add(ref target, (nint)r * Quad);
            Avx.Permute2x128(r04, r15, 0x20).StoreUnsafe(ref rowTarget);
            Avx.Permute2x128(r26, r37, 0x20).StoreUnsafe(ref rowTarget, 8);
            Avx.Permute2x128(r04, r15, 0x31).StoreUnsafe(ref rowTarget, 16);
            Avx.Permute2x128(r26, r37, 0x31).StoreUnsafe(ref rowTarget, 24);
        }

        return r;
    }
}

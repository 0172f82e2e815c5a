using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Rows to columns: destination[c, r] = source[r, c]. Elements move, nothing is computed.</summary>
public static class Transposition
{
    /// <summary>Rows and columns of a block that is transposed in registers.</summary>
    private const int Block = 8;

    /// <summary>Rows whose lines stay in the first-level cache while all columns pass.</summary>
    private const int Panel = 64;

    /// <param name="source">rows x columns elements.</param>
    /// <param name="sourceStride">From row to row of the source.</param>
    /// <param name="rows">Rows of the source.</param>
    /// <param name="columns">Columns of the source.</param>
    /// <param name="destination">columns x rows elements.</param>
    /// <param name="destinationStride">From row to row of the destination.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(ReadOnlySpan<float> source, int sourceStride, int rows, int columns, Span<float> destination, int destinationStride)
    {
        if (rows < Block || columns < Block)
        {
            Scalar(source, sourceStride, rows, columns, destination, destinationStride);
            return;
        }

        // The blocks below go without bounds checks.
        _ = source.Slice((rows - 1) * sourceStride, columns);
        _ = destination.Slice((columns - 1) * destinationStride, rows);
        ArgumentOutOfRangeException.ThrowIfNegative(sourceStride);
        ArgumentOutOfRangeException.ThrowIfNegative(destinationStride);
        if (!Avx.IsSupported)
        {
            Scalar(source, sourceStride, rows, columns, destination, destinationStride);
            return;
        }

        int wholeColumns = columns / Block * Block;
        int wholeRows = rows / Block * Block;
        for (int panel = 0; panel < wholeRows; panel += Panel)
        {
            int end = Math.Min(wholeRows, panel + Panel);
            for (int c = 0; c < wholeColumns; c += Block)
            {
                for (int r = panel; r < end; r += Block)
                {
                    Turn(
                        ref Unsafe.Add(ref MemoryMarshal.GetReference(source), ((nint)r * sourceStride) + c),
                        sourceStride,
                        ref Unsafe.Add(ref MemoryMarshal.GetReference(destination), ((nint)c * destinationStride) + r),
                        destinationStride);
                }
            }
        }

        if (wholeColumns < columns)
        {
            Scalar(source[wholeColumns..], sourceStride, wholeRows, columns - wholeColumns, destination[(wholeColumns * destinationStride)..], destinationStride);
        }

        if (wholeRows < rows)
        {
            Scalar(source[(wholeRows * sourceStride)..], sourceStride, rows - wholeRows, columns, destination[wholeRows..], destinationStride);
        }
    }

    /// <summary>The definition.</summary>
    public static void Scalar(ReadOnlySpan<float> source, int sourceStride, int rows, int columns, Span<float> destination, int destinationStride)
    {
        for (int r = 0; r < rows; r++)
        {
            var row = source.Slice(r * sourceStride, columns);
            for (int c = 0; c < row.Length; c++)
            {
                destination[(c * destinationStride) + r] = row[c];
            }
        }
    }

    /// <summary>One block: pairs, quadruples, then halves of the registers change places.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(ref float source, int sourceStride, ref float destination, int destinationStride)
    {
        var r0 = Vector256.LoadUnsafe(ref source);
        var r1 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, (nint)sourceStride));
        var r2 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 2 * (nint)sourceStride));
        var r3 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 3 * (nint)sourceStride));
        var r4 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 4 * (nint)sourceStride));
        var r5 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 5 * (nint)sourceStride));
        var r6 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 6 * (nint)sourceStride));
        var r7 = Vector256.LoadUnsafe(ref Unsafe.Add(ref source, 7 * (nint)sourceStride));
        var p0 = Avx.UnpackLow(r0, r1);
        var p1 = Avx.UnpackHigh(r0, r1);
        var p2 = Avx.UnpackLow(r2, r3);
        var p3 = Avx.UnpackHigh(r2, r3);
        var p4 = Avx.UnpackLow(r4, r5);
        var p5 = Avx.UnpackHigh(r4, r5);
        var p6 = Avx.UnpackLow(r6, r7);
        var p7 = Avx.UnpackHigh(r6, r7);
        var q0 = Avx.Shuffle(p0, p2, 0x44);
        var q1 = Avx.Shuffle(p0, p2, 0xEE);
        var q2 = Avx.Shuffle(p1, p3, 0x44);
        var q3 = Avx.Shuffle(p1, p3, 0xEE);
        var q4 = Avx.Shuffle(p4, p6, 0x44);
        var q5 = Avx.Shuffle(p4, p6, 0xEE);
        var q6 = Avx.Shuffle(p5, p7, 0x44);
        var q7 = Avx.Shuffle(p5, p7, 0xEE);
        Avx.Permute2x128(q0, q4, 0x20).StoreUnsafe(ref destination);
        Avx.Permute2x128(q1, q5, 0x20).StoreUnsafe(ref Unsafe.Add(ref destination, (nint)destinationStride));
        Avx.Permute2x128(q2, q6, 0x20).StoreUnsafe(ref Unsafe.Add(ref destination, 2 * (nint)destinationStride));
        Avx.Permute2x128(q3, q7, 0x20).StoreUnsafe(ref Unsafe.Add(ref destination, 3 * (nint)destinationStride));
        Avx.Permute2x128(q0, q4, 0x31).StoreUnsafe(ref Unsafe.Add(ref destination, 4 * (nint)destinationStride));
        Avx.Permute2x128(q1, q5, 0x31).StoreUnsafe(ref Unsafe.Add(ref destination, 5 * (nint)destinationStride));
        Avx.Permute2x128(q2, q6, 0x31).StoreUnsafe(ref Unsafe.Add(ref destination, 6 * (nint)destinationStride));
        Avx.Permute2x128(q3, q7, 0x31).StoreUnsafe(ref Unsafe.Add(ref destination, 7 * (nint)destinationStride));
    }
}

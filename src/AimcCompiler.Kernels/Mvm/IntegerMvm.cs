using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Exact integer MVM: outputs[m, c] = sum over rows of inputs[m, r] weights[r, c] in int64. All matrices are row-major with
/// their own stride; outputs must not overlap the others.</summary>
public static class IntegerMvm
{
    private const int TileVectors = 4;

    /// <inheritdoc cref="IntegerMvm"/>
    public static void Multiply(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<short> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride)
    {
        AssertFits(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride);
        if (Lanes8.IsSupported && columns >= Vector256<double>.Count && IsExact(inputs, inputStride, vectors, rows, short.MinValue))
        {
            bool wide = Lanes16.IsSupported;
            MultiplyInDouble(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride, wide);
        }
        else
        {
            MultiplyScalar(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride);
        }
    }

    /// <inheritdoc cref="IntegerMvm"/>
    public static void Multiply(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<sbyte> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride)
    {
        AssertFits(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride);
        if (Lanes8.IsSupported && columns >= Vector256<double>.Count && IsExact(inputs, inputStride, vectors, rows, sbyte.MinValue))
        {
            bool wide = Lanes16.IsSupported;
            MultiplyInDouble(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride, wide);
        }
        else
        {
            MultiplyScalar(inputs, inputStride, vectors, weights, weightStride, rows, columns, outputs, outputStride);
        }
    }

    /// <summary>The definition.</summary>
    internal static void MultiplyScalar<TWeight>(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<TWeight> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride)
        where TWeight : unmanaged, IBinaryInteger<TWeight>
    {
        for (int m = 0; m < vectors && columns > 0; m++)
        {
            var output = outputs.Slice(m * outputStride, columns);
            output.Clear();
            for (int r = 0; r < rows; r++)
            {
                long input = inputs[(m * inputStride) + r];
                var row = weights.Slice(r * weightStride, columns);
                for (int c = 0; c < output.Length; c++)
                {
                    output[c] += input * long.CreateTruncating(row[c]);
                }
            }
        }
    }

    /// <summary>No sum of products can reach 2^53, so every double on the way is an exact integer.</summary>
    private static bool IsExact(ReadOnlySpan<int> inputs, int inputStride, int vectors, int rows, int largestWeight)
    {
        long largest = 0;
        for (int m = 0; m < vectors && rows > 0; m++)
        {
            foreach (int input in inputs.Slice(m * inputStride, rows))
            {
                largest = Math.Max(largest, Math.Abs((long)input));
            }
        }

        return (Int128)rows * largest * -largestWeight < 1L << 53;
    }

    /// <summary>Tiles of 4 vectors x 2 registers of columns in double fused multiply-adds; the last tiles overlap their
    /// neighbours.</summary>
    internal static void MultiplyInDouble<TWeight>(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<TWeight> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride,
        bool wide)
        where TWeight : unmanaged, IBinaryInteger<TWeight>
    {
        int lanes = wide && columns >= Vector512<double>.Count ? Vector512<double>.Count : Vector256<double>.Count;
        int tile = Math.Min(2, columns / lanes) * lanes;
        double[] scratch = ArrayPool<double>.Shared.Rent(Math.Max(1, TileVectors * rows));
        Span<double> sums = stackalloc double[TileVectors * 2 * Vector512<double>.Count];
        ref var weight = ref MemoryMarshal.GetReference(weights);
        for (int m = 0; m < vectors; m += TileVectors)
        {
            int count = Math.Min(TileVectors, vectors - m);
            for (int i = 0; i < TileVectors; i++)
            {
                // missing vectors repeat the last one
                var input = rows == 0 ? [] : inputs.Slice((m + Math.Min(i, count - 1)) * inputStride, rows);
                for (int r = 0; r < input.Length; r++)
                {
                    scratch[(r * TileVectors) + i] = input[r];
                }
            }

            for (int c = 0; c < columns; c += tile)
            {
                int at = Math.Min(c, columns - tile);
                if (lanes == Vector512<double>.Count)
                {
                    Tile512(ref scratch[0], ref Unsafe.Add(ref weight, at), weightStride, rows, tile / lanes, ref sums[0]);
                }
                else
                {
                    Tile256(ref scratch[0], ref Unsafe.Add(ref weight, at), weightStride, rows, tile / lanes, ref sums[0]);
                }

                for (int i = 0; i < count; i++)
                {
                    var output = outputs.Slice(((m + i) * outputStride) + at, tile);
                    for (int k = 0; k < output.Length; k++)
                    {
                        output[k] = (long)sums[(i * 2 * lanes) + k];
                    }
                }
            }
        }

        ArrayPool<double>.Shared.Return(scratch);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile512<TWeight>(
        ref double input, ref TWeight weight, nint weightStride, int rows, int registers, ref double sums)
        where TWeight : unmanaged
    {
        Vector512<double> a00 = default, a01 = default, a10 = default, a11 = default;
        Vector512<double> a20 = default, a21 = default, a30 = default, a31 = default;

        // with one register of columns the second repeats the first
        nint second = registers == 2 ? Vector512<double>.Count : 0;
        for (int r = 0; r < rows; r++)
        {
            var w0 = Avx512F.ConvertToVector512Double(LoadEight(ref weight));
            var w1 = Avx512F.ConvertToVector512Double(LoadEight(ref Unsafe.Add(ref weight, second)));
            var x = Vector512.Create(input);
            a00 = Vector512.FusedMultiplyAdd(x, w0, a00);
            a01 = Vector512.FusedMultiplyAdd(x, w1, a01);
            x = Vector512.Create(Unsafe.Add(ref input, 1));
            a10 = Vector512.FusedMultiplyAdd(x, w0, a10);
            a11 = Vector512.FusedMultiplyAdd(x, w1, a11);
            x = Vector512.Create(Unsafe.Add(ref input, 2));
            a20 = Vector512.FusedMultiplyAdd(x, w0, a20);
            a21 = Vector512.FusedMultiplyAdd(x, w1, a21);
            x = Vector512.Create(Unsafe.Add(ref input, 3));
            a30 = Vector512.FusedMultiplyAdd(x, w0, a30);
            a31 = Vector512.FusedMultiplyAdd(x, w1, a31);
            input = ref Unsafe.Add(ref input, TileVectors);
            weight = ref Unsafe.Add(ref weight, weightStride);
        }

        a00.StoreUnsafe(ref sums);
        a01.StoreUnsafe(ref sums, 8);
        a10.StoreUnsafe(ref sums, 16);
        a11.StoreUnsafe(ref sums, 24);
        a20.StoreUnsafe(ref sums, 32);
        a21.StoreUnsafe(ref sums, 40);
        a30.StoreUnsafe(ref sums, 48);
        a31.StoreUnsafe(ref sums, 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile256<TWeight>(
        ref double input, ref TWeight weight, nint weightStride, int rows, int registers, ref double sums)
        where TWeight : unmanaged
    {
        Vector256<double> a00 = default, a01 = default, a10 = default, a11 = default;
        Vector256<double> a20 = default, a21 = default, a30 = default, a31 = default;
        nint second = registers == 2 ? Vector256<double>.Count : 0;
        for (int r = 0; r < rows; r++)
        {
            var w0 = Avx.ConvertToVector256Double(LoadFour(ref weight));
            var w1 = Avx.ConvertToVector256Double(LoadFour(ref Unsafe.Add(ref weight, second)));
            var x = Vector256.Create(input);
            a00 = Vector256.FusedMultiplyAdd(x, w0, a00);
            a01 = Vector256.FusedMultiplyAdd(x, w1, a01);
            x = Vector256.Create(Unsafe.Add(ref input, 1));
            a10 = Vector256.FusedMultiplyAdd(x, w0, a10);
            a11 = Vector256.FusedMultiplyAdd(x, w1, a11);
            x = Vector256.Create(Unsafe.Add(ref input, 2));
            a20 = Vector256.FusedMultiplyAdd(x, w0, a20);
            a21 = Vector256.FusedMultiplyAdd(x, w1, a21);
            x = Vector256.Create(Unsafe.Add(ref input, 3));
            a30 = Vector256.FusedMultiplyAdd(x, w0, a30);
            a31 = Vector256.FusedMultiplyAdd(x, w1, a31);
            input = ref Unsafe.Add(ref input, TileVectors);
            weight = ref Unsafe.Add(ref weight, weightStride);
        }

        a00.StoreUnsafe(ref sums);
        a01.StoreUnsafe(ref sums, 4);
        a10.StoreUnsafe(ref sums, 8);
        a11.StoreUnsafe(ref sums, 12);
        a20.StoreUnsafe(ref sums, 16);
        a21.StoreUnsafe(ref sums, 20);
        a30.StoreUnsafe(ref sums, 24);
        a31.StoreUnsafe(ref sums, 28);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> LoadEight<TWeight>(ref TWeight weight)
        where TWeight : unmanaged =>
        typeof(TWeight) == typeof(short)
            ? Avx2.ConvertToVector256Int32(Vector128.LoadUnsafe(ref Unsafe.As<TWeight, short>(ref weight)))
            : Avx2.ConvertToVector256Int32(Vector128.CreateScalarUnsafe(Read<TWeight, long>(ref weight)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> LoadFour<TWeight>(ref TWeight weight)
        where TWeight : unmanaged =>
        typeof(TWeight) == typeof(short)
            ? Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(Read<TWeight, long>(ref weight)).AsInt16())
            : Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(Read<TWeight, int>(ref weight)).AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TWord Read<TWeight, TWord>(ref TWeight weight) => Unsafe.ReadUnaligned<TWord>(ref Unsafe.As<TWeight, byte>(ref weight));

    [System.Diagnostics.Conditional("DEBUG")]
    private static void AssertFits<TWeight>(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<TWeight> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride)
    {
        Mvm.AssertFits(inputs.Length, inputStride, vectors, rows);
        Mvm.AssertFits(weights.Length, weightStride, rows, columns);
        Mvm.AssertFits(outputs.Length, outputStride, vectors, columns);
    }
}

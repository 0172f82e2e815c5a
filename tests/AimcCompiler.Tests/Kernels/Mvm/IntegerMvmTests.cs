using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class IntegerMvmTests
{
    private static readonly int[] s_sizes = [0, 1, 3, 7, 8, 9, 15, 16, 17, 130];

    [Fact]
    public void EveryPathEqualsTheExactSumForShortWeights() =>
        ForAllSizes(short.MinValue, short.MaxValue, (Int128 w) => (short)w, IntegerMvm.Multiply);

    [Fact]
    public void EveryPathEqualsTheExactSumForByteWeights() =>
        ForAllSizes(sbyte.MinValue, sbyte.MaxValue, (Int128 w) => (sbyte)w, IntegerMvm.Multiply);

    [Fact]
    public void SumsBeyondTheExactRangeOfDoubleStayExact()
    {
        // every product is -(2^31 - 1) 2^15: 2^8 of them pass 2^53 and a double would lose the odd low bits
        const int Rows = 300;
        int[] inputs = new int[Rows];
        Array.Fill(inputs, int.MaxValue);
        short[] weights = new short[Rows * 16];
        Array.Fill(weights, short.MinValue);
        weights[5] = 1;
        long[] outputs = new long[16];
        IntegerMvm.Multiply(inputs, Rows, 1, weights.AsSpan(), 16, Rows, 16, outputs, 16);
        Assert.Equal((long)int.MaxValue * short.MinValue * Rows, outputs[0]);
        Assert.Equal(((long)int.MaxValue * short.MinValue * (Rows - 1)) + int.MaxValue, outputs[5]);
        IntegerMvm.Multiply((int[])[int.MinValue], 1, 1, weights.AsSpan(), 16, 1, 16, outputs, 16);
        Assert.Equal(1L << 46, outputs[0]);
    }

    private delegate void Multiply<TWeight>(
        ReadOnlySpan<int> inputs,
        int inputStride,
        int vectors,
        ReadOnlySpan<TWeight> weights,
        int weightStride,
        int rows,
        int columns,
        Span<long> outputs,
        int outputStride);

    private static void ForAllSizes<TWeight>(int least, int greatest, Func<Int128, TWeight> weightOf, Multiply<TWeight> dispatched)
        where TWeight : unmanaged, System.Numerics.IBinaryInteger<TWeight>
    {
        foreach (int vectors in (int[])[0, 1, 3, 4, 5, 9])
        {
            foreach (int rows in s_sizes)
            {
                foreach (int columns in s_sizes)
                {
                    foreach (int padding in (int[])[0, 3])
                    {
                        int inputStride = rows + padding;
                        int stride = columns + padding;
                        int[] inputs = [.. Words(1, vectors * inputStride).Select(w => (int)(w % 65536) - 32768)];
                        TWeight[] weights = [.. Words(2, rows * stride).Select(w => weightOf(least + (w % (greatest - least + 1))))];
                        long[] expected = new long[vectors * stride];
                        Array.Fill(expected, -1);
                        IntegerMvm.MultiplyScalar<TWeight>(inputs, inputStride, vectors, weights, stride, rows, columns, expected, stride);
                        AssertExact(inputs, inputStride, weights, stride, rows, columns, expected);

                        long[] outputs = new long[expected.Length];
                        Array.Fill(outputs, -1);
                        dispatched(inputs, inputStride, vectors, weights, stride, rows, columns, outputs, stride);
                        Assert.Equal(expected, outputs);
                        foreach (bool wide in (bool[])[false, true])
                        {
                            if (columns >= 4 && (wide ? Lanes16.IsSupported : Lanes8.IsSupported))
                            {
                                Array.Fill(outputs, -1);
                                IntegerMvm.MultiplyInDouble<TWeight>(
                                    inputs, inputStride, vectors, weights, stride, rows, columns, outputs, stride, wide);
                                Assert.Equal(expected, outputs);
                            }
                        }
                    }
                }
            }
        }
    }

    private static void AssertExact<TWeight>(
        int[] inputs, int inputStride, TWeight[] weights, int stride, int rows, int columns, long[] outputs)
        where TWeight : unmanaged, System.Numerics.IBinaryInteger<TWeight>
    {
        for (int i = 0; i < outputs.Length; i++)
        {
            Int128 expected = i % stride < columns ? 0 : -1;
            for (int r = 0; r < rows && i % stride < columns; r++)
            {
                expected += (Int128)inputs[(i / stride * inputStride) + r] * Int128.CreateChecked(weights[(r * stride) + (i % stride)]);
            }

            Assert.Equal((long)expected, outputs[i]);
        }
    }

    private static IEnumerable<long> Words(uint stream, int count) =>
        Enumerable.Range(0, count).Select(i => (long)Philox.Generate(3, (uint)i, stream, 0, 0).W0);
}

using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Sums of products of integers are exact at every width, however they are split, and nothing else is written.</summary>
public sealed class ExactProductTests
{
    private const double Untouched = -12345.5;

    private static readonly (int Least, int Largest)[] s_inputs = [(0, 1), (-7, 7), (-127, 127), (0, 255), (-32767, 32767), (0, 65535), (-65535, 65535)];

    [Fact]
    public void OneLaneIsExact() => IsExact<PairLanes1>();

    [Fact]
    public void EightLanesAreExact()
    {
        if (PairLanes8.IsSupported)
        {
            IsExact<PairLanes8>();
        }
    }

    [Fact]
    public void SixteenLanesAreExact()
    {
        if (PairLanes16.IsSupported)
        {
            IsExact<PairLanes16>();
        }
    }

    /// <summary>Every product at its largest magnitude and of one sign: no int32 on the way may overflow.</summary>
    [Fact]
    public void TheWorstSumsAreExact()
    {
        const int Rows = 5003;
        foreach (var (least, largest) in s_inputs)
        {
            foreach (short weight in (short[])[short.MinValue, -32767, short.MaxValue, -128, 127, 255])
            {
                foreach (int input in (int[])[least, largest])
                {
                    short[] weights = new short[Rows * 3];
                    Array.Fill(weights, weight);
                    weights[1] = 1;
                    float[] inputs = new float[2 * Rows];
                    Array.Fill(inputs, input);
                    double[] sums = new double[6];
                    var product = ExactProduct.Pack(weights, 1, Rows, 3, least, largest);
                    product.Multiply(inputs, Rows, 2, sums, 3, new short[product.Scratch(2)]);
                    double whole = (double)((long)Rows * weight * input);
                    double other = (double)(((long)(Rows - 1) * weight * input) + input);
                    Assert.Equal([whole, other, whole, whole, other, whole], sums);
                }
            }
        }
    }

    /// <summary>2^22 rows of 2^16 by 2^15 would reach 2^53.</summary>
    [Fact]
    public void SumsThatNoDoubleHoldsAreRefused()
    {
        Assert.Throws<ArgumentException>(() => ExactProduct.Pack(new short[1 << 22], 1, 1 << 22, 1, 0, 1 << 16));
        Assert.Throws<ArgumentException>(() => ExactProduct.Pack(new short[1], 1, 1, 1, 0, (1 << 22) + 1));
    }

    private static void IsExact<TLanes>()
        where TLanes : struct, IPairLanes<TLanes>
    {
        int[] columns = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 130];
        int[] vectors = [0, 1, 2, 3, 5, 6, 7, 9, 64];
        int[] rows = [0, 1, 2, 3, 17, 255, 256, 257, 513];
        int[] largestWeights = [3, 127, 2047, 32768];
        Random random = new(5);
        foreach (int columnCount in columns)
        {
            foreach (int rowCount in rows)
            {
                foreach (int vectorCount in vectors)
                {
                    var (least, largest) = s_inputs[random.Next(s_inputs.Length)];
                    IsExact<TLanes>(random, 1 + random.Next(3), rowCount, columnCount, vectorCount, least, largest, largestWeights[random.Next(4)]);
                }
            }
        }

        foreach (var (least, largest) in s_inputs)
        {
            foreach (int weight in largestWeights)
            {
                IsExact<TLanes>(random, 2, 300, 20, 7, least, largest, weight);
            }
        }
    }

    private static void IsExact<TLanes>(Random random, int groups, int rows, int columns, int vectors, int least, int largest, int largestWeight)
        where TLanes : struct, IPairLanes<TLanes>
    {
        int stride = (groups * rows) + 3;
        int sumStride = (groups * columns) + 2;
        short[] weights = [.. Enumerable.Range(0, groups * rows * columns).Select(_ => (short)random.Next(-largestWeight, Math.Min(largestWeight, short.MaxValue) + 1))];
        float[] inputs = [.. Enumerable.Range(0, vectors * stride).Select(_ => (float)random.Next(least, largest + 1))];
        double[] sums = new double[vectors * sumStride];
        Array.Fill(sums, Untouched);
        var product = ExactProduct.PackFor<TLanes>(weights, groups, rows, columns, least, largest);
        short[] scratch = new short[product.Scratch(vectors)];
        Array.Fill(scratch, (short)-1);
        product.Multiply(inputs, stride, vectors, sums, sumStride, scratch);
        for (int m = 0; m < vectors; m++)
        {
            for (int n = 0; n < sumStride; n++)
            {
                double expected = Untouched;
                if (n < groups * columns)
                {
                    long sum = 0;
                    int group = n / columns;
                    for (int r = 0; r < rows; r++)
                    {
                        sum += (long)inputs[(m * stride) + (group * rows) + r] * weights[(((group * rows) + r) * columns) + (n % columns)];
                    }

                    expected = sum;
                }

                Assert.True(expected == sums[(m * sumStride) + n], $"{groups} x {rows} x {columns}, {vectors} vectors, inputs {least} .. {largest}, weights to {largestWeight}: ({m}, {n})");
            }
        }
    }
}

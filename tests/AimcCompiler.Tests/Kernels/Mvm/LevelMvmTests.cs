using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Look-up tables give the codes of the sums of products, at every width.</summary>
public sealed class LevelMvmTests
{
    /// <summary>What results are added to.</summary>
    private const double Before = -12345.5;

    private static readonly (int Least, int Greatest)[] s_pulses = [(0, 1), (0, 2), (0, 3), (0, 7), (0, 15), (-1, 1), (-3, 3), (-7, 7)];

    [Fact]
    public void OneLaneEqualsTheDefinition() => EqualsTheDefinition<LevelLanes1>();

    [Fact]
    public void ThirtyTwoLanesEqualTheDefinition()
    {
        if (LevelLanes32.IsSupported)
        {
            EqualsTheDefinition<LevelLanes32>();
        }
    }

    [Fact]
    public void SixtyFourLanesEqualTheDefinition()
    {
        if (LevelLanes64.IsSupported)
        {
            EqualsTheDefinition<LevelLanes64>();
        }
    }

    [Fact]
    public void TheDispatchedWidthEqualsTheDefinition()
    {
        foreach (int vectors in (int[])[1, 32, 33, 65, 130])
        {
            foreach (int pulses in (int[])[1, 7])
            {
                Check(new Random(vectors), 50, 9, vectors, pulses, (0, 1), 3, false, (p, c, s, r) => p.Pack(c, s, vectors, r));
            }
        }
    }

    /// <summary>Fields take the least bits; the largest pulse and its negative fit.</summary>
    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(0, 3, 2)]
    [InlineData(0, 4, 4)]
    [InlineData(0, 15, 4)]
    [InlineData(-1, 1, 2)]
    [InlineData(-2, 2, 4)]
    [InlineData(-7, 7, 4)]
    [InlineData(0, 16, null)]
    [InlineData(-8, 8, null)]
    public void FieldsAreAsNarrowAsPulsesAllow(int least, int greatest, int? bits) => Assert.Equal(bits, PulseFields.For(least, greatest)?.Bits);

    [Fact]
    public void WhatDoesNotFitIsNotPacked()
    {
        var bit = PulseFields.For(0, 1)!.Value;
        Assert.Null(LevelColumns.Pack([0.5f], 1, 1, bit));
        Assert.Null(LevelColumns.Pack([256f], 1, 1, bit));
        Assert.Null(LevelColumns.Pack([64f, 64f, 64f, 64f], 4, 1, bit));
        Assert.NotNull(LevelColumns.Pack([64f, 64f, -64f, 63f], 4, 1, bit));
        Assert.Null(LevelColumns.Pack([-19f], 1, 1, PulseFields.For(-7, 7)!.Value));
        Assert.NotNull(LevelColumns.Pack([-18f], 1, 1, PulseFields.For(-7, 7)!.Value));
        float[] many = new float[40000];
        Array.Fill(many, 1);
        Assert.Null(LevelColumns.Pack(many, 40000, 1, bit));
        Assert.NotNull(LevelColumns.Pack(many.AsSpan(0, 32767), 32767, 1, bit));
    }

    /// <summary>Every count of a range converts as Converters has it, ties and clipping included.</summary>
    [Fact]
    public void CountsConvertAsFloatsDo()
    {
        float[] lsbs = [1, 2, 3, 0.5f, 4, 6.0472441f, 768f / 127, 768f / 255, 1f / 3, 0.1f, 7.3f, 100f, 1e-3f, 1e5f];
        foreach (float lsb in lsbs)
        {
            var converter = CountConverter.For(lsb, -31, 31, -2000, 2000);
            for (int count = -2000; count <= 2000; count++)
            {
                float[] expected = [count];
                int clips = Converters.Convert(expected, lsb, -31, 31);
                short counted = (short)count;
                float sum = 0;
                int clipped = 0;
                LevelLanes1.ConvertAndClip(in counted, converter, 1, ref sum, ref clipped);
                Assert.Equal((expected[0], clips), (sum, clipped));
                Assert.Equal(clips > 0, converter.Clips(count, count));
            }
        }
    }

    private static void EqualsTheDefinition<TLanes>()
        where TLanes : struct, ILevelLanes<TLanes>
    {
        Random random = new(3);
        foreach (var range in s_pulses)
        {
            foreach (int largest in (int[])[1, 3, 7, 15])
            {
                foreach (bool isSigned in (bool[])[false, true])
                {
                    // A group of rows at the largest levels fits a byte.
                    if ((range.Greatest - range.Least) * largest * PulseFields.For(range.Least, range.Greatest)!.Value.Rows <= byte.MaxValue)
                    {
                        Check(random, random.Next(1, 301), random.Next(1, 60), random.Next(1, 131), random.Next(1, 10), range, largest, isSigned, Pack);
                    }
                }
            }
        }

        foreach (int rows in (int[])[1, 2, 3, 4, 5, 63, 64, 65, 83, 84, 85, 255, 256, 257, 300])
        {
            foreach (int vectors in (int[])[1, 31, 32, 33, 63, 64, 65, 130])
            {
                Check(random, rows, random.Next(1, 30), vectors, random.Next(1, 17), (0, 1), 3, rows % 2 == 0, Pack);
            }
        }

        foreach (int columns in (int[])[1, 2, 3, 4, 5, 200])
        {
            Check(random, 20, columns, 7, 8, (0, 1), 3, true, Pack);
        }

        static void Pack(PulsePlanes planes, float[] codes, int stride, int rows) => planes.Pack<TLanes>(codes, stride, codes.Length / stride, rows);
    }

    private static void Check(
        Random random,
        int rows,
        int columns,
        int vectors,
        int pulses,
        (int Least, int Greatest) range,
        int largest,
        bool isSigned,
        Action<PulsePlanes, float[], int, int> pack)
    {
        string what = $"{rows} rows, {columns} columns, {vectors} vectors, {pulses} pulses {range}, levels to {largest}, signed {isSigned}";
        var fields = PulseFields.For(range.Least, range.Greatest)!.Value;
        const int Codes = 50;
        int[] pulseOf = [.. Enumerable.Range(0, Codes * pulses).Select(_ => random.Next(range.Least, range.Greatest + 1))];
        PulsePlanes planes = new(-9, Codes - 10, pulses, fields, (code, p) => pulseOf[((code + 9) * pulses) + p]);
        int stride = rows + 3;
        float[] codes = [.. Enumerable.Range(0, vectors * stride).Select(_ => (float)(random.Next(Codes) - 9))];
        float[] levels = [.. Enumerable.Range(0, rows * columns).Select(_ => (float)random.Next(isSigned ? -largest : 0, largest + 1))];

        // A full column: bytes are near overflow.
        for (int r = 0; r < rows; r++)
        {
            levels[r * columns] = largest;
        }

        float[] weights = [.. Enumerable.Range(0, pulses).Select(p => (float)(p == pulses - 1 ? -(1 << p) : 1 << p))];
        double[] factors = [.. Enumerable.Range(0, columns).Select(c => c % 3 == 1 ? -1.0 : c % 5 == 0 ? 1.5 : 1)];
        var cells = LevelColumns.Pack(levels, rows, columns, fields);
        Assert.True(cells is not null, what);
        float lsb = 1 + (float)random.NextDouble();
        float max = random.Next(2) == 0 ? 100000 : Math.Max(1, rows * largest / 8);
        var converter = CountConverter.For(lsb, -max, max, cells.LeastCount, cells.MostCount);

        pack(planes, codes, stride, rows);
        float[] sums = new float[LevelMvm.SumsLength(planes, cells)];
        int[] clipped = new int[planes.PackedVectors];
        LevelMvm.Add(planes, cells, converter, weights, sums, clipped);
        int resultStride = columns + 2;
        double[] results = new double[vectors * resultStride];
        Array.Fill(results, Before);
        LevelMvm.Take(planes, cells, sums, factors, vectors, results, resultStride);

        float[] one = new float[rows];
        Array.Fill(one, 1);
        int[] inputs = new int[pulses * vectors];
        LevelMvm.SumPulses(planes, LevelColumns.Pack(one, rows, 1, fields)!, vectors, inputs);
        int[] squares = new int[pulses * vectors];
        int largestSquare = Math.Max(range.Least * range.Least, range.Greatest * range.Greatest);
        var squareColumn = LevelColumns.Pack(one, rows, 1, fields, squares: true);
        Assert.True(squareColumn is not null == (rows * largestSquare <= short.MaxValue), what);
        if (squareColumn is not null)
        {
            LevelMvm.SumPulses(planes, squareColumn, vectors, squares);
        }


        float[] currents = Currents(planes, cells, vectors);

        for (int m = 0; m < vectors; m++)
        {
            int clips = 0;
            double[] expected = new double[columns];
            for (int p = 0; p < pulses; p++)
            {
                float[] sum = new float[columns];
                int input = 0;
                int square = 0;
                for (int r = 0; r < rows; r++)
                {
                    int pulse = pulseOf[(((int)codes[(m * stride) + r] + 9) * pulses) + p];
                    input += pulse;
                    square += pulse * pulse;
                    for (int c = 0; c < columns; c++)
                    {
                        sum[c] += pulse * levels[(r * columns) + c];
                    }
                }

                Assert.True(input == inputs[(p * vectors) + m], what);
                Assert.True(squareColumn is null || square == squares[(p * vectors) + m], what);
                Assert.True(sum.AsSpan().SequenceEqual(currents.AsSpan(((p * vectors) + m) * columns, columns)), $"{what}: currents of pulse {p}, vector {m}");
                clips += Converters.Convert(sum, lsb, -max, max);
                for (int c = 0; c < columns; c++)
                {
                    expected[c] += weights[p] * sum[c];
                }
            }

            Assert.True(clips == clipped[m], $"{what}: clipped, vector {m}: {clipped[m]}, {clips} expected");
            for (int c = 0; c < resultStride; c++)
            {
                Assert.True(results[(m * resultStride) + c] == (c < columns ? Before + (factors[c] * expected[c]) : Before), $"{what}: ({m}, {c})");
            }
        }
    }

    /// <summary>Pulse, vector, column.</summary>
    private static float[] Currents(PulsePlanes planes, LevelColumns cells, int vectors)
    {
        float[] all = new float[planes.Pulses * vectors * cells.Columns];
        float[] currents = new float[LevelMvm.CurrentsLength(planes, cells)];
        Array.Fill(currents, float.NaN);
        for (int block = 0; block < LevelMvm.Blocks(planes); block++)
        {
            LevelMvm.FindCurrents(planes, cells, block, currents);
            for (int i = 0; i < planes.BlockPlanes; i++)
            {
                int plane = (block * planes.BlockPlanes) + i;
                int first = plane / planes.Pulses * planes.Lanes;
                for (int m = first; m < Math.Min(first + planes.Lanes, vectors); m += 8)
                {
                    int count = Math.Min(8, Math.Min(first + planes.Lanes, vectors) - m);
                    LevelMvm.TakeCurrents(planes, cells, currents, i, m - first, count, all.AsSpan(((plane % planes.Pulses * vectors) + m) * cells.Columns, count * cells.Columns));
                }
            }
        }

        return all;
    }
}

using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class DrawsTests
{
    private const int Rows = 1000;
    private const int Columns = 1000;

    /// <summary>Standard errors that a statistic may be off: 6e-7 of false alarms.</summary>
    private const double StandardErrors = 5;

    private static readonly CellStream s_stream = new(Seed: 1, Instance: 0, Layer: 3, Slice: 1, Pair: 0, Polarity: 0, Copy: 0);

    [Fact]
    public void MomentsAreThoseOfAStandardNormal()
    {
        double n = (double)Rows * Columns;
        double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
        float largest = 0;
        foreach (float z in Matrix(s_stream))
        {
            m1 += z;
            m2 += (double)z * z;
            m3 += (double)z * z * z;
            m4 += (double)z * z * z * z;
            largest = Math.Max(largest, Math.Abs(z));
        }

        // variances of the raw moments of a normal: E z^2 = 1, E z^4 - 1 = 2, E z^6 = 15, E z^8 - 9 = 96
        Assert.InRange(Math.Abs(m1 / n), 0, StandardErrors * Math.Sqrt(1 / n));
        Assert.InRange(Math.Abs((m2 / n) - 1), 0, StandardErrors * Math.Sqrt(2 / n));
        Assert.InRange(Math.Abs(m3 / n), 0, StandardErrors * Math.Sqrt(15 / n));
        Assert.InRange(Math.Abs((m4 / n) - 3), 0, StandardErrors * Math.Sqrt(96 / n));

        // the largest of 10^6 lies between 4 and 6.5 with probability 1 - 1e-4
        Assert.InRange(largest, 4f, 6.5f);
    }

    [Fact]
    public void TheDistributionIsNormal()
    {
        double n = (double)Rows * Columns;
        double[] bounds = [-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3];
        double[] probabilities =
            [0.0013498980, 0.0227501319, 0.1586552539, 0.3085375387, 0.5, 0.6914624613, 0.8413447461, 0.9772498681, 0.9986501020];
        float[] normals = Matrix(s_stream);
        for (int i = 0; i < bounds.Length; i++)
        {
            double below = normals.Count(z => z < bounds[i]) / n;
            double p = probabilities[i];
            Assert.InRange(Math.Abs(below - p), 0, StandardErrors * Math.Sqrt(p * (1 - p) / n));
        }
    }

    [Fact]
    public void TheTailReachesBeyondFiveAndAHalfSigmaAndIsFinite()
    {
        Assert.InRange(Length(0, 0), 6.7f, 6.8f);
        Assert.InRange(Length(100, 0), 5.5f, 6f);
        Assert.Equal(0f, Length(uint.MaxValue, 0));

        static float Length(uint word0, uint word1)
        {
            var (first, second) = Gaussian.Pair(Lanes1.BroadcastBits(word0), Lanes1.BroadcastBits(word1));
            float x = 0, y = 0;
            Lanes1.Store(first, ref x);
            Lanes1.Store(second, ref y);
            return MathF.Sqrt((x * x) + (y * y));
        }
    }

    [Fact]
    public void EveryPartOfTheNameMakesAnotherDraw()
    {
        float[] z = Matrix(s_stream);
        IsIndependent(z, Matrix(s_stream with { Seed = 2 }));
        IsIndependent(z, Matrix(s_stream with { Seed = s_stream.Seed | (1ul << 63) }));
        IsIndependent(z, Matrix(s_stream with { Instance = 1 }));
        IsIndependent(z, Matrix(s_stream with { Layer = 4 }));
        IsIndependent(z, Matrix(s_stream with { Slice = 2 }));
        IsIndependent(z, Matrix(s_stream with { Pair = 1 }));
        IsIndependent(z, Matrix(s_stream with { Polarity = 1 }));
        IsIndependent(z, Matrix(s_stream with { Copy = 1 }));
        IsIndependent(z, Matrix(s_stream with { IsUnitColumn = true }));
        IsIndependent(z, Matrix(s_stream, DrawPurpose.Drift));
        IsIndependent(z, Matrix(s_stream, extra: 1));
        IsIndependent(Matrix(s_stream, extra: Draws.Time(1)), Matrix(s_stream, extra: Draws.Time(3600)));
        IsIndependent(Matrix(s_stream, extra: Draws.Event(0, 0, 0)), Matrix(s_stream, extra: Draws.Event(0, 0, 1)));
        IsIndependent(Matrix(s_stream, extra: Draws.Event(0, 0, 0)), Matrix(s_stream, extra: Draws.Event(0, 1, 0)));
        IsIndependent(Matrix(s_stream, extra: Draws.Event(0, 0, 0)), Matrix(s_stream, extra: Draws.Event(1, 0, 0)));

        // neighbours: across a column, across the words of a block, across a row
        IsIndependent(z[1..], z[..^1]);
        IsIndependent(z[16..], z[..^16]);
        IsIndependent(z[32..], z[..^32]);
        IsIndependent(z[64..], z[..^64]);
        IsIndependent(z[Columns..], z[..^Columns]);
    }

    [Fact]
    public void TheNameIsPackedWithoutCollisions()
    {
        HashSet<float> seen = [];
        int drawn = 0;
        foreach (int layer in (int[])[0, 1, (1 << 20) - 1])
        {
            foreach (int slice in (int[])[0, 1, 63])
            {
                foreach (int pair in (int[])[0, 1, 15])
                {
                    for (int polarity = 0; polarity < 2; polarity++)
                    {
                        foreach (int copy in (int[])[0, 1, 65535])
                        {
                            foreach (bool unit in (bool[])[false, true])
                            {
                                float[] one = new float[1];
                                CellStream stream = new(1, 0, layer, slice, pair, polarity, copy, unit);
                                Draws.Normals(in stream, DrawPurpose.Programming, 0, 0, 0, one);
                                seen.Add(one[0]);
                                drawn++;
                            }
                        }
                    }
                }
            }
        }

        // 324 floats of 24 bits: two may coincide by chance, three pairs do not
        Assert.InRange(seen.Count, drawn - 2, drawn);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(5, 7)]
    [InlineData(63, 8)]
    [InlineData(64, 9)]
    [InlineData(1, 15)]
    [InlineData(100, 16)]
    [InlineData(17, 130)]
    [InlineData(0, 256)]
    [InlineData(int.MaxValue - 200, 199)]
    public void ADrawDoesNotDependOnWhereTheRunBegins(int firstColumn, int count)
    {
        float[] run = new float[count];
        Draws.Normals(s_stream, DrawPurpose.Programming, 9, 12, firstColumn, run);
        float[] single = new float[1];
        for (int i = 0; i < count; i++)
        {
            Draws.Normals(s_stream, DrawPurpose.Programming, 9, 12, firstColumn + i, single);
            Assert.Equal(single[0], run[i]);
        }
    }

    [Fact]
    public void AKeyThatIsKnownMakesTheSameDraws()
    {
        ulong read = Draws.Event(3, 4, 5);
        float[] expected = new float[100];
        Draws.Normals(s_stream, DrawPurpose.Output, read, 12, 7, expected);
        float[] normals = new float[100];
        Draws.NormalsOfKey(s_stream, DrawPurpose.Output, Draws.EventKey(s_stream.Seed, s_stream.Instance, read), 12, 7, normals);
        LaneContract.AssertSameBits(expected, normals);
        Draws.NormalsOfKey(s_stream, DrawPurpose.Output, Draws.EventKey(s_stream.Seed, s_stream.Instance + 1, read), 12, 7, normals);
        Assert.NotEqual(expected, normals);
    }

    [Theory]
    [InlineData(0, 64, 5)]
    [InlineData(64, 64, 4)]
    [InlineData(3, 17, 3)]
    [InlineData(100, 28, 2)]
    [InlineData(60, 8, 3)]
    [InlineData(0, 256, 3)]
    [InlineData(7, 1, 1)]
    [InlineData(0, 64, 0)]
    public void SeveralEventsAreDrawnAsOneByOne(int firstColumn, int columns, int events)
    {
        ulong[] keys = [.. Enumerable.Range(0, events).Select(i => Draws.EventKey(1, 2, (ulong)i))];
        float[] expected = new float[events * columns];
        for (int i = 0; i < events; i++)
        {
            Draws.NormalsOfKey(s_stream, DrawPurpose.Output, keys[i], 12, firstColumn, expected.AsSpan(i * columns, columns));
        }

        float[] normals = new float[events * columns];
        Draws.NormalsOfKeys(s_stream, DrawPurpose.Output, keys, 12, firstColumn, columns, normals);
        LaneContract.AssertSameBits(expected, normals);
    }

    /// <summary>So many keys that words occur near 2^32, where the radius is 0, and below 2^8, where it is largest.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(63, 2)]
    [InlineData(64, 64)]
    [InlineData(100, 130)]
    [InlineData(0, 1024)]
    [InlineData(1 << 20, 256)]
    public void ManyEventsHaveTheSameBitsAtEveryWidth(int firstColumn, int count)
    {
        float[] scalar = new float[count];
        float[] wide = new float[count];
        for (uint i = 0; i < 2000; i++)
        {
            ulong key = Draws.EventKey(i, 1, 2);
            Draws.Fill<Lanes1>(key, i, i * 77, i * 3, firstColumn, scalar);
            if (Lanes8.IsSupported)
            {
                Draws.Fill<Lanes8>(key, i, i * 77, i * 3, firstColumn, wide);
                LaneContract.AssertSameBits(scalar, wide);
            }

            if (Lanes16.IsSupported)
            {
                Draws.Fill<Lanes16>(key, i, i * 77, i * 3, firstColumn, wide);
                LaneContract.AssertSameBits(scalar, wide);
            }
        }
    }

    [Fact]
    public void RareWordsHaveTheSameBitsInRegistersOfAnyWidth()
    {
        if (!Lanes16.IsSupported)
        {
            return;
        }

        // every word around a power of two, where the rounding of word + 1/2 changes; every eighth of a turn
        uint[] edges = [.. Enumerable.Range(0, 33).SelectMany(b => Enumerable.Range(-3, 7).Select(d => (uint)((1L << b) + d))), 0x55555555, 0xAAAAAAAA, 0x2AAAAAAA];
        uint[] words = new uint[64];
        float[] normals = new float[64];
        for (int first = 0; first < edges.Length; first++)
        {
            for (int second = 0; second < edges.Length; second += 16)
            {
                for (int i = 0; i < 16; i++)
                {
                    (words[i], words[16 + i]) = (edges[first], edges[(second + i) % edges.Length]);
                    (words[32 + i], words[48 + i]) = (words[16 + i], words[i]);
                }

                Gaussian.Pairs512(words, normals);
                for (int i = 0; i < 64; i += i % 16 == 15 ? 17 : 1)
                {
                    var (x, y) = Gaussian.Pair(Lanes1.BroadcastBits(words[i]), Lanes1.BroadcastBits(words[i + 16]));
                    float[] pair = new float[2];
                    Lanes1.Store(x, ref pair[0]);
                    Lanes1.Store(y, ref pair[1]);
                    LaneContract.AssertSameBits(pair, [normals[i], normals[i + 16]]);
                }
            }
        }
    }

    [Fact]
    public void EveryWidthHasTheSameBits()
    {
        float[] scalar = new float[1000];
        Draws.Fill<Lanes1>(5, 6, 7, 8, 33, scalar);
        float[] wide = new float[scalar.Length];
        if (Lanes8.IsSupported)
        {
            Draws.Fill<Lanes8>(5, 6, 7, 8, 33, wide);
            LaneContract.AssertSameBits(scalar, wide);
        }

        if (Lanes16.IsSupported)
        {
            Array.Clear(wide);
            Draws.Fill<Lanes16>(5, 6, 7, 8, 33, wide);
            LaneContract.AssertSameBits(scalar, wide);
        }
    }

    [Fact]
    public void DrawsStayWhatTheyAre()
    {
        // seeds in reports and documents name these numbers: a change here changes every published result
        float[] z = new float[4];
        Draws.Normals(s_stream, DrawPurpose.Programming, 0, 0, 0, z);
        Assert.Equal(s_known, z);
        Draws.OutputNormals(1, 0, 3, 0, 1, 0, sample: 5, mvmOrdinal: 7, pulse: 1, firstColumn: 0, z);
        Assert.Equal(s_knownOutput, z);
    }

    private static readonly float[] s_known = [-0.588137627f, -1.21882069f, 2.39129615f, 0.42113626f];
    private static readonly float[] s_knownOutput = [-0.132104173f, 0.0176101997f, 0.417392403f, 0.687902093f];

    private static float[] Matrix(CellStream stream, DrawPurpose purpose = DrawPurpose.Programming, ulong extra = 0)
    {
        float[] normals = new float[Rows * Columns];
        for (int row = 0; row < Rows; row++)
        {
            Draws.Normals(in stream, purpose, extra, row, 0, normals.AsSpan(row * Columns, Columns));
        }

        return normals;
    }

    /// <summary>Correlation of the normals and of their squares within five standard errors of zero.</summary>
    private static void IsIndependent(float[] left, float[] right)
    {
        double n = left.Length;
        double product = 0;
        double squares = 0;
        for (int i = 0; i < left.Length; i++)
        {
            product += (double)left[i] * right[i];
            squares += (((double)left[i] * left[i]) - 1) * (((double)right[i] * right[i]) - 1) / 2;
        }

        Assert.InRange(Math.Abs(product / n), 0, StandardErrors / Math.Sqrt(n));
        Assert.InRange(Math.Abs(squares / n), 0, StandardErrors / Math.Sqrt(n));
    }
}

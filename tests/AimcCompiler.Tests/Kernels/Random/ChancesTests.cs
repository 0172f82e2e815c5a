using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class ChancesTests
{
    private const double StandardErrors = 5;

    private static readonly CellStream s_stream = new(Seed: 1, Instance: 0, Layer: 3, Slice: 1, Pair: 0, Polarity: 0, Copy: 0);

    [Fact]
    public void TheyAreUniformBetweenZeroAndOne()
    {
        const int Count = 1_000_000;
        float[] u = new float[Count];
        for (int row = 0; row < 1000; row++)
        {
            Draws.Chances(in s_stream, DrawPurpose.Stuck, 0, row, 0, u.AsSpan(row * 1000, 1000));
        }

        Assert.All(u, v => Assert.InRange(v, float.Epsilon, 1));
        foreach (double bound in (double[])[1e-4, 0.01, 0.25, 0.5, 0.9])
        {
            double below = u.Count(v => v <= bound) / (double)Count;
            Assert.InRange(Math.Abs(below - bound), 0, StandardErrors * Math.Sqrt(bound * (1 - bound) / Count));
        }

        Assert.InRange(Math.Abs(u.Average(v => (double)v) - 0.5), 0, StandardErrors / Math.Sqrt(12.0 * Count));
    }

    [Fact]
    public void EveryLaneWidthHasTheSameBits()
    {
        float[] scalar = new float[333];
        Draws.FillChances<Lanes1>(7, 1, 2, 3, 5, scalar);
        float[] wide = new float[333];
        if (Lanes8.IsSupported)
        {
            Draws.FillChances<Lanes8>(7, 1, 2, 3, 5, wide);
            Assert.Equal(scalar, wide);
        }

        if (Lanes16.IsSupported)
        {
            Array.Clear(wide);
            Draws.FillChances<Lanes16>(7, 1, 2, 3, 5, wide);
            Assert.Equal(scalar, wide);
        }
    }

    [Fact]
    public void ARunDoesNotDependOnItsCut()
    {
        float[] whole = new float[500];
        Draws.Chances(in s_stream, DrawPurpose.Stuck, 9, 4, 3, whole);
        for (int first = 0; first < whole.Length; first += 41)
        {
            float[] part = new float[Math.Min(41, whole.Length - first)];
            Draws.Chances(in s_stream, DrawPurpose.Stuck, 9, 4, 3 + first, part);
            Assert.Equal(whole[first..(first + part.Length)], part);
        }
    }
}

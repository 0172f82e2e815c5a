using AimcCompiler.Kernels;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Kernels;

public sealed class RoundingTests
{
    private const int Count = 100_000;

    [Theory]
    [InlineData(0f, 0.5f)]
    [InlineData(0.4f, 0.5f)]
    [InlineData(-0.4f, -0.5f)]
    [InlineData(1f, 0.5f)] // ties to the even side: 1 is between 1/2 and 3/2
    [InlineData(2f, 2.5f)]
    [InlineData(-1f, -1.5f)]
    public void MidRiseLevelsAreOddHalves(float value, float level) => Assert.Equal(level, Rounding.ToNearest(value, 0.5f));

    /// <summary>2^b - 1 steps from -1 to 1, as CrossSim's Quantizer.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(8)]
    public void AMidRiseDacHasEvenStepsFromEndToEnd(int bits)
    {
        int max = (1 << bits) - 1;
        float[] values = [.. Cases.Floats(1, 1000, -1.5f, 1.5f), -1, 1, 0];
        float[] codes = new float[values.Length];
        Rounding.QuantizeMidRise(values, 1, max, codes);
        for (int i = 0; i < values.Length; i++)
        {
            double x = Math.Clamp(values[i], -1, 1);
            double theirs = (Math.Round((x + 1) * max / 2, MidpointRounding.ToEven) * 2 / max) - 1;
            Assert.Equal(theirs, codes[i] / (double)max, 1e-6);
            Assert.Equal(1, Math.Abs(codes[i]) % 2);
        }

        Rounding.QuantizeMidRise(values, 0, max, codes);
        Assert.All(codes, c => Assert.Equal(0, c));
    }

    /// <summary>Mean f, variance f (1 - f) of the step up; whole levels stay.</summary>
    [Theory]
    [InlineData(3.25f, 0f)]
    [InlineData(-3.25f, 0f)]
    [InlineData(0.01f, 0f)]
    [InlineData(100.9f, 0f)]
    [InlineData(0f, 0.5f)]
    [InlineData(2.3f, 0.5f)]
    public void StochasticRoundingIsUnbiased(float value, float shift)
    {
        float[] uniforms = Uniforms(0);
        double fraction = value - shift - Math.Floor(value - shift);
        double[] levels = [.. uniforms.Select(u => (double)Rounding.Stochastic(value, shift, u))];
        double mean = levels.Average();
        double variance = levels.Average(l => (l - mean) * (l - mean));
        double expected = fraction * (1 - fraction);
        Assert.InRange(Math.Abs(mean - value), 0, 4 * Math.Sqrt(expected / Count));
        double fourth = expected * (1 - (3 * expected));
        Assert.InRange(Math.Abs(variance - expected), 0, (4 * Math.Sqrt(Math.Max(0, fourth - (expected * expected)) / Count)) + 1e-4);
        Assert.Equal(2, levels.Distinct().Count());
    }

    [Fact]
    public void WholeLevelsAreNotRounded()
    {
        foreach (float u in Uniforms(1)[..1000])
        {
            Assert.Equal(7, Rounding.Stochastic(7, 0, u));
            Assert.Equal(-2.5f, Rounding.Stochastic(-2.5f, 0.5f, u));
        }
    }

    [Fact]
    public void AStochasticDacIsUnbiasedWithinItsRange()
    {
        float[] values = [.. Enumerable.Repeat(0.3f, Count)];
        float[] codes = new float[Count];
        Rounding.QuantizeStochastic(values, 1, -7, 7, false, Uniforms(2), codes);
        Assert.InRange(Math.Abs(codes.Average(c => (double)c) - 2.1), 0, 4 * Math.Sqrt(0.09 / Count));
        Rounding.QuantizeStochastic(values, 1, -15, 15, true, Uniforms(3), codes);
        Assert.InRange(Math.Abs(codes.Average(c => (double)c) - 4.5), 0, 4 * 2 * Math.Sqrt(0.25 * 0.75 / Count));
        Rounding.QuantizeStochastic([5f, -5f], 1, -7, 7, false, Uniforms(4).AsSpan(0, 2), codes.AsSpan(0, 2));
        Assert.Equal([7f, -7f], codes[..2]);
        Rounding.QuantizeStochastic([-5f], 1, 0, 15, false, Uniforms(4).AsSpan(0, 1), codes.AsSpan(0, 1));
        Assert.Equal(0, codes[0]);
    }

    /// <summary>Uniform and independent: moments, correlation of neighbors, the ends left out; parts of a row are those of the whole.</summary>
    [Fact]
    public void UniformsAreUniform()
    {
        float[] u = Uniforms(5);
        Assert.All(u, v => Assert.InRange(v, 1f / 16777216, 1 - (1f / 16777216)));
        double mean = u.Average(v => (double)v);
        Assert.InRange(Math.Abs(mean - 0.5), 0, 4 * Math.Sqrt(1.0 / 12 / Count));
        double variance = u.Average(v => (v - mean) * (v - mean));
        Assert.InRange(Math.Abs(variance - (1.0 / 12)), 0, 4 * Math.Sqrt(1.0 / 180 / Count));
        double product = Enumerable.Range(0, Count - 1).Average(i => (u[i] - 0.5) * (u[i + 1] - 0.5));
        Assert.InRange(Math.Abs(product), 0, 4 / 12.0 / Math.Sqrt(Count));
        float[] part = new float[77];
        Draws.Uniforms(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.AdcRounding, 0, 5, 111, part);
        Assert.Equal(u[111..188], part);
    }

    private static float[] Uniforms(int row)
    {
        float[] uniforms = new float[Count];
        Draws.Uniforms(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.AdcRounding, 0, row, 0, uniforms);
        return uniforms;
    }
}

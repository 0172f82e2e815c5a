using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class MetricTests
{
    private static readonly Tensor s_output = Tensor.FromFloats([1, 3, 2, 0, -1, -2, -3, 5, 5, 5, 5, 5, 5, 5], 2, 7);

    private static readonly Tensor s_reference = Tensor.FromFloats([1, 4, 2, 0, -1, -2, -3, 5, 6, 5, 5, 5, 5, 5], 2, 7);

    [Theory]
    [InlineData(MetricKind.Top1, new[] { 1, 0 }, new[] { 1.0, 1 })] // the first of equals is the largest
    [InlineData(MetricKind.Top1, new[] { 2, 1 }, new[] { 0.0, 0 })]
    [InlineData(MetricKind.Top5, new[] { 4, 4 }, new[] { 1.0, 1 })]
    [InlineData(MetricKind.Top5, new[] { 5, 5 }, new[] { 0.0, 0 })]
    [InlineData(MetricKind.Top5, new[] { 7, -1 }, new[] { 0.0, 0 })] // no such class
    [InlineData(MetricKind.Agreement, new int[0], new[] { 1.0, 0 })]
    [InlineData(MetricKind.Mse, new int[0], new[] { 1.0 / 7, 1.0 / 7 })]
    public void ScoresOfTwoSamples(MetricKind kind, int[] labels, double[] expected)
    {
        double[] scores = new double[2];
        Metric.Score(kind, s_output, s_reference, labels, 2, scores);
        Assert.Equal(expected, scores);
    }

    /// <summary>Student's t at 97.5 % (NIST/SEMATECH e-Handbook, 1.3.6.7.2).</summary>
    [Theory]
    [InlineData(1, 12.706)]
    [InlineData(2, 4.303)]
    [InlineData(9, 2.262)]
    [InlineData(30, 2.042)]
    [InlineData(31, 2.040)]
    [InlineData(40, 2.021)]
    [InlineData(60, 2.000)]
    [InlineData(100, 1.984)]
    [InlineData(1000000, 1.960)]
    public void QuantilesOfStudentsT(int degreesOfFreedom, double expected) => Assert.Equal(expected, StudentT.Quantile975(degreesOfFreedom), 1e-3);

    /// <summary>0.7, 0.8, 0.9: mean 0.8, deviation 0.1, half width 4.303 x 0.1 / sqrt 3.</summary>
    [Fact]
    public void AnIntervalByHand()
    {
        var point = Evaluator.Summarize(3600, [0.7, 0.8, 0.9]);
        Assert.Equal((3600.0, 3), (point.TimeS!.Value, point.Instances));
        Assert.Equal(0.8, point.Mean, 1e-12);
        Assert.Equal(0.1, point.Std!.Value, 1e-12);
        Assert.Equal(0.24843, point.Ci95!.Value, 1e-5);
        Assert.Equal(new EvaluationPoint(null, 1, 0.5, null, null), Evaluator.Summarize(null, [0.5]));
    }

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(25, "25s")]
    [InlineData(60, "1m")]
    [InlineData(90, "90s")]
    [InlineData(3600, "1h")]
    [InlineData(86400 * 30.0, "30d")]
    [InlineData(86400 * 365.0, "1y")]
    [InlineData(0.5, "0.5s")]
    public void TimesAsPeopleWriteThem(double seconds, string expected) => Assert.Equal(expected, Evaluator.TimeText(seconds));
}

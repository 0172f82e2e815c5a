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
        var metric = Metric.Of(kind);
        metric.Score(new ScoredBatch(s_output, s_reference, null, labels, 2), scores);
        Assert.Equal(expected, scores);
        Assert.Equal(expected.Average(), metric.Total(scores, labels));
    }

    /// <summary>Errors 1, 0, 0 and 3: mean square 2.5; targets reach from -2 to 6.</summary>
    [Theory]
    [InlineData(null, 14.0824)] // 10 log10(64 / 2.5)
    [InlineData(10.0, 16.0206)] // 10 log10(100 / 2.5)
    public void PeakRatioIsOfTheMeanErrorOfAllSamples(double? peak, double expected) => Assert.Equal(
        expected, Together(Metric.Of(MetricKind.Psnr, peak), [1, 6, -2, 5], [0, 6, -2, 2], 2), 1e-4);

    /// <summary>Power 0 + 36 + 4 + 4 = 44 over 10, not the mean of the samples' own ratios.</summary>
    [Fact]
    public void PowerRatioIsOfTheSumsOfAllSamples() => Assert.Equal(10 * Math.Log10(4.4), Together(Metric.Of(MetricKind.Sqnr), [1, 6, -2, 5], [0, 6, -2, 2], 2), 1e-12);

    [Theory]
    [InlineData(MetricKind.Psnr)]
    [InlineData(MetricKind.Sqnr)]
    public void NoErrorHasNoRatioToIt(MetricKind kind) => Assert.Equal(double.PositiveInfinity, Together(Metric.Of(kind), [1, 2], [1, 2], 1));

    /// <summary>Of 2 x 3 pairs: scores 3 and 1 of class 1 against 0, 1, 2: 3 won, 1 won, 1 tied.</summary>
    [Fact]
    public void AreaCountsOrderedPairsAndTiesHalf() => Assert.Equal(4.5 / 6, Together(Metric.Of(MetricKind.Auc), [3, 0, 1, 1, 2], null, 5, [1, 0, 1, 0, 0]), 1e-12);

    /// <summary>Two columns: the second less the first, whatever adds to both.</summary>
    [Fact]
    public void AreaOfTwoColumnsTakesTheirDifference() => Assert.Equal(
        1, Together(Metric.Of(MetricKind.Auc), [5, 6, 9, 8, 0, 2], null, 3, [1, 0, 1]));

    [Fact]
    public void AreaIsTheShareOfPairsOnDrawnScores()
    {
        var random = new Random(5);
        float[] scores = [.. Enumerable.Range(0, 200).Select(_ => random.Next(30) / 7f)];
        int[] labels = [.. Enumerable.Range(0, 200).Select(_ => random.Next(3) == 0 ? 1 : 0)];
        double won = 0;
        for (int i = 0; i < 200; i++)
        {
            for (int j = 0; j < 200; j++)
            {
                won += labels[i] == 1 && labels[j] == 0 ? scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0 : 0;
            }
        }

        int ones = labels.Sum();
        Assert.Equal(won / ((double)ones * (200 - ones)), Together(Metric.Of(MetricKind.Auc), scores, null, 200, labels), 1e-12);
    }

    [Fact]
    public void ReconstructionIsRankedByItsError()
    {
        var metric = Metric.Of(MetricKind.ReconstructionAuc);
        double[] terms = new double[3];
        metric.Score(new ScoredBatch(Tensor.FromFloats([1, 1, 2, 2, 3, 3], 3, 2), null, Tensor.FromFloats([1, 2, 2, 2, 0, 3], 3, 2), new[] { 0, 0, 1 }, 3), terms);
        Assert.Equal([0.5, 0, 4.5], terms);
        Assert.Equal(1, metric.Total(terms, [0, 0, 1]));
        Assert.Equal(0.5, metric.Total(terms, [1, 0, 0]));
    }

    [Fact]
    public void TargetsOfAnotherSizeAreRefused() => Assert.Equal(
        Descriptors.WrongShape,
        Assert.Throws<DiagnosticException>(() => Together(Metric.Of(MetricKind.Mse), [1, 2], [1], 1)).Diagnostics[0].Descriptor);

    private static double Together(Metric metric, float[] output, float[]? target, int samples, int[]? labels = null)
    {
        double[] terms = new double[samples * metric.Terms];
        metric.Score(new ScoredBatch(Tensor.FromFloats(output, samples, output.Length / samples), target is null ? null : Tensor.FromFloats(target, target.Length), null, labels ?? [], samples), terms);
        return metric.Total(terms, labels ?? []);
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
        Assert.Equal(new EvaluationPoint(null, 2, double.PositiveInfinity, null, null), Evaluator.Summarize(null, [double.PositiveInfinity, 3]));
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

namespace AimcCompiler.Tests.Runtime;

/// <summary>Mean, deviation and the fraction at 0 that a law says a conductance has.</summary>
internal readonly record struct Moments(double Mean, double Deviation, double Zeros)
{
    /// <summary>Standard errors a statistic may be off: 6e-5 of false alarms each.</summary>
    private const double StandardErrors = 4;

    /// <summary>Rounding of the simulator's floats, relative to the mean: far below a standard error.</summary>
    private const double Rounding = 2e-6;

    /// <summary>Of min(most, max(least, N(mean, sigma))).</summary>
    public static Moments OfClamped(double mean, double sigma, double least = 0, double most = double.PositiveInfinity)
    {
        if (sigma == 0)
        {
            return new Moments(Math.Clamp(mean, least, most), 0, mean <= 0 && least == 0 ? 1 : 0);
        }

        double a = (least - mean) / sigma;
        double b = (most - mean) / sigma;
        double below = Cumulative(a);
        double above = 1 - Cumulative(b);
        double inside = 1 - below - above;
        double top = double.IsInfinity(most) ? 0 : most;
        double bottom = double.IsInfinity(least) ? 0 : least;
        double first = (bottom * below) + (top * above) + (mean * inside) + (sigma * (Density(a) - Density(b)));
        double second = (bottom * bottom * below) + (top * top * above) + (((mean * mean) + (sigma * sigma)) * inside)
            + (sigma * (((mean + bottom) * Density(a)) - (double.IsInfinity(most) ? 0 : (mean + most) * Density(b))));
        return new Moments(first, Math.Sqrt(Math.Max(0, second - (first * first))), least == 0 ? below : 0);
    }

    /// <summary>Of max(0, U), U uniform with the mean and deviation.</summary>
    public static Moments OfClampedUniform(double mean, double sigma)
    {
        double half = Math.Sqrt(3) * sigma;
        double low = Math.Max(0, mean - half);
        double high = Math.Max(0, mean + half);
        double first = ((high * high) - (low * low)) / (4 * half);
        double second = ((high * high * high) - (low * low * low)) / (6 * half);
        return new Moments(first, Math.Sqrt(second - (first * first)), Math.Clamp((half - mean) / (2 * half), 0, 1));
    }

    /// <summary>E f(z) and E f(z)^2 of a standard normal z, f giving both for each z, and the chance of 0.</summary>
    public static Moments Over(Func<double, (double First, double Second, double Zero)> f)
    {
        const int Intervals = 4000;
        const double Reach = 8;
        double h = 2 * Reach / Intervals;
        double first = 0;
        double second = 0;
        double zero = 0;
        for (int i = 0; i <= Intervals; i++)
        {
            double z = -Reach + (i * h);
            double weight = Density(z) * h / 3 * (i is 0 or Intervals ? 1 : i % 2 == 0 ? 2 : 4);
            var (one, two, none) = f(z);
            first += weight * one;
            second += weight * two;
            zero += weight * none;
        }

        return new Moments(first, Math.Sqrt(second - (first * first)), zero);
    }

    public static double Density(double z) => Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>Normal distribution function by Simpson's rule from 0, good to 1e-12.</summary>
    public static double Cumulative(double z)
    {
        if (Math.Abs(z) > 8.5)
        {
            return z > 0 ? 1 : 0;
        }

        const int Intervals = 200;
        double h = z / Intervals;
        double sum = Density(0) + Density(z);
        for (int i = 1; i < Intervals; i++)
        {
            sum += (i % 2 == 0 ? 2 : 4) * Density(i * h);
        }

        return 0.5 + (sum * h / 3);
    }

    public void AssertMeanAndDeviation(Sample sample, string what)
    {
        double rounding = Rounding * Math.Abs(Mean);
        AssertWithin(Mean, sample.Mean, (StandardErrors * sample.MeanError) + rounding, $"mean of {what}");
        AssertWithin(Deviation, sample.Deviation, (StandardErrors * sample.DeviationError) + rounding, $"deviation of {what}");
    }

    public void AssertOf(Sample sample, string what)
    {
        AssertMeanAndDeviation(sample, what);
        double zeros = sample.Values.Count(g => g == 0) / (double)sample.Values.Length;
        AssertWithin(Zeros, zeros, (StandardErrors * Math.Sqrt(Math.Max(0, Zeros * (1 - Zeros)) / sample.Values.Length)) + 1e-9, $"zeros of {what}");
        Assert.All(sample.Values, g => Assert.True(g >= 0));
    }

    private static void AssertWithin(double expected, double actual, double tolerance, string what) =>
        Assert.True(Math.Abs(actual - expected) <= tolerance, FormattableString.Invariant($"{what}: {expected:G6} +- {tolerance:G3} expected, {actual:G6} found"));
}

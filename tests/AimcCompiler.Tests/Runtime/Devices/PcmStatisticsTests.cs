using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Kernels;

namespace AimcCompiler.Tests.Runtime;

public sealed class PcmStatisticsTests
{
    /// <summary>Standard errors a statistic may be off: 6e-5 of false alarms each.</summary>
    private const double StandardErrors = 4;

    private const double Second = 1;
    private const double Hour = 3600;
    private const double Day = 86400;
    private const double Year = 31536000;

    private static readonly DeviceModel s_pcm = DeviceModel.Create(Cells.Of(new PcmLikeDevice(1, 1, 1), 25), noiseRead: null);

    [SharedFact]
    public void MomentsAreThoseOfAihwkitsOwnDevices()
    {
        using var file = Shared.OpenConformance("aihwkit.json");
        // the file: 400,000 devices, four decimals
        const double Devices = 400_000;
        const double Rounding = 0.5e-4;
        var reference = file.RootElement.GetProperty("pcm_monte_carlo");
        double[] times = [.. reference.GetProperty("t_inference_s").EnumerateArray().Select(e => e.GetDouble())];
        foreach (float target in (float[])[5, 25])
        {
            var expected = reference.GetProperty(target == 5 ? "5" : "25");
            for (int i = 0; i < times.Length; i++)
            {
                var sample = Sample.Of(s_pcm, target, times[i]);
                double both = Math.Sqrt(1 + (Sample.Devices / Devices));
                double mean = expected.GetProperty("mean")[i].GetDouble();
                double deviation = expected.GetProperty("std")[i].GetDouble();
                AssertWithin(mean, sample.Mean, (StandardErrors * both * sample.MeanError) + Rounding);
                AssertWithin(deviation, sample.Deviation, (StandardErrors * both * sample.DeviationError) + Rounding);
            }
        }
    }

    [Theory]
    [InlineData(0, Second)]
    [InlineData(0, Hour)]
    [InlineData(0, Day)]
    [InlineData(0, Year)]
    [InlineData(1, Second)]
    [InlineData(1, Hour)]
    [InlineData(1, Day)]
    [InlineData(1, Year)]
    [InlineData(5, Second)]
    [InlineData(5, Hour)]
    [InlineData(5, Day)]
    [InlineData(5, Year)]
    [InlineData(25, Second)]
    [InlineData(25, Hour)]
    [InlineData(25, Day)]
    [InlineData(25, Year)]
    public void MomentsAreThoseOfTheModel(float target, double timeS)
    {
        var sample = Sample.Of(s_pcm, target, timeS);
        var (mean, deviation, zeros) = Integrate(target, timeS);
        AssertWithin(mean, sample.Mean, StandardErrors * sample.MeanError);
        AssertWithin(deviation, sample.Deviation, StandardErrors * sample.DeviationError);
        AssertWithin(zeros, sample.Values.Count(g => g == 0) / (double)Sample.Devices, StandardErrors * Math.Sqrt(zeros / Sample.Devices));
        Assert.All(sample.Values, g => Assert.True(g >= 0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(25)]
    public void JustProgrammedThereIsOnlyTheProgrammingError(float target)
    {
        var sample = Sample.Of(s_pcm, target, timeS: null);
        double x = target / 25.0;
        double sigma = 0.26348 + (1.9650 * x) - (1.1731 * x * x);

        // moments of max(0, N(target, sigma)) with b = target / sigma
        double b = target / sigma;
        double mean = (target * Cumulative(b)) + (sigma * Density(b));
        double second = (((target * target) + (sigma * sigma)) * Cumulative(b)) + (target * sigma * Density(b));
        AssertWithin(mean, sample.Mean, StandardErrors * sample.MeanError);
        AssertWithin(Math.Sqrt(second - (mean * mean)), sample.Deviation, StandardErrors * sample.DeviationError);
    }

    [Fact]
    public void AProgrammingErrorScalesWithGMax()
    {
        var model = DeviceModel.Create(Cells.Of(new PcmLikeDevice(1, null, null), 50), noiseRead: null);
        var sample = Sample.Of(model, 50, timeS: null);
        AssertWithin(50, sample.Mean, StandardErrors * sample.MeanError);
        AssertWithin(1.05538 * 2, sample.Deviation, StandardErrors * sample.DeviationError);
    }

    [Fact]
    public void TheDriftExponentOfADeviceStays()
    {
        var model = DeviceModel.Create(Cells.Of(new PcmLikeDevice(1, 1, null), 25), noiseRead: null);
        const float Target = 5;
        float[] programmed = Sample.Of(model, Target, timeS: null).Values;
        float[] exponents = Exponents(Hour);
        float[] later = Exponents(Year);
        for (int i = 0; i < exponents.Length; i++)
        {
            // three roundings of g, divided by ln(t / t_0) = 5.2
            Assert.Equal(exponents[i], later[i], 2e-7f);
        }

        // |mu + sigma N| with mu = 3.5 sigma: folding at zero moves both moments by less than 1e-4 of sigma
        var sample = Sample.Of(exponents);
        AssertWithin(0.0493463, sample.Mean, (StandardErrors * sample.MeanError) + 2e-6);
        AssertWithin(0.0142180, sample.Deviation, (StandardErrors * sample.DeviationError) + 4e-6);

        float[] Exponents(double timeS)
        {
            float[] drifted = Sample.Of(model, Target, timeS).Values;
            double span = Math.Log((timeS + 20) / 20);
            return [.. drifted.Select((g, i) => (float)(-Math.Log(g / (double)programmed[i]) / span))];
        }
    }

    [Fact]
    public void ReadNoiseIsHeldAtATimeAndFreshAtAnother()
    {
        var model = DeviceModel.Create(Cells.Of(new PcmLikeDevice(null, null, 1), 25), noiseRead: null);
        float[] first = Sample.Of(model, 10, Hour).Values;
        Assert.Equal(first, Sample.Of(model, 10, Hour).Values);
        double correlation = Correlation(first, Sample.Of(model, 10, Day).Values);
        AssertWithin(0, correlation, StandardErrors / Math.Sqrt(Sample.Devices));
        AssertWithin(0, Correlation(first, Sample.Of(model, 10, Hour, seed: 2).Values), StandardErrors / Math.Sqrt(Sample.Devices));
    }

    [Fact]
    public void ReadNoiseHasTheCoefficientOfTheProgrammedAndTheSizeOfTheDriftedConductance()
    {
        // without programming error and with the exponent at its mean in the average: relative spread of g around its drifted value
        var read = DeviceModel.Create(Cells.Of(new PcmLikeDevice(null, 1, 1), 25), noiseRead: null);
        var quiet = DeviceModel.Create(Cells.Of(new PcmLikeDevice(null, 1, null), 25), noiseRead: null);
        float[] noisy = Sample.Of(read, 5, Year).Values;
        float[] drifted = Sample.Of(quiet, 5, Year).Values;
        var relative = Sample.Of([.. noisy.Select((g, i) => (g / drifted[i]) - 1)]);
        double q = 0.0088 / Math.Pow(5.0 / 25, 0.65);
        double sigma = q * Math.Sqrt(Math.Log((Year + 20 + 250e-9) / (2 * 250e-9)));
        AssertWithin(0, relative.Mean, StandardErrors * relative.MeanError);
        AssertWithin(sigma, relative.Deviation, StandardErrors * relative.DeviationError);
    }

    [Fact]
    public void AnEffectThatIsOffDoesNothing()
    {
        var off = DeviceModel.Create(Cells.Of(new PcmLikeDevice(null, null, null), 25), noiseRead: null);
        Assert.True(off.IsIdeal);
        Assert.False(s_pcm.IsIdeal);
        Assert.False(s_pcm.HasReadNoise);
        Assert.All(Sample.Of(off, 7, Year).Values, g => Assert.Equal(7f, g));

        // at 0 s there is read noise, but no drift
        var drift = DeviceModel.Create(Cells.Of(new PcmLikeDevice(null, 1, null), 25), noiseRead: null);
        Assert.All(Sample.Of(drift, 7, 0).Values, g => Assert.Equal(7f, g));
    }

    [Fact]
    public void ARowDoesNotDependOnHowItIsCut()
    {
        float[] targets = [.. Enumerable.Range(0, 700).Select(i => i % 26f)];
        float[] whole = new float[targets.Length];
        CellStream stream = new(3, 1, 2, 0, 0, 1, 0);
        s_pcm.Conductances(targets, Day, in stream, 9, 40, whole);
        float[] cut = [.. targets];
        foreach (var (start, count) in (ReadOnlySpan<(int, int)>)[(0, 1), (1, 255), (256, 300), (556, 144)])
        {
            var part = cut.AsSpan(start, count);
            s_pcm.Conductances(part, Day, in stream, 9, 40 + start, part);
        }

        Assert.Equal(whole, cut);
    }

    [Fact]
    public void EveryWidthHasTheSameBits()
    {
        float[] targets = [.. Enumerable.Range(0, 1001).Select(i => i * 0.025f)];
        float[][] normals = [Normals(0), Normals(1), Normals(2)];
        var like = ((Pcm<PcmLike>)s_pcm).StateAt(Day);
        LaneContract.HasTheSameBitsAtEveryWidth(like, targets, normals[0], normals[1], normals[2]);
        var hermes = (Pcm<PcmHermes2>)DeviceModel.Create(Cells.Of(new PcmHermesDevice(2, 1, 1, 1), 25), noiseRead: null);
        LaneContract.HasTheSameBitsAtEveryWidth(hermes.StateAt(Day), targets, normals[0], normals[1], normals[2]);

        float[] Normals(int row)
        {
            float[] z = new float[targets.Length];
            Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, row, 0, z);
            return z;
        }
    }

    /// <summary>Mean, deviation and fraction of zeros of the model by quadrature over the normals of programming and drift; the one of
    /// read noise and its clamp have closed forms.</summary>
    private static (double Mean, double Deviation, double Zeros) Integrate(double target, double timeS)
    {
        const double GMax = 25;
        const double Step = 1e-3;
        double x = target / GMax;
        double sigmaProgramming = 0.26348 + (1.9650 * x) - (1.1731 * x * x);
        double logX = Math.Log(Math.Max(x, 1e-7));
        double mu = Math.Clamp((-0.0155 * logX) + 0.0244, 0.049, 0.1);
        double sigmaNu = Math.Clamp((-0.0125 * logX) - 0.0059, 0.008, 0.045);
        double t = timeS + 20;
        double span = Math.Log(t / 20);
        double read = Math.Sqrt(Math.Log((t + 250e-9) / (2 * 250e-9)));

        double drift1 = 0, drift2 = 0, state1 = 0, state2 = 0, zeros = Cumulative(-target / sigmaProgramming);
        for (double z = -8 + (Step / 2); z < 8; z += Step)
        {
            double weight = Density(z) * Step;
            double factor = Math.Exp(-Math.Abs(mu + (sigmaNu * z)) * span);
            drift1 += weight * factor;
            drift2 += weight * factor * factor;

            double g = target + (sigmaProgramming * z);
            if (g > 0)
            {
                // max(0, 1 + s N): mean and second moment, with b = 1 / s
                double s = Math.Min(0.0088 / Math.Max(Math.Pow(g / GMax, 0.65), 1e-3), 0.2) * read;
                double b = 1 / s;
                state1 += weight * g * (Cumulative(b) + (s * Density(b)));
                state2 += weight * g * g * (((1 + (s * s)) * Cumulative(b)) + (s * Density(b)));
                zeros += weight * Cumulative(-b);
            }
        }

        double mean = state1 * drift1;
        return (mean, Math.Sqrt((state2 * drift2) - (mean * mean)), zeros);
    }

    private static double Density(double z) => Math.Exp(-z * z / 2) / Math.Sqrt(2 * Math.PI);

    /// <summary>Normal distribution function by Simpson's rule from 0, good to 1e-12.</summary>
    private static double Cumulative(double z)
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

    private static double Correlation(float[] left, float[] right)
    {
        var a = Sample.Of(left);
        var b = Sample.Of(right);
        double sum = left.Zip(right, (l, r) => (l - a.Mean) * (r - b.Mean)).Sum();
        return sum / left.Length / (a.Deviation * b.Deviation);
    }

    private static void AssertWithin(double expected, double actual, double tolerance) =>
        Assert.True(Math.Abs(actual - expected) <= tolerance, $"{expected:G6} +- {tolerance:G3} expected, {actual:G6} found");
}

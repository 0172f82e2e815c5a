using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Mean, deviation and the fraction at 0 of every random model, over targets and times, from closed forms (a one-dimensional integral where there is none), within four
/// standard errors at 400,000 devices.</summary>
public sealed class DeviceMomentsTests
{
    private const double Day = DeviceCase.Day;

    [Theory]
    [InlineData(NoiseScaling.Independent)]
    [InlineData(NoiseScaling.Proportional)]
    [InlineData(NoiseScaling.Inverse)]
    public void GenericErrorsAreNormalOrUniform(NoiseScaling scaling)
    {
        foreach (float target in (float[])[0, 1, 5, 25])
        {
            double sigma = scaling switch
            {
                NoiseScaling.Proportional => 0.06 * target,
                NoiseScaling.Inverse => target == 0 ? 0 : 0.06 * 25 * 25 / target,
                _ => 0.06 * 25,
            };
            Moments.OfClamped(target, sigma).AssertOf(Of($"gaussian {scaling} Normal", target, null), $"normal {scaling} {target}");
            (sigma == 0 ? Moments.OfClamped(target, 0) : Moments.OfClampedUniform(target, sigma)).AssertOf(Of($"gaussian {scaling} Uniform", target, null), $"uniform {scaling} {target}");
        }
    }

    /// <summary>Clamped normal times e^(-|nu| ln(t / t_0)), times 1 + q N.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(1.0)]
    [InlineData(86400.0)]
    [InlineData(31536000.0)]
    public void CustomPcmHasItsLaws(double? timeS)
    {
        foreach (var (target, mean, sigma) in ((float, double, double)[])[(0, 0.1, 0.04), (2, 0.096, 0.038), (10, 0.08, 0.03), (24, 0.056, 0.019), (50, 0.03, 0.0125)])
        {
            double x = target / 50.0;
            var programmed = Moments.OfClamped(target, 2 * (0.2 + (0.5 * x) - (0.1 * x * x)));
            double second = (programmed.Deviation * programmed.Deviation) + (programmed.Mean * programmed.Mean);
            double first = programmed.Mean;
            if (timeS is { } time)
            {
                double t = time + 20;
                double log = Math.Log(t / 20);
                double read = 0.009 * 0.009 * Math.Log((t + 250e-9) / 500e-9);
                first *= Folded(mean, sigma, log);
                second *= Folded(mean, sigma, 2 * log) * (1 + read);
            }

            new Moments(first, Math.Sqrt(second - (first * first)), programmed.Zeros).AssertOf(Of("pcm_custom", target, timeS), $"pcm_custom {target} at {timeS}");
        }
    }

    /// <summary>aihwkit StateIndependentNoiseModel: 0.2 uS at any g_max, exponent |0.1 + 0.05 N|, read noise g / g_max.</summary>
    [Theory]
    [InlineData(3600.0)]
    [InlineData(31536000.0)]
    public void TheStateIndependentModelIsACustomPcm(double time)
    {
        PcmCustomDevice device = new(25, 20, 250e-9, [0.2], [new DriftPoint(0, 0.1, 0.05)], new PcmReadNoise(1 / 25.0, 0, 1));
        var model = DeviceModel.Create(Cells.Of(device, 25), null);
        foreach (float target in (float[])[0, 5, 25])
        {
            var programmed = Moments.OfClamped(target, 0.2);
            double log = Math.Log((time + 20) / 20);
            double read = Math.Log((time + 20 + 250e-9) / 500e-9) / 625;
            double first = programmed.Mean * Folded(0.1, 0.05, log);
            double second = ((programmed.Deviation * programmed.Deviation) + (programmed.Mean * programmed.Mean)) * Folded(0.1, 0.05, 2 * log) * (1 + read);
            // 1 + q N is below 0 now and then; the moments do not show it
            double zeros = programmed.Zeros + ((1 - programmed.Zeros) * Moments.Cumulative(-1 / Math.Sqrt(read)));
            new Moments(first, Math.Sqrt(second - (first * first)), zeros).AssertOf(Sample.Of(model, target, time), $"{target} at {time}");
        }
    }

    [Fact]
    public void WanOfAihwkitIsDrawnAnewAroundItsTarget()
    {
        double[][] c = [[.348, 16.030, -43.853, 45.393, -16.815], [.701, 22.086, -50.773, 47.095, -16.458], [.782, 20.274, -43.507, 37.062, -11.934]];
        foreach (float target in (float[])[0, 1, 12.5f, 25])
        {
            double[] s = [.. c.Select(p => (25 / 40.0) * Horner(p, target / 25.0))];
            double Between(double low, double high, double from, double to, double t) => low + ((high - low) * Math.Log(t / from) / Math.Log(to / from));
            foreach (var (time, sigma) in ((double?, double)[])
                [(null, s[0]), (1, s[0]), (3600, Between(s[0], s[1], 1, Day, 3600)), (Day, s[1]), (1.2e5, Between(s[1], s[2], Day, 2 * Day, 1.2e5)), (2 * Day, s[2])])
            {
                Moments.OfClamped(target, sigma).AssertOf(Of("rram_wan_2022 aihwkit", target, time), $"{target} at {time}");
            }
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.0)]
    [InlineData(172801.0)]
    [InlineData(31536000.0)]
    public void WanOfAihwkitRefusesTimesThatWereNotMeasured(double time)
    {
        var refusal = Assert.Throws<DiagnosticException>(() => Of("rram_wan_2022 aihwkit", 5, time));
        Assert.Equal("AIMC5004", refusal.Diagnostics[0].Descriptor.Id);
        Assert.Contains("1 s, 1 d and 2 d", refusal.Diagnostics[0].Message, StringComparison.Ordinal);
        Assert.Equal(2 * Day, DeviceCase.Named("rram_wan_2022 aihwkit").Model().MaximumTimeS);
    }

    [Fact]
    public void WanOfCrossSimAndMiloKeepTheirProgrammingError()
    {
        foreach (double? time in (double?[])[null, DeviceCase.Year])
        {
            foreach (float g in (float[])[0, 1, 20, 39.26f])
            {
                Moments.OfClamped(g, Horner([1.053, .2374, -1.167e-2, 1.536e-4], g)).AssertOf(Of("rram_wan_2022 crosssim", g, time), $"Wan {g}");
            }

            foreach (float g in (float[])[50, 100, 225])
            {
                Moments.OfClamped(g, 4.782321 - (0.009107 * g)).AssertOf(Of("rram_milo_2021", g, time), $"Milo {g}");
            }
        }
    }

    [Theory]
    [InlineData(0.2, .00081107, .00106879)]
    [InlineData(2.0, .0112185391, .01129027418)]
    public void CmoRelaxesAndReads(double acceptance, double a, double b)
    {
        string name = FormattableString.Invariant($"rram_cmo {acceptance}");
        foreach (float g in (float[])[9, 30, 88.2f])
        {
            double programming = a + (b * g);
            foreach (double? time in (double?[])[null, 0])
            {
                Moments.OfClamped(g, programming).AssertOf(Of(name, g, time), $"{name} {g} at {time}");
            }

            foreach (double time in (double[])[1, 3600, Day, DeviceCase.Year])
            {
                double mean = g - (.08900206 * Math.Log(time));
                double sigma = Math.Sqrt((programming * programming) + Math.Pow((.04201137 * Math.Log(time)) + .41183342, 2));
                double factor = .0277316483 * Math.Sqrt(Math.Log((time + 1e-6) / 2e-6));
                var expected = Moments.Over(z =>
                {
                    double state = mean + (sigma * z);
                    var read = Moments.OfClamped(state, factor * Math.Log10(Math.Max(1, state)), 9, 88.2);
                    return (read.Mean, (read.Deviation * read.Deviation) + (read.Mean * read.Mean), 0);
                });
                expected.AssertOf(Of(name, g, time), $"{name} {g} at {time}");
            }
        }
    }

    [Fact]
    public void SonosDriftsAsMeasured()
    {
        double[] a = [19.88665, 25.59102, 28.72753, 31.04318, 33.76214, 34.57909];
        double[] b = [176.3115, 186.85544, 193.56834, 198.90332, 204.77023, 207.34309];
        double[] day2 = [2.50712e-1, 6.62195e-2, -6.83218e-4, 2.99442e-6, -6.78255e-9, 7.70482e-12, -3.04983e-15, -2.15919e-18, 2.94617e-21, -1.23359e-24, 1.85329e-28];
        double[] day3 = [-1.75300e-2, 9.76883e-2, -9.63791e-4, 4.55551e-6, -1.22391e-8, 1.93786e-11, -1.85899e-14, 1.07659e-17, -3.58211e-21, 5.96785e-25, -3.30410e-29];
        double[] day5 = [3.19927e-1, 1.06596e-1, -1.04054e-3, 4.50290e-6, -1.10352e-8, 1.56477e-11, -1.27592e-14, 5.45513e-18, -7.26841e-22, -2.43893e-25, 7.14608e-29];
        foreach (float g in (float[])[0, 0.1f, 1, 4, 16])
        {
            double current = 100.0 * g;
            double Sigma(double scale, double rate) => scale * (1 - Math.Exp(-current / rate));
            Moments Expected(double shift, double sigma) => Moments.OfClamped((current + shift) / 100, sigma / 100);
            Expected(0, Sigma(a[0], b[0])).AssertOf(Of("sonos", g, null), $"sonos {g} programmed");
            Expected(0, Sigma(a[0], b[0])).AssertOf(Of("sonos", g, 0), $"sonos {g} at 0");
            Expected((Horner(day2, current) + Horner(day3, current)) / 2, Sigma((a[2] + a[3]) / 2, (b[2] + b[3]) / 2)).AssertOf(Of("sonos", g, 2.5 * Day), $"sonos {g} at 2.5 d");
            Expected(Horner(day5, current), Sigma(a[5], b[5])).AssertOf(Of("sonos", g, 5 * Day), $"sonos {g} at 5 d");
        }
    }

    [Fact]
    public void SonosIsNotExtrapolated()
    {
        var refusal = Assert.Throws<DiagnosticException>(() => Of("sonos", 1, 31536000));
        Assert.Contains("up to 5 days", refusal.Diagnostics[0].Message, StringComparison.Ordinal);
        var still = DeviceModel.Create(DeviceCase.Named("sonos").Cell with { Device = new SonosDevice(1, null, null) }, null);
        Assert.Equal(Sample.Of(still, 4, null).Values, Sample.Of(still, 4, 31536000).Values);
        Assert.Null(still.MaximumTimeS);
    }

    [Fact]
    public void MagneticJunctionsSpreadInResistanceAndMissWrites()
    {
        double low = 100 / 2.2;
        foreach (var (target, other) in ((float, double)[])[((float)low, 100), (100, low)])
        {
            var spread = Moments.Over(z => (1 / (1 + (0.04 * z)), 1 / Math.Pow(1 + (0.04 * z), 2), 0));
            double first = ((0.99 * target) + (0.01 * other)) * spread.Mean;
            double square = (spread.Deviation * spread.Deviation) + (spread.Mean * spread.Mean);
            double second = ((0.99 * target * target) + (0.01 * other * other)) * square;
            var sample = Of("mram", target, DeviceCase.Year);
            new Moments(first, Math.Sqrt(second - (first * first)), 0).AssertOf(sample, $"mram {target}");
            double missed = sample.Values.Count(g => Math.Abs(g - other) < Math.Abs(g - target)) / (double)Sample.Devices;
            Assert.InRange(missed, 0.01 - (4 * Math.Sqrt(0.01 / Sample.Devices)), 0.01 + (4 * Math.Sqrt(0.01 / Sample.Devices)));
        }
    }

    [Fact]
    public void ATableIsLinearInTemperature()
    {
        DeviceTableRow[] rows =
        [
            .. from kelvin in (double[])[300, 400]
               from target in (double[])[0, 25]
               from time in (double[])[1, 86400]
               select new DeviceTableRow(target, time, (target * (kelvin == 400 ? 0.8 : 1)) + 3, kelvin == 400 ? 1 : 0.5, kelvin / 1000, kelvin),
        ];
        foreach (var (kelvin, factor, sigma, read) in ((double, double, double, float)[])[(300, 1, 0.5, 0.3f), (350, 0.9, 0.75, 0.35f), (400, 0.8, 1, 0.4f)])
        {
            var model = DeviceModel.Create(Cells.Of(new TableDevice(rows), 25), null, kelvin);
            Moments.OfClamped((10 * factor) + 3, sigma).AssertOf(Sample.Of(model, 10, 3600), $"at {kelvin} K");
            float[] sigmas = new float[1];
            model.ReadSigmas([10], [10], 3600, sigmas);
            Assert.Equal(read, sigmas[0], 1e-6f);
        }

        Assert.Throws<DiagnosticException>(() => DeviceModel.Create(Cells.Of(new TableDevice(rows), 25), null, 299));
    }

    /// <summary>Exponents of a custom PCM, the relaxation of CMO and the normal of SONOS are one draw for all times.</summary>
    [Fact]
    public void WhatDriftsKeepsItsDraw()
    {
        var pcm = DeviceModel.Create(Cells.Of(DeviceCase.Custom with { Read = null }, 50), null);
        float[] fresh = Sample.Of(pcm, 24, null).Values;
        double[] Exponents(double t) => [.. Sample.Of(pcm, 24, t).Values.Zip(fresh, (g, p) => -Math.Log(g / (double)p) / Math.Log((t + 20) / 20))];
        Assert.All(Exponents(3600).Zip(Exponents(31536000)), e => Assert.Equal(e.First, e.Second, 3e-7));

        var cmo = DeviceModel.Create(DeviceCase.Named("rram_cmo 2").Cell with { Device = new RramCmoDevice(2, null, 1, null) }, null);
        double[] Normals(double t) => [.. Sample.Of(cmo, 40, t).Values.Select(g => (g - 40 + (.08900206 * Math.Log(t))) / ((.04201137 * Math.Log(t)) + .41183342))];
        Assert.All(Normals(3600).Zip(Normals(31536000)), e => Assert.Equal(e.First, e.Second, 2e-5));

        var sonos = DeviceCase.Named("sonos").Model();
        float[] day = Sample.Of(sonos, 16, Day).Values;
        float[] later = Sample.Of(sonos, 16, 5 * Day).Values;
        var a = Sample.Of(day);
        var b = Sample.Of(later);
        Assert.All(day.Zip(later), e => Assert.Equal((e.First - a.Mean) / a.Deviation, (e.Second - b.Mean) / b.Deviation, 1e-4));
    }

    /// <summary>Wan's fit of aihwkit says what the spread is at a time, not what a device remembers.</summary>
    [Fact]
    public void WanOfAihwkitRemembersNothing()
    {
        float[] hour = Of("rram_wan_2022 aihwkit", 12.5f, 3600).Values;
        foreach (double? time in (double?[])[null, 3601])
        {
            float[] other = Of("rram_wan_2022 aihwkit", 12.5f, time).Values;
            var a = Sample.Of(hour);
            var b = Sample.Of(other);
            double correlation = hour.Zip(other, (l, r) => (l - a.Mean) * (r - b.Mean)).Average() / (a.Deviation * b.Deviation);
            Assert.InRange(Math.Abs(correlation), 0, 4 / Math.Sqrt(Sample.Devices));
        }
    }

    [Fact]
    public void ReadNoiseOfEveryMvmHasTheLawOfThePresentState()
    {
        float[] sigmas = new float[2];
        DeviceCase.Named("sonos").Model().ReadSigmas([4, 16], [2, 16], 1, sigmas);
        Assert.Equal(12.58037 * (1 - Math.Exp(-200 / 215.36557)) / 100, sigmas[0], 1e-6);
        Assert.Equal(12.58037 * (1 - Math.Exp(-1600 / 215.36557)) / 100, sigmas[1], 1e-6);
        DeviceModel.Create(Cells.Of(new GaussianDevice(null, 0.01, NoiseScaling.Inverse), 25), null).ReadSigmas([4, 0], [5, 0], 1, sigmas);
        Assert.Equal([1.25f, 0f], sigmas);
    }

    private static Sample Of(string name, float target, double? time) => Sample.Of(DeviceCase.Named(name).Model(), target, time);

    private static double Horner(double[] coefficients, double x) => coefficients.Reverse().Aggregate(0.0, (sum, c) => (sum * x) + c);

    /// <summary>E e^(-|nu| log) of nu ~ N(mean, sigma).</summary>
    private static double Folded(double mean, double sigma, double log)
    {
        double square = sigma * sigma * log * log / 2;
        return (Math.Exp(square - (mean * log)) * Moments.Cumulative((mean / sigma) - (sigma * log)))
            + (Math.Exp(square + (mean * log)) * Moments.Cumulative((-mean / sigma) - (sigma * log)));
    }
}

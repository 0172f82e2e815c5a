using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Moments of a whole layer's outputs against closed forms, seeds fixed, within four standard errors.</summary>
public sealed class LayerStatisticsTests
{
    private const double StandardErrors = 4;
    private const int Reads = 20000;
    private const int Rows = 20;

    private static readonly float[] s_weights = [.. Cases.Floats(1, Rows - 2), 0, 0];

    private static readonly float[] s_input = Cases.Floats(2, Rows);

    /// <summary>Fresh read noise sigma of each device: var y = sum x^2 2 sigma^2, zero cells included; two row blocks with output noise each.</summary>
    [Theory]
    [InlineData(Subtraction.InArray, 1)]
    [InlineData(Subtraction.AfterConversion, 2)]
    public void ReadAndOutputNoiseAdd(Subtraction subtract, int conversions)
    {
        const double Read = 0.03;
        const double Output = 0.05;
        var chip = Chips.Analog(t => t with
        {
            Rows = Rows / 2,
            Encoding = t.Encoding with { Subtract = subtract },
            Noise = t.Noise with { Read = Read, Output = Output },
        });
        LayerSpec spec = new(chip, Rows, 1) { Contents = s_weights };
        double variance = s_input.Sum(x => 2 * Read * Read * x * (double)x) + (2 * conversions * Output * Output);
        AssertReads(Product(), variance, spec);
    }

    /// <summary>A bit-serial MVM reads its cells at each pulse: var y = sum of (pulse weight x pulse)^2 2 sigma^2, and output noise at each conversion.</summary>
    [Fact]
    public void EveryPulseIsARead()
    {
        const double Read = 0.02;
        const double Output = 0.1;
        var chip = Chips.Analog(t => t with
        {
            Input = t.Input with { Bits = 4, Scheme = InputScheme.BitSerial },
            Noise = t.Noise with { Read = Read, Output = Output },
        });
        double variance = 0;
        double mean = 0;
        for (int r = 0; r < Rows; r++)
        {
            int code = (int)MathF.Round(s_input[r] * 7, MidpointRounding.ToEven);
            mean += code * (double)s_weights[r] / 7;
            for (int p = 0; p < 3; p++)
            {
                variance += ((Math.Abs(code) >> p) & 1) * Math.Pow((1 << p) / 7.0, 2) * 2 * Read * Read;
            }
        }

        variance += (1 + 4 + 16) / 49.0 * Output * Output;
        AssertReads(mean, variance, new LayerSpec(chip, Rows, 1) { Contents = s_weights });
    }

    /// <summary>Accumulated pulses have one conversion: one draw of output noise, in units of full-scale input.</summary>
    [Fact]
    public void AccumulatedPulsesHaveOneConversion()
    {
        const double Output = 0.1;
        var chip = Chips.Analog(t => t with
        {
            Input = t.Input with { Bits = 4, Scheme = InputScheme.BitSerial },
            Adc = t.Adc with { InputSlices = InputSliceConversion.Accumulated },
            Noise = t.Noise with { Output = Output },
        });
        double mean = Enumerable.Range(0, Rows).Sum(r => MathF.Round(s_input[r] * 7, MidpointRounding.ToEven) * (double)s_weights[r] / 7);
        AssertReads(mean, Output * Output, new LayerSpec(chip, Rows, 1) { Contents = s_weights });
    }

    /// <summary>Programming errors of aihwkit's PCM (sigma in uS = 0.26348 + 1.965 x - 1.1731 x^2), over columns and instances.
    /// Weights are away from zero, where the clamp at 0 has no effect; the negative device of each pair is at 0, with half of its error clamped.</summary>
    [Fact]
    public void ProgrammingErrorsOfALayer()
    {
        // Rectified error of a device at 0: mean s / sqrt(2 pi), variance s^2 (1 - 1 / pi) / 2.
        const double AtZero = 0.26348 / 25;
        const int Columns = 500;
        const int Instances = 20;
        float[] contents = new float[Rows * Columns];
        double mean = 0;
        double variance = 0;
        for (int r = 0; r < Rows; r++)
        {
            float u = 0.3f + (0.03f * r);
            Array.Fill(contents, u, r * Columns, Columns);
            double sigma = (0.26348 + (1.965 * u) - (1.1731 * u * u)) / 25;
            mean += s_input[r] * (u - (AtZero / Math.Sqrt(2 * Math.PI)));
            variance += s_input[r] * (double)s_input[r] * ((sigma * sigma) + (AtZero * AtZero * (1 - (1 / Math.PI)) / 2));
        }

        var chip = Chips.Analog(t => t.With(new PcmLikeDevice(1, null, null)) with { Columns = 512 });
        LayerSpec spec = new(chip, Rows, Columns) { Contents = contents };
        AssertMoments(mean, variance, [.. Enumerable.Range(0, Instances).SelectMany(i => spec.Run(s_input, Cases.Fast with { Instance = i }))]);
    }

    /// <summary>Accumulated 1/f noise of aihwkit's PCM at time t: sigma = g min(0.0088 / x^0.65, 0.2) sqrt(ln((t + t_read) / (2 t_read))), held for all
    /// MVMs of an instance; t counts from 20 s before the end of programming. A device at zero has none.</summary>
    [Theory]
    [InlineData(25)]
    [InlineData(86400)]
    public void AccumulatedReadNoiseOfALayer(double time)
    {
        const int Columns = 500;
        const double ReadTime = 250e-9;
        double growth = Math.Sqrt(Math.Log((time + 20 + ReadTime) / (2 * ReadTime)));
        float[] contents = new float[Rows * Columns];
        double mean = 0;
        double variance = 0;
        for (int r = 0; r < Rows; r++)
        {
            float u = (r % 2 == 0 ? 1 : -1) * (0.3f + (0.03f * r));
            Array.Fill(contents, u, r * Columns, Columns);
            mean += s_input[r] * (double)u;
            variance += Math.Pow(s_input[r] * u * Math.Min(0.0088 / Math.Pow(Math.Abs(u), 0.65), 0.2) * growth, 2);
        }

        var chip = Chips.Analog(t => t.With(new PcmLikeDevice(null, null, 1)) with { Columns = 512 });
        LayerSpec spec = new(chip, Rows, Columns) { Contents = contents };
        AssertMoments(mean, variance, [.. Enumerable.Range(0, 20).SelectMany(i => spec.Run(s_input, Cases.Fast with { Instance = i, TimeS = time }))]);
    }

    /// <summary>Proportional read noise: var y = sum x^2 (sigma u)^2.</summary>
    [Fact]
    public void ProportionalReadNoise()
    {
        var chip = Chips.Analog(t => t.With(new GaussianDevice(null, 0.05, NoiseScaling.Proportional)));
        double variance = s_input.Zip(s_weights, (x, u) => Math.Pow(0.05 * x * u, 2)).Sum();
        AssertReads(Product(), variance, new LayerSpec(chip, Rows, 1) { Contents = s_weights });
    }

    /// <summary>A unit column has noise of its own, which counts 2^(B-1) at each pulse.</summary>
    [Fact]
    public void TheUnitColumnIsNoisyToo()
    {
        const double Read = 0.001;
        var chip = Chips.Coded(t => t with
        {
            Cell = t.Cell with { Bits = 4 },
            Encoding = t.Encoding with { Sign = SignEncoding.OffsetUnitColumn, UnitColumn = true, PairAxis = PairAxis.Cell },
            Weights = t.Weights with { Slicing = Slicing.None },
            Input = t.Input with { Scheme = InputScheme.MultiLevel, Management = InputManagement.None },
            Noise = t.Noise with { Read = Read },
        });
        int[] codes = Cases.Codes(3, Rows, 7);
        double mean = 0;
        double variance = 0;
        for (int r = 0; r < Rows; r++)
        {
            int code = (int)MathF.Round(s_input[r] * 7, MidpointRounding.ToEven);
            mean += code * codes[r] / 49.0;
            double perDevice = Math.Pow(Read * 15 * code / 49.0, 2);
            variance += perDevice * (1 + (8 * 8));
        }

        AssertReads(mean, variance, new LayerSpec(chip, Rows, 1) { Codes = codes });
    }

    /// <summary>Noise that is drawn for each column: columns and samples are independent, and a sample keeps its noise in any batch.</summary>
    [Fact]
    public void ColumnsAndSamplesDrawForThemselves()
    {
        var chip = Chips.Analog(t => t with { Rows = Rows / 2, Noise = t.Noise with { Read = 0.03 } });
        LayerSpec spec = new(chip, Rows, 2) { Contents = [.. s_weights.SelectMany(w => new[] { w, w })] };
        var options = Cases.Fast with { ReadNoise = ReadNoiseDraws.Column };
        float[] all = Same(spec, options);
        double[] first = [.. all.Where((_, i) => i % 2 == 0).Select(v => v - Product())];
        double[] second = [.. all.Where((_, i) => i % 2 == 1).Select(v => v - Product())];
        Assert.InRange(Math.Abs(Correlation(first, second)), 0, StandardErrors / Math.Sqrt(Reads));
        Assert.InRange(Math.Abs(Correlation(first[1..], first[..^1])), 0, StandardErrors / Math.Sqrt(Reads));
        Assert.NotEqual(all[..2], spec.Run(s_input, options with { Instance = 1 }));

        float[] three = [.. s_input, .. s_input, .. s_input];
        Assert.Equal(all[..6], spec.Run(three, options));
        Assert.NotEqual(all[..6], spec.Run(three, Cases.Fast));
    }

    private static double Correlation(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(y => y * y));

    private static void AssertReads(double mean, double variance, LayerSpec spec) =>
        Assert.All(Enum.GetValues<ReadNoiseDraws>(), draws => AssertMoments(mean, variance, Same(spec, Cases.Fast with { ReadNoise = draws })));

    private static double Product() => s_input.Zip(s_weights, (x, w) => x * (double)w).Sum();

    /// <summary>The same vector as many samples.</summary>
    private static float[] Same(LayerSpec spec, SimulationOptions options) =>
        spec.Run([.. Enumerable.Repeat(s_input, Reads).SelectMany(v => v)], options);

    private static void AssertMoments(double mean, double variance, float[] values)
    {
        double average = values.Average(v => (double)v);
        double found = values.Sum(v => (v - average) * (v - average)) / (values.Length - 1);
        Assert.InRange(Math.Abs(average - mean), 0, StandardErrors * Math.Sqrt(variance / values.Length));
        Assert.InRange(Math.Abs(found - variance), 0, StandardErrors * variance * Math.Sqrt(2.0 / values.Length));
    }
}

using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Conformance;

/// <summary>CrossSim's MVMs of one 6 x 8 matrix (../shared/conformance/crosssim.json) on chips of ours. Its unit of column sums is a cell at g_max, ours
/// one at g_max - g_min: with its on/off ratio of 10, our ranges are its ranges / 0.9. Converters without a zero code are not ours: there, CrossSim's
/// numbers are rebuilt from ours and the difference is bounded.</summary>
public sealed class CrossSimTests
{
    private const int Inputs = 8;
    private const int Outputs = 6;
    private const double FullScale = 0.99; // max |W|, one scale for the matrix
    private const double OnRange = 0.9; // (g_max - g_min) / g_max
    private const double Tolerance = 1e-6;

    [SharedTheory]
    [InlineData("ideal_balanced", SignEncoding.DifferentialOneSided)]
    [InlineData("ideal_balanced_two_sided", SignEncoding.DifferentialTwoSided)]
    public void IdealBalancedCores(string name, SignEncoding sign) => AssertEqual(name, Analog(t => t with { Encoding = t.Encoding with { Sign = sign } }));

    /// <summary>Its 4-bit cells have 16 levels a polarity, as ours under 5-bit weights.</summary>
    [SharedFact]
    public void OneSidedLevels() => AssertEqual("balanced_cell4", Levels(SignEncoding.DifferentialOneSided, 5, 4, Slicing.None));

    /// <summary>Its two-sided cells round (1 +- u) / 2 to 15 steps each: always an odd difference, no zero. Ours rounds u, and lets a pair's sum
    /// vary by one level. Given its codes our pair holds them; with our own it is closer to the matrix.</summary>
    [SharedFact]
    public void TwoSidedLevelsAreOddThere()
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, "balanced_two_sided_cell4");
            var chip = Levels(SignEncoding.DifferentialTwoSided, 5, 4, Slicing.None);
            int[] theirs = [.. weights.Select(w => (int)(Rint(15 * (1 + (w / FullScale)) / 2) - Rint(15 * (1 - (w / FullScale)) / 2)))];
            Assert.All(theirs, code => Assert.Equal(1, Math.Abs(code) % 2));
            LayerSpec given = new(chip, Inputs, Outputs) { Codes = theirs, Scales = [(float)FullScale] };
            Cases.AssertClose(y, given.Run(x, Cases.Stepwise), Tolerance, "their codes");

            LayerSpec own = Spec(chip, weights);
            double[] exact = Product([.. weights.Select(w => Rint(15 * w / FullScale) / 15 * FullScale)], x);
            float[] ours = own.Run(x, Cases.Stepwise);
            Cases.AssertClose(exact, ours, Tolerance, "our codes");
            double[] bound = Product([.. weights.Select(_ => FullScale / 15)], [.. x.Select(Math.Abs)]);
            Assert.All(Enumerable.Range(0, y.Length), i => Assert.InRange(Math.Abs(ours[i] - y[i]), 0, bound[i] + Tolerance));
            double[] product = Product(weights, x);
            Assert.True(Worst(product, [.. ours.Select(v => (double)v)]) < Worst(product, y));
        }
    }

    /// <summary>4-bit cells with one level dropped so that zero is a level: codes of 4 bits, offset 8 here and 7 there. Ours is the product with the
    /// matrix that CrossSim says it holds; its own result is 14/15 of that product (levels kept over levels), which no scale here imitates.</summary>
    [SharedTheory]
    [InlineData("offset_digital_cell4", SignEncoding.OffsetDigital)]
    [InlineData("offset_unit_cell4", SignEncoding.OffsetUnitColumn)]
    public void OffsetLevels(string name, SignEncoding sign)
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, name);
            var found = file.RootElement.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
            double[] held = [.. TransposedDoubles(found.GetProperty("effective_matrix"))];
            float[] ours = Spec(Levels(sign, 4, 4, Slicing.None), weights).Run(x, Cases.Stepwise);
            Cases.AssertClose(Product(held, x), ours, Tolerance, "their matrix");
            Cases.AssertClose(y, [.. ours.Select(v => v * 14 / 15)], Tolerance, "14/15 of ours");
        }
    }

    [SharedTheory]
    [InlineData("bitsliced_BALANCED_2", SignEncoding.DifferentialOneSided, Slicing.SignedDigits, 4)]
    [InlineData("bitsliced_BALANCED_2", SignEncoding.DifferentialOneSided, Slicing.TwosComplement, 4)]
    [InlineData("bitsliced_OFFSET_2", SignEncoding.OffsetDigital, Slicing.Unsigned, 4)]
    [InlineData("bitsliced_OFFSET_2", SignEncoding.OffsetUnitColumn, Slicing.Unsigned, 4)]
    [InlineData("bitsliced_BALANCED_4", SignEncoding.DifferentialOneSided, Slicing.SignedDigits, 2)]
    [InlineData("bitsliced_BALANCED_4", SignEncoding.DifferentialTwoSided, Slicing.SignedDigits, 2)]
    [InlineData("bitsliced_OFFSET_4", SignEncoding.OffsetDigital, Slicing.Unsigned, 2)]
    [InlineData("bitsliced_OFFSET_4", SignEncoding.OffsetUnitColumn, Slicing.Unsigned, 2)]
    public void BitSlices(string name, SignEncoding sign, Slicing slicing, int cellBits) => AssertEqual(name, Levels(sign, 8, cellBits, slicing));

    [SharedFact]
    public void SignMagnitudeDac() => AssertEqual("dac_signmag5", Analog(t => t with { Input = t.Input with { Bits = 5 } }));

    /// <summary>31 steps over [-1, 1] and no zero: fed with its inputs we agree, and our 5-bit DAC is closer to zero than half of both steps.</summary>
    [SharedFact]
    public void TheirDacHasNoZeroCode()
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, "dac_quant5_signed");
            float[] theirs = [.. x.Select(v => (float)((Rint((v + 1) * 31 / 2) * 2 / 31) - 1))];
            Assert.All(theirs, v => Assert.InRange(Math.Abs(v), 0.99 / 31, 1));
            Cases.AssertClose(y, Spec(Analog(t => t), weights).Run(theirs, Cases.Stepwise), Tolerance, "their inputs");
            float[] ours = Spec(Analog(t => t with { Input = t.Input with { Bits = 5 } }), weights).Run(x, Cases.Stepwise);
            Cases.AssertClose(Product(weights, [.. x.Select(v => (float)(Rint(v * 15.0) / 15))]), ours, Tolerance, "our inputs");
            double[] bound = Product([.. weights.Select(Math.Abs)], [.. x.Select(_ => (1f / 31) + (1f / 30))]);
            Assert.All(Enumerable.Range(0, y.Length), i => Assert.InRange(Math.Abs(ours[i] - y[i]), 0, bound[i] + Tolerance));
        }
    }

    /// <summary>62 steps with zero: our ADC, with the bound in our unit. Range max is 8 rows of g_max there, of g_max - g_min here.</summary>
    [SharedTheory]
    [InlineData("adc_SignMagnitudeADC_MAX", 8)]
    [InlineData("adc_SignMagnitudeADC_CALIBRATED", 2)]
    public void SignMagnitudeAdc(string name, double range) =>
        AssertEqual(name, Analog(t => t with { Adc = t.Adc with { Bits = 6, Range = AdcRange.Fixed, Bound = range / OnRange } }));

    [SharedFact]
    public void ACalibratedRangeIsTheSameAsABound() =>
        AssertEqual("adc_SignMagnitudeADC_CALIBRATED", Analog(t => t with { Adc = t.Adc with { Bits = 6, Range = AdcRange.Calibrated } }), spec => spec with { AdcRanges = [(float)(2 / OnRange)] });

    [SharedFact]
    public void OurMaximumRangeIsTheirsTimesTheOnRange()
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, "adc_SignMagnitudeADC_MAX");
            float[] ours = Spec(Analog(t => t with { Rows = Inputs, Adc = t.Adc with { Bits = 6, Range = AdcRange.Max } }), weights).Run(x, Cases.Stepwise);
            const double Lsb = Inputs * FullScale / 31;
            Cases.AssertClose([.. Product(weights, x).Select(v => Rint(v / Lsb) * Lsb)], ours, Tolerance, "closed form");
            Assert.All(Enumerable.Range(0, y.Length), i => Assert.InRange(Math.Abs(ours[i] - y[i]), 0, (Lsb + (Lsb / OnRange)) / 2));
        }
    }

    /// <summary>63 steps and no zero code. Rebuilt from our exact column sums it is theirs; our ADC of as many bits differs by at most half of both steps.</summary>
    [SharedTheory]
    [InlineData("adc_QuantizerADC_MAX", 8, 8)]
    [InlineData("adc_QuantizerADC_CALIBRATED", 2, 8)]
    [InlineData("tiled_adc", 2, 3)]
    public void TheirAdcHasNoZeroCode(string name, double range, int tileRows)
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, name);
            var tiled = Analog(t => t with { Rows = tileRows, Columns = tileRows == 3 ? 4 : 8 });
            var program = Spec(tiled, weights).Program();
            int[] rowBlocks = [.. program.Layers[0].Blocks.Where(b => b.ColumnStart == 0).Select(b => b.RowCount)];
            Assert.Equal(tileRows == 3 ? [3, 3, 2] : [8], rowBlocks);

            // Each row block alone through our tile, then through their converter.
            double[] theirs = new double[y.Length];
            double[] exact = new double[y.Length];
            const double Steps = 31;
            int start = 0;
            foreach (int rows in rowBlocks)
            {
                float[] part = [.. x.Select((v, i) => i % Inputs >= start && i % Inputs < start + rows ? v : 0)];
                float[] sums = Spec(tiled, weights).Run(part, Cases.Stepwise);
                for (int i = 0; i < y.Length; i++)
                {
                    double sum = sums[i] / FullScale;
                    theirs[i] += MidRise(sum * OnRange, 6, range) / OnRange * FullScale;
                    double lsb = range / OnRange / Steps;
                    exact[i] += Math.Clamp(Rint(sum / lsb), -Steps, Steps) * lsb * FullScale;
                }

                start += rows;
            }

            Cases.AssertClose(y, [.. theirs.Select(v => (float)v)], Tolerance, "their converter on our sums");
            var converted = tiled with { Tile = tiled.Tile with { Adc = tiled.Tile.Adc with { Bits = 6, Range = AdcRange.Fixed, Bound = range / OnRange } } };
            float[] ours = Spec(converted, weights).Run(x, Cases.Stepwise);
            Cases.AssertClose(exact, ours, Tolerance, "our converter");
            double bound = rowBlocks.Length * FullScale * range / OnRange * ((1 / Steps / 2) + (1.0 / 63));
            Assert.All(Enumerable.Range(0, y.Length), i => Assert.InRange(Math.Abs(ours[i] - y[i]), 0, bound));
        }
    }

    /// <summary>One-bit pulses of 4-bit magnitudes: a conversion each, or one after analog accumulation; the 8-bit ADC on [-3, 3] has no zero code
    /// there. The accumulator there is in units of full-scale input, as ours.</summary>
    [SharedTheory]
    [InlineData("ibit_adc_per_ibit_True", InputSliceConversion.Each)]
    [InlineData("ibit_adc_per_ibit_False", InputSliceConversion.Accumulated)]
    public void InputSlices(string name, InputSliceConversion conversion)
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, name);
            var chip = Analog(t => t with
            {
                Input = t.Input with { Bits = 5, Scheme = InputScheme.BitSerial, PulseBits = 1, Management = InputManagement.None },
                Adc = t.Adc with { InputSlices = conversion },
            });
            int pulses = conversion == InputSliceConversion.Each ? 4 : 1;
            double[] theirs = new double[y.Length];
            double[] exact = new double[y.Length];
            const double Lsb = 3 / OnRange / 127;
            double weightSum = 0;
            for (int p = 0; p < pulses; p++)
            {
                // One pulse alone, as codes that have only this bit; or all of them.
                float[] part = conversion == InputSliceConversion.Accumulated ? x : [.. x.Select(v => Math.Sign(v) * (((int)Rint(Math.Abs(v) * 15) >> p) & 1) * (float)(1 << p) / 15)];
                double pulse = conversion == InputSliceConversion.Accumulated ? 1 : (1 << p) / 15.0;
                float[] sums = Spec(chip, weights).Run(part, Cases.Stepwise);
                for (int i = 0; i < y.Length; i++)
                {
                    double sum = sums[i] / FullScale / pulse;
                    theirs[i] += pulse * MidRise(sum * OnRange, 8, 3) / OnRange * FullScale;
                    exact[i] += pulse * Math.Clamp(Rint(sum / Lsb), -127, 127) * Lsb * FullScale;
                }

                weightSum += pulse;
            }

            Cases.AssertClose(y, [.. theirs.Select(v => (float)v)], Tolerance, "their converter on our sums");
            var converted = chip with { Tile = chip.Tile with { Adc = chip.Tile.Adc with { Bits = 8, Range = AdcRange.Fixed, Bound = 3 / OnRange } } };
            foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
            {
                float[] ours = Spec(converted, weights).Run(x, options);
                Cases.AssertClose(exact, ours, Tolerance, "our converter");
                Assert.All(Enumerable.Range(0, y.Length), i => Assert.InRange(Math.Abs(ours[i] - y[i]), 0, weightSum * FullScale * 3 / OnRange * ((0.5 / 127) + (1.0 / 255))));
            }
        }
    }

    private static void AssertEqual(string name, ChipDescription chip, Func<LayerSpec, LayerSpec>? change = null)
    {
        if (Open() is not { } file)
        {
            return;
        }

        using (file)
        {
            var (weights, x, y) = Read(file, name);
            var spec = Spec(chip, weights);
            spec = change is null ? spec : change(spec);
            Cases.AssertClose(y, spec.Run(x, Cases.Stepwise), Tolerance, $"{name}, stepwise");
            Cases.AssertClose(y, spec.Run(x, Cases.Fast), Tolerance, $"{name}, fast");
        }
    }

    private static JsonDocument Open() => Shared.OpenConformance("crosssim.json");

    /// <summary>Weights K x N, inputs batch x K, results batch x N: ours; the file has all transposed.</summary>
    private static (float[] Weights, float[] X, double[] Y) Read(JsonDocument file, string name)
    {
        var root = file.RootElement;
        var found = root.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        return (Transposed(root.GetProperty("weights")), Transposed(root.GetProperty("inputs")), [.. TransposedDoubles(found.GetProperty("y"))]);
    }

    private static float[] Transposed(JsonElement matrix) => [.. TransposedDoubles(matrix).Select(v => (float)v)];

    private static IEnumerable<double> TransposedDoubles(JsonElement matrix)
    {
        for (int column = 0; column < matrix[0].GetArrayLength(); column++)
        {
            for (int row = 0; row < matrix.GetArrayLength(); row++)
            {
                yield return matrix[row][column].GetDouble();
            }
        }
    }

    private static LayerSpec Spec(ChipDescription chip, float[] weights) => new(chip, Inputs, Outputs) { Weights = weights };

    private static ChipDescription Analog(Func<TileDescription, TileDescription> change) => Chips.Analog(t => change(t with
    {
        Cell = t.Cell with { GMinUs = 10, GMaxUs = 100 },
        Weights = t.Weights with { Scale = WeightScale.Matrix },
    }));

    /// <summary>Cells with levels; lossless converters, inputs as they are.</summary>
    private static ChipDescription Levels(SignEncoding sign, int weightBits, int cellBits, Slicing slicing) => Analog(t => t with
    {
        Cell = t.Cell with { Bits = cellBits },
        Encoding = t.Encoding with { Sign = sign, UnitColumn = sign == SignEncoding.OffsetUnitColumn },
        Weights = t.Weights with { Bits = weightBits, Slicing = slicing },
    });

    private static double[] Product(float[] weights, float[] x) => Product([.. weights.Select(w => (double)w)], x);

    private static double[] Product(double[] weights, float[] x)
    {
        double[] y = new double[x.Length / Inputs * Outputs];
        for (int i = 0; i < y.Length; i++)
        {
            for (int k = 0; k < Inputs; k++)
            {
                y[i] += weights[(k * Outputs) + (i % Outputs)] * x[(i / Outputs * Inputs) + k];
            }
        }

        return y;
    }

    /// <summary>CrossSim's QuantizerADC: 2^b - 1 steps from -range to range.</summary>
    private static double MidRise(double value, int bits, double range)
    {
        double steps = (1 << bits) - 1;
        return (Rint((Math.Clamp(value, -range, range) + range) * steps / (2 * range)) * 2 * range / steps) - range;
    }

    private static double Worst(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    private static double Rint(double value) => Math.Round(value, MidpointRounding.ToEven);
}

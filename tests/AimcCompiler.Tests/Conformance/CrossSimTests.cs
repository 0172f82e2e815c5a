using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Conformance;

/// <summary>CrossSim's MVMs of one 6 x 8 matrix (../shared/conformance/crosssim.json) on chips of ours. Its unit of column sums is a cell at g_max, ours
/// one at g_max - g_min: with its on/off ratio of 10, our ranges are its ranges / 0.9. Its Quantizer is mid_rise, its SignMagnitude mid_tread.</summary>
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

    /// <summary>31 steps over [-1, 1] and no zero.</summary>
    [SharedFact]
    public void QuantizerDac() => AssertEqual("dac_quant5_signed", Analog(t => t with { Input = t.Input with { Bits = 5, Codes = ConverterCodes.MidRise } }));

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

    /// <summary>63 steps and no zero code.</summary>
    [SharedTheory]
    [InlineData("adc_QuantizerADC_MAX", 8)]
    [InlineData("adc_QuantizerADC_CALIBRATED", 2)]
    public void QuantizerAdc(string name, double range) => AssertEqual(name, Analog(t => Quantizer(t, 6, range)));

    /// <summary>A calibrated range and a bound are the same number; an ADC whose circuit has no mismatch is the same converter.</summary>
    [SharedTheory]
    [InlineData(AdcStructureKind.Sar, CapacitorLadder.Split)]
    [InlineData(AdcStructureKind.Ramp, CapacitorLadder.Symmetric)]
    [InlineData(AdcStructureKind.Pipeline, null)]
    [InlineData(AdcStructureKind.Cyclic, null)]
    [InlineData(AdcStructureKind.Cco, null)]
    public void AStructureWithoutMismatchIsTheQuantizer(AdcStructureKind kind, CapacitorLadder? ladder) =>
        AssertEqual(
            "adc_QuantizerADC_CALIBRATED",
            Analog(t => t with
            {
                Adc = Quantizer(t, 6, 2).Adc with
                {
                    Range = AdcRange.Calibrated,
                    Bound = null,
                    Structure = new AdcStructure { Kind = kind, Ladder = ladder, CapacitorSigma = null, ComparatorSigma = null, GainDb = null, Compression = null },
                },
            }),
            spec => spec with { AdcRanges = [(float)(2 / OnRange)] });

    /// <summary>3 x 4 tiles, an ADC for each.</summary>
    [SharedFact]
    public void TiledAdcs()
    {
        var chip = Analog(t => Quantizer(t, 6, 2) with { Rows = 3, Columns = 4 });
        using (var file = Open())
        {
            var program = Spec(chip, Read(file, "tiled_adc").Weights).Program();
            Assert.Equal([3, 3, 2], program.Layers[0].Blocks.Where(b => b.ColumnStart == 0).Select(b => b.RowCount));
        }

        AssertEqual("tiled_adc", chip);
    }

    /// <summary>One-bit pulses of 4-bit magnitudes: a conversion each, or one after analog accumulation, whose range is in units of full-scale input as
    /// ours. A pulse of ours counts 2^p of 15, as theirs.</summary>
    [SharedTheory]
    [InlineData("ibit_adc_per_ibit_True", InputSliceConversion.Each)]
    [InlineData("ibit_adc_per_ibit_False", InputSliceConversion.Accumulated)]
    public void InputSlices(string name, InputSliceConversion conversion) =>
        AssertEqual(name, Analog(t => t with
        {
            Input = t.Input with { Bits = 5, Scheme = InputScheme.BitSerial, PulseBits = 1, Management = InputManagement.None },
            Adc = Quantizer(t, 8, 3).Adc with { InputSlices = conversion },
        }));

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

    private static TileDescription Quantizer(TileDescription tile, int bits, double range) =>
        tile with { Adc = tile.Adc with { Bits = bits, Range = AdcRange.Fixed, Bound = range / OnRange, Codes = ConverterCodes.MidRise } };

    private static double Worst(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    private static double Rint(double value) => Math.Round(value, MidpointRounding.ToEven);
}

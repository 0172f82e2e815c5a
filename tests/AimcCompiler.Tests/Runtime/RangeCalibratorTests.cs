using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

public sealed class RangeCalibratorTests
{
    private const int Rows = 12;

    [Fact]
    public void InputScalesAreTheMaximaOfTheData()
    {
        var program = Spec(calibrates: false).Program();
        Assert.False(ProgramRanges.IsComplete(program));
        var complete = RangeCalibrator.Complete(program, [Batch([0.25f, -3.5f]), Batch([2, 1])]);
        Assert.Equal(3.5f, complete.Layers[0].InputScale);
        Assert.Equal("max", complete.Calibration);
        Assert.True(ProgramRanges.IsComplete(complete));
        ProgramVerifier.Verify(complete);
    }

    [Fact]
    public void AnInputScaleThatIsThereStays()
    {
        var program = (Spec(calibrates: true) with { InputScale = 0.5f }).Program();
        var complete = RangeCalibrator.Complete(program, [Batch([0.25f, -3.5f])]);
        Assert.Equal(0.5f, complete.Layers[0].InputScale);
        Assert.Single(complete.Layers[0].AdcRanges.Distinct());
    }

    [Fact]
    public void AnInputQuantileLeavesOutliersOut()
    {
        float[] data = [.. Enumerable.Range(1, 1200).Select(i => i == 600 ? 1000f : i / 1200f)];
        var complete = RangeCalibrator.Complete(Spec(calibrates: false).Program(), [Batch(data)], inputQuantile: 0.99);
        Assert.InRange(complete.Layers[0].InputScale!.Value, 0.98f, 1f);
    }

    /// <summary>The range is the quantile of the column sums, in units of a full-scale cell at full-scale input, and no more than a bucket above it.</summary>
    [Fact]
    public void AnAdcRangeCoversTheQuantileOfTheSums()
    {
        var spec = Spec(calibrates: true) with { InputScale = 1 };
        float[] data = Cases.Floats(5, 400 * Rows);
        var complete = RangeCalibrator.Complete(spec.Program(), [Batch(data)]);
        double[] sums = [.. spec.Run(data, Cases.Ideal).Select(v => Math.Abs((double)v)).Order()];
        double quantile = sums[(int)Math.Ceiling(RangeCalibrator.AdcQuantile * sums.Length) - 1];
        Assert.InRange(complete.Layers[0].AdcRanges[0], quantile * (1 - 1e-6), quantile * (1 + Math.Pow(2, -8)));
        ProgramVerifier.Verify(complete);

        // With the range, the share of conversions that clip is what the quantile leaves out.
        var executor = LayerSpec.Executor(complete, Cases.Fast);
        executor.Run(spec.Batch(data), 400, 0);
        Assert.InRange(executor.Clipped, 0, (long)Math.Ceiling((1 - RangeCalibrator.AdcQuantile) * sums.Length));
    }

    [Theory]
    [InlineData(Subtraction.InArray, InputSliceConversion.Each)]
    [InlineData(Subtraction.AfterConversion, InputSliceConversion.Each)]
    [InlineData(Subtraction.InArray, InputSliceConversion.Accumulated)]
    public void RangesOfSlicesDifferByPowersOfTwoAndCoverThem(Subtraction subtract, InputSliceConversion conversion)
    {
        var chip = Chips.Coded(t => t with
        {
            Encoding = t.Encoding with { Subtract = subtract },
            Weights = t.Weights with { Bits = 8 },
            Input = t.Input with { Management = InputManagement.Constant, DynamicScale = false },
            Adc = t.Adc with { Bits = 8, Range = AdcRange.Calibrated, InputSlices = conversion },
        });
        int[] codes = [.. Cases.Codes(1, Rows * 3, 127).Select(c => c % 24)]; // the top slices are almost empty
        LayerSpec spec = new(chip, Rows, 3) { Codes = codes, InputScale = null };
        float[] data = Cases.Floats(6, 50 * Rows);
        var complete = RangeCalibrator.Complete(spec.Program(), [Batch(data)]);
        var ranges = complete.Layers[0].AdcRanges;
        Assert.Equal(4, ranges.Length);
        Assert.All(ranges, r => Assert.Equal(Math.Round(Math.Log2(ranges.Max() / r)), Math.Log2(ranges.Max() / r), 1e-6));
        Assert.True(ranges.Distinct().Count() > 1);
        ProgramVerifier.Verify(complete);
        var executor = LayerSpec.Executor(complete, Cases.Fast, LayerPath.Tiles);
        executor.Run(spec.Batch(data), 50, 0);
        Assert.InRange(executor.Clipped, 0, 10);
    }

    /// <summary>Noise of the chip does not widen ranges.</summary>
    [Fact]
    public void RangesAreMeasuredWithoutNoise()
    {
        var noisy = Chips.Analog(t => Static(t).With(new GaussianDevice(0.2, 0.2, NoiseScaling.Independent)) with { Noise = t.Noise with { Output = 1, Read = 0.1 } });
        float[] data = Cases.Floats(5, 40 * Rows);
        var quiet = RangeCalibrator.Complete(Spec(calibrates: true).Program(), [Batch(data)]);
        var loud = RangeCalibrator.Complete((Spec(calibrates: true) with { Chip = noisy }).Program(), [Batch(data)]);
        Assert.Equal(quiet.Layers[0].AdcRanges[0], loud.Layers[0].AdcRanges[0]);
    }

    /// <summary>A range is the network's, not that of one broken, warm or mistuned chip.</summary>
    [Fact]
    public void RangesAreMeasuredOnWholeCells()
    {
        float[] data = Cases.Floats(5, 100 * Rows);
        var spec = Spec(calibrates: true);
        var broken = spec.Chip with
        {
            Tile = spec.Chip.Tile with
            {
                Cell = spec.Chip.Tile.Cell with
                {
                    Variation = new VariationDescription { Device = 0.2, Chip = 0.3 },
                    Temperature = new TemperatureDescription { ReferenceK = 250, GlobalPerK = 0.01, StatePerK = null },
                },
                Noise = spec.Chip.Tile.Noise with
                {
                    Faults = new FaultDescription { StuckOff = 0.2, StuckOn = 0.2, StuckAt = null, DeadRows = 0.2, DeadColumns = null, DeadTiles = null },
                },
            },
        };
        var whole = RangeCalibrator.Complete(spec.Program(), [Batch(data)]);
        var calibrated = RangeCalibrator.Complete((spec with { Chip = broken }).Program(), [Batch(data)]);
        Assert.Equal(whole.Layers[0].AdcRanges.AsEnumerable(), calibrated.Layers[0].AdcRanges.AsEnumerable());
        Assert.NotNull(calibrated.Chip.Tile.Noise.Faults);
    }

    [Fact]
    public void CalibrationCanBeCancelled()
    {
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => RangeCalibrator.Complete(Spec(calibrates: true).Program(), [Batch([1])], cancellation: source.Token));
    }

    private static TileDescription Static(TileDescription t) => t with
    {
        Input = t.Input with { Bits = 8, Management = InputManagement.Constant, DynamicScale = false },
        Adc = t.Adc with { Bits = 8, Range = AdcRange.Calibrated },
    };

    private static LayerSpec Spec(bool calibrates)
    {
        var chip = Chips.Analog(t => calibrates ? Static(t) : Static(t) with { Adc = t.Adc });
        return new LayerSpec(chip, Rows, 3) { Contents = Cases.Floats(1, Rows * 3), InputScale = null };
    }

    /// <summary>The data, filled up with zeros to whole vectors.</summary>
    private static Func<IReadOnlyDictionary<string, Tensor>> Batch(float[] data)
    {
        float[] filled = new float[(data.Length + Rows - 1) / Rows * Rows];
        data.CopyTo(filled, 0);
        return () => new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(filled, filled.Length / Rows, Rows) };
    }
}

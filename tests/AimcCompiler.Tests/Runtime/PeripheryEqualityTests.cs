using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Drivers, circuits, converters, I-V curves and sensing: the fast engine has the bits of the stepwise one, and each takes effect.</summary>
public sealed class PeripheryEqualityTests
{
    public static TheoryData<string> Names => [.. All().Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void FastEqualsStepwise(string name)
    {
        var (_, spec, time) = All().Single(c => c.Name == name);
        Assert.True(Chips.IsValid(spec.Chip), string.Join("; ", ChipValidator.Validate(spec.Chip, name).Diagnostics.AsEnumerable().Select(d => $"{d.Where} {d.Message}")));
        float[] x = Input(spec);
        Array.Clear(x, 0, spec.Rows);
        var stepwise = spec.Executor(Cases.Stepwise with { TimeS = time }, LayerPath.Tiles);
        var fast = spec.Executor(Cases.Fast with { TimeS = time }, LayerPath.Tiles);
        Cases.AssertSameBits(stepwise.Run(spec.Batch(x), 9, 5).Floats, fast.Run(spec.Batch(x), 9, 5).Floats, name);
        Assert.Equal(stepwise.Clipped, fast.Clipped);
    }

    /// <summary>Each case differs from the same chip with this one thing off, and leaves the ideal chip alone.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void EachTakesEffectAndNoneOnTheIdealChip(string name)
    {
        var (_, spec, time) = All().Single(c => c.Name == name);
        float[] x = Input(spec);
        var plain = spec with { Chip = spec.Chip with { Tile = Off(spec.Chip.Tile) } };
        Assert.NotEqual(plain.Run(x, Cases.Fast with { TimeS = time }), spec.Run(x, Cases.Fast with { TimeS = time }));
        if (spec.Chip.Tile.Input.Codes == ConverterCodes.MidTread)
        {
            Cases.AssertSameBits(plain.Run(x, Cases.Ideal), spec.Run(x, Cases.Ideal), name);
        }
    }

    /// <summary>A batch of one, other threads: what is drawn for an event does not depend on them.</summary>
    [Theory]
    [InlineData("coded everything each")]
    [InlineData("analog everything each")]
    [InlineData("analog everything accumulated")]
    public void ResultsDoNotDependOnTheBatch(string name)
    {
        var (_, spec, _) = All().Single(c => c.Name == name);
        float[] x = Input(spec);
        float[] whole = spec.Run(x, Cases.Fast with { Threads = 3 });
        for (int m = 0; m < 9; m++)
        {
            float[] alone = spec.Run(x[(m * spec.Rows)..((m + 1) * spec.Rows)], Cases.Fast, firstSample: m);
            Cases.AssertSameBits(alone, whole[(m * spec.Columns)..((m + 1) * spec.Columns)], $"vector {m}");
        }
    }

    private static float[] Input(LayerSpec spec) => Cases.Floats(7, 9 * spec.Rows, spec.Chip.Tile.Input.Sign == InputSign.Unsigned ? 0 : -1);

    private static TileDescription Off(TileDescription t) => t with
    {
        Cell = t.Cell with { Iv = null },
        Input = t.Input with { Codes = ConverterCodes.MidTread, Rounding = ConverterRounding.HalfEven, Noise = null, Asymmetry = null, Errors = null },
        Sensing = Sensing.Current,
        Output = null,
        Adc = t.Adc with { Codes = ConverterCodes.MidTread, Rounding = ConverterRounding.HalfEven, ThermalNoiseLsb = null, Errors = null, Structure = null },
        Noise = t.Noise with { Weight = null },
    };

    private static IEnumerable<(string Name, LayerSpec Spec, double? Time)> All()
    {
        foreach (var (name, change, analog) in Changes())
        {
            LayerSpec coded = new(
                Chips.Coded(t => change(Converted(t.With(new GaussianDevice(0.02, null, NoiseScaling.Independent))) with { Rows = 24, Columns = 40 })), 50, 7)
            {
                Codes = Cases.Codes(3, 350, 7),
            };
            yield return ($"coded {name}", coded, null);
            if (analog)
            {
                var chip = Chips.Analog(t => change(Converted(t.With(new PcmLikeDevice(1, 1, 1))) with { Rows = 24, Columns = 24, Input = t.Input with { Bits = 6 } }));
                yield return ($"analog {name}", new LayerSpec(chip, 50, 7) { Contents = Cases.Floats(4, 350) }, 3600);
            }
        }
    }

    private static TileDescription Converted(TileDescription t) => t with { Adc = t.Adc with { Bits = 6, Range = AdcRange.Max, Bound = null, ColumnsPerAdc = 4 } };

    private static IEnumerable<(string Name, Func<TileDescription, TileDescription> Change, bool Analog)> Changes()
    {
        yield return ("mid-rise ADC", t => t with { Adc = t.Adc with { Codes = ConverterCodes.MidRise } }, true);
        yield return ("mid-rise DAC", t => t with { Input = t.Input with { Codes = ConverterCodes.MidRise, Scheme = InputScheme.MultiLevel, PulseBits = 1 } }, true);
        yield return ("stochastic ADC", t => t with { Adc = t.Adc with { Rounding = ConverterRounding.Stochastic } }, true);
        yield return ("stochastic mid-rise ADC", t => t with { Adc = t.Adc with { Codes = ConverterCodes.MidRise, Rounding = ConverterRounding.Stochastic } }, true);
        yield return ("stochastic DAC", t => t with { Input = t.Input with { Rounding = ConverterRounding.Stochastic } }, true);
        yield return ("thermal noise", t => t with { Adc = t.Adc with { ThermalNoiseLsb = 0.7 }, Noise = t.Noise with { Output = 0.05 } }, true);
        yield return ("input noise", t => t with { Input = t.Input with { Noise = 0.05 } }, true);
        yield return ("input noise on levels", t => t with { Input = t.Input with { Noise = 0.05, Scheme = InputScheme.MultiLevel, PulseBits = 1 } }, true);
        yield return ("input asymmetry", t => t with { Input = t.Input with { Asymmetry = 0.1 } }, true);
        yield return ("driver errors", t => t with { Input = t.Input with { Errors = Errors() } }, true);
        yield return ("driver errors, mid-rise", t => t with { Input = t.Input with { Errors = Errors(), Codes = ConverterCodes.MidRise, Scheme = InputScheme.Pwm, PulseBits = 1 } }, true);
        yield return ("ADC errors", t => t with { Adc = t.Adc with { Errors = Errors() } }, true);
        yield return ("ADC errors, stochastic", t => t with { Adc = t.Adc with { Errors = Errors(), Rounding = ConverterRounding.Stochastic } }, true);
        foreach (var structure in Structures())
        {
            yield return ($"{structure.Kind} {structure.Ladder}", t => t with { Adc = t.Adc with { Codes = ConverterCodes.MidRise, Structure = structure } }, true);
        }

        yield return ("sar with errors", t => t with { Adc = t.Adc with { Codes = ConverterCodes.MidRise, Structure = Structures().First(), Errors = Errors() } }, true);
        yield return ("S-shape", t => t with { Output = None() with { Nonlinearity = 0.3, NonlinearitySpread = 0.2, Asymmetry = 0.05 } }, true);
        yield return ("S-shape without ADC", t => t with { Adc = t.Adc with { Bits = null }, Output = None() with { Nonlinearity = 0.3, NonlinearitySpread = 0.2 } }, true);
        yield return ("current offset", t => t with { Adc = t.Adc with { Bits = 9 }, Output = None() with { VoltageOffset = 0.1, ReferenceWeight = 0.5 } }, true);
        yield return ("series resistance", t => t with { Output = None() with { VoltageOffset = 0.1, ReferenceWeight = 0.5, SeriesResistance = 0.1, SeriesMaximum = 0.5 } }, true);
        yield return ("weight noise", t => t with { Noise = t.Noise with { Weight = new WeightNoise { Kind = WeightNoiseKind.AdditiveConstant, Sigma = 0.1 } } }, true);
        yield return ("weight noise, pcm", t => AfterConversion(t) with { Noise = t.Noise with { Weight = new WeightNoise { Kind = WeightNoiseKind.PcmRead, Sigma = 0.1 } } }, true);
        yield return ("cubic", t => t with { Cell = t.Cell with { Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = 10 } } }, true);
        yield return ("cubic levels", t => Levels(t with { Cell = t.Cell with { Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = 10 } } }), true);
        foreach (var axis in Enum.GetValues<PairAxis>())
        {
            yield return ($"milo {axis}", t => Milo(t) with { Encoding = t.Encoding with { PairAxis = axis } }, false);
            yield return ($"milo levels {axis}", t => Levels(Milo(t) with { Encoding = t.Encoding with { PairAxis = axis } }), false);
        }

        yield return ("milo, one sign", t => Milo(t) with { Input = t.Input with { Sign = InputSign.TwosComplement } }, false);
        yield return ("milo after conversion", t => AfterConversion(Milo(t)), false);
        yield return ("milo unit column", t => Offset(Milo(t)), false);
        yield return ("voltage", t => Voltage(t), true);
        yield return ("voltage after conversion", t => AfterConversion(t) with { Sensing = Sensing.Voltage }, true);
        yield return ("voltage, accumulated", t => Accumulated(Voltage(t)), true);
        yield return ("voltage, lossless", t => Voltage(t) with { Adc = t.Adc with { Bits = null } }, true);
        yield return ("voltage, unit column", t => Offset(t) with { Sensing = Sensing.Voltage }, false);
        foreach (bool accumulates in (bool[])[false, true])
        {
            string how = accumulates ? "accumulated" : "each";
            yield return ($"everything {how}", t => accumulates ? Accumulated(Everything(t)) : Everything(t), true);
            yield return ($"everything with drift compensation {how}", t => (accumulates ? Accumulated(Everything(t)) : Everything(t)) with { DriftCompensation = DriftCompensation.Global }, true);
            yield return ($"everything after conversion {how}", t => AfterConversion(accumulates ? Accumulated(Everything(t)) : Everything(t)), true);
            yield return ($"everything beside a unit column {how}", t => Offset(accumulates ? Accumulated(Everything(t)) : Everything(t)), false);
            yield return ($"everything but currents, voltage {how}", t => Voltage((accumulates ? Accumulated(Everything(t)) : Everything(t)) with { Output = None() with { Nonlinearity = 0.2 }, Cell = t.Cell }), true);
        }

        // Devices with errors, faults, heat and wires behind all of the periphery: a whole chip.
        foreach (var wires in (IrDropDescription[])[IrDropTests.Polynomial(), Nodal()])
        {
            TileDescription Whole(TileDescription t)
            {
                var all = Everything(EngineEqualityTests.Everything(t));
                return all with { Noise = all.Noise with { IrDrop = wires } };
            }

            yield return ($"a whole chip, {wires.Model}", t => Whole(t) with { DriftCompensation = DriftCompensation.Global }, true);
            yield return ($"a whole chip, {wires.Model}, accumulated", t => Accumulated(Whole(t)), true);
            yield return ($"a whole chip, {wires.Model}, after conversion", t => AfterConversion(Whole(t)), true);
            yield return ($"a whole chip, {wires.Model}, amplitudes", t => Levels(Whole(t)), true);
            yield return ($"a whole chip, {wires.Model}, unit column", t => Offset(Whole(t)), false);
        }

        yield return (
            "everything, bounds managed",
            t => Everything(t) with
            {
                Adc = Everything(t).Adc with { Range = AdcRange.Fixed, Bound = 1 },
                Input = Everything(t).Input with { Management = InputManagement.AbsMax, DynamicScale = true, BoundManagement = new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 } },
            },
            true);
    }

    private static TileDescription Everything(TileDescription t) => t with
    {
        Cell = t.Cell with { Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = 2 } },
        Input = t.Input with { Rounding = ConverterRounding.Stochastic, Noise = 0.01, Asymmetry = 0.05, Errors = Errors() },
        Output = None() with { Nonlinearity = 0.1, NonlinearitySpread = 0.1, Asymmetry = 0.05, VoltageOffset = 0.05, ReferenceWeight = 0.3, SeriesResistance = 0.05 },
        Adc = t.Adc with { Codes = ConverterCodes.MidRise, Rounding = ConverterRounding.Stochastic, ThermalNoiseLsb = 0.3, Errors = Errors(), Structure = Structures().First() },
        Noise = t.Noise with { Output = 0.02, Read = 0.01, Weight = new WeightNoise { Kind = WeightNoiseKind.PcmRead, Sigma = 0.02 } },
    };

    private static IrDropDescription Nodal() => new()
    {
        Model = IrDropModel.Nodal,
        Topology = IrDropTopology.RowDriven,
        Interleaved = false,
        WordLineOhm = 20,
        SourceLineOhm = null,
        BitLineOhm = 30,
        DriverOhm = 10,
        SenseOhm = 50,
        Scale = null,
        GRatio = null,
    };

    private static TileDescription Accumulated(TileDescription t) => t with { Adc = t.Adc with { InputSlices = InputSliceConversion.Accumulated } };

    private static TileDescription AfterConversion(TileDescription t) => t with { Encoding = t.Encoding with { Subtract = Subtraction.AfterConversion } };

    private static TileDescription Voltage(TileDescription t) => t with { Sensing = Sensing.Voltage, Encoding = t.Encoding with { PairAxis = PairAxis.Rows } };

    private static TileDescription Levels(TileDescription t) => t with { Input = t.Input with { Scheme = InputScheme.MultiLevel, PulseBits = 1 } };

    private static TileDescription Offset(TileDescription t) => t with
    {
        Encoding = t.Encoding with { Sign = SignEncoding.OffsetUnitColumn, UnitColumn = true, PairAxis = PairAxis.Cell, Flip = true },
        Weights = t.Weights with { Slicing = Slicing.Unsigned },
    };

    private static TileDescription Milo(TileDescription t) =>
        t with { Adc = t.Adc with { Bits = 10 }, Cell = t.Cell with { GMinUs = 50, GMaxUs = 225, ReadVoltageV = 0.4, Iv = new IvDescription { Kind = IvKind.Milo, CubicPerV2 = null } } };

    private static OutputDescription None() => new()
    {
        Nonlinearity = null,
        NonlinearitySpread = null,
        Asymmetry = null,
        VoltageOffset = null,
        ReferenceWeight = null,
        SeriesResistance = null,
        SeriesMaximum = null,
    };

    private static ConverterErrors Errors() => new() { OffsetLsb = 0.5, GainLsb = 1, InlLsb = 0.7, DnlLsb = 0.3 };

    private static IEnumerable<AdcStructure> Structures()
    {
        foreach (var ladder in Enum.GetValues<CapacitorLadder>())
        {
            yield return new AdcStructure { Kind = AdcStructureKind.Sar, Ladder = ladder, CapacitorSigma = 0.2, ComparatorSigma = 0.05, GainDb = 30, Compression = null };
            yield return new AdcStructure { Kind = AdcStructureKind.Ramp, Ladder = ladder, CapacitorSigma = 0.2, ComparatorSigma = 0.05, GainDb = 30, Compression = null };
        }

        yield return new AdcStructure { Kind = AdcStructureKind.Pipeline, Ladder = null, CapacitorSigma = 0.2, ComparatorSigma = 0.05, GainDb = 30, Compression = null };
        yield return new AdcStructure { Kind = AdcStructureKind.Cyclic, Ladder = null, CapacitorSigma = 0.2, ComparatorSigma = 0.05, GainDb = 30, Compression = null };
        yield return new AdcStructure { Kind = AdcStructureKind.Cco, Ladder = null, CapacitorSigma = null, ComparatorSigma = null, GainDb = null, Compression = 0.2 };
    }
}

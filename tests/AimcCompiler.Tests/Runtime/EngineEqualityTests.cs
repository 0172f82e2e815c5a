using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The fast engine has the bits of the stepwise one, whatever is noisy.</summary>
public sealed class EngineEqualityTests
{
    private static readonly GaussianDevice s_gaussian = new(0.02, 0.01, NoiseScaling.Independent);

    public static TheoryData<string> Names => [.. Noisy().Select(c => c.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void FastEqualsStepwise(string name)
    {
        var (_, spec, time) = Noisy().Single(c => c.Name == name);
        float[] x = Cases.Floats(7, 9 * spec.Groups * spec.Rows, spec.Chip.Tile.Input.Sign == InputSign.Unsigned ? 0 : -1);
        Array.Clear(x, 0, spec.Groups * spec.Rows);
        var stepwise = spec.Executor(Cases.Stepwise with { TimeS = time }, LayerPath.Tiles);
        var fast = spec.Executor(Cases.Fast with { TimeS = time }, LayerPath.Tiles);
        Cases.AssertSameBits(stepwise.Run(spec.Batch(x), 9, 5).Floats, fast.Run(spec.Batch(x), 9, 5).Floats, name);
        Assert.Equal(stepwise.Clipped, fast.Clipped);
    }

    /// <summary>Layers of more columns than a register has, on several column blocks, and more vectors than a register tile.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void FastEqualsStepwiseInWideLayers(string name)
    {
        var (_, spec, time) = Noisy().Single(c => c.Name == name);
        const int Columns = 37;
        const int Vectors = 14;
        int count = spec.Groups * spec.Rows * Columns;
        var wide = spec with
        {
            Columns = Columns,
            Codes = spec.Codes is null ? null : Cases.Codes(3, count, 7),
            Contents = spec.Contents is null ? null : Cases.Floats(4, count),
            OutputShape = spec.Groups == 1 ? spec.OutputShape : [-1, spec.Groups * Columns, 1],
        };
        float[] x = Cases.Floats(7, Vectors * wide.Groups * wide.Rows, spec.Chip.Tile.Input.Sign == InputSign.Unsigned ? 0 : -1);
        var stepwise = wide.Executor(Cases.Stepwise with { TimeS = time }, LayerPath.Tiles);
        var fast = wide.Executor(Cases.Fast with { TimeS = time }, LayerPath.Tiles);
        Cases.AssertSameBits(stepwise.Run(wide.Batch(x), Vectors, 5).Floats, fast.Run(wide.Batch(x), Vectors, 5).Floats, name);
        Assert.Equal(stepwise.Clipped, fast.Clipped);
    }

    /// <summary>The cases do what their names say: each differs from the same chip without noise.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void NoiseTakesEffect(string name)
    {
        var (_, spec, time) = Noisy().Single(c => c.Name == name);
        float[] x = Cases.Floats(7, 9 * spec.Groups * spec.Rows);
        Assert.NotEqual(spec.Run(x, Cases.Ideal), spec.Run(x, Cases.Fast with { TimeS = time }));
    }

    /// <summary>Accumulated pulses have one conversion, of the unit column too: y = lsb rint(sum x level / lsb) - 8 unit_lsb rint(sum x / unit_lsb).</summary>
    [Theory]
    [InlineData(EngineKind.Stepwise)]
    [InlineData(EngineKind.Fast)]
    public void TheUnitColumnsChargeIsConvertedOnce(EngineKind engine)
    {
        const int Rows = 30;
        var chip = Chips.Coded(t => Offset(t, false, AdcRange.Max, accumulates: true, unit: true) with
        {
            Rows = 32,
            Cell = t.Cell with { Bits = 4 },
            Weights = t.Weights with { Slicing = Slicing.None },
        });
        LayerSpec spec = new(chip, Rows, 2) { Codes = Cases.Codes(4, 2 * Rows, 7) };
        float[] x = [.. Cases.Floats(5, Rows), .. Cases.Floats(6, Rows, 0.2f), .. Cases.Floats(7, Rows, -1, -0.3f)];
        float[] y = spec.Run(x, Cases.Fast with { Engine = engine }, LayerPath.Tiles);
        const float Lsb = 32 * 15 * 7 / 31f;
        const float UnitLsb = 32 * 7 / 31f;
        for (int i = 0; i < y.Length; i++)
        {
            float[] vector = x[(i / 2 * Rows)..((i / 2 * Rows) + Rows)];
            float scale = vector.Max(Math.Abs);
            float[] codes = [.. vector.Select(v => MathF.Round(v / scale * 7, MidpointRounding.ToEven))];
            float sum = codes.Select((c, r) => c * (spec.Codes![(r * 2) + (i % 2)] + 8)).Sum();
            double expected = (Lsb * (double)MathF.Round(sum / Lsb)) - (8 * (double)UnitLsb * MathF.Round(codes.Sum() / UnitLsb));
            Assert.Equal(expected * scale / 49, y[i], 1e-5);
        }
    }

    /// <summary>offset_digital adds the inputs digitally, whatever stands beside the array.</summary>
    [Fact]
    public void ADigitalOffsetReadsNoUnitColumn()
    {
        var without = Chips.Coded(t => Offset(t, false, AdcRange.Max, accumulates: false, unit: false).With(s_gaussian));
        var with = without with { Tile = without.Tile with { Encoding = without.Tile.Encoding with { UnitColumn = true } } };
        LayerSpec spec = new(without, 20, 3) { Codes = Cases.Codes(4, 60, 7) };
        float[] x = Cases.Floats(5, 100);
        Assert.Equal(spec.Run(x, Cases.Fast), (spec with { Chip = with }).Run(x, Cases.Fast));
    }

    private static IEnumerable<(string Name, LayerSpec Spec, double? Time)> Noisy()
    {
        foreach (var (name, change, _) in Changes())
        {
            LayerSpec coded = new(Chips.Coded(t => change(t.With(s_gaussian)) with { Rows = 24, Columns = 40 }), 50, 7) { Codes = Cases.Codes(3, 350, 7), AdcRanges = Ranges(change, 2) };
            Assert.True(Chips.IsValid(coded.Chip), name);
            yield return ($"coded {name}", coded, null);
        }

        foreach (var (name, change, _) in Changes().Where(c => c.Analog))
        {
            foreach (double? time in (double?[])[null, 0, 3600, 31536000])
            {
                var chip = Chips.Analog(t => change(t.With(new PcmLikeDevice(1, 1, 1)) with { Rows = 24, Columns = 24, Input = t.Input with { Bits = 6 } }));
                yield return ($"pcm {name} {time}", new LayerSpec(chip, 50, 7) { Contents = Cases.Floats(4, 350), AdcRanges = Ranges(change, 1) }, time);
            }
        }

        foreach (double? time in (double?[])[null, 3600])
        {
            var chip = Chips.Analog(t => Everything(t.With(new PcmLikeDevice(1, 1, 1))) with { Rows = 24, Columns = 24, Input = t.Input with { Bits = 6 } });
            chip = chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Significance = [1, 2, 4] }, Noise = chip.Tile.Noise with { Read = 0.02 } } };
            Assert.True(Chips.IsValid(chip));
            yield return ($"several pairs {time}", new LayerSpec(chip, 50, 7) { Contents = Cases.Floats(4, 350) }, time);
        }

        foreach (var packing in (DepthwisePolicy[])[DepthwisePolicy.Packed, DepthwisePolicy.Dense])
        {
            var chip = Chips.Coded(t => t.With(s_gaussian) with { Adc = t.Adc with { Bits = 5 }, Noise = t.Noise with { Output = 0.05 } });
            yield return ($"{packing} groups", new LayerSpec(chip, 6, 2) { Codes = Cases.Codes(3, 36, 7), Scales = [1] }.Grouped(3, packing), null);
            foreach (var (name, change, _) in Wires().Where(w => w.Analog && !w.Name.Contains("bound", StringComparison.Ordinal)))
            {
                var wired = chip with { Tile = change(chip.Tile) };
                yield return ($"{packing} groups, {name}", new LayerSpec(wired, 6, 2) { Codes = Cases.Codes(3, 36, 7), Scales = [1] }.Grouped(3, packing), null);
            }
        }
    }

    private static System.Collections.Immutable.ImmutableArray<float> Ranges(Func<TileDescription, TileDescription> change, int slices) =>
        change(Chips.Coded(t => t).Tile).Adc.Range == AdcRange.Calibrated ? slices == 1 ? [4f] : [4f, 8f] : [];

    internal static IEnumerable<(string Name, Func<TileDescription, TileDescription> Change, bool Analog)> Changes()
    {
        yield return ("lossless", t => t, true);
        yield return ("output noise", t => t with { Noise = t.Noise with { Output = 0.1 } }, true);
        yield return ("read noise of the chip", t => t with { Noise = t.Noise with { Read = 0.03 } }, true);
        foreach (int bits in (int[])[4, 6, 8])
        {
            yield return ($"max {bits}", t => t with { Adc = t.Adc with { Bits = bits, Range = AdcRange.Max }, Noise = t.Noise with { Output = 0.05 } }, true);
            yield return ($"fixed {bits}", t => t with { Adc = t.Adc with { Bits = bits, Range = AdcRange.Fixed, Bound = 3 } }, true);
            yield return ($"calibrated {bits}", t => t with { Adc = t.Adc with { Bits = bits, Range = AdcRange.Calibrated } }, true);
            yield return ($"granular {bits}", t => t with { Adc = t.Adc with { Bits = bits, Range = AdcRange.Granular } }, false);
        }

        yield return ("bound management", t => Managed(t, 6), true);
        yield return ("bound management, drift compensation", t => Managed(t, 6) with { DriftCompensation = DriftCompensation.Global }, true);
        yield return ("drift compensation", t => t with { DriftCompensation = DriftCompensation.Global, Noise = t.Noise with { Output = 0.05 } }, true);
        yield return ("after conversion", t => AfterConversion(t), true);
        yield return ("after conversion, accumulated", t => Accumulated(AfterConversion(t)), true);
        yield return ("accumulated", t => Accumulated(t with { Adc = t.Adc with { Bits = 7, Range = AdcRange.Max } }), true);
        yield return ("pairs in rows", t => t with { Encoding = t.Encoding with { PairAxis = PairAxis.Rows }, Noise = t.Noise with { Output = 0.05 } }, true);
        yield return ("two-sided", t => t with { Encoding = t.Encoding with { Sign = SignEncoding.DifferentialTwoSided } }, true);
        yield return ("two's complement input", t => Serial(t, InputSign.TwosComplement, 1), false);
        yield return ("two-phase input", t => Serial(t, InputSign.TwoPhase, 2), false);
        yield return ("unsigned input", t => Serial(t, InputSign.Unsigned, 1), false);
        foreach (bool flip in (bool[])[false, true])
        {
            foreach (var range in (AdcRange?[])[null, AdcRange.Max, AdcRange.Granular])
            {
                foreach (bool accumulates in (bool[])[false, true])
                {
                    foreach (bool unit in (bool[])[false, true])
                    {
                        yield return ($"offset flip={flip} {range} accumulated={accumulates} unit={unit}", t => Offset(t, flip, range, accumulates, unit), false);
                    }
                }
            }
        }

        foreach (var (name, change, analog) in Wires())
        {
            yield return (name, change, analog);
        }

        yield return ("write-verify", t => t with { Cell = t.Cell with { Programming = s_verify } }, true);
        yield return ("variation", t => t with { Cell = t.Cell with { Variation = new VariationDescription { Device = 0.05, Chip = 0.03 } } }, true);
        yield return ("hot", t => Hot(t), true);
        yield return ("hot, drift compensation", t => Hot(t) with { DriftCompensation = DriftCompensation.Global, Noise = Hot(t).Noise with { Output = 0.05 } }, true);
        foreach (var axis in Enum.GetValues<PairAxis>())
        {
            yield return ($"faults, pairs in {axis}", t => Broken(t) with { Encoding = t.Encoding with { PairAxis = axis }, Adc = t.Adc with { Bits = 6, Range = AdcRange.Max } }, true);
        }

        yield return ("everything, after conversion", t => Everything(AfterConversion(t)), true);
        yield return ("everything, unit column", t => Everything(Offset(t, true, AdcRange.Max, accumulates: false, unit: true)) with { Noise = Everything(t).Noise with { Read = 0.02 } }, false);
        yield return ("analog offset", t => t with { Encoding = t.Encoding with { Sign = SignEncoding.OffsetUnitColumn, UnitColumn = true, PairAxis = PairAxis.Cell }, Weights = t.Weights with { Slicing = t.Weights.Bits is null ? Slicing.None : Slicing.Unsigned } }, true);
    }

    private static readonly ProgrammingDescription s_verify =
        new() { Method = ProgrammingMethod.WriteVerify, ToleranceUs = null, ToleranceFraction = 0.02, MaxPulses = 4, PulseNs = null, PulsePj = null };

    private static TileDescription Hot(TileDescription t) => t with
    {
        Cell = t.Cell with { Temperature = new TemperatureDescription { ReferenceK = 300, GlobalPerK = 0.002, StatePerK = -0.003 } },
        Noise = t.Noise with { TemperatureK = 340 },
    };

    private static TileDescription Broken(TileDescription t) => t with
    {
        Noise = t.Noise with
        {
            Faults = new FaultDescription
            {
                StuckOff = 0.05,
                StuckOn = 0.03,
                StuckAt = new StuckAtDescription { Fraction = 0.02, ConductanceUs = 9 },
                DeadRows = 0.1,
                DeadColumns = 0.1,
                DeadTiles = 0.1,
            },
        },
    };

    /// <summary>Everything that can be with cells.</summary>
    internal static TileDescription Everything(TileDescription t)
    {
        var all = Broken(Hot(t));
        return all with { Cell = all.Cell with { Programming = s_verify, Variation = new VariationDescription { Device = 0.05, Chip = 0.03 } } };
    }

    /// <summary>Wires with every other effect: noisy reads, two conversions, accumulated charge, unit column and flip, bound management.</summary>
    private static IEnumerable<(string Name, Func<TileDescription, TileDescription> Change, bool Analog)> Wires()
    {
        var nodal = new IrDropDescription
        {
            Model = IrDropModel.Nodal,
            Topology = IrDropTopology.RowDriven,
            Interleaved = true,
            WordLineOhm = 20,
            SourceLineOhm = null,
            BitLineOhm = 30,
            DriverOhm = null,
            SenseOhm = 50,
            Scale = null,
            GRatio = null,
        };
        var gated = nodal with { Topology = IrDropTopology.SourceLine, WordLineOhm = null, SourceLineOhm = 20 };
        foreach (var (name, wires) in ((string, IrDropDescription)[])[("nodal", nodal), ("polynomial", IrDropTests.Polynomial()), ("gated", gated)])
        {
            TileDescription On(TileDescription t) => t with
            {
                Noise = t.Noise with { IrDrop = wires with { Interleaved = wires.Interleaved is null ? null : t.Encoding is not { PairAxis: PairAxis.Cell, Subtract: Subtraction.AfterConversion } } },
                Input = wires != gated ? t.Input : t.Input with { Bits = 4, Scheme = InputScheme.BitSerial, PulseBits = 1 },
            };
            bool analog = wires != gated;
            foreach (var axis in Enum.GetValues<PairAxis>())
            {
                yield return ($"{name}, {axis}", t => On(t with { Encoding = t.Encoding with { PairAxis = axis } }), analog);
                yield return ($"{name}, {axis}, after conversion", t => On(AfterConversion(t with { Encoding = t.Encoding with { PairAxis = axis } })), analog);
            }

            yield return ($"{name}, accumulated, noisy", t => On(Accumulated(AfterConversion(t))), analog);
            yield return ($"{name}, bound management, noisy", t => On(Managed(t, 6) with { DriftCompensation = DriftCompensation.Global }), analog);
            foreach (bool accumulates in (bool[])[false, true])
            {
                yield return ($"{name}, unit column and flip, accumulated={accumulates}", t => On(Offset(t, true, AdcRange.Max, accumulates, true)), false);
            }
        }
    }

    private static TileDescription Managed(TileDescription t, int bits) => t with
    {
        Adc = t.Adc with { Bits = bits, Range = AdcRange.Fixed, Bound = 1 },
        Noise = t.Noise with { Output = 0.05 },
        Input = t.Input with
        {
            Management = InputManagement.AbsMax,
            DynamicScale = true,
            BoundManagement = new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 },
        },
    };

    private static TileDescription AfterConversion(TileDescription t) => t with
    {
        Encoding = t.Encoding with { Subtract = Subtraction.AfterConversion },
        Adc = t.Adc with { Bits = 6, Range = AdcRange.Max },
        Noise = t.Noise with { Output = 0.05 },
    };

    private static TileDescription Accumulated(TileDescription t) => t with
    {
        Adc = t.Adc with { InputSlices = InputSliceConversion.Accumulated },
        Noise = t.Noise with { Output = 0.02, Read = 0.02 },
    };

    private static TileDescription Serial(TileDescription t, InputSign sign, int pulseBits) => t with
    {
        Input = t.Input with { Scheme = InputScheme.BitSerial, Sign = sign, PulseBits = pulseBits },
        Adc = t.Adc with { Bits = 6, Range = AdcRange.Max },
    };

    private static TileDescription Offset(TileDescription t, bool flip, AdcRange? range, bool accumulates, bool unit) => t with
    {
        Encoding = new EncodingDescription
        {
            Sign = unit ? SignEncoding.OffsetUnitColumn : SignEncoding.OffsetDigital,
            Subtract = Subtraction.InArray,
            PairAxis = PairAxis.Cell,
            UnitColumn = unit,
            Flip = flip,
        },
        Weights = t.Weights with { Slicing = Slicing.Unsigned },
        Input = t.Input with { Sign = InputSign.TwosComplement },
        Adc = t.Adc with
        {
            Bits = range is null ? null : 6,
            Range = range ?? AdcRange.Max,
            InputSlices = accumulates ? InputSliceConversion.Accumulated : InputSliceConversion.Each,
        },
    };
}

using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Drivers, circuits, I-V curves and sensing against closed forms; random ones by their moments at 100,000 draws within four standard errors.</summary>
public sealed class PeripheryTests
{
    private const double StandardErrors = 4;
    private const int Draws = 100_000;
    private const int Rows = 5;

    private static readonly float[] s_weights = [0.9f, -0.5f, 0.3f, -1, 0.7f];

    private static readonly float[] s_input = [0.5f, 0.25f, -0.75f, 1, 0];

    private static readonly OutputDescription s_wire = new()
    {
        Nonlinearity = null,
        NonlinearitySpread = null,
        Asymmetry = null,
        VoltageOffset = null,
        ReferenceWeight = null,
        SeriesResistance = null,
        SeriesMaximum = null,
    };

    /// <summary>aihwkit's inp_noise: sigma_y^2 = s^2 sum w^2, where levels are driven; a row without a pulse has none.</summary>
    [Theory]
    [InlineData(InputScheme.MultiLevel, 5)]
    [InlineData(InputScheme.Pwm, 4)]
    public void InputNoise(InputScheme scheme, int driven)
    {
        const double Sigma = 0.02;
        LayerSpec spec = Layer(t => t with { Input = t.Input with { Scheme = scheme, Noise = Sigma } });
        AssertMoments(Product(), s_weights[..driven].Sum(w => Sigma * Sigma * w * w), Reads(spec));
    }

    /// <summary>Every pulse has its own noise, and counts as its pulse does.</summary>
    [Fact]
    public void InputNoiseOfPulses()
    {
        const double Sigma = 0.02;
        LayerSpec spec = Layer(t => t with { Input = t.Input with { Bits = 4, Scheme = InputScheme.BitSerial, Noise = Sigma } });
        double mean = 0;
        double variance = 0;
        for (int r = 0; r < Rows; r++)
        {
            int code = (int)Math.Round(s_input[r] * 7.0, MidpointRounding.ToEven);
            mean += code / 7.0 * s_weights[r];
            variance += Enumerable.Range(0, 3).Sum(p => ((Math.Abs(code) >> p) & 1) * Math.Pow((1 << p) / 7.0 * Sigma * s_weights[r], 2));
        }

        AssertMoments(mean, variance, Reads(spec));
    }

    /// <summary>Noise of one row is in all its columns: outputs of equal weights are equal.</summary>
    [Fact]
    public void ColumnsShareTheNoiseOfARow()
    {
        LayerSpec spec = Layer(t => t with { Input = t.Input with { Noise = 0.1 } }) with { Columns = 2, Contents = [.. s_weights.SelectMany(w => (float[])[w, w])] };
        float[] y = spec.Run(Repeat(100), Cases.Fast);
        for (int i = 0; i < y.Length; i += 2)
        {
            Assert.Equal(y[i], y[i + 1]);
        }

        Assert.True(y.Distinct().Count() > 90);
    }

    /// <summary>sigma_y = s |x|, and s sqrt(sum |w| x^2).</summary>
    [Theory]
    [InlineData(WeightNoiseKind.AdditiveConstant)]
    [InlineData(WeightNoiseKind.PcmRead)]
    public void WeightNoiseAtTheOutput(WeightNoiseKind kind)
    {
        const double Sigma = 0.0175;
        LayerSpec spec = Layer(t => t with { Noise = t.Noise with { Weight = new WeightNoise { Kind = kind, Sigma = Sigma } } });
        double sum = s_input.Zip(s_weights, (x, w) => (kind == WeightNoiseKind.PcmRead ? Math.Abs(w) : 1) * (double)x * x).Sum();
        AssertMoments(Product(), Sigma * Sigma * sum, Reads(spec));
    }

    /// <summary>The ADC's own noise adds to the output's in quadrature, in LSB; the converter itself is fine enough not to matter.</summary>
    [Fact]
    public void ThermalNoiseAddsToOutputNoise()
    {
        LayerSpec spec = Layer(t => t with
        {
            Adc = t.Adc with { Bits = 20, Range = AdcRange.Fixed, Bound = 4, ThermalNoiseLsb = 2000 },
            Noise = t.Noise with { Output = 0.01 },
        });
        double lsb = 4.0 / ((1 << 19) - 1);
        AssertMoments(Product(), Math.Pow(2000 * lsb, 2) + 1e-4, Reads(spec), slack: lsb);
    }

    /// <summary>A stochastic ADC has the mean of the exact sum and the variance f (1 - f) of a Bernoulli step.</summary>
    [Theory]
    [InlineData(ConverterCodes.MidTread)]
    [InlineData(ConverterCodes.MidRise)]
    public void AStochasticAdcIsUnbiased(ConverterCodes codes)
    {
        LayerSpec spec = Layer(t => t with { Adc = t.Adc with { Bits = 5, Range = AdcRange.Fixed, Bound = 2, Rounding = ConverterRounding.Stochastic, Codes = codes } });
        double lsb = 2.0 / (codes == ConverterCodes.MidRise ? 15.5 : 15);
        double place = (Product() / lsb) - (codes == ConverterCodes.MidRise ? 0.5 : 0);
        double fraction = place - Math.Floor(place);
        float[] y = Reads(spec);
        double variance = lsb * lsb * fraction * (1 - fraction);
        Assert.Equal(2, y.Distinct().Count());
        double mean = y.Average(v => (double)v);
        Assert.InRange(Math.Abs(mean - Product()), 0, (StandardErrors * Math.Sqrt(variance / Draws)) + 1e-6);
        Assert.Equal(variance, y.Average(v => (v - mean) * (v - mean)), 0.02 * variance);
    }

    /// <summary>A stochastic DAC: each row's code has the mean of its input.</summary>
    [Fact]
    public void AStochasticDacIsUnbiased()
    {
        LayerSpec spec = Layer(t => t with { Input = t.Input with { Bits = 4, Rounding = ConverterRounding.Stochastic } });
        double variance = s_input.Zip(s_weights, (x, w) =>
        {
            double fraction = (x * 7) - Math.Floor(x * 7);
            return fraction * (1 - fraction) * w * w / 49;
        }).Sum();
        AssertMoments(Product(), variance, Reads(spec), normal: false);
    }

    /// <summary>n reaches its value at full scale: the bound, or one full-scale cell.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(3.0)]
    public void TheSShape(double? bound)
    {
        LayerSpec spec = Layer(t => t with
        {
            Adc = t.Adc with { Bits = bound is null ? null : 22, Range = bound is null ? AdcRange.Max : AdcRange.Fixed, Bound = bound },
            Output = s_wire with { Nonlinearity = 0.4, Asymmetry = 0.1 },
        });
        double y = Product();
        Assert.Equal(y < 0, Math.Sign(y) < 0);
        double bent = y / (1 + (0.4 / (bound ?? 1) * Math.Abs(y)));
        Assert.Equal(bent * (y < 0 ? 0.9 : 1), spec.Run(s_input, Cases.Fast)[0], 1e-5);
        Assert.Equal(-bent * (y < 0 ? 1 : 0.9), spec.Run([.. s_input.Select(v => -v)], Cases.Fast)[0], 1e-5);
    }

    /// <summary>The spread of the S-shape over columns of a chip and over chips; held for all reads.</summary>
    [Fact]
    public void TheSShapeSpreadsOverColumns()
    {
        const int Columns = 256;
        LayerSpec spec = Layer(t => t with { Output = s_wire with { Nonlinearity = 0.4, NonlinearitySpread = 0.1 } }) with
        {
            Columns = Columns,
            Contents = [.. s_weights.SelectMany(w => Enumerable.Repeat(w, Columns))],
        };
        double y = Product();
        double[] n = [.. Enumerable.Range(0, 400).SelectMany(i => spec.Run(s_input, Cases.Fast with { Instance = i })).Select(v => ((y / v) - 1) / Math.Abs(y))];
        AssertMoments(0.4, 0.04 * 0.04, [.. n.Select(v => (float)v)], slack: 1e-5);
        float[] twice = spec.Run([.. s_input, .. s_input], Cases.Fast);
        Assert.Equal(twice[..Columns], twice[Columns..]);
    }

    /// <summary>y (1 - v) - 2 v y_ref without series resistance; y (1 - v) / (1 + r |y|) without a reference; both, and the limit of r |y|.</summary>
    [Theory]
    [InlineData(0.0, 0.05)]
    [InlineData(0.5, null)]
    [InlineData(0.5, 0.05)]
    [InlineData(0.0, null)]
    public void CurrentsOfAColumn(double referenceWeight, double? series)
    {
        const int Columns = 250;
        const double Sigma = 0.02;
        const double Most = 0.01;
        LayerSpec spec = Layer(t => t with
        {
            Output = s_wire with
            {
                VoltageOffset = Sigma,
                ReferenceWeight = referenceWeight == 0 ? null : referenceWeight,
                SeriesResistance = series,
                SeriesMaximum = series is null ? null : Most,
            },
        }) with
        {
            Columns = Columns,
            Contents = [.. s_weights.SelectMany(w => Enumerable.Repeat(w, Columns))],
        };
        double y = Product();
        double reference = referenceWeight * s_input.Sum();
        double Droop(double current) => current / (1 + Math.Min((series ?? 0) * Math.Abs(current), Most));
        double mean = Droop(y + reference) - Droop(reference);
        double slope = Droop(y + reference) + Droop(reference);
        float[] found = [.. Enumerable.Range(0, 400).SelectMany(i => spec.Run(s_input, Cases.Fast with { Instance = i }))];
        AssertMoments(mean, Math.Pow(Sigma * slope, 2), found, slack: 1e-6);
    }

    /// <summary>I = G (V - c V^3): a factor where every driven cell sees the read voltage, the cube of the input where the voltage is the input.</summary>
    [Theory]
    [InlineData(InputScheme.Pwm)]
    [InlineData(InputScheme.MultiLevel)]
    [InlineData(InputScheme.BitSerial)]
    public void ACubicIv(InputScheme scheme)
    {
        const double PerV2 = 5;
        const double Volts = 0.2;
        LayerSpec spec = Layer(t => t with
        {
            Cell = t.Cell with { ReadVoltageV = Volts, Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = PerV2 } },
            Input = t.Input with { Bits = 9, Scheme = scheme },
        });
        double bend = PerV2 * Volts * Volts;
        double expected = s_input.Zip(s_weights, (v, w) =>
        {
            double x = Math.Round(v * 255.0, MidpointRounding.ToEven) / 255;
            return w * (scheme == InputScheme.MultiLevel ? x - (bend * x * x * x) : x * (1 - bend));
        }).Sum();
        Assert.Equal(expected, spec.Run(s_input, Cases.Stepwise)[0], 1e-5);
    }

    /// <summary>Milo's current, cell by cell, against reference cells at g_min; a pair's halves see one voltage, or opposite ones in rows.</summary>
    [Theory]
    [InlineData(InputScheme.Pwm, PairAxis.Columns)]
    [InlineData(InputScheme.MultiLevel, PairAxis.Columns)]
    [InlineData(InputScheme.Pwm, PairAxis.Rows)]
    [InlineData(InputScheme.MultiLevel, PairAxis.Rows)]
    public void MiloIv(InputScheme scheme, PairAxis axis)
    {
        const double Volts = 0.4;
        LayerSpec spec = Layer(t => t with
        {
            Encoding = t.Encoding with { Sign = SignEncoding.DifferentialTwoSided, PairAxis = axis },
            Cell = t.Cell with { GMinUs = 50, GMaxUs = 225, ReadVoltageV = Volts, Iv = new IvDescription { Kind = IvKind.Milo, CubicPerV2 = null } },
            Input = t.Input with { Bits = 9, Scheme = scheme },
        });
        double sum = 0;
        for (int r = 0; r < Rows; r++)
        {
            double x = Math.Round(s_input[r] * 255.0, MidpointRounding.ToEven) / 255;
            double positive = 50e-6 + (175e-6 * (1 + s_weights[r]) / 2);
            double negative = 50e-6 + (175e-6 * (1 - s_weights[r]) / 2);
            double opposite = axis == PairAxis.Rows ? -1 : 1;
            sum += (Charge(positive, x) - Charge(50e-6, x)) - (opposite * (Charge(negative, opposite * x) - Charge(50e-6, opposite * x)));
        }

        Assert.Equal(sum / 175e-6, spec.Run(s_input, Cases.Stepwise)[0], 1e-4);
        Assert.InRange(Math.Abs((sum / 175e-6) - Product()), 0.003, 0.5); // it matters

        // What a row gives in units of G V_read: height x, or |x| of the time.
        double Charge(double g, double x) =>
            scheme == InputScheme.MultiLevel ? Current(g, x * Volts) / Volts : Math.Abs(x) * Current(g, Math.Sign(x) * Volts) / Volts;

        static double Current(double g, double v)
        {
            double l = Math.Log10(g);
            double second = (0.0001388 * l * l * l) + (0.001541 * l * l) + (0.005711 * l) + 0.007063;
            double third = (8.8710e-5 * l * l) + (6.7919e-4 * l) + 1.2968e-3;
            return (g * v) + (second * v * v) + (third * v * v * v);
        }
    }

    /// <summary>NeuRRAM's column: V = sum of (G+ - G-) V_r over the sum of all its conductances, digitised in steps of V_read / 31, multiplied back by the
    /// sum that was programmed for. By hand: G in 10 .. 50 uS, w = 1, -0.5, x = 1, 0.5: (40 - 10) / 100 of V_read, code 9, 9 / 31 x 100 / 40.</summary>
    [Fact]
    public void VoltageSensing()
    {
        var chip = Chips.Analog(t => t with
        {
            Cell = t.Cell with { GMinUs = 10, GMaxUs = 50 },
            Encoding = t.Encoding with { Sign = SignEncoding.DifferentialOneSided, PairAxis = PairAxis.Rows },
            Input = t.Input with { Bits = null },
            Sensing = Sensing.Voltage,
            Adc = t.Adc with { Bits = 6, Range = AdcRange.Max },
        });
        LayerSpec spec = new(chip, 2, 1) { Contents = [1, -0.5f] };
        double sum = 50 + 10 + 10 + 30;
        double volts = ((40 * 1) - (20 * 0.5)) / sum;
        double code = Math.Round(volts * 31, MidpointRounding.ToEven);
        Assert.Equal(9, code);
        foreach (var options in (SimulationOptions[])[Cases.Stepwise, Cases.Fast])
        {
            Assert.Equal(code / 31 * sum / 40, spec.Run([1, 0.5f], options)[0], 1e-6);
        }

        // Without converter it is the product; and a column that is the only one driven to one side reads all of V_read.
        var lossless = chip with { Tile = chip.Tile with { Adc = chip.Tile.Adc with { Bits = null } } };
        Assert.Equal(0.75, (spec with { Chip = lossless }).Run([1, 0.5f], Cases.Fast)[0], 1e-6);
    }

    /// <summary>A column that drifts as a whole has the same open-circuit voltage: what all its cells lose takes nothing off.</summary>
    [Fact]
    public void UniformDriftDoesNotReachASensedVoltage()
    {
        DeviceTableRow[] rows = [.. ((double[])[0, 25]).SelectMany(g => (DeviceTableRow[])[new(g, 1, g, 0, null), new(g, 1000, g / 2, 0, null)])];
        var current = Chips.Analog(t => t.With(new TableDevice(rows)) with { Encoding = t.Encoding with { PairAxis = PairAxis.Rows } });
        LayerSpec spec = new(current, Rows, 1) { Contents = s_weights };
        LayerSpec voltage = spec with { Chip = current with { Tile = current.Tile with { Sensing = Sensing.Voltage } } };
        Assert.Equal(Product() / 2, spec.Run(s_input, Cases.Fast with { TimeS = 1000 })[0], 1e-5);
        Assert.Equal(Product(), voltage.Run(s_input, Cases.Fast with { TimeS = 1000 })[0], 1e-5);
    }

    /// <summary>Columns of one ADC have its errors, another ADC its own; so has the tile beside, and the next chip. The 4 columns of an ADC hold the same
    /// weight and read the same.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ColumnsShareTheErrorsOfTheirAdc(bool structure)
    {
        const int Columns = 16;
        LayerSpec spec = Layer(t => t with
        {
            Adc = t.Adc with
            {
                Bits = 10,
                Range = AdcRange.Fixed,
                Bound = 2,
                ColumnsPerAdc = 4,
                Codes = ConverterCodes.MidRise,
                Errors = structure ? null : new ConverterErrors { OffsetLsb = 20, GainLsb = null, InlLsb = null, DnlLsb = null },
                Structure = structure
                    ? new AdcStructure { Kind = AdcStructureKind.Sar, Ladder = CapacitorLadder.Binary, CapacitorSigma = 0.5, ComparatorSigma = 0.05, GainDb = null, Compression = null }
                    : null,
            },
        }) with
        {
            Columns = Columns,
            Contents = [.. s_weights.SelectMany(w => Enumerable.Repeat(w, Columns))],
        };
        float[] y = spec.Run(s_input, Cases.Fast);
        for (int c = 0; c < Columns; c++)
        {
            Assert.Equal(y[c / 4 * 4], y[c]);
        }

        Assert.Equal(4, y.Distinct().Count());
        Assert.Empty(y.Intersect((spec with { FirstTile = 1 }).Run(s_input, Cases.Fast)));
        Assert.NotEqual(y, spec.Run(s_input, Cases.Fast with { Instance = 1 }));
        Assert.NotEqual(y, spec.Run(s_input, Cases.Fast with { Seed = 9 }));

        // Moved by one column on the tile, one of every four goes to the next ADC.
        float[] moved = (spec with { TileOffset = 1 }).Run(s_input, Cases.Fast);
        Assert.Equal([y[1], y[2], y[3], y[4]], moved[..4]);
    }

    /// <summary>A ramp is shared, its comparators are the columns' own.</summary>
    [Fact]
    public void ARampHasAComparatorForEachColumn()
    {
        const int Columns = 8;
        LayerSpec spec = Layer(t => t with
        {
            Adc = t.Adc with
            {
                Bits = 10,
                Range = AdcRange.Fixed,
                Bound = 2,
                ColumnsPerAdc = 8,
                Codes = ConverterCodes.MidRise,
                Structure = new AdcStructure { Kind = AdcStructureKind.Ramp, Ladder = CapacitorLadder.Binary, CapacitorSigma = null, ComparatorSigma = 0.05, GainDb = null, Compression = null },
            },
        }) with
        {
            Columns = Columns,
            Contents = [.. s_weights.SelectMany(w => Enumerable.Repeat(w, Columns))],
        };
        Assert.True(spec.Run(s_input, Cases.Fast).Distinct().Count() >= 7);
    }

    /// <summary>The driver of a row has one static error for all reads and columns; offsets are in LSB of the DAC.</summary>
    [Fact]
    public void DriverOffsetsAreHeldByTheRow()
    {
        LayerSpec spec = Layer(t => t with
        {
            Input = t.Input with { Bits = 5, Scheme = InputScheme.MultiLevel, Errors = new ConverterErrors { OffsetLsb = 0.5, GainLsb = null, InlLsb = null, DnlLsb = null } },
        });
        float[] nothing = new float[Rows];
        float atZero = spec.Run(nothing, Cases.Fast)[0];
        float[] full = [1, 1, 1, 1, 1];
        Assert.Equal(s_weights.Sum() + atZero, spec.Run(full, Cases.Fast)[0], 1e-5);
        float[] instances = [.. Enumerable.Range(0, 20_000).Select(i => spec.Run(nothing, Cases.Fast with { Instance = i })[0])];
        AssertMoments(0, s_weights.Sum(w => Math.Pow(0.5 / 15 * w, 2)), instances);
    }

    /// <summary>Where nothing is lost but for one of these, products do not take the shortcut over integers.</summary>
    [Theory]
    [InlineData("noise")]
    [InlineData("asymmetry")]
    [InlineData("errors")]
    [InlineData("rounding")]
    [InlineData("output")]
    [InlineData("weight noise")]
    [InlineData("thermal noise")]
    [InlineData("adc errors")]
    [InlineData("iv")]
    public void NothingIsLostInTheShortcut(string name)
    {
        ConverterErrors errors = new() { OffsetLsb = 0.7, GainLsb = null, InlLsb = null, DnlLsb = null };
        TileDescription Change(TileDescription t) => name switch
        {
            "noise" => t with { Input = t.Input with { Noise = 0.1 } },
            "asymmetry" => t with { Input = t.Input with { Asymmetry = 0.3 } },
            "errors" => t with { Input = t.Input with { Errors = errors } },
            "rounding" => t with { Input = t.Input with { Rounding = ConverterRounding.Stochastic } },
            "output" => t with { Output = s_wire with { Nonlinearity = 3 } },
            "weight noise" => t with { Noise = t.Noise with { Weight = new WeightNoise { Kind = WeightNoiseKind.AdditiveConstant, Sigma = 0.2 } } },
            "thermal noise" => t with { Adc = t.Adc with { ThermalNoiseLsb = 1 } },
            "adc errors" => t with { Adc = t.Adc with { Errors = errors } },
            _ => t with { Cell = t.Cell with { Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = 10 } } },
        };
        ChipDescription Chip(Func<TileDescription, TileDescription> change) => Chips.Coded(t => change(t with { Adc = t.Adc with { Bits = 8 } }));
        LayerSpec clean = new(Chip(t => t), 20, 4) { Codes = Cases.Codes(1, 80, 7) };
        LayerSpec spec = clean with { Chip = Chip(Change) };
        float[] x = Cases.Floats(2, 20 * 9);
        Assert.Equal(LayerPath.Integer, clean.Executor(Cases.Fast).Path);
        Assert.Equal(LayerPath.Tiles, spec.Executor(Cases.Fast).Path);
        Assert.NotEqual(clean.Run(x, Cases.Fast), spec.Run(x, Cases.Fast));
        Assert.Equal(LayerPath.Integer, spec.Executor(Cases.Ideal).Path);
        Cases.AssertSameBits(clean.Run(x, Cases.Ideal), spec.Run(x, Cases.Ideal), "ideal");
    }

    /// <summary>A zero input through mid-rise converters is no zero: half an LSB of the DAC in every row, half an LSB of the ADC at the output.</summary>
    [Fact]
    public void MidRiseConvertersHaveNoZero()
    {
        LayerSpec spec = Layer(t => t with { Input = t.Input with { Bits = 4, Codes = ConverterCodes.MidRise } });
        Assert.Equal(s_weights.Sum() / 15.0, spec.Run(new float[Rows], Cases.Fast)[0], 1e-6);
        LayerSpec adc = Layer(t => t with { Adc = t.Adc with { Bits = 4, Range = AdcRange.Fixed, Bound = 2, Codes = ConverterCodes.MidRise } });
        Assert.Equal(2 / 15.0, adc.Run(new float[Rows], Cases.Fast)[0], 1e-6);
    }

    /// <summary>Ranges are calibrated on what an errorless tile would reach.</summary>
    [Fact]
    public void CalibratedRangesDoNotSeeErrors()
    {
        var clean = Chips.Analog(t => t with { Adc = t.Adc with { Bits = 8, Range = AdcRange.Calibrated }, Input = t.Input with { Bits = 6 } });
        var disturbed = clean with
        {
            Tile = clean.Tile with
            {
                Cell = clean.Tile.Cell with { Iv = new IvDescription { Kind = IvKind.Cubic, CubicPerV2 = 10 } },
                Input = clean.Tile.Input with { Noise = 0.5, Asymmetry = 0.5, Errors = new ConverterErrors { OffsetLsb = 5, GainLsb = 5, InlLsb = 5, DnlLsb = 1 } },
                Output = s_wire with { Nonlinearity = 3, VoltageOffset = 0.5 },
                Adc = clean.Tile.Adc with { ThermalNoiseLsb = 5, Errors = new ConverterErrors { OffsetLsb = 50, GainLsb = 5, InlLsb = 5, DnlLsb = 1 } },
                Noise = clean.Tile.Noise with { Weight = new WeightNoise { Kind = WeightNoiseKind.PcmRead, Sigma = 1 } },
            },
        };
        Assert.Equal(Range(clean), Range(disturbed));

        // A sensed voltage is never beyond the read voltage.
        var voltage = clean with { Tile = clean.Tile with { Sensing = Sensing.Voltage, Encoding = clean.Tile.Encoding with { PairAxis = PairAxis.Rows } } };
        Assert.InRange(Range(voltage), 0.01f, 1);

        static float Range(ChipDescription chip)
        {
            LayerSpec spec = new(chip, 20, 5) { Contents = Cases.Floats(1, 100) };
            float[] x = Cases.Floats(2, 200);
            var program = RangeCalibrator.Complete(spec.Program(), [() => new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(x, 10, 20) }]);
            return program.Layers[0].AdcRanges[0];
        }
    }

    private static LayerSpec Layer(Func<TileDescription, TileDescription> change)
    {
        LayerSpec spec = new(Chips.Analog(t => change(t with { Encoding = t.Encoding with { PairAxis = PairAxis.Cell } })), Rows, 1) { Contents = s_weights };
        Assert.True(Chips.IsValid(spec.Chip), string.Join("; ", ChipValidator.Validate(spec.Chip, "chip").Diagnostics.Select(d => d.ToString())));
        return spec;
    }

    private static double Product() => s_input.Zip(s_weights, (x, w) => x * (double)w).Sum();

    private static float[] Repeat(int count) => [.. Enumerable.Repeat(s_input, count).SelectMany(v => v)];

    private static float[] Reads(LayerSpec spec) => spec.Run(Repeat(Draws), Cases.Fast);

    private static void AssertMoments(double mean, double variance, float[] values, double slack = 1e-6, bool normal = true)
    {
        double average = values.Average(v => (double)v);
        double found = values.Sum(v => (v - average) * (v - average)) / (values.Length - 1);
        Assert.InRange(Math.Abs(average - mean), 0, (StandardErrors * Math.Sqrt(variance / values.Length)) + slack);
        Assert.InRange(Math.Abs(found - variance), 0, (StandardErrors * variance * Math.Sqrt((normal ? 2.0 : 1.0) / values.Length)) + (2 * slack * Math.Sqrt(variance)));
    }
}

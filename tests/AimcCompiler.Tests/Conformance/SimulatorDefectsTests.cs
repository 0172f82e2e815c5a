using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Conformance;

/// <summary>Confirmed defects of other simulators, by their number in simulators.md section 6, that an engine like ours could share.</summary>
public sealed class SimulatorDefectsTests
{
    /// <summary>1: the spread of Wan's RRAM scales with g_max over the 40 uS it was measured at: 2.02 uS at half of 40 uS are 1.264 uS at half of 25 uS.</summary>
    [Theory]
    [InlineData(40, 2.0229375)]
    [InlineData(25, 1.2643359)]
    [InlineData(80, 4.045875)]
    public void WansSpreadScalesWithTheWindow(double gMax, double sigma)
    {
        var device = DeviceModel.Create(Cells.Of(new RramWan2022Device(WanFit.Aihwkit, 1), gMax), null);
        float[] g = new float[1];
        device.Programmed([(float)(gMax / 2)], [1], g);
        Assert.Equal(sigma, g[0] - (gMax / 2), 2e-5);
    }

    /// <summary>2: an acceptance range that was not measured is refused, not taken as another; 2 percent is an order noisier than 0.2 percent.</summary>
    [Theory]
    [InlineData(0.02, false)]
    [InlineData(0.2, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void AnUnknownAcceptanceRangeIsRefused(double percent, bool isTaken)
    {
        var chip = Chips.Analog(t => t with { Cell = t.Cell with { Device = new RramCmoDevice(percent, 1, 1, 1), GMinUs = 9, GMaxUs = 88.2 } });
        Assert.Equal(isTaken, Chips.IsValid(chip));
        if (isTaken)
        {
            float[] g = new float[1];
            DeviceModel.Create(chip.Tile.Cell, null).Programmed([50], [1], g);
            Assert.Equal(percent == 2 ? 0.5757 : 0.05425, g[0] - 50, 1e-4);
        }
    }

    /// <summary>3: coefficients of programming noise go together with the g_max that they were measured at.</summary>
    [Fact]
    public void CoefficientsAndTheirReferenceGoTogether()
    {
        var device = DeviceModel.Create(Cells.Of(new PcmCustomDevice(20, 20, 250e-9, [0.5, 1], null, null), 40), null);
        float[] g = new float[1];
        device.Programmed([20], [1], g);
        Assert.Equal(20 + (2 * (0.5 + 0.5)), g[0], 1e-5);
    }

    /// <summary>3: a PCM just programmed is not an error, and time 0 has no drift (but 1/f noise).</summary>
    [Fact]
    public void PcmCanBeReadAtOnce()
    {
        LayerSpec spec = Pcm(new PcmLikeDevice(1, 1, null), Subtraction.InArray);
        float[] x = Cases.Floats(2, 20);
        Assert.Equal(spec.Run(x, Cases.Fast), spec.Run(x, Cases.Fast with { TimeS = 0 }));
        LayerSpec noisy = Pcm(new PcmLikeDevice(1, 1, 1), Subtraction.InArray);
        Assert.NotEqual(noisy.Run(x, Cases.Fast), noisy.Run(x, Cases.Fast with { TimeS = 0 }));
    }

    /// <summary>4: a pair keeps both its devices, the one at zero included, and its common mode; nothing is renormalised by what was programmed.</summary>
    [Theory]
    [InlineData(Subtraction.AfterConversion)]
    [InlineData(Subtraction.InArray)]
    public void APairKeepsBothDevices(Subtraction subtract)
    {
        LayerSpec spec = Pcm(new PcmLikeDevice(1, 1, 1), subtract);
        var program = spec.Program();
        var device = DeviceModel.Create(spec.Chip.Tile.Cell, null);
        TilePhysics physics = new(program, program.Layers[0], device);
        var options = Cases.Fast with { TimeS = 86400 };
        var block = ProgrammedBlock.Program(physics, program.Layers[0].Blocks[0], options);
        for (int r = 0; r < spec.Rows; r++)
        {
            float[] positive = Conductances(r, 0);
            float[] negative = Conductances(r, 1);
            Assert.Contains(0, Enumerable.Range(0, spec.Columns).Select(c => Math.Min(positive[c], negative[c])).Where(g => g == 0)); // clamped ones
            for (int c = 0; c < spec.Columns; c++)
            {
                int i = (r * spec.Columns) + c;
                if (subtract == Subtraction.AfterConversion)
                {
                    Assert.Equal(positive[c] / 25, block.Positive[0][i], 1e-6);
                    Assert.Equal(negative[c] / 25, block.Negative[0]![i], 1e-6);
                }
                else
                {
                    Assert.Equal((positive[c] - negative[c]) / 25, block.Positive[0][i], 1e-6);
                }
            }
        }

        float[] Conductances(int row, int polarity)
        {
            float[] targets = [.. Enumerable.Range(0, spec.Columns).Select(c => 25 * Math.Max(0, (polarity == 0 ? 1 : -1) * spec.Contents![(row * spec.Columns) + c]))];
            float[] result = new float[targets.Length];
            CellStream stream = new(options.Seed, options.Instance, program.Layers[0].NoiseKey, 0, 0, polarity, 0);
            device.Conductances(targets, options.TimeS, stream, row, 0, result);
            return result;
        }
    }

    /// <summary>5: aihwkit's oscillators are off by half a period for each unit of sum of sign(x) w, and by an offset in proportion to a column's whole
    /// conductance. Ours average to nothing over the places within an LSB, and know of no more than the column's sum.</summary>
    [Fact]
    public void AnOscillatorHasNoOffsetOfTheConductance()
    {
        LayerSpec Cco(SignEncoding sign, double gMin) => new(
            Chips.Analog(t => t with
            {
                Cell = t.Cell with { GMinUs = gMin },
                Encoding = t.Encoding with { Sign = sign },
                Adc = t.Adc with
                {
                    Bits = 8,
                    Range = AdcRange.Fixed,
                    Bound = 12,
                    Codes = ConverterCodes.MidRise,
                    Structure = new AdcStructure { Kind = AdcStructureKind.Cco, Ladder = null, CapacitorSigma = null, ComparatorSigma = null, GainDb = null, Compression = null },
                },
            }),
            20,
            1)
        {
            Contents = [.. Enumerable.Repeat(0.9f, 20)], // all of one sign: sum of sign(x) w is as large as it gets
        };
        float[] x = Cases.Floats(3, 20 * 5000, 0.1f, 0.7f);
        float[] y = Cco(SignEncoding.DifferentialOneSided, 0).Run(x, Cases.Fast);
        Cases.AssertSameBits(y, Cco(SignEncoding.DifferentialTwoSided, 0).Run(x, Cases.Fast), "more conductance, the same sums");
        Cases.AssertSameBits(y, Cco(SignEncoding.DifferentialOneSided, 20).Run(x, Cases.Fast), "all cells 20 uS more");
        const double Lsb = 12 / 127.5;
        double error = Enumerable.Range(0, y.Length).Average(m => y[m] - (0.9 * x.AsSpan(m * 20, 20).ToArray().Sum(v => (double)v)));
        Assert.InRange(Math.Abs(error), 0, 4 * Lsb / Math.Sqrt(12 * y.Length));
    }

    /// <summary>7: the capacitors of CrossSim's SAR ADCs are drawn once for all of them.</summary>
    [Fact]
    public void EveryAdcHasItsOwnCapacitors()
    {
        const int Columns = 32;
        var chip = Chips.Analog(t => t with
        {
            Adc = t.Adc with
            {
                Bits = 10,
                Range = AdcRange.Fixed,
                Bound = 4,
                ColumnsPerAdc = 8,
                Codes = ConverterCodes.MidRise,
                Structure = new AdcStructure { Kind = AdcStructureKind.Sar, Ladder = CapacitorLadder.Binary, CapacitorSigma = 0.3, ComparatorSigma = null, GainDb = null, Compression = null },
            },
        });
        LayerSpec spec = new(chip, 4, Columns) { Contents = [.. Cases.Floats(1, 4).SelectMany(w => Enumerable.Repeat(w, Columns))] };
        float[] x = Cases.Floats(2, 4 * 50);
        float[] y = spec.Run(x, Cases.Fast);
        string[] transfers = [.. Enumerable.Range(0, Columns).Select(c => string.Join(' ', Enumerable.Range(0, 50).Select(m => y[(m * Columns) + c])))];
        Assert.Equal(4, transfers.Distinct().Count());
        Assert.All(Enumerable.Range(0, Columns), c => Assert.Equal(transfers[c / 8 * 8], transfers[c]));
    }

    /// <summary>6: CrossSim cuts 11514 rows into tiles of up to 1155 of 1152.</summary>
    [Theory]
    [InlineData(11514, 1152, 10)]
    [InlineData(300, 128, 3)]
    [InlineData(1153, 1152, 2)]
    [InlineData(1152, 1152, 1)]
    public void NoBlockExceedsItsTile(int rows, int tileRows, int blocks)
    {
        LayerSpec spec = new(Chips.Analog(t => t with { Rows = tileRows }), rows, 1) { Contents = new float[rows] };
        var program = spec.Program();
        Assert.Equal(blocks, program.Layers[0].Blocks.Length);
        Assert.Equal(rows, program.Layers[0].Blocks.Sum(b => b.RowCount));
        Assert.All(program.Layers[0].Blocks, b => Assert.InRange(b.RowCount, 1, tileRows));
        Assert.InRange(program.Layers[0].Blocks.Max(b => b.RowCount) - program.Layers[0].Blocks.Min(b => b.RowCount), 0, 1);
    }

    /// <summary>9: CrossSim's largest range of 1152 rows is that of 1024; ours holds all rows at full input on full cells.</summary>
    [Theory]
    [InlineData(SignEncoding.OffsetDigital)]
    [InlineData(SignEncoding.OffsetUnitColumn)]
    [InlineData(SignEncoding.DifferentialOneSided)]
    public void TheMaximumRangeNeverClips(SignEncoding sign)
    {
        bool isDifferential = sign == SignEncoding.DifferentialOneSided;
        var chip = Chips.Coded(t => t with
        {
            Rows = 1152,
            Encoding = t.Encoding with { Sign = sign, UnitColumn = sign == SignEncoding.OffsetUnitColumn, PairAxis = PairAxis.Cell },
            Weights = t.Weights with { Bits = 8, Slicing = isDifferential ? Slicing.SignedDigits : Slicing.Unsigned },
            Adc = t.Adc with { Bits = 8, Range = AdcRange.Max },
        });
        LayerSpec spec = new(chip, 1152, 2) { Codes = [.. Enumerable.Range(0, 2304).Select(i => i % 2 == 0 ? 127 : -127)] };
        var executor = spec.Executor(Cases.Fast);
        float[] y = executor.Run(spec.Batch([.. Enumerable.Repeat(1f, 1152)]), 1, 0).Floats;
        Assert.Equal(LayerPath.Tiles, executor.Path);
        Assert.Equal(0, executor.Clipped);
        Assert.Equal([1152f, -1152f], y, (a, b) => Math.Abs(a - b) < 1152 * 0.02);
    }

    /// <summary>10: devices at the same level have errors of their own.</summary>
    [Fact]
    public void DevicesOfOneLevelDiffer()
    {
        var chip = Chips.Coded(t => t.With(new GaussianDevice(0.05, null, NoiseScaling.Independent)));
        LayerSpec spec = new(chip, 40, 1) { Codes = [.. Enumerable.Repeat(5, 40)] };
        float[] oneHot = new float[40 * 40];
        for (int i = 0; i < 40; i++)
        {
            oneHot[i * 41] = 1;
        }

        Assert.Equal(40, spec.Run(oneHot, Cases.Fast).Distinct().Count());
    }

    /// <summary>11: programming errors are not drawn again for each pulse or each forward pass: an input of twice the code gives twice the output.</summary>
    [Fact]
    public void ProgrammingErrorsHoldOverPulsesAndPasses()
    {
        var chip = Chips.Coded(t => t.With(new GaussianDevice(0.05, null, NoiseScaling.Independent)) with { Input = t.Input with { Management = InputManagement.None } });
        LayerSpec spec = new(chip, 1, 5) { Codes = [7, 5, -3, 0, 1] };
        float[] y = spec.Run([1 / 7f, 2 / 7f, 4 / 7f, 7 / 7f], Cases.Fast);
        for (int c = 0; c < 5; c++)
        {
            Assert.Equal(2 * y[c], y[5 + c], 1e-6);
            Assert.Equal(4 * y[c], y[10 + c], 1e-6);
            Assert.Equal(7 * y[c], y[15 + c], 1e-6);
        }
    }

    /// <summary>11: a channel count that no tile divides loses none. 12: levels are levels, without fallback to real values.</summary>
    [Theory]
    [InlineData(65, 9)]
    [InlineData(127, 33)]
    public void NoLeftoverIsDropped(int rows, int columns)
    {
        var chip = Chips.Coded(t => t with { Rows = 16, Columns = 16 });
        LayerSpec spec = new(chip, rows, columns) { Codes = Cases.Codes(1, rows * columns, 7) };
        float[] x = Cases.Floats(2, 2 * rows);
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Fast, LayerPath.Tiles), "tiles");
    }

    /// <summary>14: a negative clip does not undo a positive one, in either order.</summary>
    [Theory]
    [InlineData(0.3f, -1f)]
    [InlineData(-1f, 0.3f)]
    [InlineData(1f, -0.3f)]
    [InlineData(-0.3f, 1f)]
    public void AnyClipIsAClip(float first, float second)
    {
        var chip = Chips.Analog(t => t with
        {
            Input = t.Input with { Bits = 7, Management = InputManagement.AbsMax, DynamicScale = true, BoundManagement = new BoundManagement { MaxFactor = 1000, MaxResolution = 0.25 } },
            Adc = t.Adc with { Bits = 12, Range = AdcRange.Fixed, Bound = 0.26 },
        });
        LayerSpec spec = new(chip, 1, 2) { Contents = [first, second] };
        var executor = spec.Executor(Cases.Fast);
        float[] y = executor.Run(spec.Batch([1]), 1, 0).Floats;
        Assert.Equal(0, executor.Clipped);
        Assert.Equal([first, second], y, (a, b) => Math.Abs(a - b) < 0.02);
    }

    /// <summary>15: a device keeps its exponent: ln(g(t) / g_0) / ln((t + t_0) / t_0) is the same at all times.</summary>
    [Fact]
    public void AnExponentIsDrawnOnce()
    {
        LayerSpec spec = Pcm(new PcmLikeDevice(null, 1, null), Subtraction.InArray);
        float[] x = [.. Enumerable.Range(0, spec.Rows * spec.Rows).Select(i => i % (spec.Rows + 1) == 0 ? 1f : 0)];
        float[] fresh = spec.Run(x, Cases.Fast);
        double[] Exponents(double t) =>
            [.. spec.Run(x, Cases.Fast with { TimeS = t }).Select((g, i) => -Math.Log(g / fresh[i]) / Math.Log((t + 20) / 20))];
        double[] hour = Exponents(3600);
        double[] year = Exponents(31536000);
        Assert.True(hour.Distinct().Count() > 30);
        Assert.All(hour.Zip(year), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    private static LayerSpec Pcm(DeviceDescription device, Subtraction subtract)
    {
        var chip = Chips.Analog(t => t.With(device) with { Encoding = t.Encoding with { Subtract = subtract } });
        return new LayerSpec(chip, 10, 5) { Contents = [.. Cases.Floats(1, 50).Select(v => Math.Abs(v) < 0.1f ? 0.5f : v)] };
    }
}

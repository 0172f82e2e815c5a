using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Cells at exact levels run in integers: the bits of the stepwise engine for every encoding x slicing x input scheme x converter, and only where nothing is noisy.</summary>
public sealed class LevelEngineTests
{
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.SignedDigits)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.TwosComplement)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.None)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.SignedDigits)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.None)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.None)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.Unsigned)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.None)]
    [InlineData(SignEncoding.CenterOffset, Slicing.SignedDigits)]
    [InlineData(SignEncoding.CenterOffset, Slicing.None)]
    public void EveryEncodingHasTheBitsOfTheDefinition(SignEncoding sign, Slicing slicing)
    {
        int packed = 0;
        int cases = 0;
        foreach (var (weightBits, cellBits) in ((int, int)[])[(4, 2), (8, 2), (5, 1), (6, 4)])
        {
            foreach (var encoding in ExactnessTests.Encodings(sign))
            {
                foreach (var input in ExactnessTests.Inputs())
                {
                    foreach (var range in (AdcRange?[])[null, AdcRange.Max, AdcRange.Granular, AdcRange.Fixed])
                    {
                        var chip = Chips.Coded(tile => tile with
                        {
                            Rows = 40,
                            Columns = 48,
                            Cell = tile.Cell with { Bits = slicing == Slicing.None ? weightBits : cellBits, GMinUs = 0.7 },
                            Encoding = encoding,
                            Weights = tile.Weights with { Bits = weightBits, Slicing = slicing },
                            Input = input,
                            Adc = tile.Adc with { Bits = range is null ? null : 5, Range = range ?? AdcRange.Granular, Bound = range == AdcRange.Fixed ? 2 : null },
                        });
                        Assert.True(Chips.IsValid(chip));
                        int largest = WeightEncoding.Of(chip.Tile).MaxCode;
                        LayerSpec spec = new(chip, 37, 5) { Codes = Cases.Codes(cases, 37 * 5, largest) };
                        string name = $"{encoding} {weightBits}/{cellBits} {input} {range}";
                        packed += AssertEqual(cases % 3 == 0 ? spec.Grouped(1, DepthwisePolicy.Dense) : spec, name) ? 1 : 0;
                        cases++;
                    }
                }
            }
        }

        Assert.True(packed > cases / 3, $"{packed} of {cases} cases are packed");
    }

    /// <summary>The chip of the speed table: 8-bit weights in 4 slices of 2-bit cells, 8-bit bit-serial inputs, 8-bit ADC per pulse, 256 rows.</summary>
    [Theory]
    [InlineData(InputSign.TwosComplement, SignEncoding.OffsetDigital, Slicing.Unsigned)]
    [InlineData(InputSign.SignMagnitude, SignEncoding.DifferentialOneSided, Slicing.SignedDigits)]
    [InlineData(InputSign.TwoPhase, SignEncoding.OffsetUnitColumn, Slicing.Unsigned)]
    public void ManyVectorsThroughAWholeTileHaveTheBitsOfTheDefinition(InputSign sign, SignEncoding encoding, Slicing slicing)
    {
        foreach (var range in (AdcRange[])[AdcRange.Max, AdcRange.Calibrated])
        {
            var chip = Chips.Coded(tile => tile with
            {
                Rows = 256,
                Columns = 256,
                Weights = tile.Weights with { Bits = 8, Slicing = slicing },
                Encoding = tile.Encoding with { Sign = encoding, UnitColumn = encoding == SignEncoding.OffsetUnitColumn, PairAxis = PairAxis.Cell },
                Input = tile.Input with { Bits = 8, Scheme = InputScheme.BitSerial, PulseBits = 1, Sign = sign },
                Adc = tile.Adc with { Bits = 8, Range = range },
            });
            Assert.True(Chips.IsValid(chip));
            LayerSpec spec = new(chip, 256, 21) { Codes = Cases.Codes(2, 256 * 21, 127), AdcRanges = range == AdcRange.Calibrated ? [20f, 10f, 5f, 2.5f] : [] };
            foreach (int vectors in (int[])[1, 33, 70])
            {
                Assert.True(AssertEqual(spec, $"{sign} {encoding} {range} {vectors}", vectors));
            }
        }
    }

    /// <summary>All layouts of the equality tests of engines: where the engine says it has an obstacle, it has no say; else it has the bits of the definition.</summary>
    [Fact]
    public void EveryLayoutIsEqualOrHasAnObstacle()
    {
        List<string> run = [];
        List<string> refused = [];
        foreach (var (name, change, _) in EngineEqualityTests.Changes())
        {
            var chip = Chips.Coded(t => change(t) with { Rows = 24, Columns = 40 });
            LayerSpec spec = new(chip, 50, 7) { Codes = Cases.Codes(3, 350, 7), AdcRanges = chip.Tile.Adc.Range == AdcRange.Calibrated ? [4f, 8f] : [] };
            if (LevelEngine.Obstacle(Physics(spec), Cases.Fast) is null)
            {
                Assert.True(AssertEqual(spec, name), name);
                run.Add(name);
            }
            else
            {
                refused.Add(name);
            }
        }

        Assert.Contains("lossless", run);
        Assert.Contains("granular 4", run);
        Assert.Contains("calibrated 6", run);
        Assert.Contains("two's complement input", run);
        Assert.Contains("after conversion", run);
        Assert.Contains("output noise", run);
        Assert.Contains("offset flip=True Max accumulated=False unit=True", run);
        Assert.Contains("read noise of the chip", refused);
        Assert.Contains("variation", refused);
        Assert.Contains("write-verify", refused);
        Assert.Contains("everything, after conversion", refused);
    }

    /// <summary>Whatever can be wrong with a chip, alone, is an obstacle.</summary>
    [Fact]
    public void EveryNonidealityIsAnObstacle()
    {
        TileDescription[] tiles =
        [
            .. ((Func<TileDescription, TileDescription>[])[
                t => t.With(new GaussianDevice(0.02, 0, NoiseScaling.Independent)),
                t => t with { Noise = t.Noise with { Read = 0.1 } },
                t => t with { Adc = t.Adc with { Bits = 6, Rounding = ConverterRounding.Stochastic } },
                t => t with { Adc = t.Adc with { Bits = 6, Range = AdcRange.Max, Codes = ConverterCodes.MidRise } },
                t => t with { Input = t.Input with { Noise = 0.1 } },
                t => t with { Input = t.Input with { Scheme = InputScheme.MultiLevel, Bits = 8 } },
                t => t with { Adc = t.Adc with { InputSlices = InputSliceConversion.Accumulated } },
            ]).Select(change => Chips.Coded(change).Tile),
        ];
        Assert.All(tiles, tile => Assert.NotNull(LevelEngine.Obstacle(Physics(new LayerSpec(Chips.Coded(_ => tile), 4, 2) { Codes = new int[8] }), Cases.Fast)));
        Assert.NotNull(LevelEngine.Obstacle(Physics(new LayerSpec(Chips.Analog(t => t), 4, 2) { Contents = new float[8] }), Cases.Fast));
        Assert.Null(LevelEngine.Obstacle(Physics(new LayerSpec(Chips.Coded(t => t), 4, 2) { Codes = new int[8] }), Cases.Fast));
    }

    /// <summary>Output noise and that of the ADC have the draws of the definition.</summary>
    [Fact]
    public void NoisyConversionsHaveTheBitsOfTheDefinition()
    {
        foreach (var subtract in Enum.GetValues<Subtraction>())
        {
            foreach (var (output, thermal) in ((double?, double?)[])[(0.1, null), (null, 0.7), (0.05, 1.5)])
            {
                var chip = Chips.Coded(t => t with
                {
                    Encoding = t.Encoding with { Subtract = subtract },
                    Adc = t.Adc with { Bits = 6, Range = AdcRange.Max, ThermalNoiseLsb = thermal },
                    Noise = t.Noise with { Output = output },
                });
                Assert.True(Chips.IsValid(chip));
                LayerSpec spec = new(chip, 60, 21) { Codes = Cases.Codes(2, 60 * 21, 7) };
                foreach (int vectors in (int[])[1, 40, 70])
                {
                    Assert.True(AssertEqual(spec, $"{subtract} {output} {thermal} {vectors}", vectors));
                }
            }
        }
    }

    /// <summary>Read noise of a column in one draw: that of the fast engine, whose variance is a product within 2^-10.</summary>
    [Theory]
    [InlineData(InputSign.TwosComplement, null)]
    [InlineData(InputSign.SignMagnitude, null)]
    [InlineData(InputSign.TwosComplement, 0.02)]
    public void ReadNoiseIsThatOfTheFastEngine(InputSign sign, double? output)
    {
        var chip = Chips.Coded(t => t with
        {
            Input = t.Input with { Sign = sign },
            Noise = t.Noise with { Read = 0.03, Output = output },
        });
        const int Vectors = 70;
        const int Columns = 15;
        LayerSpec spec = new(chip, 60, Columns) { Codes = Cases.Codes(2, 60 * Columns, 7) };
        var options = Cases.Fast with { ReadNoise = ReadNoiseDraws.Column };
        var physics = Physics(spec);
        Assert.Null(LevelEngine.Obstacle(physics, options));
        var place = physics.Layer.Blocks.Single();
        var block = ProgrammedBlock.Program(physics, place, options);
        LevelEngine level = new(physics, options);
        Assert.True(level.Runs(block));
        float[] codes = [.. Cases.Codes(5, Vectors * 60, 7).Select(c => (float)c)];
        var quiet = Physics(spec with { Chip = chip with { Tile = chip.Tile with { Noise = chip.Tile.Noise with { Read = null, Output = null } } } });
        var fast = Sums(new FastEngine(physics, options));
        var noisy = Sums(level);
        var (exact, _) = Sums(new FastEngine(quiet, options), isIdeal: true);
        Assert.NotEqual(exact, noisy.Sums);
        for (int i = 0; i < exact.Length; i++)
        {
            double tolerance = 0.014 + (0.001 * Math.Abs(fast.Sums[i] - exact[i]));
            Assert.True(Math.Abs(noisy.Sums[i] - fast.Sums[i]) <= tolerance, $"{i}: {noisy.Sums[i]}, {fast.Sums[i]} by the fast engine");
        }

        // However many vectors go together.
        double[] one = new double[physics.Weights.Slices * Columns];
        double[] digital = new double[Columns];
        for (int m = 0; m < Vectors; m++)
        {
            level.Run(block, codes.AsSpan(m * 60, 60), 60, 1, new ReadEvents([0], [(uint)m]), 0, one, digital, new int[1]);
            for (int i = 0; i < one.Length; i++)
            {
                Assert.Equal(one[i], noisy.Sums[(i / Columns * Vectors * Columns) + (m * Columns) + (i % Columns)]);
            }
        }

        (double[] Sums, double[] Digital) Sums(TileEngine engine, bool isIdeal = false)
        {
            double[] sums = new double[physics.Weights.Slices * Vectors * Columns];
            double[] corrections = new double[Vectors * Columns];
            var cells = isIdeal ? ProgrammedBlock.Program(quiet, place, options) : block;
            uint[] ordinals = [.. Enumerable.Range(0, Vectors).Select(m => (uint)m)];
            engine.Run(cells, codes, 60, Vectors, new ReadEvents(new ulong[Vectors], ordinals), 0, sums, corrections, new int[Vectors]);
            return (sums, corrections);
        }
    }

    /// <summary>A layer of a chip of exact levels runs on this engine: the stepwise one agrees through the whole layer, copies and split rows included.</summary>
    [Fact]
    public void ALayerHasTheBitsOfTheDefinition()
    {
        var chip = Chips.Coded(t => t with { Rows = 24, Columns = 40, Adc = t.Adc with { Bits = 4, Range = AdcRange.Max } });
        foreach (int copies in (int[])[1, 2])
        {
            LayerSpec spec = new(chip, 50, 30) { Codes = Cases.Codes(3, 1500, 7), Copies = copies };
            float[] x = Cases.Floats(7, 150 * 50);
            var stepwise = spec.Executor(Cases.Stepwise);
            var fast = spec.Executor(Cases.Fast with { Threads = 2 });
            Cases.AssertSameBits(stepwise.Run(spec.Batch(x), 150, 5).Floats, fast.Run(spec.Batch(x), 150, 5).Floats, $"{copies} copies");
            Assert.Equal(stepwise.Clipped, fast.Clipped);
        }
    }

    private static TilePhysics Physics(LayerSpec spec)
    {
        var program = spec.Program();
        return new TilePhysics(program, program.Layers[0], DeviceModel.Create(spec.Chip.Tile.Cell, spec.Chip.Tile.Noise.Read));
    }

    /// <returns>Whether all blocks are packed, so that it is this engine that ran.</returns>
    private static bool AssertEqual(LayerSpec spec, string name, int vectors = 7)
    {
        var physics = Physics(spec);
        if (LevelEngine.Obstacle(physics, Cases.Fast) is not null)
        {
            return false;
        }

        var options = Cases.Fast;
        StepwiseEngine stepwise = new(physics, options);
        LevelEngine level = new(physics, options, fewest: 1);
        bool isPacked = true;
        foreach (var place in physics.Layer.Blocks)
        {
            var block = ProgrammedBlock.Program(physics, place, options);
            isPacked &= level.Runs(block);
            int stride = place.Rows + 2;
            Random random = new(place.Rows);
            float[] codes = [.. Enumerable.Range(0, vectors * stride).Select(_ => (float)Code(random, physics.Input))];
            Array.Fill(codes, physics.Input.MaxCode, 0, place.Rows);
            ulong[] samples = new ulong[vectors];
            uint[] ordinals = [.. Enumerable.Range(0, vectors).Select(m => (uint)m)];
            int outputs = vectors * place.Columns;
            double[] sums = new double[physics.Weights.Slices * outputs];
            double[] digital = new double[outputs];
            int[] clipped = new int[vectors];
            stepwise.Run(block, codes, stride, vectors, new ReadEvents(samples, ordinals), 0, sums, digital, clipped);

            double[] actualSums = new double[sums.Length];
            double[] actualDigital = new double[outputs];
            int[] actualClipped = new int[vectors];
            Array.Fill(actualSums, double.NaN);
            Array.Fill(actualDigital, double.NaN);
            Array.Fill(actualClipped, -1);
            level.Run(block, codes, stride, vectors, new ReadEvents(samples, ordinals), 0, actualSums, actualDigital, actualClipped);
            Assert.True(Bits(sums).SequenceEqual(Bits(actualSums)), $"{name}: sums");
            Assert.True(Bits(digital).SequenceEqual(Bits(actualDigital)), $"{name}: digital");
            Assert.True(clipped.SequenceEqual(actualClipped), $"{name}: clipped");
        }

        return isPacked;
    }

    private static int Code(Random random, InputEncoding input)
    {
        int code = random.Next(input.MinCode, input.MaxCode + 1);
        return input.IsMidRise ? Math.Clamp(code | 1, input.MinCode, input.MaxCode) : code;
    }

    private static IEnumerable<long> Bits(double[] values) => values.Select(v => BitConverter.DoubleToInt64Bits(v + 0.0));
}

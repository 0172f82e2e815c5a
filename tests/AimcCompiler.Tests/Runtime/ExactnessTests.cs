using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Coded weights: the ideal chip, and every path through tiles whose converters lose nothing, equal the int64 sum of codes bit for bit,
/// for every encoding x slicing x input scheme x subtraction x pair axis x conversion x split.</summary>
public sealed class ExactnessTests
{
    private const int Vectors = 4;

    private static readonly (int WeightBits, int CellBits)[] s_bits = [(4, 2), (8, 3), (5, 1), (6, 5)];

    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.SignedDigits)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.TwosComplement)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.None)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.SignedDigits)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.TwosComplement)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.None)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned)]
    [InlineData(SignEncoding.OffsetDigital, Slicing.None)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.Unsigned)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.None)]
    [InlineData(SignEncoding.CenterOffset, Slicing.SignedDigits)]
    [InlineData(SignEncoding.CenterOffset, Slicing.None)]
    public void EveryPathEqualsTheIntegerSum(SignEncoding sign, Slicing slicing)
    {
        int cases = 0;
        foreach (var (weightBits, cellBits) in s_bits)
        {
            foreach (var encoding in Encodings(sign))
            {
                foreach (var input in Inputs())
                {
                    foreach (var conversion in Enum.GetValues<InputSliceConversion>())
                    {
                        var chip = Chips.Coded(tile => tile with
                        {
                            Rows = 20,
                            Columns = 48,
                            Cell = tile.Cell with { Bits = slicing == Slicing.None ? weightBits : cellBits, GMinUs = 0.7 },
                            Encoding = encoding,
                            Weights = tile.Weights with { Bits = weightBits, Slicing = slicing },
                            Input = input,
                            Adc = tile.Adc with { InputSlices = conversion },
                        });
                        Assert.True(Chips.IsValid(chip), $"{Name(chip.Tile)} is not valid");
                        AssertExact(Spec(chip, cases), cases);
                        cases++;
                    }
                }
            }
        }

        Assert.True(cases >= 256);
    }

    /// <summary>int8 weights as imported: code -128 where the encoding holds it.</summary>
    [Theory]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned, true)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.Unsigned, true)]
    [InlineData(SignEncoding.OffsetUnitColumn, Slicing.Unsigned, false)]
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.TwosComplement, false)]
    [InlineData(SignEncoding.DifferentialTwoSided, Slicing.TwosComplement, false)]
    public void TheLowestCodeIsExact(SignEncoding sign, Slicing slicing, bool flip)
    {
        var chip = Chips.Coded(tile => tile with
        {
            Encoding = tile.Encoding with { Sign = sign, Flip = flip, UnitColumn = sign == SignEncoding.OffsetUnitColumn, PairAxis = PairAxis.Cell },
            Weights = tile.Weights with { Bits = 8, Slicing = slicing },
        });
        LayerSpec spec = new(chip, 6, 2) { Codes = [-128, 127, -128, -128, 5, -128, -128, 0, -128, 1, -128, -1] };
        AssertExact(spec, 0);
    }

    [Fact]
    public void SixteenBitsByThousandsOfRowsAreExactOnTheIdealChip()
    {
        var chip = Chips.Coded(tile => tile with
        {
            Rows = 1024,
            Weights = tile.Weights with { Bits = 16 },
            Input = tile.Input with { Bits = 16 },
        });
        LayerSpec spec = new(chip, 5000, 3) { Codes = [.. Enumerable.Range(0, 15000).Select(i => i % 3 == 0 ? 32767 : i % 3 == 1 ? -32767 : i % 32768)] };
        float[] x = [.. Enumerable.Repeat(1f, 5000), .. Cases.Floats(3, 5000)];
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Ideal), "ideal");
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Fast), "fast");
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Fast, LayerPath.Tiles), "tiles");
        Assert.Equal(LayerPath.Integer, spec.Executor(Cases.Fast).Path);
    }

    /// <summary>Whole 16-bit weights in a cell, 16-bit inputs at once, no ADC: column sums of 2^40 are no floats, so the definition too is the integer
    /// product.</summary>
    [Fact]
    public void SumsThatNoFloatHoldsAreExact()
    {
        var chip = Chips.Coded(tile => tile with
        {
            Rows = 1024,
            Cell = tile.Cell with { Bits = 16 },
            Weights = tile.Weights with { Bits = 16, Slicing = Slicing.None },
            Input = tile.Input with { Bits = 16, Scheme = InputScheme.MultiLevel },
        });
        LayerSpec spec = new(chip, 1000, 2) { Codes = Cases.Codes(1, 2000, 32767) };
        float[] x = [.. Enumerable.Repeat(1f, 1000), .. Cases.Floats(3, 1000)];
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Stepwise), "stepwise");
        Cases.AssertSameBits(Cases.Integer(spec, x), spec.Run(x, Cases.Fast), "fast");
    }

    /// <summary>No converter: the sum of the analog cells' contents in double, to 1e-6 of full scale.</summary>
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, Subtraction.InArray)]
    [InlineData(SignEncoding.DifferentialOneSided, Subtraction.AfterConversion)]
    [InlineData(SignEncoding.DifferentialTwoSided, Subtraction.InArray)]
    [InlineData(SignEncoding.DifferentialTwoSided, Subtraction.AfterConversion)]
    [InlineData(SignEncoding.OffsetDigital, Subtraction.InArray)]
    [InlineData(SignEncoding.OffsetUnitColumn, Subtraction.InArray)]
    public void AnalogCellsEqualTheDoubleSum(SignEncoding sign, Subtraction subtract)
    {
        foreach (int? bits in (int?[])[null, 8])
        {
            var chip = Chips.Analog(tile => tile with
            {
                Rows = 16,
                Encoding = tile.Encoding with { Sign = sign, Subtract = subtract, UnitColumn = sign == SignEncoding.OffsetUnitColumn },
                Input = tile.Input with { Bits = bits },
            });
            LayerSpec spec = new(chip, 40, 5) { Contents = Cases.Floats(1, 200), Scales = [2, 3, 4, 5, 6], Bias = [1, 0, -1, 2, 3] };
            float[] x = Cases.Floats(2, 3 * 40);
            double[] expected = new double[15];
            for (int m = 0; m < 3; m++)
            {
                for (int n = 0; n < 5; n++)
                {
                    for (int k = 0; k < 40; k++)
                    {
                        double input = bits is null ? x[(m * 40) + k] : MathF.Round(x[(m * 40) + k] * 127, MidpointRounding.ToEven) / 127.0;
                        expected[(m * 5) + n] += input * spec.Contents[(k * 5) + n] * spec.Scales[n];
                    }

                    expected[(m * 5) + n] += spec.Bias[n];
                }
            }

            // Unit: 40 rows x scale 6 at most.
            const double Tolerance = 1e-6 * 40 * 6 / 4;
            Cases.AssertClose(expected, spec.Run(x, Cases.Ideal), Tolerance, $"ideal {bits}");
            Cases.AssertClose(expected, spec.Run(x, Cases.Stepwise), Tolerance, $"stepwise {bits}");
            Cases.AssertSameBits(spec.Run(x, Cases.Stepwise), spec.Run(x, Cases.Fast), $"fast {bits}");
        }
    }

    /// <summary>x = scale * code / MaxCode; w = scale * code / MaxCode; one rounding at the end.</summary>
    [Fact]
    public void TheFinalScalingIsOneRounding()
    {
        var chip = Chips.Coded(tile => tile with { Input = tile.Input with { Management = InputManagement.Constant } });
        LayerSpec spec = new(chip, 2, 1) { Codes = [7, 3], Scales = [0.3f], Bias = [0.1f], InputScale = 0.7f };
        double expected = (((7 * 7) - (3 * 4)) / (7.0 * 7.0) * 0.7f * 0.3f) + 0.1f;
        float actual = spec.Run([0.7f, -0.4f], Cases.Stepwise)[0];
        Assert.Equal(expected, actual, 1e-7);
        Cases.AssertSameBits(Cases.Integer(spec, [0.7f, -0.4f]), [actual], "stepwise");
    }

    private static void AssertExact(LayerSpec spec, int seed)
    {
        float[] x = Cases.Floats(seed + 17, Vectors * spec.Groups * spec.Rows, spec.Chip.Tile.Input.Sign == InputSign.Unsigned ? 0 : -1);
        int length = spec.Groups * spec.Rows;
        Array.Fill(x, 1f, 0, length);
        Array.Fill(x, spec.Chip.Tile.Input.Sign == InputSign.Unsigned ? 0f : -1f, length, length);
        float[] expected = Cases.Integer(spec, x);
        string name = Name(spec.Chip.Tile);
        var program = spec.Program();
        Check(program, Cases.Ideal, null, "ideal", LayerPath.Integer);
        Check(program, Cases.Fast, null, "lossless collapse", LayerPath.Integer);
        Check(program, Cases.Fast, LayerPath.Tiles, "fast", LayerPath.Tiles);
        Check(program, Cases.Stepwise, null, "stepwise", LayerPath.Tiles);

        // The narrowest ADC that takes the worst sum of any column.
        long worst = ProgramVerifier.WorstColumnSum(program, program.Layers[0]);
        TilePhysics physics = new(Converted(24), program.Layers[0], DeviceModel.Create(spec.Chip.Tile.Cell, null));
        int bits = physics.IsSigned ? 2 : 1;
        while ((physics.IsSigned ? (1L << (bits - 1)) - 1 : (1L << bits) - 1) < worst)
        {
            bits++;
        }

        Check(Converted(bits), Cases.Fast, LayerPath.Tiles, $"fast, {bits}-bit ADC", LayerPath.Tiles);
        Check(Converted(bits), Cases.Stepwise, LayerPath.Tiles, $"stepwise, {bits}-bit ADC", LayerPath.Tiles);

        MappedProgram Converted(int adcBits) => program with
        {
            Chip = program.Chip with { Tile = program.Chip.Tile with { Adc = program.Chip.Tile.Adc with { Bits = adcBits, Range = AdcRange.Granular } } },
        };

        void Check(MappedProgram candidate, SimulationOptions options, LayerPath? forced, string what, LayerPath path)
        {
            var executor = LayerSpec.Executor(candidate, options, forced);
            Assert.Equal(path, executor.Path);
            Cases.AssertSameBits(expected, executor.Run(spec.Batch(x), Vectors, 0).Floats, $"{name}: {what}");
            Assert.Equal(0, executor.Clipped);
        }
    }

    /// <summary>Turns through splits of rows and columns and through packed and dense groups.</summary>
    private static LayerSpec Spec(ChipDescription chip, int index)
    {
        int largest = WeightEncoding.Of(chip.Tile).MaxCode;
        var (groups, rows, columns, packing) = (index % 5) switch
        {
            0 => (1, 47, 3, DepthwisePolicy.Digital),
            1 => (3, 5, 2, DepthwisePolicy.Packed),
            2 => (3, 5, 2, DepthwisePolicy.Dense),
            3 => (1, 9, 11, DepthwisePolicy.Digital),
            _ => (2, 23, 2, DepthwisePolicy.Digital),
        };
        int[] codes = Cases.Codes(index, groups * rows * columns, largest);
        for (int r = 0; r < rows; r++)
        {
            codes[r * columns] = index % 2 == 0 ? largest : -largest;
        }

        LayerSpec spec = new(chip, rows, columns)
        {
            Codes = codes,
            Scales = [.. Cases.Floats(index, groups * columns, 0.1f, 2)],
            Bias = index % 3 == 0 ? [] : [.. Cases.Floats(index + 1, groups * columns)],
        };
        return groups == 1 ? spec : spec.Grouped(groups, packing);
    }

    internal static IEnumerable<EncodingDescription> Encodings(SignEncoding sign)
    {
        if (TileGeometry.IsDifferential(sign))
        {
            foreach (var subtract in Enum.GetValues<Subtraction>())
            {
                foreach (var axis in Enum.GetValues<PairAxis>())
                {
                    yield return new EncodingDescription { Sign = sign, Subtract = subtract, PairAxis = axis, UnitColumn = false, Flip = false };
                }
            }

            yield break;
        }

        foreach (bool flip in (bool[])[false, true])
        {
            yield return new EncodingDescription
            {
                Sign = sign,
                Subtract = Subtraction.InArray,
                PairAxis = PairAxis.Cell,
                UnitColumn = sign == SignEncoding.OffsetUnitColumn,
                Flip = flip,
            };
        }
    }

    internal static IEnumerable<InputDescription> Inputs()
    {
        InputDescription input = new()
        {
            Bits = 5,
            Scheme = InputScheme.Pwm,
            PulseBits = 1,
            Sign = InputSign.SignMagnitude,
            UnsignedWhenNonNegative = true,
            SkipsZeroPulses = null,
            DynamicScale = true,
            Management = InputManagement.AbsMax,
            BoundManagement = null,
            Codes = ConverterCodes.MidTread,
            Rounding = ConverterRounding.HalfEven,
            Noise = null,
            Asymmetry = null,
            Errors = null,
        };
        foreach (var scheme in (InputScheme[])[InputScheme.Pwm, InputScheme.MultiLevel])
        {
            yield return input with { Scheme = scheme };
            yield return input with { Scheme = scheme, Sign = InputSign.Unsigned };
            yield return input with { Scheme = scheme, Codes = ConverterCodes.MidRise };
        }

        foreach (var sign in Enum.GetValues<InputSign>())
        {
            foreach (int pulseBits in (int[])[1, 2, 3])
            {
                yield return input with { Scheme = InputScheme.BitSerial, Sign = sign, PulseBits = pulseBits };
            }
        }
    }

    private static string Name(TileDescription tile) =>
        FormattableString.Invariant(
            $"{tile.Encoding.Sign} {tile.Encoding.Subtract} {tile.Encoding.PairAxis} flip={tile.Encoding.Flip} {tile.Weights.Slicing} {tile.Weights.Bits}/{tile.Cell.Bits} {tile.Input.Scheme} {tile.Input.Sign} {tile.Input.PulseBits} {tile.Adc.InputSlices}");
}

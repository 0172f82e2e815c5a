using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>The worked examples T1 to T6 of the reference, and every code of every encoding.</summary>
public sealed class WeightEncodingTests
{
    /// <summary>What an analog cell may lose: 4 ulp of full scale.</summary>
    private const float FullScaleUlps = 4 * 1.1920929e-7f;

    private static readonly TileDescription Tiny = ChipReader.Read("tiny").Tile;

    public static TheoryData<SignEncoding, Slicing> Forms => new()
    {
        { SignEncoding.DifferentialOneSided, Slicing.SignedDigits },
        { SignEncoding.DifferentialOneSided, Slicing.TwosComplement },
        { SignEncoding.DifferentialOneSided, Slicing.None },
        { SignEncoding.DifferentialTwoSided, Slicing.SignedDigits },
        { SignEncoding.DifferentialTwoSided, Slicing.TwosComplement },
        { SignEncoding.DifferentialTwoSided, Slicing.None },
        { SignEncoding.OffsetDigital, Slicing.Unsigned },
        { SignEncoding.OffsetDigital, Slicing.None },
        { SignEncoding.OffsetUnitColumn, Slicing.Unsigned },
        { SignEncoding.OffsetUnitColumn, Slicing.None },
    };

    /// <summary>What a whole row is checked with is what a weight is encoded with.</summary>
    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided)]
    [InlineData(SignEncoding.DifferentialTwoSided)]
    [InlineData(SignEncoding.OffsetDigital)]
    public void TheFirstContentThatDoesNotComeBackIsFoundAsOneByOne(SignEncoding sign)
    {
        var encoding = Analog(sign);
        Random random = new(5);
        float[] contents = [.. Enumerable.Range(0, 1000).Select(i => (float)(((random.NextDouble() * 2) - 1) * Math.Pow(10, -(i % 7)))), 1, -1, 0, -0f];
        float[] errors = Array.ConvertAll(contents, u => encoding.Contents(u) is var (p, n) ? Math.Abs(encoding.Content(p, n) - u) : 0);
        Assert.Equal(-1, encoding.IndexOfInexact(contents, FullScaleUlps));
        Assert.Equal(sign == SignEncoding.DifferentialOneSided, errors.Max() == 0);
        foreach (float tolerance in errors.Distinct().Order().SelectMany(e => (float[])[e, MathF.BitDecrement(e)]))
        {
            Assert.Equal(Array.FindIndex(errors, e => e > tolerance), encoding.IndexOfInexact(contents, tolerance));
        }
    }

    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided, new float[] { 13, 1, 7 }, new float[] { 1, 25, 1 }, 48)]
    [InlineData(SignEncoding.DifferentialTwoSided, new float[] { 19, 1, 16 }, new float[] { 7, 25, 10 }, 78)]
    public void T1APairHoldsASignedWeight(SignEncoding sign, float[] positive, float[] negative, float conductance)
    {
        float[] u = [0.5f, -1, 0.25f];
        float[] x = [1, 0.5f, -1];
        var encoding = Analog(sign);
        float sum = 0;
        float total = 0;
        for (int i = 0; i < u.Length; i++)
        {
            var (p, n) = encoding.Contents(u[i]);
            float gPositive = 1 + (24 * p);
            float gNegative = 1 + (24 * n);
            Assert.Equal((positive[i], negative[i]), (gPositive, gNegative));
            sum += (gPositive - gNegative) * x[i];
            total += gPositive + gNegative;
        }

        Assert.Equal(-6, sum);
        Assert.Equal(-0.25f, sum / 24);
        Assert.Equal(conductance, total);
    }

    [Fact]
    public void T2AnOffsetIsTakenOffAgain()
    {
        var encoding = Coded(SignEncoding.OffsetDigital, Slicing.None, 8, 8);
        int[] codes = [-3, 5, 127, -128];
        int[] x = [1, 2, 3, 4];
        int[] levels = [.. codes.Select(c => encoding.Levels(Digits(encoding, c)[0]).Positive)];
        Assert.Equal([125, 133, 255, 0], levels);
        int sum = levels.Zip(x, (w, v) => w * v).Sum();
        Assert.Equal(1156, sum);
        Assert.Equal(-124, sum - (encoding.Offset * x.Sum()));
        Assert.Equal(-124, codes.Zip(x, (w, v) => w * v).Sum());
    }

    [Fact]
    public void T3AHeavyColumnIsStoredAsItsComplement()
    {
        var encoding = WeightEncoding.Of(Tile(SignEncoding.OffsetDigital, Slicing.Unsigned, 8, 2) with
        {
            Encoding = Tiny.Encoding with { Sign = SignEncoding.OffsetDigital, Flip = true },
        });
        int[] column = [3, 2, 3, 3];
        int[] x = [1, 1, 0, 1];
        Assert.True(encoding.IsFlipped(column.Sum(), 4));
        int[] stored = [.. column.Select(level => encoding.MaxLevel - level)];
        Assert.Equal([0, 1, 0, 0], stored);
        int reading = stored.Zip(x, (w, v) => w * v).Sum();
        Assert.Equal(1, reading);
        Assert.Equal(8, (encoding.MaxLevel * x.Sum()) - reading);
        Assert.Equal(8, column.Zip(x, (w, v) => w * v).Sum());
    }

    [Fact]
    public void HalfOfFullScaleIsNotFlipped()
    {
        var tile = Tile(SignEncoding.OffsetDigital, Slicing.Unsigned, 8, 2);
        var encoding = WeightEncoding.Of(tile with { Encoding = tile.Encoding with { Flip = true } });
        Assert.False(encoding.IsFlipped(192, 128));
        Assert.True(encoding.IsFlipped(193, 128));
        Assert.False(WeightEncoding.Of(tile).IsFlipped(384, 128));
    }

    [Theory]
    [InlineData(SignEncoding.OffsetDigital, Slicing.Unsigned, 182 - 128, 2, new[] { 2, 1, 3, 2 })] // T4
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.TwosComplement, -74, 2, new[] { 2, 1, 3, -2 })] // T5
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.TwosComplement, -74, 1, new[] { 0, 1, 1, 0, 1, 1, 0, -1 })] // T5
    [InlineData(SignEncoding.DifferentialOneSided, Slicing.SignedDigits, -74, 2, new[] { -2, -2, 0, -1 })] // T6
    public void T4ToT6ACodeIsCutIntoDigits(SignEncoding sign, Slicing slicing, int code, int cellBits, int[] digits) =>
        Assert.Equal(digits, Digits(Coded(sign, slicing, 8, cellBits), code));

    /// <summary>The farthest a code can be from a center takes one bit more than the code.</summary>
    [Theory]
    [InlineData(Slicing.SignedDigits, 2)]
    [InlineData(Slicing.SignedDigits, 3)]
    [InlineData(Slicing.None, 8)]
    public void EveryDistanceFromACenterDecodesExactly(Slicing slicing, int cellBits)
    {
        var encoding = Coded(SignEncoding.CenterOffset, slicing, 8, cellBits);
        Assert.Equal((-255, 255), (encoding.LowestInCells(), encoding.HighestInCells));
        int[] digits = new int[encoding.Slices];
        for (int distance = -255; distance <= 255; distance++)
        {
            encoding.Split(distance, digits);
            Assert.Equal(distance, encoding.Join(digits));
            Assert.All(digits, d => Assert.Equal((Math.Max(d, 0), Math.Max(-d, 0)), encoding.Levels(d)));
        }
    }

    [Theory]
    [InlineData(new[] { 5, 5, 5 }, 5)] // nothing is left in the cells
    [InlineData(new[] { -3, 3, 0 }, 0)] // balanced as it is
    [InlineData(new[] { 4, 6, 5, 5 }, 5)]
    [InlineData(new[] { -128, -128, -127 }, -127)] // a center is a code with a partner
    public void ACenterBalancesItsColumn(int[] column, int center)
    {
        var encoding = Coded(SignEncoding.CenterOffset, Slicing.SignedDigits, 8, 4);
        int[] occurrences = new int[256];
        foreach (int code in column)
        {
            occurrences[code + 128]++;
        }

        Assert.Equal(center, encoding.Center(occurrences));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void EveryCodeDecodesExactly(SignEncoding sign, Slicing slicing)
    {
        bool isDifferential = sign is SignEncoding.DifferentialOneSided or SignEncoding.DifferentialTwoSided;
        int forms = 0;
        for (int bits = 2; bits <= 16; bits++)
        {
            for (int cellBits = 1; cellBits <= 8; cellBits++)
            {
                if (slicing == Slicing.None && cellBits < (isDifferential ? bits - 1 : bits))
                {
                    continue;
                }

                forms++;
                var encoding = Coded(sign, slicing, bits, cellBits);
                int[] digits = new int[encoding.Slices];
                // Only where the sign has a place of its own, in the offset or in the top digit, is there a lowest code without a partner.
                int lowest = -encoding.MaxCode - (isDifferential && slicing != Slicing.TwosComplement ? 0 : 1);
                for (int code = lowest; code <= encoding.MaxCode; code++)
                {
                    encoding.Split(code, digits);
                    foreach (int digit in digits)
                    {
                        var (positive, negative) = encoding.Levels(digit);
                        if (positive < 0 || positive > encoding.MaxLevel || negative < 0 || negative > encoding.MaxLevel
                            || WeightEncoding.Digit(positive, negative) != digit || (!isDifferential && negative != 0))
                        {
                            Assert.Fail($"{bits} bits in cells of {cellBits}: code {code}, digit {digit} became ({positive}, {negative})");
                        }
                    }

                    if (encoding.Join(digits) != code)
                    {
                        Assert.Fail($"{bits} bits in cells of {cellBits}: code {code} became {encoding.Join(digits)}");
                    }
                }
            }
        }

        Assert.True(forms >= 7);
    }

    [Theory]
    [InlineData(SignEncoding.DifferentialOneSided)]
    [InlineData(SignEncoding.DifferentialTwoSided)]
    [InlineData(SignEncoding.OffsetDigital)]
    [InlineData(SignEncoding.OffsetUnitColumn)]
    public void AnalogContentsDecodeWithinAFewUlps(SignEncoding sign)
    {
        var encoding = Analog(sign);
        Random random = new(7);
        float[] contents = [-1, -0f, 0, 1, float.Epsilon, -float.Epsilon, 1e-20f, 0.1f, -1f / 3, .. Enumerable.Range(0, 100_000).Select(_ => (float)((2 * random.NextDouble()) - 1))];
        foreach (float u in contents)
        {
            var (positive, negative) = encoding.Contents(u);
            Assert.InRange(positive, 0, 1);
            Assert.InRange(negative, 0, 1);
            Assert.InRange(encoding.Content(positive, negative) - u, -FullScaleUlps, FullScaleUlps);
        }
    }

    [Fact]
    public void ATwoSidedPairsSumHardlyDependsOnItsDigit()
    {
        var encoding = Coded(SignEncoding.DifferentialTwoSided, Slicing.SignedDigits, 8, 3);
        for (int digit = -encoding.MaxLevel; digit <= encoding.MaxLevel; digit++)
        {
            var (positive, negative) = encoding.Levels(digit);
            Assert.InRange(positive + negative, encoding.MaxLevel, encoding.MaxLevel + 1);
        }
    }

    internal static TileDescription Tile(SignEncoding sign, Slicing slicing, int? bits, int? cellBits) => Tiny with
    {
        Cell = Tiny.Cell with { Bits = cellBits },
        Encoding = Tiny.Encoding with { Sign = sign, UnitColumn = sign == SignEncoding.OffsetUnitColumn },
        Weights = Tiny.Weights with { Bits = bits, Slicing = slicing },
    };

    internal static int[] Digits(WeightEncoding encoding, int code)
    {
        int[] digits = new int[encoding.Slices];
        encoding.Split(code, digits);
        return digits;
    }

    private static WeightEncoding Coded(SignEncoding sign, Slicing slicing, int bits, int cellBits) =>
        WeightEncoding.Of(Tile(sign, slicing, bits, cellBits));

    private static WeightEncoding Analog(SignEncoding sign) => WeightEncoding.Of(Tile(sign, Slicing.None, null, null));
}

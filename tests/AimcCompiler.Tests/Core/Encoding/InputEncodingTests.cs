using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>T7 of the reference, and every code of every input scheme.</summary>
public sealed class InputEncodingTests
{
    private static readonly InputDescription Tiny = ChipReader.Read("tiny").Tile.Input;

    [Fact]
    public void T7TheSignBitIsAPulseThatSubtracts()
    {
        var encoding = Of(InputScheme.BitSerial, InputSign.TwosComplement, 4, 1);
        Assert.Equal([1, 2, 4, -8], encoding.PulseWeights.ToArray());
        Assert.Equal([1, 1, 0, 1], Pulses(encoding, -5));
    }

    [Fact]
    public void ASignMagnitudePulseHasASign()
    {
        var encoding = Of(InputScheme.BitSerial, InputSign.SignMagnitude, 4, 1);
        Assert.Equal([1, 2, 4], encoding.PulseWeights.ToArray());
        Assert.Equal([-1, 0, -1], Pulses(encoding, -5));
        Assert.True(encoding.HasSignedPulses);
    }

    [Fact]
    public void TwoPhasesDriveThePositivePartAndThenTheNegative()
    {
        var encoding = Of(InputScheme.BitSerial, InputSign.TwoPhase, 4, 1);
        Assert.Equal([1, 2, 4, -1, -2, -4], encoding.PulseWeights.ToArray());
        Assert.Equal([1, 0, 1, 0, 0, 0], Pulses(encoding, 5));
        Assert.Equal([0, 0, 0, 1, 0, 1], Pulses(encoding, -5));
        Assert.False(encoding.HasSignedPulses);
    }

    [Theory]
    [InlineData(InputSign.Unsigned)]
    [InlineData(InputSign.TwosComplement)]
    [InlineData(InputSign.SignMagnitude)]
    [InlineData(InputSign.TwoPhase)]
    public void PulsesAddUpToEveryCode(InputSign sign)
    {
        for (int bits = 2; bits <= 16; bits++)
        {
            for (int pulseBits = 1; pulseBits <= bits; pulseBits++)
            {
                Check(Tiny with { Scheme = InputScheme.BitSerial, Sign = sign, Bits = bits, PulseBits = pulseBits });
            }

            if (sign is InputSign.Unsigned or InputSign.SignMagnitude)
            {
                Check(Tiny with { Scheme = InputScheme.Pwm, Sign = sign, Bits = bits, PulseBits = 1 });
                Check(Tiny with { Scheme = InputScheme.MultiLevel, Sign = sign, Bits = bits, PulseBits = 1 });
            }
        }
    }

    [Fact]
    public void OneUnsignedBitIsOnePulse()
    {
        var encoding = Of(InputScheme.BitSerial, InputSign.Unsigned, 1, 1);
        Assert.Equal((0, 1, 1), (encoding.MinCode, encoding.MaxCode, encoding.PulseWeights.Length));
        Assert.Equal([1], Pulses(encoding, 1));
    }

    [Fact]
    public void ALosslessInputIsOnePulseOfItself()
    {
        var encoding = InputEncoding.Of(Tiny with { Scheme = InputScheme.MultiLevel, Bits = null }, false);
        Assert.Equal((1, 1, 1), (encoding.MaxCode, encoding.MaxPulse, encoding.PulseWeights.Length));
        Assert.Null(encoding.Bits);
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void ProvenActivationsUseUnsignedCodesWhereTheChipDoes(bool isProven, bool chipDoes, bool isUnsigned) =>
        Assert.Equal(isUnsigned, InputEncoding.Of(Tiny with { UnsignedWhenNonNegative = chipDoes }, isProven).IsUnsigned);

    private static void Check(InputDescription input)
    {
        foreach (bool isNonNegative in (bool[])[false, true])
        {
            var encoding = InputEncoding.Of(input, isNonNegative);
            TileGeometry geometry = new(ChipReader.Read("tiny").Tile with { Input = input });
            Assert.Equal(encoding.PulseWeights.Length, geometry.PulsesPerMvm(isNonNegative));
            for (int code = encoding.MinCode; code <= encoding.MaxCode; code++)
            {
                long sum = 0;
                for (int pulse = 0; pulse < encoding.PulseWeights.Length; pulse++)
                {
                    int drive = encoding.Pulse(code, pulse);
                    if (Math.Abs(drive) > encoding.MaxPulse || (drive < 0 && !encoding.HasSignedPulses))
                    {
                        Assert.Fail($"{input}: code {code} drives {drive} in pulse {pulse}");
                    }

                    sum += encoding.PulseWeights[pulse] * drive;
                }

                if (sum != code)
                {
                    Assert.Fail($"{input}: the pulses of code {code} add up to {sum}");
                }
            }
        }
    }

    private static InputEncoding Of(InputScheme scheme, InputSign sign, int bits, int pulseBits) =>
        InputEncoding.Of(Tiny with { Scheme = scheme, Sign = sign, Bits = bits, PulseBits = pulseBits }, false);

    private static int[] Pulses(InputEncoding encoding, int code) =>
        [.. Enumerable.Range(0, encoding.PulseWeights.Length).Select(p => encoding.Pulse(code, p))];
}

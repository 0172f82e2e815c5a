using AimcCompiler.Core;
using AimcCompiler.Kernels;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Kernels;

public sealed class PulseTrainTests
{
    [Theory]
    [InlineData(InputSign.Unsigned, 1)]
    [InlineData(InputSign.TwosComplement, 1)]
    [InlineData(InputSign.TwosComplement, 2)]
    [InlineData(InputSign.SignMagnitude, 1)]
    [InlineData(InputSign.SignMagnitude, 3)]
    [InlineData(InputSign.TwoPhase, 2)]
    public void EveryPulseOfEveryCodeIsTheEncodings(InputSign sign, int pulseBits)
    {
        var input = Chips.Coded(t => t).Tile.Input with { Scheme = InputScheme.BitSerial, Bits = 8, PulseBits = pulseBits, Sign = sign };
        var encoding = InputEncoding.Of(input, isNonNegative: false);
        float[] codes = [.. Enumerable.Range(encoding.MinCode, encoding.MaxCode - encoding.MinCode + 1).Select(c => (float)c)];
        float[] pulses = new float[codes.Length];
        double[] sums = new double[codes.Length];
        for (int p = 0; p < encoding.PulseWeights.Length; p++)
        {
            PulseTrain.Extract(encoding, codes, p, pulses);
            Assert.Equal(codes.Select(c => (float)encoding.Pulse((int)c, p)), pulses);
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += encoding.PulseWeights[p] * pulses[i];
            }
        }

        Assert.Equal(codes.Select(c => (double)c), sums);
    }

    [Fact]
    public void AMultiLevelCodeIsItsOwnPulse()
    {
        var encoding = InputEncoding.Of(Chips.Coded(t => t).Tile.Input with { Scheme = InputScheme.Pwm, Bits = 8 }, isNonNegative: false);
        float[] pulses = new float[3];
        PulseTrain.Extract(encoding, [3, -127, 0], 0, pulses);
        Assert.Equal([3f, -127f, 0f], pulses);
    }

    [Fact]
    public void SumsOfCodesAreExact()
    {
        foreach (int count in LaneContract.Lengths)
        {
            float[] codes = [.. Cases.Codes(3, count, (1 << 24) - 1).Select(c => (float)c)];
            Assert.Equal(codes.Sum(c => (long)c), PulseTrain.Sum(codes));
        }
    }
}

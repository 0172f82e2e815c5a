using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core;

/// <summary>One MVM by hand, bit by bit (hardware.md 4.5): 4-bit weights in 2-bit cells, 4-bit inputs.</summary>
public sealed class WorkedTraceTests
{
    private static readonly int[][] Weights = [[3, -2], [1, 5], [-4, 7], [-8, -1]];
    private static readonly int[] Inputs = [-5, 7, 2, -8];
    private static readonly InputDescription Tiny = ChipReader.Read("tiny").Tile.Input;

    [Fact]
    public void OffsetWeightsAndTwosComplementInputsGiveTheProduct()
    {
        var weights = WeightEncoding.Of(WeightEncodingTests.Tile(SignEncoding.OffsetDigital, Slicing.Unsigned, 4, 2));
        var inputs = InputEncoding.Of(Tiny with { Sign = InputSign.TwosComplement, Bits = 4 }, false);
        Assert.Equal(8, weights.Offset);
        Assert.Equal(2, weights.Slices);
        Assert.Equal([[3, 2], [1, 1], [0, 3], [0, 3]], Slice(weights, 0));
        Assert.Equal([[2, 1], [2, 3], [1, 3], [0, 1]], Slice(weights, 1));

        int[][] expected0 = [[4, 3], [4, 6], [1, 1], [3, 5]];
        int[][] expected1 = [[4, 4], [5, 7], [2, 3], [2, 2]];
        long[] sum = new long[2];
        for (int pulse = 0; pulse < 4; pulse++)
        {
            int[] drive = [.. Inputs.Select(x => inputs.Pulse(x, pulse))];
            int[] reading0 = Read(Slice(weights, 0), drive);
            int[] reading1 = Read(Slice(weights, 1), drive);
            Assert.Equal(expected0[pulse], reading0);
            Assert.Equal(expected1[pulse], reading1);
            for (int n = 0; n < 2; n++)
            {
                sum[n] += inputs.PulseWeights[pulse] * ((weights.SliceWeight(0) * reading0[n]) + (weights.SliceWeight(1) * reading1[n]));
            }
        }

        Assert.Equal([16, 35], sum);
        Assert.Equal(-4, Inputs.Sum());
        Assert.Equal([48, 67], sum.Select(s => s - (weights.Offset * Inputs.Sum())));
    }

    [Fact]
    public void SignedDigitsAndSignMagnitudeInputsGiveTheSame()
    {
        // -8 is the lowest code of 4 bits: it needs the two's complement's range, so 5 input bits and 5 weight bits carry it here.
        var weights = WeightEncoding.Of(WeightEncodingTests.Tile(SignEncoding.DifferentialOneSided, Slicing.SignedDigits, 5, 2));
        var inputs = InputEncoding.Of(Tiny with { Sign = InputSign.SignMagnitude, Bits = 5 }, false);
        int[][] pulses = [[-1, 1, 0, 0], [0, 1, 1, 0], [-1, 1, 0, 0], [0, 0, 0, -1]];
        long[] sum = new long[2];
        for (int pulse = 0; pulse < 4; pulse++)
        {
            int[] drive = [.. Inputs.Select(x => inputs.Pulse(x, pulse))];
            Assert.Equal(pulses[pulse], drive);
            for (int slice = 0; slice < weights.Slices; slice++)
            {
                int[] reading = Read(Slice(weights, slice), drive);
                for (int n = 0; n < 2; n++)
                {
                    sum[n] += inputs.PulseWeights[pulse] * weights.SliceWeight(slice) * reading[n];
                }
            }
        }

        Assert.Equal([48, 67], sum);
    }

    /// <summary>What the cells or pairs of one slice hold: positive minus negative levels.</summary>
    private static int[][] Slice(WeightEncoding encoding, int slice) =>
    [
        .. Weights.Select(row => row.Select(code =>
        {
            var (positive, negative) = encoding.Levels(WeightEncodingTests.Digits(encoding, code)[slice]);
            return positive - negative;
        }).ToArray()),
    ];

    private static int[] Read(int[][] cells, int[] drive) =>
        [.. Enumerable.Range(0, cells[0].Length).Select(n => drive.Select((x, k) => x * cells[k][n]).Sum())];
}

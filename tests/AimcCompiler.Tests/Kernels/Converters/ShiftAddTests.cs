using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Conversions, shift-add and output scale are the definition's operations, each rounded once.</summary>
public sealed class ShiftAddTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ConversionsAreThoseOfTheConverterTimesTheirWeight(bool rounds)
    {
        float[] currents = Normals(1, 300);
        float[] normals = Normals(2, 300);
        float[] signs = [.. normals.Select(n => n < 0.3f ? 1f : -1f)];
        Conversion conversion = new(0.5f, rounds, 0.03f, -31, 31);
        foreach (int length in LaneContract.Lengths.Append(300))
        {
            foreach (bool isNoisy in (bool[])[false, true])
            {
                foreach (bool hasSigns in (bool[])[false, true])
                {
                    double[] sums = [.. Enumerable.Range(0, length).Select(i => i / 3.0)];
                    double[] expected = [.. sums];
                    int clips = 0;
                    for (int c = 0; c < length; c++)
                    {
                        float value = isNoisy ? MathF.FusedMultiplyAdd(0.5f, normals[c], currents[c]) : currents[c];
                        float[] code = [value];
                        clips += rounds ? Converters.Convert(code, 0.03f, -31, 31) : 0;
                        double signed = hasSigns ? signs[c] * code[0] : code[0];
                        expected[c] += -1.7 * signed;
                    }

                    int clipped = ShiftAdd.Convert(
                        in conversion, currents.AsSpan(0, length), isNoisy ? normals : default(ReadOnlySpan<float>), hasSigns ? signs : default(ReadOnlySpan<float>), -1.7, sums);
                    Assert.Equal(clips, clipped);
                    Assert.Equal(expected, sums);
                    if (Lanes8.IsSupported)
                    {
                        // An AVX machine's way through the same numbers.
                        double[] eight = [.. Enumerable.Range(0, length).Select(i => i / 3.0)];
                        int done = 0;
                        int clippedByEight = ShiftAdd.Convert<Lanes8>(
                            in conversion, currents.AsSpan(0, length), isNoisy ? normals : default(ReadOnlySpan<float>), hasSigns ? signs : default(ReadOnlySpan<float>), -1.7, eight, ref done);
                        Assert.Equal(length / 8 * 8, done);
                        Assert.Equal(expected[..done], eight[..done]);
                        Assert.True(clippedByEight <= clips);
                    }
                }
            }
        }

    }

    [Fact]
    public void ValuesAreAddedTimesTheirFactor()
    {
        foreach (int length in LaneContract.Lengths)
        {
            double[] values = [.. Enumerable.Range(0, length).Select(i => 1.0 / (i + 1))];
            double[] sums = [.. Enumerable.Range(0, length).Select(i => i / 7.0)];
            double[] expected = [.. sums.Zip(values, (s, v) => s + (1.1 * v))];
            ShiftAdd.Add(values, 1.1, sums);
            Assert.Equal(expected, sums);
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void ResultsAreScaledInDoubleAndRoundedOnce(bool isMatrix, bool hasBias)
    {
        foreach (int length in LaneContract.Lengths)
        {
            double[] sums = [.. Normals(3, length).Select(x => x * 1000.1)];
            float[] scales = isMatrix ? [0.37f] : Normals(4, length);
            float[] bias = hasBias ? Normals(5, length) : [];
            float[] results = new float[length];
            ShiftAdd.Scale(sums, 1.3, 0.7, scales, bias, results);
            for (int n = 0; n < length; n++)
            {
                double value = 1.3 * sums[n] * (0.7 * scales[isMatrix ? 0 : n]);
                Assert.Equal((float)(hasBias ? value + bias[n] : value), results[n]);
            }
        }
    }

    [Fact]
    public void AResultOfNothingIsNoNegativeZero()
    {
        float[] results = new float[19];
        ShiftAdd.Scale(Enumerable.Repeat(-0.0, 19).ToArray(), 1, 0.5, [1], [], results);
        Assert.All(results, r => Assert.Equal(0, BitConverter.SingleToInt32Bits(r)));
    }

    private static float[] Normals(int row, int count)
    {
        float[] normals = new float[count];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, row, 0, normals);
        return normals;
    }
}

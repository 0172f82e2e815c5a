using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Deterministic data of tests, and the definition of a layer in long and double arithmetic.</summary>
internal static class Cases
{
    public static readonly SimulationOptions Stepwise = new() { Engine = EngineKind.Stepwise, Threads = 1 };

    /// <summary>Every draw as the definition has it.</summary>
    public static readonly SimulationOptions Fast = new() { Engine = EngineKind.Fast, ReadNoise = ReadNoiseDraws.Device, Threads = 1 };

    public static readonly SimulationOptions Ideal = new() { Ideal = true, Threads = 1 };

    public static int[] Codes(int seed, int count, int largest)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(-largest, largest + 1))];
    }

    public static float[] Floats(int seed, int count, float least = -1, float greatest = 1)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => least + ((greatest - least) * (float)random.NextDouble()))];
    }

    /// <summary>DAC of the definition: rint(clip(x / s) max); mid-rise codes are the odd numbers next to clip(x / s) max.</summary>
    public static long InputCode(float x, float scale, InputEncoding input) =>
        scale == 0 ? 0 : input.IsMidRise
            ? Math.Clamp((2 * (long)Math.Round(((Math.Clamp(x / scale, -1f, 1f) * (input.MaxCode / 2f)) - 0.5), MidpointRounding.ToEven)) + 1, input.MinCode, input.MaxCode) : (long)MathF.Round(Math.Clamp(x / scale, input.IsUnsigned ? 0f : -1f, 1f) * input.MaxCode, MidpointRounding.ToEven);

    /// <summary>int64 sums of codes with the one final scaling of semantics.md.</summary>
    public static float[] Integer(LayerSpec spec, float[] x)
    {
        var input = InputEncoding.Of(spec.Chip.Tile.Input, spec.IsNonNegative);
        var weights = WeightEncoding.Of(spec.Chip.Tile);
        int inputs = spec.Groups * spec.Rows;
        int outputs = spec.Groups * spec.Columns;
        int vectors = x.Length / inputs;
        float[] result = new float[vectors * outputs];
        for (int m = 0; m < vectors; m++)
        {
            float scale = spec.Chip.Tile.Input.Management switch
            {
                InputManagement.None => 1,
                InputManagement.Constant => spec.InputScale!.Value,
                _ => x.AsSpan(m * inputs, inputs).ToArray().Max(Math.Abs),
            };
            for (int g = 0; g < spec.Groups; g++)
            {
                for (int n = 0; n < spec.Columns; n++)
                {
                    long sum = 0;
                    for (int k = 0; k < spec.Rows; k++)
                    {
                        sum += InputCode(x[(m * inputs) + (g * spec.Rows) + k], scale, input)
                            * spec.Codes![(((g * spec.Rows) + k) * spec.Columns) + n];
                    }

                    int at = (g * spec.Columns) + n;
                    double codeScale = 1.0 / ((double)input.MaxCode * weights.MaxCode);
                    double value = sum * (codeScale * scale * spec.Scales[spec.Scales.Length == 1 ? 0 : at]);
                    result[(m * outputs) + at] = (float)(spec.Bias.IsEmpty ? value : value + spec.Bias[at]);
                }
            }
        }

        return result;
    }

    public static void AssertSameBits(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(expected[i] + 0f) != BitConverter.SingleToInt32Bits(actual[i] + 0f))
            {
                Assert.Fail(FormattableString.Invariant($"{what}: element {i} is {actual[i]:R}, {expected[i]:R} expected"));
            }
        }
    }

    public static void AssertClose(IReadOnlyList<double> expected, IReadOnlyList<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= tolerance,
                FormattableString.Invariant($"{what}: element {i} is {actual[i]:R}, {expected[i]:R} expected within {tolerance:R}"));
        }
    }
}

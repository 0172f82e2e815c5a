using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>A lane kernel has the same bits at every width this machine has, and at every length.</summary>
internal static class LaneContract
{
    public static readonly int[] Lengths = [0, 1, 7, 8, 9, 15, 16, 17, 130];

    public static void HasTheSameBitsAtEveryWidth<TKernel>(
        TKernel kernel, float[] a, float[]? b = null, float[]? c = null, float[]? d = null)
        where TKernel : struct, ILaneKernel
    {
        b ??= a;
        c ??= a;
        d ??= a;
        foreach (int length in Lengths.Append(a.Length).Where(n => n <= a.Length))
        {
            float[] scalar = new float[length];
            LaneMap.Run<TKernel, Lanes1>(in kernel, a, b, c, d, scalar, 0);
            float[] widest = new float[length];
            LaneMap.Run(in kernel, a, b, c, d, widest);
            AssertSameBits(scalar, widest);
            if (Lanes8.IsSupported)
            {
                float[] eight = new float[length];
                int done = LaneMap.Run<TKernel, Lanes8>(in kernel, a, b, c, d, eight, 0);
                AssertSameBits(scalar.AsSpan(0, done), eight.AsSpan(0, done));
            }

            if (Lanes16.IsSupported)
            {
                float[] sixteen = new float[length];
                int done = LaneMap.Run<TKernel, Lanes16>(in kernel, a, b, c, d, sixteen, 0);
                AssertSameBits(scalar.AsSpan(0, done), sixteen.AsSpan(0, done));
            }
        }
    }

    public static void AssertSameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]),
                $"element {i}: {expected[i]:R} expected, {actual[i]:R} found");
        }
    }
}

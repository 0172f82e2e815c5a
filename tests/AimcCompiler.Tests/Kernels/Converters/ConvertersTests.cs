using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class ConvertersTests
{
    [Fact]
    public void ADacRoundsHalfToEvenAndClips()
    {
        float[] codes = new float[8];
        Converters.Quantize([0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 100f, -100f, 0f], 7, -7, 7, codes);
        Assert.Equal([0f, 2f, 2f, 0f, -2f, 7f, -7f, 0f], codes);
    }

    [Fact]
    public void AnUnsignedDacClipsAtZero()
    {
        float[] codes = new float[4];
        Converters.Quantize([-1f, 0.5f, 1f, 9f], 2, 0, 15, codes);
        Assert.Equal([0f, 4f, 8f, 15f], codes); // 0.25 * 15 = 3.75, 0.5 * 15 = 7.5
    }

    [Fact]
    public void AVectorOfZerosHasNoScaleAndGivesZeros()
    {
        float[] codes = [9f, 9f];
        Converters.Quantize([0f, -0f], 0, -7, 7, codes);
        Assert.Equal([0f, 0f], codes);
    }

    [Fact]
    public void AnAdcRoundsHalfToEvenClipsAndCounts()
    {
        float[] sums = [1f, 3f, 5f, -1f, -3f, 254f, 255f, 256f, 1e30f, -1e30f, -254f, 0f];
        // 255 / 2 rounds to 128 and clips
        Assert.Equal(4, Converters.Convert(sums, 2, -127, 127));
        Assert.Equal([0f, 2f, 2f, 0f, -2f, 127f, 127f, 127f, 127f, -127f, -127f, 0f], sums);
    }

    [Fact]
    public void EveryWidthHasTheSameBits()
    {
        float[] values = new float[1000];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, 0, 0, values);
        values[3] = -0f;
        LaneContract.HasTheSameBitsAtEveryWidth(new Converters.DacKernel(1.7f, -1, 127), values);
        LaneContract.HasTheSameBitsAtEveryWidth(new Converters.DacKernel(1.7f, 0, 255), values);
        foreach (int length in LaneContract.Lengths)
        {
            float[] scalar = values[..length];
            int done = 0;
            int clipped = Converters.Convert<Lanes1>(scalar, 0.01f, -127, 127, ref done);
            float[] widest = values[..length];
            Assert.Equal(clipped, Converters.Convert(widest, 0.01f, -127, 127));
            LaneContract.AssertSameBits(scalar, widest);
            if (Lanes8.IsSupported)
            {
                float[] eight = values[..length];
                done = 0;
                int clippedByEight = Converters.Convert<Lanes8>(eight, 0.01f, -127, 127, ref done);
                Assert.Equal(clipped, clippedByEight + Converters.Convert<Lanes1>(eight, 0.01f, -127, 127, ref done));
                LaneContract.AssertSameBits(scalar, eight);
            }
        }
    }
}

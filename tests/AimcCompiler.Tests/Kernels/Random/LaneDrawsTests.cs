using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Draws of sixteen reads at once are the draws of each.</summary>
public sealed class LaneDrawsTests
{
    [Fact]
    public void KeysAreThoseOfTheirEvents()
    {
        var (samples, ordinals) = Events();
        uint[] keys = new uint[32];
        Draws.EventKeys(0x123456789abcdef, -3, samples, ordinals, 7, keys);
        for (int i = 0; i < 16; i++)
        {
            ulong expected = Draws.EventKey(0x123456789abcdef, -3, Draws.Event(samples[i], ordinals[i], 7));
            Assert.Equal(expected, ((ulong)keys[16 + i] << 32) | keys[i]);
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 24)]
    [InlineData(64, 7)]
    [InlineData(3, 40)]
    [InlineData(60, 70)]
    public void NormalsAreThoseOfTheirKeys(int firstColumn, int columns)
    {
        var (samples, ordinals) = Events();
        uint[] keys = new uint[32];
        Draws.EventKeys(1, 2, samples, ordinals, 0, keys);
        CellStream stream = new(1, 2, 3, 1, 0, 0, 2);
        float[] normals = new float[16 * columns];
        Draws.LaneNormals(stream, DrawPurpose.Output, keys, 5, firstColumn, columns, normals);
        float[] expected = new float[columns];
        for (int i = 0; i < 16; i++)
        {
            Draws.NormalsOfKey(stream, DrawPurpose.Output, Draws.EventKey(1, 2, Draws.Event(samples[i], ordinals[i], 0)), 5, firstColumn, expected);
            LaneContract.AssertSameBits(expected, [.. Enumerable.Range(0, columns).Select(c => normals[(16 * c) + i])]);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(25, 6)]
    [InlineData(10, 8)]
    [InlineData(33, 23)]
    public void SumsOfSixteenVectorsHaveTheBitsOfTheDefinitionAtEveryWidth(int rows, int columns)
    {
        float[] inputs = new float[rows * 16];
        float[] cells = new float[rows * columns];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, 0, 0, inputs);
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, 1, 0, cells);
        float[] expected = new float[16 * columns];
        for (int i = 0; i < 16; i++)
        {
            float[] vector = [.. Enumerable.Range(0, rows).Select(r => inputs[(16 * r) + i])];
            float[] sums = new float[columns];
            ScalarMvm.Multiply(vector, rows, 1, cells, columns, rows, columns, sums, columns);
            for (int c = 0; c < columns; c++)
            {
                expected[(16 * c) + i] = sums[c];
            }
        }

        float[] actual = new float[16 * columns];
        LaneMvm.Multiply<Lanes1>(inputs, cells, rows, columns, actual);
        LaneContract.AssertSameBits(expected, actual);
        LaneMvm.Multiply(inputs, cells, rows, columns, actual);
        LaneContract.AssertSameBits(expected, actual);
        if (Lanes8.IsSupported)
        {
            Array.Clear(actual);
            LaneMvm.Multiply<Lanes8>(inputs, cells, rows, columns, actual);
            LaneContract.AssertSameBits(expected, actual);
        }
    }

    private static (ulong[] Samples, uint[] Ordinals) Events() =>
        ([.. Enumerable.Range(0, 16).Select(i => ((ulong)i << 30) + (ulong)i)], [.. Enumerable.Range(0, 16).Select(i => (uint)(i * 1000000007L))]);
}

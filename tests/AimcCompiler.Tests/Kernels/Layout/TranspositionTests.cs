using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class TranspositionTests
{
    private static readonly int[] s_sizes = [0, 1, 7, 8, 9, 15, 16, 17, 72, 130];

    [Fact]
    public void BlocksMoveWhatTheDefinitionMovesAndNothingElse()
    {
        foreach (int rows in s_sizes)
        {
            foreach (int columns in s_sizes)
            {
                int sourceStride = columns + 3;
                int destinationStride = rows + 5;
                float[] source = [.. Enumerable.Range(1, (rows * sourceStride) + 1).Select(i => (float)i)];
                float[] expected = new float[(columns * destinationStride) + 1];
                float[] actual = new float[expected.Length];
                Transposition.Scalar(source, sourceStride, rows, columns, expected, destinationStride);
                Transposition.Run(source, sourceStride, rows, columns, actual, destinationStride);
                for (int r = 0; r < rows; r++)
                {
                    for (int c = 0; c < columns; c++)
                    {
                        Assert.Equal(source[(r * sourceStride) + c], actual[(c * destinationStride) + r]);
                    }
                }

                Assert.Equal(expected, actual);
            }
        }
    }

    [Fact]
    public void MemoryThatIsTooShortIsNotTouched()
    {
        float[] source = new float[16 * 16];
        float[] destination = new float[16 * 16];
        Assert.Throws<ArgumentOutOfRangeException>(() => Transposition.Run(source.AsSpan(1), 16, 16, 16, destination, 16));
        Assert.Throws<ArgumentOutOfRangeException>(() => Transposition.Run(source, 16, 16, 16, destination.AsSpan(1), 16));
    }
}

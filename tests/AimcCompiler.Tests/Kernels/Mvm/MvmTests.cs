using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

/// <summary>Every MVM equals the definition, row by row in order, bit for bit, and writes nothing else.</summary>
public sealed class MvmTests
{
    private static readonly int[] s_sizes = [0, 1, 7, 8, 9, 15, 16, 17, 130];

    [Fact]
    public void ScalarEqualsTheDefinition() => EqualsTheDefinition<ScalarMvm>();

    [Fact]
    public void EightLanesEqualTheDefinition()
    {
        if (Lanes8.IsSupported)
        {
            EqualsTheDefinition<SimdMvm<Lanes8>>();
        }
    }

    [Fact]
    public void SixteenLanesEqualTheDefinition()
    {
        if (Lanes16.IsSupported)
        {
            EqualsTheDefinition<SimdMvm<Lanes16>>();
        }
    }

    [Fact]
    public void TheDispatchedOneEqualsTheDefinition() => EqualsTheDefinition<DispatchedMvm>();

    [Fact]
    public void RowsAreAddedInAscendingOrderWithOneRoundingEach()
    {
        // 2^24 + 1 rounds to 2^24, so the order shows: (2^24 + 1) + 1 = 2^24, but 1 + 1 + 2^24 = 2^24 + 2
        float[] sum = new float[1];
        Mvm.Multiply([1, 1, 1], 3, 1, [16777216, 1, 1], 1, 3, 1, sum, 1);
        Assert.Equal(16777216f, sum[0]);
        Mvm.Multiply([1, 1, 1], 3, 1, [1, 1, 16777216], 1, 3, 1, sum, 1);
        Assert.Equal(16777218f, sum[0]);

        // the product is not rounded: (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24
        float a = 1 + MathF.ScaleB(1, -12);
        Mvm.Multiply([1, a], 2, 1, [-(1 + MathF.ScaleB(1, -11)), a], 1, 2, 1, sum, 1);
        Assert.Equal(MathF.ScaleB(1, -24), sum[0]);
    }

    private static void EqualsTheDefinition<TMvm>()
        where TMvm : struct, IMvm
    {
        foreach (int vectors in (int[])[0, 1, 2, 3, 5, 6, 7, 8, 13])
        {
            foreach (int rows in s_sizes)
            {
                foreach (int columns in s_sizes.Append(64).Append(300))
                {
                    EqualsTheDefinition<TMvm>(vectors, rows, columns, padding: 0);
                    EqualsTheDefinition<TMvm>(vectors, rows, columns, padding: 5);
                }
            }
        }
    }

    private static void EqualsTheDefinition<TMvm>(int vectors, int rows, int columns, int padding)
        where TMvm : struct, IMvm
    {
        const float Untouched = -12345f;
        int inputStride = rows + padding;
        int stride = columns + padding;
        float[] inputs = Normals(1, vectors * inputStride);
        float[] cells = Normals(2, rows * stride);
        float[] outputs = new float[vectors * stride];
        Array.Fill(outputs, Untouched);
        TMvm.Multiply(inputs, inputStride, vectors, cells, stride, rows, columns, outputs, stride);
        for (int m = 0; m < vectors; m++)
        {
            for (int c = 0; c < stride; c++)
            {
                float expected = c < columns ? 0 : Untouched;
                for (int r = 0; r < rows && c < columns; r++)
                {
                    expected = MathF.FusedMultiplyAdd(inputs[(m * inputStride) + r], cells[(r * stride) + c], expected);
                }

                Assert.True(
                    BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(outputs[(m * stride) + c]),
                    $"{vectors} vectors, {rows} rows, {columns} columns, stride {stride}: output ({m}, {c})");
            }
        }
    }

    private static float[] Normals(int row, int count)
    {
        float[] normals = new float[count];
        Draws.Normals(new CellStream(1, 0, 0, 0, 0, 0, 0), DrawPurpose.Programming, 0, row, 0, normals);
        return normals;
    }

    private readonly struct DispatchedMvm : IMvm
    {
        public static void Multiply(
            ReadOnlySpan<float> inputs,
            int inputStride,
            int vectors,
            ReadOnlySpan<float> cells,
            int cellStride,
            int rows,
            int columns,
            Span<float> outputs,
            int outputStride) =>
            Mvm.Multiply(inputs, inputStride, vectors, cells, cellStride, rows, columns, outputs, outputStride);
    }
}

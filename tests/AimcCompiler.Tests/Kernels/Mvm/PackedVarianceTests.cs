using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels;

public sealed class PackedVarianceTests
{
    private static readonly int[] s_sizes = [1, 2, 7, 16, 17, 31, 32, 33, 64, 130];

    /// <summary>Beside the rounding of cells: fp32 at a fused multiply-add a run of rows, and the steps' own rounding.</summary>
    private const double Rounding = 40 * 6e-8;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(127)]
    [InlineData(255)]
    public void EveryVarianceIsWithinTheStatedErrorOfTheSum(int largestInput)
    {
        foreach (int vectors in (int[])[1, 7, 12, 19])
        {
            foreach (int rows in s_sizes)
            {
                foreach (int columns in s_sizes)
                {
                    float[] inputs = Inputs(vectors * (rows + 3), largestInput);
                    float[] cells = Cells(rows * columns, farthest: 10);
                    IsTheSum(inputs, rows + 3, vectors, cells, rows, columns, largestInput);
                }
            }
        }
    }

    [Fact]
    public void RowsThatSumsOf32BitsDoNotHoldAreAddedInRuns()
    {
        const int Rows = 1500;
        float[] inputs = new float[9 * Rows];
        Array.Fill(inputs, -255);
        IsTheSum(inputs, Rows, 9, Cells(Rows * 33, farthest: 10), Rows, 33, 255);
        float[] ones = new float[Rows * 33];
        Array.Fill(ones, 0.25f);
        ones[5] = 0.125f;
        IsTheSum(inputs, Rows, 9, ones, Rows, 33, 255);
    }

    /// <summary>One row at a time: of the least variance, and of the largest.</summary>
    [Theory]
    [InlineData(8)]
    [InlineData(17)]
    [InlineData(1e6)]
    public void CellsThatAreFarApartAreWithinTheErrorWhateverInputsSelectThem(double farthest)
    {
        float[] cells = [.. Enumerable.Range(0, 20).SelectMany(r => Enumerable.Range(1, 40).Select(c => r % 2 == 0 ? c : (float)(c / farthest)))];
        for (int row = 0; row < 20; row++)
        {
            float[] inputs = new float[20];
            inputs[row] = 1;
            IsTheSum(inputs, 20, 1, cells, 20, 40, 1);
            inputs[row] = 127;
            IsTheSum(inputs, 20, 1, cells, 20, 40, 127);
        }
    }

    [Fact]
    public void ColumnsOfEqualCellsTakeTheSumOfSquares()
    {
        float[] cells = [.. Enumerable.Range(0, 300).SelectMany(_ => Enumerable.Range(0, 50).Select(c => c == 3 ? 0 : 1f / (c + 1)))];
        float[] inputs = Inputs(5 * 300, 127);
        var packed = PackedVariance.Pack(cells, 300, 50, 127)!;
        float[] variances = Product<Lanes1>(packed, inputs, 300, 5, 50);
        for (int m = 0; m < 5; m++)
        {
            float sum = inputs.AsSpan(m * 300, 300).ToArray().Sum(x => (int)x * (int)x);
            for (int c = 0; c < 50; c++)
            {
                Assert.Equal(sum * cells[c], variances[(m * 50) + c]);
            }
        }
    }

    [Fact]
    public void WhatDoesNotFitIsNotPacked()
    {
        float[] cells = Cells(300 * 50, farthest: 10);
        Assert.NotNull(PackedVariance.Pack(cells, 300, 50, 255));
        Assert.Null(PackedVariance.Pack(cells, 300, 50, 256));
        Array.Fill(cells, 1e-38f);
        cells[7] = 2e-38f;
        Assert.Null(PackedVariance.Pack(cells, 300, 50, 1));
    }

    [Fact]
    public void NoiseAddsTheVariancesOfCellsAndOutput()
    {
        float[] sums = new float[130], variances = new float[130], normals = new float[130];
        for (int i = 0; i < 130; i++)
        {
            (sums[i], variances[i], normals[i]) = (i - 20, i * 0.37f, (i % 7) - 3);
        }

        float[] expected = [.. Enumerable.Range(0, 130).Select(i => MathF.FusedMultiplyAdd(MathF.Sqrt(variances[i] + 2.5f), normals[i], sums[i]))];
        ColumnNoise.Add(variances, 2.5f, normals, sums);
        LaneContract.AssertSameBits(expected, sums);
    }

    private static void IsTheSum(float[] inputs, int stride, int vectors, float[] cells, int rows, int columns, int largestInput)
    {
        var packed = PackedVariance.Pack(cells, rows, columns, largestInput);
        Assert.NotNull(packed);
        float[] variances = Product<Lanes1>(packed, inputs, stride, vectors, columns);
        for (int m = 0; m < vectors; m++)
        {
            for (int c = 0; c < columns; c++)
            {
                double sum = 0;
                double floor = 0;
                float largest = Enumerable.Range(0, rows).Max(r => cells[(r * columns) + c]);
                for (int r = 0; r < rows; r++)
                {
                    double square = (double)inputs[(m * stride) + r] * inputs[(m * stride) + r];
                    floor += cells[(r * columns) + c] < largest / 16 ? square * largest * PackedVariance.AbsoluteError : 0;
                    sum += square * cells[(r * columns) + c];
                }

                double relative = PackedVariance.RelativeError + Rounding;
                Assert.InRange(variances[(m * columns) + c], (sum * (1 - relative)) - floor, (sum * (1 + relative)) + floor);
            }
        }

        if (Lanes8.IsSupported)
        {
            LaneContract.AssertSameBits(variances, Product<Lanes8>(packed, inputs, stride, vectors, columns));
        }

        if (Lanes16.IsSupported)
        {
            LaneContract.AssertSameBits(variances, Product<Lanes16>(packed, inputs, stride, vectors, columns));
        }
    }

    private static float[] Product<TLanes>(PackedVariance packed, float[] inputs, int stride, int vectors, int columns)
        where TLanes : struct, ILanes<TLanes>
    {
        int[] squares = new int[vectors * packed.SquaresStride];
        packed.Square(inputs, stride, vectors, squares);
        float[] padded = new float[vectors * (columns + 5)];
        Array.Fill(padded, float.NaN);
        packed.Multiply<TLanes>(squares, vectors, padded, columns + 5);
        Assert.All(Enumerable.Range(0, padded.Length), i => Assert.Equal(i % (columns + 5) >= columns, float.IsNaN(padded[i])));
        return [.. Enumerable.Range(0, vectors).SelectMany(m => padded.AsSpan(m * (columns + 5), columns).ToArray())];
    }

    /// <summary>Whole numbers up to the largest on both sides of zero.</summary>
    private static float[] Inputs(int count, int largest) =>
        [.. Enumerable.Range(0, count).Select(i => (float)((Word(i, 1) % ((2 * largest) + 1)) - largest))];

    /// <summary>Variances between 1 and one over the farthest; every fifth is 0.</summary>
    private static float[] Cells(int count, int farthest) =>
        [.. Enumerable.Range(0, count).Select(i => i % 5 == 4 ? 0 : 1 / (1 + ((farthest - 1) * (Word(i, 2) / 4294967296f))))];

    private static long Word(int index, uint stream) => Philox.Generate(3, (uint)index, stream, 0, 0).W0;
}

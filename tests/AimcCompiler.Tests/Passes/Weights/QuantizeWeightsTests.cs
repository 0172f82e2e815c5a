using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

public sealed class QuantizeWeightsTests
{
    [Fact]
    public void TheLargestMagnitudeOfAColumnIsFullScale()
    {
        var q = Quantize(4, WeightScale.Column, 1, 2, 2, 0.5f, -4, -1, 2);
        Assert.Equal([1, 4], q.Scales.ToArray());
        Assert.Equal([4, -7, -7, 4], q.Codes!.Select(c => (int)c));
    }

    [Fact]
    public void TheLargestMagnitudeOfTheMatrixIsFullScale()
    {
        var q = Quantize(4, WeightScale.Matrix, 1, 2, 2, 0.5f, -4, -1, 2);
        Assert.Equal([4], q.Scales.ToArray());
        Assert.Equal([1, -7, -2, 4], q.Codes!.Select(c => (int)c)); // 0.875, -7, -1.75, 3.5
    }

    [Fact]
    public void RoundsHalfToEven()
    {
        // Full scale 6 at 7 codes (4 bits) would not give halves; 14 does: w / 14 * 7 = w / 2.
        var q = Quantize(4, WeightScale.Matrix, 1, 1, 8, 14, 1, 3, 5, 7, -1, -3, -5);
        Assert.Equal([7, 0, 2, 2, 4, 0, -2, -2], q.Codes!.Select(c => (int)c));
    }

    [Fact]
    public void EveryGroupsColumnHasItsScale()
    {
        var q = Quantize(8, WeightScale.Column, 2, 1, 2, 1, 2, 3, -4);
        Assert.Equal([1, 2, 3, 4], q.Scales.ToArray());
        Assert.Equal([127, 127, 127, -127], q.Codes!.Select(c => (int)c));
        Assert.Equal(3, q.ScaleOf(1, 0));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1e-40f)]
    [InlineData(float.Epsilon)]
    public void AColumnOfNothingHasTheScaleOne(float nothing)
    {
        var q = Quantize(4, WeightScale.Column, 1, 2, 2, nothing, 1, -nothing, 2);
        Assert.Equal([1, 2], q.Scales.ToArray());
        Assert.Equal([0, 4, 0, 7], q.Codes!.Select(c => (int)c)); // 3.5 is a tie, and 4 is even
    }

    [Fact]
    public void TheSmallestNormalNumberIsAScale()
    {
        var q = Quantize(4, WeightScale.Column, 1, 1, 1, 1.17549435e-38f);
        Assert.Equal([1.17549435e-38f], q.Scales.ToArray());
        Assert.Equal(7, q.Codes![0]);
    }

    [Fact]
    public void AnalogCellsKeepTheQuotient()
    {
        var q = Quantize(null, WeightScale.Column, 1, 3, 1, 3, -1, 0.3f);
        Assert.Null(q.Codes);
        Assert.Equal([1, -1f / 3, 0.3f / 3], q.Contents!);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(16)]
    public void CodesStayInRangeAndErrWithinHalfAStep(int bits)
    {
        Random random = new(bits);
        float[] values = [.. Enumerable.Range(0, 4000).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-30, 30))))];
        foreach (var scale in Enum.GetValues<WeightScale>())
        {
            var q = Quantize(bits, scale, 4, 100, 10, values);
            int most = (1 << (bits - 1)) - 1;
            for (int i = 0; i < values.Length; i++)
            {
                double step = q.ScaleOf(i / 1000, i % 10) / (double)most;
                Assert.InRange(q.Codes![i], -most, most);
                Assert.InRange(values[i] - (q.Codes[i] * step), -0.5000001 * step, 0.5000001 * step);
            }
        }
    }

    /// <summary>Sizes around the pieces that are visited together.</summary>
    [Theory]
    [InlineData(null, 1, 130, 65)]
    [InlineData(null, 3, 7, 5)]
    [InlineData(8, 1, 64, 64)]
    [InlineData(8, 2, 65, 129)]
    [InlineData(16, 1, 1, 200)]
    public void TheOrderInWhichElementsStandDoesNotMatter(int? bits, int groups, int rows, int columns)
    {
        float[] rowMajor = [.. TestModel.Random(3, groups * rows * columns).Floats];
        float[] columnMajor = new float[rowMajor.Length];
        for (int i = 0; i < rowMajor.Length; i++)
        {
            columnMajor[(((i / (rows * columns) * columns) + (i % columns)) * rows) + (i / columns % rows)] = rowMajor[i];
        }

        FloatMatrix stored = new(groups, rows, columns, columnMajor, isColumnMajor: true);
        Assert.Equal(rowMajor, stored.ToRowMajor());
        Assert.Equal(rowMajor[^1], stored.At(rowMajor.Length - 1));
        foreach (var scale in Enum.GetValues<WeightScale>())
        {
            foreach (float step in (ReadOnlySpan<float>)[0, 1f / 64])
            {
                var weights = Stairs.Tiny.Tile.Weights with { Bits = bits, Scale = scale };
                float[] Rounded(float[] elements) => step == 0 ? elements : Array.ConvertAll(elements, e => MathF.Round(e / step) * step);
                System.Collections.Immutable.ImmutableArray<float> steps = step == 0 ? [] : [.. Enumerable.Range(0, groups * columns).Select(c => c % 3 == 0 ? 0 : step)];
                var expected = QuantizeWeights.Quantize(new FloatMatrix(groups, rows, columns, Rounded(rowMajor)) { Steps = steps }, weights);
                var found = QuantizeWeights.Quantize(new FloatMatrix(groups, rows, columns, Rounded(columnMajor), isColumnMajor: true) { Steps = steps }, weights);
                Assert.Equal(expected.Scales.ToArray(), found.Scales.ToArray());
                Assert.Equal(expected.Codes, found.Codes);
                Assert.Equal(expected.Contents, found.Contents);
                foreach (bool isColumnMajor in (ReadOnlySpan<bool>)[false, true])
                {
                    // Elements that stay in a file, strip by strip.
                    byte[] bytes = MemoryMarshal.AsBytes(Rounded(isColumnMajor ? columnMajor : rowMajor).AsSpan()).ToArray();
                    Tensor tensor = new(TensorType.Float, [rowMajor.Length], new BytesInPlaceOfAFile(bytes));
                    var fromFile = QuantizeWeights.Quantize(new FloatMatrix(groups, rows, columns, tensor, isColumnMajor) { Steps = steps }, weights);
                    Assert.Equal(expected.Scales.ToArray(), fromFile.Scales.ToArray());
                    Assert.Equal(expected.Codes, fromFile.Codes);
                    Assert.Equal(expected.Contents, fromFile.Contents);
                }
            }
        }
    }

    /// <summary>The definition, an element at a time: quotients of single precision for contents, of double precision with ties to even for codes.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(16)]
    public void EveryElementIsWhatTheDefinitionSays(int? bits)
    {
        const int Rows = 83;
        const int Columns = 37;
        float[] values = TestModel.Random(4, Rows, Columns).Floats;
        for (int i = 0; i < values.Length; i++)
        {
            // Many ties: every other element is a half of a code.
            values[i] = i % 2 == 0 ? values[i] : MathF.Round(values[i] * 2 * 127) / (2 * 127);
        }

        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (i < Columns ? i % 2 == 0 ? 1 : -1 : values[i]) * (i % Columns % 3 == 2 ? 0.37f : 1);
        }

        var quantized = QuantizeWeights.Quantize(new FloatMatrix(1, Rows, Columns, values), Stairs.Tiny.Tile.Weights with { Bits = bits, Scale = WeightScale.Column });
        int most = bits is { } b ? (1 << (b - 1)) - 1 : 1;
        for (int i = 0; i < values.Length; i++)
        {
            float scale = quantized.Scales[i % Columns];
            Assert.Equal(i % Columns % 3 == 2 ? 0.37f : 1, scale);
            Assert.Equal(bits is null ? values[i] / scale : (float)Math.Round(values[i] / (double)scale * most, MidpointRounding.ToEven), quantized.Contents?[i] ?? quantized.Codes![i]);
        }
    }

    [Fact]
    public void RowBlocksShareTheirScale()
    {
        // One scale a column over all its rows: the partial sums of row blocks add as integers.
        var split = Stairs.Split(Stairs.Product(20, 3));
        var weights = split.Layers.Single().Weights;
        Assert.Equal(3, weights.Quantized.Scales.Length);
        Assert.Equal(3, weights.Blocks.Select(b => b.RowBlock).Distinct().Count());
    }

    private static QuantizedMatrix Quantize(int? bits, WeightScale scale, int groups, int rows, int columns, params float[] values) =>
        QuantizeWeights.Quantize(new FloatMatrix(groups, rows, columns, values), Stairs.Tiny.Tile.Weights with { Bits = bits, Scale = scale });
}

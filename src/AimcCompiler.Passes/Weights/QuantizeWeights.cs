using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Turns real weights into signed codes of the chip's bits, or into contents u = w / s of its analog cells. The scale is the largest
/// magnitude of a column (default) or of the matrix, so that it becomes full scale; row splits share it. What rounding does to the mean of an output goes into the bias.
/// <code>
/// before:  1 x 2 x 1 [ 0.5, -1.0 ]         after (4 bits):  codes [ 4, -7 ], scale [ 1.0 ]
/// </code></summary>
public static class QuantizeWeights
{
    /// <summary>Lines of a cache that the columns of a column-major matrix take while its rows are written.</summary>
    private const int ColumnsOfPiece = 64;

    private const int RowsOfPiece = 64;

    public static AnalogGraph<QuantizedMatrix> Run(AnalogGraph<FloatMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        var encoding = WeightEncoding.Of(chip.Tile);
        int? lowest = encoding.IsAnalog ? null : encoding.LowestCode();
        var quantized = graph.Select(layer => Quantize(layer.Weights, chip.Tile.Weights, lowest));
        return quantized with { Layers = [.. quantized.Layers.Zip(graph.Layers, (after, before) => after with { Bias = CorrectedBias(before, after.Weights, chip.Tile.Weights) })] };
    }

    /// <summary>Bias correction (Nagel et al., ICCV 2019, section 4.2): rounding the weights shifts the mean of an output by the sum of input mean times
    /// weight error, which the digital bias takes back where calibration measured the means.</summary>
    internal static ImmutableArray<float> CorrectedBias(AnalogLayer<FloatMatrix> layer, QuantizedMatrix quantized, WeightsDescription weights)
    {
        if (quantized.Codes is not { } codes || layer.InputMeans.IsEmpty)
        {
            return layer.Bias;
        }

        double maxCode = (1 << (weights.Bits!.Value - 1)) - 1;
        var matrix = layer.Weights;
        double[] shifts = new double[matrix.Groups * matrix.Columns];
        Parallel.For(0, shifts.Length, column =>
        {
            var (group, n) = Math.DivRem(column, matrix.Columns);
            for (int k = 0; k < matrix.Rows; k++)
            {
                double error = (quantized.ScaleOf(group, n) * codes[quantized.Index(group, k, n)] / maxCode) - matrix[group, k, n];
                shifts[column] += layer.InputMeans[(group * matrix.Rows) + k] * error;
            }
        });

        return [.. shifts.Select((shift, i) => (float)((layer.Bias.IsEmpty ? 0 : layer.Bias[i]) - shift))];
    }

    /// <param name="matrix">The weights.</param>
    /// <param name="weights">The chip's codes.</param>
    /// <param name="lowestCode">Where it is not the opposite of the largest: the lowest code that cells can hold.</param>
    public static QuantizedMatrix Quantize(FloatMatrix matrix, WeightsDescription weights, int? lowestCode = null)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentNullException.ThrowIfNull(weights);
        float[] scales = Scales(matrix, weights.Scale);
        int[] multiples = Multiples(matrix, scales, weights, lowestCode);
        short[]? codes = weights.Bits is null ? null : new short[matrix.Stored.Length];
        float[]? contents = weights.Bits is null ? new float[matrix.Stored.Length] : null;
        double maxCode = weights.Bits is { } bits ? (1 << (bits - 1)) - 1 : 1;
        ForEachPiece(matrix, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (group, rows, columns) =>
        {
            int first = group * matrix.Columns;
            for (int k = rows.Start; k < rows.End; k++)
            {
                int index = ((group * matrix.Rows) + k) * matrix.Columns;
                for (int n = columns.Start; n < columns.End; n++)
                {
                    float value = matrix.IsColumnMajor ? matrix.Stored[((first + n) * matrix.Rows) + k] : matrix.Stored[index + n];
                    float scale = scales[scales.Length == 1 ? 0 : first + n];
                    int multiple = multiples.Length == 0 ? 0 : multiples[first + n];
                    if (codes is null)
                    {
                        contents![index + n] = value / scale;
                    }
                    else
                    {
                        codes[index + n] = multiple > 0
                            ? (short)(multiple * Math.Round(value / (double)matrix.Steps[first + n]))
                            : (short)Math.Round(value / (double)scale * maxCode, MidpointRounding.ToEven);
                    }
                }
            }
        });
        return new QuantizedMatrix(matrix.Groups, matrix.Rows, matrix.Columns, [.. scales], codes, contents);
    }

    /// <summary>Where weights are integer multiples of a step and the chip has codes for them all, each code is the integer times the largest whole number that fits: nothing
    /// is rounded again. Sets the scales of such columns.</summary>
    /// <returns>The multiples, groups x columns, 0 = the column is rounded; empty = every column is.</returns>
    private static int[] Multiples(FloatMatrix matrix, float[] scales, WeightsDescription weights, int? lowestCode)
    {
        if (matrix.Steps.IsEmpty || weights.Bits is not { } bits)
        {
            return [];
        }

        int maxCode = (1 << (bits - 1)) - 1;
        int lowest = -(lowestCode ?? -maxCode);
        int columns = matrix.Groups * matrix.Columns;
        int[] multiples = new int[columns];
        int[] largest = new int[columns];
        int[] smallest = new int[columns];
        ForEachPiece(matrix, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (group, rows, range) =>
        {
            for (int n = range.Start; n < range.End; n++)
            {
                int column = (group * matrix.Columns) + n;
                for (int k = rows.Start; k < rows.End && matrix.Steps[column] > 0; k++)
                {
                    int integer = (int)Math.Round(matrix[group, k, n] / (double)matrix.Steps[column]);
                    (largest[column], smallest[column]) = (Math.Max(largest[column], integer), Math.Min(smallest[column], integer));
                }
            }
        });

        if (scales.Length == 1)
        {
            // One scale for all asks for one step and one multiple.
            if (matrix.Steps.Distinct().ToArray() is not [> 0])
            {
                return [];
            }

            (int top, int bottom) = (largest.Max(), smallest.Min());
            Array.Fill(largest, top);
            Array.Fill(smallest, bottom);
        }

        for (int c = 0; c < columns; c++)
        {
            int above = maxCode / Math.Max(1, largest[c]);
            int below = smallest[c] < 0 ? lowest / -smallest[c] : above;
            int multiple = Math.Min(above, below);
            if (matrix.Steps[c] > 0 && multiple >= 1 && (largest[c] > 0 || smallest[c] < 0))
            {
                multiples[c] = multiple;
                scales[scales.Length == 1 ? 0 : c] = (float)(matrix.Steps[c] * (double)maxCode / multiple);
            }
        }

        return multiples;
    }

    private static float[] Scales(FloatMatrix matrix, WeightScale kind)
    {
        float[] largest = new float[matrix.Groups * matrix.Columns];
        ForEachPiece(matrix, [MethodImpl(MethodImplOptions.AggressiveOptimization)] (group, rows, columns) =>
        {
            int first = group * matrix.Columns;
            for (int n = columns.Start; matrix.IsColumnMajor && n < columns.End; n++)
            {
                foreach (float value in matrix.Stored.AsSpan(((first + n) * matrix.Rows) + rows.Start, rows.End - rows.Start))
                {
                    largest[first + n] = Math.Max(largest[first + n], Math.Abs(value));
                }
            }

            for (int k = rows.Start; !matrix.IsColumnMajor && k < rows.End; k++)
            {
                int index = ((group * matrix.Rows) + k) * matrix.Columns;
                for (int n = columns.Start; n < columns.End; n++)
                {
                    largest[first + n] = Math.Max(largest[first + n], Math.Abs(matrix.Stored[index + n]));
                }
            }
        });
        float[] scales = kind == WeightScale.Matrix ? [largest.Max()] : largest;

        // A column of zeros has any scale. So has one of denormals: below the smallest normal number a quotient would not be exact.
        for (int i = 0; i < scales.Length; i++)
        {
            scales[i] = scales[i] < 1.17549435e-38f ? 1 : scales[i];
        }

        return scales;
    }

    /// <summary>Visits every element in pieces that a cache holds, several at a time; those of one column come one after the other, the upper rows first.</summary>
    private static void ForEachPiece(FloatMatrix matrix, Action<int, (int Start, int End), (int Start, int End)> visit)
    {
        int strips = (matrix.Columns + ColumnsOfPiece - 1) / ColumnsOfPiece;
        Parallel.For(0, matrix.Groups * strips, strip =>
        {
            int column = strip % strips * ColumnsOfPiece;
            for (int row = 0; row < matrix.Rows; row += RowsOfPiece)
            {
                visit(strip / strips, (row, Math.Min(matrix.Rows, row + RowsOfPiece)), (column, Math.Min(matrix.Columns, column + ColumnsOfPiece)));
            }
        });
    }
}

using System.Collections.Immutable;
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
    public static AnalogGraph<QuantizedMatrix> Run(AnalogGraph<FloatMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        var quantized = graph.Select(layer => Quantize(layer.Weights, chip.Tile.Weights));
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
        int index = 0;
        for (int row = 0; row < matrix.Groups * matrix.Rows; row++)
        {
            int group = row / matrix.Rows;
            for (int n = 0; n < matrix.Columns; n++, index++)
            {
                double error = (quantized.ScaleOf(group, n) * codes[index] / maxCode) - matrix.Values[index];
                shifts[(group * matrix.Columns) + n] += layer.InputMeans[row] * error;
            }
        }

        return [.. shifts.Select((shift, i) => (float)((layer.Bias.IsEmpty ? 0 : layer.Bias[i]) - shift))];
    }

    public static QuantizedMatrix Quantize(FloatMatrix matrix, WeightsDescription weights)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        ArgumentNullException.ThrowIfNull(weights);
        float[] scales = Scales(matrix, weights.Scale);
        short[]? codes = weights.Bits is null ? null : new short[matrix.Values.Length];
        float[]? contents = weights.Bits is null ? new float[matrix.Values.Length] : null;
        double maxCode = weights.Bits is { } bits ? (1 << (bits - 1)) - 1 : 1;
        int index = 0;
        for (int g = 0; g < matrix.Groups; g++)
        {
            for (int k = 0; k < matrix.Rows; k++)
            {
                for (int n = 0; n < matrix.Columns; n++, index++)
                {
                    float scale = scales.Length == 1 ? scales[0] : scales[(g * matrix.Columns) + n];
                    if (codes is not null)
                    {
                        codes[index] = (short)Math.Round(matrix.Values[index] / (double)scale * maxCode, MidpointRounding.ToEven);
                    }
                    else
                    {
                        contents![index] = matrix.Values[index] / scale;
                    }
                }
            }
        }

        return new QuantizedMatrix(matrix.Groups, matrix.Rows, matrix.Columns, [.. scales], codes, contents);
    }

    private static float[] Scales(FloatMatrix matrix, WeightScale kind)
    {
        float[] scales = new float[kind == WeightScale.Matrix ? 1 : matrix.Groups * matrix.Columns];
        int index = 0;
        for (int g = 0; g < matrix.Groups; g++)
        {
            for (int k = 0; k < matrix.Rows; k++)
            {
                for (int n = 0; n < matrix.Columns; n++, index++)
                {
                    ref float scale = ref scales[kind == WeightScale.Matrix ? 0 : (g * matrix.Columns) + n];
                    scale = Math.Max(scale, Math.Abs(matrix.Values[index]));
                }
            }
        }

        // A column of zeros has any scale. So has one of denormals: below the smallest normal number a quotient would not be exact.
        for (int i = 0; i < scales.Length; i++)
        {
            scales[i] = scales[i] < 1.17549435e-38f ? 1 : scales[i];
        }

        return scales;
    }
}

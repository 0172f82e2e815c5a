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
        float[] elements = matrix.Stored.Floats;
        double[] shifts = new double[matrix.Groups * matrix.Columns];
        Parallel.For(0, shifts.Length, column =>
        {
            var (group, n) = Math.DivRem(column, matrix.Columns);
            for (int k = 0; k < matrix.Rows; k++)
            {
                double error = (quantized.ScaleOf(group, n) * codes[quantized.Index(group, k, n)] / maxCode) - elements[matrix.Index(group, k, n)];
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
        return new Quantization(matrix, weights, lowestCode).Run();
    }
}

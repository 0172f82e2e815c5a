using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gives weights the chip's sign encoding: a differential pair, or an offset that is corrected digitally or by a unit column, or distances from a center for each column.
/// <code>
/// before:  codes [ -3 ]                    after (offset_digital, 4 bits):  codes [ -3 ] + 8
/// before:  codes [ 4, 6, 5 ]               after (center_offset):           center 5, distances [ -1, 1, 0 ]
/// </code></summary>
public static class Encode
{
    public static AnalogGraph<EncodedMatrix> Run(AnalogGraph<QuantizedMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        var encoding = WeightEncoding.Of(chip.Tile);
        return graph.Select(layer => new EncodedMatrix(layer.Weights, encoding) { Centers = encoding.HasCenters ? Centers(layer.Weights, encoding) : [] });
    }

    internal static ImmutableArray<int> Centers(QuantizedMatrix matrix, WeightEncoding encoding)
    {
        int[] centers = new int[matrix.Groups * matrix.Columns];
        int lowest = -encoding.MaxCode - 1;
        Parallel.For(0, centers.Length, column =>
        {
            int[] occurrences = new int[2 * -lowest];
            for (int row = 0; row < matrix.Rows; row++)
            {
                occurrences[matrix.Codes![matrix.Index(column / matrix.Columns, row, column % matrix.Columns)] - lowest]++;
            }

            centers[column] = encoding.Center(occurrences);
        });
        return [.. centers];
    }
}

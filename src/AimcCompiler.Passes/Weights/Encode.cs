using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gives weights the chip's sign encoding: a differential pair, or an offset that is corrected digitally or by a unit column.
/// <code>
/// before:  codes [ -3 ]                    after (offset_digital, 4 bits):  codes [ -3 ] + 8
/// </code></summary>
public static class Encode
{
    public static AnalogGraph<EncodedMatrix> Run(AnalogGraph<QuantizedMatrix> graph, ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        var encoding = WeightEncoding.Of(chip.Tile);
        return graph.Select(layer => new EncodedMatrix(layer.Weights, encoding));
    }
}

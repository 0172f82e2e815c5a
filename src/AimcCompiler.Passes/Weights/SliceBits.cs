using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Cuts every encoded weight into digits that a cell can hold, least significant first.
/// <code>
/// before:  codes [ -74 ]                   after (signed digits, 2 bits a cell):  digits [ -2, -2, 0, -1 ]
/// </code></summary>
public static class SliceBits
{
    public static AnalogGraph<SlicedMatrix> Run(AnalogGraph<EncodedMatrix> graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph.Select(layer => new SlicedMatrix(layer.Weights));
    }
}

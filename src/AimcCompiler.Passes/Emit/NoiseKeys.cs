using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>The numbers that key a layer's noise: made from the node's index in the model file alone, so that no option or placement changes the draws.</summary>
internal static class NoiseKeys
{
    /// <summary>Keys below it are nodes, those from it on further products of nodes.</summary>
    private const int FirstOfParts = 1 << 19;

    /// <summary>Products of one node.</summary>
    private const int PartsOfNode = 8;

    /// <exception cref="DiagnosticException">The model has more nodes than there are keys.</exception>
    public static int Of(NodeId origin, int part)
    {
        long key = part == 0 ? origin.Value : FirstOfParts + ((long)origin.Value * PartsOfNode) + part;
        return part < PartsOfNode && key < (part == 0 ? FirstOfParts : 2 * FirstOfParts)
            ? (int)key
            : throw new DiagnosticException(
                Descriptors.NotMappable, $"node {origin}", $"is number {origin.Value} of the model; products of nodes up to {(part == 0 ? FirstOfParts : FirstOfParts / PartsOfNode) - 1} have noise of their own", "--digital NODE");
    }
}

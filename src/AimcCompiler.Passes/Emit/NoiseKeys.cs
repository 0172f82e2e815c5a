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

    /// <summary>Parts of one divided matrix.</summary>
    internal const int PartsOfMatrix = 64;

    /// <summary>Parts of a divided matrix have keys that no node of the model has.</summary>
    /// <param name="nodes">Nodes of the model: their numbers are below.</param>
    public static bool HasDivisions(int nodes) => nodes * (PartsOfMatrix + 1L) < FirstOfParts;

    /// <param name="origin">The model's node.</param>
    /// <param name="part">Of its matrix; the first has the key of the node.</param>
    /// <param name="nodes">Nodes of the model, few enough for <see cref="HasDivisions"/>.</param>
    public static int OfDivision(NodeId origin, int part, int nodes) => part == 0 ? Of(origin, 0) : nodes + (origin.Value * PartsOfMatrix) + part;

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

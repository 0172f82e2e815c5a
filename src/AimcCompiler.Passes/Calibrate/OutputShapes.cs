using System.Collections.Immutable;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A model's outputs are what a run shows, not what the file declares of them: ONNX Runtime runs a model whose declaration is wrong, too.
/// <code>
/// before:  graph(...) -> %y: Float 1x4294967296        after:  graph(...) -> %y: Float 1x10
/// </code></summary>
public static class OutputShapes
{
    /// <param name="graph">With the facts of a run.</param>
    public static Graph Settle(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var outputs = graph.Header.Outputs.Select(p => Settle(p, graph.Facts.GetValueOrDefault(p.Name))).ToImmutableArray();
        return outputs.Zip(graph.Header.Outputs).All(p => ReferenceEquals(p.First, p.Second))
            ? graph
            : new Graph(graph.Header with { Outputs = outputs }, graph.Nodes, graph.Constants, graph.Facts, graph.Steps);
    }

    private static GraphPort Settle(GraphPort port, ValueFacts? facts)
    {
        if (port.Shape.IsDefault || facts is not { HasRank: true })
        {
            return port;
        }

        if (port.Shape.Length != facts.Shape.Length)
        {
            return port with { Shape = facts.Declared, Symbols = [.. facts.Declared.Select(_ => "")] };
        }

        bool IsContradicted(int axis) => port.Shape[axis] >= 0 && facts.Shape[axis] >= 0 && port.Shape[axis] != facts.Shape[axis] && port.Shape[axis] != facts.Declared[axis];
        return Enumerable.Range(0, port.Shape.Length).Any(IsContradicted)
            ? port with { Shape = [.. port.Shape.Select((d, i) => IsContradicted(i) ? facts.Declared[i] : d)] }
            : port;
    }
}

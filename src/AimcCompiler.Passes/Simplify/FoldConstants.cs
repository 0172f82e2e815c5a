using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Replaces nodes that read only constants by their results, which ONNX Runtime computes. What hides a weight (Constant, Identity,
/// Reshape, Transpose, Cast, DequantizeLinear, ...) goes away here.
/// <code>
/// before:  %wt = Transpose(#w) {perm=1,0}      after:  %y = MatMul(%x, #wt)
///          %y  = MatMul(%x, %wt)
/// </code></summary>
public static class FoldConstants
{
    /// <summary>A folded result may be at most this much larger than what it is made from.</summary>
    private const long MaximumGrowth = 1L << 22;

    private static readonly HashSet<string> NotDeterministic = new(StringComparer.Ordinal)
    {
        "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout",
    };

    /// <summary>Operators whose results are not tensors: one of them would spoil the run that folds the others.</summary>
    private static bool MakesTensors(Node node) =>
        !node.OpType.StartsWith("Sequence", StringComparison.Ordinal) && !node.OpType.StartsWith("Optional", StringComparison.Ordinal) && node.OpType != "SplitToSequence";

    public static Graph Run(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return Fold(graph) ?? graph;
    }

    /// <summary>Null when ONNX Runtime cannot fold alone; the profiling run of the whole model reports that with its place.</summary>
    private static Graph? Fold(Graph graph)
    {
        HashSet<string> constant = new(graph.Constants.Keys, StringComparer.Ordinal);
        var packed = PackedValues.Find(graph);
        List<Node> folded = [];
        foreach (var node in graph.Nodes)
        {
            if (IsFoldable(node) && node.Reads.All(constant.Contains))
            {
                folded.Add(node);
                constant.UnionWith(node.Writes);
            }
        }

        if (folded.Count == 0)
        {
            return graph;
        }

        // What a session cannot give out stays to be computed where it is read, also where others fold over it.
        var ids = folded.Select(n => n.Id).ToHashSet();
        for (int i = folded.Count - 1; i >= 0; i--)
        {
            if (folded[i].Writes.Any(v => packed.Contains(v) && (graph.IsOutput(v) || !graph.ConsumersOf(v).All(ids.Contains))))
            {
                ids.Remove(folded[i].Id);
            }
        }

        if (ids.Count == 0)
        {
            return graph;
        }

        string[] wanted = [.. folded.Where(n => ids.Contains(n.Id)).SelectMany(n => n.Writes).Where(v => graph.IsOutput(v) || graph.ConsumersOf(v).Any(c => !ids.Contains(c)))];
        if (wanted.Length == 0)
        {
            return graph.With(nodes: [.. graph.Nodes.Where(n => !ids.Contains(n.Id))]);
        }

        long before = graph.Constants.Values.Sum(c => c.Count);
        if (ValueBudget.Largest(graph, folded) > before + MaximumGrowth)
        {
            return graph;
        }

        IReadOnlyList<Tensor> results;
        try
        {
            using DigitalSession session = new(ModelWriter.Lend(graph, folded, [], wanted), new DigitalOptions(Optimize: false));
            results = session.Run(new Dictionary<string, Tensor>(), wanted);
        }
        catch (DigitalException)
        {
            return null;
        }

        if (results.Sum(r => r.Count) > before + MaximumGrowth)
        {
            return graph;
        }

        var constants = graph.Constants.ToBuilder();
        var steps = graph.Steps.ToBuilder();
        for (int i = 0; i < wanted.Length; i++)
        {
            constants[wanted[i]] = results[i];
            if (StepsOf(graph, wanted[i], ids) is { IsEmpty: false } found)
            {
                steps[wanted[i]] = found;
            }
        }

        Node[] rest = [.. graph.Nodes.Where(n => !ids.Contains(n.Id))];
        var used = rest.SelectMany(n => n.Reads).Concat(graph.Header.Outputs.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
        constants.RemoveRange([.. constants.Keys.Where(k => !used.Contains(k))]);
        return graph.With([.. rest], constants.ToImmutable(), steps: steps.ToImmutable());
    }

    /// <summary>The scales of the DequantizeLinear that a folded value comes from over operators that only move or convert elements.</summary>
    private static ImmutableArray<float> StepsOf(Graph graph, string value, HashSet<NodeId> folded)
    {
        while (graph.ProducerOf(value) is { Domain: "" } node && folded.Contains(node.Id))
        {
            if (node.Is("DequantizeLinear"))
            {
                return graph.Constants.GetValueOrDefault(node.Inputs[1]) is { } scale && Tensor.IsFloating(scale.Type) ? [.. scale.ToFloats()] : [];
            }

            if (node.OpType is not ("Reshape" or "Transpose" or "Flatten" or "Squeeze" or "Unsqueeze" or "Identity" or "Cast"))
            {
                return [];
            }

            value = node.Inputs[0];
        }

        return graph.Steps.GetValueOrDefault(value, []);
    }

    private static bool IsFoldable(Node node) => !NotDeterministic.Contains(node.OpType) && node.Captured.IsEmpty && node.Writes.Any() && MakesTensors(node);
}

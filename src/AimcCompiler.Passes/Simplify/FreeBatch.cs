using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Proves, node by node, that the samples of a batch do not meet, and opens a batch that the model fixes to 1. A target shape of a Reshape
/// that names the batch's 1 is written anew. What is not proven stays as it is and runs sample by sample.
/// <code>
/// before:  graph(%x: Float 1x8x4x4)                 after:  graph(%x: Float ?x8x4x4)
///          %y = Reshape(%x, #s = [1, 128])                  %y = Reshape(%x, #s' = [0, 128])
/// </code></summary>
public static class FreeBatch
{
    /// <summary>The name that an opened batch has in the model's inputs and outputs.</summary>
    private const string Symbol = "batch";

    public static CalibratedGraph Run(CalibratedGraph calibrated, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(calibrated);
        ArgumentNullException.ThrowIfNull(options);
        var graph = calibrated.Graph;
        var analysis = BatchAnalysis.Of(graph);
        if (analysis.Objection is { } objection)
        {
            options.Progress?.Invoke($"free-batch: {objection}");
            return calibrated;
        }

        var constants = graph.Constants.ToBuilder();
        var facts = graph.Facts.ToBuilder();
        Dictionary<NodeId, Node> changed = [];
        foreach (var (id, target) in analysis.Targets)
        {
            var node = graph[id];
            string name = $"{node.Outputs[0]}::shape";
            while (constants.ContainsKey(name) || graph.ProducerOf(name) is not null || graph.Header.Inputs.Any(i => i.Name == name))
            {
                name += "'";
            }

            var tensor = Tensor.FromInt64([.. target], target.Length);
            constants[name] = tensor;
            facts[name] = new ValueFacts(tensor.Type, tensor.Shape);
            changed.Add(id, node with { Inputs = node.Inputs.SetItem(1, name) });
        }

        foreach (var (value, axis) in analysis.Axes)
        {
            if (facts.TryGetValue(value, out var known) && known.HasRank)
            {
                facts[value] = known with { Declared = known.Declared.SetItem(axis, -1) };
            }
        }

        var header = graph.Header with
        {
            Inputs = [.. graph.Header.Inputs.Select(Open)],
            Outputs = [.. graph.Header.Outputs.Select(Open)],
            SamplesAreIndependent = true,
        };
        var nodes = graph.Nodes.Select(n => changed.GetValueOrDefault(n.Id, n)).ToImmutableArray();
        var used = nodes.SelectMany(n => n.Reads).Concat(header.Outputs.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
        constants.RemoveRange([.. constants.Keys.Where(k => !used.Contains(k) && graph.ConsumersOf(k).Count > 0)]);
        return calibrated with { Graph = new Graph(header, nodes, constants.ToImmutable(), facts.ToImmutable(), calibrated.Graph.Steps) };
    }

    private static GraphPort Open(GraphPort port)
    {
        if (port.Shape.IsDefaultOrEmpty || port.Shape[0] < 0)
        {
            return port;
        }

        // An output whose first extent is not the batch's 1 alone follows it: it has no name of its own.
        bool isBatch = port.Shape[0] == 1;
        string[] symbols = [.. port.Shape.Select((_, i) => i < port.Symbols.Length ? port.Symbols[i] : "")];
        symbols[0] = isBatch ? Symbol : "";
        return port with { Shape = port.Shape.SetItem(0, -1), Symbols = [.. symbols] };
    }
}

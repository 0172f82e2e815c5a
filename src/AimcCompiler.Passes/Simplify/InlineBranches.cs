using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Replaces every <c>If</c> whose condition is known by the nodes of the branch it takes, and folds again, until nothing changes. What a
/// condition takes from the shape of a value is known where ONNX Runtime infers that shape for every input.
/// <code>
/// before:  %y = If(#true) captures(%x)                      after:  %y = Conv(%x, #w)
///             then: Conv(%x, #w)   else: Relu(%x)
/// </code></summary>
public static class InlineBranches
{
    public static Graph Run(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        for (bool hasChanged = false; ; hasChanged = true)
        {
            var known = Known(graph);
            if (known.Count == 0)
            {
                var shaped = FoldShapes(graph);
                known = ReferenceEquals(shaped, graph) ? known : Known(shaped);
                if (known.Count == 0)
                {
                    // What only served conditions goes too.
                    return hasChanged ? graph.With(LeadingTo(graph, graph.Header.Outputs.Select(o => o.Name))) : graph;
                }

                graph = shaped;
            }

            graph = FoldConstants.Run(BranchInliner.Inline(graph, known));
        }
    }

    /// <summary>The nodes that lead to values, in order.</summary>
    private static ImmutableArray<Node> LeadingTo(Graph graph, IEnumerable<string> values)
    {
        HashSet<NodeId> needed = [];
        Stack<Node> open = new(values.Select(graph.ProducerOf).OfType<Node>());
        while (open.TryPop(out var node))
        {
            if (needed.Add(node.Id))
            {
                foreach (var before in graph.Predecessors(node.Id))
                {
                    open.Push(before);
                }
            }
        }

        return [.. graph.Nodes.Where(n => needed.Contains(n.Id))];
    }

    private static IEnumerable<Node> Branches(Graph graph) => graph.Nodes.Where(n => n.Is("If") && n.Inputs.Length == 1);

    private static Dictionary<NodeId, bool> Known(Graph graph)
    {
        Dictionary<NodeId, bool> known = [];
        foreach (var node in Branches(graph))
        {
            if (graph.Constants.TryGetValue(node.Inputs[0], out var condition) && condition.Data is bool[] { Length: 1 } flags)
            {
                known.Add(node.Id, flags[0]);
            }
        }

        return known;
    }

    /// <summary>The same graph with constants for what the conditions read of known shapes; itself when there is none.</summary>
    private static Graph FoldShapes(Graph graph)
    {
        Dictionary<NodeId, Node> slice = [];
        Stack<Node> open = new(Branches(graph).Select(b => graph.ProducerOf(b.Inputs[0])).OfType<Node>());
        while (open.TryPop(out var node))
        {
            // The values of a shape end the slice: what they are computed from does not matter.
            if (slice.TryAdd(node.Id, node) && !IsShape(node))
            {
                foreach (var before in graph.Predecessors(node.Id))
                {
                    open.Push(before);
                }
            }
        }

        var shapes = slice.Values.Where(IsShape).ToList();
        if (shapes.Count == 0)
        {
            return graph;
        }

        var extents = Extents(graph, [.. shapes.Select(s => s.Inputs[0]).Distinct(StringComparer.Ordinal)]);
        var constants = graph.Constants.ToBuilder();
        HashSet<NodeId> removed = [];
        foreach (var shape in shapes.Where(s => extents.ContainsKey(s.Inputs[0])).OrderBy(s => s.Id))
        {
            var dims = extents[shape.Inputs[0]];
            if (shape.Is("Size"))
            {
                if (!dims.Contains(-1))
                {
                    Replace(shape, Tensor.FromInt64([Tensor.CountOf(dims)]));
                }

                continue;
            }

            long[] values = [.. Range(shape, dims)];
            if (!values.Contains(-1))
            {
                Replace(shape, Tensor.FromInt64(values, values.Length));
                continue;
            }

            // A condition may pick extents that are known out of a shape that is not known in full.
            foreach (var pick in graph.ConsumersOf(shape.Outputs[0]).Select(c => graph[c]).Where(c => c.Is("Gather") && slice.ContainsKey(c.Id)))
            {
                if (pick.Inputs[0] == shape.Outputs[0] && graph.Constants.TryGetValue(pick.Inputs[1], out var tensor) && Picked(tensor, values) is { } picked)
                {
                    Replace(pick, new Tensor(TensorType.Int64, tensor.Shape, picked));
                }
            }
        }

        return removed.Count == 0 ? graph : FoldConstants.Run(graph.With([.. graph.Nodes.Where(n => !removed.Contains(n.Id))], constants.ToImmutable()));

        void Replace(Node node, Tensor value)
        {
            if (removed.Add(node.Id))
            {
                constants[node.Outputs[0]] = value;
            }
        }
    }

    private static bool IsShape(Node node) => (node.Is("Shape") || node.Is("Size")) && node.Inputs.Length == 1 && node.Outputs.Length == 1;

    /// <summary>The extents that a Shape node gives: from its start to its end.</summary>
    private static ImmutableArray<long> Range(Node shape, ImmutableArray<long> dims)
    {
        int start = At(shape.Int("start", 0));
        int end = At(shape.Int("end", dims.Length));
        return start < end ? dims[start..end] : [];

        int At(long axis) => (int)Math.Clamp(axis < 0 ? axis + dims.Length : axis, 0, dims.Length);
    }

    private static long[]? Picked(Tensor indices, long[] values)
    {
        long[]? at = indices.Data switch
        {
            long[] a => a,
            int[] a => Array.ConvertAll(a, i => (long)i),
            _ => null,
        };
        at = at is null ? null : Array.ConvertAll(at, i => i < 0 ? i + values.Length : i);
        return at is null || at.Any(i => i < 0 || i >= values.Length || values[i] < 0) ? null : Array.ConvertAll(at, i => values[i]);
    }

    /// <summary>What ONNX Runtime infers of shapes before it runs: it holds for every input. -1 = follows the input; no entry = nothing known.</summary>
    private static Dictionary<string, ImmutableArray<long>> Extents(Graph graph, string[] values)
    {
        Dictionary<string, ImmutableArray<long>> extents = new(StringComparer.Ordinal);
        foreach (var port in graph.Header.Inputs.Where(p => values.Contains(p.Name) && !p.Shape.IsDefault))
        {
            extents[port.Name] = port.Shape;
        }

        string[] computed = [.. values.Where(v => graph.ProducerOf(v) is not null)];
        if (computed.Length == 0)
        {
            return extents;
        }

        var nodes = LeadingTo(graph, computed);
        string[] inputs = [.. graph.Header.Inputs.Select(i => i.Name).Where(nodes.SelectMany(n => n.Reads).ToHashSet(StringComparer.Ordinal).Contains)];
        try
        {
            using DigitalSession session = new(ModelWriter.Lend(graph, nodes, inputs, computed), new DigitalOptions(Optimize: false));
            // Empty = a scalar, or a rank that is not known.
            foreach (var port in session.Outputs.Where(o => !o.Shape.IsEmpty))
            {
                extents[port.Name] = port.Shape;
            }
        }
        catch (DigitalException)
        {
            // The profiling run of the whole model reports that with its place.
        }

        return extents;
    }
}

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A graph of which every node has its home.</summary>
public sealed record PartitionedGraph(CalibratedGraph Calibrated, ImmutableDictionary<NodeId, NodeHome> Homes)
{
    public Graph Graph => Calibrated.Graph;
}

/// <summary>Decides for every node: analog tile, digital unit or host, with the reason.
/// <code>
/// before:  %c = Conv(%x, #w)              after:  %c = Conv(%x, #w)   -> analog
///          %s = Softmax(%c)                       %s = Softmax(%c)    -> digital (NotAnMvm)
/// </code></summary>
public static class PartitionGraph
{
    internal static readonly HashSet<string> HostOps = new(StringComparer.Ordinal)
    {
        "If", "Loop", "Scan", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceLength", "SequenceMap",
        "SplitToSequence", "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "StringNormalizer", "StringConcat", "StringSplit",
        "RegexFullMatch", "TfIdfVectorizer", "LabelEncoder", "NonMaxSuppression", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
        "Multinomial", "Bernoulli", "ZipMap", "DictVectorizer", "CategoryMapper",
    };

    /// <param name="calibrated">The graph.</param>
    /// <param name="options">The user's choices.</param>
    /// <param name="diagnostics">Takes findings.</param>
    /// <param name="unplaced">Nodes for which the chip has no tiles.</param>
    /// <param name="zeros">Nodes whose weights are all zero.</param>
    public static PartitionedGraph Run(
        CalibratedGraph calibrated, CompileOptions options, DiagnosticBag diagnostics, IReadOnlySet<NodeId>? unplaced = null, IReadOnlySet<NodeId>? zeros = null)
    {
        ArgumentNullException.ThrowIfNull(calibrated);
        ArgumentNullException.ThrowIfNull(options);
        var graph = calibrated.Graph;
        // A node that was taken apart keeps its name for the user; of what was made from it, products have names for him.
        var origins = graph.Nodes.Select(n => n.Origin).ToHashSet();
        var names = graph.Nodes.Where(n => n.MadeFrom is null || n.Part > 0).Select(n => n.Name).Concat(graph.Header.OriginalNodes.Where(n => origins.Contains(n.Id)).Select(n => n.Name)).ToHashSet(StringComparer.Ordinal);
        foreach (string name in options.Analog.Concat(options.Digital).Where(n => !names.Contains(n)))
        {
            string near = string.Join(", ", names.OrderBy(k => Math.Abs(k.Length - name.Length)).Where(k => k.Contains(name, StringComparison.OrdinalIgnoreCase) || IsPartOf(name, k)).Take(3));
            diagnostics.Add(
                Descriptors.UnknownNode,
                graph.Header.FileName,
                $"there is no node '{name}' after folding",
                near.Length > 0 ? $"one of: {near}" : "aimc dump MODEL.onnx lists the nodes");
        }

        var homes = ImmutableDictionary.CreateBuilder<NodeId, NodeHome>();
        foreach (var node in graph.Nodes)
        {
            var home = HomeOf(graph, node, options);
            if (options.Digital.Contains(node.Name)
                && (home.Home == Home.Analog || (home.Reason == FallbackReason.UnsupportedForm && ExpandMvms.HoldsProduct(graph, node, options))))
            {
                home = new NodeHome(Home.Digital, FallbackReason.ByRequest, "");
            }
            else if (unplaced?.Contains(node.Id) == true)
            {
                home = new NodeHome(Home.Digital, FallbackReason.DoesNotFit, "");
            }
            else if (zeros?.Contains(node.Id) == true)
            {
                home = new NodeHome(Home.Digital, FallbackReason.ZeroWeights, "");
            }
            else if (options.Analog.Contains(node.Name) && home.Home != Home.Analog && home.Reason != FallbackReason.Depthwise)
            {
                diagnostics.Add(Descriptors.NotMappable, $"{graph.Header.FileName}: node '{node.Name}' ({node.OpType})", home.Detail.Length > 0 ? home.Detail : FallbackReasons.Explain(home.Reason));
            }

            homes.Add(node.Id, home);
        }

        return new PartitionedGraph(calibrated, homes.ToImmutable());
    }

    /// <summary>The products in a recurrent operator's time loop are named after it, and come and go with it.</summary>
    private static bool IsPartOf(string name, string node) => name.StartsWith($"{node}/", StringComparison.Ordinal);

    private static NodeHome HomeOf(Graph graph, Node node, CompileOptions options)
    {
        if (HostOps.Contains(node.OpType) || !node.Captured.IsEmpty || node.Writes.Any(v => IsHostValue(graph, v)))
        {
            return new NodeHome(Home.Host, FallbackReason.HostOnly, "");
        }

        if (node.MadeFrom is not null && node.Part == 0 && !node.ReadsGates)
        {
            // Around a product that was taken out of its operator.
            return new NodeHome(Home.Digital, FallbackReason.NotAnMvm, "");
        }

        if (options.Depthwise == DepthwisePolicy.Digital && !options.Analog.Contains(node.Name) && MvmOperators.IsDepthwise(node, graph.Constants))
        {
            return new NodeHome(Home.Digital, FallbackReason.Depthwise, "");
        }

        string? objection = node switch
        {
            _ when node.Is("Conv") => Convolution(graph, node),
            _ when node.Is("Gemm") => Gemm(graph, node),
            _ when node.Is("MatMul") => MatMul(graph, node),
            { ReadsGates: true } => FactsOf(graph, node),
            _ => MvmOperators.Objection(graph, node) ?? "",
        };
        if (objection is null)
        {
            return new NodeHome(Home.Analog, FallbackReason.None, "");
        }

        return new NodeHome(
            Home.Digital,
            objection.Length == 0 ? FallbackReason.NotAnMvm : objection == MvmOperators.Dynamic ? FallbackReason.DynamicWeights : FallbackReason.UnsupportedForm,
            objection);
    }

    private const string ConstantActivation = "multiplies two constants";

    private static bool IsHostValue(Graph graph, string value) =>
        graph.Facts.TryGetValue(value, out var facts) && facts.Type is TensorType.Undefined or TensorType.String;

    /// <summary>Null when the node can be lowered, else why not.</summary>
    private static string? Convolution(Graph graph, Node node)
    {
        if (node.Inputs.Length < 2 || !graph.Constants.TryGetValue(node.Inputs[1], out var weights))
        {
            return MvmOperators.Dynamic;
        }

        if (graph.Constants.ContainsKey(node.Inputs[0]))
        {
            return ConstantActivation;
        }

        if (node.InputOrNull(2) is { } bias && !graph.Constants.ContainsKey(bias))
        {
            return "has a bias that is not constant";
        }

        int spatial = weights.Shape.Length - 2;
        return !Tensor.IsFloating(weights.Type) ? $"has weights of type {weights.Type}"
            : spatial is < 1 or > 3 ? $"has {spatial} spatial dimensions"
            : weights.Count == 0 ? "has no weights"
            : node.Int("group", 1) is var groups && (groups < 1 || weights.Shape[0] % groups != 0) ? $"has {groups} groups for {weights.Shape[0]} filters"
            : node.Ints("pads") is { } pads && pads.Any(p => p < 0) ? "has negative pads"
            : WindowBounds.Exceeded(node) is { } exceeded ? exceeded
            : FactsOf(graph, node) ?? Fits(graph, node.Inputs[0], 1, weights.Shape[1] * node.Int("group", 1))
                ?? WindowBounds.Contradicted(node, weights.Shape, graph.Facts[node.Inputs[0]].Shape, graph.Facts[node.Outputs[0]].Shape);
    }

    private static string? Gemm(Graph graph, Node node)
    {
        if (!graph.Constants.TryGetValue(node.Inputs[1], out var weights))
        {
            return graph.Constants.ContainsKey(node.Inputs[0]) ? "has its constant on the left" : MvmOperators.Dynamic;
        }

        if (graph.Constants.ContainsKey(node.Inputs[0]))
        {
            return ConstantActivation;
        }

        if (weights.Shape.Length != 2 || !Tensor.IsFloating(weights.Type) || weights.Count == 0)
        {
            return $"has weights {weights}";
        }

        long columns = node.Int("transB", 0) != 0 ? weights.Shape[0] : weights.Shape[1];
        if (node.InputOrNull(2) is { } bias && node.Float("beta", 1) != 0)
        {
            if (!graph.Constants.TryGetValue(bias, out var tensor))
            {
                return "has a bias that is not constant";
            }

            // One row of biases at most: a whole matrix of them would depend on the row.
            if (tensor.Count != 1 && !(tensor.Count == columns && tensor.Shape[^1] == columns))
            {
                return $"has a bias of shape {Tensor.Format(tensor.Shape)}, not one value a column";
            }
        }

        return FactsOf(graph, node)
            ?? Fits(graph, node.Inputs[0], node.Int("transA", 0) != 0 ? -2 : -1, node.Int("transB", 0) != 0 ? weights.Shape[1] : weights.Shape[0]);
    }

    private static string? MatMul(Graph graph, Node node)
    {
        bool right = graph.Constants.TryGetValue(node.Inputs[1], out var weights);
        if (!right && !graph.Constants.TryGetValue(node.Inputs[0], out weights))
        {
            return MvmOperators.Dynamic;
        }

        if (weights!.Shape.Length != 2 || !Tensor.IsFloating(weights.Type) || weights.Count == 0)
        {
            return $"has weights {weights}";
        }

        string other = node.Inputs[right ? 0 : 1];
        if (graph.Constants.ContainsKey(other))
        {
            return ConstantActivation;
        }

        if (!graph.Facts.TryGetValue(other, out var facts) || !facts.HasRank || (!right && facts.Shape.Length < 2))
        {
            return "has an activation whose rank does not fit";
        }

        return FactsOf(graph, node) ?? Fits(graph, other, right ? -1 : -2, weights.Shape[right ? 0 : 1]);
    }

    /// <summary>Shapes that were inferred and not seen in a run may contradict the weights: then ONNX Runtime says so when it runs.</summary>
    private static string? Fits(Graph graph, string value, int axis, long rows)
    {
        var shape = graph.Facts[value].Shape;
        int at = axis < 0 ? shape.Length + axis : axis;
        return at >= 0 && at < shape.Length && shape[at] == rows ? null : $"reads '{value}' of {Tensor.Format(shape)}, its weights take {rows} values";
    }

    private static string? FactsOf(Graph graph, Node node)
    {
        foreach (string value in node.Inputs.Take(2).Append(node.Outputs[0]).Where(v => !graph.Constants.ContainsKey(v)))
        {
            if (!graph.Facts.TryGetValue(value, out var facts) || !facts.HasShape || facts.Shape.Contains(0))
            {
                return $"reads or writes '{value}', whose shape is not known or empty";
            }

            if (facts.Type is not (TensorType.Float or TensorType.Float16 or TensorType.Double))
            {
                return $"reads or writes '{value}' of type {facts.Type}";
            }
        }

        return null;
    }
}

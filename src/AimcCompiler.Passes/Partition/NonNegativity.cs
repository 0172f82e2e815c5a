using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Which values can be proven never to be negative, from the operators alone: such activations use unsigned input codes.</summary>
public static class NonNegativity
{
    private static readonly HashSet<string> AlwaysNonNegative = new(StringComparer.Ordinal)
    {
        "Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Abs", "Exp", "ThresholdedRelu", "ReduceL1", "ReduceL2", "ReduceSumSquare",
    };

    /// <summary>Operators whose outputs are non-negative when their first input and all their floating-point ones are.</summary>
    private static readonly HashSet<string> Preserving = new(StringComparer.Ordinal)
    {
        "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool", "GlobalLpPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose",
        "Identity", "Dropout", "Concat", "Slice", "Split", "Gather", "Add", "Mul", "Max", "Min", "Sum", "Mean", "Sqrt", "ReduceMean", "ReduceMax", "ReduceSum",
        "ReduceMin", "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Upsample",
    };

    public static IReadOnlySet<string> Prove(Graph graph)
    {
        HashSet<string> proven = new(StringComparer.Ordinal);
        foreach (var (name, tensor) in graph.Constants)
        {
            if (Tensor.IsFloating(tensor.Type) && tensor.TrueForAll(AreNonNegative))
            {
                proven.Add(name);
            }
        }

        foreach (var node in graph.Nodes.Where(n => n.Domain.Length == 0))
        {
            bool holds = AlwaysNonNegative.Contains(node.OpType)
                || (node.OpType == "DequantizeLinear" && QuantizedRange.Of(graph, node.Outputs[0]) is { IsNonNegative: true })
                || (node.OpType == "Clip" && IsClippedAboveZero(graph, node))
                || (node.OpType == "Cast" && IsNonNegativeCast(graph, node, proven))
                || (node.OpType == "OneHot" && proven.Contains(node.Inputs[2]))
                || (Preserving.Contains(node.OpType) && proven.Contains(node.Inputs[0]) && node.Inputs.Where(v => IsFloating(graph, v)).All(proven.Contains));
            if (holds && (node.OpType != "ThresholdedRelu" || node.Float("alpha", 1) >= 0))
            {
                proven.UnionWith(node.Writes);
            }
        }

        return proven;
    }

    private static bool AreNonNegative(ReadOnlySpan<float> elements)
    {
        foreach (float element in elements)
        {
            if (!(element >= 0))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Both bounds: a maximum below the minimum wins.</summary>
    private static bool IsClippedAboveZero(Graph graph, Node node) =>
        Bound(graph, node, 1, "min", float.NegativeInfinity) >= 0 && Bound(graph, node, 2, "max", float.PositiveInfinity) >= 0;

    private static float Bound(Graph graph, Node node, int input, string attribute, float otherwise) =>
        node.InputOrNull(input) is not { } name ? node.Float(attribute, otherwise)
        : graph.Constants.TryGetValue(name, out var tensor) && tensor.Count == 1 ? tensor.ToFloats()[0]
        : float.NaN;

    /// <summary>To a floating-point type, from one or from a type without negative values; a cast to integers may wrap around.</summary>
    private static bool IsNonNegativeCast(Graph graph, Node node, HashSet<string> proven)
    {
        var source = graph.Facts.TryGetValue(node.Inputs[0], out var facts) ? facts.Type : TensorType.Undefined;
        return Tensor.IsFloating((TensorType)node.Int("to", 0))
            && (source is TensorType.Bool or TensorType.UInt8 or TensorType.UInt16 or TensorType.UInt32 or TensorType.UInt64
                || (Tensor.IsFloating(source) && proven.Contains(node.Inputs[0])));
    }

    private static bool IsFloating(Graph graph, string value) =>
        value.Length > 0 && (!graph.Facts.TryGetValue(value, out var facts) || Tensor.IsFloating(facts.Type));
}

using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>What digital nodes cost, from one nominal inference.</summary>
internal static class DigitalWork
{
    /// <summary>One operation per output element; products, pools and reductions count what each element takes, a multiply-accumulate as two.</summary>
    public static long Operations(Graph graph, Node node, NodeHome home)
    {
        if (home.Reason == FallbackReason.ZeroWeights)
        {
            return node.Writes.Sum(v => Elements(graph, v));
        }

        if (Macs(graph, node) is > 0 and var macs)
        {
            return 2 * macs;
        }

        // An overlap-add and a reduction add each of their inputs once; a recurrent operator that reads its gates selects them and does what its cells do.
        return IsOverlapAdd(node) || IsReduction(node) ? Elements(graph, node.Inputs[0]) : node.Writes.Sum(v => Elements(graph, v)) * PerElement(node);
    }

    /// <summary>Multiply-accumulates of a product that stays digital; 0 for other operators, and where shapes are not known.</summary>
    public static long Macs(Graph graph, Node node) => node.QualifiedOp switch
    {
        "MatMul" or "Gemm" or "MatMulInteger" or "QLinearMatMul" or "com.microsoft.FusedMatMul" or "com.microsoft.FusedGemm" or "com.microsoft.MatMulIntegerToFloat"
            or "com.microsoft.DynamicQuantizeMatMul" or "com.microsoft.MatMulNBits" or "com.microsoft.QGemm" => Product(graph, node),
        "ConvTranspose" when IsOverlapAdd(node) => 0,
        "Einsum" => Contraction(graph, node),
        "LSTM" or "GRU" or "RNN" => Recurrence(graph, node),
        "com.microsoft.Attention" or "com.microsoft.MultiHeadAttention" => Attention(graph, node),
        _ when MvmOperators.ConvolutionWeights(node) is >= 0 and var weights => Convolution(graph, node, weights),
        _ => 0,
    };

    /// <summary>The digital half of a transposed convolution whose product is on tiles.</summary>
    private static bool IsOverlapAdd(Node node) => node.Is("ConvTranspose") && node.MadeFrom is not null;

    private static bool IsReduction(Node node) => node.Domain.Length == 0 && (node.OpType is "GlobalAveragePool" or "GlobalMaxPool" or "GlobalLpPool" || node.OpType.StartsWith("Reduce", StringComparison.Ordinal));

    private static long Product(Graph graph, Node node)
    {
        bool transposed = node.Int("transA", 0) != 0;
        return Shape(graph, node.Inputs[0]) is { } left && left.Length > (transposed ? 1 : 0) ? Elements(graph, node.Outputs[0]) * left[transposed ? ^2 : ^1] : 0;
    }

    private static long Convolution(Graph graph, Node node, int input)
    {
        if (node.InputOrNull(input) is not { } weights || Shape(graph, weights) is not { Length: >= 2 } kernel || kernel[0] == 0)
        {
            return 0;
        }

        // A transposed convolution multiplies every input element with a filter of shape [channels out / group, kernel].
        long perElement = kernel.Skip(1).Aggregate(1L, (a, b) => a * b);
        return Elements(graph, node.OpType == "ConvTranspose" ? node.Inputs[0] : node.Outputs[0]) * perElement;
    }

    /// <summary>Every combination of labels is one product, as long as two operands meet.</summary>
    private static long Contraction(Graph graph, Node node)
    {
        string[] terms = node.String("equation", "").Replace(" ", "", StringComparison.Ordinal).Split("->")[0].Split(',');
        if (terms.Length != 2 || node.Inputs.Length != 2)
        {
            return 0;
        }

        Dictionary<char, long> extents = [];
        foreach (var (term, input) in terms.Zip(node.Inputs))
        {
            if (Shape(graph, input) is not { } shape || shape.Length != term.Length)
            {
                return 0;
            }

            foreach (var (label, extent) in term.Zip(shape))
            {
                extents[label] = extent;
            }
        }

        return extents.Values.Aggregate(1L, (a, b) => a * b);
    }

    /// <summary>Time steps x batch x (W and R of every direction); only R where the products of the inputs are read.</summary>
    private static long Recurrence(Graph graph, Node node)
    {
        if (Shape(graph, node.Inputs[0]) is not { Length: 3 } x || Shape(graph, node.Inputs[1]) is not { } w || Shape(graph, node.Inputs[2]) is not { } r)
        {
            return 0;
        }

        long weights = r.Aggregate(1L, (a, b) => a * b) + (node.ReadsGates ? 0 : w.Aggregate(1L, (a, b) => a * b));
        return x[0] * x[1] * weights;
    }

    /// <summary>Queries times keys and probabilities times values: 2 x batch x queries x keys x width; the projection too where it is not on tiles.</summary>
    private static long Attention(Graph graph, Node node)
    {
        if (Shape(graph, node.Inputs[0]) is not { Length: 3 } input || Shape(graph, node.Outputs[0]) is not { Length: 3 } output)
        {
            return 0;
        }

        long keys = node.OpType == "MultiHeadAttention" && node.InputOrNull(1) is { } key && Shape(graph, key) is { Length: 3 } k ? k[1] : input[1];
        long projection = node.OpType == "Attention" && node.MadeFrom is null && Shape(graph, node.Inputs[1]) is { Length: 2 } w ? input[0] * input[1] * w[0] * w[1] : 0;
        return (2 * output[0] * output[1] * keys * output[2]) + projection;
    }

    private static long[]? Shape(Graph graph, string value) => graph.Facts.TryGetValue(value, out var facts) && facts.HasShape ? [.. facts.Shape] : null;

    private static long Elements(Graph graph, string value) => Shape(graph, value)?.Aggregate(1L, (a, b) => a * b) ?? 0;

    private static long PerElement(Node node) => node.OpType switch
    {
        "MaxPool" or "AveragePool" => node.Ints("kernel_shape")?.Aggregate(1L, (a, b) => a * b) ?? 1,
        "Softmax" or "LayerNormalization" => 4,
        _ => 1,
    };
}

using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Operators that multiply activations with weights, wherever they run.</summary>
internal static class MvmOperators
{
    /// <summary>Which input holds the weights of a convolution; -1 = the operator is none.</summary>
    public static int ConvolutionWeights(Node node) => node.QualifiedOp switch
    {
        "Conv" or "ConvTranspose" or "ConvInteger" or "com.microsoft.FusedConv" => 1,
        "QLinearConv" => 3,
        _ => -1,
    };

    /// <summary>More than one group and one input channel in each.</summary>
    public static bool IsDepthwise(Node node, IReadOnlyDictionary<string, Tensor> constants)
    {
        int input = ConvolutionWeights(node);
        if (input < 0 || node.Int("group", 1) is not (> 1 and var groups) || node.InputOrNull(input) is not { } name || !constants.TryGetValue(name, out var weights))
        {
            return false;
        }

        return weights.Shape.Length >= 2 && (node.OpType == "ConvTranspose" ? weights.Shape[0] == groups : weights.Shape[1] == 1);
    }

    public const string Dynamic = "multiplies two activations; tiles hold constants";

    /// <summary>Why an operator that multiplies with weights was not taken apart into a product that tiles can do; null = it is no such operator.</summary>
    public static string? Objection(Graph graph, Node node)
    {
        int[]? weights = node.QualifiedOp switch
        {
            "ConvTranspose" or "ConvInteger" or "com.microsoft.FusedConv" or "DeformConv" or "com.microsoft.Attention" or "com.microsoft.QAttention" => [1],
            "LSTM" or "GRU" or "RNN" or "com.microsoft.DynamicQuantizeLSTM" => [1, 2],
            "QLinearConv" or "com.microsoft.QGemm" => [3],
            "QLinearMatMul" => [0, 3],
            "MatMulInteger" or "Einsum" or "com.microsoft.FusedMatMul" or "com.microsoft.FusedGemm" or "com.microsoft.MatMulNBits"
                or "com.microsoft.MatMulIntegerToFloat" or "com.microsoft.DynamicQuantizeMatMul" => [0, 1],
            "Attention" or "com.microsoft.MultiHeadAttention" or "com.microsoft.GroupQueryAttention" => [],
            _ => null,
        };
        if (weights is null)
        {
            return null;
        }

        if (!weights.Any(i => node.InputOrNull(i) is { } name && graph.Constants.ContainsKey(name)))
        {
            return Dynamic;
        }

        return node.QualifiedOp switch
        {
            "DeformConv" => "gathers its inputs at computed places",
            "Einsum" => $"is no matrix product of an activation of known rank and a constant: {node.String("equation", "")}",
            "LSTM" or "GRU" or "RNN" => "has weights that are not constant or not float, or activations that no cell of ours writes",
            "QLinearConv" or "QLinearMatMul" or "com.microsoft.QGemm" or "ConvInteger" or "MatMulInteger" or "com.microsoft.MatMulIntegerToFloat" =>
                "has scales, zero points or biases that are computed, or one for each vector",
            _ => "has weights in a form that is not taken apart",
        };
    }
}

using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>ONNX Runtime's fused attention.</summary>
internal static class AttentionForms
{
    private const int Mask = 3;
    private const int Past = 4;
    private const int Bias = 5;
    private const int PastLength = 6;

    /// <summary>The projection to queries, keys and values, with its bias, is one product; softmax and both dynamic products stay fused. Without past and with a mask that
    /// names keys they become MultiHeadAttention; every other form keeps its Attention, whose own projection is then the identity.</summary>
    public static bool Projection(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) || r.ConstantOf(1) is not { Shape.Length: 2 } weights || !LowerToMvm.IsRealType(weights.Type))
        {
            return false;
        }

        bool isPlain = node.InputOrNull(Past) is null && node.InputOrNull(PastLength) is null && node.Outputs.Skip(1).All(o => o.Length == 0)
            && node.Int("do_rotary", 0) == 0 && (node.InputOrNull(2) is null || r.IsConstant(2)) && Widths(r, weights) is not null;
        if (isPlain && node.InputOrNull(Mask) is { } mask)
        {
            // [batch] or [batch, keys]; asked again once ranks are known.
            if (r.FactsOf(mask) is not { } facts)
            {
                return false;
            }

            isPlain = facts is { HasRank: true, Shape: [_, _] } || (facts is { HasRank: true, Shape: [var lengths] } && r.FactsOf(node.Inputs[0]) is { HasShape: true, Shape: [var batch, _, _] } && lengths == batch);
        }

        string product = r.Mvm("MatMul", [node.Inputs[0], node.Inputs[1]]);
        if (isPlain)
        {
            MultiHead(r, product, Widths(r, weights)!);
            return true;
        }

        int width = checked((int)weights.Shape[1]);
        float[] identity = new float[width * width];
        for (int i = 0; i < width; i++)
        {
            identity[(i * width) + i] = 1;
        }

        r.EmitAs(node, [product, r.Constant("identity", Rewriting.Floating(weights.Type, identity, width, width)), .. node.Inputs.Skip(2)]);
        return true;
    }

    /// <summary>Columns of queries, keys and values; null = they do not fill the weights.</summary>
    private static long[]? Widths(Rewriting r, Tensor weights)
    {
        long[] widths = r.Node.Ints("qkv_hidden_sizes") is { Length: 3 } given ? [.. given] : [.. Enumerable.Repeat(weights.Shape[1] / 3, 3)];
        return widths.Sum() == weights.Shape[1] && widths.All(w => w > 0) && widths[0] == widths[1] ? widths : null;
    }

    private static void MultiHead(Rewriting r, string product, long[] widths)
    {
        var node = r.Node;
        if (node.InputOrNull(2) is { } bias)
        {
            product = r.Emit("Add", [product, bias]);
        }

        string[] parts = r.Split(product, widths, axis: 2);
        List<string> inputs = [.. parts, "", node.InputOrNull(Mask) ?? "", node.InputOrNull(Bias) ?? ""];
        while (inputs[^1].Length == 0)
        {
            inputs.RemoveAt(inputs.Count - 1);
        }

        var attributes = node.Attributes.RemoveRange(["qkv_hidden_sizes", "past_present_share_buffer", "do_rotary", "rotary_embedding_dim"]);
        r.Emit("MultiHeadAttention", [.. inputs], attributes, node.Outputs[0], "com.microsoft");
    }
}

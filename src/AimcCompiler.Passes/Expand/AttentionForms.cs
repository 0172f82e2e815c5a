namespace AimcCompiler.Passes;

/// <summary>ONNX Runtime's fused attention.</summary>
internal static class AttentionForms
{
    /// <summary>The projection to queries, keys and values is one product; masks, past, softmax and both dynamic products stay fused, in an Attention whose own
    /// projection is the identity.</summary>
    public static bool Projection(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) || r.ConstantOf(1) is not { Shape.Length: 2 } weights || !LowerToMvm.IsRealType(weights.Type))
        {
            return false;
        }

        int width = checked((int)weights.Shape[1]);
        string product = r.Mvm("MatMul", [node.Inputs[0], node.Inputs[1]]);
        float[] identity = new float[width * width];
        for (int i = 0; i < width; i++)
        {
            identity[(i * width) + i] = 1;
        }

        r.EmitAs(node, [product, r.Constant("identity", Rewriting.Floating(weights.Type, identity, width, width)), .. node.Inputs.Skip(2)]);
        return true;
    }
}

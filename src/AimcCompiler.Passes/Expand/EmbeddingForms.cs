using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Embedding tables on tiles, where the user wants them (<c>--analog-embedding</c>): an index drives one row of the table.</summary>
internal static class EmbeddingForms
{
    /// <summary>Gather of rows of a constant matrix is the product of one-hot vectors with it.</summary>
    public static bool OneHotRead(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (!options.AnalogEmbedding || r.Opset < 9 || r.ConstantOf(0) is not { Type: TensorType.Float, Shape.Length: 2 } table || r.IsConstant(1) || node.Int("axis", 0) is not (0 or -2)
            || r.FactsOf(node.Inputs[1]) is not { HasRank: true } facts)
        {
            return false;
        }

        string indices = r.Cast(node.Inputs[1], TensorType.Int64);
        bool isScalar = facts.Shape.IsEmpty;
        if (isScalar)
        {
            // OneHot takes no scalar.
            indices = r.Reshape(indices, [1]);
        }

        string rows = r.Emit("OneHot", [indices, r.Int64("depth", table.Shape[0]), r.Constant("values", Tensor.FromFloats([0, 1], 2))]);
        string product = r.Mvm("MatMul", [rows, node.Inputs[0]], null, isScalar ? null : node.Outputs[0]);
        if (isScalar)
        {
            r.Reshape(product, [table.Shape[1]], node.Outputs[0]);
        }

        return true;
    }
}

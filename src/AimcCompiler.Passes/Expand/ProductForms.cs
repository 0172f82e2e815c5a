using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gemm and MatMul in other forms than lower-to-mvm knows.</summary>
internal static class ProductForms
{
    /// <summary>Y = alpha A' B' + beta C with a constant on either side and any C: what is not one value a column is added after the product; a constant on the
    /// left goes through MatMul.</summary>
    public static bool Gemm(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (node.Inputs.Length < 2 || r.IsConstant(0) == r.IsConstant(1) || r.ConstantOf(r.IsConstant(0) ? 0 : 1) is not { } weights || weights.Shape.Length != 2
            || !LowerToMvm.IsRealType(weights.Type))
        {
            return false;
        }

        float alpha = node.Float("alpha", 1);
        bool addsLater = node.InputOrNull(2) is not null && node.Float("beta", 1) != 0 && !IsColumnBias(r, node, weights);
        if (r.IsConstant(1) && !addsLater)
        {
            return false;
        }

        string? sum = addsLater || r.IsConstant(0) ? null : node.Outputs[0];
        string product;
        bool hasSum = node.InputOrNull(2) is not null && node.Float("beta", 1) != 0;
        if (r.IsConstant(1))
        {
            product = r.Mvm("Gemm", GemmInputs(r, node.Inputs[0], node.Inputs[1]), node.Attributes.Remove("beta"), sum);
        }
        else
        {
            bool transposed = node.Int("transA", 0) != 0;
            var left = transposed ? Rewriting.Transposed(weights, [1, 0]) : weights;
            var steps = alpha == 1 ? r.Graph.Steps.GetValueOrDefault(node.Inputs[0]) : default;
            float[] values = Array.ConvertAll(left.ToFloats(), v => alpha * v);
            string right = node.Int("transB", 0) != 0 ? r.Transpose(node.Inputs[1], [1, 0]) : node.Inputs[1];
            product = r.Mvm("MatMul", [r.Constant("weights", Rewriting.Floating(weights.Type, values, left.Shape.AsSpan()), steps), right], null, hasSum ? null : node.Outputs[0]);
        }

        if (hasSum)
        {
            r.Emit("Add", [product, Scaled(r, node.Inputs[2], node.Float("beta", 1), weights.Type)], null, node.Outputs[0]);
        }

        return true;
    }

    /// <summary>A and B, and a C of zero where the version of the operator does not know one that is left out.</summary>
    internal static string[] GemmInputs(Rewriting r, string a, string b) =>
        r.Opset >= 11 ? [a, b] : [a, b, r.Constant("zero", Rewriting.Floating(r.ConstantOf(b)?.Type ?? TensorType.Float, [0], 1))];

    private static bool IsColumnBias(Rewriting r, Node node, Tensor weights)
    {
        long columns = node.Int("transB", 0) != 0 ? weights.Shape[0] : weights.Shape[1];
        return r.ConstantOf(2) is { } bias && (bias.Count == 1 || (bias.Count == columns && bias.Shape is [.., var last] && last == columns));
    }

    private static long[] OneByOne => [1];

    private static string Scaled(Rewriting r, string value, float factor, TensorType type) =>
        factor == 1 ? value : r.Emit("Mul", [value, r.Constant("factor", Rewriting.Floating(type, [factor], []))]);

    /// <summary>Gemm, then the activation.</summary>
    public static bool FusedGemm(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        string activation = node.String("activation", "");
        if (r.IsConstant(0) == r.IsConstant(1) || !Activations.IsKnown(activation))
        {
            return false;
        }

        string product = r.Mvm("Gemm", [.. node.Inputs], node.Attributes.RemoveRange(node.Attributes.Keys.Where(k => k.StartsWith("activation", StringComparison.Ordinal))));
        ImmutableArray<float> parameters = node.Attributes.ContainsKey("activation_alpha") ? [node.Float("activation_alpha", 0), node.Float("activation_beta", 0)] : [];
        Activations.Apply(r, activation, parameters, product, node.Outputs[0]);
        return true;
    }

    /// <summary>Products of transposed or scaled operands: the constant takes scale and transposition.</summary>
    public static bool FusedMatMul(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (r.IsConstant(0) == r.IsConstant(1) || node.Int("transBatchA", 0) != 0 || node.Int("transBatchB", 0) != 0)
        {
            return false;
        }

        int constant = r.IsConstant(0) ? 0 : 1;
        var weights = r.ConstantOf(constant)!;
        int rank = weights.Shape.Length;
        string other = node.Inputs[1 - constant];
        bool turnsOther = node.Int(constant == 0 ? "transB" : "transA", 0) != 0;
        if (rank < 2 || !LowerToMvm.IsRealType(weights.Type) || (turnsOther && r.FactsOf(other) is not { HasRank: true, Shape.Length: >= 2 }))
        {
            return false;
        }

        float alpha = node.Float("alpha", 1);
        var turned = node.Int(constant == 0 ? "transA" : "transB", 0) != 0 ? Rewriting.Transposed(weights, LastTwoSwapped(rank)) : weights;
        float[] values = Array.ConvertAll(turned.ToFloats(), v => alpha * v);
        var steps = alpha == 1 ? r.Graph.Steps.GetValueOrDefault(node.Inputs[constant]) : default;
        string matrix = r.Constant("weights", Rewriting.Floating(weights.Type, values, turned.Shape.AsSpan()), steps);
        if (turnsOther)
        {
            other = r.Transpose(other, [.. LastTwoSwapped(r.FactsOf(other)!.Shape.Length).Select(a => (long)a)]);
        }

        r.Mvm("MatMul", constant == 0 ? [matrix, other] : [other, matrix], null, node.Outputs[0]);
        return true;
    }

    private static int[] LastTwoSwapped(int rank) => [.. Enumerable.Range(0, rank - 2), rank - 1, rank - 2];

    /// <summary>A constant that is a vector or a stack of matrices. A vector is a matrix of one column or row; a stack that every activation meets whole is one wide
    /// matrix; a stack whose matrices each meet their own activation is a convolution of as many groups.</summary>
    public static bool MatMul(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (node.Inputs.Length != 2 || r.IsConstant(0) == r.IsConstant(1))
        {
            return false;
        }

        int constant = r.IsConstant(1) ? 1 : 0;
        var weights = r.ConstantOf(constant)!;
        string other = node.Inputs[1 - constant];
        if (weights.Shape.Length == 2 || weights.Shape.Length == 0 || weights.Count == 0 || !LowerToMvm.IsRealType(weights.Type) || r.FactsOf(other) is not { HasRank: true } facts)
        {
            return false;
        }

        var steps = r.Graph.Steps.GetValueOrDefault(node.Inputs[constant]);
        int rank = facts.Shape.Length;
        // Two vectors: either side is the right one.
        bool isRight = constant == 1 || (weights.Shape.Length == 1 && rank == 1);
        if (weights.Shape.Length == 1)
        {
            // [..., K] x [K] or [K] x [..., K, N]: the axis of extent one goes away again.
            string matrix = r.Constant("weights", weights.Reshape(isRight ? [weights.Count, 1] : [1, weights.Count]), steps);
            if (rank < 1)
            {
                return false;
            }

            string product = r.Mvm("MatMul", isRight ? [other, matrix] : [matrix, other]);
            long[] target = isRight ? [.. Enumerable.Repeat(0L, rank - 1)] : [.. Enumerable.Repeat(0L, rank - 2), -1];
            r.Reshape(product, target, node.Outputs[0]);
            return true;
        }

        if (rank < 2)
        {
            return false;
        }

        if (isRight)
        {
            return Stacked(r, weights, steps, other, facts.Shape, facts.Declared, r.Node.Outputs[0]);
        }

        // One on the left is the transposed product of the transposed operands.
        int resultRank = Math.Max(rank, weights.Shape.Length);
        string turned = r.Transpose(other, LastTwo(rank));
        string result = r.Fresh("product");
        bool expands = Stacked(
            r, Rewriting.Transposed(weights, LastTwoSwapped(weights.Shape.Length)), steps, turned, [.. LastTwoSwapped(rank).Select(a => facts.Shape[a])], [.. LastTwoSwapped(rank).Select(a => facts.Declared[a])], result);
        if (expands)
        {
            r.Transpose(result, LastTwo(resultRank), r.Node.Outputs[0]);
        }

        return expands;
    }

    /// <param name="r">The rewriting.</param>
    /// <param name="weights">Stack..., K, N.</param>
    /// <param name="steps">Quantization steps of the weights.</param>
    /// <param name="other">The activation [..., M, K].</param>
    /// <param name="shape">Its shape for the nominal input.</param>
    /// <param name="declared">Its shape as far as it holds for every input.</param>
    /// <param name="output">What is written: [..., M, N].</param>
    internal static bool Stacked(
        Rewriting r, Tensor weights, ImmutableArray<float> steps, string other, ImmutableArray<long> shape, ImmutableArray<long> declared, string output)
    {
        int rank = shape.Length;
        int outer = rank - 2;
        long[] stack = [.. weights.Shape.Take(weights.Shape.Length - 2)];
        long count = stack.Aggregate(1L, (a, b) => a * b);
        long rows = weights.Shape[^2];
        long columns = weights.Shape[^1];
        if (count == 1)
        {
            string matrix = r.Constant("weights", weights.Reshape([rows, columns]), steps);
            int missing = stack.Length - outer;
            if (missing <= 0)
            {
                r.Mvm("MatMul", [other, matrix], null, output);
                return true;
            }

            // Leading axes of extent one that only the constant has.
            r.Reshape(r.Mvm("MatMul", [other, matrix]), [.. Enumerable.Repeat(1L, missing), .. shape.Take(rank - 2).Select((_, i) => declared[i]), declared[^2], columns], output);
            return declared.Take(rank - 1).Count(d => d < 0) <= 1;
        }

        int extra = outer - stack.Length;
        bool meetsAll = extra <= 0 && shape.Take(outer).All(d => d == 1) && declared.Take(outer).All(d => d == 1);
        if (meetsAll)
        {
            // [M, K] x [K, stack x N]
            int[] order = [stack.Length, .. Enumerable.Range(0, stack.Length), stack.Length + 1];
            string wide = r.Constant("weights", Rewriting.Transposed(weights, order).Reshape([rows, count * columns]), steps);
            string product = r.Mvm("MatMul", [r.Reshape(other, [-1, rows]), wide]);
            string parts = r.Transpose(r.Reshape(product, [-1, count, columns]), [1, 0, 2]);
            r.Reshape(parts, [.. stack, -1, columns], output);
            return true;
        }

        bool meetsOwn = extra is 0 or 1 && declared.Skip(extra).Take(stack.Length).SequenceEqual(stack) && (extra == 0 || declared[^2] >= 0) && weights.Type != TensorType.Double;
        if (!meetsOwn)
        {
            return false;
        }

        // Each matrix of the stack is a group of channels, each of the M vectors a position.
        int[] filters = [.. Enumerable.Range(0, stack.Length), stack.Length + 1, stack.Length];
        string grouped = r.Constant("weights", Rewriting.Transposed(weights, filters).Reshape([count * columns, rows, 1]), steps);
        string channels = r.Reshape(r.Transpose(other, LastTwo(rank)), extra == 0 ? [1, count * rows, -1] : [-1, count * rows, declared[^2]]);
        string results = r.Mvm("Conv", [channels, grouped], Rewriting.Of(("kernel_shape", OneByOne), ("group", count)));
        string back = r.Reshape(results, extra == 0 ? [.. stack, columns, -1] : [-1, .. stack, columns, declared[^2]]);
        r.Transpose(back, LastTwo(rank), output);
        return true;
    }

    private static long[] LastTwo(int rank) => [.. LastTwoSwapped(rank).Select(a => (long)a)];
}

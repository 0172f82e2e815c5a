using System.Collections.Immutable;

namespace AimcCompiler.Passes;

/// <summary>An Einsum of an activation and a constant that sums over axes of both: a matrix product between two permutations of axes.</summary>
internal static class EinsumForms
{
    public static bool Product(Rewriting r, CompileOptions options)
    {
        var node = r.Node;
        if (node.Inputs.Length != 2 || r.IsConstant(0) == r.IsConstant(1))
        {
            return false;
        }

        int at = r.IsConstant(1) ? 1 : 0;
        var weights = r.ConstantOf(at)!;
        string other = node.Inputs[1 - at];
        if (!LowerToMvm.IsRealType(weights.Type) || weights.Count == 0 || r.FactsOf(other) is not { HasRank: true } facts
            || Parse(node.String("equation", ""), at, weights.Shape.Length, facts.Shape.Length) is not var (left, right, result))
        {
            return false;
        }

        // Labels of the activation and of the constant by what becomes of them.
        string summed = Labels(left, l => right.Contains(l) && !result.Contains(l));
        string stacked = Labels(left, l => right.Contains(l) && result.Contains(l));
        string free = Labels(left, l => !right.Contains(l));
        string columns = Labels(right, l => !left.Contains(l));
        if (summed.Length == 0 || !free.All(result.Contains) || !columns.All(result.Contains) || summed.Concat(stacked).Any(l => facts.Declared[left.IndexOf(l)] != weights.Shape[right.IndexOf(l)]))
        {
            return false;
        }

        long Extent(char label) => weights.Shape[right.IndexOf(label)];
        long rows = summed.Aggregate(1L, (n, l) => n * Extent(l));
        long width = columns.Aggregate(1L, (n, l) => n * Extent(l));
        var matrix = Rewriting.Transposed(weights, [.. (stacked + summed + columns).Select(l => right.IndexOf(l))]);
        var steps = r.Graph.Steps.GetValueOrDefault(node.Inputs[at]);
        string order;
        string product;
        if (stacked.Length == 0)
        {
            // [free..., summed...] x [summed, columns]
            string turned = Turn(r, other, left, free + summed);
            string flat = summed.Length == 1 ? turned : r.Reshape(turned, [.. free.Select(_ => 0L), rows]);
            product = r.Mvm("MatMul", [flat, r.Constant("weights", matrix.Reshape([rows, width]), steps)]);
            order = free + columns;
            if (columns.Length != 1)
            {
                product = r.Reshape(product, [.. free.Select(_ => 0L), .. columns.Select(Extent)]);
            }
        }
        else
        {
            // [stacked..., free, summed] x [stacked..., summed, columns]
            long[] open = [.. free.Select(l => facts.Declared[left.IndexOf(l)])];
            if (open.Count(d => d < 0) > 1)
            {
                return false;
            }

            long[] stack = [.. stacked.Select(Extent)];
            string turned = Turn(r, other, left, stacked + free + summed);
            string flat = r.Reshape(turned, [.. stack, -1, rows]);
            long vectors = free.Aggregate(1L, (n, l) => n * facts.Shape[left.IndexOf(l)]);
            long declared = open.Contains(-1) ? -1 : vectors;
            product = r.Fresh("product");
            if (!ProductForms.Stacked(r, matrix.Reshape([.. stack, rows, width]), steps, flat, [.. stack, vectors, rows], [.. stack, declared, rows], product))
            {
                return false;
            }

            product = r.Reshape(product, [.. stack, .. open, .. columns.Select(Extent)]);
            order = stacked + free + columns;
        }

        if (order == result)
        {
            r.Result(product);
        }
        else
        {
            r.Transpose(product, [.. result.Select(l => (long)order.IndexOf(l))], node.Outputs[0]);
        }

        return true;
    }

    private static string Labels(string labels, Func<char, bool> which) => new([.. labels.Where(which)]);

    private static string Turn(Rewriting r, string value, string labels, string wanted) =>
        labels == wanted ? value : r.Transpose(value, [.. wanted.Select(l => (long)labels.IndexOf(l))]);

    /// <summary>Labels of the activation, of the constant and of the result, each once; an ellipsis of the activation stands for labels of its own. Null = something else.</summary>
    private static (string Activation, string Constant, string Result)? Parse(string equation, int constant, int constantRank, int activationRank)
    {
        string[] sides = equation.Replace(" ", "", StringComparison.Ordinal).Split("->");
        string[] terms = sides[0].Split(',');
        if (terms.Length != 2 || sides.Length > 2)
        {
            return null;
        }

        const string Ellipsis = "...";
        string right = terms[constant];
        string left = terms[1 - constant];
        string result = sides.Length == 2 ? sides[1] : (left.Contains(Ellipsis, StringComparison.Ordinal) ? Ellipsis : "") + new string([.. (left + right).Where(char.IsAsciiLetter).GroupBy(l => l).Where(g => g.Count() == 1).Select(g => g.Key).Order()]);
        int hidden = activationRank - left.Count(char.IsAsciiLetter);
        if (hidden < 0 || (hidden > 0 && !left.Contains(Ellipsis, StringComparison.Ordinal)))
        {
            return null;
        }

        // Private labels for what the ellipsis hides; letters are taken.
        string labels = new([.. Enumerable.Range(0, hidden).Select(i => (char)('\u0100' + i))]);
        left = left.Replace(Ellipsis, labels, StringComparison.Ordinal);
        result = result.Replace(Ellipsis, labels, StringComparison.Ordinal);
        bool isPlain = new[] { left, right, result }.All(t => !t.Contains('.') && t.Distinct().Count() == t.Length) && right.Length == constantRank && left.Length == activationRank
            && result.All(l => left.Contains(l) || right.Contains(l));
        return isPlain ? (left, right, result) : null;
    }
}

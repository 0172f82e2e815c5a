using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Takes operators apart that hold a constant-weight product: the product becomes a Conv, MatMul or Gemm that lower-to-mvm knows, the rest becomes
/// ONNX operators around it. What the graph computes stays the same, and ONNX Runtime can still run it.
/// <code>
/// before:  %y = ConvTranspose(%x, #w)      after:  %p = Conv(%x, #w')            one product a pixel, 1x1
///                                                  %y = ConvTranspose(%p, #one)  overlap-add
/// </code>
/// Runs before types are known and again after: some operators need ranks.</summary>
public static class ExpandMvms
{
    /// <summary>False = this operator, in this form, stays as it is.</summary>
    internal delegate bool Rule(Rewriting rewriting, CompileOptions options);

    private static readonly Dictionary<string, Rule> Rules = new(StringComparer.Ordinal)
    {
        ["Conv"] = ConvolutionForms.DynamicBias,
        ["ConvTranspose"] = ConvolutionForms.Transposed,
        ["com.microsoft.FusedConv"] = ConvolutionForms.Fused,
        ["Gemm"] = ProductForms.Gemm,
        ["MatMul"] = ProductForms.MatMul,
        ["com.microsoft.FusedGemm"] = ProductForms.FusedGemm,
        ["com.microsoft.FusedMatMul"] = ProductForms.FusedMatMul,
        ["com.microsoft.MatMulNBits"] = QuantizedForms.MatMulNBits,
        ["Einsum"] = EinsumForms.Product,
        ["Gather"] = EmbeddingForms.OneHotRead,
        ["QLinearConv"] = QuantizedForms.QLinearConv,
        ["QLinearMatMul"] = QuantizedForms.QLinearMatMul,
        ["ConvInteger"] = QuantizedForms.ConvInteger,
        ["MatMulInteger"] = QuantizedForms.MatMulInteger,
        ["com.microsoft.QGemm"] = QuantizedForms.QGemm,
        ["com.microsoft.MatMulIntegerToFloat"] = QuantizedForms.MatMulIntegerToFloat,
        ["com.microsoft.DynamicQuantizeMatMul"] = QuantizedForms.DynamicQuantizeMatMul,
        ["com.microsoft.Attention"] = AttentionForms.Projection,
        ["LSTM"] = RecurrentForms.InputProduct,
        ["GRU"] = RecurrentForms.InputProduct,
        ["RNN"] = RecurrentForms.InputProduct,
    };

    public static Graph Run(Graph graph, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        int next = Math.Max(graph.Header.OriginalNodes.Select(n => n.Id.Value).DefaultIfEmpty(-1).Max(), graph.Nodes.Select(n => n.Id.Value).DefaultIfEmpty(-1).Max()) + 1;
        HashSet<string> taken = new(graph.Constants.Keys.Concat(graph.Header.Inputs.Select(i => i.Name)).Concat(graph.Nodes.SelectMany(n => n.Writes)), StringComparer.Ordinal);
        taken.UnionWith(graph.Nodes.Select(n => n.Name));
        List<Node> nodes = [];
        var constants = graph.Constants.ToBuilder();
        var steps = graph.Steps.ToBuilder();
        bool changed = false;
        Dictionary<string, ValueFacts> turned = new(StringComparer.Ordinal);
        Stack<Node> open = new(graph.Nodes.Reverse());
        while (open.TryPop(out var node))
        {
            Rewriting rewriting = new(graph, constants, node, () => new NodeId(next++), taken, turned);
            if (!MayExpand(node, constants, options) || !Rules[node.QualifiedOp](rewriting, options))
            {
                nodes.Add(node);
                continue;
            }

            changed = true;
            constants.AddRange(rewriting.Constants);
            steps.AddRange(rewriting.Steps);
            for (int i = rewriting.Nodes.Count - 1; i >= 0; i--)
            {
                open.Push(rewriting.Nodes[i]);
            }
        }

        if (!changed)
        {
            return graph;
        }

        var used = nodes.SelectMany(n => n.Reads).Concat(graph.Header.Outputs.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
        constants.RemoveRange([.. constants.Keys.Where(k => !used.Contains(k))]);
        steps.RemoveRange([.. steps.Keys.Where(k => !used.Contains(k))]);
        return graph.With([.. nodes], constants.ToImmutable(), steps: steps.ToImmutable());
    }

    /// <summary>Whether an operator that the user keeps digital would be taken apart if he did not.</summary>
    internal static bool HoldsProduct(Graph graph, Node node, CompileOptions options) =>
        !Run(graph, options with { Digital = options.Digital.Remove(node.Name) }).Nodes.Any(n => ReferenceEquals(n, node));

    /// <summary>What an expansion made digital stays so; what the user or a policy keeps off the tiles stays whole.</summary>
    private static bool MayExpand(Node node, IReadOnlyDictionary<string, Tensor> constants, CompileOptions options) =>
        Rules.ContainsKey(node.QualifiedOp)
        && (node.MadeFrom is null || node.Part > 0)
        && !node.ReadsGates
        && !options.Digital.Contains(node.Name)
        && (options.Depthwise != DepthwisePolicy.Digital || options.Analog.Contains(node.Name) || !MvmOperators.IsDepthwise(node, constants));
}

using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Values that may be of an element type which goes into no session and comes out of none (<see cref="Tensor.IsPacked"/>): they have to be
/// known before a session is made with them as outputs.</summary>
public static class PackedValues
{
    public static IReadOnlySet<string> Find(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        HashSet<string> packed = new(StringComparer.Ordinal);
        packed.UnionWith(graph.Constants.Where(c => Tensor.IsPacked(c.Value.Type)).Select(c => c.Key));
        packed.UnionWith(graph.Header.Inputs.Where(i => Tensor.IsPacked(i.Type)).Select(i => i.Name));
        foreach (var node in graph.Nodes)
        {
            bool makes = node switch
            {
                _ when node.Is("Cast") || node.Is("BitCast") => Tensor.IsPacked((TensorType)node.Int("to", 0)),
                _ when node.Is("CastLike") => Reads(node, 1),
                _ when node.Is("QuantizeLinear") => Tensor.IsPacked((TensorType)node.Int("output_dtype", 0)) || Reads(node, 2),
                _ when node.Is("DequantizeLinear") || node.Is("Shape") || node.Is("Size") => false,
                // The other operators of ONNX move such elements, or give them out where they take them in.
                _ => node.Reads.Any(packed.Contains),
            };
            if (makes)
            {
                packed.UnionWith(node.Writes);
            }
        }

        return packed;

        bool Reads(Node node, int index) => node.InputOrNull(index) is { } value && packed.Contains(value);
    }
}

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>The nodes, values and constants that take the place of one node.</summary>
/// <param name="graph">The graph the node stands in.</param>
/// <param name="known">Constants of the graph and of what was taken apart before.</param>
/// <param name="node">The node.</param>
/// <param name="nextId">Makes ids.</param>
/// <param name="taken">Names of values and nodes that are in use.</param>
/// <param name="turned">Facts of values that were made by transposing others; further ones are added.</param>
internal sealed class Rewriting(
    Graph graph, IReadOnlyDictionary<string, Tensor> known, Node node, Func<NodeId> nextId, HashSet<string> taken, Dictionary<string, ValueFacts> turned)
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ImmutableArray<float>> _steps = new(StringComparer.Ordinal);

    public Graph Graph { get; } = graph;

    public Node Node { get; } = node;

    public IReadOnlyList<Node> Nodes => _nodes;

    public IReadOnlyDictionary<string, Tensor> Constants => _constants;

    public IReadOnlyDictionary<string, ImmutableArray<float>> Steps => _steps;

    /// <summary>Version of ONNX's own operator set.</summary>
    public long Opset { get; } = graph.Header.Opsets.GetValueOrDefault("", 1);

    /// <summary>The constant that an input is, or null.</summary>
    public Tensor? ConstantOf(int input) => Node.InputOrNull(input) is { } name ? known.GetValueOrDefault(name) : null;

    public Tensor? ConstantOf(string value) => known.GetValueOrDefault(value) ?? _constants.GetValueOrDefault(value);

    public bool IsConstant(int input) => ConstantOf(input) is not null;

    public ValueFacts? FactsOf(string value) => Graph.Facts.GetValueOrDefault(value) ?? turned.GetValueOrDefault(value);

    /// <summary>A name that nothing has yet.</summary>
    public string Fresh(string hint)
    {
        string name = $"{Node.Name}/{hint}";
        while (!taken.Add(name))
        {
            name += "'";
        }

        return name;
    }

    public string Constant(string hint, Tensor tensor, ImmutableArray<float> steps = default)
    {
        string name = Fresh(hint);
        _constants.Add(name, tensor);
        if (!steps.IsDefaultOrEmpty)
        {
            _steps.Add(name, steps);
        }

        return name;
    }

    public string Int64(string hint, params ReadOnlySpan<long> values) => Constant(hint, Tensor.FromInt64(values.ToArray(), values.Length));

    /// <summary>The product that goes to tiles: it keeps the name and place of the node it was made from.</summary>
    /// <returns>Its output.</returns>
    public string Mvm(string op, ReadOnlySpan<string> inputs, ImmutableDictionary<string, NodeAttribute>? attributes = null, string? output = null)
    {
        string result = output ?? Fresh("product");
        string[] reads = [.. inputs];
        if (op == "Gemm" && reads is [var left, var right] && Opset < 11)
        {
            // Before this version it had no form without a bias.
            var type = (ConstantOf(right) ?? ConstantOf(left))!.Type;
            reads = [left, right, Constant("none", Floating(type, [0], 1))];
        }

        _nodes.Add(new Node(Node.Id, Node.Name, "", op, [.. reads], [result], [], attributes ?? NoAttributes, default, Node.MadeFrom, Node.Part));
        return result;
    }

    /// <summary>A further product of the same node.</summary>
    public string Mvm(int part, string op, ReadOnlySpan<string> inputs)
    {
        string result = Fresh("product");
        _nodes.Add(new Node(nextId(), Fresh(op.ToLowerInvariant()), "", op, [.. inputs], [result], [], NoAttributes, default, Node.Origin, part));
        return result;
    }

    /// <summary>The node itself in another form.</summary>
    public void Keep(Node changed) => _nodes.Add(changed);

    /// <summary>A digital operator with one output.</summary>
    public string Emit(string op, ReadOnlySpan<string> inputs, ImmutableDictionary<string, NodeAttribute>? attributes = null, string? output = null, string domain = "")
    {
        string result = output ?? Fresh(op.ToLowerInvariant());
        _nodes.Add(new Node(nextId(), Fresh(op), domain, op, [.. inputs], [result], [], attributes ?? NoAttributes, default, Node.Origin));
        return result;
    }

    /// <summary>A digital operator with several outputs.</summary>
    public string[] EmitMany(string op, ReadOnlySpan<string> inputs, int outputs)
    {
        string[] results = [.. Enumerable.Range(0, outputs).Select(_ => Fresh(op.ToLowerInvariant()))];
        _nodes.Add(new Node(nextId(), Fresh(op), "", op, [.. inputs], [.. results], [], NoAttributes, default, Node.Origin));
        return results;
    }

    /// <summary>A node's operator, digital, on other inputs; it writes what the node wrote.</summary>
    public void EmitAs(Node node, ReadOnlySpan<string> inputs) =>
        _nodes.Add(node with { Id = nextId(), Name = Fresh(node.OpType), Inputs = [.. inputs], Payload = default, MadeFrom = Node.Origin });

    /// <summary>Pieces of a value along an axis.</summary>
    public string[] Split(string value, long[] sizes, long axis)
    {
        string[] results = [.. sizes.Select(_ => Fresh("part"))];
        string[] inputs = Opset < 13 ? [value] : [value, Int64("sizes", sizes)];
        var attributes = Opset < 13 ? Of(("axis", axis), ("split", sizes)) : Of(("axis", axis));
        _nodes.Add(new Node(nextId(), Fresh("Split"), "", "Split", [.. inputs], [.. results], [], attributes, default, Node.Origin));
        return results;
    }

    public string Cast(string value, TensorType type, string? output = null) => Emit("Cast", [value], Of(("to", (long)type)), output);

    public string Transpose(string value, ReadOnlySpan<long> permutation, string? output = null)
    {
        long[] order = permutation.ToArray();
        string result = Emit("Transpose", [value], Of(("perm", order)), output);
        if (output is null && FactsOf(value) is { HasRank: true } facts)
        {
            turned[result] = new ValueFacts(facts.Type, [.. order.Select(a => facts.Shape[(int)a])]) { Declared = [.. order.Select(a => facts.Declared[(int)a])] };
        }

        return result;
    }

    /// <summary>Reshape to extents of which 0 keeps the input's and one may be -1.</summary>
    public string Reshape(string value, ReadOnlySpan<long> shape, string? output = null) => Emit("Reshape", [value, Int64("shape", shape)], null, output);

    /// <summary>What the node wrote, from a value of the same content.</summary>
    public void Result(string value, int output = 0) => Emit("Identity", [value], null, Node.Outputs[output]);

    public static ImmutableDictionary<string, NodeAttribute> NoAttributes { get; } = ImmutableDictionary<string, NodeAttribute>.Empty.WithComparers(StringComparer.Ordinal);

    public static ImmutableDictionary<string, NodeAttribute> Of(params ReadOnlySpan<(string Name, AttributeValue Value)> attributes)
    {
        var result = NoAttributes;
        foreach (var (name, value) in attributes)
        {
            result = result.Add(name, value.Attribute);
        }

        return result;
    }

    /// <summary>A tensor of a floating-point type from floats.</summary>
    public static Tensor Floating(TensorType type, float[] values, params ReadOnlySpan<long> shape) => type switch
    {
        TensorType.Float => new Tensor(type, [.. shape], values),
        TensorType.Double => new Tensor(type, [.. shape], Array.ConvertAll(values, v => (double)v)),
        TensorType.Float16 => new Tensor(type, [.. shape], Array.ConvertAll(values, v => (Half)v)),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not a floating-point type that tiles read."),
    };

    /// <summary>The same elements in another order of axes.</summary>
    public static Tensor Transposed(Tensor tensor, ReadOnlySpan<int> permutation)
    {
        int rank = tensor.Shape.Length;
        long[] shape = new long[rank];
        long[] strides = new long[rank];
        long stride = 1;
        long[] source = new long[rank];
        for (int a = rank - 1; a >= 0; a--)
        {
            source[a] = stride;
            stride *= tensor.Shape[a];
        }

        for (int a = 0; a < rank; a++)
        {
            (shape[a], strides[a]) = (tensor.Shape[permutation[a]], source[permutation[a]]);
        }

        float[] from = tensor.ToFloats();
        float[] to = new float[from.Length];
        long[] at = new long[rank];
        long offset = 0;
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = from[offset];
            for (int a = rank - 1; a >= 0; a--)
            {
                offset += strides[a];
                if (++at[a] < shape[a])
                {
                    break;
                }

                offset -= strides[a] * shape[a];
                at[a] = 0;
            }
        }

        return Floating(tensor.Type, to, shape);
    }

    /// <summary>An attribute from a number, a text or a list.</summary>
    internal readonly struct AttributeValue
    {
        private AttributeValue(NodeAttribute attribute)
        {
            Attribute = attribute;
        }

        public NodeAttribute Attribute { get; }

        public static implicit operator AttributeValue(long value) => new(new IntAttribute(value));

        public static implicit operator AttributeValue(int value) => new(new IntAttribute(value));

        public static implicit operator AttributeValue(float value) => new(new FloatAttribute(value));

        public static implicit operator AttributeValue(string value) => new(new StringAttribute(value));

        public static implicit operator AttributeValue(long[] values) => new(new IntsAttribute(ImmutableCollectionsMarshal.AsImmutableArray(values)));
    }
}

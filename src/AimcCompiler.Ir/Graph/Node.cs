using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Ir;

/// <summary>A node of a graph; prints as <c>n12</c>.</summary>
public readonly record struct NodeId(int Value) : IComparable<NodeId>
{
    public int CompareTo(NodeId other) => Value.CompareTo(other.Value);

    public override string ToString() => FormattableString.Invariant($"n{Value}");

    public static bool operator <(NodeId left, NodeId right) => left.Value < right.Value;

    public static bool operator >(NodeId left, NodeId right) => left.Value > right.Value;

    public static bool operator <=(NodeId left, NodeId right) => left.Value <= right.Value;

    public static bool operator >=(NodeId left, NodeId right) => left.Value >= right.Value;
}

/// <summary>One operator of the model. It stays ONNX: what nobody lowers to tiles is given to ONNX Runtime as it came.</summary>
/// <param name="Id">Unique in the graph; ascending in the order of the model file.</param>
/// <param name="Name">The node's name in the model, or its first output's where it has none.</param>
/// <param name="Domain">Empty for ONNX's own operators.</param>
/// <param name="OpType">Operator name.</param>
/// <param name="Inputs">Value names; empty = an optional input that is left out.</param>
/// <param name="Outputs">Value names; empty = not wanted.</param>
/// <param name="Captured">Values of this graph that the node's sub-graphs read.</param>
/// <param name="Attributes">Those of simple kind; the rest is only in <paramref name="Payload"/>.</param>
/// <param name="Payload">The serialized ONNX NodeProto, opaque here; names of inputs and outputs are taken from this record when it is written again.</param>
/// <param name="MadeFrom">The model's node that the compiler made this one from; null for the model's own nodes.</param>
/// <param name="Part">Which of the matrix products of one model node this is; it names the product's noise.</param>
/// <param name="ReadsGates">A recurrent operator that reads the products of its inputs: its W only selects them, and R is its one matrix.</param>
public sealed record Node(
    NodeId Id,
    string Name,
    string Domain,
    string OpType,
    ImmutableArray<string> Inputs,
    ImmutableArray<string> Outputs,
    ImmutableArray<string> Captured,
    ImmutableDictionary<string, NodeAttribute> Attributes,
    ReadOnlyMemory<byte> Payload,
    NodeId? MadeFrom = null,
    int Part = 0,
    bool ReadsGates = false)
{
    /// <summary>The model's node that this one is, or was made from.</summary>
    public NodeId Origin => MadeFrom ?? Id;

    /// <summary>True for an operator of ONNX's own domain with this name.</summary>
    public bool Is(string opType) => OpType == opType && Domain.Length == 0;

    public string QualifiedOp => Domain.Length == 0 ? OpType : $"{Domain}.{OpType}";

    /// <summary>Everything the node reads: inputs and what its sub-graphs capture.</summary>
    public IEnumerable<string> Reads => Inputs.Concat(Captured).Where(name => name.Length > 0);

    public IEnumerable<string> Writes => Outputs.Where(name => name.Length > 0);

    public string? InputOrNull(int index) => index < Inputs.Length && Inputs[index].Length > 0 ? Inputs[index] : null;

    public long Int(string name, long otherwise) => Attributes.TryGetValue(name, out var a) && a is IntAttribute i ? i.Value : otherwise;

    public float Float(string name, float otherwise) => Attributes.TryGetValue(name, out var a) && a is FloatAttribute f ? f.Value : otherwise;

    public string String(string name, string otherwise) => Attributes.TryGetValue(name, out var a) && a is StringAttribute s ? s.Value : otherwise;

    public ImmutableArray<float> Floats(string name) => Attributes.TryGetValue(name, out var a) && a is FloatsAttribute f ? f.Values : [];

    public ImmutableArray<string> Strings(string name) => Attributes.TryGetValue(name, out var a) && a is StringsAttribute s ? s.Values : [];

    public ImmutableArray<long>? Ints(string name) => Attributes.TryGetValue(name, out var a) && a is IntsAttribute i ? i.Values : null;
}

/// <summary>An attribute of a node. A closed hierarchy.</summary>
public abstract record NodeAttribute
{
    private protected NodeAttribute()
    {
    }
}

public sealed record IntAttribute(long Value) : NodeAttribute;

public sealed record FloatAttribute(float Value) : NodeAttribute;

public sealed record StringAttribute(string Value) : NodeAttribute;

public sealed record IntsAttribute(ImmutableArray<long> Values) : NodeAttribute;

public sealed record FloatsAttribute(ImmutableArray<float> Values) : NodeAttribute;

public sealed record StringsAttribute(ImmutableArray<string> Values) : NodeAttribute;

/// <summary>What is known of a value: type and shape (-1 = unknown extent; default = unknown rank).</summary>
/// <param name="Type">Undefined for sequences and other non-tensors.</param>
/// <param name="Shape">Extents for the nominal input.</param>
public sealed record ValueFacts(TensorType Type, ImmutableArray<long> Shape)
{
    /// <summary>Extents that hold for every input of the model; -1 = follows the input.</summary>
    public ImmutableArray<long> Declared { get; init; } = Shape;

    /// <summary>The serialized ONNX TypeProto of a value that is not a tensor, opaque here.</summary>
    public ReadOnlyMemory<byte> Declaration { get; init; }

    public bool HasRank => !Shape.IsDefault;

    public bool HasShape => HasRank && Shape.All(d => d >= 0);
}

/// <summary>An input or output of the model.</summary>
/// <param name="Name">Value name.</param>
/// <param name="Type">Undefined for sequences and other non-tensors.</param>
/// <param name="Shape">-1 = symbolic; default = no declared rank.</param>
/// <param name="Symbols">Name of each symbolic dimension, "" where there is none.</param>
public sealed record GraphPort(string Name, TensorType Type, ImmutableArray<long> Shape, ImmutableArray<string> Symbols)
{
    /// <summary>The serialized ONNX TypeProto of what is not a tensor, opaque here.</summary>
    public ReadOnlyMemory<byte> Declaration { get; init; }
}

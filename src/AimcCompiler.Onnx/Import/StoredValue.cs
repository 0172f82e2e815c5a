using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Onnx;

/// <summary>A value that a file beside a model holds: what ONNX test sets are made of. A closed hierarchy.</summary>
public abstract record StoredValue
{
    private protected StoredValue()
    {
    }
}

public sealed record StoredTensor(Tensor Tensor) : StoredValue
{
    public override string ToString() => Tensor.ToString();
}

public sealed record StoredSequence(ImmutableArray<StoredValue> Elements) : StoredValue
{
    public override string ToString() => $"a sequence of {Elements.Length}";
}

/// <param name="Keys">A tensor of integers or strings.</param>
/// <param name="Values">As many as there are keys.</param>
public sealed record StoredMap(StoredValue Keys, StoredValue Values) : StoredValue
{
    public override string ToString() => "a map";
}

/// <summary>An optional without a value.</summary>
public sealed record StoredNothing : StoredValue
{
    public override string ToString() => "nothing";
}

/// <summary>What kind of value an input or output of a model is; it says which message a file holds.</summary>
public enum StoredKind
{
    Tensor,
    Sequence,
    Map,
    Optional,
}

/// <summary>An input or output of a model.</summary>
public sealed record StoredPort(string Name, StoredKind Kind);

using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Digital;

/// <param name="Threads">Threads within one operator; 1 where results must not depend on the machine.</param>
/// <param name="Optimize">Lets ONNX Runtime fuse and rearrange the graph.</param>
public sealed record DigitalOptions(int Threads = 1, bool Optimize = true)
{
    /// <summary>Operators run on threads that all such sessions of the process share, as many as there are cores; <see cref="Threads"/> does not count then.</summary>
    public bool SharesThreads { get; init; }

    /// <summary>Where ONNX Runtime refuses what it optimized, the model runs as it is.</summary>
    public bool MayRunAsItIs { get; init; }

    /// <summary>Gives memory back at once and asks for no more than is needed, also not for weights in another order; slower where a model runs often.</summary>
    public bool SparesMemory { get; init; }

    /// <summary>Sizes for symbolic dimensions, by name; inputs and outputs are then of that size only.</summary>
    public IReadOnlyDictionary<string, long> FreeDimensions { get; init; } = ImmutableDictionary<string, long>.Empty;
}

/// <summary>An input or output of a session.</summary>
/// <param name="Name">The name it is fed or fetched by.</param>
/// <param name="Type"><see cref="TensorType.Undefined"/> where the port is not a tensor.</param>
/// <param name="Shape">-1 where the size is not known.</param>
/// <param name="SymbolicNames">The names of unknown dimensions; empty strings elsewhere.</param>
/// <param name="IsTensor">False for a sequence, a map or an optional.</param>
public sealed record DigitalPort(string Name, TensorType Type, ImmutableArray<long> Shape, ImmutableArray<string> SymbolicNames, bool IsTensor)
{
    public DigitalPortKind Kind { get; init; }

    /// <summary>What a sequence or an optional holds, or a map's values; null for a tensor.</summary>
    public DigitalPort? Element { get; init; }

    /// <summary>The type of a map's keys.</summary>
    public TensorType KeyType { get; init; }
}

public enum DigitalPortKind
{
    Tensor,
    Sequence,
    Map,
    Optional,
}

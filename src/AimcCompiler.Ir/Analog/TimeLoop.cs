using System.Collections.Immutable;

namespace AimcCompiler.Ir;

/// <summary>A recurrence: steps that run once for every slice of a value along its first axis, the time. It takes the place of one node of the source graph,
/// which reads and writes what the loop reads and writes outside.</summary>
public sealed record TimeLoop
{
    /// <summary>Operator of the nodes that stand for loops; no ONNX operator has this name.</summary>
    public const string OpType = "time loop";

    /// <summary>The node of the source graph that stands for it.</summary>
    public required NodeId Node { get; init; }

    public required string Name { get; init; }

    /// <summary>The value that is cut along its first axis, [time, batch, ...].</summary>
    public required string Scanned { get; init; }

    /// <summary>What one step sees of it, [batch, ...].</summary>
    public required string Slice { get; init; }

    /// <summary>The last time step comes first.</summary>
    public required bool IsReverse { get; init; }

    /// <summary>The number of the time step, a scalar of 64 bits, where a step needs it.</summary>
    public string? Step { get; init; }

    public required ImmutableArray<CarriedState> States { get; init; }

    /// <summary>What one step writes, [batch, ...].</summary>
    public required string Collected { get; init; }

    /// <summary>All of it, [time, batch, ...].</summary>
    public required string Sequence { get; init; }

    /// <summary>In order.</summary>
    public required ImmutableArray<LoopStep> Body { get; init; }

    /// <summary>Extents of a batch of one of the values that exist only inside, by name.</summary>
    public required ImmutableDictionary<string, ValueFacts> Facts { get; init; }
}

/// <summary>A value that one time step hands to the next.</summary>
/// <param name="Initial">What the first step sees, or null = zeros.</param>
/// <param name="Current">What a step reads.</param>
/// <param name="Next">What it writes.</param>
/// <param name="Final">What is left at the end, or null = not wanted.</param>
public sealed record CarriedState(string? Initial, string Current, string Next, string? Final);

/// <summary>One thing that a time step does. A closed hierarchy.</summary>
public abstract record LoopStep
{
    private protected LoopStep()
    {
    }
}

/// <summary>A product of a layer whose input and output exist only inside the loop.</summary>
public sealed record LoopProduct(LayerId Layer) : LoopStep;

/// <summary>Digital work: a graph of its own.</summary>
/// <param name="Cell">Its inputs are values of the loop or of the source graph, its outputs values of the loop.</param>
/// <param name="Operations">Scalar operations of one step of one sample.</param>
public sealed record LoopDigital(Graph Cell, long Operations) : LoopStep;

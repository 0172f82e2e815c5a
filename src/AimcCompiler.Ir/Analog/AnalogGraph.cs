using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Ir;

/// <summary>A layer's number among the layers of a graph; prints as <c>l3</c>.</summary>
public readonly record struct LayerId(int Value)
{
    public override string ToString() => FormattableString.Invariant($"l{Value}");
}

/// <summary>One constant-weight MVM. <typeparamref name="TWeights"/> is the stair its weights stand on.</summary>
public sealed record AnalogLayer<TWeights>
{
    public required LayerId Id { get; init; }

    /// <summary>The node of the source graph that it takes the place of, or the one whose time loop it runs in.</summary>
    public required NodeId Node { get; init; }

    /// <summary>The model's node.</summary>
    public required NodeId Origin { get; init; }

    /// <summary>Which product of that node it is; with <see cref="Origin"/> it names the noise.</summary>
    public int Part { get; init; }

    /// <summary>An earlier layer with the same weights, on whose tiles this one runs.</summary>
    public LayerId? SharesTilesOf { get; init; }

    /// <summary>The axis of the input that counts samples.</summary>
    public int SampleAxis { get; init; }

    public required string Name { get; init; }

    public required string Op { get; init; }

    /// <summary>Value names.</summary>
    public required string Input { get; init; }

    public required string Output { get; init; }

    public required InputView View { get; init; }

    public required TWeights Weights { get; init; }

    /// <summary>Groups x columns, or empty.</summary>
    public required ImmutableArray<float> Bias { get; init; }

    public required bool InputIsNonNegative { get; init; }

    /// <summary>Full scale of the input, x = scale * code / MaxCode; null = not calibrated.</summary>
    public required float? InputScale { get; init; }

    /// <summary>Vectors of one inference; each group of a convolution takes as many.</summary>
    public required long VectorsPerInference { get; init; }

    /// <summary>Multiply-accumulates of one inference.</summary>
    public required long Macs { get; init; }

    public bool IsDepthwise { get; init; }

    /// <summary>Mean of each of the groups x rows inputs over calibration samples, for bias correction; empty = not measured.</summary>
    public ImmutableArray<float> InputMeans { get; init; } = [];
}

/// <summary>A graph of which some nodes became layers on tiles; the others stay as they were.</summary>
/// <param name="Source">The whole graph: layers name its nodes and values.</param>
/// <param name="Homes">Home of every node.</param>
/// <param name="Layers">In execution order.</param>
/// <param name="Loops">Recurrences; their layers are among the layers.</param>
public sealed record AnalogGraph<TWeights>(
    Graph Source, ImmutableDictionary<NodeId, NodeHome> Homes, ImmutableArray<AnalogLayer<TWeights>> Layers, ImmutableArray<TimeLoop> Loops)
{
    /// <summary>Lifts a change of weights over all layers; those that share tiles share what it makes.</summary>
    public AnalogGraph<TNext> Select<TNext>(Func<AnalogLayer<TWeights>, TNext> change)
    {
        Dictionary<LayerId, TNext> changed = [];
        foreach (var layer in Layers)
        {
            changed.Add(layer.Id, layer.SharesTilesOf is { } owner ? changed[owner] : change(layer));
        }

        return new(Source, Homes, [.. Layers.Select(layer => layer.With(changed[layer.Id]))], Loops);
    }
}

/// <param name="Home">Where the node runs.</param>
/// <param name="Reason">Why it is not on tiles.</param>
/// <param name="Detail">The reason in words, or empty.</param>
public sealed record NodeHome(Home Home, FallbackReason Reason, string Detail);

public static class AnalogLayerExtensions
{
    /// <summary>The same layer with its weights on another stair.</summary>
    public static AnalogLayer<TNext> With<TWeights, TNext>(this AnalogLayer<TWeights> layer, TNext weights) => new()
    {
        Id = layer.Id,
        Node = layer.Node,
        Origin = layer.Origin,
        Part = layer.Part,
        SharesTilesOf = layer.SharesTilesOf,
        SampleAxis = layer.SampleAxis,
        Name = layer.Name,
        Op = layer.Op,
        Input = layer.Input,
        Output = layer.Output,
        View = layer.View,
        Weights = weights,
        Bias = layer.Bias,
        InputIsNonNegative = layer.InputIsNonNegative,
        InputScale = layer.InputScale,
        VectorsPerInference = layer.VectorsPerInference,
        Macs = layer.Macs,
        IsDepthwise = layer.IsDepthwise,
        InputMeans = layer.InputMeans,
    };
}

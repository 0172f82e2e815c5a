using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>A graph with its pipeline of rows.</summary>
/// <param name="Graph">As it was.</param>
/// <param name="Stages">Null = rows are not known; digital stages name their cluster (<see cref="DigitalClusters"/>; cells of time loops count behind them) as unit, analog ones nothing.</param>
/// <param name="NotScheduled">Why there are no stages; null = there are.</param>
public sealed record StagedGraph(AnalogGraph<SplitMatrix> Graph, StageGraph? Stages, string? NotScheduled)
{
    /// <summary>Values of images whose channels are each made from that channel of the input alone, with how many they have: their work can be divided by channels.</summary>
    internal ImmutableDictionary<string, int> Channels { get; init; } = ImmutableDictionary<string, int>.Empty;
}

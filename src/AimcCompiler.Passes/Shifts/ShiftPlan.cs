using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Which kernels are shifted, and what else was possible.</summary>
/// <param name="Shifts">Of the layers whose vectors give more than one output.</param>
/// <param name="Options">By the value that a layer writes: all numbers of shifts that were weighed, 1 among them, ascending.</param>
/// <param name="UnshiftedPs">What the target asks of without shifts: an interval that no mapping goes below, or an estimate of the latency.</param>
internal sealed record ShiftPlan(ImmutableDictionary<LayerId, int> Shifts, ImmutableDictionary<string, ImmutableArray<ShiftOption>> Options, long UnshiftedPs)
{
    /// <summary>A line for each layer whose kernel is shifted.</summary>
    public static string Print(ShiftPlan? plan, AnalogGraph<SplitMatrix> graph) =>
        plan is null ? "nothing was weighed\n" : string.Concat(graph.Layers.Where(l => plan.Shifts.ContainsKey(l.Id)).Select(l => FormattableString.Invariant($"{l.Name}: {plan.Shifts[l.Id]} shifts\n")));

    /// <summary>Says in the stages what else was possible: bounds count it.</summary>
    public MappedStages Note(MappedStages mapped, AnalogGraph<SplitMatrix> graph)
    {
        var shifts = graph.Layers.ToDictionary(l => l.Output, l => l.View is ConvolutionView view ? view.Shifts : 1, StringComparer.Ordinal);
        var stages = mapped.Stages;
        return mapped with
        {
            Stages = stages with
            {
                Stages =
                [
                    .. stages.Stages.Select(s => s.Matrix is { } matrix && Options.TryGetValue(stages.Values[s.Output].Name, out var options)
                        ? s with { Matrix = matrix with { Alternatives = options.RemoveAll(o => o.Shifts == shifts[stages.Values[s.Output].Name]) } }
                        : s),
                ],
            },
        };
    }
}

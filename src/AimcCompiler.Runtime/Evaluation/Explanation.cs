using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>How much worse one of two chips does, instance by instance.</summary>
/// <param name="Mean">Mean over instances, positive where it is worse; not finite where a metric is not.</param>
/// <param name="Ci95">Half width of the 95 % interval of that mean (Student's t over the instances' differences); null for one instance, or where the mean is not finite.</param>
public sealed record PairedCost(double Mean, double? Ci95)
{
    /// <param name="worse">The metric of every instance of the chip that does worse.</param>
    /// <param name="better">The same instances of the other.</param>
    /// <param name="kind">The metric: of a mean error less is better.</param>
    public static PairedCost Of(IReadOnlyList<double> worse, IReadOnlyList<double> better, MetricKind kind)
    {
        ArgumentNullException.ThrowIfNull(worse);
        ArgumentNullException.ThrowIfNull(better);
        double sign = Metric.MoreIsBetter(kind) ? 1 : -1;
        var point = Evaluator.Summarize(null, [.. better.Zip(worse, (b, w) => sign * (b - w))]);
        return new PairedCost(point.Mean, point.Ci95);
    }
}

/// <param name="Off">The metric with this one off and all others on.</param>
/// <param name="OffCost">What the chip as it is loses against that: what would be won without this one.</param>
/// <param name="Only">The metric with this one on and all others off.</param>
/// <param name="OnlyCost">What that loses against the chip with all off.</param>
public sealed record NonidealityPoint(EvaluationPoint Off, PairedCost OffCost, EvaluationPoint Only, PairedCost OnlyCost);

/// <param name="Name">As in <see cref="Nonidealities"/>.</param>
/// <param name="Fields">The fields of the chip that state it.</param>
/// <param name="Points">One a time.</param>
public sealed record ExplainedNonideality(string Name, ImmutableArray<string> Fields, ImmutableArray<NonidealityPoint> Points);

/// <summary>A layer's output beside that of the chip with all off, in dB; errors of the layers before it are in it. At the last time, of one instance.</summary>
/// <param name="Name">The layer.</param>
/// <param name="AllOn">On the chip as it is; null = equal, or no layer of that name on one side.</param>
/// <param name="Only">With one non-ideality on, in the order of <see cref="Explanation.Nonidealities"/>.</param>
public sealed record LayerSqnr(string Name, double? AllOn, ImmutableArray<double?> Only);

/// <summary>Which non-ideality of a chip costs how much.</summary>
public sealed record Explanation
{
    public required long Samples { get; init; }

    public required int Instances { get; init; }

    /// <summary>ONNX Runtime's metric; null when there is no model to ask.</summary>
    public required double? Reference { get; init; }

    /// <summary>The chip as it is, one a time.</summary>
    public required ImmutableArray<EvaluationPoint> AllOn { get; init; }

    /// <summary>The chip with every one of <see cref="Nonidealities"/> off.</summary>
    public required ImmutableArray<EvaluationPoint> AllOff { get; init; }

    /// <summary>What all of them cost together.</summary>
    public required ImmutableArray<PairedCost> Total { get; init; }

    /// <summary>Those that the chip has, the one that costs most at the last time first.</summary>
    public required ImmutableArray<ExplainedNonideality> Nonidealities { get; init; }

    /// <summary>The chip as it is but without drift compensation, and what that costs; empty where the chip has none.</summary>
    public required ImmutableArray<(EvaluationPoint Point, PairedCost Cost)> WithoutCompensation { get; init; }

    public required ImmutableArray<LayerSqnr> Layers { get; init; }

    /// <summary>Non-idealities that the chip has and that could not be switched off.</summary>
    public required ImmutableArray<string> LeftOut { get; init; }

    public required double SamplesPerSecond { get; init; }
}

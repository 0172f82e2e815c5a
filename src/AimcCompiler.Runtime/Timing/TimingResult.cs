using System.Collections.Immutable;

namespace AimcCompiler.Runtime;

/// <param name="Name">As in <c>core (2,3) vector unit</c>, <c>link (2,3)->(2,4)</c>.</param>
/// <param name="Kind">tile, issue, adc, vector_unit, buffer, link, board, memory.</param>
/// <param name="Core">-1 = none.</param>
/// <param name="BusyShare">Of the steady interval, 0 .. 1.</param>
/// <param name="WaitedNs">Per inference, what others waited for it.</param>
/// <param name="Timeline">Busy share in each of the slices of the whole run.</param>
public sealed record ResourceUse(string Name, string Kind, int Core, double BusyShare, double WaitedNs, ImmutableArray<float> Timeline);

/// <param name="Stage">Name.</param>
/// <param name="Cause">Why it waited; followed through: a stage that waits for input blames what its producer waited for at that time.</param>
/// <param name="What">The resource or the stage that it waited for.</param>
/// <param name="Share">Of the steady interval, over its streams, 0 .. 1.</param>
public sealed record StageStall(string Stage, StallCause Cause, string What, double Share);

/// <param name="Part">tiles or dac, cells, adc, shift_add; buffer, digital, noc, board, off_chip, static.</param>
/// <param name="Joules">Per inference; null = the chip does not say.</param>
public sealed record EnergyUse(string Part, double? Joules);

/// <param name="ReloadS">To put it on the tiles; null = not known.</param>
/// <param name="RunS">In which a batch runs through it.</param>
/// <param name="ReloadJ">Energy of the load; null = not known.</param>
public sealed record SegmentTime(double? ReloadS, double? RunS, double? ReloadJ);

/// <summary>What a timed run says. Null = a constant of the chip is missing; <see cref="NotModelled"/> names it.</summary>
public sealed record TimingResult
{
    /// <summary>Of an inference alone, from its first row loaded to its last stored.</summary>
    public required double? LatencyS { get; init; }

    /// <summary>Of an inference among others.</summary>
    public required double? LoadedLatencyS { get; init; }

    /// <summary>From one inference to the next.</summary>
    public required double? IntervalS { get; init; }

    public required IntervalSource IntervalFrom { get; init; }

    /// <summary>Inferences after which the run repeats; null = it was not seen to.</summary>
    public required int? Period { get; init; }

    /// <summary>Inferences at a time, where they overlap.</summary>
    public required int UnderWay { get; init; }

    /// <summary>Inferences that ended.</summary>
    public required int Inferences { get; init; }

    public bool IsSteady => IntervalFrom is IntervalSource.Repeats or IntervalSource.HalvesAgree;

    public required ImmutableArray<EnergyUse> Energy { get; init; }

    public required double? AreaMm2 { get; init; }

    public required ImmutableArray<ResourceUse> Resources { get; init; }

    public required ImmutableArray<StageStall> Stalls { get; init; }

    /// <summary>Length of a slice of the timelines.</summary>
    public required double SliceS { get; init; }

    /// <summary>Bytes on the most loaded link in one inference, and which.</summary>
    public required (string Link, long Bytes)? MostLoadedLink { get; init; }

    public required ImmutableArray<string> NotModelled { get; init; }

    /// <summary>From the first row that is asked for to the last that is stored; with segments, a whole batch with all loads.</summary>
    public double? SpanS { get; init; }

    /// <summary>Loads and runs of a batch; empty = everything is on the tiles at once.</summary>
    public ImmutableArray<SegmentTime> Segments { get; init; } = [];

    public double? EnergyJ => Energy.Any(e => e.Joules is null) ? null : Energy.Sum(e => e.Joules!.Value);

    public double? PowerW => EnergyJ / IntervalS;
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What <c>aimc time</c> is asked.</summary>
/// <param name="Inferences">Null = until the interval is steady.</param>
/// <param name="Without">Parts of the chip that take no time.</param>
/// <param name="Explains">What each part costs.</param>
/// <param name="TraceFile">Where a trace goes; null = none.</param>
/// <param name="TracedInferences">The last so many.</param>
internal sealed record TimeRequest(int? Inferences, ImmutableArray<string> Without, bool Explains, string? TraceFile, int TracedInferences);

/// <summary>Simulates a program's instruction streams and puts the numbers together.</summary>
internal static class TimeWork
{
    private static readonly ImmutableArray<(string Name, TimedParts Part)> s_parts =
    [
        ("core", TimedParts.Core), ("digital", TimedParts.Digital), ("transfers", TimedParts.Transfers), ("memory", TimedParts.Memory), ("room", TimedParts.Room),
    ];

    public static IEnumerable<string> Parts => s_parts.Select(p => p.Name);

    public static TimeReport Run(MappedProgram program, TimeRequest request, CancellationToken cancellation)
    {
        TimedParts parts = s_parts.Where(p => request.Without.Contains(p.Name)).Aggregate(TimedParts.All, (all, p) => all & ~p.Part);
        TimingResult result = TimingSimulator.Run(program, new TimingOptions { Inferences = request.Inferences, Parts = parts }, cancellation);
        if (request.TraceFile is { } file)
        {
            // How many inferences there are is known now, and a second run has the same times.
            AtomicFile.Write(file, stream =>
            {
                using ChromeTrace trace = new(stream, program, result, request.TracedInferences);
                TimingSimulator.Run(program, new TimingOptions { Inferences = request.Inferences, Parts = parts, HasStalls = false, Trace = trace }, cancellation);
            });
        }

        return ReportOf(program, request, result, request.Explains ? Explain(program, request.Inferences, parts, result, cancellation) : []);
    }

    private static TimeReport ReportOf(MappedProgram program, TimeRequest request, TimingResult result, ImmutableArray<PartCostReport> explained)
    {
        MappingReport mapping = MappingReport.Of(program);
        bool knowsTiles = !result.Energy.Any(e => e.Joules is null && IsOfTiles(e.Part));
        double? total = knowsTiles ? result.Energy.Sum(e => e.Joules ?? 0) : null;
        double? operations = mapping.AnalogMacs > 0 ? 2e-12 * mapping.AnalogMacs : null;
        // Bounds are of chips whose parts all take their time.
        bool isWhole = request.Without.IsEmpty;
        ResourceUse? busiest = result.Resources.MaxBy(r => r.BusyShare);
        return new TimeReport
        {
            Model = program.ModelName,
            Chip = program.Chip.Name,
            Chips = program.Chips,
            Inferences = result.Inferences,
            Without = request.Without,
            UnderWay = result.UnderWay,
            LatencyS = result.LatencyS,
            LoadedLatencyS = result.LoadedLatencyS,
            IntervalS = result.IntervalS,
            ThroughputPerS = 1 / result.IntervalS,
            IsSteady = result.IsSteady,
            IntervalFrom = NameOf(result.IntervalFrom),
            Period = result.Period,
            EnergyJ = total,
            PowerW = total / result.IntervalS,
            AreaMm2 = result.AreaMm2,
            TopsPerWMacro = operations / result.Energy.Where(e => IsOfTiles(e.Part)).Aggregate((double?)0, (sum, e) => sum + e.Joules),
            TopsPerWSystem = operations / result.EnergyJ,
            Bottleneck = busiest is { BusyShare: > 0 } ? busiest.Name : null,
            Breakdown = [.. result.Energy.Select(e => new EnergyPart(e.Part, e.Joules, total > 0 ? e.Joules / total : null))],
            Bounds = BoundSurvey.ReportsOf(BoundSurvey.Of(program, isWhole ? result.IntervalS : null, isWhole ? result.LatencyS : null), BoundSurvey.TargetOf(program)!.Value),
            Utilization = [.. result.Resources.Where(r => !r.Timeline.IsEmpty).Select(r => new UtilizationReport(r.Name, r.Kind, r.BusyShare, r.WaitedNs * 1e-9, r.Timeline))],
            Stalls = [.. result.Stalls.Select(s => new StallReport(s.Stage, NameOf(s.Cause), s.What, s.Share))],
            MostLoadedLink = result.MostLoadedLink is { } link ? new LinkLoadReport(link.Link, link.Bytes) : null,
            SliceS = result.SliceS,
            Explained = explained,
            Segments = [.. result.Segments.Select((s, i) => new SegmentTimeReport(i, s.ReloadS, s.RunS, s.ReloadJ))],
            NotModelled = [.. result.NotModelled, .. result.Energy.Where(e => e.Joules is null).Select(e => $"energy of {e.Part}")],
        };
    }

    /// <summary>Tiles alone, then with one part more at a time; the last is the whole, which is known.</summary>
    private static ImmutableArray<PartCostReport> Explain(MappedProgram program, int? inferences, TimedParts parts, TimingResult whole, CancellationToken cancellation)
    {
        (string Name, TimedParts Part)[] added = [("tiles", TimedParts.None), .. s_parts.Where(p => (parts & p.Part) != 0)];
        TimedParts[] timed = [.. added.Select((_, i) => added.Take(i + 1).Aggregate(TimedParts.None, (all, p) => all | p.Part))];
        ImmutableArray<TimingResult> results =
        [
            .. TimingSimulator.Run(program, [.. timed.SkipLast(1).Select(t => new TimingOptions { Inferences = inferences, Parts = t, HasStalls = false })], cancellation),
            whole,
        ];
        var costs = ImmutableArray.CreateBuilder<PartCostReport>();
        double interval = 0;
        double latency = 0;
        for (int i = 0; i < added.Length; i++)
        {
            costs.Add(new PartCostReport(added[i].Name, (results[i].IntervalS ?? 0) - interval, (results[i].LatencyS ?? 0) - latency));
            (interval, latency) = (results[i].IntervalS ?? 0, results[i].LatencyS ?? 0);
        }

        return costs.ToImmutable();
    }

    private static bool IsOfTiles(string part) => part is "tiles" or "dac" or "cells" or "adc" or "shift_add" or "tiles_static";

    private static string NameOf(IntervalSource source) => source == IntervalSource.HalvesAgree ? "halves_agree" : source.ToString().ToLowerInvariant();

    internal static string NameOf(StallCause cause) => cause == StallCause.VectorUnit ? "vector_unit" : cause.ToString().ToLowerInvariant();
}

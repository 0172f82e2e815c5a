using System.Collections.Immutable;
using System.Globalization;
using Spectre.Console;

namespace AimcCompiler.Reports;

/// <summary>What a simulated run of a program's instruction streams says: the content of <c>aimc time</c>. Null = a constant of the chip is missing.</summary>
public sealed record TimeReport
{
    public int SchemaVersion { get; init; } = 1;

    public required string Model { get; init; }

    public required string Chip { get; init; }

    public required int Chips { get; init; }

    /// <summary>Simulated one after the other.</summary>
    public required int Inferences { get; init; }

    /// <summary>What took no time because it was asked to.</summary>
    public required ImmutableArray<string> Without { get; init; }

    /// <summary>Inferences at a time.</summary>
    public required int UnderWay { get; init; }

    /// <summary>Of an inference alone.</summary>
    public required double? LatencyS { get; init; }

    /// <summary>Of the last, among others.</summary>
    public required double? LoadedLatencyS { get; init; }

    /// <summary>From one inference to the next.</summary>
    public required double? IntervalS { get; init; }

    public required double? ThroughputPerS { get; init; }

    /// <summary>The run repeats, or its halves agree.</summary>
    public required bool IsSteady { get; init; }

    /// <summary>none, batch, repeats, halves_agree, unsteady (docs/timing.md).</summary>
    public required string IntervalFrom { get; init; }

    /// <summary>Inferences after which the run repeats; null = it was not seen to.</summary>
    public required int? Period { get; init; }

    /// <summary>Per inference, of the parts that are known; null when the tiles are not.</summary>
    public required double? EnergyJ { get; init; }

    public required double? PowerW { get; init; }

    /// <summary>Of all chips.</summary>
    public required double? AreaMm2 { get; init; }

    /// <summary>Operations per energy of the tiles alone; 1 MAC = 2 operations.</summary>
    public required double? TopsPerWMacro { get; init; }

    /// <summary>Operations per energy of everything; null when a part is not known.</summary>
    public required double? TopsPerWSystem { get; init; }

    /// <summary>The busiest resource.</summary>
    public required string? Bottleneck { get; init; }

    public required ImmutableArray<EnergyPart> Breakdown { get; init; }

    public required ImmutableArray<BoundReport> Bounds { get; init; }

    public required ImmutableArray<UtilizationReport> Utilization { get; init; }

    /// <summary>Longest first.</summary>
    public required ImmutableArray<StallReport> Stalls { get; init; }

    public required LinkLoadReport? MostLoadedLink { get; init; }

    /// <summary>Length of a slice of the timelines.</summary>
    public required double SliceS { get; init; }

    /// <summary>What each kind of resource costs, added one after the other; empty = not asked.</summary>
    public required ImmutableArray<PartCostReport> Explained { get; init; }

    public required ImmutableArray<string> NotModelled { get; init; }

    /// <summary>Loads and runs of a batch; empty = everything is on the tiles at once.</summary>
    public ImmutableArray<SegmentTimeReport> Segments { get; init; } = [];
}

/// <param name="Segment">Its number, in the order in which they are loaded.</param>
/// <param name="ReloadS">To put it on the tiles; null = not known.</param>
/// <param name="RunS">In which the batch runs through it.</param>
/// <param name="ReloadJ">Energy of the load; null = not known.</param>
public sealed record SegmentTimeReport(int Segment, double? ReloadS, double? RunS, double? ReloadJ);

/// <param name="Resource">As in <c>core (2,3) vector unit</c>.</param>
/// <param name="Kind">tile, issue, adc, vector_unit, buffer, link, board, memory.</param>
/// <param name="Busy">Share of the interval, 0 .. 1.</param>
/// <param name="WaitedS">Per inference, what others waited for it.</param>
/// <param name="Timeline">Busy share in equal slices of the run.</param>
public sealed record UtilizationReport(string Resource, string Kind, double Busy, double WaitedS, ImmutableArray<float> Timeline);

/// <param name="Stage">Layer or node.</param>
/// <param name="Cause">input, room, tiles, issue, adc, vector_unit, buffer, link, memory.</param>
/// <param name="What">The resource, or the stage.</param>
/// <param name="Share">Of the interval, over the streams of the stage.</param>
public sealed record StallReport(string Stage, string Cause, string What, double Share);

public sealed record LinkLoadReport(string Link, long Bytes);

/// <param name="Part">tiles, core, digital, transfers, memory, room.</param>
/// <param name="IntervalS">What the interval is longer with it than without.</param>
/// <param name="LatencyS">The same of the latency.</param>
public sealed record PartCostReport(string Part, double IntervalS, double LatencyS);

/// <summary>A time report for a terminal.</summary>
public static class TimeText
{
    private const int FewStalls = 8;
    private const int FewResources = 10;

    /// <param name="console">Where to.</param>
    /// <param name="report">The report.</param>
    /// <param name="all">Every stall and resource.</param>
    public static void Write(IAnsiConsole console, TimeReport report, bool all = false)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(report);
        void Line(FormattableString text) => console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
        string chips = report.Chips > 1 ? $"{report.Chips} x {Printable.Of(report.Chip)}" : Printable.Of(report.Chip);
        string rate = report.ThroughputPerS is { } perSecond ? $"{Quantity.Number(perSecond)} inferences/s" : Quantity.NotModelled;
        string source = report.IntervalFrom switch
        {
            "batch" => " (of the batch)",
            "repeats" => string.Create(CultureInfo.InvariantCulture, $" (steady: repeats every {(report.Period == 1 ? "inference" : $"{report.Period} inferences")})"),
            "halves_agree" => " (steady: both halves agree within 0.5 %)",
            "unsteady" => " (not steady)",
            _ => "",
        };
        console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{Printable.Of(report.Model)} -> {chips}: {rate}, latency {Seconds(report.LatencyS)}, simulated {report.Inferences} {(report.Inferences == 1 ? "inference" : "inferences")}"),
            new Style(decoration: Decoration.Bold));
        string interval = report.Segments.IsEmpty ? source : string.Create(CultureInfo.InvariantCulture, $" (mean of {report.Inferences} a load)");
        Line($"interval    {Seconds(report.IntervalS)}{interval}, latency among others {Seconds(report.LoadedLatencyS)}{(report.Segments.IsEmpty ? string.Create(CultureInfo.InvariantCulture, $", {report.UnderWay} under way at a time") : "")}");
        foreach (var segment in report.Segments)
        {
            Line($"segment {segment.Segment}   load {Seconds(segment.ReloadS)}, {Of(segment.ReloadJ, "J")}; run {Seconds(segment.RunS)}");
        }

        Line($"bottleneck  {(report.Bottleneck is { } bottleneck ? Printable.Of(bottleneck) : Quantity.NotModelled)}");
        Line($"energy      {Of(report.EnergyJ, "J")} per inference, power {Of(report.PowerW, "W")}, area {(report.AreaMm2 is { } area ? Quantity.Number(area) + " mm2" : Quantity.NotModelled)}");
        Line($"            {string.Join(", ", report.Breakdown.Select(p => $"{p.Part} {Of(p.EnergyJ, "J")}{(p.Share is { } share ? $" ({Quantity.Percent(share)})" : "")}"))}");
        Line($"TOPS/W      macro {Number(report.TopsPerWMacro)}, system {Number(report.TopsPerWSystem)}");
        if (report.MostLoadedLink is { } link)
        {
            Line($"links       most on {link.Link}: {Quantity.Count(link.Bytes)} bytes per inference");
        }

        if (!report.Without.IsEmpty)
        {
            Line($"without     {string.Join(", ", report.Without)}");
        }

        if (!report.NotModelled.IsEmpty)
        {
            Line($"unknown     {string.Join(", ", report.NotModelled)}");
        }

        foreach (var bound in report.Bounds.Where(b => b.Value is not null))
        {
            string gap = bound.Gap is { } g ? $" ({Quantity.Number(1 + g)} x)" : "";
            string Value(double? value) => value is not { } known ? Quantity.NotModelled : bound.Unit == "s" ? Quantity.Of(known, "s") : $"{Quantity.Number(known)} {(known is 1 ? bound.Unit.TrimEnd('s') : bound.Unit).Replace('_', '-')}";
            Line($"bound {bound.Name}: {Value(bound.Value)}, achieved {Value(bound.Achieved)}{gap}{(bound.Binding ? ", binding" : "")}");
        }

        foreach (var part in report.Explained)
        {
            // Every part but the first adds to what is before it, or takes from it.
            string Added(double? seconds) => (part.Part != "tiles" && seconds >= 0 ? "+" : "") + Of(seconds, "s");
            Line($"{part.Part,-11} {Added(part.IntervalS)} of interval, {Added(part.LatencyS)} of latency");
        }

        foreach (var stall in report.Stalls.Take(all ? int.MaxValue : FewStalls))
        {
            Line($"{Printable.Of(stall.Stage)} waits for {Cause(stall)} {Quantity.Percent(stall.Share)} of the time");
        }

        var table = new TextTable(("resource", false), ("busy", true), ("waited for", true));
        UtilizationReport[] busiest = [.. report.Utilization.Where(u => u.Busy > 0).OrderByDescending(u => u.Busy).Take(all ? int.MaxValue : FewResources)];
        foreach (var use in busiest)
        {
            table.Add(use.Resource, Quantity.Percent(use.Busy), Quantity.Of(use.WaitedS, "s"));
        }

        if (busiest.Length > 0)
        {
            Line($"");
            foreach (string line in table.Lines())
            {
                console.WriteLine(line);
            }
        }
    }

    private static string Cause(StallReport stall) => stall.Cause switch
    {
        "input" => $"rows of {Printable.Of(stall.What)}",
        "room" => $"room behind {Printable.Of(stall.What)}",
        _ => Printable.Of(stall.What),
    };

    private static string Seconds(double? seconds) => Of(seconds, "s");

    private static string Of(double? value, string unit) => value is { } known ? Quantity.Of(known, unit) : Quantity.NotModelled;

    private static string Number(double? value) => value is { } known ? Quantity.Number(known) : Quantity.NotModelled;
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Segments of a program: what each takes to load and to run, by the chip's constants.</summary>
internal static class SegmentSurvey
{
    private const double PsPerS = 1e12;

    /// <summary>Nothing where everything is on the tiles at once.</summary>
    public static ImmutableArray<SegmentReport> Of(MappedProgram program)
    {
        if (program.Segments == 1)
        {
            return [];
        }

        return [.. Enumerable.Range(0, program.Segments).Select(s => Of(program, s))];
    }

    /// <summary>From one inference to the next, on the average of a batch; loads of unknown time take none. Null = times are not known.</summary>
    public static double? IntervalS(ImmutableArray<SegmentReport> segments, int batch) =>
        segments.Aggregate((double?)0, (sum, s) => sum + (s.ReloadS ?? 0) + Math.Max(s.LatencyS ?? 0, s.IntervalS ?? 0) + ((batch - 1) * s.IntervalS)) / batch;

    /// <summary>One inference through all segments, with all loads.</summary>
    public static double? LatencyS(ImmutableArray<SegmentReport> segments) => IntervalS(segments, 1);

    private static SegmentReport Of(MappedProgram program, int segment)
    {
        MappedLayer[] layers = [.. program.Layers.Where(l => l.Segment == segment)];
        Block[] blocks = [.. layers.Where(l => l.SharesTilesOf is null).SelectMany(l => l.Blocks)];
        var reload = ReloadCost.Of(program.Chip, program.Chips, [.. blocks.Select(b => (b.Tile, b.Rows, b.Columns))]);
        (double? interval, double? latency, long crossing) = program.SegmentSchedules.IsEmpty ? (null, null, 0) : TimesOf(program, program.SegmentSchedules[segment]);
        return new SegmentReport(
            segment, [.. layers.Select(l => l.Name)], blocks.Select(b => b.Tile).Distinct().LongCount(), reload.Bytes, reload.TimeS, reload.EnergyJ, interval, latency, crossing);
    }

    private static (double? IntervalS, double? LatencyS, long CrossingBytes) TimesOf(MappedProgram program, ProgramSchedule schedule)
    {
        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        var stages = schedule.Stages;
        double? interval = BoundSurvey.Largest(program, schedule, chip);
        double? latency = interval is null ? null : PipelineEstimate.Latency(stages, chip, schedule.Mapping.Replication.Copies) / PsPerS;
        HashSet<string> ends = [.. program.Inputs.Concat(program.Outputs).Select(v => program.Values[v].Name)];
        return (interval, latency, stages.Values.Where(v => (v.Producer < 0 || v.IsOutput) && !ends.Contains(v.Name)).Sum(v => v.Rows * v.BytesPerRow));
    }
}

/// <summary>What is on the tiles at a time.</summary>
/// <param name="Segment">Its number, in the order in which they are loaded.</param>
/// <param name="Layers">Names.</param>
/// <param name="Tiles">In use, all copies.</param>
/// <param name="ReloadBytes">Codes that come from off-chip memory for a load.</param>
/// <param name="ReloadS">Of a load; null = not known.</param>
/// <param name="ReloadJ">Of a load; null = not known.</param>
/// <param name="IntervalS">What its busiest resource works for one inference; null = not known.</param>
/// <param name="LatencyS">Of one inference through it, without transfers; null = not known.</param>
/// <param name="CrossingBytes">That it writes for later segments, and reads of what earlier ones wrote.</param>
public sealed record SegmentReport(
    int Segment,
    ImmutableArray<string> Layers,
    long Tiles,
    long ReloadBytes,
    double? ReloadS,
    double? ReloadJ,
    double? IntervalS,
    double? LatencyS,
    long CrossingBytes);

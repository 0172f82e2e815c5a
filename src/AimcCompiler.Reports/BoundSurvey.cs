using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Bounds of a program, beside what it has.</summary>
public static class BoundSurvey
{
    private const string Interval = "interval";
    private const string Latency = "latency";
    private const string Seconds = "s";
    private const double PsPerS = 1e12;
    private const double NsPerS = 1e9;
    private const double BytesPerKilobyte = 1000;

    /// <summary>Nothing without a schedule.</summary>
    /// <param name="program">A verified program.</param>
    /// <param name="simulatedIntervalS">From a timed run; null = what the busiest resource works.</param>
    /// <param name="simulatedLatencyS">The same; null = as the copies allow, without transfers (<see cref="PipelineEstimate"/>).</param>
    public static ImmutableArray<LowerBound> Of(MappedProgram program, double? simulatedIntervalS = null, double? simulatedLatencyS = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (!program.SegmentSchedules.IsEmpty)
        {
            return OfSegments(program, simulatedIntervalS);
        }

        if (program.Schedule is not { } schedule)
        {
            return [];
        }

        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        ScheduleLoad load = new(program, schedule, chip);
        StageGraph stages = schedule.Stages;
        (long placement, long byteHops) = Placement(load, chip);
        double? latency = MappingBounds.LatencyNs(stages, chip) / NsPerS;
        LowerBound[] intervals = [.. Intervals(stages, chip, load)];
        LowerBound largest = intervals.MaxBy(b => b.Value ?? 0)!;
        return
        [
            new("tiles", LeastTiles(program), TilesUsed(program), "tiles", "tiles", "blocks of one copy, side by side on tiles where they fit"),
            new(Interval, largest.Value, simulatedIntervalS ?? intervals.Max(b => b.Achieved), Seconds, Interval, $"the largest of them: {largest.Name}"),
            .. intervals,
            new(Latency, latency, simulatedLatencyS ?? Least(latency, EstimatedLatencyS(schedule, chip)), Seconds, Latency, "rows through the layers, each with the most copies that it could have alone"),
            new("buffers", MappingBounds.BufferBytes(stages, schedule.Overlaps), load.BufferBytes + load.SpilledBytes, "bytes", "buffers", "rows that must be on the chip at a time"),
            new("segments", MappingBounds.Segments(stages, chip), schedule.Mapping.Segments.Length, "segments", "segments", "tiles of one copy over tiles of the chip"),
            new("placement", placement, byteHops, "byte_hops", "placement", "each core's traffic over the shortest distances (Gilmore and Lawler)"),
        ];
    }

    /// <summary>The interval that row groups alone allow: what the busiest core takes to begin its MVMs, or the busiest tile works; null = not known, or no schedule.</summary>
    public static double? MvmBottleneckNs(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (program.Schedule is not { } schedule)
        {
            return null;
        }

        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        ScheduleLoad load = new(program, schedule, chip);
        return load.BusiestTileNs is { } tile ? Math.Max(tile, (IssueS(load, chip) ?? 0) * NsPerS) : null;
    }

    /// <summary>What would shorten the interval, the most first: one more copy of each layer that is as slow as any, and twice of each resource, as the bounds say.</summary>
    public static ImmutableArray<WhatIf> WhatIf(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (program.Schedule is not { } schedule)
        {
            return [];
        }

        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        ScheduleLoad load = new(program, schedule, chip);
        LowerBound[] intervals = [.. Intervals(schedule.Stages, chip, load)];
        return [.. Copies(schedule, intervals).Concat(Doubled(schedule.Stages, chip, intervals)).OrderByDescending(w => w.GainPercent ?? double.NegativeInfinity)];
    }

    /// <param name="bounds">Of <see cref="Of"/>.</param>
    /// <param name="target">What the compile aimed at: the largest bound of its kind binds.</param>
    public static ImmutableArray<BoundReport> ReportsOf(ImmutableArray<LowerBound> bounds, MappingTarget target)
    {
        string kind = target == MappingTarget.Latency ? Latency : Interval;
        LowerBound? binding = bounds.Where(b => b.Limits == kind && b.Name != Interval && b.Value is not null).MaxBy(b => b.Value);
        return [.. bounds.Select(b => new BoundReport(b.Name, b.Value, b.Achieved, b.Gap, b.Unit, b == binding) { Why = b.Why })];
    }

    /// <summary>What the compile aimed at; null = no schedule.</summary>
    public static MappingTarget? TargetOf(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        return program.Schedule?.Target ?? (program.SegmentSchedules.IsEmpty ? null : program.SegmentSchedules.Max(s => s.Target));
    }

    /// <summary>What the busiest resource works for one inference; null = times of tiles are not known.</summary>
    internal static double? Largest(MappedProgram program, ProgramSchedule schedule, ChipCapacity chip)
    {
        LowerBound[] intervals = [.. Intervals(schedule.Stages, chip, new ScheduleLoad(program, schedule, chip))];
        return intervals[0].Achieved is null ? null : intervals.Max(b => b.Achieved);
    }

    /// <summary>Tiles of every load, all segments together.</summary>
    internal static long TilesLoaded(MappedProgram program) => program.Layers.SelectMany(l => l.Blocks.Select(b => (l.Segment, b.Tile))).Distinct().LongCount();

    /// <summary>Of a program that is loaded piece by piece. All of its work must be done, and what the tiles do not hold must come anew for every batch; copies and places bind nothing that another cut would not free.</summary>
    private static ImmutableArray<LowerBound> OfSegments(MappedProgram program, double? simulatedIntervalS)
    {
        var chip = ChipCapacity.Of(program.Chip, program.Chips);
        var all = Together(program.SegmentSchedules.Select(s => s.Stages));
        var loads = program.SegmentSchedules.Select(s => new ScheduleLoad(program, s, chip)).ToArray();
        var segments = SegmentSurvey.Of(program);
        int batch = program.SegmentBatch;
        long issues = loads.Sum(l => l.Issues.Sum());
        long operations = loads.Sum(l => l.Operations.Sum());
        LowerBound[] intervals =
        [
            new("reload", ReloadBoundS(program), segments.Aggregate((double?)0, (sum, s) => sum + s.ReloadS) / batch, Seconds, Interval, "weights that the tiles do not hold, once a batch"),
            new(
                "bottleneck",
                chip.Tiles is { } held ? TileFamily.Of(all).Aggregate((double?)0, (sum, f) => sum + (f.IntervalPs is null ? null : f.Tiles * (double)f.Vectors * f.IntervalPs.Value)) / held / PsPerS : null,
                loads.Aggregate((double?)0, (sum, l) => sum + l.BusiestTileNs) / NsPerS,
                Seconds,
                Interval,
                "work of all tiles, spread evenly over them"),
            new("work", MappingBounds.WorkNs(all, chip) / NsPerS, loads.Sum(l => IssueS(l, chip)), Seconds, Interval, Text($"{issues:N0} MVMs to begin on {chip.Cores:N0} cores")),
            new(
                "digital",
                MappingBounds.DigitalNs(all, chip) / NsPerS,
                loads.Sum(l => l.Operations.Max() * chip.PsPerThousandOperations / 1000 / PsPerS),
                Seconds,
                Interval,
                Text($"{operations:N0} operations on {chip.Cores:N0} vector units")),
        ];
        LowerBound largest = intervals.MaxBy(b => b.Value ?? 0)!;
        long tiles = LeastTiles(program);
        return
        [
            new("tiles", tiles, TilesLoaded(program), "tiles", "tiles", "blocks of one copy, side by side on tiles where they fit"),
            new(Interval, largest.Value, simulatedIntervalS ?? SegmentSurvey.IntervalS(segments, batch), Seconds, Interval, $"the largest of them: {largest.Name}"),
            .. intervals,
            new("segments", chip.Tiles is { } capacity ? (tiles + capacity - 1) / capacity : null, program.Segments, "segments", "segments", "tiles of one copy over tiles of the chip"),
        ];
    }

    /// <summary>Pipelines beside each other, for what sums over stages.</summary>
    private static StageGraph Together(IEnumerable<StageGraph> graphs)
    {
        var values = ImmutableArray.CreateBuilder<StageValue>();
        var stages = ImmutableArray.CreateBuilder<Stage>();
        foreach (var graph in graphs)
        {
            (int value, int stage) = (values.Count, stages.Count);
            values.AddRange(graph.Values.Select(v => v with { Producer = v.Producer < 0 ? -1 : v.Producer + stage }));
            stages.AddRange(graph.Stages.Select(s => s with
            {
                Output = s.Output + value,
                Inputs = [.. s.Inputs.Select(i => i with { Value = i.Value + value })],
                Matrix = s.Matrix is { SharesTilesOf: { } owner } matrix ? matrix with { SharesTilesOf = owner + stage } : s.Matrix,
            }));
        }

        return new StageGraph(values.ToImmutable(), stages.ToImmutable());
    }

    /// <summary>Weights of one copy less what all tiles hold, at the rate of off-chip memory.</summary>
    private static double? ReloadBoundS(MappedProgram program)
    {
        var chip = program.Chip;
        TileGeometry geometry = new(chip.Tile);
        long weights = program.Layers.Where(l => l.SharesTilesOf is null).Sum(l => (long)l.Groups * l.Rows * l.Columns);
        long? held = chip.TilesPerChip * program.Chips * geometry.LogicalRows * geometry.LogicalColumns;
        return Math.Max(0, weights - held ?? 0) * (chip.Tile.Weights.Bits ?? 32) / 8e9 / (chip.OffChip?.GbPerS * program.Chips) / program.SegmentBatch;
    }

    internal static long TilesUsed(MappedProgram program) => program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().LongCount();

    /// <summary>Tiles that one copy of every block takes, several on a tile where they fit.</summary>
    internal static long LeastTiles(MappedProgram program)
    {
        TileGeometry geometry = new(program.Chip.Tile);
        return MappingBounds.SharedTiles(
            [
                .. program.Layers.Where(l => l.SharesTilesOf is null).SelectMany(l => l.Blocks).Where(b => b.Copy == 0)
                    .Select(b => (b.Rows * geometry.PhysicalRowsPerWeight, b.Columns * geometry.PhysicalColumnsPerWeight)),
            ],
            program.Chip.Tile.Rows,
            program.Chip.Tile.Columns);
    }

    private static IEnumerable<LowerBound> Intervals(StageGraph stages, ChipCapacity chip, ScheduleLoad load)
    {
        string tiles = chip.Tiles is { } count ? Text($"as many copies as {count:N0} tiles hold") : "a copy for every vector";
        yield return new("bottleneck", MappingBounds.BottleneckNs(stages, chip) / NsPerS, load.BusiestTileNs / NsPerS, Seconds, Interval, tiles);
        yield return new("work", MappingBounds.WorkNs(stages, chip) / NsPerS, IssueS(load, chip), Seconds, Interval, Text($"{load.Issues.Sum():N0} MVMs to begin on {chip.Cores:N0} cores"));
        yield return new(
            "digital",
            MappingBounds.DigitalNs(stages, chip) / NsPerS,
            load.Operations.Max() * chip.PsPerThousandOperations / 1000 / PsPerS,
            Seconds,
            Interval,
            Text($"{load.Operations.Sum():N0} operations on {chip.Cores:N0} vector units"));
        yield return new(
            "memory",
            MappingBounds.MemoryNs(stages, chip, 0) / NsPerS,
            load.OffChipBytes * chip.MemoryPsPerKilobyte / BytesPerKilobyte / chip.Chips / PsPerS,
            Seconds,
            Interval,
            Text($"{MappingBounds.CompulsoryBytes(stages):N0} bytes of inputs and outputs"));
        yield return Noc(chip, load);
    }

    /// <summary>For the placement at hand: what must cross a cut over the links that cross it.</summary>
    private static LowerBound Noc(ChipCapacity chip, ScheduleLoad load)
    {
        (double Bytes, NocCut? Cut) most = (0, null);
        for (int c = 0; c < chip.Chips; c++)
        {
            var cut = PlacementBounds.MostLoadedLink(chip.Topology, load.TransfersOf(chip.Topology, c));
            most = cut.Bytes > most.Bytes ? cut : most;
        }

        double? secondsPerByte = chip.LinkPsPerKilobyte / BytesPerKilobyte / PsPerS;
        string where = most.Cut is { } found ? $"bytes out of or into {found.Name}" : "all bytes between cores";
        return new("noc", most.Bytes * secondsPerByte, load.LinkBytes().DefaultIfEmpty(0).Max() * secondsPerByte, Seconds, Interval, Text($"{where}, {most.Bytes:N0} a link"));
    }

    private static (long Bound, long Achieved) Placement(ScheduleLoad load, ChipCapacity chip)
    {
        long bound = 0;
        long achieved = 0;
        for (int c = 0; c < chip.Chips; c++)
        {
            var (problem, byteHops) = load.PlacementOf(chip.Topology, c);
            bound += PlacementBounds.GilmoreLawler(problem);
            achieved += byteHops;
        }

        return (bound, achieved);
    }

    /// <summary>An estimate counts in whole rows, so it can be a little below the bound.</summary>
    private static double? Least(double? bound, double? estimate) => estimate < bound ? bound : estimate;

    private static double? EstimatedLatencyS(ProgramSchedule schedule, ChipCapacity chip) =>
        schedule.Stages.Stages.Any(s => s.Matrix is { IntervalNs: null } or { LatencyNs: null }) || (chip.PsPerThousandOperations is null && schedule.Stages.Stages.Any(s => s.Matrix is null && s.OperationsPerRow > 0))
            ? null
            : PipelineEstimate.Latency(schedule.Stages, chip, schedule.Mapping.Replication.Copies) / PsPerS;

    private static double? IssueS(ScheduleLoad load, ChipCapacity chip) => load.Issues.Max() * chip.IssuePs / PsPerS;

    /// <summary>One copy more of a layer, the others as they are.</summary>
    private static IEnumerable<WhatIf> Copies(ProgramSchedule schedule, LowerBound[] intervals)
    {
        var families = TileFamily.Of(schedule.Stages);
        if (families.IsEmpty || families.Any(f => f.IntervalPs is null))
        {
            yield break;
        }

        long[] busy = [.. families.Select(f => f.BusyPs(Math.Max(1, schedule.Mapping.Replication.Copies[f.Owner])))];
        double others = intervals.Where(b => b.Name != "bottleneck").Max(b => b.Achieved ?? 0) * PsPerS;
        double present = Math.Max(busy.Max(), others);
        for (int f = 0; f < families.Length; f++)
        {
            int copies = schedule.Mapping.Replication.Copies[families[f].Owner];
            if (busy[f] < busy.Max() || families[f].IsSerial || copies >= families[f].Vectors)
            {
                continue;
            }

            long next = families[f].BusyPs(copies + 1);
            double interval = Math.Max(Math.Max(next, busy.Where((_, i) => i != f).DefaultIfEmpty(0).Max()), others);
            string tiles = families[f].Tiles == 1 ? "1 tile" : Text($"{families[f].Tiles:N0} tiles");
            yield return new WhatIf(Text($"{tiles}: another copy of {schedule.Stages.Stages[families[f].Owner].Name}"), interval / 1000, Gain(present, interval));
        }
    }

    /// <summary>The largest bound with twice of one resource.</summary>
    private static IEnumerable<WhatIf> Doubled(StageGraph stages, ChipCapacity chip, LowerBound[] intervals)
    {
        double? noc = intervals.Single(b => b.Name == "noc").Value;
        double? present = Largest(chip);
        (string Lever, ChipCapacity? Chip)[] levers =
        [
            ("2 x the rate of core.mvm_issue_ns", chip.IssuePs is { } issue ? chip with { IssuePs = Half(issue) } : null),
            ("2 x core.tiles", chip.TilesOfCore.IsEmpty ? null : chip with { TilesOfCore = [.. chip.TilesOfCore.Select(t => 2 * t)], TilesPerCore = 2 * chip.TilesPerCore }),
            ("2 x chips", chip.TilesOfCore.IsEmpty ? null : chip with { Chips = 2 * chip.Chips, TilesOfCore = [.. chip.TilesOfCore, .. chip.TilesOfCore] }),
            ("2 x core.digital.lanes", chip.PsPerThousandOperations is { } operation ? chip with { PsPerThousandOperations = Half(operation) } : null),
            ("2 x off_chip.gb_per_s", chip.MemoryPsPerKilobyte is { } memory ? chip with { MemoryPsPerKilobyte = Half(memory) } : null),
            ("2 x noc.gb_per_s", chip.LinkPsPerKilobyte is { } link ? chip with { LinkPsPerKilobyte = Half(link) } : null),
        ];
        return from lever in levers
               where lever.Chip is not null
               let interval = Largest(lever.Chip)
               select new WhatIf(lever.Lever, interval * NsPerS, Gain(present, interval));

        double? Largest(ChipCapacity changed) => new double?[]
        {
            MappingBounds.BottleneckNs(stages, changed) / NsPerS,
            MappingBounds.WorkNs(stages, changed) / NsPerS,
            MappingBounds.DigitalNs(stages, changed) / NsPerS,
            MappingBounds.MemoryNs(stages, changed, 0) / NsPerS,
            changed.Chips == chip.Chips ? noc * changed.LinkPsPerKilobyte / chip.LinkPsPerKilobyte : 0, // on more chips another placement would be found
        }.Max();
    }

    private static long Half(long ps) => Math.Max(1, ps / 2);

    private static double? Gain(double? before, double? after) => before > 0 ? 100 * (1 - (after / before)) : null;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

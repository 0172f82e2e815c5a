using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>The discrete-event simulator of a program's instruction streams (docs/timing.md). It reads the program alone.</summary>
public static class TimingSimulator
{
    private const int Slices = 100;

    /// <summary>Inferences at a time where a resource is hardly ever busy.</summary>
    private const int MostUnderWay = 64;

    /// <param name="program">A verified program.</param>
    /// <param name="options">How many inferences, what takes time.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="DiagnosticException">The program has no schedule, or it stops: who waits for what.</exception>
    public static TimingResult Run(MappedProgram program, TimingOptions options, CancellationToken cancellation = default) => Run(program, [options], cancellation)[0];

    /// <summary>Several runs of one program, two at a time.</summary>
    /// <param name="program">A verified program.</param>
    /// <param name="options">Of each run.</param>
    /// <param name="cancellation">Stops the runs.</param>
    /// <exception cref="DiagnosticException">The program has no schedule, or it stops: who waits for what.</exception>
    public static ImmutableArray<TimingResult> Run(MappedProgram program, ImmutableArray<TimingOptions> options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (options.FirstOrDefault(o => o.Inferences is < 1 or > 1 << 20) is { } wrong)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "inferences", $"{wrong.Inferences} is not 1 .. {1 << 20}");
        }

        if (!program.SegmentSchedules.IsEmpty)
        {
            return [.. options.Select(o => SegmentTiming.Run(program, o, cancellation))];
        }

        ScheduleFacts facts = new(program, ScheduleOf(program));
        var results = new TimingResult[options.Length];
        try
        {
            Parallel.For(0, options.Length, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellation }, i => results[i] = Run(facts, program, options[i], cancellation));
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return [.. results];
    }

    /// <summary>The schedule of a program.</summary>
    /// <exception cref="DiagnosticException">There is none.</exception>
    internal static ProgramSchedule ScheduleOf(MappedProgram program) => program.Schedule
        ?? throw new DiagnosticException(
            Descriptors.NoSchedule,
            program.ModelName,
            $"has no schedule: {program.NotScheduled ?? "it was compiled before there were schedules"}",
            "aimc compile ... --dim NAME=N where a dimension is open",
            "--set core.buffer_kib=N where buffers are too small",
            "compile it again");

    private static TimingResult Run(ScheduleFacts facts, MappedProgram program, TimingOptions options, CancellationToken cancellation)
    {
        bool isTimed = facts.Schedule.Stages.Stages.All(s => s.Matrix is null || s.Matrix is { IntervalNs: not null, LatencyNs: not null });
        // Others beside it would delay the first.
        Simulation alone = new(facts, program, options.Inferences == 1 ? options : options with { Trace = null, HasStalls = false }, limit: 1, underWay: 1);
        if (!isTimed || options.Inferences == 1)
        {
            if (isTimed)
            {
                alone.Run(() => true, cancellation);
            }

            return ResultOf(facts, program, options, alone, alone, new SteadyState(alone, 1), 1);
        }

        alone.Run(() => true, cancellation);
        int underWay = UnderWay(alone);
        Simulation run = new(facts, program, options, options.Inferences, underWay);
        SteadyState steady = new(run, underWay);
        run.Run(() => options.Inferences is { } count ? run.Ended.Count == count : steady.IsReached(), cancellation);
        return ResultOf(facts, program, options, alone, run, steady, underWay);
    }

    /// <summary>Inferences that keep the busiest resource busy, twice: each takes longer among others than alone. More would only wait in buffers.</summary>
    private static int UnderWay(Simulation alone)
    {
        long busiest = Enumerable.Range(0, alone.Chip.All.Count).Max(r => (long?)alone.Times.BusyBetween(r, -1, 0)) ?? 0;
        long latency = alone.Ended[0] - alone.Started[0];
        return (int)Math.Clamp(busiest == 0 ? 1 : ((2 * latency) + busiest - 1) / busiest, 2, MostUnderWay);
    }

    private static TimingResult ResultOf(ScheduleFacts facts, MappedProgram program, TimingOptions options, Simulation alone, Simulation run, SteadyState steady, int underWay)
    {
        bool isTimed = alone.Ended.Count > 0;
        double? latency = isTimed ? (alone.Ended[0] - alone.Started[0]) * 1e-12 : null;
        int last = run.Ended.Count - 1;
        bool isBatch = options.Inferences is > 1 && isTimed;
        // A batch has no steady time: all of it counts.
        var window = isBatch ? (First: -1, Last: last) : steady.Window;
        long span = isBatch ? run.Ended[last] - run.Started[0] : window.Last > window.First ? run.Ended[window.Last] - run.Ended[window.First] : 0;
        int inferences = window.Last - window.First;
        double? interval = span > 0 ? span * 1e-12 / inferences : null;
        bool hasSpan = interval is not null;
        var chip = run.Chip;
        var rollUp = ChipRollUp.Of(program.Chip);
        ScheduleTraffic traffic = new(facts.Schedule, facts.Sums, chip.Capacity);
        return new TimingResult
        {
            LatencyS = latency,
            LoadedLatencyS = isTimed ? (run.Ended[last] - run.Started[last]) * 1e-12 : null,
            IntervalS = interval,
            IntervalFrom = isBatch ? IntervalSource.Batch : steady.Source,
            Period = steady.Source == IntervalSource.Repeats ? inferences : null,
            Inferences = run.Ended.Count,
            UnderWay = underWay,
            Energy = ScheduleEnergy.Of(program, facts.Schedule, traffic, rollUp.StaticMw * 1e-3 * program.Chips * (interval ?? latency)),
            AreaMm2 = rollUp.AreaMm2 * program.Chips,
            Resources =
            [
                .. chip.All.Select((r, i) => new ResourceUse(
                    r.Name,
                    r.Kind,
                    r.Core,
                    hasSpan ? Math.Min(1, run.Times.BusyBetween(i, window.First, window.Last) / (double)span) : 0,
                    hasSpan ? run.Times.WaitedBetween(i, window.First, window.Last) * 1e-3 / inferences : 0,
                    run.Times.IsUsed(i) ? [.. run.Times.Timeline(i, run.Ended[last], Slices)] : [])),
            ],
            Stalls = hasSpan && run.Log is not null ? [.. StallsOf(facts.Schedule, run, run.Log, window, span)] : [],
            SpanS = isTimed ? (run.Ended[last] - run.Started[0]) * 1e-12 : null,
            SliceS = isTimed ? run.Ended[last] * 1e-12 / Slices : 0,
            MostLoadedLink = traffic.MostLoaded is { } most ? (chip.LinkName(most.Chip, most.Link), most.Bytes) : null,
            NotModelled = [.. NotModelled(program, facts.Schedule, options, chip, isTimed)],
        };
    }

    private static IEnumerable<StageStall> StallsOf(ProgramSchedule schedule, Simulation run, StallLog log, (int First, int Last) window, long span) => log
        .Between(window.First, window.Last)
        .Where(s => s.Stage >= 0)
        .Select(s => new StageStall(
            schedule.Stages.Stages[s.Stage].Name,
            s.Cause,
            s.What >= 0 ? run.Chip[s.What].Name : StageName(schedule, ~s.What),
            Math.Min(1, s.Time / ((double)span * Math.Max(1, run.StreamsOf(s.Stage))))))
        .OrderByDescending(s => s.Share);

    private static string StageName(ProgramSchedule schedule, int stage) => stage < 0 ? "inputs and outputs" : schedule.Stages.Stages[stage].Name;

    private static IEnumerable<string> NotModelled(MappedProgram program, ProgramSchedule schedule, TimingOptions options, TimedChip chip, bool isTimed)
    {
        bool HasPart(TimedParts part) => (options.Parts & part) != 0;
        if (!isTimed)
        {
            yield return "tile.timing.cycle_ns";
        }

        if (HasPart(TimedParts.Digital) && chip.Capacity.PsPerThousandOperations is null)
        {
            yield return "core.digital";
        }

        if (HasPart(TimedParts.Transfers) && chip.Capacity.LinkPsPerKilobyte is null && schedule.Channels.Any(c => c.Hops.Any(h => h.Link >= 0)))
        {
            yield return "noc";
        }

        if (HasPart(TimedParts.Transfers) && chip.Capacity.BoardPsPerKilobyte is null && program.Chips > 1)
        {
            yield return "board";
        }

        if (HasPart(TimedParts.Memory) && chip.Capacity.MemoryPsPerKilobyte is null)
        {
            yield return "off_chip";
        }

        if (schedule.Stages.Stages.Any(s => s.Kind == StageKind.Host))
        {
            yield return "host";
        }
    }
}

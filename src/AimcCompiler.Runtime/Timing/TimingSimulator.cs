using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>The discrete-event simulator of a program's instruction streams (docs/timing.md). It reads the program alone.</summary>
public static class TimingSimulator
{
    /// <summary>Inferences of a run that is never steady.</summary>
    private const int MostInferences = 64;

    /// <summary>Intervals that must agree.</summary>
    private const int SteadyIntervals = 4;

    private const double SteadyWithin = 0.005;

    private const int Slices = 100;

    /// <param name="program">A verified program.</param>
    /// <param name="options">How many inferences, what takes time.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="DiagnosticException">The program has no schedule, or it stops: who waits for what.</exception>
    public static TimingResult Run(MappedProgram program, TimingOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Inferences is < 1 or > 1 << 20)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "inferences", $"{options.Inferences} is not 1 .. {1 << 20}");
        }

        if (!program.SegmentSchedules.IsEmpty)
        {
            return SegmentTiming.Run(program, options, cancellation);
        }

        var schedule = ScheduleOf(program);
        Simulation run = new(program, schedule, options, options.Inferences ?? MostInferences);
        ScheduleTraffic traffic = new(program, schedule, run.Chip);
        bool isTimed = schedule.Stages.Stages.All(s => s.Matrix is null || s.Matrix is { IntervalNs: not null, LatencyNs: not null });
        if (isTimed)
        {
            run.Run(() => run.Ended.Count == (options.Inferences ?? MostInferences) || (options.Inferences is null && IsSteady(run.Ended)), cancellation);
        }

        return ResultOf(program, schedule, options, run, traffic, isTimed);
    }

    /// <summary>The schedule of a program.</summary>
    /// <exception cref="DiagnosticException">There is none.</exception>
    internal static ProgramSchedule ScheduleOf(MappedProgram program) => program.Schedule
        ?? throw new DiagnosticException(
            Descriptors.NoSchedule,
            program.ModelName,
            $"has no schedule: {program.NotScheduled ?? "it was compiled before there were schedules"}",
            "aimc compile ... --dim NAME=N where a dimension is open",
            "compile it again");

    /// <summary>The last intervals agree.</summary>
    private static bool IsSteady(List<long> ended)
    {
        if (ended.Count <= SteadyIntervals)
        {
            return false;
        }

        long[] intervals = [.. Enumerable.Range(ended.Count - SteadyIntervals, SteadyIntervals).Select(i => ended[i] - ended[i - 1])];
        return intervals.Max() - intervals.Min() <= SteadyWithin * intervals.Max();
    }

    private static TimingResult ResultOf(MappedProgram program, ProgramSchedule schedule, TimingOptions options, Simulation run, ScheduleTraffic traffic, bool isTimed)
    {
        int last = run.Ended.Count - 1;
        // The second half of the run; of two inferences the second.
        int middle = last / 2;
        long span = last > middle ? run.Ended[last] - run.Ended[middle] : 0;
        double? interval = isTimed && span > 0 ? span * 1e-12 / (last - middle) : null;
        bool hasSpan = interval is not null;
        double? latency = isTimed ? (run.Ended[0] - run.Started[0]) * 1e-12 : null;
        var chip = run.Chip;
        var rollUp = ChipRollUp.Of(program.Chip);
        return new TimingResult
        {
            LatencyS = latency,
            LoadedLatencyS = isTimed ? (run.Ended[last] - run.Started[last]) * 1e-12 : null,
            IntervalS = interval,
            IsSteady = isTimed && IsSteady(run.Ended),
            Inferences = run.Ended.Count,
            Energy = ScheduleEnergy.Of(program, schedule, traffic, rollUp.StaticMw * 1e-3 * program.Chips * (interval ?? latency)),
            AreaMm2 = rollUp.AreaMm2 * program.Chips,
            Resources =
            [
                .. chip.All.Select(r => new ResourceUse(
                    r.Name,
                    r.Kind,
                    r.Core,
                    hasSpan ? Math.Min(1, r.BusyBetween(middle, last) / (double)span) : 0,
                    hasSpan ? r.WaitedBetween(middle, last) * 1e-3 / (last - middle) : 0,
                    r.IsUsed ? [.. r.Timeline(run.Ended[last], Slices)] : [])),
            ],
            Stalls = hasSpan ? [.. StallsOf(schedule, run, middle, last, span)] : [],
            SpanS = isTimed ? (run.Ended[last] - run.Started[0]) * 1e-12 : null,
            SliceS = isTimed ? run.Ended[last] * 1e-12 / Slices : 0,
            MostLoadedLink = traffic.MostLoaded is { } most ? (chip.LinkName(most.Chip, most.Link), most.Bytes) : null,
            NotModelled = [.. NotModelled(program, schedule, options, chip, isTimed)],
        };
    }

    private static IEnumerable<StageStall> StallsOf(ProgramSchedule schedule, Simulation run, int first, int last, long span) => run.Log
        .Between(first, last)
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

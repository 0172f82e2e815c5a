using System.Diagnostics;

namespace AimcCompiler.Benchmarks;

/// <summary>How time is taken.</summary>
internal enum Clock
{
    /// <summary>CPU time of the process: for work on one thread.</summary>
    Cpu,

    /// <summary>Time on the wall: for work on all threads.</summary>
    Wall,
}

/// <param name="OursS">Median of one run of ours.</param>
/// <param name="TheirsS">Median of one run of theirs.</param>
/// <param name="Ratio">Median over rounds of ours over theirs of the same round.</param>
/// <param name="Rounds">How many there were.</param>
internal sealed record PairedTime(double OursS, double TheirsS, double Ratio, int Rounds);

/// <summary>Two works measured in turn in one process, so that what disturbs the machine disturbs both.</summary>
internal static class Alternation
{
    /// <summary>A measurement is repeated until it takes so long.</summary>
    private const double LeastS = 0.03;

    /// <summary>Rounds that run however long they take.</summary>
    private const int LeastRounds = 2;

    /// <param name="ours">One run.</param>
    /// <param name="theirs">One run.</param>
    /// <param name="clock">What counts.</param>
    /// <param name="rounds">Rounds at most.</param>
    /// <param name="budgetS">No round begins after so many seconds.</param>
    /// <param name="warmUpS">Time of each before it counts: until the compiler has done with the code.</param>
    /// <param name="cancellation">Stops between runs.</param>
    public static PairedTime Measure(Action ours, Action theirs, Clock clock, int rounds, double budgetS, double warmUpS, CancellationToken cancellation)
    {
        int ourRepeats = WarmUp(ours, warmUpS, cancellation);
        int theirRepeats = WarmUp(theirs, warmUpS, cancellation);
        long started = Stopwatch.GetTimestamp();
        List<double> our = [];
        List<double> their = [];
        while (our.Count < rounds && (our.Count < Math.Min(rounds, LeastRounds) || Stopwatch.GetElapsedTime(started).TotalSeconds < budgetS))
        {
            cancellation.ThrowIfCancellationRequested();
            if (our.Count % 2 == 0)
            {
                our.Add(Seconds(ours, ourRepeats, clock));
                their.Add(Seconds(theirs, theirRepeats, clock));
            }
            else
            {
                their.Add(Seconds(theirs, theirRepeats, clock));
                our.Add(Seconds(ours, ourRepeats, clock));
            }
        }

        return new PairedTime(Median(our), Median(their), Median([.. our.Zip(their, (o, t) => o / t)]), our.Count);
    }

    public static double Median(IReadOnlyList<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Runs for so long, twice at least but where a run takes longer; returns the runs that a measurement takes.</summary>
    private static int WarmUp(Action action, double enoughS, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        double last = 0;
        for (int i = 0; i < 2 || Stopwatch.GetElapsedTime(started).TotalSeconds < enoughS; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            long before = Stopwatch.GetTimestamp();
            action();
            last = Stopwatch.GetElapsedTime(before).TotalSeconds;
            if (last > 2 * enoughS)
            {
                break;
            }
        }

        return Math.Max(1, (int)Math.Ceiling(LeastS / Math.Max(last, 1e-6)));
    }

    private static double Seconds(Action action, int repeats, Clock clock)
    {
        double before = Now(clock);
        for (int i = 0; i < repeats; i++)
        {
            action();
        }

        return (Now(clock) - before) / repeats;
    }

    private static double Now(Clock clock) => clock == Clock.Cpu ? Environment.CpuUsage.TotalTime.TotalSeconds : Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
}

namespace AimcCompiler.Runtime;

/// <summary>Where an interval comes from.</summary>
public enum IntervalSource
{
    /// <summary>There is none: one inference, or times that the chip does not say.</summary>
    None,

    /// <summary>The time of a batch, shared equally.</summary>
    Batch,

    /// <summary>The run came back to a state that it had been in: from there on it repeats. Exact.</summary>
    Repeats,

    /// <summary>The mean over all inferences that followed a full pipeline; both halves have it.</summary>
    HalvesAgree,

    /// <summary>The same mean, where the halves do not agree.</summary>
    Unsteady,
}

/// <summary>Decides after every inference whether a run with endless supply is steady.</summary>
/// <param name="run">The run.</param>
/// <param name="underWay">Inferences that fill the pipeline: what comes before them does not count.</param>
internal sealed class SteadyState(Simulation run, int underWay)
{
    /// <summary>Inferences and events of a run that never is.</summary>
    private const int MostInferences = 128;
    private const long MostEvents = 150_000_000;

    /// <summary>Inferences whose halves are compared, at least.</summary>
    private const int LeastWindow = 16;
    private const double Within = 0.005;

    private readonly Dictionary<(ulong, ulong), int> _seen = [];

    /// <summary>Inferences at whose ends the steady time begins and ends.</summary>
    public (int First, int Last) Window { get; private set; }

    public IntervalSource Source { get; private set; } = IntervalSource.None;

    /// <summary>True = the run may end.</summary>
    public bool IsReached()
    {
        int last = run.Ended.Count - 1;
        // Where too many events have passed, what there is must do.
        bool isLast = last + 1 >= MostInferences + underWay || (last > 1 && run.Events > MostEvents);
        int first = isLast ? Math.Min(underWay, last - 1) : underWay;
        if (last < first)
        {
            return false;
        }

        var digest = run.Digest();
        if (!_seen.TryAdd(digest, last))
        {
            Window = (_seen[digest], last);
            Source = IntervalSource.Repeats;
            return true;
        }

        if (last == first)
        {
            return false;
        }

        Window = (first, last);
        Source = IntervalSource.Unsteady;
        if ((last - first) % 2 == 0 && last - first >= LeastWindow && HalvesAgree(first, last))
        {
            Source = IntervalSource.HalvesAgree;
            return true;
        }

        return isLast;
    }

    private bool HalvesAgree(int first, int last)
    {
        int middle = (first + last) / 2;
        long one = run.Ended[middle] - run.Ended[first];
        long other = run.Ended[last] - run.Ended[middle];
        return Math.Abs(one - other) <= Within * Math.Max(one, other);
    }
}

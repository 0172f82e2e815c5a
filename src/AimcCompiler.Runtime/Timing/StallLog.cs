namespace AimcCompiler.Runtime;

/// <summary>What the streams did of late, and which stage waited for what. A wait for another stream is taken apart at its end into what that one did and waited for in the meantime, whose own waits
/// have been taken apart before: a chain of waiting stages ends at the resource that is busy.</summary>
internal sealed class StallLog
{
    /// <summary>Spans that are kept of each stream.</summary>
    private const int Kept = 32;

    private readonly Span[] _spans;
    private readonly long[] _written;
    private readonly int[] _stageOf;
    private readonly bool[] _counts;
    private readonly Dictionary<Blame, int> _keys = [];
    private readonly List<Blame> _blames = [];
    private readonly List<long> _totals = [];
    private readonly List<long[]> _marks = [];
    private readonly List<Span> _found = [];

    /// <param name="stageOf">Stage of each stream; -1 = none.</param>
    /// <param name="counts">Whether the stream's waits are its stage's.</param>
    public StallLog(int[] stageOf, bool[] counts)
    {
        (_stageOf, _counts) = (stageOf, counts);
        _spans = new Span[stageOf.Length * Kept];
        _written = new long[stageOf.Length];
    }

    /// <summary>Resource index, or a stage as its complement.</summary>
    public static int OfStage(int stage) => ~stage;

    /// <summary>A stream used a resource.</summary>
    public void Worked(int stream, StallCause cause, int what, long start, long end) => Write(stream, new Span(start, end, cause, what));

    /// <summary>A stream waited for a resource.</summary>
    public void Waited(int stream, StallCause cause, int what, long start, long end)
    {
        Write(stream, new Span(start, end, cause, what));
        Count(stream, cause, what, end - start);
    }

    /// <summary>A stream waited for another; what that one did not do or wait for in the meantime is the given cause.</summary>
    public void WaitedFor(int stream, int other, StallCause cause, int what, long start, long end)
    {
        _found.Clear();
        long covered = end;
        // The newest first; what is older than what is kept falls to the cause.
        for (long i = _written[other] - 1; i >= Math.Max(0, _written[other] - Kept) && covered > start; i--)
        {
            var span = _spans[(other * Kept) + (int)(i % Kept)];
            long to = Math.Min(span.End, covered);
            if (to <= start)
            {
                break;
            }

            if (to <= span.Start)
            {
                continue;
            }

            if (to < covered)
            {
                _found.Add(new Span(to, covered, cause, what));
            }

            covered = Math.Max(span.Start, start);
            _found.Add(span with { Start = covered, End = to });
        }

        if (covered > start)
        {
            _found.Add(new Span(start, covered, cause, what));
        }

        for (int i = _found.Count - 1; i >= 0; i--)
        {
            Waited(stream, _found[i].Cause, _found[i].What, _found[i].Start, _found[i].End);
        }
    }

    /// <summary>An inference ended.</summary>
    public void Mark() => _marks.Add([.. _totals]);

    /// <summary>Waits of stages between the ends of two inferences, longest first.</summary>
    public IEnumerable<(int Stage, StallCause Cause, int What, long Time)> Between(int first, int last) => _blames
        .Select((blame, i) => (blame.Stage, blame.Cause, blame.What, Time: At(last, i) - At(first, i)))
        .Where(b => b.Time > 0)
        .OrderByDescending(b => b.Time)
        .ThenBy(b => b.Stage)
        .ThenBy(b => b.Cause)
        .ThenBy(b => b.What);

    private long At(int mark, int blame) => blame < _marks[mark].Length ? _marks[mark][blame] : 0;

    private void Write(int stream, Span span)
    {
        if (span.End <= span.Start)
        {
            return;
        }

        if (_written[stream] > 0)
        {
            ref var last = ref _spans[(stream * Kept) + (int)((_written[stream] - 1) % Kept)];
            if (last.Cause == span.Cause && last.What == span.What && last.End == span.Start)
            {
                last = last with { End = span.End };
                return;
            }
        }

        _spans[(stream * Kept) + (int)(_written[stream]++ % Kept)] = span;
    }

    private void Count(int stream, StallCause cause, int what, long time)
    {
        if (!_counts[stream] || time <= 0)
        {
            return;
        }

        Blame blame = new(_stageOf[stream], cause, what);
        if (!_keys.TryGetValue(blame, out int key))
        {
            key = _blames.Count;
            _keys.Add(blame, key);
            _blames.Add(blame);
            _totals.Add(0);
        }

        _totals[key] += time;
    }

    private readonly record struct Span(long Start, long End, StallCause Cause, int What);

    private readonly record struct Blame(int Stage, StallCause Cause, int What);
}

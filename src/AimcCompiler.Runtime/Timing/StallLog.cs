using System.Runtime.InteropServices;

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
    private readonly List<Blame> _blames = [];
    private readonly List<long[]> _marks = [];
    private readonly Span[] _found = new Span[(2 * Kept) + 1];
    private long[] _totals = new long[256];

    /// <summary>Places of blames, one more: a hash table with open addresses, at most half full.</summary>
    private int[] _places = new int[512];

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
        int found = 0;
        long covered = end;
        // The newest first; what is older than what is kept falls to the cause.
        for (long i = _written[other] - 1; i >= Math.Max(0, _written[other] - Kept) && covered > start; i--)
        {
            ref readonly var span = ref _spans[(other * Kept) + (int)(i % Kept)];
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
                _found[found++] = new Span(to, covered, cause, what);
            }

            covered = Math.Max(span.Start, start);
            _found[found++] = span with { Start = covered, End = to };
        }

        if (covered > start)
        {
            _found[found++] = new Span(start, covered, cause, what);
        }

        for (int i = found - 1; i >= 0; i--)
        {
            Waited(stream, _found[i].Cause, _found[i].What, _found[i].Start, _found[i].End);
        }
    }

    /// <summary>An inference ended.</summary>
    public void Mark() => _marks.Add(_totals[.._blames.Count]);

    /// <summary>Waits of stages between the ends of two inferences, longest first; -1 = the beginning.</summary>
    public IEnumerable<(int Stage, StallCause Cause, int What, long Time)> Between(int first, int last) => _blames
        .Select((blame, i) => (blame.Stage, blame.Cause, blame.What, Time: At(last, i) - At(first, i)))
        .Where(b => b.Time > 0)
        .OrderByDescending(b => b.Time)
        .ThenBy(b => b.Stage)
        .ThenBy(b => b.Cause)
        .ThenBy(b => b.What);

    private long At(int mark, int blame) => mark >= 0 && blame < _marks[mark].Length ? _marks[mark][blame] : 0;

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

        int place = PlaceOf(new Blame(_stageOf[stream], cause, what));
        _totals[place] += time;
    }

    private int PlaceOf(in Blame blame)
    {
        int slot = SlotOf(blame);
        if (_places[slot] > 0)
        {
            return _places[slot] - 1;
        }

        if (2 * _blames.Count >= _places.Length)
        {
            _places = new int[2 * _places.Length];
            for (int i = 0; i < _blames.Count; i++)
            {
                _places[SlotOf(_blames[i])] = i + 1;
            }

            slot = SlotOf(blame);
        }

        if (_blames.Count == _totals.Length)
        {
            Array.Resize(ref _totals, 2 * _totals.Length);
        }

        _blames.Add(blame);
        _places[slot] = _blames.Count;
        return _blames.Count - 1;
    }

    /// <summary>Where a blame is, or would be.</summary>
    private int SlotOf(in Blame blame)
    {
        ulong key = (((ulong)(uint)blame.Stage << 36) ^ ((ulong)blame.Cause << 32) ^ (uint)blame.What) * 0x9e3779b97f4a7c15;
        int slot = (int)(key >> 40) & (_places.Length - 1);
        var blames = CollectionsMarshal.AsSpan(_blames);
        while (_places[slot] > 0 && blames[_places[slot] - 1] != blame)
        {
            slot = (slot + 1) & (_places.Length - 1);
        }

        return slot;
    }

    private readonly record struct Span(long Start, long End, StallCause Cause, int What);

    private readonly record struct Blame(int Stage, StallCause Cause, int What);
}

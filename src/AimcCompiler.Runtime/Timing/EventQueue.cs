namespace AimcCompiler.Runtime;

internal enum EventKind : byte
{
    /// <summary>A stream goes on.</summary>
    Resume,

    /// <summary>A message is at one of its receivers, its tail included.</summary>
    Arrival,

    /// <summary>The head of a message is at the links behind a hop.</summary>
    Hop,

    /// <summary>Sums of a row group are ready.</summary>
    Sums,
}

/// <param name="Kind">What happens.</param>
/// <param name="Subject">Stream, message or row group.</param>
/// <param name="Part">Receiver, or hop.</param>
internal readonly record struct TimedEvent(EventKind Kind, int Subject, int Part);

/// <summary>Events in order of time; of those at one time, the first that was added comes first.</summary>
internal sealed class EventQueue
{
    private (long Time, long Sequence, TimedEvent Event)[] _heap = new (long, long, TimedEvent)[256];
    private long _sequence;

    public int Count { get; private set; }

    public void Add(long time, TimedEvent item)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * Count);
        }

        var added = (time, _sequence++, item);
        int at = Count++;
        while (at > 0 && IsBefore(added, _heap[(at - 1) / 2]))
        {
            _heap[at] = _heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        _heap[at] = added;
    }

    public (long Time, TimedEvent Event) Take()
    {
        var first = _heap[0];
        var last = _heap[--Count];
        int at = 0;
        for (int child = 1; child < Count; child = (2 * at) + 1)
        {
            if (child + 1 < Count && IsBefore(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!IsBefore(_heap[child], last))
            {
                break;
            }

            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = last;
        return (first.Time, first.Event);
    }

    private static bool IsBefore(in (long Time, long Sequence, TimedEvent Event) a, in (long Time, long Sequence, TimedEvent Event) b) =>
        a.Time < b.Time || (a.Time == b.Time && a.Sequence < b.Sequence);
}

using System.Numerics;

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

/// <summary>Events in order of time, picoseconds; of those at one time, the first that was asked for comes first. A calendar queue (Brown 1988): buckets of 1,024 ps in a ring, a heap for the bucket
/// of the present and one for what lies beyond the ring, a line for what is asked for at once.</summary>
internal sealed class EventQueue
{
    private const int BucketShift = 10;
    private const int Buckets = 1 << 13;

    private readonly int[] _first = new int[Buckets];
    private readonly ulong[] _occupied = new ulong[Buckets / 64];
    private readonly EventHeap _near = new();
    private readonly EventHeap _far = new();
    private Node[] _nodes = new Node[1024];
    private int _usedNodes;
    private int _freeNode = -1;
    private int _inRing;
    private Entry[] _line = new Entry[1024];
    private int _lineFirst;
    private int _lineCount;
    private long _bucket;
    private long _sequence;

    public int Count => _near.Count + _far.Count + _inRing + _lineCount;

    /// <summary>Time of the event that was taken last.</summary>
    public long Now { get; private set; }

    /// <summary>A place among events at one time for an event that may be added later, before its time.</summary>
    public long Reserve() => _sequence++;

    public void Add(long time, TimedEvent item)
    {
        if (time > Now)
        {
            Add(time, _sequence++, item);
            return;
        }

        if (_lineCount == _line.Length)
        {
            var larger = new Entry[2 * _line.Length];
            for (int i = 0; i < _lineCount; i++)
            {
                larger[i] = _line[(_lineFirst + i) & (_line.Length - 1)];
            }

            (_line, _lineFirst) = (larger, 0);
        }

        _line[(_lineFirst + _lineCount++) & (_line.Length - 1)] = new Entry(Now, _sequence++, item);
    }

    /// <param name="time">After the present.</param>
    /// <param name="sequence">A reserved place.</param>
    /// <param name="item">What happens.</param>
    public void Add(long time, long sequence, TimedEvent item)
    {
        long bucket = time >> BucketShift;
        if (bucket <= _bucket)
        {
            _near.Add(new Entry(time, sequence, item));
        }
        else if (bucket - _bucket < Buckets)
        {
            Link(bucket, new Entry(time, sequence, item));
        }
        else
        {
            _far.Add(new Entry(time, sequence, item));
        }
    }

    /// <summary>The next event; there is one. <see cref="Now"/> becomes its time.</summary>
    public TimedEvent Take()
    {
        // What is in the heap at this time was asked for before this time.
        if (_lineCount > 0 && (_near.Count == 0 || _near.First.Time > Now))
        {
            var next = _line[_lineFirst].Event;
            _lineFirst = (_lineFirst + 1) & (_line.Length - 1);
            _lineCount--;
            return next;
        }

        while (_near.Count == 0)
        {
            Advance();
        }

        var first = _near.Take();
        Now = first.Time;
        return first.Event;
    }

    /// <summary>All that is to come, in order.</summary>
    public Entry[] ToArray()
    {
        Entry[] all = new Entry[Count];
        int count = _near.CopyTo(all, 0);
        count = _far.CopyTo(all, count);
        for (int i = 0; i < _lineCount; i++)
        {
            all[count++] = _line[(_lineFirst + i) & (_line.Length - 1)];
        }

        for (int b = 0; b < Buckets && count < all.Length; b++)
        {
            for (int node = (_occupied[b / 64] >> (b % 64) & 1) == 0 ? -1 : _first[b]; node >= 0; node = _nodes[node].Next)
            {
                all[count++] = _nodes[node].Entry;
            }
        }

        Array.Sort(all, (a, b) => a.IsBefore(b) ? -1 : 1);
        return all;
    }

    private void Link(long bucket, in Entry entry)
    {
        int index = (int)(bucket & (Buckets - 1));
        int node = _freeNode;
        if (node >= 0)
        {
            _freeNode = _nodes[node].Next;
        }
        else
        {
            if (_usedNodes == _nodes.Length)
            {
                Array.Resize(ref _nodes, 2 * _usedNodes);
            }

            node = _usedNodes++;
        }

        ulong bit = 1UL << (index & 63);
        bool isFirst = (_occupied[index >> 6] & bit) == 0;
        _nodes[node] = new Node { Entry = entry, Next = isFirst ? -1 : _first[index] };
        _first[index] = node;
        _occupied[index >> 6] |= bit;
        _inRing++;
    }

    /// <summary>Goes to the next bucket that has events.</summary>
    private void Advance()
    {
        _bucket = _inRing > 0 ? NextOccupied() : _far.First.Time >> BucketShift;
        // What lies beyond the ring is never before what is in it.
        while (_far.Count > 0 && (_far.First.Time >> BucketShift) - _bucket < Buckets)
        {
            var entry = _far.Take();
            Add(entry.Time, entry.Sequence, entry.Event);
        }

        int index = (int)(_bucket & (Buckets - 1));
        if ((_occupied[index >> 6] >> (index & 63) & 1) == 0)
        {
            return;
        }

        _occupied[index >> 6] &= ~(1UL << (index & 63));
        for (int node = _first[index]; node >= 0;)
        {
            ref var taken = ref _nodes[node];
            _near.Add(taken.Entry);
            int next = taken.Next;
            taken.Next = _freeNode;
            _freeNode = node;
            _inRing--;
            node = next;
        }
    }

    private long NextOccupied()
    {
        int from = (int)((_bucket + 1) & (Buckets - 1));
        int word = from >> 6;
        ulong bits = _occupied[word] & (ulong.MaxValue << (from & 63));
        while (bits == 0)
        {
            word = (word + 1) & (_occupied.Length - 1);
            bits = _occupied[word];
        }

        int index = (word << 6) + BitOperations.TrailingZeroCount(bits);
        return _bucket + 1 + ((index - from) & (Buckets - 1));
    }

    private struct Node
    {
        public Entry Entry;
        public int Next;
    }

    /// <param name="Time">Picoseconds.</param>
    /// <param name="Sequence">Order among events at one time.</param>
    /// <param name="Event">What happens.</param>
    public readonly record struct Entry(long Time, long Sequence, TimedEvent Event)
    {
        public bool IsBefore(in Entry other) => Time < other.Time || (Time == other.Time && Sequence < other.Sequence);
    }

    private sealed class EventHeap
    {
        private Entry[] _heap = new Entry[256];

        public int Count { get; private set; }

        public ref readonly Entry First => ref _heap[0];

        public void Add(in Entry added)
        {
            if (Count == _heap.Length)
            {
                Array.Resize(ref _heap, 2 * Count);
            }

            int at = Count++;
            while (at > 0 && added.IsBefore(_heap[(at - 1) / 2]))
            {
                _heap[at] = _heap[(at - 1) / 2];
                at = (at - 1) / 2;
            }

            _heap[at] = added;
        }

        public Entry Take()
        {
            var first = _heap[0];
            var last = _heap[--Count];
            int at = 0;
            for (int child = 1; child < Count; child = (2 * at) + 1)
            {
                if (child + 1 < Count && _heap[child + 1].IsBefore(_heap[child]))
                {
                    child++;
                }

                if (!_heap[child].IsBefore(last))
                {
                    break;
                }

                _heap[at] = _heap[child];
                at = child;
            }

            _heap[at] = last;
            return first;
        }

        public int CopyTo(Entry[] target, int at)
        {
            _heap.AsSpan(0, Count).CopyTo(target.AsSpan(at));
            return at + Count;
        }
    }
}

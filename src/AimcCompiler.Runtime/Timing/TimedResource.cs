namespace AimcCompiler.Runtime;

/// <summary>Something that serves one request at a time, in the order in which they come: a tile, a link, a vector unit. Times in picoseconds.</summary>
/// <param name="name">For reports.</param>
/// <param name="kind">tile, issue, adc, vector_unit, buffer, link, board, memory.</param>
/// <param name="core">-1 = none.</param>
/// <param name="cause">What it means to wait for it.</param>
internal sealed class TimedResource(string name, string kind, int core, StallCause cause)
{
    private const int Slices = 128;
    private readonly List<long> _busyAt = [];
    private readonly List<long> _waitedAt = [];
    private long[] _timeline = [];
    private long _slice = 1L << 10;

    public string Name { get; } = name;

    public string Kind { get; } = kind;

    public int Core { get; } = core;

    public StallCause Cause { get; } = cause;

    /// <summary>When everything that was asked for is done.</summary>
    public long Free { get; private set; }

    /// <summary>Time in use so far, bookings of the future included.</summary>
    public long Busy { get; private set; }

    public long Waited { get; private set; }

    public bool IsUsed => Busy > 0;

    /// <summary>Takes the resource from the first moment on at which it is free.</summary>
    /// <param name="now">When it is asked for.</param>
    /// <param name="duration">For how long.</param>
    /// <returns>The beginning.</returns>
    public long Book(long now, long duration)
    {
        long start = Math.Max(now, Free);
        Waited += start - now;
        Hold(start, duration);
        return start;
    }

    /// <summary>Takes it at a moment at which it is free.</summary>
    public void Hold(long start, long duration)
    {
        Free = start + duration;
        Busy += duration;
        if (_timeline.Length == 0)
        {
            _timeline = new long[Slices];
        }

        while (Free > Slices * _slice)
        {
            for (int i = 0; i < Slices; i++)
            {
                _timeline[i] = i < Slices / 2 ? _timeline[2 * i] + _timeline[(2 * i) + 1] : 0;
            }

            _slice *= 2;
        }

        for (long at = start; at < Free;)
        {
            long slice = at / _slice;
            long end = Math.Min(Free, (slice + 1) * _slice);
            _timeline[slice] += end - at;
            at = end;
        }
    }

    /// <summary>Counts somebody's wait that ended without a booking.</summary>
    public void AddWait(long duration) => Waited += duration;

    /// <summary>An inference ended.</summary>
    public void Mark()
    {
        _busyAt.Add(Busy);
        _waitedAt.Add(Waited);
    }

    /// <summary>Time in use between the ends of two inferences.</summary>
    public long BusyBetween(int first, int last) => _busyAt[last] - _busyAt[first];

    public long WaitedBetween(int first, int last) => _waitedAt[last] - _waitedAt[first];

    /// <summary>Busy share in slices of the whole run.</summary>
    /// <param name="end">Of the run.</param>
    /// <param name="slices">Equal parts of it.</param>
    public float[] Timeline(long end, int slices)
    {
        float[] shares = new float[slices];
        double length = Math.Max(1, end) / (double)slices;
        for (int i = 0; i < _timeline.Length; i++)
        {
            // A slice of the record spreads evenly over those of the report that it touches.
            double from = i * (double)_slice;
            double to = from + _slice;
            for (int s = (int)(from / length); s < slices && s * length < to; s++)
            {
                double overlap = Math.Min(to, (s + 1) * length) - Math.Max(from, s * length);
                shares[s] += (float)(_timeline[i] * overlap / _slice / length);
            }
        }

        for (int s = 0; s < slices; s++)
        {
            shares[s] = Math.Min(1, shares[s]);
        }

        return shares;
    }
}

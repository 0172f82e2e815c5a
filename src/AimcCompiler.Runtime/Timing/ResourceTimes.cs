namespace AimcCompiler.Runtime;

/// <summary>Something that serves one request at a time, in the order in which they come: a tile, a link, a vector unit.</summary>
/// <param name="Name">For reports.</param>
/// <param name="Kind">tile, issue, adc, vector_unit, buffer, link, board, memory.</param>
/// <param name="Core">-1 = none.</param>
/// <param name="Cause">What it means to wait for it.</param>
internal sealed record TimedResource(string Name, string Kind, int Core, StallCause Cause);

/// <summary>When resources are free, how long they were in use and waited for. Times in picoseconds.</summary>
internal sealed class ResourceTimes(int count)
{
    private const int Slices = 128;
    private const int FirstSliceShift = 10;
    private readonly State[] _states = new State[count];
    private readonly long[]?[] _timelines = new long[]?[count];
    private readonly List<long[]> _busyAt = [];
    private readonly List<long[]> _waitedAt = [];

    public int Count => _states.Length;

    /// <summary>When everything that was asked for is done.</summary>
    public long Free(int resource) => _states[resource].Free;

    public bool IsUsed(int resource) => _states[resource].Busy > 0;

    /// <summary>Takes the resource from the first moment on at which it is free.</summary>
    /// <param name="resource">Which.</param>
    /// <param name="now">When it is asked for.</param>
    /// <param name="duration">For how long.</param>
    /// <returns>The beginning.</returns>
    public long Book(int resource, long now, long duration)
    {
        ref var state = ref _states[resource];
        long start = Math.Max(now, state.Free);
        state.Waited += start - now;
        Hold(resource, ref state, start, duration);
        return start;
    }

    /// <summary>Takes it at a moment at which it is free, after somebody waited for it.</summary>
    public void Hold(int resource, long start, long duration) => Hold(resource, ref _states[resource], start, duration);

    /// <summary>Counts somebody's wait that ended without a booking.</summary>
    public void AddWait(int resource, long duration) => _states[resource].Waited += duration;

    /// <summary>An inference ended.</summary>
    public void Mark()
    {
        _busyAt.Add([.. _states.Select(s => s.Busy)]);
        _waitedAt.Add([.. _states.Select(s => s.Waited)]);
    }

    /// <summary>Time in use between two marks, bookings of the future included; -1 = the beginning.</summary>
    public long BusyBetween(int resource, int first, int last) => At(_busyAt, resource, last) - At(_busyAt, resource, first);

    public long WaitedBetween(int resource, int first, int last) => At(_waitedAt, resource, last) - At(_waitedAt, resource, first);

    /// <summary>Busy share in slices of the whole run.</summary>
    /// <param name="resource">Which.</param>
    /// <param name="end">Of the run.</param>
    /// <param name="slices">Equal parts of it.</param>
    public float[] Timeline(int resource, long end, int slices)
    {
        float[] shares = new float[slices];
        if (_timelines[resource] is not { } timeline)
        {
            return shares;
        }

        ref var state = ref _states[resource];
        double length = Math.Max(1, end) / (double)slices;
        double width = 1L << state.SliceShift;
        for (int i = 0; i < timeline.Length; i++)
        {
            long busy = timeline[i] + (i == state.Slice ? state.SliceBusy : 0);
            // A slice of the record spreads evenly over those of the report that it touches.
            double from = i * width;
            double to = from + width;
            for (int s = (int)(from / length); s < slices && s * length < to; s++)
            {
                double overlap = Math.Min(to, (s + 1) * length) - Math.Max(from, s * length);
                shares[s] += (float)(busy * overlap / width / length);
            }
        }

        for (int s = 0; s < slices; s++)
        {
            shares[s] = Math.Min(1, shares[s]);
        }

        return shares;
    }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest, long now)
    {
        foreach (ref readonly var state in _states.AsSpan())
        {
            digest.Add(Math.Max(0, state.Free - now));
        }
    }

    private static long At(List<long[]> marks, int resource, int mark) => mark < 0 ? 0 : marks[mark][resource];

    private void Hold(int resource, ref State state, long start, long duration)
    {
        long end = start + duration;
        state.Free = end;
        state.Busy += duration;
        if (end <= state.SliceEnd)
        {
            state.SliceBusy += duration;
        }
        else
        {
            Spread(resource, ref state, start);
        }
    }

    /// <summary>A booking that ends behind the slice of the one before.</summary>
    private void Spread(int resource, ref State state, long start)
    {
        if (_timelines[resource] is not { } timeline)
        {
            _timelines[resource] = timeline = new long[Slices];
            state.SliceShift = FirstSliceShift;
        }

        timeline[state.Slice] += state.SliceBusy;
        while (state.Free > (long)Slices << state.SliceShift)
        {
            for (int i = 0; i < Slices; i++)
            {
                timeline[i] = i < Slices / 2 ? timeline[2 * i] + timeline[(2 * i) + 1] : 0;
            }

            state.SliceShift++;
        }

        state.SliceBusy = 0;
        state.Slice = (int)((state.Free - 1) >> state.SliceShift);
        state.SliceEnd = (long)(state.Slice + 1) << state.SliceShift;
        for (long at = start; at < state.Free;)
        {
            int slice = (int)(at >> state.SliceShift);
            long end = Math.Min(state.Free, (long)(slice + 1) << state.SliceShift);
            timeline[slice] += end - at;
            at = end;
        }
    }

    private struct State
    {
        public long Free;
        public long Busy;
        public long Waited;

        /// <summary>Time in use in the slice of the last booking that the timeline does not have yet.</summary>
        public long SliceBusy;
        public long SliceEnd;
        public int Slice;
        public int SliceShift;
    }
}

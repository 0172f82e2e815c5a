namespace AimcCompiler.Runtime;

/// <summary>Tiles, the sums behind them, and their addition.</summary>
internal sealed partial class Simulation
{
    private bool Drive(int stream, ref StreamState state, int index)
    {
        ref var group = ref _sums[index];
        if (group.Waiting >= group.Room)
        {
            Park(ref state, WaitKind.RoomBehindTiles, index, StallCause.Room);
            group.DriverWaits = true;
            return false;
        }

        ref var turns = ref _sums.Turns(group.Tile);
        long free = Times.Free(group.Resource);
        if (free > _now || (!turns.IsEmpty && turns.First != stream))
        {
            if (state.TurnSince < 0)
            {
                // First come, first served: the first in line comes back when the tile is free.
                Unpark(stream, ref state);
                state.TurnSince = _now;
                if (turns.IsEmpty)
                {
                    _events.Add(free, new TimedEvent(EventKind.Resume, stream, 0));
                }

                _lines.Add(ref turns, stream);
            }

            return false;
        }

        if (state.TurnSince >= 0)
        {
            _lines.Remove(ref turns, -1, stream);
            Times.AddWait(group.Resource, _now - state.TurnSince);
            _log?.Waited(stream, StallCause.Tiles, group.Resource, state.TurnSince, _now);
            _trace?.Stalled(stream, StallCause.Tiles, group.Resource, state.TurnSince, _now);
            state.TurnSince = -1;
        }

        long start = Begin(stream, ref state, in group);
        Times.Hold(group.Resource, start, group.Interval);
        if (!turns.IsEmpty)
        {
            _events.Add(start + group.Interval, new TimedEvent(EventKind.Resume, turns.First, 0));
        }

        _trace?.Busy(group.Resource, group.Stage, state.Inference, start, start + group.Interval);
        long ready = start + group.Latency;
        long sequence = _events.Reserve();
        group.Add(ready, sequence);
        if (group.AdderWaits && group.Waiting == 1)
        {
            AddReady(index, ready, sequence);
        }

        state.Resume = start;
        return true;
    }

    /// <summary>Reads the vector, takes the issue port and shared ADCs; when the tiles begin.</summary>
    private long Begin(int stream, ref StreamState state, in SumTable.GroupState group)
    {
        long start = _now;
        int buffer = Chip.Buffer(state.Core);
        if (buffer >= 0)
        {
            start = BookFirst(stream, ref state, StallCause.Buffer, buffer, start, group.ReadTime) + group.ReadTime;
        }

        int issue = Chip.Issue(state.Core);
        if (issue >= 0)
        {
            start = BookFirst(stream, ref state, StallCause.Issue, issue, start, group.IssueTime);
        }

        var converters = Chip.Converters(state.Core);
        for (int t = 0; t < (converters.IsEmpty ? 0 : group.Tiles); t++)
        {
            int least = converters[0];
            foreach (int converter in converters)
            {
                least = Times.Free(converter) < Times.Free(least) ? converter : least;
            }

            start = Math.Max(start, BookFirst(stream, ref state, StallCause.Adc, least, start, group.Interval));
        }

        return start;
    }

    private bool Add(int stream, ref StreamState state, in TimedStep step)
    {
        var groups = _lists.AsSpan(step.Groups);
        foreach (int index in groups)
        {
            ref var group = ref _sums[index];
            if (group.Waiting == 0 || group.ReadyAt(0).Time > _now)
            {
                Park(ref state, WaitKind.Sums, index);
                group.AdderWaits = true;
                if (group.Waiting > 0)
                {
                    AddReady(index, group.ReadyAt(0).Time, group.ReadyAt(0).Sequence);
                }

                return false;
            }
        }

        var channels = _lists.AsSpan(step.Channels);
        foreach (int index in channels)
        {
            ref var channel = ref _messages[index];
            if (channel.Arrived == channel.Taken)
            {
                Park(ref state, WaitKind.Message, index);
                channel.TakerWaits = true;
                return false;
            }
        }

        foreach (int index in groups)
        {
            ref var group = ref _sums[index];
            group.Take();
            if (group.DriverWaits)
            {
                group.DriverWaits = false;
                Wake(group.Driver, stream);
            }
        }

        foreach (int index in channels)
        {
            ref var channel = ref _messages[index];
            channel.Taken++;
            if (channel.SenderWaits)
            {
                channel.SenderWaits = false;
                Wake(channel.Sender, stream);
            }
        }

        Compute(stream, ref state, step.Duration);
        return true;
    }

    /// <summary>Somebody waits for these sums: only then is their being ready an event.</summary>
    private void AddReady(int group, long time, long sequence)
    {
        if (time > _now)
        {
            _events.Add(time, sequence, new TimedEvent(EventKind.Sums, group, 0));
        }
        else
        {
            _events.Add(time, new TimedEvent(EventKind.Sums, group, 0));
        }
    }

    private void WakeAdder(int index)
    {
        ref var group = ref _sums[index];
        if (!group.AdderWaits)
        {
            return;
        }

        group.AdderWaits = false;
        ref var state = ref _streams[group.Adder];
        state.Blamed = group.Driver;
        (state.BlamedCause, state.BlamedWhat, state.BlamedFrom) = (StallCause.Tiles, group.Resource, _now);
        _events.Add(_now, new TimedEvent(EventKind.Resume, group.Adder, 0));
    }

    private bool SendSums(int stream, ref StreamState state, int index)
    {
        ref var channel = ref _messages[index];
        if (_hasRoom && channel.Sent - channel.Taken >= channel.Capacity)
        {
            Park(ref state, WaitKind.MessageRoom, index, StallCause.Room);
            channel.SenderWaits = true;
            return false;
        }

        channel.Sent++;
        Transmit(stream, ref state, index, 0);
        return true;
    }
}

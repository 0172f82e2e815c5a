namespace AimcCompiler.Runtime;

/// <summary>Streams that wait, who ends it, and whose fault it was.</summary>
internal sealed partial class Simulation
{
    /// <summary>A message is there.</summary>
    private void Wake(int stream, in MessageTable.MessageState message)
    {
        Wake(stream, message.Sender);
        if (message.Slowest >= 0)
        {
            ref var state = ref _streams[stream];
            (state.BlamedLink, state.BlamedFrom) = (message.Slowest, message.SentAt);
        }
    }

    private void Wake(int stream, int by)
    {
        ref var state = ref _streams[stream];
        state.Blamed = by;
        state.BlamedLink = -1;
        state.BlamedFrom = _now;
        state.BlamedCause = state.Cause;
        state.BlamedWhat = StallLog.OfStage(by < 0 ? state.Stage : _streams[by].Stage);
        _events.Add(_now, new TimedEvent(EventKind.Resume, stream, 0));
    }

    private void Park(ref StreamState state, WaitKind kind, int what, StallCause cause = StallCause.Input)
    {
        if (!state.IsParked)
        {
            state.IsParked = true;
            state.ParkedAt = _now;
            state.Blamed = -1;
        }

        (state.WaitsFor, state.WaitsForWhich, state.Cause) = (kind, what, cause);
    }

    /// <summary>What the stream waited for is there: the wait is taken apart.</summary>
    private void Unpark(int stream, ref StreamState state)
    {
        if (!state.IsParked)
        {
            return;
        }

        state.IsParked = false;
        if (state.ParkedAt == _now)
        {
            return;
        }

        _trace?.Stalled(stream, state.Cause, -1, state.ParkedAt, _now);
        if (_log is null)
        {
            return;
        }

        if (state.Blamed < 0)
        {
            _log.Waited(stream, state.Cause, StallLog.OfStage(state.Stage), state.ParkedAt, _now);
            return;
        }

        // The message was on its way at the end, its sender at work before.
        long sent = state.BlamedLink >= 0 ? Math.Clamp(state.BlamedFrom, state.ParkedAt, _now) : _now;
        _log.WaitedFor(stream, state.Blamed, state.BlamedCause, state.BlamedWhat, state.ParkedAt, sent);
        if (sent < _now)
        {
            _log.Waited(stream, StallCause.Link, state.BlamedLink, sent, _now);
        }
    }
}

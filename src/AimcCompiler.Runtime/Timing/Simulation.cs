using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>One timed run: streams step through their instructions, take resources in the order in which they ask for them, and wait for rows, room, sums and messages. Same program and options,
/// same run.</summary>
internal sealed partial class Simulation
{
    private readonly ProgramSchedule _schedule;
    private readonly TimingOptions _options;
    private readonly ITimingTrace? _trace;
    private readonly EventQueue _events = new();
    private readonly StreamTable _table;
    private readonly StreamState[] _streams;
    private readonly TimedStep[] _steps;
    private readonly int[] _lists;
    private readonly RowTable _rows;
    private readonly SumTable _sums;
    private readonly MessageTable _messages;
    private readonly WaitingLines _lines;

    /// <summary>Streams that begin their next inference when one has ended.</summary>
    private readonly List<int> _gated = [];

    /// <summary>Streams whose stage's turn it is not.</summary>
    private readonly List<int> _turns = [];

    /// <summary>Streams of each stage, and inferences that they have ended: what a stage-by-stage run waits for.</summary>
    private readonly int[] _streamsOfStage;
    private readonly long[] _endedOfStage;

    /// <summary>Sinks that have stored all of an inference, from the first that has not ended.</summary>
    private readonly Queue<int> _stored = new();
    private readonly int _storing;
    private readonly int _limit;
    private readonly int _window;
    private readonly bool _hasRoom;
    private readonly int _logFrom;
    private StallLog? _log;
    private long _now;

    /// <param name="facts">The schedule and what follows from it.</param>
    /// <param name="program">Its program.</param>
    /// <param name="options">What takes time.</param>
    /// <param name="limit">Inferences after which streams stop; null = they never do.</param>
    /// <param name="underWay">Inferences at a time where they overlap: the next begins when one has ended.</param>
    public Simulation(ScheduleFacts facts, MappedProgram program, TimingOptions options, int? limit, int underWay)
    {
        (_schedule, _options, _trace, _limit) = (facts.Schedule, options, options.Trace, limit ?? int.MaxValue);
        Chip = new TimedChip(program, options.Parts);
        // Stage after stage, a stage's whole output waits for the next.
        _hasRoom = (options.Parts & TimedParts.Room) != 0 && !options.IsSerial;
        _window = !_schedule.Overlaps || options.IsSerial ? 1 : underWay;
        _table = new StreamTable(facts, Chip, _hasRoom);
        (_streams, _steps, _lists, _rows, _sums, _messages) = (_table.Streams, _table.Steps, _table.Lists, _table.Rows, _table.Sums, _table.Messages);
        _lines = new WaitingLines(_streams.Length);
        Times = new ResourceTimes(Chip.All.Count);
        _streamsOfStage = new int[_schedule.Stages.Stages.Length];
        _endedOfStage = new long[_schedule.Stages.Stages.Length];
        foreach (var stream in _streams.Where(s => s.Stage >= 0))
        {
            _streamsOfStage[stream.Stage]++;
        }

        _storing = _streams.Count(s => s.RowsToStore > 0);
        Log = options.HasStalls ? new StallLog([.. _streams.Select(s => s.Stage)], [.. _streams.Select(s => s.Works)]) : null;
        // Without an end the beginning is not looked at: one inference more, for waits that are taken apart into what went before.
        _logFrom = limit is null ? underWay - 1 : 0;
        _log = _logFrom == 0 ? Log : null;
    }

    public TimedChip Chip { get; }

    public ResourceTimes Times { get; }

    /// <summary>Null where nobody asks what waits for what.</summary>
    public StallLog? Log { get; }

    /// <summary>When the first row of each inference was asked for.</summary>
    public List<long> Started { get; } = [];

    /// <summary>When the last row of each inference was stored.</summary>
    public List<long> Ended { get; } = [];

    /// <summary>Events so far.</summary>
    public long Events { get; private set; }

    public int StreamsOf(int stage) => _streams.Count(s => s.Works && s.Stage == stage);

    /// <param name="isEnough">Asked after every inference.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="DiagnosticException">No stream can go on.</exception>
    public void Run(Func<bool> isEnough, CancellationToken cancellation)
    {
        for (int s = 0; s < _streams.Length; s++)
        {
            _events.Add(0, new TimedEvent(EventKind.Resume, s, 0));
        }

        for (; _events.Count > 0; Events++)
        {
            if ((Events & 0xffff) == 0)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            var next = _events.Take();
            _now = _events.Now;
            switch (next.Kind)
            {
                case EventKind.Resume:
                    Go(next.Subject);
                    break;
                case EventKind.Arrival:
                    Arrive(next.Subject, next.Part);
                    break;
                case EventKind.Hop:
                    PassOn(next.Subject, next.Part, _now);
                    break;
                default:
                    WakeAdder(next.Subject);
                    break;
            }

            while (_stored.TryPeek(out int stored) && stored == _storing)
            {
                _stored.Dequeue();
                Ended.Add(_now);
                Times.Mark();
                Log?.Mark();
                _log = Ended.Count >= _logFrom ? Log : null;
                if (isEnough())
                {
                    return;
                }

                foreach (int s in _gated)
                {
                    Wake(s, -1);
                }

                _gated.Clear();
            }
        }

        throw new DiagnosticException(
            Descriptors.Stalled,
            "schedule",
            FormattableString.Invariant($"inference {Ended.Count} does not end: {string.Join("; ", Enumerable.Range(0, _streams.Length).Where(s => _streams[s].IsParked).Take(8).Select(s => $"'{_schedule.Streams[s].Name}' waits for {Describe(_streams[s])}"))}"));
    }

    /// <summary>What of the past matters for the future, relative to the present and to the inferences that have ended: two moments with the same have the same future.</summary>
    public (ulong Low, ulong High) Digest()
    {
        StateDigest digest = new();
        int ended = Ended.Count;
        _table.Digest(digest, ended);
        _rows.Digest(digest, _lines, ended);
        _sums.Digest(digest, _lines, _now);
        _messages.Digest(digest, ended);
        Times.Digest(digest, _now);
        foreach (var entry in _events.ToArray())
        {
            digest.Add(entry.Time - _now);
            digest.Add(((long)entry.Event.Part << 2) + (long)entry.Event.Kind);
            if (entry.Event.Kind is EventKind.Arrival or EventKind.Hop)
            {
                ref var message = ref _messages.Message(entry.Event.Subject);
                digest.Add(message.Channel);
                digest.Add(message.Row);
                digest.Add(message.Inference - ended);
                digest.Add(_messages[message.Channel].Number - message.Number);
            }
            else
            {
                digest.Add(entry.Event.Subject);
            }
        }

        foreach (int waiting in (IEnumerable<int>)[.. _gated, -1, .. _turns, -1, .. _stored, -1, Started.Count - ended])
        {
            digest.Add(waiting);
        }

        for (int stage = 0; stage < _endedOfStage.Length; stage++)
        {
            digest.Add(_endedOfStage[stage] - ((long)_streamsOfStage[stage] * ended));
        }

        return digest.Value;
    }

    private string Describe(in StreamState state)
    {
        string RowsOf(int buffer) => $"rows of '{_schedule.Stages.Values[_schedule.Buffers[buffer].Value].Name}' in {Chip.NameOf(_schedule.Buffers[buffer].Core)}";
        string StageOf(int group) => _schedule.Stages.Stages[_sums[group].Stage].Name;
        int which = state.WaitsForWhich;
        return state.WaitsFor switch
        {
            WaitKind.Inference => "the inference before to end",
            WaitKind.Stage => $"'{_schedule.Stages.Stages[which].Name}' to end",
            WaitKind.Rows => RowsOf(which),
            WaitKind.Room => $"room for {RowsOf(which)}",
            WaitKind.RoomBehindTiles => $"sums of '{StageOf(which)}' to be added",
            WaitKind.Sums => $"sums of '{StageOf(which)}'",
            WaitKind.Message => $"partial sums from {Chip.NameOf(_schedule.Channels[which].From)}",
            _ => $"partial sums to be taken in {Chip.NameOf(_schedule.Channels[which].Receivers[0].Core)}",
        };
    }

    /// <summary>Steps until the stream has to wait.</summary>
    private void Go(int stream)
    {
        ref var state = ref _streams[stream];
        if (state.First == state.End)
        {
            return;
        }

        while (state.Inference < _limit && (!state.IsAtStart || MayBegin(stream, ref state)))
        {
            ref readonly var step = ref _steps[state.Step];
            if (!Do(stream, ref state, in step))
            {
                return;
            }

            Unpark(stream, ref state);
            state.Phase = 0;
            long resume = state.Resume;
            if (state.Advance(in step))
            {
                End(state.Stage);
            }

            if (resume > _now)
            {
                _events.Add(resume, new TimedEvent(EventKind.Resume, stream, 0));
                return;
            }
        }
    }

    private bool MayBegin(int stream, ref StreamState state)
    {
        if (state.Inference - Ended.Count >= _window)
        {
            Park(ref state, WaitKind.Inference, 0);
            _gated.Add(stream);
            return false;
        }

        // One stage after the other: all streams of those before have ended this inference.
        if (_options.IsSerial)
        {
            for (int before = 0; before < state.Stage; before++)
            {
                if (_endedOfStage[before] < (long)_streamsOfStage[before] * (state.Inference + 1))
                {
                    Park(ref state, WaitKind.Stage, before);
                    _turns.Add(stream);
                    return false;
                }
            }
        }

        Unpark(stream, ref state);
        return true;
    }

    private void End(int stage)
    {
        if (stage < 0)
        {
            return;
        }

        _endedOfStage[stage]++;
        if (_turns.Count > 0)
        {
            int[] waiting = [.. _turns];
            _turns.Clear();
            foreach (int s in waiting)
            {
                Wake(s, -1);
            }
        }
    }

    /// <summary>One instruction; false = the stream is parked, or comes back in a later phase of it. Sets when it goes on.</summary>
    private bool Do(int stream, ref StreamState state, in TimedStep step)
    {
        state.Resume = _now;
        switch (step.Kind)
        {
            case StepKind.Await:
                return Await(stream, ref state, in step);
            case StepKind.Release:
                Release(step.Subject, step.Reader, (long)(state.Inference + 1) * _rows[step.Subject].Rows.Count, stream);
                return true;
            case StepKind.Drive:
                return Drive(stream, ref state, step.Subject);
            case StepKind.Add:
                return Add(stream, ref state, in step);
            case StepKind.SendSums:
                return SendSums(stream, ref state, step.Subject);
            case StepKind.Finish:
                return Finish(stream, ref state, in step);
            case StepKind.Compute:
                return Run(stream, ref state, in step);
            case StepKind.SendRow:
                return Send(stream, ref state, step.Subject, (int)step.Item.At(state.Round));
            case StepKind.Transfer:
                if (step.IsEdge && Started.Count == state.Inference)
                {
                    Started.Add(_now);
                }

                Transfer(stream, ref state, step.Duration);
                return true;
            default:
                return Store(stream, ref state, in step);
        }
    }

    /// <summary>A row of digital work, slice by slice: streams of a core take turns at its vector unit.</summary>
    private bool Run(int stream, ref StreamState state, in TimedStep step)
    {
        long slice = (step.Duration * (state.Phase + 1) / step.Slices) - (step.Duration * state.Phase / step.Slices);
        if (!Compute(stream, ref state, slice) || ++state.Phase == step.Slices)
        {
            return true;
        }

        _events.Add(state.Resume, new TimedEvent(EventKind.Resume, stream, 0));
        return false;
    }

    private bool Finish(int stream, ref StreamState state, in TimedStep step)
    {
        if (state.Phase == 0)
        {
            state.Phase = 1;
            if (Compute(stream, ref state, step.Duration))
            {
                _events.Add(state.Resume, new TimedEvent(EventKind.Resume, stream, 0));
                return false;
            }
        }

        int row = (int)(step.Item.At(state.Round) / step.ItemsPerRow);
        int first = step.Channels.Start.Value;
        int count = step.Channels.End.Value - first;
        return Send(stream, ref state, _lists[count == 1 ? first : first + (row % count)], row);
    }

    private bool Store(int stream, ref StreamState state, in TimedStep step)
    {
        if (state.Phase == 0)
        {
            state.Phase = 1;
            Transfer(stream, ref state, step.Duration);
            if (state.Resume > _now)
            {
                _events.Add(state.Resume, new TimedEvent(EventKind.Resume, stream, 0));
                return false;
            }
        }

        if (step.IsEdge && ++state.StoredRows == state.RowsToStore)
        {
            state.StoredRows = 0;
            CountStored(state.Inference - Ended.Count);
        }

        return true;
    }

    /// <summary>A sink has stored all of an inference, so many behind the first that has not ended.</summary>
    private void CountStored(int place)
    {
        while (_stored.Count <= place)
        {
            _stored.Enqueue(0);
        }

        for (int i = 0, count = _stored.Count; i < count; i++)
        {
            _stored.Enqueue(_stored.Dequeue() + (i == place ? 1 : 0));
        }
    }

    /// <summary>Takes the vector unit, and sets when it is done; false = it takes no time.</summary>
    private bool Compute(int stream, ref StreamState state, long duration)
    {
        int unit = Chip.Unit(state.Core);
        if (unit < 0 || duration == 0)
        {
            return false;
        }

        Unpark(stream, ref state);
        long start = Book(stream, unit, _now, duration, state.Inference);
        _log?.Waited(stream, StallCause.VectorUnit, unit, _now, start);
        _log?.Worked(stream, StallCause.VectorUnit, unit, start, start + duration);
        state.Resume = start + duration;
        return true;
    }

    /// <summary>Over a port of off-chip memory; sets when it ends.</summary>
    private void Transfer(int stream, ref StreamState state, long duration)
    {
        int memory = Chip.Memory(state.Core);
        if (memory < 0 || duration == 0)
        {
            return;
        }

        Unpark(stream, ref state);
        long start = Book(stream, memory, _now, duration, state.Inference);
        state.Resume = start + duration + Chip.Capacity.MemoryLatencyPs;
        _log?.Waited(stream, StallCause.Memory, memory, _now, start);
        _log?.Worked(stream, StallCause.Memory, memory, start, state.Resume);
    }

    /// <summary>Takes a resource of any kind for a stream; when it begins.</summary>
    private long Book(int stream, int resource, long from, long duration, int inference)
    {
        long start = Times.Book(resource, from, duration);
        if (_trace is not null)
        {
            if (start > from)
            {
                _trace.Stalled(stream, Chip[resource].Cause, resource, from, start);
            }

            _trace.Busy(resource, _streams[stream].Stage, inference, start, start + duration);
        }

        return start;
    }

    /// <summary>Takes a resource that the stream waits for before anything else goes on; when it begins.</summary>
    private long BookFirst(int stream, ref StreamState state, StallCause cause, int resource, long from, long duration)
    {
        long start = Book(stream, resource, from, duration, state.Inference);
        Unpark(stream, ref state);
        _log?.Waited(stream, cause, resource, from, start);
        return start;
    }
}

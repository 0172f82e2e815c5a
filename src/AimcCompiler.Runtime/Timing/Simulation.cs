using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>One timed run: streams step through their instructions, take resources in the order in which they ask for them, and wait for rows, room, sums and messages. Same program and options,
/// same run.</summary>
internal sealed class Simulation
{
    private readonly ProgramSchedule _schedule;
    private readonly TimingOptions _options;
    private readonly ScheduleFacts _facts;
    private readonly EventQueue _events = new();
    private readonly StreamState[] _streams;
    private readonly BufferState[] _buffers;
    private readonly ChannelState[] _channels;
    private readonly GroupState[] _groups;
    private readonly List<MessageState> _messages = [];
    private readonly Stack<int> _freeMessages = [];

    /// <summary>Streams that begin their next inference when one has ended.</summary>
    private readonly List<int> _gated = [];

    /// <summary>Streams whose stage's turn it is not.</summary>
    private readonly List<int> _turns = [];

    /// <summary>Streams that have not ended an inference, for each stage: what a stage-by-stage run waits for.</summary>
    private readonly int[] _streamsOfStage;
    private readonly int[] _endedOfStage;
    private readonly int _storing;
    private readonly int _limit;
    private readonly int _window;
    private readonly bool _hasRoom;
    private int _stored;
    private long _now;

    public Simulation(MappedProgram program, ProgramSchedule schedule, TimingOptions options, int limit)
    {
        (_schedule, _options, _limit) = (schedule, options, limit);
        _facts = new ScheduleFacts(program, schedule);
        Chip = new TimedChip(program, options.Parts);
        // Stage after stage, a stage's whole output waits for the next.
        _hasRoom = (options.Parts & TimedParts.Room) != 0 && !options.IsSerial;
        const int Unlimited = 32;
        _window = !schedule.Overlaps || options.IsSerial ? 1 : _hasRoom ? int.MaxValue : Unlimited;
        _buffers = [.. schedule.Buffers.Select(b => new BufferState(b, BufferRows.Of(b, schedule.Stages), _hasRoom))];
        _channels = [.. schedule.Channels.Select(c => new ChannelState(c, HopOf(c)))];
        Dictionary<int, int> tiles = [];
        _groups = [.. schedule.Mapping.RowGroups.Select((group, i) =>
        {
            var demand = schedule.Stages.Stages[group.Stage].Matrix!;
            if (!tiles.TryGetValue(group.Tiles[0], out int tile))
            {
                tile = Chip.Add(new TimedResource(
                    group.Tiles.Length == 1 ? FormattableString.Invariant($"tile {group.Tiles[0]}") : FormattableString.Invariant($"tiles {group.Tiles[0]}..{group.Tiles[^1]}"),
                    "tile",
                    group.Core,
                    StallCause.Tiles));
                tiles.Add(group.Tiles[0], tile);
            }

            int rounds = demand.Groups[group.Group].Rounds;
            long interval = Picoseconds(demand.IntervalNs) * rounds;
            long latency = Picoseconds(demand.LatencyNs) + interval - Picoseconds(demand.IntervalNs);
            return new GroupState(group, tile, rounds, interval, latency, _hasRoom ? 2 + (int)((latency + Math.Max(1, interval) - 1) / Math.Max(1, interval)) : int.MaxValue);
        })];
        _streams = [.. schedule.Streams.Select(s => new StreamState(s, StreamSteps.Of(s)))];
        _streamsOfStage = new int[schedule.Stages.Stages.Length];
        _endedOfStage = new int[schedule.Stages.Stages.Length];
        for (int s = 0; s < _streams.Length; s++)
        {
            Wire(s);
        }

        _storing = _streams.Count(s => s.Stores);
        Log = new StallLog([.. schedule.Streams.Select(s => s.Stage)], [.. _streams.Select(s => s.Works)]);
    }

    public TimedChip Chip { get; }

    public StallLog Log { get; }

    /// <summary>When the first row of each inference was asked for.</summary>
    public List<long> Started { get; } = [];

    /// <summary>When the last row of each inference was stored.</summary>
    public List<long> Ended { get; } = [];

    public int StreamsOf(int stage) => _streams.Count(s => s.Works && s.Stream.Stage == stage);

    /// <param name="isEnough">Asked after every inference.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="DiagnosticException">No stream can go on.</exception>
    public void Run(Func<bool> isEnough, CancellationToken cancellation)
    {
        for (int s = 0; s < _streams.Length; s++)
        {
            _events.Add(0, new TimedEvent(EventKind.Resume, s, 0));
        }

        for (long count = 0; _events.Count > 0; count++)
        {
            if ((count & 0xffff) == 0)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            (_now, var next) = _events.Take();
            switch (next.Kind)
            {
                case EventKind.Resume:
                    Go(next.Subject);
                    break;
                case EventKind.Arrival:
                    Arrive(next.Subject, next.Part);
                    break;
                case EventKind.Hop:
                    PassOn(next.Subject, next.Part);
                    break;
                default:
                    WakeAdder(next.Subject);
                    break;
            }

            if (_stored == _storing)
            {
                _stored = 0;
                Ended.Add(_now);
                foreach (var resource in Chip.All)
                {
                    resource.Mark();
                }

                Log.Mark();
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
            FormattableString.Invariant($"inference {Ended.Count} does not end: {string.Join("; ", _streams.Where(s => s.IsParked).Take(8).Select(s => $"'{s.Stream.Name}' waits for {Describe(s)}"))}"));
    }

    private string Describe(StreamState state)
    {
        string RowsOf(int buffer) => $"rows of '{_schedule.Stages.Values[_buffers[buffer].Buffer.Value].Name}' in {Chip.NameOf(_buffers[buffer].Buffer.Core)}";
        string StageOf(int group) => _schedule.Stages.Stages[_groups[group].Group.Stage].Name;
        int which = state.WaitsForWhich;
        return state.WaitsFor switch
        {
            WaitKind.Inference => "the inference before to end",
            WaitKind.Stage => $"'{_schedule.Stages.Stages[which].Name}' to end",
            WaitKind.Rows => RowsOf(which),
            WaitKind.Room => $"room for {RowsOf(which)}",
            WaitKind.RoomBehindTiles => $"sums of '{StageOf(which)}' to be added",
            WaitKind.Sums => $"sums of '{StageOf(which)}'",
            WaitKind.Message => $"partial sums from {Chip.NameOf(_channels[which].Channel.From)}",
            _ => $"partial sums to be taken in {Chip.NameOf(_channels[which].Channel.Receivers[0].Core)}",
        };
    }

    private static long Picoseconds(double? ns) => (long)Math.Round(1000 * (ns ?? 0));

    /// <summary>The hop that reaches each receiver; -1 = it is on the sender's core.</summary>
    private ImmutableArray<int> HopOf(Channel channel)
    {
        int cores = Chip.Capacity.Topology.Cores;
        bool[] hasChild = new bool[channel.Hops.Length];
        foreach (var hop in channel.Hops.Where(h => h.Parent >= 0))
        {
            hasChild[hop.Parent] = true;
        }

        int Reaching(int core, int number)
        {
            if (core == channel.From)
            {
                return -1;
            }

            // A path's end before a path that only passes.
            foreach (bool passes in (bool[])[false, true])
            {
                for (int h = 0; h < channel.Hops.Length; h++)
                {
                    var hop = channel.Hops[h];
                    if (hasChild[h] == passes && hop.Link >= 0 && hop.Chip == core / cores && Chip.Capacity.Topology.Links[hop.Link].To == core % cores)
                    {
                        return h;
                    }
                }
            }

            // A bus, or the port of another chip.
            return Math.Min(number, channel.Hops.Length - 1);
        }

        int others = 0;
        return [.. channel.Receivers.Select(r => Reaching(r.Core, r.Core == channel.From ? 0 : others++))];
    }

    /// <summary>Who reads, drives and adds what, and how long it takes.</summary>
    private void Wire(int stream)
    {
        var state = _streams[stream];
        int stage = state.Stream.Stage;
        if (stage >= 0)
        {
            _streamsOfStage[stage]++;
        }

        for (int i = 0; i < state.Steps.All.Length; i++)
        {
            var instruction = state.Steps.All[i].Instruction;
            switch (instruction)
            {
                case AwaitRows await:
                    _buffers[await.Buffer].AddReader(stream);
                    break;
                case ReleaseRows release:
                    _buffers[release.Buffer].AddReader(stream);
                    break;
                case DriveTiles drive:
                    _groups[drive.RowGroup].Driver = stream;
                    state.Works = true;
                    break;
                case AddPartialSums add:
                    foreach (int group in add.RowGroups)
                    {
                        _groups[group].Adder = stream;
                    }

                    state.Channels[i] = [.. add.Others.Prepend(add.First).Where(c => c >= 0)];
                    foreach (int channel in state.Channels[i])
                    {
                        _channels[channel].Taker = stream;
                    }

                    state.Durations[i] = Chip.OperationsPs(_facts.Additions(add));
                    state.Adds = add;
                    break;
                case FinishVector finish:
                    var analog = _schedule.Stages.Stages[finish.Stage];
                    int columns = state.Adds is { } added ? _facts.Of(added).Count : analog.Matrix!.Columns;
                    state.Durations[i] = Chip.OperationsPs(ScheduleTraffic.OperationsOfVector(analog, columns));
                    break;
                case RunDigital digital:
                    state.Durations[i] = Chip.OperationsPs(_schedule.Stages.Stages[digital.Stage].OperationsPerRow);
                    state.Works = true;
                    break;
                case StoreRow store:
                    state.Stores |= _schedule.Stages.Values[store.Value].IsOutput;
                    break;
                case SendPartialSums sums:
                    _channels[sums.Channel].Sender = stream;
                    break;
            }
        }
    }

    /// <summary>Steps until the stream has to wait.</summary>
    private void Go(int stream)
    {
        var state = _streams[stream];
        while (true)
        {
            if (state.Steps.All.IsEmpty || state.Place.Inference >= _limit)
            {
                return;
            }

            if (state.Place.IsAtStart && state.Phase == 0 && !MayBegin(stream))
            {
                return;
            }

            var step = state.Steps.All[state.Place.Step];
            if (!Do(stream, state, step.Instruction))
            {
                return;
            }

            Unpark(stream);
            state.Phase = 0;
            long resume = state.Resume;
            state.Resume = _now;
            if (state.Place.Advance(state.Steps))
            {
                End(state);
            }

            if (resume > _now)
            {
                _events.Add(resume, new TimedEvent(EventKind.Resume, stream, 0));
                return;
            }
        }
    }

    private bool MayBegin(int stream)
    {
        var state = _streams[stream];
        int inference = state.Place.Inference;
        if (inference - Ended.Count >= _window)
        {
            Park(stream, WaitKind.Inference, 0);
            _gated.Add(stream);
            return false;
        }

        // One stage after the other: all streams of those before have ended this inference.
        if (_options.IsSerial)
        {
            for (int before = 0; before < state.Stream.Stage; before++)
            {
                if (_endedOfStage[before] < (long)_streamsOfStage[before] * (inference + 1))
                {
                    Park(stream, WaitKind.Stage, before);
                    _turns.Add(stream);
                    return false;
                }
            }
        }

        Unpark(stream);
        return true;
    }

    private void End(StreamState state)
    {
        if (state.Stream.Stage >= 0)
        {
            _endedOfStage[state.Stream.Stage]++;
            if (_options.IsSerial && _turns.Count > 0)
            {
                int[] waiting = [.. _turns];
                _turns.Clear();
                foreach (int s in waiting)
                {
                    Wake(s, -1);
                }
            }
        }
    }

    /// <summary>One instruction; false = the stream is parked, or comes back in a later phase of it. Sets when it goes on.</summary>
    private bool Do(int stream, StreamState state, StreamInstruction instruction)
    {
        state.Resume = _now;
        long round = state.Place.Round;
        int inference = state.Place.Inference;
        switch (instruction)
        {
            case AwaitRows await:
                return Await(stream, state, await, round, inference);
            case ReleaseRows release:
                Release(release.Buffer, stream, (long)(inference + 1) * _buffers[release.Buffer].Rows.Count);
                return true;
            case DriveTiles drive:
                return Drive(stream, state, drive.RowGroup, inference);
            case AddPartialSums add:
                return Add(stream, state, add, inference);
            case SendPartialSums send:
                return SendSums(stream, state, send.Channel, inference);
            case FinishVector finish:
                if (state.Phase == 0)
                {
                    state.Phase = 1;
                    if (Compute(stream, state, inference))
                    {
                        return false;
                    }
                }

                long ordinal = finish.Ordinal.At(round);
                int row = (int)(ordinal / _schedule.Stages.Stages[finish.Stage].Matrix!.VectorsPerRow);
                return Send(stream, state, finish.Channels[row % finish.Channels.Length], row, inference);
            case RunDigital digital:
                return RunDigital(stream, state, digital, inference);
            case SendRow send:
                return Send(stream, state, send.Channel, (int)send.Row.At(round), inference);
            case LoadRow load:
                if (Started.Count == inference && _schedule.Stages.Values[load.Value].Producer < 0)
                {
                    Started.Add(_now);
                }

                state.Resume = Transfer(stream, Chip.Memory(state.Stream.Core), Chip.MemoryPs(_schedule.Stages.Values[load.Value].BytesPerRow), inference);
                return true;
            case StoreRow store:
                return Store(stream, state, store, inference);
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private bool Await(int stream, StreamState state, AwaitRows await, long round, int inference)
    {
        var buffer = _buffers[await.Buffer];
        int rows = _schedule.Stages.Values[buffer.Buffer.Value].Rows;
        int row = (int)(await.Item.At(round) / await.ItemsPerRow);
        long before = (long)inference * buffer.Rows.Count;
        // What is behind the window is free before the rest is waited for: its room may be what the rest needs.
        Release(await.Buffer, stream, before + buffer.Rows.UpTo(await.Window.First(row, rows) - 1));
        long needed = before + buffer.Rows.UpTo(await.Window.Last(row, rows));
        if (buffer.Complete >= needed)
        {
            return true;
        }

        state.Needed = needed;
        Park(stream, WaitKind.Rows, await.Buffer);
        buffer.WaitForRows.Add(stream);
        return false;
    }

    private void Release(int index, int stream, long count)
    {
        var buffer = _buffers[index];
        if (!buffer.Release(stream, count) || buffer.WaitForRoom.Count == 0)
        {
            return;
        }

        for (int i = 0; i < buffer.WaitForRoom.Count; i++)
        {
            int waiting = buffer.WaitForRoom[i];
            if (buffer.HasRoom(_streams[waiting].Needed))
            {
                buffer.WaitForRoom.RemoveAt(i--);
                Wake(waiting, stream);
            }
        }
    }

    private bool Drive(int stream, StreamState state, int index, int inference)
    {
        var group = _groups[index];
        if (group.Waiting >= group.Room)
        {
            Park(stream, WaitKind.RoomBehindTiles, index, StallCause.Room);
            group.DriverWaits = true;
            return false;
        }

        var tile = Chip[group.Tile];
        if (tile.Free > _now)
        {
            tile.AddWait(tile.Free - _now);
            return Delay(stream, state, group.Tile, tile.Free);
        }

        int core = state.Stream.Core;
        long start = _now;
        int buffer = Chip.Buffer(core);
        if (buffer >= 0)
        {
            var demand = _schedule.Stages.Stages[group.Group.Stage];
            int bytes = _schedule.Stages.Values[demand.Inputs[0].Value].BytesPerElement;
            start = Book(stream, buffer, _now, Chip.BufferPs((long)demand.Matrix!.Groups[group.Group.Group].Inputs * bytes), inference).End;
        }

        int issue = Chip.Issue(core);
        if (issue >= 0)
        {
            start = Book(stream, issue, start, group.Rounds * Chip.IssuePs, inference).Start;
        }

        var converters = Chip.Converters(core);
        for (int t = 0; t < (converters.IsEmpty ? 0 : group.Group.Tiles.Length); t++)
        {
            int least = converters[0];
            foreach (int converter in converters)
            {
                least = Chip[converter].Free < Chip[least].Free ? converter : least;
            }

            start = Math.Max(start, Book(stream, least, start, group.Interval, inference).Start);
        }

        tile.Hold(start, group.Interval);
        _options.Trace?.Busy(group.Tile, group.Group.Stage, inference, start, start + group.Interval);
        long ready = start + group.Latency;
        group.Ready.Enqueue(ready);
        group.Waiting++;
        _events.Add(ready, new TimedEvent(EventKind.Sums, index, 0));
        state.Resume = start;
        return true;
    }

    private bool Add(int stream, StreamState state, AddPartialSums add, int inference)
    {
        foreach (int index in add.RowGroups)
        {
            var group = _groups[index];
            if (!group.Ready.TryPeek(out long ready) || ready > _now)
            {
                Park(stream, WaitKind.Sums, index);
                group.AdderWaits = true;
                return false;
            }
        }

        int[] channels = state.Channels[state.Place.Step];
        foreach (int index in channels)
        {
            if (_channels[index].Arrived == _channels[index].Taken)
            {
                Park(stream, WaitKind.Message, index);
                _channels[index].TakerWaits = true;
                return false;
            }
        }

        foreach (int index in add.RowGroups)
        {
            var group = _groups[index];
            group.Ready.Dequeue();
            group.Waiting--;
            if (group.DriverWaits)
            {
                group.DriverWaits = false;
                Wake(group.Driver, stream);
            }
        }

        foreach (int index in channels)
        {
            var channel = _channels[index];
            channel.Taken++;
            if (channel.SenderWaits)
            {
                channel.SenderWaits = false;
                Wake(channel.Sender, stream);
            }
        }

        Compute(stream, state, inference, comesBack: false);
        return true;
    }

    private bool SendSums(int stream, StreamState state, int index, int inference)
    {
        var channel = _channels[index];
        if (_hasRoom && channel.Sent - channel.Taken >= channel.Channel.Capacity)
        {
            Park(stream, WaitKind.MessageRoom, index, StallCause.Room);
            channel.SenderWaits = true;
            return false;
        }

        channel.Sent++;
        state.Resume = Transmit(stream, index, 0, inference);
        return true;
    }

    private bool Send(int stream, StreamState state, int index, int row, int inference)
    {
        foreach (var receiver in _channels[index].Channel.Receivers)
        {
            if (receiver.Buffer >= 0 && _buffers[receiver.Buffer] is var buffer && buffer.Rows.Has(row) && !buffer.HasRoom(buffer.IndexOf(row, inference)))
            {
                state.Needed = buffer.IndexOf(row, inference);
                Park(stream, WaitKind.Room, receiver.Buffer, StallCause.Room);
                buffer.WaitForRoom.Add(stream);
                return false;
            }
        }

        state.Resume = Transmit(stream, index, row, inference);
        return true;
    }

    private bool RunDigital(int stream, StreamState state, RunDigital digital, int inference)
    {
        var stage = _schedule.Stages.Stages[digital.Stage];
        if (stage.Kind == StageKind.Host)
        {
            state.Resume = Transfer(stream, Chip.Memory(state.Stream.Core), Chip.MemoryPs(ScheduleTraffic.HostBytes(_schedule.Stages, stage)), inference);
            return true;
        }

        Compute(stream, state, inference, comesBack: false);
        return true;
    }

    private bool Store(int stream, StreamState state, StoreRow store, int inference)
    {
        if (state.Phase == 0)
        {
            state.Phase = 1;
            long end = Transfer(stream, Chip.Memory(state.Stream.Core), Chip.MemoryPs(_schedule.Stages.Values[store.Value].BytesPerRow), inference);
            if (end > _now)
            {
                _events.Add(end, new TimedEvent(EventKind.Resume, stream, 0));
                return false;
            }
        }

        if (_schedule.Stages.Values[store.Value].IsOutput && ++state.StoredRows == state.RowsToStore(_schedule.Stages))
        {
            state.StoredRows = 0;
            _stored++;
        }

        return true;
    }

    /// <summary>Takes the vector unit. True: the stream comes back when it is done.</summary>
    private bool Compute(int stream, StreamState state, int inference, bool comesBack = true)
    {
        int unit = Chip.Unit(state.Stream.Core);
        long duration = state.Durations[state.Place.Step];
        if (unit < 0 || duration == 0)
        {
            return false;
        }

        Unpark(stream);
        var (start, end) = Book(stream, unit, _now, duration, inference);
        Log.Waited(stream, StallCause.VectorUnit, unit, _now, start);
        Log.Worked(stream, StallCause.VectorUnit, unit, start, end);
        state.Resume = end;
        if (comesBack)
        {
            _events.Add(end, new TimedEvent(EventKind.Resume, stream, 0));
        }

        return true;
    }

    /// <summary>Takes a resource of any kind for a stream.</summary>
    private (long Start, long End) Book(int stream, int resource, long from, long duration, int inference)
    {
        long start = Chip[resource].Book(from, duration);
        if (start > from)
        {
            _options.Trace?.Stalled(stream, Chip[resource].Cause, resource, from, start);
        }

        if (Chip[resource].Cause is not (StallCause.VectorUnit or StallCause.Link or StallCause.Memory))
        {
            Unpark(stream);
            Log.Waited(stream, Chip[resource].Cause, resource, from, start);
        }

        _options.Trace?.Busy(resource, _streams[stream].Stream.Stage, inference, start, start + duration);
        return (start, start + duration);
    }

    /// <summary>Over a port of off-chip memory; when it ends.</summary>
    private long Transfer(int stream, int resource, long duration, int inference)
    {
        if (resource < 0 || duration == 0)
        {
            return _now;
        }

        Unpark(stream);
        var (start, end) = Book(stream, resource, _now, duration, inference);
        Log.Waited(stream, StallCause.Memory, resource, _now, start);
        end += Chip.Capacity.MemoryLatencyPs;
        Log.Worked(stream, StallCause.Memory, resource, start, end);
        return end;
    }

    /// <summary>Waits for a resource that is not booked ahead.</summary>
    private bool Delay(int stream, StreamState state, int resource, long until)
    {
        Unpark(stream);
        Log.Waited(stream, Chip[resource].Cause, resource, _now, until);
        _options.Trace?.Stalled(stream, Chip[resource].Cause, resource, _now, until);
        state.Resume = _now;
        _events.Add(until, new TimedEvent(EventKind.Resume, stream, 0));
        return false;
    }

    /// <summary>Sends a message; the sender goes on when its tail has left.</summary>
    private long Transmit(int stream, int index, int row, int inference)
    {
        var channel = _channels[index];
        Unpark(stream);
        int message = _freeMessages.Count > 0 ? _freeMessages.Pop() : _messages.Count;
        if (message == _messages.Count)
        {
            _messages.Add(new MessageState());
        }

        var state = _messages[message];
        state.Begin(index, stream, row, inference, _now, channel.Channel.Receivers.Length);
        long left = _now;
        int port = Chip.Buffer(channel.Channel.From);
        if (port >= 0)
        {
            left = Book(stream, port, _now, Chip.BufferPs(channel.Channel.Bytes), inference).End;
        }

        long sent = left;
        for (int h = 0; h < channel.Channel.Hops.Length; h++)
        {
            if (channel.Channel.Hops[h].Parent < 0)
            {
                left = Math.Max(left, Hop(message, h, sent));
            }
        }

        for (int r = 0; r < channel.HopOfReceiver.Length; r++)
        {
            if (channel.HopOfReceiver[r] < 0)
            {
                ArriveAt(message, r, sent);
            }
        }

        return left;
    }

    /// <summary>Takes the link of a hop from the moment the head of the message is there; when the tail has left. Links behind it are taken with it where the message did not wait, else when its head
    /// is there: a message that waits does not keep others from links that it has not reached.</summary>
    private long Hop(int message, int hop, long head)
    {
        var state = _messages[message];
        var channel = _channels[state.Channel];
        var where = channel.Channel.Hops[hop];
        long start = head;
        long end = head;
        long hopPs = 0;
        int resource = where.Link < 0 ? Chip.BoardIn(where.Chip) : Chip.Link(where.Chip, where.Link);
        if (resource >= 0)
        {
            long duration = where.Link < 0 ? Chip.BoardPs(where.Bytes) : Chip.LinkPs(where.Bytes);
            int before = where.Link < 0 ? Chip.BoardOut(SenderChip(channel.Channel, where)) : -1;
            if (before >= 0)
            {
                start = Take(state, before, start, duration, where.Parent < 0);
            }

            start = Take(state, resource, start, duration, where.Parent < 0);
            end = start + duration;
            hopPs = where.Link < 0 ? Chip.Capacity.BoardLatencyPs : Chip.HopPs;
        }

        for (int r = 0; r < channel.HopOfReceiver.Length; r++)
        {
            if (channel.HopOfReceiver[r] == hop)
            {
                ArriveAt(message, r, end + hopPs);
            }
        }

        if (channel.HasChild[hop])
        {
            if (start == head)
            {
                PassOn(message, hop, start + hopPs);
            }
            else
            {
                _events.Add(start + hopPs, new TimedEvent(EventKind.Hop, message, hop));
            }
        }

        return end;
    }

    private long Take(MessageState message, int resource, long from, long duration, bool holdsSender)
    {
        var (start, end) = Book(message.Sender, resource, from, duration, message.Inference);
        if (holdsSender)
        {
            Log.Waited(message.Sender, StallCause.Link, resource, from, start);
            Log.Worked(message.Sender, StallCause.Link, resource, start, end);
        }

        if (start - from >= message.LongestWait)
        {
            (message.Slowest, message.LongestWait) = (resource, start - from);
        }

        return start;
    }

    private int SenderChip(Channel channel, ChannelHop hop) => hop.Parent < 0 ? channel.From / Chip.Capacity.Topology.Cores : channel.Hops[hop.Parent].Chip;

    private void PassOn(int message, int hop) => PassOn(message, hop, _now);

    private void PassOn(int message, int hop, long head)
    {
        var hops = _channels[_messages[message].Channel].Channel.Hops;
        for (int h = 0; h < hops.Length; h++)
        {
            if (hops[h].Parent == hop)
            {
                Hop(message, h, head);
            }
        }
    }

    private void ArriveAt(int message, int receiver, long time)
    {
        var channel = _channels[_messages[message].Channel].Channel;
        int port = Chip.Buffer(channel.Receivers[receiver].Core);
        if (port >= 0)
        {
            long start = Chip[port].Book(time, Chip.BufferPs(channel.Bytes));
            time = start + Chip.BufferPs(channel.Bytes);
            _options.Trace?.Busy(port, -1, _messages[message].Inference, start, time);
        }

        if (time > _now)
        {
            _events.Add(time, new TimedEvent(EventKind.Arrival, message, receiver));
        }
        else
        {
            Arrive(message, receiver);
        }
    }

    private void Arrive(int index, int receiver)
    {
        var message = _messages[index];
        var channel = _channels[message.Channel];
        int target = channel.Channel.Receivers[receiver].Buffer;
        if (target < 0)
        {
            channel.Arrived++;
            if (channel.TakerWaits)
            {
                channel.TakerWaits = false;
                Wake(channel.Taker, message);
            }
        }
        else if (_buffers[target] is var buffer && buffer.Rows.Has(message.Row) && buffer.Arrive(buffer.IndexOf(message.Row, message.Inference)))
        {
            for (int i = 0; i < buffer.WaitForRows.Count; i++)
            {
                int waiting = buffer.WaitForRows[i];
                if (buffer.Complete >= _streams[waiting].Needed)
                {
                    buffer.WaitForRows.RemoveAt(i--);
                    Wake(waiting, message);
                }
            }
        }

        if (--message.Receivers == 0)
        {
            _freeMessages.Push(index);
        }
    }

    private void WakeAdder(int index)
    {
        var group = _groups[index];
        if (!group.AdderWaits)
        {
            return;
        }

        group.AdderWaits = false;
        var state = _streams[group.Adder];
        state.Blamed = group.Driver;
        (state.BlamedCause, state.BlamedWhat, state.BlamedFrom) = (StallCause.Tiles, group.Tile, _now);
        _events.Add(_now, new TimedEvent(EventKind.Resume, group.Adder, 0));
    }

    private void Wake(int stream, MessageState message)
    {
        Wake(stream, message.Sender);
        if (message.Slowest >= 0)
        {
            var state = _streams[stream];
            (state.BlamedLink, state.BlamedFrom) = (message.Slowest, message.SentAt);
        }
    }

    private void Wake(int stream, int by)
    {
        var state = _streams[stream];
        state.Blamed = by;
        state.BlamedLink = -1;
        state.BlamedFrom = _now;
        state.BlamedCause = state.Cause;
        state.BlamedWhat = by < 0 ? StallLog.OfStage(state.Stream.Stage) : StallLog.OfStage(_streams[by].Stream.Stage);
        _events.Add(_now, new TimedEvent(EventKind.Resume, stream, 0));
    }

    private void Park(int stream, WaitKind kind, int what, StallCause cause = StallCause.Input)
    {
        var state = _streams[stream];
        if (!state.IsParked)
        {
            state.IsParked = true;
            state.ParkedAt = _now;
            state.Blamed = -1;
        }

        (state.WaitsFor, state.WaitsForWhich, state.Cause) = (kind, what, cause);
    }

    /// <summary>What the stream waited for is there: the wait is taken apart.</summary>
    private void Unpark(int stream)
    {
        var state = _streams[stream];
        if (!state.IsParked)
        {
            return;
        }

        state.IsParked = false;
        if (state.ParkedAt == _now)
        {
            return;
        }

        _options.Trace?.Stalled(stream, state.Cause, -1, state.ParkedAt, _now);
        if (state.Blamed < 0)
        {
            Log.Waited(stream, state.Cause, StallLog.OfStage(state.Stream.Stage), state.ParkedAt, _now);
            return;
        }

        // The message was on its way at the end, its sender at work before.
        long sent = state.BlamedLink >= 0 ? Math.Clamp(state.BlamedFrom, state.ParkedAt, _now) : _now;
        Log.WaitedFor(stream, state.Blamed, state.BlamedCause, state.BlamedWhat, state.ParkedAt, sent);
        if (sent < _now)
        {
            Log.Waited(stream, StallCause.Link, state.BlamedLink, sent, _now);
        }
    }

    private enum WaitKind
    {
        Inference,
        Stage,
        Rows,
        Room,
        RoomBehindTiles,
        Sums,
        Message,
        MessageRoom,
    }

    private sealed class StreamState(CoreStream stream, StreamSteps steps)
    {
        private StreamPlace _place;

        public CoreStream Stream { get; } = stream;

        public StreamSteps Steps { get; } = steps;

        public ref StreamPlace Place => ref _place;

        /// <summary>Of the vector unit, step by step.</summary>
        public long[] Durations { get; } = new long[steps.All.Length];

        /// <summary>Whose messages a step adds.</summary>
        public int[][] Channels { get; } = new int[steps.All.Length][];

        /// <summary>Part of the instruction that comes next.</summary>
        public int Phase { get; set; }

        /// <summary>When the next instruction begins.</summary>
        public long Resume { get; set; }

        /// <summary>Rows of a buffer, or the row that needs room.</summary>
        public long Needed { get; set; }

        public bool IsParked { get; set; }

        public long ParkedAt { get; set; }

        public StallCause Cause { get; set; }

        public WaitKind WaitsFor { get; set; }

        /// <summary>Buffer, channel, row group or stage.</summary>
        public int WaitsForWhich { get; set; }

        /// <summary>Who ended the wait, and how.</summary>
        public int Blamed { get; set; } = -1;

        public StallCause BlamedCause { get; set; }

        public int BlamedWhat { get; set; }

        public int BlamedLink { get; set; } = -1;

        public long BlamedFrom { get; set; }

        /// <summary>It drives tiles or runs digital work.</summary>
        public bool Works { get; set; }

        /// <summary>It stores outputs of the model.</summary>
        public bool Stores { get; set; }

        public AddPartialSums? Adds { get; set; }

        public long StoredRows { get; set; }

        /// <summary>Rows of outputs in one inference.</summary>
        public long RowsToStore(StageGraph stages) => _rowsToStore ??= Stream.Body
            .SelectMany(i => i is Repeat repeat ? repeat.Body.Select(b => (b, repeat.Count)) : [(i, 1L)])
            .Sum(i => i.Item1 is StoreRow store && stages.Values[store.Value].IsOutput ? i.Item2 : 0);

        private long? _rowsToStore;
    }

    private sealed class BufferState(RowBuffer buffer, BufferRows rows, bool isBounded)
    {
        private readonly List<(int Stream, long Released)> _readers = [];
        private int[] _items = new int[16];

        public RowBuffer Buffer { get; } = buffer;

        public BufferRows Rows { get; } = rows;

        /// <summary>Rows of all inferences that are there, or were.</summary>
        public long Complete { get; private set; }

        /// <summary>Rows that every reader has released.</summary>
        public long Released { get; private set; }

        public List<int> WaitForRows { get; } = [];

        public List<int> WaitForRoom { get; } = [];

        public void AddReader(int stream)
        {
            if (!_readers.Exists(r => r.Stream == stream))
            {
                _readers.Add((stream, 0));
            }
        }

        /// <summary>Number of a row among those of all inferences that come here.</summary>
        public long IndexOf(int row, int inference) => ((long)inference * Rows.Count) + Rows.UpTo(row) - 1;

        public bool HasRoom(long index) => !isBounded || index < Released + Buffer.Capacity;

        /// <summary>An item of a row is there; true = a row more can be read.</summary>
        public bool Arrive(long index)
        {
            while (index - Complete >= _items.Length)
            {
                int[] larger = new int[2 * _items.Length];
                for (long i = Complete; i < Complete + _items.Length; i++)
                {
                    larger[i % larger.Length] = _items[i % _items.Length];
                }

                _items = larger;
            }

            _items[index % _items.Length]++;
            long before = Complete;
            while (_items[Complete % _items.Length] >= Buffer.ItemsPerRow)
            {
                _items[Complete++ % _items.Length] = 0;
            }

            return Complete > before;
        }

        /// <summary>A reader is past so many rows; true = a row is freed.</summary>
        public bool Release(int stream, long count)
        {
            long least = long.MaxValue;
            for (int i = 0; i < _readers.Count; i++)
            {
                if (_readers[i].Stream == stream && _readers[i].Released < count)
                {
                    _readers[i] = (stream, count);
                }

                least = Math.Min(least, _readers[i].Released);
            }

            if (least <= Released)
            {
                return false;
            }

            Released = least;
            return true;
        }
    }

    private sealed class ChannelState(Channel channel, ImmutableArray<int> hopOfReceiver)
    {
        public Channel Channel { get; } = channel;

        public ImmutableArray<int> HopOfReceiver { get; } = hopOfReceiver;

        public ImmutableArray<bool> HasChild { get; } = [.. Enumerable.Range(0, channel.Hops.Length).Select(h => channel.Hops.Any(c => c.Parent == h))];

        public long Sent { get; set; }

        public long Arrived { get; set; }

        public long Taken { get; set; }

        public int Sender { get; set; } = -1;

        public int Taker { get; set; } = -1;

        public bool SenderWaits { get; set; }

        public bool TakerWaits { get; set; }
    }

    private sealed class GroupState(PlacedRowGroup group, int tile, int rounds, long interval, long latency, int room)
    {
        public PlacedRowGroup Group { get; } = group;

        public int Tile { get; } = tile;

        /// <summary>MVMs of a vector, one after the other.</summary>
        public int Rounds { get; } = rounds;

        /// <summary>Of a vector, all rounds.</summary>
        public long Interval { get; } = interval;

        public long Latency { get; } = latency;

        /// <summary>Vectors that are driven and not added, at most.</summary>
        public int Room { get; } = room;

        public int Waiting { get; set; }

        public Queue<long> Ready { get; } = new();

        public int Driver { get; set; } = -1;

        public int Adder { get; set; } = -1;

        public bool DriverWaits { get; set; }

        public bool AdderWaits { get; set; }
    }

    private sealed class MessageState
    {
        public int Channel { get; private set; }

        public int Sender { get; private set; }

        public int Row { get; private set; }

        public int Inference { get; private set; }

        public long SentAt { get; private set; }

        /// <summary>Where it has not arrived.</summary>
        public int Receivers { get; set; }

        /// <summary>The link for which it waited longest; -1 = none took time.</summary>
        public int Slowest { get; set; }

        public long LongestWait { get; set; }

        public void Begin(int channel, int sender, int row, int inference, long now, int receivers) =>
            (Channel, Sender, Row, Inference, SentAt, Receivers, Slowest, LongestWait) = (channel, sender, row, inference, now, receivers, -1, 0);
    }
}

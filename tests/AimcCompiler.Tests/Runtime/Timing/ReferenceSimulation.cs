using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>The rules of docs/timing.md in the plainest words: a stream is a coroutine that gives way until somebody lets it go on, an event is a call at a time, those of one time in the order in which they
/// were asked for. Slow; for inferences that overlap.</summary>
internal sealed class ReferenceSimulation
{
    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private readonly ProgramSchedule _schedule;
    private readonly ScheduleFacts _facts;
    private readonly TimedChip _chip;
    private readonly bool _hasRoom;
    private readonly int _limit;
    private readonly int _underWay;
    private readonly List<IEnumerator<int>> _streams = [];
    private readonly Dictionary<int, long> _free = [];
    private readonly Buffer[] _buffers;
    private readonly ChannelQueue[] _channels;
    private readonly Dictionary<(int Stage, int RowGroup), Sums> _sums = [];
    private readonly Dictionary<int, TileLine> _tiles = [];
    private readonly List<int> _gated = [];
    private readonly Dictionary<int, int> _stored = [];
    private long _now;
    private long _order;

    public ReferenceSimulation(MappedProgram program, TimedParts parts, int limit, int underWay)
    {
        _schedule = program.Schedule!;
        _facts = new ScheduleFacts(program, _schedule);
        _chip = new TimedChip(program, parts);
        (_hasRoom, _limit, _underWay) = ((parts & TimedParts.Room) != 0, limit, _schedule.Overlaps ? underWay : 1);
        _buffers = [.. _schedule.Buffers.Select(b => new Buffer(b, BufferRows.Of(b, _schedule.Stages)))];
        _channels = [.. _schedule.Channels.Select(_ => new ChannelQueue())];
        for (int s = 0; s < _schedule.Streams.Length; s++)
        {
            foreach (var instruction in StreamSteps.Of(_schedule.Streams[s]).All.Select(i => i.Instruction))
            {
                if (instruction is AwaitRows { Buffer: var awaited })
                {
                    _buffers[awaited].Released.TryAdd(s, 0);
                }
                else if (instruction is ReleaseRows { Buffer: var released })
                {
                    _buffers[released].Released.TryAdd(s, 0);
                }
            }

            _streams.Add(Stream(s).GetEnumerator());
        }
    }

    /// <summary>When the last row of each inference was stored.</summary>
    public List<long> Ended { get; } = [];

    public void Run()
    {
        int sinks = _schedule.Streams.Count(s => StreamSteps.Of(s).All.Any(i => i.Instruction is StoreRow store && _schedule.Stages.Values[store.Value].IsOutput));
        foreach (int s in Enumerable.Range(0, _streams.Count))
        {
            At(0, s);
        }

        while (Ended.Count < _limit && _events.TryDequeue(out var next, out var key))
        {
            _now = key.Time;
            next();
            while (Ended.Count < _limit && _stored.GetValueOrDefault(Ended.Count) == sinks)
            {
                Ended.Add(_now);
                int[] waiting = [.. _gated];
                _gated.Clear();
                foreach (int s in waiting)
                {
                    At(_now, s);
                }
            }
        }
    }

    private void At(long time, Action action) => _events.Enqueue(action, (time, _order++));

    private void At(long time, int stream) => At(time, () => _streams[stream].MoveNext());

    /// <summary>Takes a resource from the first moment on at which it is free; when.</summary>
    private long Book(int resource, long from, long duration)
    {
        long start = Math.Max(from, _free.GetValueOrDefault(resource));
        _free[resource] = start + duration;
        return start;
    }

    private IEnumerable<int> Stream(int s)
    {
        var stream = _schedule.Streams[s];
        var stages = _schedule.Stages;
        int core = stream.Core;
        long rowsToStore = 0;
        for (int inference = 0; inference < _limit; inference++)
        {
            while (inference - Ended.Count >= _underWay)
            {
                _gated.Add(s);
                yield return 0;
            }

            long stored = 0;
            AddPartialSums? added = null;
            rowsToStore = Unrolled(stream).Count(i => i.Instruction is StoreRow store && stages.Values[store.Value].IsOutput);
            foreach (var (instruction, round) in Unrolled(stream))
            {
                long until = _now;
                switch (instruction)
                {
                    case AwaitRows await:
                        var read = _buffers[await.Buffer];
                        int rows = stages.Values[read.Of.Value].Rows;
                        int row = (int)(await.Item.At(round) / await.ItemsPerRow);
                        Release(s, await.Buffer, ((long)inference * read.Rows.Count) + read.Rows.UpTo(await.Window.First(row, rows) - 1));
                        long needed = ((long)inference * read.Rows.Count) + read.Rows.UpTo(await.Window.Last(row, rows));
                        while (read.Complete < needed)
                        {
                            read.ForRows.Add((s, needed));
                            yield return 0;
                        }

                        break;
                    case ReleaseRows release:
                        Release(s, release.Buffer, (long)(inference + 1) * _buffers[release.Buffer].Rows.Count);
                        break;
                    case DriveTiles drive:
                        var group = _schedule.Mapping.RowGroups[drive.RowGroup];
                        var demand = stages.Stages[stream.Stage].Matrix!;
                        var sums = SumsOf(stream.Stage, drive.RowGroup);
                        sums.Driver = s;
                        while (_hasRoom && sums.Ready.Count >= demand.SumsInFlight)
                        {
                            sums.DriverWaits = true;
                            yield return 0;
                        }

                        if (!_tiles.TryGetValue(group.Tiles[0], out var tile))
                        {
                            _tiles[group.Tiles[0]] = tile = new TileLine();
                        }

                        if (tile.Free > _now || tile.Line.Count > 0)
                        {
                            tile.Line.Add(s);
                            if (tile.Line.Count == 1)
                            {
                                At(tile.Free, s);
                            }

                            yield return 0;
                            tile.Line.RemoveAt(0);
                        }

                        until = Begin(core, stream.Stage, group);
                        int rounds = demand.Groups[group.Group].Rounds;
                        long one = (long)Math.Round(1000 * demand.IntervalNs!.Value);
                        tile.Free = until + (rounds * one);
                        if (tile.Line.Count > 0)
                        {
                            At(tile.Free, tile.Line[0]);
                        }

                        long ready = until + (long)Math.Round(1000 * demand.LatencyNs!.Value) + ((rounds - 1) * one);
                        sums.Ready.Enqueue(ready);
                        At(ready, () => sums.LetAdderGoOn(this));
                        break;
                    case AddPartialSums add:
                        added = add;
                        int[] channels = [.. add.Others.Prepend(add.First).Where(c => c >= 0)];
                        for (bool waits = true; waits;)
                        {
                            waits = false;
                            foreach (var own in add.RowGroups.Select(g => SumsOf(stream.Stage, g)))
                            {
                                if (!own.Ready.TryPeek(out long at) || at > _now)
                                {
                                    (own.Adder, own.AdderWaits, waits) = (s, true, true);
                                    break;
                                }
                            }

                            if (!waits && Array.Find(channels, c => _channels[c].Arrived == 0) is var missing && Array.Exists(channels, c => _channels[c].Arrived == 0))
                            {
                                (_channels[missing].Taker, waits) = (s, true);
                            }

                            if (waits)
                            {
                                yield return 0;
                            }
                        }

                        foreach (var own in add.RowGroups.Select(g => SumsOf(stream.Stage, g)))
                        {
                            own.Ready.Dequeue();
                            if (own.DriverWaits)
                            {
                                own.DriverWaits = false;
                                At(_now, own.Driver);
                            }
                        }

                        foreach (int c in channels)
                        {
                            _channels[c].Arrived--;
                            _channels[c].Sent--;
                            if (_channels[c].Sender is { } sender)
                            {
                                _channels[c].Sender = null;
                                At(_now, sender);
                            }
                        }

                        until = Compute(core, _facts.Sums.Additions(add));
                        break;
                    case SendPartialSums send:
                        while (_hasRoom && _channels[send.Channel].Sent >= _schedule.Channels[send.Channel].Capacity)
                        {
                            _channels[send.Channel].Sender = s;
                            yield return 0;
                        }

                        _channels[send.Channel].Sent++;
                        until = Transmit(send.Channel, 0, inference);
                        break;
                    case FinishVector or SendRow:
                        if (instruction is FinishVector vector)
                        {
                            var analog = stages.Stages[vector.Stage];
                            long end = Compute(core, ScheduleTraffic.OperationsOfVector(analog, added is null ? analog.Matrix!.Columns : _facts.Sums.Of(added).Count));
                            if (end > _now)
                            {
                                At(end, s);
                                yield return 0;
                            }
                        }

                        var (channel, sent) = instruction is FinishVector finish && finish.Ordinal.At(round) / stages.Stages[finish.Stage].Matrix!.VectorsPerRow is var home
                            ? (finish.Channels[(int)(home % finish.Channels.Length)], (int)home)
                            : (((SendRow)instruction).Channel, (int)((SendRow)instruction).Row.At(round));
                        while (_hasRoom && FullBuffer(channel, sent, inference) is { } full)
                        {
                            full.ForRoom.Add((s, full.IndexOf(sent, inference)));
                            yield return 0;
                        }

                        until = Transmit(channel, sent, inference);
                        break;
                    case RunDigital digital when stages.Stages[digital.Stage] is { Kind: StageKind.Host } host:
                        until = Transfer(core, ScheduleTraffic.HostBytes(stages, host));
                        break;
                    case RunDigital digital:
                        long operations = stages.Stages[digital.Stage].OperationsPerRow;
                        long whole = _chip.Unit(core) < 0 ? 0 : _chip.OperationsPs(operations);
                        // Slices of 4,096 operations, 64 at most.
                        long slices = Math.Max(1, Math.Min(64, Math.Min(whole, (operations + 4095) / 4096)));
                        for (long slice = 0; slice < slices && whole > 0; slice++)
                        {
                            long part = (whole * (slice + 1) / slices) - (whole * slice / slices);
                            until = Book(_chip.Unit(core), _now, part) + part;
                            if (slice + 1 < slices)
                            {
                                At(until, s);
                                yield return 0;
                            }
                        }

                        break;
                    case LoadRow load:
                        until = Transfer(core, stages.Values[load.Value].BytesPerRow);
                        break;
                    case StoreRow store:
                        long done = Transfer(core, stages.Values[store.Value].BytesPerRow);
                        if (done > _now)
                        {
                            At(done, s);
                            yield return 0;
                        }

                        until = _now;
                        if (stages.Values[store.Value].IsOutput && ++stored == rowsToStore)
                        {
                            _stored[inference] = _stored.GetValueOrDefault(inference) + 1;
                        }

                        break;
                }

                if (until > _now)
                {
                    At(until, s);
                    yield return 0;
                }
            }
        }
    }

    private static IEnumerable<(StreamInstruction Instruction, long Round)> Unrolled(CoreStream stream) => stream.Body.SelectMany(i => i is Repeat repeat
        ? Enumerable.Range(0, (int)repeat.Count).SelectMany(round => repeat.Body.Select(b => (b, (long)round)))
        : [(i, 0L)]);

    private Sums SumsOf(int stage, int rowGroup)
    {
        if (!_sums.TryGetValue((stage, rowGroup), out var sums))
        {
            _sums[(stage, rowGroup)] = sums = new Sums();
        }

        return sums;
    }

    private void Release(int s, int index, long count)
    {
        var buffer = _buffers[index];
        buffer.Released[s] = Math.Max(buffer.Released[s], count);
        foreach (var waiting in buffer.ForRoom.Where(w => buffer.HasRoom(w.Row)).ToList())
        {
            buffer.ForRoom.Remove(waiting);
            At(_now, waiting.Stream);
        }
    }

    private long Begin(int core, int stage, PlacedRowGroup group)
    {
        var work = _schedule.Stages.Stages[stage];
        var demand = work.Matrix!.Groups[group.Group];
        long start = _now;
        if (_chip.Buffer(core) >= 0)
        {
            long time = _chip.BufferPs((long)demand.Inputs * _schedule.Stages.Values[work.Inputs[0].Value].BytesPerElement);
            start = Book(_chip.Buffer(core), start, time) + time;
        }

        if (_chip.Issue(core) >= 0)
        {
            start = Book(_chip.Issue(core), start, demand.Rounds * _chip.IssuePs);
        }

        int[] converters = [.. _chip.Converters(core)];
        foreach (int _ in converters.Length == 0 ? [] : group.Tiles)
        {
            start = Math.Max(start, Book(converters.MinBy(c => _free.GetValueOrDefault(c)), start, demand.Rounds * (long)Math.Round(1000 * work.Matrix.IntervalNs!.Value)));
        }

        return start;
    }

    private long Compute(int core, long operations) => _chip.Unit(core) is >= 0 and var unit && _chip.OperationsPs(operations) is > 0 and var time ? Book(unit, _now, time) + time : _now;

    private long Transfer(int core, long bytes) =>
        _chip.Memory(core) is >= 0 and var memory && _chip.MemoryPs(bytes) is > 0 and var time ? Book(memory, _now, time) + time + _chip.Capacity.MemoryLatencyPs : _now;

    private Buffer? FullBuffer(int channel, int row, int inference) => _schedule.Channels[channel].Receivers
        .Where(r => r.Buffer >= 0)
        .Select(r => _buffers[r.Buffer])
        .FirstOrDefault(b => b.Rows.Has(row) && !b.HasRoom(b.IndexOf(row, inference)));

    /// <summary>Sends a message along its path; when its tail has left.</summary>
    private long Transmit(int index, int row, int inference)
    {
        var channel = _schedule.Channels[index];
        var queue = _channels[index];
        queue.NumberIn[inference] = queue.NumberIn.GetValueOrDefault(inference) + 1;
        int path = channel.PathOf(queue.NumberIn[inference] - 1);
        long number = queue.Messages++;
        int cores = _chip.Capacity.Topology.Cores;
        var hops = channel.Hops;
        int[] own = [.. Enumerable.Range(0, hops.Length).Where(h => hops[h].Path == path)];
        long sent = _now;
        if (_chip.Buffer(channel.From) is >= 0 and var port)
        {
            sent = Book(port, _now, _chip.BufferPs(channel.Bytes)) + _chip.BufferPs(channel.Bytes);
        }

        long left = sent;
        foreach (int first in own.Where(h => hops[h].Parent < 0))
        {
            left = Math.Max(left, Hop(first, sent));
        }

        for (int r = 0; r < channel.Receivers.Length; r++)
        {
            if (channel.Receivers[r].Core == channel.From)
            {
                Arrive(r, sent);
            }
        }

        return left;

        long Hop(int h, long head)
        {
            var hop = hops[h];
            bool isBoard = hop.Link < 0;
            int resource = isBoard ? _chip.BoardIn(hop.Chip) : _chip.Link(hop.Chip, hop.Link);
            var (start, end, delay) = (head, head, 0L);
            if (resource >= 0)
            {
                long time = isBoard ? _chip.BoardPs(hop.Bytes) : _chip.LinkPs(hop.Bytes);
                if (isBoard)
                {
                    start = Book(_chip.BoardOut(hop.Parent < 0 ? channel.From / cores : hops[hop.Parent].Chip), start, time);
                }

                start = Book(resource, start, time);
                (end, delay) = (start + time, isBoard ? _chip.Capacity.BoardLatencyPs : _chip.HopPs);
            }

            foreach (int r in Enumerable.Range(0, channel.Receivers.Length).Where(r => HopTo(r) == h))
            {
                Arrive(r, end + delay);
            }

            int[] next = [.. own.Where(n => hops[n].Parent == h)];
            void PassOn(long at)
            {
                foreach (int n in next)
                {
                    Hop(n, at);
                }
            }

            if (start == head)
            {
                PassOn(start + delay);
            }
            else if (next.Length > 0)
            {
                At(start + delay, () => PassOn(_now));
            }

            return end;
        }

        int HopTo(int r)
        {
            var receiver = channel.Receivers[r];
            if (receiver.Core == channel.From)
            {
                return -1;
            }

            int[] there = [.. own.Where(h => hops[h].Link >= 0 && hops[h].Chip == receiver.Core / cores && _chip.Capacity.Topology.Links[hops[h].Link].To == receiver.Core % cores)];
            int[] ends = [.. there.Where(h => !own.Any(n => hops[n].Parent == h))];
            int before = channel.Receivers.Take(r).Count(o => o.Core != channel.From);
            return ends.Length > 0 ? ends[0] : there.Length > 0 ? there[0] : own[Math.Min(before, own.Length - 1)];
        }

        void Arrive(int r, long time)
        {
            if (_chip.Buffer(channel.Receivers[r].Core) is >= 0 and var into)
            {
                time = Book(into, time, _chip.BufferPs(channel.Bytes)) + _chip.BufferPs(channel.Bytes);
            }

            void Come()
            {
                var waiting = queue.Waiting.TryGetValue(r, out var known) ? known : queue.Waiting[r] = [];
                waiting[number] = () => Deliver(queue, channel.Receivers[r].Buffer, row, inference);
                while (waiting.Remove(queue.Next.GetValueOrDefault(r), out var deliver))
                {
                    queue.Next[r] = queue.Next.GetValueOrDefault(r) + 1;
                    deliver();
                }
            }

            if (time > _now)
            {
                At(time, Come);
            }
            else
            {
                Come();
            }
        }
    }

    private void Deliver(ChannelQueue queue, int target, int row, int inference)
    {
        if (target < 0)
        {
            queue.Arrived++;
            if (queue.Taker is { } taker)
            {
                queue.Taker = null;
                At(_now, taker);
            }

            return;
        }

        var buffer = _buffers[target];
        if (!buffer.Rows.Has(row))
        {
            return;
        }

        long index = buffer.IndexOf(row, inference);
        buffer.Items[index] = buffer.Items.GetValueOrDefault(index) + 1;
        while (buffer.Items.GetValueOrDefault(buffer.Complete) >= buffer.Of.ItemsPerRow)
        {
            buffer.Complete++;
        }

        foreach (var waiting in buffer.ForRows.Where(w => buffer.Complete >= w.Rows).ToList())
        {
            buffer.ForRows.Remove(waiting);
            At(_now, waiting.Stream);
        }
    }

    private sealed class Buffer(RowBuffer of, BufferRows rows)
    {
        public RowBuffer Of { get; } = of;

        public BufferRows Rows { get; } = rows;

        public Dictionary<long, int> Items { get; } = [];

        public Dictionary<int, long> Released { get; } = [];

        public List<(int Stream, long Rows)> ForRows { get; } = [];

        public List<(int Stream, long Row)> ForRoom { get; } = [];

        public long Complete { get; set; }

        public long IndexOf(int row, int inference) => ((long)inference * Rows.Count) + Rows.UpTo(row) - 1;

        public bool HasRoom(long row) => row < Released.Values.DefaultIfEmpty(0).Min() + Of.Capacity;
    }

    private sealed class ChannelQueue
    {
        public long Sent { get; set; }

        public long Arrived { get; set; }

        public int? Sender { get; set; }

        public int? Taker { get; set; }

        public long Messages { get; set; }

        public Dictionary<int, long> NumberIn { get; } = [];

        /// <summary>Number of the message that counts next, and those that came, by receiver.</summary>
        public Dictionary<int, long> Next { get; } = [];

        public Dictionary<int, Dictionary<long, Action>> Waiting { get; } = [];
    }

    private sealed class Sums
    {
        public Queue<long> Ready { get; } = new();

        public int Driver { get; set; }

        public bool DriverWaits { get; set; }

        public int Adder { get; set; }

        public bool AdderWaits { get; set; }

        public void LetAdderGoOn(ReferenceSimulation run)
        {
            if (AdderWaits)
            {
                AdderWaits = false;
                run.At(run._now, Adder);
            }
        }
    }

    private sealed class TileLine
    {
        public long Free { get; set; }

        public List<int> Line { get; } = [];
    }
}

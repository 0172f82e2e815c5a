using System.Collections.Immutable;

namespace AimcCompiler.Binary;

/// <summary>Runs the streams of a schedule on counts alone: which rows have come, how much room is left, how many sums wait. Streams block, so in which order they run does not matter: they
/// all end, or the same ones never do (Kahn 1974).</summary>
internal sealed class TokenRun
{
    private readonly ProgramSchedule _schedule;
    private readonly int _inferences;
    private readonly Ring[] _rings;
    private readonly int[] _messages;
    private readonly List<int>[] _atChannel;
    private readonly Dictionary<(int Stage, int RowGroup), Sums> _sums = [];
    private readonly Cursor[] _cursors;
    private readonly Queue<int> _ready = new();
    private readonly bool[] _isReady;

    public TokenRun(ProgramSchedule schedule, int inferences)
    {
        (_schedule, _inferences) = (schedule, inferences);
        _rings = [.. schedule.Buffers.Select(b => new Ring(b, schedule.Stages.Values[b.Value].Rows))];
        _messages = new int[schedule.Channels.Length];
        _atChannel = [.. schedule.Channels.Select(_ => new List<int>())];
        _cursors = new Cursor[schedule.Streams.Length];
        _isReady = new bool[schedule.Streams.Length];
        for (int s = 0; s < schedule.Streams.Length; s++)
        {
            foreach (var instruction in schedule.Streams[s].Body.SelectMany(i => i is Repeat loop ? loop.Body : [i]))
            {
                switch (instruction)
                {
                    case AwaitRows wait:
                        _rings[wait.Buffer].Released.TryAdd(s, 0);
                        break;
                    case DriveTiles drive:
                        _sums.TryAdd((schedule.Streams[s].Stage, drive.RowGroup), new Sums());
                        break;
                }
            }
        }
    }

    /// <returns>Null = all inferences end; else the streams that do not, and what each waits for.</returns>
    public ImmutableArray<string>? Run()
    {
        for (int s = 0; s < _cursors.Length; s++)
        {
            Wake(s);
        }

        while (_ready.TryDequeue(out int s))
        {
            _isReady[s] = false;
            Go(s);
        }

        string[] halted = [.. Enumerable.Range(0, _cursors.Length).Where(s => _cursors[s].Inference < _inferences).Select(s => $"{Quoted.Of(_schedule.Streams[s].Name)} on core {_schedule.Streams[s].Core} waits for {_cursors[s].WaitsFor}")];
        return halted.Length == 0 ? null : [.. halted];
    }

    private void Wake(int stream)
    {
        if (!_isReady[stream])
        {
            _isReady[stream] = true;
            _ready.Enqueue(stream);
        }
    }

    private void Wake(List<int> waiting)
    {
        foreach (int stream in waiting)
        {
            Wake(stream);
        }

        waiting.Clear();
    }

    private void Go(int s)
    {
        var stream = _schedule.Streams[s];
        ref var at = ref _cursors[s];
        while (at.Inference < _inferences)
        {
            if (at.Line == stream.Body.Length)
            {
                at = new Cursor { Inference = at.Inference + 1 };
                continue;
            }

            var line = stream.Body[at.Line];
            var instruction = line is Repeat loop ? loop.Body[at.Inner] : line;
            if (!Step(s, ref at, stream, instruction))
            {
                return;
            }

            if (line is not Repeat repeat)
            {
                at.Line++;
            }
            else if (++at.Inner == repeat.Body.Length)
            {
                at.Inner = 0;
                if (++at.Round == repeat.Count)
                {
                    (at.Round, at.Line) = (0, at.Line + 1);
                }
            }
        }
    }

    private bool Step(int s, ref Cursor at, CoreStream stream, StreamInstruction instruction)
    {
        switch (instruction)
        {
            case AwaitRows wait:
                return Await(s, ref at, wait);
            case ReleaseRows release:
                Release(_rings[release.Buffer], s, (at.Inference + 1) * _rings[release.Buffer].Rows);
                return true;
            case SendRow send:
                return Deliver(s, ref at, send.Channel, (int)send.Row.At(at.Round));
            case FinishVector finish:
                int home = (int)(finish.Ordinal.At(at.Round) / _schedule.Stages.Stages[finish.Stage].Matrix!.VectorsPerRow);
                return Deliver(s, ref at, finish.Channels[home % finish.Channels.Length], home);
            case DriveTiles drive:
                return Drive(s, ref at, stream.Stage, drive.RowGroup);
            case AddPartialSums add:
                return Add(s, ref at, stream.Stage, add);
            case SendPartialSums send:
                if (_messages[send.Channel] >= _schedule.Channels[send.Channel].Capacity)
                {
                    _atChannel[send.Channel].Add(s);
                    at.WaitsFor = FormattableString.Invariant($"room for partial sums in channel {send.Channel}");
                    return false;
                }

                _messages[send.Channel]++;
                Wake(_atChannel[send.Channel]);
                return true;
            default:
                return true;
        }
    }

    private bool Await(int s, ref Cursor at, AwaitRows wait)
    {
        var ring = _rings[wait.Buffer];
        int row = (int)(wait.Item.At(at.Round) / wait.ItemsPerRow);
        Release(ring, s, (at.Inference * ring.Rows) + ring.Before(wait.Window.First(row, ring.AllRows)));
        return ring.Complete >= (at.Inference * ring.Rows) + ring.Before(wait.Window.Last(row, ring.AllRows) + 1)
            || Park(s, ref at, ring.Waiting, "rows of", wait.Buffer);
    }

    private bool Drive(int s, ref Cursor at, int stage, int rowGroup)
    {
        var sums = _sums[(stage, rowGroup)];
        if (sums.Count >= _schedule.Stages.Stages[stage].Matrix!.SumsInFlight)
        {
            sums.Waiting.Add(s);
            at.WaitsFor = FormattableString.Invariant($"room behind row group {rowGroup}");
            return false;
        }

        sums.Count++;
        Wake(sums.Waiting);
        return true;
    }

    private bool Add(int s, ref Cursor at, int stage, AddPartialSums add)
    {
        foreach (int g in add.RowGroups)
        {
            var sums = _sums[(stage, g)];
            if (sums.Count == 0)
            {
                sums.Waiting.Add(s);
                at.WaitsFor = FormattableString.Invariant($"sums of row group {g}");
                return false;
            }
        }

        ReadOnlySpan<int> first = add.First < 0 ? [] : [add.First];
        foreach (int channel in (ReadOnlySpan<int>)[.. first, .. add.Others])
        {
            if (_messages[channel] == 0)
            {
                _atChannel[channel].Add(s);
                at.WaitsFor = FormattableString.Invariant($"partial sums from channel {channel}");
                return false;
            }
        }

        foreach (int g in add.RowGroups)
        {
            var sums = _sums[(stage, g)];
            sums.Count--;
            Wake(sums.Waiting);
        }

        foreach (int channel in (ReadOnlySpan<int>)[.. first, .. add.Others])
        {
            _messages[channel]--;
            Wake(_atChannel[channel]);
        }

        return true;
    }

    private bool Deliver(int s, ref Cursor at, int channel, int row)
    {
        var receivers = _schedule.Channels[channel].Receivers;
        foreach (var receiver in receivers)
        {
            var ring = _rings[receiver.Buffer];
            if ((at.Inference * ring.Rows) + ring.Before(row) >= ring.Freed + ring.Items.Length)
            {
                return Park(s, ref at, ring.Waiting, "room for", receiver.Buffer);
            }
        }

        foreach (var receiver in receivers)
        {
            var ring = _rings[receiver.Buffer];
            ring.Arrive((at.Inference * ring.Rows) + ring.Before(row));
            Wake(ring.Waiting);
        }

        return true;
    }

    private void Release(Ring ring, int reader, long row)
    {
        if (ring.Release(reader, row))
        {
            Wake(ring.Waiting);
        }
    }

    private bool Park(int s, ref Cursor at, List<int> waiting, string what, int buffer)
    {
        waiting.Add(s);
        var place = _schedule.Buffers[buffer];
        at.WaitsFor = FormattableString.Invariant($"{what} {Quoted.Of(_schedule.Stages.Values[place.Value].Name)} in buffer {buffer} on core {place.Core}, which holds {place.Capacity}");
        return false;
    }

    private struct Cursor
    {
        public long Inference;
        public int Line;
        public int Inner;
        public long Round;
        public string WaitsFor;
    }

    private sealed class Sums
    {
        public int Count;
        public readonly List<int> Waiting = [];
    }

    /// <summary>A buffer. Rows count on over inferences.</summary>
    private sealed class Ring(RowBuffer buffer, int rows)
    {
        public readonly int AllRows = rows;
        public readonly long Rows = Count(buffer, rows);
        public readonly int[] Items = new int[buffer.Capacity];
        public readonly Dictionary<int, long> Released = [];
        public readonly List<int> Waiting = [];
        public long Complete;
        public long Freed;
        private long _released;

        /// <summary>How many of the buffer's rows come before a row of the value.</summary>
        public long Before(int row) => Math.Min(Rows, Count(buffer, row));

        public void Arrive(long row)
        {
            Items[row % Items.Length]++;
            while (Complete < Freed + Items.Length && Items[Complete % Items.Length] == buffer.ItemsPerRow)
            {
                Complete++;
            }

            Free();
        }

        public bool Release(int reader, long row)
        {
            if (Released[reader] >= row)
            {
                return false;
            }

            Released[reader] = row;
            _released = Released.Values.Min();
            return Free();
        }

        /// <summary>Rows that every reader has released are free, those that come later at once.</summary>
        private bool Free()
        {
            long freed = Math.Min(Complete, _released);
            bool isMore = freed > Freed;
            for (; Freed < freed; Freed++)
            {
                Items[Freed % Items.Length] = 0;
            }

            return isMore;
        }

        private static long Count(RowBuffer buffer, int row) => row <= buffer.FirstRow ? 0 : ((row - buffer.FirstRow - 1L) / buffer.RowStride) + 1;
    }
}

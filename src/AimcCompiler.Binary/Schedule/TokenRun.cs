using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Runs the streams of a schedule on counts alone: which rows have come, how much room is left, how many sums wait. Streams block, so in which order they run does not matter: they
/// all end, or the same ones never do (Kahn 1974).</summary>
internal sealed class TokenRun
{
    private readonly ProgramSchedule _schedule;
    private readonly int _inferences;
    private readonly Ring[] _rings;

    // Messages of partial sums that wait at the receiver of a channel, and sums behind the tiles of a row group.
    private readonly Store[] _channels;
    private readonly Dictionary<(int Stage, int RowGroup), Store> _sums = [];
    private readonly Block[][] _programs;
    private readonly Cursor[] _cursors;
    private readonly Queue<int> _ready = new();
    private readonly bool[] _isReady;

    public TokenRun(ProgramSchedule schedule, int inferences)
    {
        (_schedule, _inferences) = (schedule, inferences);
        _rings = [.. schedule.Buffers.Select(b => new Ring(b, schedule.Stages.Values[b.Value].Rows))];
        _channels = [.. schedule.Channels.Select(c => new Store { Room = c.Capacity })];
        _cursors = new Cursor[schedule.Streams.Length];
        _isReady = new bool[schedule.Streams.Length];
        _programs = new Block[schedule.Streams.Length][];
        for (int s = 0; s < schedule.Streams.Length; s++)
        {
            var stream = schedule.Streams[s];
            _programs[s] = [.. stream.Body.Select(i => i is Repeat loop ? new Block(loop.Count, [.. loop.Body.Select(b => StepOf(s, b))]) : new Block(1, [StepOf(s, i)]))];
        }
    }

    private enum StepKind
    {
        /// <summary>Takes no tokens.</summary>
        None,
        Await,
        Release,
        Deliver,
        Drive,
        Add,
        Send,
    }

    /// <summary>Instructions that run so many times.</summary>
    private sealed record Block(long Count, Step[] Steps);

    /// <summary>An instruction with what it counts on.</summary>
    private sealed record Step(StepKind Kind)
    {
        public Affine At { get; init; }

        /// <summary>Of what <see cref="At"/> counts, so many are a row.</summary>
        public int ItemsPerRow { get; init; } = 1;

        public RowWindow Window { get; init; }

        /// <summary>The buffer.</summary>
        public Ring? Ring { get; init; }

        /// <summary>The stream's place among the readers of the buffer.</summary>
        public int Reader { get; init; }

        /// <summary>Buffers that a row goes to, home by home.</summary>
        public Ring[][] Homes { get; init; } = [];

        /// <summary>What sums or messages are taken from, or put to.</summary>
        public Store[] Stores { get; init; } = [];
    }

    private Step StepOf(int s, StreamInstruction instruction)
    {
        int stage = _schedule.Streams[s].Stage;
        return instruction switch
        {
            AwaitRows wait => new Step(StepKind.Await) { At = wait.Item, ItemsPerRow = wait.ItemsPerRow, Window = wait.Window, Ring = _rings[wait.Buffer], Reader = _rings[wait.Buffer].ReaderOf(s) },
            ReleaseRows release => new Step(StepKind.Release) { Ring = _rings[release.Buffer], Reader = _rings[release.Buffer].ReaderOf(s) },
            SendRow send => new Step(StepKind.Deliver) { At = send.Row, Homes = [RingsOf(send.Channel)] },
            FinishVector finish => new Step(StepKind.Deliver)
            {
                At = finish.Ordinal,
                ItemsPerRow = _schedule.Stages.Stages[finish.Stage].Matrix!.VectorsPerRow,
                Homes = [.. finish.Channels.Select(RingsOf)],
            },
            DriveTiles drive => new Step(StepKind.Drive) { Stores = [SumsOf(stage, drive.RowGroup)] },
            AddPartialSums add => new Step(StepKind.Add)
            {
                Stores = [.. add.RowGroups.Select(g => SumsOf(stage, g)), .. add.First < 0 ? [] : (Store[])[_channels[add.First]], .. add.Others.Select(c => _channels[c])],
            },
            SendPartialSums send => new Step(StepKind.Send) { Stores = [_channels[send.Channel]] },
            _ => new Step(StepKind.None),
        };
    }

    private Ring[] RingsOf(int channel) => [.. _schedule.Channels[channel].Receivers.Select(r => _rings[r.Buffer])];

    private Store SumsOf(int stage, int rowGroup)
    {
        if (!_sums.TryGetValue((stage, rowGroup), out var sums))
        {
            _sums.Add((stage, rowGroup), sums = new Store { Room = _schedule.Stages.Stages[stage].Matrix!.SumsInFlight });
        }

        return sums;
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

        string[] halted = [.. Enumerable.Range(0, _cursors.Length).Where(s => _cursors[s].Inference < _inferences).Select(s => $"{Quoted.Of(_schedule.Streams[s].Name)} on core {_schedule.Streams[s].Core} waits for {WaitsFor(s)}")];
        return halted.Length == 0 ? null : [.. halted];
    }

    private string WaitsFor(int s)
    {
        ref var at = ref _cursors[s];
        var line = _schedule.Streams[s].Body[at.Block];
        var step = _programs[s][at.Block].Steps[at.Step];
        switch (line is Repeat loop ? loop.Body[at.Step] : line)
        {
            case AwaitRows wait:
                return RowsOf("rows of", wait.Buffer);
            case DriveTiles drive:
                return FormattableString.Invariant($"room behind row group {drive.RowGroup}");
            case SendPartialSums send:
                return FormattableString.Invariant($"room for partial sums in channel {send.Channel}");
            case AddPartialSums add:
                int empty = Array.FindIndex(step.Stores, o => o.Count == 0);
                return empty < add.RowGroups.Length
                    ? FormattableString.Invariant($"sums of row group {add.RowGroups[empty]}")
                    : FormattableString.Invariant($"partial sums from channel {Array.IndexOf(_channels, step.Stores[empty])}");
            default:
                int row = (int)(step.At.At(at.Round) / step.ItemsPerRow);
                long inference = at.Inference;
                return RowsOf("room for", Array.IndexOf(_rings, Array.Find(step.Homes[row % step.Homes.Length], r => !r.HasRoom(inference, row))));
        }
    }

    private string RowsOf(string what, int buffer)
    {
        var place = _schedule.Buffers[buffer];
        return FormattableString.Invariant($"{what} {Quoted.Of(_schedule.Stages.Values[place.Value].Name)} in buffer {buffer} on core {place.Core}, which holds {place.Capacity}");
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
        var program = _programs[s];
        ref var at = ref _cursors[s];
        while (at.Inference < _inferences)
        {
            if (at.Block == program.Length)
            {
                at = new Cursor { Inference = at.Inference + 1 };
                continue;
            }

            var block = program[at.Block];
            if (!Take(s, at, block.Steps[at.Step]))
            {
                return;
            }

            if (++at.Step == block.Steps.Length)
            {
                at.Step = 0;
                if (++at.Round == block.Count)
                {
                    (at.Round, at.Block) = (0, at.Block + 1);
                }
            }
        }
    }

    private bool Take(int s, in Cursor at, Step step)
    {
        switch (step.Kind)
        {
            case StepKind.Await:
                return Await(s, at, step);
            case StepKind.Release:
                Release(step.Ring!, step.Reader, (at.Inference + 1) * step.Ring!.Rows);
                return true;
            case StepKind.Deliver:
                int row = (int)(step.At.At(at.Round) / step.ItemsPerRow);
                return Deliver(s, at.Inference, step.Homes[row % step.Homes.Length], row);
            case StepKind.Drive or StepKind.Send:
                return Put(s, step.Stores[0]);
            case StepKind.Add:
                return Add(s, step.Stores);
            default:
                return true;
        }
    }

    private bool Await(int s, in Cursor at, Step step)
    {
        var ring = step.Ring!;
        int row = (int)(step.At.At(at.Round) / step.ItemsPerRow);
        long begin = at.Inference * ring.Rows;
        Release(ring, step.Reader, begin + ring.Before(step.Window.First(row, ring.AllRows)));
        long needed = begin + ring.Before(step.Window.Last(row, ring.AllRows) + 1);
        if (ring.Complete >= needed)
        {
            return true;
        }

        ring.ForRows.Add((s, needed));
        return false;
    }

    private bool Put(int s, Store store)
    {
        if (store.Count >= store.Room)
        {
            store.Waiting.Add(s);
            return false;
        }

        store.Count++;
        Wake(store.Waiting);
        return true;
    }

    private bool Add(int s, Store[] stores)
    {
        foreach (var store in stores)
        {
            if (store.Count == 0)
            {
                store.Waiting.Add(s);
                return false;
            }
        }

        foreach (var store in stores)
        {
            store.Count--;
            Wake(store.Waiting);
        }

        return true;
    }

    private bool Deliver(int s, long inference, Ring[] receivers, int row)
    {
        foreach (var ring in receivers)
        {
            if (!ring.HasRoom(inference, row))
            {
                ring.ForRoom.Add(s);
                return false;
            }
        }

        foreach (var ring in receivers)
        {
            if (ring.Arrive((inference * ring.Rows) + ring.Before(row)))
            {
                Came(ring);
            }
        }

        return true;
    }

    /// <summary>Rows are complete: who waited for one of them goes on.</summary>
    private void Came(Ring ring)
    {
        var waiting = ring.ForRows;
        int kept = 0;
        for (int i = 0; i < waiting.Count; i++)
        {
            if (ring.Complete >= waiting[i].Needed)
            {
                Wake(waiting[i].Stream);
            }
            else
            {
                waiting[kept++] = waiting[i];
            }
        }

        waiting.RemoveRange(kept, waiting.Count - kept);
        if (ring.Free())
        {
            Wake(ring.ForRoom);
        }
    }

    private void Release(Ring ring, int reader, long row)
    {
        if (ring.Release(reader, row) && ring.Free())
        {
            Wake(ring.ForRoom);
        }
    }

    private struct Cursor
    {
        public long Inference;
        public int Block;
        public int Step;
        public long Round;
    }

    /// <summary>What is put and taken one by one.</summary>
    private sealed class Store
    {
        public readonly List<int> Waiting = [];
        public int Count;

        public required int Room { get; init; }
    }

    /// <summary>A buffer. Rows count on over inferences.</summary>
    private sealed class Ring(RowBuffer buffer, int rows)
    {
        public readonly int AllRows = rows;
        public readonly long Rows = Count(buffer, rows);
        public readonly List<(int Stream, long Needed)> ForRows = [];
        public readonly List<int> ForRoom = [];
        public long Complete;
        private readonly int[] _items = new int[buffer.Capacity];
        private readonly List<(int Stream, long Released)> _readers = [];
        private long _freed;

        public int ReaderOf(int stream)
        {
            int reader = _readers.FindIndex(r => r.Stream == stream);
            if (reader < 0)
            {
                reader = _readers.Count;
                _readers.Add((stream, 0));
            }

            return reader;
        }

        /// <summary>How many of the buffer's rows come before a row of the value.</summary>
        public long Before(int row) => Math.Min(Rows, Count(buffer, row));

        public bool HasRoom(long inference, int row) => (inference * Rows) + Before(row) < _freed + _items.Length;

        /// <returns>Rows are complete that were not.</returns>
        public bool Arrive(long row)
        {
            long before = Complete;
            _items[row % _items.Length]++;
            while (Complete < _freed + _items.Length && _items[Complete % _items.Length] == buffer.ItemsPerRow)
            {
                Complete++;
            }

            return Complete > before;
        }

        public bool Release(int reader, long row)
        {
            if (_readers[reader].Released >= row)
            {
                return false;
            }

            _readers[reader] = _readers[reader] with { Released = row };
            return true;
        }

        /// <summary>Rows that every reader has released are free, those that come later at once.</summary>
        /// <returns>There is more room.</returns>
        public bool Free()
        {
            long released = Complete;
            foreach (var (_, row) in _readers)
            {
                released = Math.Min(released, row);
            }

            bool isMore = released > _freed;
            for (; _freed < released; _freed++)
            {
                _items[_freed % _items.Length] = 0;
            }

            return isMore;
        }

        private static long Count(RowBuffer buffer, int row) => row <= buffer.FirstRow ? 0 : ((row - buffer.FirstRow - 1L) / buffer.RowStride) + 1;
    }
}

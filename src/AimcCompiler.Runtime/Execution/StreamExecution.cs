using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>One batch on its way through the streams of a schedule.</summary>
internal sealed class StreamExecution
{
    private readonly ProgramSchedule _schedule;
    private readonly ImmutableArray<ImmutableArray<int>> _blocks;
    private readonly StreamValues _values;
    private readonly ImmutableArray<StreamState> _streams;

    /// <summary>Items of each row of each buffer that have arrived.</summary>
    private readonly int[][] _items;
    private readonly ImmutableArray<BufferRows> _rows;

    /// <summary>Partial sums on their way, by channel.</summary>
    private readonly ImmutableArray<Queue<Message>> _messages;

    /// <summary>Ordinals that each row group has been driven with, and that are not added yet.</summary>
    private readonly Dictionary<(int Stage, int RowGroup), Queue<long>> _driven = [];
    private readonly HashSet<(int Value, int Row)> _stored = [];

    public StreamExecution(ProgramSchedule schedule, ImmutableArray<ImmutableArray<int>> blocks, StreamValues values)
    {
        (_schedule, _blocks, _values) = (schedule, blocks, values);
        _streams = [.. schedule.Streams.Select(s => new StreamState(s, StreamSteps.Of(s)))];
        _rows = [.. schedule.Buffers.Select(b => BufferRows.Of(b, schedule.Stages))];
        _items = [.. _rows.Select(r => new int[r.Count])];
        _messages = [.. schedule.Channels.Select(_ => new Queue<Message>())];
        foreach (var stream in schedule.Streams)
        {
            foreach (var drive in stream.Body.SelectMany(i => i is Repeat repeat ? repeat.Body : [i]).OfType<DriveTiles>())
            {
                _driven[(stream.Stage, drive.RowGroup)] = new Queue<long>();
            }
        }
    }

    /// <summary>Runs every stream to its end.</summary>
    /// <param name="cancellation">Stops the run.</param>
    public void Run(CancellationToken cancellation)
    {
        for (bool isDone = false; !isDone;)
        {
            bool moved = _values.Evaluate();
            isDone = true;
            foreach (var stream in _streams)
            {
                cancellation.ThrowIfCancellationRequested();
                while (!stream.HasEnded && Do(stream, stream.Steps.All[stream.Place.Step].Instruction))
                {
                    stream.Place.Advance(stream.Steps);
                    moved = true;
                }

                isDone &= stream.HasEnded;
            }

            if (!moved && !isDone)
            {
                throw new InvalidIrException($"No stream can go on: {string.Join(", ", _streams.Where(s => !s.HasEnded).Take(8).Select(s => $"'{s.Stream.Name}' at {s.Steps.All[s.Place.Step].Instruction.GetType().Name}"))}.");
            }
        }

        while (_values.Evaluate())
        {
        }
    }

    /// <summary>One instruction; false = what it needs is not there yet.</summary>
    private bool Do(StreamState stream, StreamInstruction instruction)
    {
        long round = stream.Place.Round;
        switch (instruction)
        {
            case AwaitRows await:
                return Await(stream, await, (int)(await.Item.At(round) / await.ItemsPerRow));
            case ReleaseRows release:
                stream.Held.Remove(_schedule.Buffers[release.Buffer].Value);
                return true;
            case DriveTiles drive:
                return Drive(stream, drive.RowGroup, drive.Ordinal.At(round));
            case AddPartialSums add:
                return Add(stream, add, add.Ordinal.At(round));
            case SendPartialSums send:
                _messages[send.Channel].Enqueue(stream.Added ?? throw Broken(stream, "sends partial sums and has none"));
                return true;
            case FinishVector finish:
                Finish(stream, finish, finish.Ordinal.At(round));
                return true;
            case RunDigital digital:
                RunDigital(stream, digital.Stage, (int)digital.Row.At(round));
                return true;
            case SendRow send:
                Send(stream, send.Channel, (int)send.Row.At(round));
                return true;
            case LoadRow load:
                int row = (int)load.Row.At(round);
                if (_schedule.Stages.Values[load.Value].Producer >= 0 && !_stored.Contains((load.Value, row)))
                {
                    return false;
                }

                stream.Made = (load.Value, row);
                return true;
            case StoreRow store:
                Check(stream.Has(store.Value, (int)store.Row.At(round)), stream, "stores a row that it does not have");
                _stored.Add((store.Value, (int)store.Row.At(round)));
                return true;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private bool Await(StreamState stream, AwaitRows await, int row)
    {
        var buffer = _schedule.Buffers[await.Buffer];
        int rows = _schedule.Stages.Values[buffer.Value].Rows;
        int last = await.Window.Last(row, rows);
        int needed = _rows[await.Buffer].UpTo(last);
        for (int r = 0; r < needed; r++)
        {
            if (_items[await.Buffer][r] < buffer.ItemsPerRow)
            {
                return false;
            }
        }

        stream.Held[buffer.Value] = (await.Window.First(row, rows), last);
        return true;
    }

    private bool Drive(StreamState stream, int index, long ordinal)
    {
        var group = _schedule.Mapping.RowGroups[index];
        // Layers with equal weights drive the same row groups.
        var stage = _schedule.Stages.Stages[stream.Stream.Stage];
        if (_values.RunOf(stage, ordinal) is not { } run)
        {
            return false;
        }

        var (first, last) = run.RowsOf(ordinal);
        Check(run.HasInput(first, last), stream, "drives tiles with rows that are not made");
        if (stage.Loop is null)
        {
            foreach (var input in stage.Inputs.Where(i => !i.IsCarried))
            {
                Check(
                    last < first || (stream.Held.TryGetValue(input.Value, out var held) && held.First <= first && held.Last >= last), stream, "drives tiles with rows that it has not awaited");
            }
        }

        foreach (int vector in run.VectorsOf(ordinal))
        {
            Check(run.CopyOf(vector) == group.Copy, stream, "drives tiles of a copy that does not take the vector");
            run.Load(vector);
        }

        _driven[(stream.Stream.Stage, index)].Enqueue(ordinal);
        return true;
    }

    private bool Add(StreamState stream, AddPartialSums add, long ordinal)
    {
        if (add.RowGroups.Any(g => !_driven.TryGetValue((stream.Stream.Stage, g), out var driven) || driven.Count == 0) || add.Others.Append(add.First).Any(c => c >= 0 && _messages[c].Count == 0))
        {
            return false;
        }

        var stage = _schedule.Stages.Stages[stream.Stream.Stage];
        var run = _values.RunOf(stage, ordinal) ?? throw Broken(stream, "adds sums of a layer that does not run");
        Message Take(int channel)
        {
            var message = _messages[channel].Dequeue();
            Check(message.Ordinal == ordinal, stream, "adds partial sums of another vector");
            return message;
        }

        ImmutableArray<int> vectors = run.VectorsOf(ordinal);
        ImmutableArray<PartialSums> sums = add.First >= 0 ? [.. Take(add.First).Sums.Select(s => s.Copy())] : [.. vectors.Select(_ => run.Steps.NewSums())];
        foreach (int index in add.RowGroups)
        {
            Check(_driven[(stream.Stream.Stage, index)].Dequeue() == ordinal, stream, "adds sums of another vector");
            for (int i = 0; i < vectors.Length; i++)
            {
                run.Steps.Add(run.Loaded(vectors[i]), _blocks[index], sums[i]);
            }
        }

        foreach (int channel in add.Others)
        {
            var message = Take(channel);
            for (int i = 0; i < vectors.Length; i++)
            {
                sums[i].Add(message.Sums[i]);
            }
        }

        stream.Added = new Message(ordinal, sums);
        return true;
    }

    private void Finish(StreamState stream, FinishVector finish, long ordinal)
    {
        var stage = _schedule.Stages.Stages[finish.Stage];
        Check(stream.Added?.Ordinal == ordinal, stream, "finishes a vector that it has not added");
        var run = _values.RunOf(stage, ordinal) ?? throw Broken(stream, "finishes a vector of a layer that does not run");
        ImmutableArray<int> vectors = run.VectorsOf(ordinal);
        for (int i = 0; i < vectors.Length; i++)
        {
            run.Finish(ordinal, vectors[i], stream.Added!.Sums[i]);
        }

        stream.Added = null;
        _values.Finished(stage, ordinal);
        int row = (int)(ordinal / stage.Matrix!.VectorsPerRow);
        Deliver(stream, finish.Channels[row % finish.Channels.Length], stage.Output, row);
    }

    private void RunDigital(StreamState stream, int index, int row)
    {
        var stage = _schedule.Stages.Stages[index];
        foreach (var input in stage.Inputs)
        {
            int rows = _schedule.Stages.Values[input.Value].Rows;
            int last = input.Window.Last(row, rows);
            int first = input.Window.First(row, rows);
            Check(
                last < first || (stream.Held.TryGetValue(input.Value, out var held) && held.First <= first && held.Last >= last),
                stream,
                "computes with rows that it has not awaited");
        }

        _values.Ran(index, row);
        stream.Made = (stage.Output, row);
    }

    private void Send(StreamState stream, int channel, int row)
    {
        int value = _schedule.Buffers[_schedule.Channels[channel].Receivers[0].Buffer].Value;
        Check(stream.Has(value, row), stream, "sends a row that it does not have");
        Deliver(stream, channel, value, row);
    }

    private void Deliver(StreamState stream, int channel, int value, int row)
    {
        foreach (var receiver in _schedule.Channels[channel].Receivers)
        {
            Check(_schedule.Buffers[receiver.Buffer].Value == value, stream, "sends a row to the buffer of another value");
            if (_rows[receiver.Buffer].Has(row))
            {
                _items[receiver.Buffer][_rows[receiver.Buffer].UpTo(row) - 1]++;
            }
        }
    }

    private static void Check(bool holds, StreamState stream, string message)
    {
        if (!holds)
        {
            throw Broken(stream, message);
        }
    }

    private static InvalidIrException Broken(StreamState stream, string message) => new(FormattableString.Invariant($"Stream '{stream.Stream.Name}' {message}, in round {stream.Place.Round}."));

    /// <param name="Ordinal">Of the vectors.</param>
    /// <param name="Sums">One for each vector of that ordinal: of each sample.</param>
    private sealed record Message(long Ordinal, ImmutableArray<PartialSums> Sums);

    private sealed class StreamState(CoreStream stream, StreamSteps steps)
    {
        private StreamPlace _place;

        public CoreStream Stream { get; } = stream;

        public StreamSteps Steps { get; } = steps;

        public ref StreamPlace Place => ref _place;

        public bool HasEnded => Steps.All.IsEmpty || _place.Inference > 0;

        /// <summary>Rows of each value that were awaited last.</summary>
        public Dictionary<int, (int First, int Last)> Held { get; } = [];

        /// <summary>The row that was loaded or computed last.</summary>
        public (int Value, int Row) Made { get; set; } = (-1, -1);

        /// <summary>What was added last.</summary>
        public Message? Added { get; set; }

        public bool Has(int value, int row) => Made == (value, row) || (Held.TryGetValue(value, out var held) && held.First <= row && row <= held.Last);
    }
}

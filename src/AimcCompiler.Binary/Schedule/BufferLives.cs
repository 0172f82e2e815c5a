using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Which buffers of a schedule can never hold rows at the same time. Follows from what streams await, so it is true of every order in which they run: a row that a stage makes asks for the rows in its windows and
/// for all that come before them (the happens-before relation of Lamport 1978, on rows).</summary>
public sealed class BufferLives
{
    /// <summary>Buffers of a core among which some share.</summary>
    public const int MaximumSharing = 1024;

    /// <summary>Counts of rows that are looked at; what would take more is not known to be in any order.</summary>
    private const long MaximumCounted = 1 << 26;

    private readonly ProgramSchedule _schedule;
    private readonly StageGraph _graph;

    /// <summary>Where the homes of each value begin in a <see cref="Past"/>.</summary>
    private readonly int[] _firstHome;

    private readonly int _homes;
    private readonly bool[] _isAssembly;

    /// <summary>What must have happened before a buffer is no longer read.</summary>
    private readonly List<Use>[] _uses;

    /// <summary>Reads of a stage of which buffers hold the rows of one home alone, or rows before they are sent.</summary>
    private readonly HashSet<(int Stage, int Value)> _strided = [];

    private readonly HashSet<(int Stage, int Value)> _direct = [];
    private readonly Dictionary<(int Value, int FirstRow, bool IsResult), Past> _births = [];
    private readonly Lazy<Past> _end;
    private long _counted;

    /// <param name="schedule">Its streams, channels and buffers are valid, but for addresses and capacities of buffers.</param>
    public BufferLives(ProgramSchedule schedule)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        (_schedule, _graph) = (schedule, schedule.Stages);
        _firstHome = new int[_graph.Values.Length];
        for (int v = 0; v < _graph.Values.Length; v++)
        {
            _firstHome[v] = _homes;
            _homes += HomesOf(v);
        }

        _isAssembly = new bool[schedule.Buffers.Length];
        foreach (var receiver in schedule.Channels.Where(c => c.Kind == ChannelKind.Results).SelectMany(c => c.Receivers))
        {
            _isAssembly[receiver.Buffer] = true;
        }

        _uses = [.. schedule.Buffers.Select((_, b) => DeliveriesOf(b).ToList())];
        foreach (var stream in schedule.Streams)
        {
            Collect(stream, stream.Body.AsSpan());
            foreach (var loop in stream.Body.OfType<Repeat>())
            {
                Collect(stream, loop.Body.AsSpan());
            }
        }

        _end = new Lazy<Past>(EndOfInference);
    }

    private enum UseKind
    {
        /// <summary>Rows of a home have been made, or put together from results.</summary>
        Made,

        /// <summary>They have gone on.</summary>
        Sent,

        /// <summary>They have left the chip: the end of the inference, which nothing waits for.</summary>
        Stored,

        /// <summary>Nothing shows that it has happened.</summary>
        Never,
    }

    /// <summary>All rows of a home of a value.</summary>
    private readonly record struct Use(UseKind Kind, int Value = 0, int Home = 0);

    /// <summary>In every execution, when one buffer receives its first item, another has received all of an inference and nobody reads it any more.</summary>
    public bool Precedes(int before, int after) => before != after && HasHappened(before, BirthOf(after), isEnd: false);

    /// <summary>Two buffers of a core may have the same addresses: one inference is under way at a time, and in it one of them is over before the other begins.</summary>
    public bool MayShare(int one, int other) => !_schedule.Overlaps && EndsWithInference(one) && EndsWithInference(other) && (Precedes(one, other) || Precedes(other, one));

    /// <summary>When the outputs are stored the buffer is over, so that the next inference may begin.</summary>
    private bool EndsWithInference(int buffer) => HasHappened(buffer, _end.Value, isEnd: true);

    private bool HasHappened(int buffer, Past past, bool isEnd)
    {
        if (past.Made.Length < _homes)
        {
            return false;
        }

        foreach (var use in _uses[buffer])
        {
            long rows = RowsAt(use.Value, use.Home);
            bool hasHappened = use.Kind switch
            {
                UseKind.Made => past.Made[_firstHome[use.Value] + use.Home] >= rows,
                UseKind.Sent => past.Sent[_firstHome[use.Value] + use.Home] >= rows,
                UseKind.Stored => isEnd,
                _ => false,
            };
            if (!hasHappened)
            {
                return false;
            }
        }

        return true;
    }

    private int HomesOf(int value) => _schedule.Mapping.Homes[value].Length;

    private long RowsAt(int value, int home) => Before(_graph.Values[value].Rows, home, HomesOf(value));

    /// <summary>Rows of a home before a row.</summary>
    private static long Before(int row, int home, int homes) => row <= home ? 0 : ((row - home - 1L) / homes) + 1;

    private IEnumerable<int> HomesInto(int buffer) =>
        _schedule.Buffers[buffer].RowStride == 1 ? Enumerable.Range(0, HomesOf(_schedule.Buffers[buffer].Value)) : [_schedule.Buffers[buffer].FirstRow];

    /// <summary>Every row has come.</summary>
    private IEnumerable<Use> DeliveriesOf(int buffer) => HomesInto(buffer).Select(h => new Use(_isAssembly[buffer] ? UseKind.Made : UseKind.Sent, _schedule.Buffers[buffer].Value, h));

    private void Collect(CoreStream stream, ReadOnlySpan<StreamInstruction> instructions)
    {
        for (int i = 0; i < instructions.Length; i++)
        {
            if (instructions[i] is not AwaitRows wait)
            {
                continue;
            }

            var buffer = _schedule.Buffers[wait.Buffer];
            if (stream.Stage >= 0 && buffer.RowStride > 1)
            {
                _strided.Add((stream.Stage, buffer.Value));
            }

            if (stream.Stage >= 0 && _isAssembly[wait.Buffer])
            {
                _direct.Add((stream.Stage, buffer.Value));
            }

            var uses = _uses[wait.Buffer];
            int known = uses.Count;
            for (int after = i + 1; after < instructions.Length; after++)
            {
                AddUses(uses, stream, instructions, after);
            }

            if (uses.Count == known)
            {
                uses.Add(new Use(UseKind.Never));
            }
        }
    }

    /// <summary>What shows that an instruction has run for the last time.</summary>
    private void AddUses(List<Use> uses, CoreStream stream, ReadOnlySpan<StreamInstruction> body, int at)
    {
        switch (body[at])
        {
            case RunDigital run:
                int made = _graph.Stages[run.Stage].Output;
                uses.Add(new Use(UseKind.Made, made, (int)(run.Row.Start % HomesOf(made))));
                break;
            case DriveTiles:
                // Each vector is finished when all its row groups have driven.
                int output = _graph.Stages[stream.Stage].Output;
                uses.AddRange(Enumerable.Range(0, HomesOf(output)).Select(h => new Use(UseKind.Made, output, h)));
                break;
            case SendRow send when !SendsWhatItMade(body, at):
                int sent = _schedule.Buffers[_schedule.Channels[send.Channel].Receivers[0].Buffer].Value;
                uses.Add(new Use(UseKind.Sent, sent, (int)(send.Row.Start % HomesOf(sent))));
                break;
            case StoreRow:
                uses.Add(new Use(UseKind.Stored));
                break;
            default:
                break;
        }
    }

    /// <summary>A row that a stream has made is with it, not in the buffers that it was made from.</summary>
    private static bool SendsWhatItMade(ReadOnlySpan<StreamInstruction> body, int at)
    {
        for (int i = at - 1; i >= 0; i--)
        {
            if (body[i] is RunDigital or LoadRow)
            {
                return true;
            }

            if (body[i] is AwaitRows)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>What has happened when the first item comes to a buffer, from whatever home.</summary>
    private Past BirthOf(int buffer)
    {
        var its = _schedule.Buffers[buffer];
        var key = (its.Value, its.RowStride == 1 ? -1 : its.FirstRow, _isAssembly[buffer]);
        if (!_births.TryGetValue(key, out var birth))
        {
            int[] homes = [.. HomesInto(buffer)];
            _counted += (long)_homes * homes.Length;
            birth = _counted > MaximumCounted ? new Past(0) : homes.Select(h => PastOf(its.Value, h, _isAssembly[buffer])).Aggregate((one, other) => one.Common(other));
            _births.Add(key, birth);
        }

        return birth;
    }

    /// <summary>What has happened when the first row of a home is sent, or a first result of it.</summary>
    private Past PastOf(int value, int home, bool isResult)
    {
        Past past = new(_homes);
        int producer = _graph.Values[value].Producer;
        if (isResult)
        {
            foreach (var input in _graph.Stages[producer].Inputs)
            {
                Await(past, producer, input, home);
            }

            Close(past, producer - 1);
        }
        else
        {
            past.Made[_firstHome[value] + home] = 1;
            Close(past, producer);
        }

        return past;
    }

    /// <summary>All outputs are stored.</summary>
    private Past EndOfInference()
    {
        Past past = new(_homes);
        for (int b = 0; b < _schedule.Buffers.Length; b++)
        {
            if (!_uses[b].Contains(new Use(UseKind.Stored)))
            {
                continue;
            }

            foreach (int home in HomesInto(b))
            {
                var counts = _isAssembly[b] ? past.Made : past.Sent;
                counts[_firstHome[_schedule.Buffers[b].Value] + home] = RowsAt(_schedule.Buffers[b].Value, home);
            }
        }

        Close(past, _graph.Stages.Length - 1);
        return past;
    }

    /// <summary>Adds what went before, from a stage on back.</summary>
    private void Close(Past past, int last)
    {
        for (int s = last; s >= 0; s--)
        {
            int value = _graph.Stages[s].Output;
            int homes = HomesOf(value);
            StageInput[] strided = [.. _graph.Stages[s].Inputs.Where(i => _strided.Contains((s, i.Value)))];
            long row = -1;
            for (int home = 0; home < homes; home++)
            {
                int at = _firstHome[value] + home;
                past.Made[at] = Math.Max(past.Made[at], past.Sent[at]);
                long own = past.Made[at] == 0 ? -1 : home + ((past.Made[at] - 1) * homes);
                row = Math.Max(row, own);
                foreach (var input in own < 0 ? [] : strided)
                {
                    Await(past, s, input, (int)own);
                }
            }

            foreach (var input in row < 0 ? [] : _graph.Stages[s].Inputs)
            {
                Await(past, s, input, (int)row);
            }
        }
    }

    /// <summary>A stage works on a row: those in a window of it are there, and in buffers that hold all rows those before them.</summary>
    private void Await(Past past, int stage, StageInput input, int row)
    {
        int last = input.Window.Last(row, _graph.Values[input.Value].Rows);
        if (input.IsCarried || last < 0)
        {
            return;
        }

        int homes = HomesOf(input.Value);
        bool isStrided = _strided.Contains((stage, input.Value));
        for (int home = isStrided ? last % homes : 0; home < homes; home += isStrided ? homes : 1)
        {
            int at = _firstHome[input.Value] + home;
            long rows = Before(last + 1, home, homes);
            past.Made[at] = Math.Max(past.Made[at], rows);
            if (!_direct.Contains((stage, input.Value)))
            {
                past.Sent[at] = Math.Max(past.Sent[at], rows);
            }
        }
    }

    /// <summary>Rows of every home that have been made and sent at some moment, at least.</summary>
    private sealed class Past(int homes)
    {
        public long[] Made { get; } = new long[homes];

        public long[] Sent { get; } = new long[homes];

        /// <summary>What is in both.</summary>
        public Past Common(Past other)
        {
            Past common = new(Made.Length);
            for (int i = 0; i < Made.Length; i++)
            {
                common.Made[i] = Math.Min(Made[i], other.Made[i]);
                common.Sent[i] = Math.Min(Sent[i], other.Sent[i]);
            }

            return common;
        }
    }
}

using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

internal enum StepKind : byte
{
    Await,
    Release,
    Drive,
    Add,
    SendSums,
    Finish,

    /// <summary>Digital work.</summary>
    Compute,

    /// <summary>Off-chip memory: a row that is loaded, or what a host operator takes and gives.</summary>
    Transfer,
    Store,
    SendRow,
}

/// <summary>An instruction as numbers; a loop is a jump back.</summary>
internal readonly record struct TimedStep
{
    public StepKind Kind { get; init; }

    /// <summary>Buffer, row group or channel.</summary>
    public int Subject { get; init; }

    /// <summary>Which of the buffer's readers the stream is.</summary>
    public int Reader { get; init; }

    /// <summary>Row or ordinal.</summary>
    public Affine Item { get; init; }

    public int ItemsPerRow { get; init; }

    public RowWindow Window { get; init; }

    /// <summary>Of the value.</summary>
    public int Rows { get; init; }

    /// <summary>Time of the vector unit or of memory.</summary>
    public long Duration { get; init; }

    /// <summary>In how many parts digital work takes the vector unit.</summary>
    public int Slices { get; init; }

    /// <summary>Row groups and channels that are added, channels to the homes of rows; places in <see cref="StreamTable.Lists"/>.</summary>
    public Range Groups { get; init; }

    public Range Channels { get; init; }

    /// <summary>An inference begins with it, or its rows are outputs.</summary>
    public bool IsEdge { get; init; }

    /// <summary>Rounds of the loop that ends here; 0 = none does.</summary>
    public long Count { get; init; }

    /// <summary>Steps back to its beginning.</summary>
    public int Back { get; init; }
}

internal enum WaitKind : byte
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

/// <summary>Where a stream stands and what it waits for.</summary>
internal struct StreamState
{
    /// <summary>Of the first step, and behind the last.</summary>
    public int First;
    public int End;
    public int Core;
    public int Stage;

    /// <summary>Rows of outputs that it stores in one inference.</summary>
    public long RowsToStore;

    /// <summary>It drives tiles or runs digital work.</summary>
    public bool Works;

    /// <summary>Part of the instruction that comes next.</summary>
    public byte Phase;
    public bool IsParked;
    public WaitKind WaitsFor;
    public int Step;
    public int Inference;

    /// <summary>Round of the loop.</summary>
    public long Round;

    /// <summary>When the next instruction begins.</summary>
    public long Resume;

    /// <summary>Rows of a buffer, or the row that needs room.</summary>
    public long Needed;

    /// <summary>Since when it stands in line for a tile; -1 = it does not.</summary>
    public long TurnSince;
    public long StoredRows;
    public long ParkedAt;

    /// <summary>Buffer, channel, row group or stage.</summary>
    public int WaitsForWhich;

    /// <summary>Who ended the wait, and how.</summary>
    public int Blamed;
    public int BlamedWhat;
    public int BlamedLink;
    public long BlamedFrom;
    public StallCause Cause;
    public StallCause BlamedCause;

    public readonly bool IsAtStart => Step == First && Round == 0 && Phase == 0;

    /// <summary>Goes to the next step; true at the end of the inference.</summary>
    public bool Advance(in TimedStep step)
    {
        if (step.Count > 0)
        {
            if (Round + 1 < step.Count)
            {
                Round++;
                Step -= step.Back;
                return false;
            }

            Round = 0;
        }

        if (++Step < End)
        {
            return false;
        }

        Step = First;
        Inference++;
        return true;
    }
}

/// <summary>The instruction streams of a schedule as numbers, with the tables that they work on.</summary>
internal sealed class StreamTable
{
    /// <summary>Digital work of a row gives way to other streams of its core after so many operations, and at most so often.</summary>
    private const long OperationsOfSlice = 4096;
    private const int MostSlices = 64;

    private readonly ProgramSchedule _schedule;
    private readonly ScheduleFacts _facts;
    private readonly TimedChip _chip;
    private readonly List<int>[] _readers;
    private readonly List<int> _lists = [];

    public StreamTable(ScheduleFacts facts, TimedChip chip, bool isBounded)
    {
        (_facts, _schedule, _chip) = (facts, facts.Schedule, chip);
        Sums = new SumTable(_schedule, chip, isBounded);
        Messages = new MessageTable(_schedule, chip);
        _readers = [.. _schedule.Buffers.Select(_ => new List<int>())];
        Streams = new StreamState[_schedule.Streams.Length];
        List<TimedStep> steps = [];
        for (int s = 0; s < Streams.Length; s++)
        {
            var stream = _schedule.Streams[s];
            ref var state = ref Streams[s];
            state = new StreamState { First = steps.Count, Step = steps.Count, Core = stream.Core, Stage = stream.Stage, TurnSince = -1, Blamed = -1, BlamedLink = -1 };
            AddPartialSums? added = null;
            foreach (var step in StreamSteps.Of(stream).All)
            {
                added = step.Instruction as AddPartialSums ?? added;
                steps.Add(StepOf(s, step.Instruction, added) with { Count = step.Count, Back = step.Back });
                state.Works |= step.Instruction is DriveTiles or RunDigital;
            }

            state.End = steps.Count;
            state.RowsToStore = stream.Body
                .SelectMany(i => i is Repeat repeat ? repeat.Body.Select(b => (b, repeat.Count)) : [(i, 1L)])
                .Sum(i => i.Item1 is StoreRow store && _schedule.Stages.Values[store.Value].IsOutput ? i.Item2 : 0);
        }

        Steps = [.. steps];
        Lists = [.. _lists];
        Rows = new RowTable(_schedule, _readers, isBounded);
    }

    public TimedStep[] Steps { get; }

    public int[] Lists { get; }

    public StreamState[] Streams { get; }

    public RowTable Rows { get; }

    public SumTable Sums { get; }

    public MessageTable Messages { get; }

    /// <summary>What of the past matters for the future.</summary>
    public void Digest(StateDigest digest, int ended)
    {
        foreach (ref readonly var state in Streams.AsSpan())
        {
            digest.Add(state.Step);
            digest.Add(state.Round);
            digest.Add(((long)(state.Inference - ended) << 8) + (state.Phase << 1) + (state.TurnSince >= 0 ? 1 : 0));
            digest.Add(state.StoredRows);
        }
    }

    private TimedStep StepOf(int s, StreamInstruction instruction, AddPartialSums? added)
    {
        int stage = Streams[s].Stage;
        var stages = _schedule.Stages;
        switch (instruction)
        {
            case AwaitRows wait:
                return new TimedStep
                {
                    Kind = StepKind.Await,
                    Subject = wait.Buffer,
                    Reader = ReaderOf(wait.Buffer, s),
                    Item = wait.Item,
                    ItemsPerRow = wait.ItemsPerRow,
                    Window = wait.Window,
                    Rows = stages.Values[_schedule.Buffers[wait.Buffer].Value].Rows,
                };
            case ReleaseRows release:
                return new TimedStep { Kind = StepKind.Release, Subject = release.Buffer, Reader = ReaderOf(release.Buffer, s) };
            case DriveTiles drive:
                int driven = Sums.GroupOf(stage, drive.RowGroup);
                Sums[driven].Driver = s;
                return new TimedStep { Kind = StepKind.Drive, Subject = driven };
            case AddPartialSums add:
                int[] groups = [.. add.RowGroups.Select(g => Sums.GroupOf(stage, g))];
                int[] channels = [.. add.Others.Prepend(add.First).Where(c => c >= 0)];
                foreach (int group in groups)
                {
                    Sums[group].Adder = s;
                }

                foreach (int channel in channels)
                {
                    Messages[channel].Taker = s;
                }

                return new TimedStep { Kind = StepKind.Add, Groups = ListOf(groups), Channels = ListOf(channels), Duration = _chip.OperationsPs(_facts.Sums.Additions(add)) };
            case SendPartialSums send:
                Messages[send.Channel].Sender = s;
                return new TimedStep { Kind = StepKind.SendSums, Subject = send.Channel };
            case FinishVector finish:
                var analog = stages.Stages[finish.Stage];
                int columns = added is null ? analog.Matrix!.Columns : _facts.Sums.Of(added).Count;
                return new TimedStep
                {
                    Kind = StepKind.Finish,
                    Item = finish.Ordinal,
                    ItemsPerRow = analog.Matrix!.VectorsPerRow,
                    Channels = ListOf([.. finish.Channels]),
                    Duration = _chip.OperationsPs(ScheduleTraffic.OperationsOfVector(analog, columns)),
                };
            case RunDigital digital when stages.Stages[digital.Stage] is { Kind: StageKind.Host } host:
                return new TimedStep { Kind = StepKind.Transfer, Duration = _chip.MemoryPs(ScheduleTraffic.HostBytes(stages, host)) };
            case RunDigital digital:
                long operations = stages.Stages[digital.Stage].OperationsPerRow;
                long duration = _chip.OperationsPs(operations);
                return new TimedStep
                {
                    Kind = StepKind.Compute,
                    Duration = duration,
                    Slices = (int)Math.Clamp(Math.Min(duration, (operations + OperationsOfSlice - 1) / OperationsOfSlice), 1, MostSlices),
                };
            case SendRow send:
                return new TimedStep { Kind = StepKind.SendRow, Subject = send.Channel, Item = send.Row };
            case LoadRow load:
                return new TimedStep { Kind = StepKind.Transfer, IsEdge = stages.Values[load.Value].Producer < 0, Duration = _chip.MemoryPs(stages.Values[load.Value].BytesPerRow) };
            case StoreRow store:
                return new TimedStep { Kind = StepKind.Store, IsEdge = stages.Values[store.Value].IsOutput, Duration = _chip.MemoryPs(stages.Values[store.Value].BytesPerRow) };
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private int ReaderOf(int buffer, int stream)
    {
        int known = _readers[buffer].IndexOf(stream);
        if (known < 0)
        {
            _readers[buffer].Add(stream);
        }

        return known < 0 ? _readers[buffer].Count - 1 : known;
    }

    private Range ListOf(int[] items)
    {
        int first = _lists.Count;
        _lists.AddRange(items);
        return first.._lists.Count;
    }
}

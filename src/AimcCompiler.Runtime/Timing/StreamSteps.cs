using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>An instruction stream as a list of steps; a loop is a jump back.</summary>
internal sealed class StreamSteps
{
    private StreamSteps(ImmutableArray<Step> all)
    {
        All = all;
    }

    public ImmutableArray<Step> All { get; }

    public static StreamSteps Of(CoreStream stream)
    {
        var steps = ImmutableArray.CreateBuilder<Step>();
        foreach (var instruction in stream.Body)
        {
            if (instruction is not Repeat repeat)
            {
                steps.Add(new Step(instruction, 0, 0));
                continue;
            }

            if (repeat.Count == 0 || repeat.Body.IsEmpty)
            {
                continue;
            }

            for (int i = 0; i < repeat.Body.Length; i++)
            {
                bool isLast = i == repeat.Body.Length - 1;
                steps.Add(new Step(repeat.Body[i], isLast ? repeat.Count : 0, isLast ? i : 0));
            }
        }

        return new StreamSteps(steps.ToImmutable());
    }
}

/// <param name="Instruction">What to do; never a loop.</param>
/// <param name="Count">Rounds of the loop that ends here; 0 = none does.</param>
/// <param name="Back">Steps back to its beginning.</param>
internal sealed record Step(StreamInstruction Instruction, long Count, int Back);

/// <summary>Where a stream stands.</summary>
internal struct StreamPlace
{
    /// <summary>Which step.</summary>
    public int Step { get; private set; }

    /// <summary>Round of the loop.</summary>
    public long Round { get; private set; }

    public int Inference { get; private set; }

    public readonly bool IsAtStart => Step == 0 && Round == 0;

    /// <summary>Goes to the next step; true at the end of the inference.</summary>
    public bool Advance(StreamSteps steps)
    {
        var step = steps.All[Step];
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

        if (++Step < steps.All.Length)
        {
            return false;
        }

        Step = 0;
        Inference++;
        return true;
    }
}

/// <summary>Which rows of a value come to a buffer: they are counted from 0.</summary>
internal readonly record struct BufferRows(int First, int Stride, int Count)
{
    public static BufferRows Of(RowBuffer buffer, StageGraph stages)
    {
        int rows = stages.Values[buffer.Value].Rows;
        return new BufferRows(buffer.FirstRow, buffer.RowStride, rows <= buffer.FirstRow ? 0 : ((rows - 1 - buffer.FirstRow) / buffer.RowStride) + 1);
    }

    /// <summary>How many of them come before a row of the value, or are it.</summary>
    public int UpTo(int row) => row < First ? 0 : Math.Min(Count, ((row - First) / Stride) + 1);

    public bool Has(int row) => row >= First && (row - First) % Stride == 0;
}

/// <summary>Output columns of partial sums, as ranges in order.</summary>
internal readonly record struct ColumnRanges(ImmutableArray<(int First, int End)> Ranges)
{
    public static ColumnRanges None { get; } = new([]);

    public int Count => Ranges.Sum(r => r.End - r.First);

    /// <summary>Columns that the blocks of a row group add to, over all groups of the layer.</summary>
    public static ColumnRanges Of(MappedLayer layer, IEnumerable<Block> blocks) => Of(blocks.SelectMany(b => Enumerable.Range(b.FirstGroup, b.Groups).Select(g =>
        ((g * layer.Columns) + b.ColumnStart, (g * layer.Columns) + b.ColumnStart + b.ColumnCount))));

    public ColumnRanges Union(ColumnRanges other) => Of(Ranges.Concat(other.Ranges));

    private static ColumnRanges Of(IEnumerable<(int First, int End)> ranges)
    {
        List<(int First, int End)> merged = [];
        foreach (var range in ranges.Order())
        {
            if (merged.Count > 0 && range.First <= merged[^1].End)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].End, range.End));
            }
            else
            {
                merged.Add(range);
            }
        }

        return new ColumnRanges([.. merged]);
    }
}

/// <summary>What of a schedule follows from it alone and both machines need: the blocks and columns of row groups and sums.</summary>
internal sealed class ScheduleFacts
{
    private readonly Dictionary<AddPartialSums, ColumnRanges> _added = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, AddPartialSums> _senders = [];

    public ScheduleFacts(MappedProgram program, ProgramSchedule schedule)
    {
        Schedule = schedule;
        var copies = new Dictionary<(int Layer, int Copy), Block[]>();
        Blocks = [.. schedule.Mapping.RowGroups.Select(group =>
        {
            var stage = schedule.Stages.Stages[group.Stage];
            if (!copies.TryGetValue((stage.Unit, group.Copy), out var blocks))
            {
                blocks = [.. program.Layers[stage.Unit].Blocks.Where(b => b.Copy == group.Copy)];
                copies.Add((stage.Unit, group.Copy), blocks);
            }

            return stage.Matrix!.Groups[group.Group].Blocks.Select(b => blocks[b]).ToImmutableArray();
        })];
        Columns = [.. schedule.Mapping.RowGroups.Select((group, i) => ColumnRanges.Of(program.Layers[schedule.Stages.Stages[group.Stage].Unit], Blocks[i]))];
        foreach (var body in schedule.Streams.SelectMany(s => Bodies(s.Body)))
        {
            AddPartialSums? last = null;
            foreach (var instruction in body)
            {
                if (instruction is AddPartialSums add)
                {
                    last = add;
                }
                else if (instruction is SendPartialSums send && last is not null)
                {
                    _senders[send.Channel] = last;
                }
            }
        }
    }

    public ProgramSchedule Schedule { get; }

    /// <summary>Blocks of every row group, on its copy.</summary>
    public ImmutableArray<ImmutableArray<Block>> Blocks { get; }

    /// <summary>Columns of every row group.</summary>
    public ImmutableArray<ColumnRanges> Columns { get; }

    /// <summary>Columns that an addition has sums of.</summary>
    public ColumnRanges Of(AddPartialSums add)
    {
        if (!_added.TryGetValue(add, out var columns))
        {
            columns = Terms(add).Aggregate(ColumnRanges.None, (all, term) => all.Union(term));
            _added.Add(add, columns);
        }

        return columns;
    }

    /// <summary>Scalar additions: a column of n terms takes n - 1.</summary>
    public long Additions(AddPartialSums add) => Terms(add).Sum(t => (long)t.Count) - Of(add).Count;

    private IEnumerable<ColumnRanges> Terms(AddPartialSums add) =>
        [.. (add.First < 0 ? [] : (int[])[add.First]).Concat(add.Others).Select(OfChannel), .. add.RowGroups.Select(g => Columns[g])];

    private ColumnRanges OfChannel(int channel) => _senders.TryGetValue(channel, out var sender) ? Of(sender) : ColumnRanges.None;

    private static IEnumerable<ImmutableArray<StreamInstruction>> Bodies(ImmutableArray<StreamInstruction> body) =>
        [body, .. body.OfType<Repeat>().Select(r => r.Body)];
}

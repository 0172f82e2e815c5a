using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

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

        // Several runs read them at once.
        foreach (var add in schedule.Streams.SelectMany(s => Bodies(s.Body)).SelectMany(b => b).OfType<AddPartialSums>())
        {
            Of(add);
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

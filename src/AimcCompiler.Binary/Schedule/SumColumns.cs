using System.Collections.Immutable;

namespace AimcCompiler.Binary;

/// <summary>Output columns of partial sums, as ranges in order.</summary>
public readonly record struct ColumnRanges(ImmutableArray<(int First, int End)> Ranges)
{
    public static ColumnRanges None { get; } = new([]);

    public int Count => Ranges.Sum(r => r.End - r.First);

    /// <summary>Columns that blocks of a layer add to, over all its groups.</summary>
    public static ColumnRanges Of(MappedLayer layer, IEnumerable<Block> blocks)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return Of(blocks.SelectMany(b => Enumerable.Range(b.FirstGroup, b.Groups).Select(g =>
            ((g * layer.Columns) + b.ColumnStart, (g * layer.Columns) + b.ColumnStart + b.ColumnCount))));
    }

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

/// <summary>The columns of the row groups of a schedule, and of every addition of their sums.</summary>
public sealed class SumColumns
{
    private readonly Dictionary<AddPartialSums, ColumnRanges> _added = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<int, AddPartialSums> _senders = [];

    public SumColumns(MappedProgram program, ProgramSchedule schedule)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(schedule);
        // Copies of a row group have the same columns.
        Dictionary<int, Block[]> first = [];
        Dictionary<(int Stage, int Group), ColumnRanges> groups = [];
        var ofRowGroups = ImmutableArray.CreateBuilder<ColumnRanges>(schedule.Mapping.RowGroups.Length);
        foreach (var placed in schedule.Mapping.RowGroups)
        {
            var stage = schedule.Stages.Stages[placed.Stage];
            if (!groups.TryGetValue((placed.Stage, placed.Group), out var columns))
            {
                var layer = program.Layers[stage.Unit];
                if (!first.TryGetValue(placed.Stage, out var blocks))
                {
                    first.Add(placed.Stage, blocks = [.. layer.Blocks.Where(b => b.Copy == 0)]);
                }

                columns = ColumnRanges.Of(layer, stage.Matrix!.Groups[placed.Group].Blocks.Select(b => blocks[b]));
                groups.Add((placed.Stage, placed.Group), columns);
            }

            ofRowGroups.Add(columns);
        }

        OfRowGroups = ofRowGroups.MoveToImmutable();
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

    public ImmutableArray<ColumnRanges> OfRowGroups { get; }

    /// <summary>Columns that an addition has sums of.</summary>
    public ColumnRanges Of(AddPartialSums add)
    {
        ArgumentNullException.ThrowIfNull(add);
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
        [.. (add.First < 0 ? [] : (int[])[add.First]).Concat(add.Others).Select(OfChannel), .. add.RowGroups.Select(g => OfRowGroups[g])];

    private ColumnRanges OfChannel(int channel) => _senders.TryGetValue(channel, out var sender) ? Of(sender) : ColumnRanges.None;

    private static IEnumerable<ImmutableArray<StreamInstruction>> Bodies(ImmutableArray<StreamInstruction> body) =>
        [body, .. body.OfType<Repeat>().Select(r => r.Body)];
}

using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>What of a schedule follows from it alone and both machines need: the blocks and columns of row groups and sums.</summary>
internal sealed class ScheduleFacts
{
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
        Sums = new SumColumns(program, schedule);
    }

    public ProgramSchedule Schedule { get; }

    /// <summary>Blocks of every row group, on its copy.</summary>
    public ImmutableArray<ImmutableArray<Block>> Blocks { get; }

    public SumColumns Sums { get; }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>The mapping of a program whose blocks have their tiles already: a row group stands where its blocks stand, and is cut where they change the core; a value is at home where its last
/// partial sums are, or where the digital stage's first input is.</summary>
internal static class PresentMapping
{
    public static (StageGraph Stages, CoreMapping Mapping) Of(MappedProgram program, StageGraph stages)
    {
        var capacity = ChipCapacity.Of(program.Chip, program.Chips);
        var cut = ImmutableArray.CreateBuilder<Stage>(stages.Stages.Length);
        var placed = ImmutableArray.CreateBuilder<PlacedRowGroup>();
        var copies = ImmutableArray.CreateBuilder<int>(stages.Stages.Length);
        ImmutableArray<int>[] homes = [.. stages.Values.Select(v => ImmutableArray.Create(capacity.Ports[0]))];
        double? interval = 0;
        for (int s = 0; s < stages.Stages.Length; s++)
        {
            var stage = stages.Stages[s];
            if (stage.Matrix is not { } matrix)
            {
                copies.Add(0);
                cut.Add(stage);
                if (stage.Kind == StageKind.Digital && stage.Inputs.FirstOrDefault(i => !i.IsCarried) is { } input)
                {
                    homes[stage.Output] = homes[input.Value];
                }

                continue;
            }

            var layer = program.Layers[stage.Unit];
            int perCopy = layer.Blocks.Length / layer.Copies;
            var groups = matrix.Groups.SelectMany(g => Cut(g, layer, program.Chip)).ToImmutableArray();
            cut.Add(stage with { Matrix = matrix with { Groups = groups } });
            copies.Add(layer.Copies);
            interval = interval is { } so && matrix.IntervalNs is { } each ? Math.Max(so, (matrix.Vectors + layer.Copies - 1) / layer.Copies * each * groups.Max(g => g.Rounds)) : null;
            for (int copy = 0; copy < layer.Copies; copy++)
            {
                foreach (var (group, index) in groups.Select((g, i) => (g, i)))
                {
                    int[] tiles = [.. group.Blocks.Select(b => layer.Blocks[(copy * perCopy) + b].Tile).Distinct()];
                    int core = CoreOf(tiles[0], program.Chip);
                    homes[stage.Output] = [core];
                    if (matrix.SharesTilesOf is null)
                    {
                        placed.Add(new PlacedRowGroup(s, copy, index, core, [.. tiles]));
                    }
                }
            }
        }

        return (
            stages with { Stages = cut.ToImmutable() },
            new CoreMapping
            {
                Target = MappingTarget.Tiles,
                Chips = program.Chips,
                Replication = new Replication(copies.ToImmutable(), interval, null),
                RowGroups = placed.ToImmutable(),
                Homes = [.. homes],
                Segments = [[.. Enumerable.Range(0, stages.Stages.Length)]],
            });
    }

    private static IEnumerable<RowGroupDemand> Cut(RowGroupDemand group, MappedLayer layer, ChipDescription chip)
    {
        var parts = group.Blocks.GroupBy(b => CoreOf(layer.Blocks[b].Tile, chip)).ToList();
        return parts.Count == 1 ? [group] : parts.Select(part => group with
        {
            Blocks = [.. part],
            Tiles = part.Select(b => layer.Blocks[b].Tile).Distinct().Count(),
            Columns = part.Sum(b => layer.Blocks[b].Columns),
            FirstColumn = part.Min(b => (layer.Blocks[b].FirstGroup * layer.Columns) + layer.Blocks[b].ColumnStart),
        });
    }

    private static int CoreOf(int tile, ChipDescription chip) => chip.Mesh is null ? 0 : tile / chip.Core.Tiles;
}

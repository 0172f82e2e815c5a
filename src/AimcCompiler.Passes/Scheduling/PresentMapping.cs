using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>The mapping of a program whose blocks have their tiles already: a row group stands where its blocks stand, and is cut where they change the core; a value is at home where its last
/// partial sums are, or where the digital stage's first input is, or as near to it as buffers have room.</summary>
internal static class PresentMapping
{
    public static (StageGraph Stages, CoreMapping Mapping) Of(MappedProgram program, StageGraph stages)
    {
        var capacity = ChipCapacity.Of(program.Chip, program.Chips);
        var cut = ImmutableArray.CreateBuilder<Stage>(stages.Stages.Length);
        var placed = ImmutableArray.CreateBuilder<PlacedRowGroup>();
        var copies = ImmutableArray.CreateBuilder<int>(stages.Stages.Length);
        ImmutableArray<int>[] homes = [.. stages.Values.Select(v => ImmutableArray.Create(capacity.Ports[0]))];
        int[] last = new int[stages.Stages.Length];
        double? interval = 0;
        for (int s = 0; s < stages.Stages.Length; s++)
        {
            var stage = stages.Stages[s];
            if (stage.Matrix is not { } matrix)
            {
                copies.Add(0);
                cut.Add(stage);
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
                    last[s] = core;
                    if (matrix.SharesTilesOf is null)
                    {
                        placed.Add(new PlacedRowGroup(s, copy, index, core, [.. tiles]));
                    }
                }
            }
        }

        stages = stages with { Stages = cut.ToImmutable() };
        ChooseHomes(stages, capacity, placed, last, homes);
        return (
            stages,
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

    /// <summary>Each value in turn at the core nearest to where it is made whose buffer has room beside what row groups read.</summary>
    private static void ChooseHomes(StageGraph stages, ChipCapacity capacity, IEnumerable<PlacedRowGroup> placed, int[] last, ImmutableArray<int>[] homes)
    {
        // What stands in a buffer already, by core and value.
        Dictionary<(int Core, int Value), long> parts = [];
        long[] loads = new long[capacity.Cores];
        var groups = placed.ToLookup(g => g.Stage);
        for (int s = 0; s < stages.Stages.Length; s++)
        {
            if (stages.Stages[s].Matrix is { } matrix)
            {
                foreach (var onCore in groups[matrix.SharesTilesOf ?? s].GroupBy(g => g.Core))
                {
                    foreach (var input in stages.Stages[s].Inputs)
                    {
                        Put(onCore.Key, input, Math.Min(stages.Values[input.Value].BytesPerRow, onCore.Select(g => g.Group).Distinct().Sum(g => matrix.Groups[g].InputBytesPerRow)));
                    }
                }
            }
        }

        for (int s = 0; s < stages.Stages.Length; s++)
        {
            var stage = stages.Stages[s];
            if (stage.Kind == StageKind.Host)
            {
                continue;
            }

            int wanted = stage.Matrix is not null ? last[s] : stage.Inputs.FirstOrDefault(i => !i.IsCarried) is { } first ? homes[first.Value][0] : capacity.Ports[0];
            int home = capacity.BufferBytes is { } limit ? Nearest(wanted, limit, core => Needs(stage, core)) : wanted;
            homes[stage.Output] = [home];
            if (stage.Matrix is not null)
            {
                loads[home] += RowsInAssembly * stages.Values[stage.Output].BytesPerRow;
                continue;
            }

            foreach (var input in stage.Inputs)
            {
                Put(home, input, stages.Values[input.Value].BytesPerRow);
            }
        }

        void Put(int core, StageInput input, long bytesPerRow)
        {
            long bytes = Rows(stages, input) * bytesPerRow;
            loads[core] += Math.Max(0, bytes - parts.GetValueOrDefault((core, input.Value)));
            parts[(core, input.Value)] = Math.Max(bytes, parts.GetValueOrDefault((core, input.Value)));
        }

        long Needs(Stage stage, int core) => stage.Matrix is not null
            ? RowsInAssembly * stages.Values[stage.Output].BytesPerRow
            : stage.Inputs.Sum(i => Math.Max(0, (Rows(stages, i) * stages.Values[i.Value].BytesPerRow) - parts.GetValueOrDefault((core, i.Value))));

        int Nearest(int wanted, long limit, Func<int, long> needs)
        {
            int cores = capacity.Topology.Cores;
            int chip = wanted / cores * cores;
            if (loads[wanted] + needs(wanted) <= limit)
            {
                return wanted;
            }

            int nearest = Enumerable.Range(chip, cores).Where(c => loads[c] + needs(c) <= limit).OrderBy(c => capacity.Topology.Hops(wanted - chip, c - chip)).ThenBy(c => c).FirstOrDefault(-1);
            return nearest >= 0 ? nearest : Enumerable.Range(chip, cores).MinBy(c => loads[c] + needs(c));
        }
    }

    /// <summary>The row at hand and the next ones.</summary>
    private const int RowsInAssembly = 4;

    /// <summary>Rows of an input that a reader holds at a time, with one to come.</summary>
    private static int Rows(StageGraph stages, StageInput input) => Math.Min(stages.Values[input.Value].Rows, input.Window.Reach + 1);

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

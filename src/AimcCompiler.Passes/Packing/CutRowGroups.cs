using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Halves the largest row groups along their columns until one copy of every layer fits the cores: a chip whose tiles would do can be too small for groups that stay whole.</summary>
internal static class CutRowGroups
{
    /// <returns>The stages with as many row groups as it takes.</returns>
    public static StageGraph Run(StageGraph stages, AnalogGraph<SplitMatrix> graph, ChipCapacity chip)
    {
        var layers = graph.Layers.ToDictionary(l => l.Output, StringComparer.Ordinal);
        while (!PackCores.FitsWhole(TileFamily.Of(stages), chip) && stages.Stages.Max(s => s.Matrix?.Groups.Max(g => g.Tiles) ?? 0) is > 1 and var largest)
        {
            stages = stages with
            {
                Stages =
                [
                    .. stages.Stages.Select(s => s.Matrix is not { } matrix ? s : s with
                    {
                        Matrix = matrix with
                        {
                            Groups = [.. matrix.Groups.SelectMany(g => g.Tiles == largest ? Halves(g, layers[stages.Values[s.Output].Name].Weights) : [g])],
                        },
                    }),
                ],
            };
        }

        return stages;
    }

    private static IEnumerable<RowGroupDemand> Halves(RowGroupDemand group, SplitMatrix split)
    {
        int[] bundles = [.. group.Blocks.Select(b => split.Blocks[b].Bundle).Distinct()];
        foreach (int[] part in (int[][])[bundles[..(bundles.Length / 2)], bundles[(bundles.Length / 2)..]])
        {
            ImmutableArray<int> blocks = [.. group.Blocks.Where(b => part.Contains(split.Blocks[b].Bundle))];
            yield return group with
            {
                Blocks = blocks,
                Tiles = part.Length,
                Columns = blocks.Sum(b => split.Blocks[b].Groups * split.Blocks[b].ColumnCount),
                FirstColumn = blocks.Min(b => (split.Blocks[b].FirstGroup * split.Quantized.Columns) + split.Blocks[b].ColumnStart),
            };
        }
    }
}

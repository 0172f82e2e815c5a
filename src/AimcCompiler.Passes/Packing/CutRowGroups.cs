using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Halves row groups along their columns where they are too large to stay whole: for the cores of a chip whose tiles would do, or for a latency that their sums make long.</summary>
internal static class CutRowGroups
{
    /// <summary>Halves the largest row groups until one copy of every layer fits the cores.</summary>
    /// <returns>The stages with as many row groups as it takes.</returns>
    public static StageGraph ForCores(StageGraph stages, AnalogGraph<SplitMatrix> graph, ChipCapacity chip)
    {
        while (!PackCores.FitsWhole(TileFamily.Of(stages), chip) && stages.Stages.Max(s => s.Matrix?.Groups.Max(g => g.Tiles) ?? 0) is > 1 and var largest)
        {
            stages = Halved(stages, graph, (_, group) => group.Tiles == largest);
        }

        return stages;
    }

    /// <summary>Halves row groups whose sums, which add one after the other, take longer for one vector than an MVM: other columns then add on other cores meanwhile.</summary>
    /// <returns>The stages with as many row groups as it takes.</returns>
    public static StageGraph ForLatency(StageGraph stages, AnalogGraph<SplitMatrix> graph, ChipCapacity chip)
    {
        bool IsLong(MatrixDemand matrix) => !matrix.AddsExactly && matrix.AdditionsInTurn / 1000.0 * (chip.PsPerThousandOperations ?? 0) > 1000 * matrix.LatencyNs;
        bool IsCut(MatrixDemand matrix, RowGroupDemand group) => group.Tiles > 1 && IsLong(matrix);
        while (stages.Stages.Any(s => s.Matrix is { } matrix && matrix.Groups.Any(g => IsCut(matrix, g))))
        {
            stages = Halved(stages, graph, IsCut);
        }

        return stages;
    }

    private static StageGraph Halved(StageGraph stages, AnalogGraph<SplitMatrix> graph, Func<MatrixDemand, RowGroupDemand, bool> isCut)
    {
        var layers = graph.Layers.ToDictionary(l => l.Output, StringComparer.Ordinal);
        return stages with
        {
            Stages =
            [
                .. stages.Stages.Select(s => s.Matrix is not { } matrix ? s : s with
                {
                    Matrix = matrix with
                    {
                        Groups = [.. matrix.Groups.SelectMany(g => isCut(matrix, g) ? Halves(g, layers[stages.Values[s.Output].Name].Weights) : [g])],
                    },
                }),
            ],
        };
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

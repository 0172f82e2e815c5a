using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>In which order the sums of a copy's row groups add up, and which of them does what on a vector unit.</summary>
internal static class SumOrder
{
    /// <summary>Row groups of the same columns one after the other, in their order; in the order given where columns overlap in part.</summary>
    /// <param name="groups">Row groups of a copy.</param>
    /// <returns>Their numbers.</returns>
    public static int[] Of(IReadOnlyList<RowGroupDemand> groups) => [.. Ranges(groups).SelectMany(r => r)];

    /// <summary>The same order, cut where other columns begin: what adds to one range of columns needs nothing of the others.</summary>
    /// <param name="groups">Row groups of a copy.</param>
    /// <returns>Their numbers; one range where columns overlap in part.</returns>
    public static int[][] Ranges(IReadOnlyList<RowGroupDemand> groups)
    {
        int[] given = [.. Enumerable.Range(0, groups.Count)];
        int[] sorted = [.. given.OrderBy(g => groups[g].FirstColumn)];
        for (int i = 1; i < sorted.Length; i++)
        {
            var (before, after) = (groups[sorted[i - 1]], groups[sorted[i]]);
            bool isSame = before.FirstColumn == after.FirstColumn && before.Columns == after.Columns;
            if (!isSame && before.FirstColumn + before.Columns > after.FirstColumn)
            {
                return [given];
            }
        }

        return [.. sorted.GroupBy(g => groups[g].FirstColumn).Select(r => r.ToArray())];
    }

    /// <summary>Scalar operations of one vector where each row group stands: all but the first of their columns add to what came before, and the last finishes the vector. A tree adds as much, if not just there.</summary>
    /// <param name="stage">An analog stage.</param>
    public static double[] OperationsPerVector(Stage stage)
    {
        var matrix = stage.Matrix!;
        double[] operations = new double[matrix.Groups.Length];
        int[] order = Of(matrix.Groups);
        int end = 0;
        foreach (int g in order)
        {
            var group = matrix.Groups[g];
            operations[g] = Math.Clamp(end - group.FirstColumn, 0, group.Columns);
            end = Math.Max(end, group.FirstColumn + group.Columns);
        }

        operations[order[^1]] += (double)stage.OperationsPerRow / matrix.VectorsPerRow;
        return operations;
    }
}

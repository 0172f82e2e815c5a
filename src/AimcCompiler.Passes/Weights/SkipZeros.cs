using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Leaves out rows and columns whose weights are all zero, in all groups: an output is the same sum without them, and an output of a column that is left out is its bias. One row and one column stay.
/// <code>
/// before:  codes [ 4 0 -7 ]                 after:  codes [ 4 -7 ], rows 0 and 2 of 3, columns 0 and 2 of 3
///                [ 0 0  0 ]                               [ 1  2 ]
///                [ 1 0  2 ]
/// </code></summary>
public static class SkipZeros
{
    public static AnalogGraph<QuantizedMatrix> Run(AnalogGraph<QuantizedMatrix> graph, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        return options.Zeros == ZeroPolicy.Program ? graph : graph.Select(layer => Without(layer.Weights));
    }

    /// <summary>Nodes of layers that hold nothing but zeros and that nobody asked to be on tiles: what they write is their bias.</summary>
    public static ImmutableHashSet<NodeId> NodesOfZeros(AnalogGraph<QuantizedMatrix> graph, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        var inLoops = graph.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToHashSet();
        return options.Zeros == ZeroPolicy.Program
            ? []
            :
            [
                .. graph.Layers
                    .Where(l => !inLoops.Contains(l.Id) && !options.Analog.Contains(l.Name) && l.Weights is { Rows: 1, Columns: 1 } m && Enumerable.Range(0, m.Groups).All(g => m.IsZero(g, 0, 1, 0, 1)))
                    .Select(l => l.Node),
            ];
    }

    internal static QuantizedMatrix Without(QuantizedMatrix matrix)
    {
        int[] rows = [.. Enumerable.Range(0, matrix.Rows).Where(r => Enumerable.Range(0, matrix.Groups).Any(g => !matrix.IsZero(g, r, 1, 0, matrix.Columns)))];
        int[] columns = Columns(matrix);
        rows = rows.Length == 0 ? [0] : rows;
        columns = columns.Length == 0 ? [0] : columns;
        if (rows.Length == matrix.Rows && columns.Length == matrix.Columns)
        {
            return matrix;
        }

        return Taken(matrix, rows, columns);
    }

    /// <summary>Some rows and columns of a matrix, the same in all groups.</summary>
    internal static QuantizedMatrix Taken(QuantizedMatrix matrix, int[] rows, int[] columns, bool isPart = false)
    {
        KeptLines? Kept(KeptLines? kept, int total, int[] lines) =>
            lines.Length == total ? kept : new KeptLines(kept?.Total ?? total, [.. lines.Select(l => KeptLines.Of(kept, l))]);
        return new QuantizedMatrix(
            matrix.Groups,
            rows.Length,
            columns.Length,
            matrix.Scales.Length == 1 ? matrix.Scales : [.. Enumerable.Range(0, matrix.Groups).SelectMany(g => columns.Select(c => matrix.ScaleOf(g, c)))],
            matrix.Codes is { } codes ? Taken(matrix, codes, rows, columns) : null,
            matrix.Contents is { } contents ? Taken(matrix, contents, rows, columns) : null)
        {
            IsPart = isPart,
            KeptRows = Kept(matrix.KeptRows, matrix.Rows, rows),
            KeptColumns = Kept(matrix.KeptColumns, matrix.Columns, columns),
        };
    }

    private static int[] Columns(QuantizedMatrix matrix)
    {
        bool[] isKept = new bool[matrix.Columns];
        int left = matrix.Columns;
        for (int row = 0; row < matrix.Groups * matrix.Rows && left > 0; row++)
        {
            var (group, r) = Math.DivRem(row, matrix.Rows);
            for (int c = Array.IndexOf(isKept, false); c >= 0; c = c + 1 < isKept.Length ? Array.IndexOf(isKept, false, c + 1) : -1)
            {
                if (!matrix.IsZero(group, r, 1, c, 1))
                {
                    isKept[c] = true;
                    left--;
                }
            }
        }

        return [.. Enumerable.Range(0, matrix.Columns).Where(c => isKept[c])];
    }

    private static T[] Taken<T>(QuantizedMatrix matrix, T[] elements, int[] rows, int[] columns)
    {
        T[] taken = new T[matrix.Groups * rows.Length * columns.Length];
        Parallel.For(0, matrix.Groups * rows.Length, row =>
        {
            var from = elements.AsSpan(matrix.Index(row / rows.Length, rows[row % rows.Length], 0), matrix.Columns);
            var to = taken.AsSpan(row * columns.Length, columns.Length);
            for (int i = 0; i < columns.Length; i++)
            {
                to[i] = from[columns[i]];
            }
        });
        return taken;
    }
}

using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>A block whose cells are at whole levels, packed for <see cref="LevelEngine"/>.</summary>
internal sealed class LevelBlock
{
    private LevelBlock(LevelColumns?[] lines, LevelColumns ones, LevelColumns? squares, float[] variances, double[][] signs, bool[][] flips, int[] flipsOf) =>
        (Lines, Ones, Squares, Variances, Signs, Flips, FlipsOf) = (lines, ones, squares, variances, signs, flips, flipsOf);

    /// <summary>By 2 slice + polarity; null where there are no negative cells.</summary>
    public LevelColumns?[] Lines { get; }

    /// <summary>One column of cells at level 1.</summary>
    public LevelColumns Ones { get; }

    /// <summary>The same for sums of squares of pulses; null without read noise.</summary>
    public LevelColumns? Squares { get; }

    /// <summary>By 2 slice + polarity: the variance of the read noise of every cell; empty without.</summary>
    public float[] Variances { get; }

    /// <summary>By slice: -1 for columns that hold the complement, else 1.</summary>
    public double[][] Signs { get; }

    /// <summary>The different ways in which the slices of a weight column are flipped.</summary>
    public bool[][] Flips { get; }

    /// <summary>Which of them a column has.</summary>
    public int[] FlipsOf { get; }

    /// <summary>Null where a cell is at no whole level, cells differ in their read noise, or the tables of such levels and pulses do not hold their sums.</summary>
    public static LevelBlock? Of(ProgrammedBlock block, PulseFields fields)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int slices = block.Positive.Length;
        var lines = new LevelColumns?[2 * slices];
        for (int line = 0; line < lines.Length; line++)
        {
            float[]? cells = line % 2 == 0 ? block.Positive[line / 2] : block.Negative[line / 2];
            if (cells is not null && (lines[line] = LevelColumns.Pack(cells, rows, columns, fields)) is null)
            {
                return null;
            }
        }

        float[] one = new float[rows];
        Array.Fill(one, 1);
        float[] variances = [.. block.ReadVariance.Select(v => v is null || v.Length == 0 ? 0 : v[0])];
        bool isUniform = block.ReadVariance.Zip(variances).All(v => v.First is null || !v.First.AsSpan().ContainsAnyExcept(v.Second));
        var squares = variances.Length == 0 ? null : LevelColumns.Pack(one, rows, 1, fields, squares: true);
        if (!isUniform || (variances.Length > 0 && squares is null))
        {
            return null;
        }

        if (LevelColumns.Pack(one, rows, 1, fields) is not { } ones || (block.Unit is { } unit && !unit.AsSpan().SequenceEqual(one)))
        {
            return null;
        }

        List<bool[]> flips = [];
        int[] flipsOf = new int[columns];
        for (int c = 0; c < columns; c++)
        {
            bool[] flip = [.. block.Flipped.Select(f => f is not null && f[c])];
            flipsOf[c] = flips.FindIndex(f => f.AsSpan().SequenceEqual(flip));
            if (flipsOf[c] < 0)
            {
                flipsOf[c] = flips.Count;
                flips.Add(flip);
            }
        }

        double[][] signs = [.. Enumerable.Range(0, slices).Select(slice => Array.ConvertAll(flipsOf, f => flips[f][slice] ? -1.0 : 1.0))];
        return new LevelBlock(lines, ones, squares, variances, signs, [.. flips], flipsOf);
    }
}

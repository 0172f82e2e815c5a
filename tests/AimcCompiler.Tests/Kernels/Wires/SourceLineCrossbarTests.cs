using AimcCompiler.Kernels;
using static AimcCompiler.Tests.Kernels.Wires.WireCases;

namespace AimcCompiler.Tests.Kernels.Wires;

public sealed class SourceLineCrossbarTests
{
    public static TheoryData<int, int, double, bool, int> Crossbars
    {
        get
        {
            TheoryData<int, int, double, bool, int> data = [];
            foreach (var (rows, columns) in ((int, int)[])[(1, 1), (2, 3), (6, 8), (12, 9), (20, 16), (30, 17)])
            {
                foreach (double resistance in (double[])[0, 1e-9, 1e-5, 1e-3, 1])
                {
                    data.Add(rows, columns, resistance, false, 1);
                    data.Add(rows, columns, resistance, true, 1);
                    if (rows % 2 == 0)
                    {
                        data.Add(rows, columns, resistance, true, 2);
                    }
                }
            }

            return data;
        }
    }

    /// <summary>Against the voltage law of every cell, column by column.</summary>
    [Theory]
    [MemberData(nameof(Crossbars))]
    public void IsWhatAnEliminationOfAllCellsGives(int rows, int columns, double resistance, bool isPair, int pair)
    {
        var wires = Crossbar(rows, columns, resistance, pair);
        float[] positive = [.. Cells(rows * columns, 1).Select(g => (float)g)];
        float[] negative = isPair ? [.. Cells(rows * columns, 2).Select(g => (float)g)] : [];
        float[] x = [.. Enumerable.Range(0, rows).Select(r => (float)((r * 7 % 3) - 1))];
        double[] y = new double[columns];
        SourceLineCrossbar.Solve(wires, positive, negative, x, y);
        double[] expected = [.. Enumerable.Range(0, columns).Select(c => Column(wires, positive, negative, x, c))];
        AssertClose([.. expected, 1], [.. y, 1], 1e-11, $"{rows} x {columns}, {resistance}");
    }

    /// <summary>A gated row is as if it were not there: what its cells hold does not matter; ungated cells do.</summary>
    [Fact]
    public void AGatedRowTakesNoPart()
    {
        var wires = Crossbar(6, 4, 1e-2);
        float[] cells = [.. Cells(24, 1).Select(g => (float)g + 1)];
        float[] x = [1, 0, 1, 1, 0, 1];
        double[] y = new double[4];
        double[] other = new double[4];
        SourceLineCrossbar.Solve(wires, cells, [], x, y);
        SourceLineCrossbar.Solve(wires, [.. cells.Select((g, i) => i / 4 is 1 or 4 ? 100 : g)], [], x, other);
        Assert.Equal(y, other);
        SourceLineCrossbar.Solve(wires, [.. cells.Select((g, i) => i / 4 is 2 ? 100 : g)], [], x, other);
        Assert.All(y.Zip(other), pair => Assert.NotEqual(pair.First, pair.Second));
    }

    /// <summary>Not linear in the inputs: rows together bring less than each alone.</summary>
    [Fact]
    public void RowsDoNotSuperpose()
    {
        var wires = Crossbar(2, 1, 1e-2);
        double[] together = new double[1];
        double[] first = new double[1];
        double[] second = new double[1];
        SourceLineCrossbar.Solve(wires, [10, 20], [], [1, 1], together);
        SourceLineCrossbar.Solve(wires, [10, 20], [], [1, 0], first);
        SourceLineCrossbar.Solve(wires, [10, 20], [], [0, 1], second);
        Assert.True(together[0] < first[0] + second[0] - 0.1);
    }

    private static double Column(CrossbarWires wires, float[] positive, float[] negative, float[] x, int column)
    {
        int rows = wires.Rows;
        int n = negative.Length > 0 ? 2 * rows : rows;
        double[] g = [.. Enumerable.Range(0, n).Select(i => x[i % rows] == 0 ? 0.0 : (i < rows ? positive : negative)[(i % rows * wires.Columns) + column])];
        double[,] a = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            a[i, i] = 1;
            for (int k = 0; k < n; k++)
            {
                int from = Math.Max(i % rows, k % rows);
                double shared = Enumerable.Range(from, rows - from).Sum(wires.Below);
                if (i / rows == k / rows)
                {
                    shared += Enumerable.Range(0, Math.Min(i % rows, k % rows) + 1).Sum(wires.Along);
                }

                a[i, k] += g[i] * shared;
            }
        }

        return SolveDense(a, [.. g.Select((v, i) => v * x[i % rows] * (i < rows ? 1 : -1))]).Sum();
    }
}

using AimcCompiler.Kernels;
using static AimcCompiler.Tests.Kernels.Wires.WireCases;

namespace AimcCompiler.Tests.Kernels.Wires;

/// <summary>The effective matrix of a crossbar with wires: against an independent elimination, an independent relaxation, and laws of linear networks.</summary>
public sealed class CrossbarReductionTests
{
    private const double Tolerance = 1e-10;

    /// <summary>1e-12: wires that hardly resist; 1: nearly everything is lost in a line of 100 cells.</summary>
    public static TheoryData<int, int, double> Crossbars
    {
        get
        {
            TheoryData<int, int, double> data = [];
            foreach (var (rows, columns) in ((int, int)[])[(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (4, 4), (5, 4), (8, 8), (7, 17), (16, 9)])
            {
                foreach (double resistance in (double[])[1e-12, 1e-6, 1e-4, 1e-2, 1])
                {
                    data.Add(rows, columns, resistance);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Crossbars))]
    public void IsWhatAnEliminationOfAllCellsGives(int rows, int columns, double resistance)
    {
        double[] cells = Cells(rows * columns, rows);
        foreach (int pair in rows % 2 == 0 ? (int[])[1, 2] : [1])
        {
            var wires = Crossbar(rows, columns, resistance, pair);
            double[] x = Inputs(rows, 7);
            AssertClose(Dense(wires, cells, x), Product(Effective(wires, cells), x), 1e-12, $"{pair} rows a crossing");
        }
    }

    [Theory]
    [InlineData(64, 64, 1e-5)]
    [InlineData(128, 128, 1e-8)]
    [InlineData(128, 128, 1e-5)]
    [InlineData(128, 128, 1e-3)]
    [InlineData(100, 260, 1e-4)]
    [InlineData(257, 31, 1e-4)]
    [InlineData(256, 256, 1e-6)]
    [InlineData(256, 256, 1e-3)]
    public void RelaxationAgreesAndObeysKirchhoffsVoltageLaw(int rows, int columns, double resistance)
    {
        double[] cells = Cells(rows * columns, 3);
        var wires = Crossbar(rows, columns, resistance, rows % 2 == 0 ? 2 : 1);
        CrossbarRelaxation relaxation = new(wires, cells);
        double[] x = Inputs(rows, 5);
        double[] y = new double[columns];
        relaxation.Solve(x, y);
        Assert.InRange(relaxation.Residual, 0, Tolerance);
        AssertClose(y, Product(Effective(wires, cells), x), Tolerance, "reduction");
    }

    /// <summary>Defect 8 of simulators.md section 6: R_p G_max of 1e-3 in 128 x 128 cells takes CrossSim seconds a product, and stronger wires do not
    /// converge; here the steps grow with the root of the resistance, and no wire is too strong.</summary>
    [Theory]
    [InlineData(1e-3, 60)]
    [InlineData(1e-2, 200)]
    [InlineData(1, 1500)]
    public void StrongWiresConverge(double resistance, int steps)
    {
        double[] cells = [.. Inputs(128 * 128, 3, 0)];
        var wires = Crossbar(128, 128, resistance);
        CrossbarRelaxation relaxation = new(wires, cells);
        double[] y = new double[128];
        relaxation.Solve([.. Enumerable.Repeat(1.0, 128)], y);
        Assert.InRange(relaxation.Steps, 1, steps);
        Assert.InRange(relaxation.Residual, 0, Tolerance);
        AssertClose(y, Product(Effective(wires, cells), [.. Enumerable.Repeat(1.0, 128)]), Tolerance, "reduction");
    }

    [Fact]
    public void PerfectWiresChangeNothing()
    {
        double[] cells = Cells(30, 1);
        Assert.Equal(cells, Effective(Crossbar(6, 5, 0), cells));
    }

    /// <summary>Where only some wires are perfect they stand among the others as such: the limit of weaker and weaker ones.</summary>
    [Fact]
    public void SomePerfectWiresAreTheLimitOfWeakOnes()
    {
        double[] cells = Cells(12 * 10, 1);
        var none = Crossbar(12, 10, 0);
        foreach (var (perfect, weak) in ((CrossbarWires, CrossbarWires)[])
            [
                (none with { WordLine = 1e-3 }, none with { Driver = 1e-20, WordLine = 1e-3, BitLine = 1e-20, Sense = 1e-20 }),
                (none with { BitLine = 1e-3 }, none with { Driver = 1e-20, WordLine = 1e-20, BitLine = 1e-3, Sense = 1e-20 }),
                (none with { Driver = 1e-3 }, none with { Driver = 1e-3, WordLine = 1e-20, BitLine = 1e-20, Sense = 1e-20 }),
                (none with { Sense = 1e-3 }, none with { Driver = 1e-20, WordLine = 1e-20, BitLine = 1e-20, Sense = 1e-3 }),
            ])
        {
            AssertClose(Effective(weak, cells), Effective(perfect, cells), 1e-14, perfect.ToString());
            double[] x = Inputs(12, 2);
            AssertClose(Dense(perfect, cells, x), Product(Effective(perfect, cells), x), 1e-13, perfect.ToString());
        }
    }

    /// <summary>The currents at every node add up to nothing, at weak and at strong wires.</summary>
    [Theory]
    [InlineData(1e-4, 1)]
    [InlineData(1e-4, 2)]
    [InlineData(0.1, 1)]
    [InlineData(0.1, 2)]
    public void CurrentsOfEveryNodeCancel(double resistance, int pair)
    {
        const int Rows = 20;
        const int Columns = 13;
        double[] cells = Cells(Rows * Columns, 4);
        var wires = Crossbar(Rows, Columns, resistance, pair);
        CrossbarRelaxation relaxation = new(wires, cells);
        double[] x = Inputs(Rows, 5);
        double[] y = new double[Columns];
        relaxation.Solve(x, y);
        double[] word = relaxation.WordVoltages();
        double[] bit = relaxation.BitVoltages();
        for (int r = 0; r < Rows; r++)
        {
            for (int c = 0; c < Columns; c++)
            {
                int i = (r * Columns) + c;
                double cell = cells[i] * (word[i] - bit[i]);
                double into = ((c == 0 ? x[r] : word[i - 1]) - word[i]) / wires.Before(c);
                double on = c == Columns - 1 ? 0 : (word[i] - word[i + 1]) / wires.Before(c + 1);
                Assert.Equal(0, into - on - cell, 1e-10);
                if ((r + 1) % pair != 0)
                {
                    continue;
                }

                double cellsHere = Enumerable.Range(0, pair).Sum(k => cells[i - (k * Columns)] * (word[i - (k * Columns)] - bit[i - (k * Columns)]));
                double above = r < pair ? 0 : (bit[i - (pair * Columns)] - bit[i]) / wires.Below(r - pair);
                double below = (bit[i] - (r == Rows - 1 ? 0 : bit[i + Columns])) / wires.Below(r);
                Assert.Equal(0, above + cellsHere - below, 1e-10);
                Assert.True(r < Rows - 1 || Math.Abs(below - y[c]) < 1e-10);
            }
        }
    }

    [Fact]
    public void ResponsesSuperpose()
    {
        double[] cells = Cells(40 * 24, 4);
        CrossbarRelaxation relaxation = new(Crossbar(40, 24, 1e-3), cells);
        double[] a = Inputs(40, 1);
        double[] b = Inputs(40, 2);
        double[] ya = new double[24];
        double[] yb = new double[24];
        double[] both = new double[24];
        relaxation.Solve(a, ya);
        relaxation.Solve(b, yb);
        relaxation.Solve([.. a.Zip(b, (p, q) => p - (2 * q))], both);
        AssertClose([.. ya.Zip(yb, (p, q) => p - (2 * q))], both, 1e-12, "a - 2 b");
    }

    /// <summary>Drivers and grounds change places in the turned crossbar: what row r brings to column c, column c brings to row r.</summary>
    [Fact]
    public void TransferIsReciprocal()
    {
        const int Rows = 22;
        const int Columns = 35;
        double[] cells = Cells(Rows * Columns, 4);
        var wires = Crossbar(Rows, Columns, 1e-2);
        double[] forward = Effective(wires, cells);

        // Turned: word lines become bit lines that end at the driver, so both orders are reversed.
        double[] turned = new double[cells.Length];
        CrossbarWires other = new() { Rows = Columns, Columns = Rows, Driver = wires.Sense, WordLine = wires.BitLine, BitLine = wires.WordLine, Sense = wires.Driver };
        for (int r = 0; r < Rows; r++)
        {
            for (int c = 0; c < Columns; c++)
            {
                turned[((Columns - 1 - c) * Rows) + Rows - 1 - r] = cells[(r * Columns) + c];
            }
        }

        double[] backward = Effective(other, turned);
        for (int r = 0; r < Rows; r++)
        {
            for (int c = 0; c < Columns; c++)
            {
                double expected = forward[(r * Columns) + c];
                Assert.Equal(expected, backward[((Columns - 1 - c) * Rows) + Rows - 1 - r], Math.Max(expected, 1e-300) * 1e-11);
            }
        }
    }

    /// <summary>Every entry of M is positive; for non-negative inputs no output is above the plain product's; and what one voltage on all drivers brings falls
    /// with every resistance (Rayleigh). One output alone may rise when the others, farther on its word lines, take less.</summary>
    [Fact]
    public void MoreResistanceIsLessCurrent()
    {
        double[] cells = Inputs(30 * 30, 4, 0);
        double[] x = Inputs(30, 5, 0);
        double last = cells.Sum();
        foreach (double resistance in (double[])[1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10])
        {
            double[] effective = Effective(Crossbar(30, 30, resistance), cells);
            Assert.All(effective, m => Assert.True(m > 0));
            Assert.All(Product(effective, x).Zip(Product(cells, x)), pair => Assert.True(pair.First < pair.Second));
            Assert.True(effective.Sum() < last);
            last = effective.Sum();
        }

        var wires = Crossbar(30, 30, 1e-3);
        foreach (var more in (CrossbarWires[])[wires with { Driver = 0.1 }, wires with { WordLine = 0.1 }, wires with { BitLine = 0.1 }, wires with { Sense = 0.1 }, wires with { LastWordLine = 0.1 }])
        {
            Assert.True(Effective(more, cells).Sum() < Effective(wires, cells).Sum() - 1e-3, more.ToString());
        }
    }

    /// <summary>One column, one row: a divider.</summary>
    [Fact]
    public void OneCellIsASeriesResistance()
    {
        CrossbarWires wires = new() { Rows = 1, Columns = 1, Driver = 0.25, WordLine = 100, BitLine = 100, Sense = 0.5 };
        Assert.Equal(1 / ((1 / 4.0) + 0.25 + 0.5), Effective(wires, [4])[0], 1e-15);
    }
}

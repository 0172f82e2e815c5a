using AimcCompiler.Kernels;

namespace AimcCompiler.Tests.Kernels.Wires;

/// <summary>Crossbars for tests: cells of 0 to 25 with open ones among them, wires of any strength.</summary>
internal static class WireCases
{
    public static CrossbarWires Crossbar(int rows, int columns, double resistance, int rowsPerCrossing = 1) => new()
    {
        Rows = rows,
        Columns = columns,
        Driver = 1.5 * resistance,
        WordLine = resistance,
        BitLine = 0.7 * resistance,
        Sense = 2 * resistance,
        RowsPerCrossing = rowsPerCrossing,
    };

    public static double[] Cells(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() < 0.2 ? 0 : 25 * Math.Pow(random.NextDouble(), 3))];
    }

    public static double[] Inputs(int count, int seed, double least = -1)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => least + ((1 - least) * random.NextDouble()))];
    }

    public static double[] Effective(CrossbarWires wires, double[] cells)
    {
        double[] effective = new double[cells.Length];
        CrossbarReduction.Solve(wires, cells, effective);
        return effective;
    }

    /// <summary>y = M^T x.</summary>
    public static double[] Product(double[] matrix, double[] x)
    {
        int columns = matrix.Length / x.Length;
        double[] y = new double[columns];
        for (int i = 0; i < matrix.Length; i++)
        {
            y[i % columns] += matrix[i] * x[i / columns];
        }

        return y;
    }

    /// <summary>Gauss's elimination of a x = b with pivots.</summary>
    public static double[] SolveDense(double[,] a, double[] b)
    {
        int n = b.Length;
        for (int k = 0; k < n; k++)
        {
            int pivot = Enumerable.Range(k, n - k).MaxBy(i => Math.Abs(a[i, k]));
            for (int j = 0; j < n; j++)
            {
                (a[k, j], a[pivot, j]) = (a[pivot, j], a[k, j]);
            }

            (b[k], b[pivot]) = (b[pivot], b[k]);
            for (int i = k + 1; i < n; i++)
            {
                double factor = a[i, k] / a[k, k];
                for (int j = k; j < n; j++)
                {
                    a[i, j] -= factor * a[k, j];
                }

                b[i] -= factor * b[k];
            }
        }

        for (int k = n - 1; k >= 0; k--)
        {
            for (int j = k + 1; j < n; j++)
            {
                b[k] -= a[k, j] * b[j];
            }

            b[k] /= a[k, k];
        }

        return b;
    }

    /// <summary>Outputs from the voltage law of every cell alone: its current times its resistance, and the drops along both lines, are its input.</summary>
    public static double[] Dense(CrossbarWires wires, double[] cells, double[] x)
    {
        int n = cells.Length;
        int columns = wires.Columns;
        double[,] a = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            a[i, i] = 1;
            for (int k = 0; k < n; k++)
            {
                double shared = 0;
                if (i / columns == k / columns)
                {
                    shared += Enumerable.Range(0, Math.Min(i % columns, k % columns) + 1).Sum(wires.Before);
                }

                if (i % columns == k % columns)
                {
                    int from = Math.Max(i / columns, k / columns);
                    shared += Enumerable.Range(from, wires.Rows - from).Sum(wires.Below);
                }

                a[i, k] += cells[i] * shared;
            }
        }

        double[] currents = SolveDense(a, [.. cells.Select((g, i) => g * x[i / columns])]);
        double[] y = new double[columns];
        for (int i = 0; i < n; i++)
        {
            y[i % columns] += currents[i];
        }

        return y;
    }

    public static void AssertClose(double[] expected, double[] actual, double tolerance, string what)
    {
        double scale = Math.Max(expected.Max(Math.Abs), double.Epsilon);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * scale, $"{what}: [{i}] is {actual[i]:R}, should be {expected[i]:R} within {tolerance} of {scale}");
        }
    }
}

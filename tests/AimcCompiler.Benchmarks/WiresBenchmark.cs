using System.Diagnostics;
using System.Globalization;
using AimcCompiler.Kernels;

namespace AimcCompiler.Benchmarks;

/// <summary>CPU seconds of a crossbar's effective matrix, and what the alternatives cost: one relaxation step of every input, which a warm start needs at
/// least once.</summary>
internal static class WiresBenchmark
{
    /// <summary>What a 256 x 256 crossbar may take.</summary>
    private const double Bound = 0.25;

    public static int Run(TextWriter output)
    {
        bool holds = true;
        output.WriteLine("cells      wires    drop   reduction   check    difference   residual  steps  one input  a step of all inputs");
        foreach (int n in (int[])[128, 256, 512])
        {
            foreach (var (name, ohm) in ((string, double)[])[("none", 0), ("weak", 0.1), ("IBM", 0.35), ("22 nm", 4), ("strong", 40)])
            {
                double[] cells = Cells(n);
                CrossbarWires wires = new() { Rows = n, Columns = n, Driver = ohm * 1e-6, WordLine = ohm * 1e-6, BitLine = ohm * 1e-6, Sense = ohm * 1e-6 };
                double[] effective = new double[cells.Length];
                double seconds = Seconds(() => CrossbarReduction.Solve(wires, cells, effective));
                CrossbarRelaxation relaxation = null!;
                double setup = Seconds(() => relaxation = new CrossbarRelaxation(wires, cells));
                double[] inputs = [.. Enumerable.Range(0, n).Select(i => 1 - (0.5 * (i % 3)))];
                double[] solved = new double[n];
                double one = Seconds(() => relaxation.Solve(inputs, solved), reset: () => relaxation.Solve(new double[n], solved));
                double[] product = Product(effective, inputs, n);
                double difference = Enumerable.Range(0, n).Max(c => Math.Abs(product[c] - solved[c])) / product.Max(Math.Abs);
                double ideal = Product(cells, inputs, n).Average();
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{n,4}^2 {name,10} {1 - (product.Average() / ideal),7:P1} {seconds,9:F4} s {setup + one,7:F4} s {difference,10:E1} {relaxation.Residual,10:E1} {relaxation.Steps,6} {one,8:F4} s {one / relaxation.Steps * n,8:F2} s"));
                holds &= n != 256 || seconds <= Bound;
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"256^2 in at most {Bound} CPU s: {(holds ? "yes" : "NO")}"));
        return holds ? 0 : 1;
    }

    /// <summary>0 .. 25 uS, the mean 5.</summary>
    private static double[] Cells(int n)
    {
        double[] cells = new double[n * n];
        uint state = 1;
        for (int i = 0; i < cells.Length; i++)
        {
            state = (state * 1664525) + 1013904223;
            double u = (state >> 8) / (double)(1 << 24);
            cells[i] = 25 * u * u * u * u;
        }

        return cells;
    }

    private static double[] Product(double[] matrix, double[] x, int n)
    {
        double[] y = new double[n];
        for (int r = 0; r < n; r++)
        {
            for (int c = 0; c < n; c++)
            {
                y[c] += x[r] * matrix[(r * n) + c];
            }
        }

        return y;
    }

    /// <summary>The least CPU time of three runs.</summary>
    private static double Seconds(Action action, Action? reset = null)
    {
        using var process = Process.GetCurrentProcess();
        double best = double.PositiveInfinity;
        for (int i = 0; i < 3; i++)
        {
            reset?.Invoke();
            process.Refresh();
            var before = process.TotalProcessorTime;
            action();
            process.Refresh();
            best = Math.Min(best, (process.TotalProcessorTime - before).TotalSeconds);
        }

        return best;
    }
}

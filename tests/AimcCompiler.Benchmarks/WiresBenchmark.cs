using System.Diagnostics;
using System.Globalization;
using AimcCompiler.Kernels;

namespace AimcCompiler.Benchmarks;

/// <summary>CPU seconds of a crossbar's effective matrix, alone and with its check, and of one relaxation step of every input, which any warm start needs at
/// least once; of one input of gated cells.</summary>
internal static class WiresBenchmark
{
    /// <summary>What a 256 x 256 crossbar may take.</summary>
    private const double Bound = 0.25;

    public static int Run(TextWriter output)
    {
        bool holds = true;
        output.WriteLine("| cells | wire, ohm | lost | matrix, s | with its check, s | outputs differ by | steps of the check | a step of all inputs, s |");
        output.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (int n in (int[])[128, 256, 512])
        {
            foreach (double ohm in (double[])[0.1, 0.35, 4, 40])
            {
                double[] cells = Cells(n);
                CrossbarWires wires = new() { Rows = n, Columns = n, Driver = ohm * 1e-6, WordLine = ohm * 1e-6, BitLine = ohm * 1e-6, Sense = ohm * 1e-6 };
                double[] effective = new double[cells.Length];
                double matrix = Seconds(() => CrossbarReduction.Reduce(wires, cells, effective));
                double whole = Seconds(() => CrossbarReduction.Solve(wires, cells, effective));
                CrossbarRelaxation relaxation = new(wires, cells);
                double[] inputs = [.. Enumerable.Range(0, n).Select(i => 1 - (0.5 * (i % 3)))];
                double[] solved = new double[n];
                double one = Seconds(() => relaxation.Solve(inputs, solved), reset: () => relaxation.Solve(new double[n], solved));
                double[] product = Product(effective, inputs, n);
                double difference = Enumerable.Range(0, n).Max(c => Math.Abs(product[c] - solved[c])) / product.Max(Math.Abs);
                double lost = 1 - (product.Average() / Product(cells, inputs, n).Average());
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {n}^2 | {ohm} | {100 * lost:F1} % | {matrix:F3} | {whole:F3} | {difference:E0} | {relaxation.Steps} | {one / relaxation.Steps * n:F2} |"));
                holds &= n != 256 || whole <= Bound;
            }
        }

        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"256^2 with its check in at most {Bound} CPU s: {(holds ? "yes" : "NO")}"));
        output.WriteLine();
        output.WriteLine("| gated cells | one input, ms |");
        output.WriteLine("|---|---|");
        foreach (int n in (int[])[128, 256, 512])
        {
            float[] cells = Array.ConvertAll(Cells(n), g => (float)g);
            float[] inputs = [.. Enumerable.Range(0, n).Select(i => i % 2f)];
            double[] outputs = new double[n];
            CrossbarWires wires = new() { Rows = n, Columns = n, Driver = 1e-6, WordLine = 1e-6, BitLine = 1e-6, Sense = 1e-6 };
            const int Times = 200;
            double seconds = Seconds(() =>
            {
                for (int i = 0; i < Times; i++)
                {
                    SourceLineCrossbar.Solve(wires, cells, [], inputs, outputs);
                }
            });
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {n}^2 | {1000 * seconds / Times:F2} |"));
        }

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

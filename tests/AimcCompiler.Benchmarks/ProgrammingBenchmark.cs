using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Benchmarks;

/// <summary>CPU seconds of programming the devices of one layer, of what they are a day later, and of that with its drift compensation, on one thread, beside aihwkit 1.1.0.</summary>
internal static class ProgrammingBenchmark
{
    private const double DayS = 86400;

    private const int Runs = 7;

    /// <summary>aihwkit 1.1.0 on a machine of this class, one thread: programming, and drift with its compensation read-out.</summary>
    private static readonly (int N, double ProgramS, double DriftS)[] s_aihwkit = [(1024, 0.075, 0.075), (4096, 1.15, 1.17)];

    public static int Run(TextWriter output)
    {
        output.WriteLine("| chip | n | program, s | aihwkit, s | a day later, s | compensated, s | aihwkit, s |");
        output.WriteLine("|---|---|---|---|---|---|---|");
        foreach (var (n, programS, driftS) in s_aihwkit)
        {
            MatrixProduct product = new(n);
            foreach (string preset in (string[])["hermes", "aihwkit-default"])
            {
                double program = Seconds(product, preset, ["tile.drift_compensation=null"], null);
                double drift = Seconds(product, preset, ["tile.drift_compensation=null"], DayS);
                double compensated = Seconds(product, preset, [], DayS);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"| {preset} | {n} | {program:F3} | {programS} | {drift:F3} | {compensated:F3} | {driftS} |"));
            }
        }

        return 0;
    }

    /// <summary>Median CPU time of an executor of the layer: each programs the chip anew.</summary>
    private static double Seconds(MatrixProduct product, string preset, string[] overrides, double? timeS)
    {
        var program = product.Compile(ChipReader.Read(preset, overrides));
        var tile = program.Chip.Tile;
        var device = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
        SimulationOptions options = new() { TimeS = timeS, Threads = 1 };
        List<double> seconds = [];
        for (int i = 0; i <= Runs; i++)
        {
            double before = Environment.CpuUsage.TotalTime.TotalSeconds;
            _ = new LayerExecutor(program, 0, device, options);
            seconds.Add(Environment.CpuUsage.TotalTime.TotalSeconds - before);
        }

        // The first compiled the code.
        return seconds.Skip(1).Order().ElementAt(Runs / 2);
    }
}

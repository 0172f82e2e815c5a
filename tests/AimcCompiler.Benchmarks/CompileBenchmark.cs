using System.Diagnostics;
using System.Globalization;

namespace AimcCompiler.Benchmarks;

/// <summary>What <c>aimc compile</c> takes beyond <c>aimc --help</c>, in processes of their own: seconds, CPU seconds, and the largest resident set over the model's parameters in fp32.</summary>
internal static class CompileBenchmark
{
    private const int Rounds = 5;

    /// <summary>What the help may take from a published tool.</summary>
    private const double HelpBound = 0.15;

    /// <summary>A gigabyte over the 575 MB of VGG-19.</summary>
    private const double VggMemory = 1.74;

    private static readonly string Own = Path.Combine(SharedFolder.Repository, "onnx-models");
    private static readonly string Reference = Path.Combine(SharedFolder.Folder, "models", "onnx");

    /// <param name="Path">The model.</param>
    /// <param name="Chip">As many of it as are needed.</param>
    /// <param name="Seconds">What it may take; null = nothing was set.</param>
    /// <param name="Memory">What it may take, in sizes of its fp32 parameters; null = nothing was set.</param>
    private sealed record Case(string Path, string Chip, double? Seconds, double? Memory);

    private static readonly Case[] Cases =
    [
        new(Path.Combine(Own, "lenet5.onnx"), "hermes", 1, null),
        new(Path.Combine(Own, "lenet5.onnx"), "isaac", 1, null),
        new(Path.Combine(Own, "resnet.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "mlperf-tiny-resnet8.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "mlperf-tiny-mobilenet_v1.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "mlperf-tiny-mobilenet_v1.onnx"), "isaac", 1, null),
        new(Path.Combine(Reference, "light_squeezenet.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "light_inception_v1.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "light_resnet50.onnx"), "hermes", 1, null),
        new(Path.Combine(Reference, "light_resnet50.onnx"), "isaac", null, null),
        new(Path.Combine(Reference, "light_vgg19.onnx"), "hermes", 5, VggMemory),
        new(Path.Combine(Reference, "light_vgg19.onnx"), "pimcomp", 5, VggMemory),
    ];

    /// <param name="output">Where the tables go.</param>
    /// <param name="tool">The path of the tool; empty = the one that was built with this program, which was not compiled ahead of time.</param>
    /// <returns>1 = a bound does not hold.</returns>
    public static int Run(TextWriter output, string[] tool)
    {
        string aimc = tool is [var path, ..] ? path : Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "aimc.exe" : "aimc");
        string folder = Directory.CreateTempSubdirectory("aimc-compile-").FullName;
        try
        {
            var help = Median(() => Measure(aimc, ["--help"]), 3 * Rounds);
            bool holds = tool.Length == 0 || help.Seconds <= HelpBound;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"`aimc --help`: {1000 * help.Seconds:F0} ms, {1000 * help.Cpu:F0} ms of CPU time{(tool.Length == 0 ? "" : $" (at most {1000 * HelpBound:F0} ms: {(holds ? "yes" : "NO")})")}"));
            output.WriteLine();
            output.WriteLine("| model | fp32, MB | chip | beyond start-up, s | CPU, s | at most, s | peak, MB | over fp32 | at most |");
            output.WriteLine("|---|---|---|---|---|---|---|---|---|");
            foreach (var one in Cases.Where(c => File.Exists(c.Path)))
            {
                string name = Path.GetFileNameWithoutExtension(one.Path);
                string model = name.StartsWith("light_", StringComparison.Ordinal) ? Drawn(aimc, one.Path, Path.Combine(folder, $"{name}.onnx")) : one.Path;
                var taken = Median(() => Measure(aimc, ["compile", model, "--chip", one.Chip, "--chips", "auto", "-o", Path.Combine(folder, "program.aimc")]), Rounds);
                // A file of fp32 weights is hardly larger than they are.
                double size = new FileInfo(model).Length;
                double seconds = taken.Seconds - help.Seconds;
                holds &= seconds <= (one.Seconds ?? double.PositiveInfinity) && taken.Bytes / size <= (one.Memory ?? double.PositiveInfinity);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {name} | {size / 1e6:F1} | {one.Chip} | {seconds:F2} | {taken.Cpu - help.Cpu:F2} | {one.Seconds?.ToString(CultureInfo.InvariantCulture) ?? "-"} | {taken.Bytes / 1e6:F0} | {taken.Bytes / size:F2} | {one.Memory?.ToString(CultureInfo.InvariantCulture) ?? "-"} |"));
                output.Flush();
            }

            return holds ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The topology with weights, once.</summary>
    private static string Drawn(string aimc, string topology, string model)
    {
        if (!File.Exists(model))
        {
            Measure(aimc, ["dump", topology, "--reseed", "1", "-o", model]);
        }

        return model;
    }

    private static (double Seconds, double Cpu, double Bytes) Median(Func<(double Seconds, double Cpu, double Bytes)> measure, int rounds)
    {
        var all = Enumerable.Range(0, rounds).Select(_ => measure()).ToArray();
        double Middle(Func<(double Seconds, double Cpu, double Bytes), double> of) => all.Select(of).Order().ElementAt(rounds / 2);
        return (Middle(m => m.Seconds), Middle(m => m.Cpu), all.Max(m => m.Bytes));
    }

    /// <summary>CPU time and peak are as of the last look, a few milliseconds before the end.</summary>
    private static (double Seconds, double Cpu, double Bytes) Measure(string aimc, string[] arguments)
    {
        long started = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(aimc, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        TimeSpan cpu = TimeSpan.Zero;
        long peak = 0;
        do
        {
            try
            {
                process.Refresh();
                (cpu, peak) = (process.TotalProcessorTime, Math.Max(peak, process.PeakWorkingSet64));
            }
            catch (InvalidOperationException)
            {
                // It has ended.
            }
        }
        while (!process.WaitForExit(5));
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"aimc {string.Join(' ', arguments)} ended with {process.ExitCode}: {error.Result}{output.Result}");
        }

        return (seconds, cpu.TotalSeconds, peak);
    }
}

using System.CommandLine;
using System.Globalization;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Benchmarks;

/// <param name="Work">Name of the work.</param>
/// <param name="N">The matrix is N x N.</param>
/// <param name="Batch">Vectors of a run.</param>
/// <param name="Threads">1: by CPU time; more: by time on the wall.</param>
/// <param name="Ratio">Ours over ONNX Runtime's, median over rounds.</param>
/// <param name="Goal">The ratio at most.</param>
/// <param name="Stretch">What would be better still.</param>
/// <param name="OursMs">Median of a run of ours.</param>
/// <param name="OnnxRuntimeMs">Median of a run of theirs.</param>
/// <param name="Rounds">Rounds measured.</param>
/// <param name="Path">How the layer was computed: <see cref="LayerMethod"/>.</param>
internal sealed record RatioRow(
    string Work, int N, int Batch, int Threads, double Ratio, double Goal, double? Stretch, double OursMs, double OnnxRuntimeMs, int Rounds, string Path);

/// <summary><c>ratios</c>: an analog layer over ONNX Runtime's fp32 MatMul of the same shape.</summary>
internal static class RatiosCommand
{
    /// <summary>Seconds since programming: cells have drifted.</summary>
    private const double TimeS = 86400;

    /// <summary>The first row of a process runs code that is still being compiled.</summary>
    private const double WarmUpS = 2;

    public static Command Create()
    {
        string names = string.Join(',', RatioWork.All.Select(w => w.Name));
        var work = new Option<string>("--work") { Description = "Which works", HelpName = "A,B", DefaultValueFactory = _ => names };
        var n = new Option<string>("--n") { Description = "Rows and columns of the matrix", HelpName = "N,N", DefaultValueFactory = _ => "1024,4096" };
        var batch = new Option<string>("--batch") { Description = "Vectors of a run", HelpName = "N,N", DefaultValueFactory = _ => "128,1024" };
        var threads = new Option<string>("--threads")
        {
            Description = "1 by CPU time, more by time on the wall; 0 = all cores",
            HelpName = "N,N",
            DefaultValueFactory = _ => "1,0",
        };
        var runs = new Option<int>("--runs") { Description = "Rounds of a row at most", DefaultValueFactory = _ => 7 };
        var seconds = new Option<double>("--seconds") { Description = "No round of a row begins after so many seconds", DefaultValueFactory = _ => 20 };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "ratios",
            "One analog layer, run by the runtime, over ONNX Runtime's fp32 MatMul of the same shape, in turn in one process: medians of the ratio",
            "AimcCompiler.Benchmarks ratios",
            "AimcCompiler.Benchmarks ratios --work pwm,sliced --n 1024 --threads 1 --format json") { work, n, batch, threads, runs, seconds, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                RatioWork[] works = [.. Names(parsed.GetValue(work)!)];
                int[] sizes = [.. Numbers("--n", parsed.GetValue(n)!, 1)];
                int[] batches = [.. Numbers("--batch", parsed.GetValue(batch)!, 1)];
                int[] counts = [.. Numbers("--threads", parsed.GetValue(threads)!, 0).Select(t => t == 0 ? Environment.ProcessorCount : t).Distinct()];
                bool isText = parsed.GetValue(format) == "text";
                var machine = MachineRate.Measure(token);
                if (isText)
                {
                    console.Output.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"One thread, fp32: {machine.MultiplyAddGflops:0} GFLOP/s of multiply-adds; ONNX Runtime's MatMul, n = {MachineRate.N}, batch {MachineRate.Batch}: {machine.OnnxRuntimeGflops:0} GFLOP/s"));
                    console.Output.WriteLine();
                    console.Output.WriteLine("| work | n | batch | threads | ours, ms | ONNX Runtime, ms | ratio | goal | | path |");
                    console.Output.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
                }

                List<RatioRow> rows = [];
                foreach (int size in sizes)
                {
                    MatrixProduct product = new(size);
                    foreach (var one in works)
                    {
                        foreach (var row in Measure(one, product, size, batches, counts, parsed.GetValue(runs), parsed.GetValue(seconds), token))
                        {
                            rows.Add(row);
                            if (isText)
                            {
                                console.Output.WriteLine(Line(row));
                                console.Output.Flush();
                            }
                        }
                    }
                }

                if (isText)
                {
                    console.Output.WriteLine();
                    console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rows.Count(r => r.Ratio <= r.Goal)} of {rows.Count} within their goals"));
                }
                else
                {
                    ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Machine = machine, Rows = rows }), file: null);
                }
            },
            cancellation));
        return command;
    }

    private static IEnumerable<RatioRow> Measure(
        RatioWork work, MatrixProduct product, int n, int[] batches, int[] threads, int rounds, double seconds, CancellationToken cancellation)
    {
        var program = product.Compile(ChipReader.Read(work.Preset, work.Overrides));
        var tile = program.Chip.Tile;
        var device = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
        var method = LayerMethod.Of(program, 0);
        SimulationOptions options = new() { TimeS = TimeS };
        // The cells are programmed once, on all cores.
        LayerExecutor programmed = new(program, 0, device, options);
        foreach (int count in threads)
        {
            LayerExecutor layer = new(program, 0, device, options with { Threads = count }, owner: programmed);
            using var reference = product.Reference(count);
            foreach (int batch in batches)
            {
                cancellation.ThrowIfCancellationRequested();
                var inputs = product.Inputs(batch);
                using DigitalValue value = new(inputs);
                var given = MatrixProduct.Given(value);
                var found = Alternation.Measure(
                    () => layer.Run(inputs, batch, 0), () => MatrixProduct.Run(reference, given), count == 1 ? Clock.Cpu : Clock.Wall, rounds, seconds, WarmUpS, cancellation);
                yield return new RatioRow(work.Name, n, batch, count, found.Ratio, work.Goal, work.Stretch, 1000 * found.OursS, 1000 * found.TheirsS, found.Rounds, method.Path);
            }
        }
    }

    private static string Line(RatioRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {row.Work} | {row.N} | {row.Batch} | {row.Threads} | {row.OursMs:0.0} | {row.OnnxRuntimeMs:0.0} | {row.Ratio:0.00} | {Goal(row)} | {(row.Ratio <= row.Goal ? "" : "above")} | {row.Path} |");

    private static string Goal(RatioRow row) => row.Stretch is { } stretch
        ? string.Create(CultureInfo.InvariantCulture, $"{row.Goal} ({stretch})")
        : row.Goal.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<RatioWork> Names(string list) => list.Split(',').Select(name => RatioWork.All.FirstOrDefault(w => w.Name == name.Trim())
        ?? throw new DiagnosticException(Descriptors.InvalidOption, "--work", $"names '{name}', which there is not", $"of: {string.Join(", ", RatioWork.All.Select(w => w.Name))}"));

    private static IEnumerable<int> Numbers(string option, string list, int least) => list.Split(',').Select(text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            ? number
            : throw new DiagnosticException(Descriptors.InvalidOption, option, $"has '{text}'; whole numbers from {least} are possible"));
}

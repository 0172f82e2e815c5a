using System.Diagnostics;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Runtime;

namespace AimcCompiler.Benchmarks;

/// <summary>What <c>evaluate</c> does with LeNet-5 and 10,000 images of Fashion-MNIST on aihwkit-default, a day after programming: the time of the samples alone, over ONNX Runtime's on the same
/// batches. Every round is an instance programmed anew.</summary>
internal static class LeNetEvaluation
{
    public const string Name = "lenet5";

    private const string Chip = "aihwkit-default";

    /// <summary>Debian's package dataset-fashion-mnist.</summary>
    private const string Whole = "/usr/share/datasets/fashion-mnist";

    private const double TimeS = 86400;

    /// <param name="rounds">Programmed instances.</param>
    /// <param name="report">Takes a line for the reader.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static EndToEndRow Measure(int rounds, Action<string> report, CancellationToken cancellation)
    {
        string models = Path.Combine(SharedFolder.Repository, "onnx-models");
        string model = Path.Combine(models, "lenet5.onnx");
        bool isWhole = Directory.Exists(Whole);
        if (!isWhole)
        {
            report($"{Name}: {Whole} is not here: the 1,000 images of the repository take the place of 10,000");
        }

        DataOptions data = new()
        {
            Paths = [isWhole ? $"{Whole}/t10k-images-idx3-ubyte.gz" : Path.Combine(models, "fashion-mnist-test1000-images.idx3-ubyte.gz")],
            Labels = isWhole ? $"{Whole}/t10k-labels-idx1-ubyte.gz" : Path.Combine(models, "fashion-mnist-test1000-labels.idx1-ubyte.gz"),
        };
        CompileRequest compile = new() { Model = model, Chip = Chip };
        EvaluateRequest request = new() { File = model, Compile = compile, Data = data, TimesS = [TimeS], Metric = MetricKind.Top1 };
        using ProgramSource source = new(request, cancellation);
        using EvaluationBench bench = new(request, source.Program, [source.Program.Chip]);
        var program = bench.Complete(source.Program, cancellation);
        using DigitalPartitions partitions = new(program);
        int threads = request.Simulation.Threads;
        using DigitalSession reference = new(model, new DigitalOptions(threads));
        IReadOnlyDictionary<string, Tensor>[] batches =
        [
            .. Enumerable.Range(0, (int)bench.Samples.Batches).Select(i => bench.Samples.Batch(
                bench.Samples.First + ((long)i * bench.Samples.BatchSize),
                (int)Math.Min(bench.Samples.BatchSize, bench.Samples.Count - ((long)i * bench.Samples.BatchSize)))),
        ];
        List<double> ours = [];
        List<double> theirs = [];
        // The first of each warms up.
        for (int round = 0; round <= rounds; round++)
        {
            var options = bench.Options with { Simulation = request.Simulation with { Instance = round } };
            double our = bench.Samples.Count / Evaluator.Measure(program, null, bench.Samples, options, partitions, cancellation).SamplesPerSecond;
            long started = Stopwatch.GetTimestamp();
            foreach (var batch in batches)
            {
                cancellation.ThrowIfCancellationRequested();
                reference.Run(batch, null, cancellation);
            }

            double their = Stopwatch.GetElapsedTime(started).TotalSeconds;
            if (round > 0)
            {
                ours.Add(our);
                theirs.Add(their);
            }
        }

        double ratio = Alternation.Median([.. ours.Zip(theirs, (o, t) => o / t)]);
        return new EndToEndRow(
            Name, Chip, bench.Samples.BatchSize, threads, ratio, 3, 1000 * Alternation.Median(ours), 1000 * Alternation.Median(theirs), bench.Samples.Count, rounds);
    }
}

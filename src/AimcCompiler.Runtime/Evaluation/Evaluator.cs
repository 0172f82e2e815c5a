using System.Collections.Immutable;
using System.Diagnostics;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>Samples as an evaluation takes them.</summary>
/// <param name="First">Index of the first sample in the data set.</param>
/// <param name="Count">How many.</param>
/// <param name="BatchSize">Samples that go through the program together.</param>
/// <param name="Batch">(first, count) -> the model's inputs. Called by one thread at a time.</param>
/// <param name="Labels">Of the whole data set, or null.</param>
public sealed record EvaluationData(
    long First, long Count, int BatchSize, Func<long, int, IReadOnlyDictionary<string, Tensor>> Batch, int[]? Labels)
{
    /// <summary>(first, count) -> what the output should be; null = what ONNX Runtime's is. Called by one thread at a time.</summary>
    public Func<long, int, Tensor>? Targets { get; init; }
}

public sealed record EvaluationOptions
{
    public required MetricKind Metric { get; init; }

    /// <summary>Which of the model's outputs is scored.</summary>
    public int Output { get; init; }

    /// <summary>The input that <see cref="MetricKind.ReconstructionAuc"/> compares the output with.</summary>
    public string? Reconstructed { get; init; }

    /// <summary>Peak of the signal for <see cref="MetricKind.Psnr"/>; null = the range of the targets.</summary>
    public double? Peak { get; init; }

    /// <summary>Seconds since programming; null = right after it.</summary>
    public required ImmutableArray<double?> TimesS { get; init; }

    public required int Instances { get; init; }

    public required SimulationOptions Simulation { get; init; }

    public Action<string>? Progress { get; init; }

    /// <summary>Called with (instance, time, first sample, outputs); null = not.</summary>
    public Action<int, double?, long, ImmutableArray<Tensor>>? Observe { get; init; }
}

/// <param name="TimeS">Seconds since programming; null = right after it.</param>
/// <param name="Instances">Programmed instances.</param>
/// <param name="Mean">Mean of the metric over instances.</param>
/// <param name="Std">Standard deviation over instances; null for one, and where the mean is not finite (no error at all has no ratio to it).</param>
/// <param name="Ci95">Half width of the 95 % confidence interval of the mean over instances (Student's t); null as before.</param>
public sealed record EvaluationPoint(double? TimeS, int Instances, double Mean, double? Std, double? Ci95);

/// <param name="Samples">Samples that count in the metric.</param>
/// <param name="Reference">ONNX Runtime's metric on the same samples; null when there is no model to ask.</param>
/// <param name="Results">One a time.</param>
/// <param name="SamplesPerSecond">Samples x instances x times over the time spent running them.</param>
public sealed record EvaluationResult(long Samples, double? Reference, ImmutableArray<EvaluationPoint> Results, double SamplesPerSecond)
{
    /// <summary>What writing the first instance took; null where no account is kept.</summary>
    public ProgrammingReport? Programming { get; init; }
}

/// <summary>A metric on a data set, by time since programming and over programmed instances.</summary>
public static class Evaluator
{
    public static EvaluationResult Run(
        MappedProgram program, DigitalSession? reference, EvaluationData data, EvaluationOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        long batches = (data.Count + data.BatchSize - 1) / data.BatchSize;
        var metric = Metric.Of(options.Metric, options.Peak);
        // What ONNX Runtime says is kept only where instances are compared with it.
        bool keeps = options.Metric == MetricKind.Agreement || (Metric.NeedsTargets(options.Metric) && data.Targets is null);
        var expected = new Tensor?[batches];
        double[] terms = new double[data.Count * metric.Terms];
        double? referenceMetric = null;
        if (reference is not null)
        {
            // A program that is free may come from a model that runs one sample at a time, whatever it declares.
            int? batch = SampleBatch.FixedBatch(reference) ?? (program.Batch == BatchMode.Free ? 1 : null);
            EachBatch(data, options, "ONNX Runtime", (index, offset, count, inputs, targets) =>
            {
                var output = SampleBatch.Run(inputs, batch, (_, piece) => reference.Run(piece, null, cancellation))[options.Output];
                expected[index] = keeps ? output : null;
                Score(output, keeps ? output : targets, offset, count, inputs);
            }, cancellation);
            referenceMetric = Total();
        }

        void Score(Tensor output, Tensor? target, long offset, int count, IReadOnlyDictionary<string, Tensor> inputs) => metric.Score(
            new ScoredBatch(output, target, options.Reconstructed is { } name ? inputs[name] : null, LabelsOf(data, offset, count), count),
            terms.AsSpan((int)offset * metric.Terms, count * metric.Terms));

        double Total() => metric.Total(terms, LabelsOf(data, 0, (int)data.Count).Span);

        using DigitalPartitions partitions = new(program);
        var points = ImmutableArray.CreateBuilder<EvaluationPoint>();
        double seconds = 0;
        ProgrammingReport? programming = null;
        foreach (double? time in options.TimesS)
        {
            double[] metrics = new double[options.Instances];
            for (int instance = 0; instance < options.Instances; instance++)
            {
                string what = FormattableString.Invariant($"time {(time is null ? "0" : TimeText(time.Value))}, instance {instance + 1} of {options.Instances}");
                options.Progress?.Invoke($"{what}: programming");
                using Session session = new(program, options.Simulation with { TimeS = time, Instance = options.Simulation.Instance + instance }, partitions);
                programming ??= session.Programming;
                long started = Stopwatch.GetTimestamp();
                int number = instance;
                EachBatch(data, options, what, (index, offset, count, inputs, targets) =>
                {
                    var outputs = session.Run(inputs, data.First + offset, null, cancellation);
                    Score(outputs[options.Output], keeps ? expected[index] : targets, offset, count, inputs);
                    options.Observe?.Invoke(number, time, data.First + offset, outputs);
                }, cancellation);
                seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
                metrics[instance] = Total();
            }

            points.Add(Summarize(time, metrics));
        }

        return new EvaluationResult(data.Count, referenceMetric, points.ToImmutable(), data.Count * (double)options.Instances * options.TimesS.Length / Math.Max(seconds, 1e-9))
        {
            Programming = programming,
        };
    }

    /// <summary>Mean, deviation and the half width of the 95 % interval of the mean.</summary>
    public static EvaluationPoint Summarize(double? time, IReadOnlyList<double> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        double mean = metrics.Average();
        if (metrics.Count < 2 || !double.IsFinite(mean))
        {
            return new EvaluationPoint(time, metrics.Count, mean, null, null);
        }

        double std = Math.Sqrt(metrics.Sum(m => (m - mean) * (m - mean)) / (metrics.Count - 1));
        return new EvaluationPoint(time, metrics.Count, mean, std, StudentT.Quantile975(metrics.Count - 1) * std / Math.Sqrt(metrics.Count));
    }

    /// <summary>A time as people write it: 25s, 1h, 30d, 1y.</summary>
    public static string TimeText(double seconds)
    {
        (double Unit, string Name)[] units = [(365 * 86400.0, "y"), (86400, "d"), (3600, "h"), (60, "m")];
        foreach (var (unit, name) in units)
        {
            if (seconds >= unit && seconds / unit == Math.Floor(seconds / unit))
            {
                return FormattableString.Invariant($"{seconds / unit}{name}");
            }
        }

        return FormattableString.Invariant($"{seconds}s");
    }

    private static ReadOnlyMemory<int> LabelsOf(EvaluationData data, long offset, int count) =>
        data.Labels is null ? default : data.Labels.AsMemory((int)(data.First + offset), count);

    private static void EachBatch(
        EvaluationData data, EvaluationOptions options, string what, Action<long, long, int, IReadOnlyDictionary<string, Tensor>, Tensor?> run, CancellationToken cancellation)
    {
        long batches = (data.Count + data.BatchSize - 1) / data.BatchSize;
        long done = 0;
        Lock reading = new();
        try
        {
            Parallel.For(0, batches, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, options.Simulation.Threads), CancellationToken = cancellation }, index =>
            {
                long offset = index * data.BatchSize;
                int count = (int)Math.Min(data.BatchSize, data.Count - offset);
                IReadOnlyDictionary<string, Tensor> inputs;
                Tensor? targets;
                lock (reading)
                {
                    inputs = data.Batch(data.First + offset, count);
                    targets = data.Targets?.Invoke(data.First + offset, count);
                }

                run(index, offset, count, inputs, targets);
                long finished = Interlocked.Add(ref done, count);
                options.Progress?.Invoke(FormattableString.Invariant($"{what}: {finished} of {data.Count} samples"));
            });
        }
        catch (AggregateException e) when (e.Flatten().InnerExceptions.FirstOrDefault(i => i is DiagnosticException or OperationCanceledException or DigitalException) is { } cause)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause);
        }
    }
}

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

    /// <summary>How many batches the samples make.</summary>
    public long Batches => (Count + BatchSize - 1) / BatchSize;
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

    /// <summary>Programmed instances; with <see cref="TargetCi95"/> at most so many.</summary>
    public required int Instances { get; init; }

    /// <summary>Stop when the 95 % interval of every time's mean is at most so wide to either side, in the metric's own unit (shares: 0 .. 1), and
    /// <see cref="Evaluator.LeastInstances"/> have run; null = run all instances.</summary>
    public double? TargetCi95 { get; init; }

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

    /// <summary>The metric of every instance, in their order; one list a time.</summary>
    public ImmutableArray<ImmutableArray<double>> ByInstance { get; init; } = [];

    /// <summary>Every interval is as narrow as it should be; null = nothing was asked for.</summary>
    public bool? TargetReached { get; init; }
}

/// <summary>A metric on a data set, by time since programming and over programmed instances.</summary>
/// <remarks>An instance and a time are one run over the samples, whose result depends on nothing else: not on how many instances or times there are, nor on their order.</remarks>
public static class Evaluator
{
    /// <summary>Instances that run before an interval of their mean is believed.</summary>
    public const int LeastInstances = 3;

    public static EvaluationResult Run(
        MappedProgram program, DigitalSession? reference, EvaluationData data, EvaluationOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        using DigitalPartitions partitions = new(program);
        return Measure(program, reference is null ? null : EvaluationReference.Of(reference, program.Batch, data, options, cancellation), data, options, partitions, cancellation);
    }

    /// <summary>The same with what several evaluations share.</summary>
    /// <param name="program">The program.</param>
    /// <param name="reference">What ONNX Runtime makes of the same samples; null = not known.</param>
    /// <param name="data">The samples.</param>
    /// <param name="options">Metric, times, instances.</param>
    /// <param name="partitions">Of this program, or of one that differs in its chip alone.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static EvaluationResult Measure(
        MappedProgram program, EvaluationReference? reference, EvaluationData data, EvaluationOptions options, DigitalPartitions partitions, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        var tile = program.Chip.Tile;
        var device = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK);
        foreach (double time in options.TimesS.OfType<double>())
        {
            // Before the work of the times that come first.
            device.CheckTime(time);
        }

        ScoreSheet sheet = new(data, options);
        var metrics = options.TimesS.Select(_ => new List<double>()).ToArray();
        double seconds = 0;
        ProgrammingReport? programming = null;
        // All times of an instance before the next instance: what is not needed for the intervals is not run.
        for (int instance = 0; instance < options.Instances && !IsKnown(metrics, options.TargetCi95); instance++)
        {
            for (int t = 0; t < options.TimesS.Length; t++)
            {
                double? time = options.TimesS[t];
                string what = FormattableString.Invariant($"time {(time is null ? "0" : TimeText(time.Value))}, instance {instance + 1} of {options.Instances}");
                options.Progress?.Invoke($"{what}: programming");
                var simulation = options.Simulation with
                {
                    TimeS = time,
                    Instance = options.Simulation.Instance + instance,
                    // Enough batches keep every thread busy without a layer's being cut.
                    ThreadsOfALayer = data.Batches >= options.Simulation.Threads ? 1 : null,
                };
                using Session session = new(program, simulation, partitions);
                programming ??= session.Programming;
                long started = Stopwatch.GetTimestamp();
                int number = instance;
                SampleBatches.Each(data, options, what, (index, offset, count, inputs, targets) =>
                {
                    var outputs = session.Run(inputs, data.First + offset, null, cancellation);
                    sheet.Score(outputs[options.Output], sheet.ComparesWithReference ? reference?.Outputs[index] : targets, offset, count, inputs);
                    options.Observe?.Invoke(number, time, data.First + offset, outputs);
                }, cancellation);
                seconds += Stopwatch.GetElapsedTime(started).TotalSeconds;
                metrics[t].Add(sheet.Total());
            }
        }

        int instances = metrics.Max(m => m.Count);
        return new EvaluationResult(
            data.Count,
            reference?.Metric,
            [.. options.TimesS.Select((time, t) => Summarize(time, metrics[t]))],
            data.Count * (double)instances * options.TimesS.Length / Math.Max(seconds, 1e-9))
        {
            Programming = programming,
            ByInstance = [.. metrics.Select(m => m.ToImmutableArray())],
            TargetReached = options.TargetCi95 is null ? null : IsKnown(metrics, options.TargetCi95),
        };
    }

    /// <summary>Every interval is as narrow as it should be.</summary>
    private static bool IsKnown(List<double>[] metrics, double? target) =>
        target is { } width && metrics.All(m => m.Count >= LeastInstances && Summarize(null, m).Ci95 <= width);

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
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What <c>evaluate</c> was asked for.</summary>
internal sealed record EvaluateRequest
{
    /// <summary>.aimc or .onnx.</summary>
    public required string File { get; init; }

    /// <summary>How to compile an .onnx; null for an .aimc.</summary>
    public CompileRequest? Compile { get; init; }

    public required DataOptions Data { get; init; }

    /// <summary>Samples to calibrate on; null = the first 512 of the data, if the program needs any.</summary>
    public DataOptions? Calibration { get; init; }

    /// <summary>The fraction of calibration inputs that an input scale covers.</summary>
    public double CalibrationQuantile { get; init; } = 1;

    /// <summary>The model to take the reference from; null = the .onnx itself, or none.</summary>
    public string? Compare { get; init; }

    public MetricKind? Metric { get; init; }

    /// <summary>The output that is scored; null = the first.</summary>
    public string? OutputName { get; init; }

    /// <summary>Peak of the signal for PSNR; null = the range of the targets.</summary>
    public double? Peak { get; init; }

    public required ImmutableArray<double?> TimesS { get; init; }

    public int Instances { get; init; } = 1;

    /// <summary>Half width of the 95 % interval that is good enough, in points for shares, else in the metric's unit; null = run all instances.</summary>
    public double? TargetCi { get; init; }

    /// <summary>Fields of the chip to vary; empty = none.</summary>
    public ImmutableArray<VaryAxis> Vary { get; init; } = [];

    /// <summary>Samples to evaluate at most; null = all.</summary>
    public long? Limit { get; init; }

    public string? SaveOutputs { get; init; }

    public SimulationOptions Simulation { get; init; } = new();

    public Action<string>? Progress { get; init; }
}

/// <param name="Program">What ran.</param>
/// <param name="Metric">The metric.</param>
/// <param name="Output">Name of the output it looks at.</param>
/// <param name="CalibrationSamples">Samples of the data that ranges were taken from and that do not count.</param>
/// <param name="HasTargets">The user, or a test set, said what the output should be.</param>
/// <param name="Result">The figures.</param>
/// <param name="Warnings">Findings of the compile.</param>
internal sealed record EvaluateOutcome(
    MappedProgram Program, MetricKind Metric, string Output, long CalibrationSamples, bool HasTargets, EvaluationResult Result, ImmutableArray<Diagnostic> Warnings);

/// <summary>One program, its metric by time and over instances.</summary>
internal static class EvaluateWork
{
    public static EvaluateOutcome Run(EvaluateRequest request, CancellationToken cancellation)
    {
        if (request.SaveOutputs is { } target)
        {
            ResultOutput.CheckNotInput(target, [request.File, request.Compare, request.Data.Labels, request.Data.Targets, .. request.Data.Paths, .. request.Calibration?.Paths ?? []]);
            AtomicFile.CheckWritable(target);
        }

        using ProgramSource source = new(request, cancellation);
        if (request.SaveOutputs is { } saving && source.Program.Outputs.Select(o => source.Program.Values[o]).FirstOrDefault(v => v.Type == TensorType.String) is { } texts)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, saving, $"output '{texts.Name}' holds texts, which .npz does not", "leave --save-outputs out");
        }

        using EvaluationBench bench = new(request, source.Program, [source.Program.Chip]);
        var program = bench.Complete(source.Program, cancellation);
        List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved = [];
        var options = bench.Options with
        {
            Observe = request.SaveOutputs is null ? null : (instance, time, first, outputs) =>
            {
                lock (saved)
                {
                    saved.Add((instance, time, first, outputs));
                }
            },
        };
        using DigitalPartitions partitions = new(program);
        var result = Evaluator.Measure(program, bench.Reference(cancellation), bench.Samples, options, partitions, cancellation);
        if (request.SaveOutputs is { } path)
        {
            Save(path, program, saved);
        }

        return new EvaluateOutcome(program, options.Metric, bench.OutputName, bench.CalibrationSamples, bench.HasTargets, result, [.. source.Warnings, .. bench.Warnings]);
    }

    /// <summary>One array an output, time and instance: NAME@TIME#INSTANCE, of the output's own type.</summary>
    private static void Save(
        string path, MappedProgram program, List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved)
    {
        List<(string, Tensor)> arrays = [];
        foreach (var run in saved.GroupBy(s => (s.Time, s.Instance)).OrderBy(g => g.Key.Time ?? -1).ThenBy(g => g.Key.Instance))
        {
            var parts = run.OrderBy(r => r.First).Select(r => r.Outputs).ToList();
            for (int o = 0; o < program.Outputs.Length; o++)
            {
                string time = run.Key.Time is { } t ? Evaluator.TimeText(t) : "0";
                arrays.Add((FormattableString.Invariant($"{program.Values[program.Outputs[o]].Name}@{time}#{run.Key.Instance}"), SampleBatch.Join([.. parts.Select(p => p[o])])));
            }
        }

        NpzWriter.Write(path, arrays);
    }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
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

    public required ImmutableArray<double?> TimesS { get; init; }

    public int Instances { get; init; } = 1;

    /// <summary>Samples to evaluate at most; null = all.</summary>
    public long? Limit { get; init; }

    public string? SaveOutputs { get; init; }

    public SimulationOptions Simulation { get; init; } = new();

    public Action<string>? Progress { get; init; }
}

/// <param name="Program">What ran.</param>
/// <param name="Metric">The metric.</param>
/// <param name="CalibrationSamples">Samples of the data that ranges were taken from and that do not count.</param>
/// <param name="Result">The figures.</param>
/// <param name="Warnings">Findings of the compile.</param>
internal sealed record EvaluateOutcome(MappedProgram Program, MetricKind Metric, long CalibrationSamples, EvaluationResult Result, ImmutableArray<Diagnostic> Warnings);

internal static class EvaluateWork
{
    /// <summary>Samples that go through a program together when it leaves its batch open.</summary>
    private const int BatchSize = 32;

    public static EvaluateOutcome Run(EvaluateRequest request, CancellationToken cancellation)
    {
        if (request.SaveOutputs is { } target)
        {
            ResultOutput.CheckNotInput(target, [request.File, request.Compare, request.Data.Labels, .. request.Data.Paths, .. request.Calibration?.Paths ?? []]);
            AtomicFile.CheckWritable(target);
        }

        AimcFile? file = null;
        try
        {
            ImmutableArray<Diagnostic> warnings = [];
            MappedProgram program;
            if (request.Compile is { } compile)
            {
                var result = CompileWork.Run(compile with { Calibration = request.Calibration }, cancellation);
                (program, warnings) = (result.Program, [.. result.Warnings.Where(w => w.Descriptor != Descriptors.NoRanges)]);
            }
            else
            {
                file = AimcReader.Open(request.File);
                program = file.Program;
            }

            return Run(request, program, warnings, cancellation);
        }
        finally
        {
            file?.Dispose();
        }
    }

    private static EvaluateOutcome Run(EvaluateRequest request, MappedProgram program, ImmutableArray<Diagnostic> warnings, CancellationToken cancellation)
    {
        string? model = request.Compare ?? (request.Compile is null ? null : request.File);
        if (request.Compare is { } other)
        {
            warnings = [.. warnings, .. Comparison.WarnOfOther(program, other)];
        }

        ProgramInputs.CheckArrays(program);
        var inputs = ProgramInputs.Of(program);
        int? classes = request.Metric is null or MetricKind.Top1 or MetricKind.Top5 && program.Values[program.Outputs[0]].Shape is [.., > 0 and var width] ? (int)width : null;
        using var data = request.Data.Open(model ?? request.File, inputs, classes);
        int batch = ProgramInputs.FixedBatch(inputs) ?? BatchSize;
        Dictionary<string, Tensor> Batch(DataSet set, long first, int count) =>
            ProgramInputs.WithFixed(program, inputs.ToDictionary(i => i.Name, i => set.Batch(i.Name, first, count), StringComparer.Ordinal));

        long used = 0;
        if (!ProgramRanges.IsComplete(program))
        {
            using var separate = request.Calibration?.Open(model ?? request.File, inputs);
            var source = separate ?? data;
            int step = ProgramInputs.FixedBatch(inputs) ?? 1;
            long count = Math.Min(source.Count, CompileWork.DefaultCalibrationSamples) / step * step;
            used = separate is null ? count : 0;
            if (count == 0 || used == data.Count)
            {
                throw new DiagnosticException(
                    Descriptors.MissingRanges,
                    request.File,
                    $"has no input ranges, and calibrating on the first {CompileWork.DefaultCalibrationSamples} samples leaves none of {data.Count} to evaluate",
                    $"--calibrate DATA, or more than {CompileWork.DefaultCalibrationSamples} samples");
            }

            List<Func<IReadOnlyDictionary<string, Tensor>>> samples = [];
            for (long first = 0; first < count; first += step)
            {
                long at = first;
                samples.Add(() => Batch(source, at, step));
            }

            program = RangeCalibrator.Complete(program, samples, request.CalibrationQuantile, request.Progress, cancellation);
        }
        else if (request.Calibration is not null && request.Compile is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--calibrate", "has nothing to do: the program has its ranges, or its chip needs none", "leave it out", "compile again with --calibrate");
        }

        var metric = request.Metric ?? (data.Labels is not null ? MetricKind.Top1 : MetricKind.Agreement);
        if (metric is MetricKind.Top1 or MetricKind.Top5 && data.Labels is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"{metric.ToString().ToLowerInvariant()} needs labels", "--labels FILE", "--metric agreement or mse");
        }

        if (metric is MetricKind.Agreement or MetricKind.Mse && model is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"{metric.ToString().ToLowerInvariant()} compares with ONNX Runtime and needs the model", "--compare MODEL.onnx", "--labels FILE");
        }

        long samplesLeft = Math.Min(data.Count - used, request.Limit ?? long.MaxValue);
        if (ProgramInputs.FixedBatch(inputs) is { } fixedBatch)
        {
            samplesLeft -= samplesLeft % fixedBatch;
            if (samplesLeft == 0)
            {
                throw new DiagnosticException(
                    Descriptors.WrongShape,
                    request.Data.Paths[0],
                    $"leaves no whole batch: the model runs {fixedBatch} samples at a time, {Math.Min(data.Count - used, request.Limit ?? long.MaxValue)} are to be evaluated",
                    request.Limit is null ? "more samples" : "a larger --limit");
            }
        }

        List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved = [];
        using DigitalSession? reference = model is null ? null : Open(model);
        var result = Evaluator.Run(
            program,
            reference,
            new EvaluationData(used, samplesLeft, batch, (first, count) => Batch(data, first, count), data.Labels),
            new EvaluationOptions
            {
                Metric = metric,
                TimesS = request.TimesS,
                Instances = request.Instances,
                Simulation = request.Simulation,
                Progress = request.Progress,
                Observe = request.SaveOutputs is null ? null : (instance, time, first, outputs) =>
                {
                    lock (saved)
                    {
                        saved.Add((instance, time, first, outputs));
                    }
                },
            },
            cancellation);
        if (request.SaveOutputs is { } path)
        {
            Save(path, program, request, saved);
        }

        return new EvaluateOutcome(program, metric, used, result, warnings);
    }

    private static DigitalSession Open(string model)
    {
        try
        {
            return new DigitalSession(model, new DigitalOptions());
        }
        catch (DigitalException e)
        {
            throw new DiagnosticException(Descriptors.RejectedByOnnxRuntime, model, e.Message);
        }
    }

    /// <summary>One array an output, time and instance: NAME@TIME#INSTANCE.</summary>
    private static void Save(
        string path, MappedProgram program, EvaluateRequest request, List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved)
    {
        List<(string, Tensor)> arrays = [];
        foreach (var run in saved.GroupBy(s => (s.Time, s.Instance)).OrderBy(g => g.Key.Time ?? -1).ThenBy(g => g.Key.Instance))
        {
            var parts = run.OrderBy(r => r.First).Select(r => r.Outputs).ToList();
            for (int o = 0; o < program.Outputs.Length; o++)
            {
                float[] values = [.. parts.SelectMany(p => p[o].ToFloats())];
                var shape = parts[0][o].Shape;
                long rows = parts.Sum(p => p[o].Shape is [var n, ..] ? n : 1);
                ImmutableArray<long> whole = [rows, .. shape.Skip(1)];
                string time = run.Key.Time is { } t ? Evaluator.TimeText(t) : "0";
                arrays.Add((FormattableString.Invariant($"{program.Values[program.Outputs[o]].Name}@{time}#{run.Key.Instance}"), new Tensor(TensorType.Float, whole, values)));
            }
        }

        NpzWriter.Write(path, arrays);
    }
}

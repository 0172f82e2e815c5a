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

    /// <summary>The output that is scored; null = the first.</summary>
    public string? OutputName { get; init; }

    /// <summary>Peak of the signal for PSNR; null = the range of the targets.</summary>
    public double? Peak { get; init; }

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
/// <param name="Output">Name of the output it looks at.</param>
/// <param name="CalibrationSamples">Samples of the data that ranges were taken from and that do not count.</param>
/// <param name="HasTargets">The user, or a test set, said what the output should be.</param>
/// <param name="Result">The figures.</param>
/// <param name="Warnings">Findings of the compile.</param>
internal sealed record EvaluateOutcome(
    MappedProgram Program, MetricKind Metric, string Output, long CalibrationSamples, bool HasTargets, EvaluationResult Result, ImmutableArray<Diagnostic> Warnings);

internal static class EvaluateWork
{
    /// <summary>Samples that go through a program together when they are proven not to meet.</summary>
    private const int BatchSize = 32;

    /// <summary>Elements of the largest value of such a batch.</summary>
    private const long BatchElements = 1 << 24;

    public static EvaluateOutcome Run(EvaluateRequest request, CancellationToken cancellation)
    {
        if (request.SaveOutputs is { } target)
        {
            ResultOutput.CheckNotInput(target, [request.File, request.Compare, request.Data.Labels, request.Data.Targets, .. request.Data.Paths, .. request.Calibration?.Paths ?? []]);
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
        int scored = ScoredOutput(program, request.OutputName);
        var output = program.Values[program.Outputs[scored]];
        if (request.SaveOutputs is { } saving && program.Outputs.Select(o => program.Values[o]).FirstOrDefault(v => v.Type == TensorType.String) is { } texts)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, saving, $"output '{texts.Name}' holds texts, which .npz does not", "leave --save-outputs out");
        }

        int? classes = request.Metric is { } asked && IsArea(asked) ? 2
            : request.Metric is null or MetricKind.Top1 or MetricKind.Top5 && output.Shape is [_, .. var places] && places.All(d => d > 0) ? (int)Tensor.CountOf(places)
            : null;
        (string, string)? stored = program.Preprocessing is { } json ? (request.File, json) : null;
        using var data = request.Data.Open(model ?? request.File, inputs, classes, scored: (output.Name, scored), stored: stored);
        int batch = data.IsOneByOne ? 1 : BatchOf(program);
        Dictionary<string, Tensor> Batch(DataSet set, long first, int count) =>
            ProgramInputs.WithFixed(program, inputs.ToDictionary(i => i.Name, i => set.Batch(i.Name, first, count), StringComparer.Ordinal));

        long used = 0;
        if (!ProgramRanges.IsComplete(program))
        {
            using var separate = request.Calibration?.Open(model ?? request.File, inputs, stored: stored);
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

        var metric = request.Metric ?? (data.Labels is not null ? MetricKind.Top1 : data.HasTargets ? MetricKind.Mse : MetricKind.Agreement);
        Check(request, metric, data, model);
        if (metric == MetricKind.Auc && output.Shape is [_, .. var columns] && columns.All(d => d > 0) && Tensor.CountOf(columns) > 2)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"auc takes an output of one or two values a sample; '{output.Name}' has {Tensor.CountOf(columns)}", "--output-name NAME", "--metric top1");
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

        if (IsArea(metric))
        {
            CheckClasses(data.Labels.AsSpan((int)used, (int)samplesLeft), request.Data.Labels ?? request.Data.Paths[0]);
        }

        List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved = [];
        using DigitalSession? reference = model is null ? null : Open(model);
        var result = Evaluator.Run(
            program,
            reference,
            new EvaluationData(used, samplesLeft, batch, (first, count) => Batch(data, first, count), data.Labels) { Targets = data.HasTargets && Metric.NeedsTargets(metric) ? data.Targets : null },
            new EvaluationOptions
            {
                Metric = metric,
                Output = scored,
                Reconstructed = metric == MetricKind.ReconstructionAuc ? Reconstructed(program, output) : null,
                Peak = request.Peak,
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

        return new EvaluateOutcome(program, metric, output.Name, used, data.HasTargets, result, warnings);
    }

    private static bool IsArea(MetricKind metric) => metric is MetricKind.Auc or MetricKind.ReconstructionAuc;

    private static int ScoredOutput(MappedProgram program, string? name)
    {
        string[] names = [.. program.Outputs.Select(o => program.Values[o].Name)];
        return name is null ? 0
            : Array.IndexOf(names, name) is >= 0 and var index ? index
            : throw new DiagnosticException(Descriptors.InvalidOption, "--output-name", $"is '{name}', which is no output of the model", $"one of: {string.Join(", ", names)}");
    }

    /// <summary>The input that the output has the shape of; the first where shapes do not say.</summary>
    private static string Reconstructed(MappedProgram program, ProgramValue output) =>
        (program.Inputs.Select(i => program.Values[i]).FirstOrDefault(v => v.Shape.Skip(1).SequenceEqual(output.Shape.Skip(1))) ?? program.Values[program.Inputs[0]]).Name;

    private static void Check(EvaluateRequest request, MetricKind metric, DataSet data, string? model)
    {
        string name = Metric.NameOf(metric);
        if (Metric.NeedsLabels(metric) && data.Labels is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"{name} needs labels", "--labels FILE", "--metric agreement or mse");
        }

        if (model is null && (metric == MetricKind.Agreement || (Metric.NeedsTargets(metric) && !data.HasTargets)))
        {
            throw new DiagnosticException(
                Descriptors.InvalidOption, "--metric", $"{name} compares with ONNX Runtime and needs the model", "--compare MODEL.onnx", metric == MetricKind.Agreement ? "--labels FILE" : "--targets FILE");
        }

        if (request.Peak is not null && metric != MetricKind.Psnr)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--peak", $"has no meaning for {name}", "--metric psnr", "leave it out");
        }

        if (request.Data.Targets is not null && !Metric.NeedsTargets(metric))
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--targets", $"are not looked at by {name}", "--metric mse, psnr or sqnr", "leave them out");
        }
    }

    private static void CheckClasses(ReadOnlySpan<int> labels, string where)
    {
        int positives = labels.Count(1);
        if (positives == 0 || positives == labels.Length)
        {
            throw new DiagnosticException(
                Descriptors.WrongShape, where, $"has {positives} samples of class 1 among {labels.Length}; an area under the ROC curve needs both classes", "more samples", "a larger --limit");
        }
    }

    private static int BatchOf(MappedProgram program) => program.Batch switch
    {
        BatchMode.Free => (int)Math.Clamp(BatchElements / program.Values.Max(v => v.Shape.Skip(1).Aggregate(1L, (count, d) => count * Math.Max(1, d))), 1, BatchSize),
        BatchMode.Fixed => program.FixedBatch!.Value,
        _ => 1,
    };

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

    /// <summary>One array an output, time and instance: NAME@TIME#INSTANCE, of the output's own type.</summary>
    private static void Save(
        string path, MappedProgram program, EvaluateRequest request, List<(int Instance, double? Time, long First, ImmutableArray<Tensor> Outputs)> saved)
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

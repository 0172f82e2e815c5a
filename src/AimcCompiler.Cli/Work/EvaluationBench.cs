using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What programs of one model are measured with: samples, metric, and what ONNX Runtime makes of the same samples, which is computed once.</summary>
internal sealed class EvaluationBench : IDisposable
{
    /// <summary>Samples that go through a program together when they are proven not to meet.</summary>
    private const int BatchSize = 32;

    /// <summary>Elements of the largest value of such a batch.</summary>
    private const long BatchElements = 1 << 24;

    private readonly EvaluateRequest _request;
    private readonly MappedProgram _program;
    private readonly ImmutableArray<DataInput> _inputs;
    private readonly string? _model;
    private readonly DataSet _data;
    private readonly (string Name, string Json)? _stored;
    private EvaluationReference? _reference;

    /// <param name="request">What was asked for.</param>
    /// <param name="program">A program of the model.</param>
    /// <param name="chips">The chips that it, or others of the model, will be measured on: if one of them has no ranges, the first samples of the data count for none.</param>
    /// <exception cref="DiagnosticException">Data, labels, targets or metric do not fit the model, or each other.</exception>
    public EvaluationBench(EvaluateRequest request, MappedProgram program, IReadOnlyCollection<ChipDescription> chips)
    {
        (_request, _program) = (request, program);
        _model = request.Compare ?? (request.Compile is null ? null : request.File);
        Warnings = request.Compare is { } other ? [.. Comparison.WarnOfOther(program, other)] : [];
        ProgramInputs.CheckArrays(program);
        _inputs = ProgramInputs.Of(program);
        int scored = ScoredOutput(program, request.OutputName);
        var output = program.Values[program.Outputs[scored]];
        OutputName = output.Name;
        int? classes = request.Metric is { } asked && IsArea(asked) ? 2
            : request.Metric is null or MetricKind.Top1 or MetricKind.Top5 && output.Shape is [_, .. var places] && places.All(d => d > 0) ? (int)Tensor.CountOf(places)
            : null;
        _stored = program.Preprocessing is { } json ? (request.File, json) : null;
        _data = request.Data.Open(_model ?? request.File, _inputs, classes, scored: (output.Name, scored), stored: _stored);
        try
        {
            bool lacksRanges = chips.Any(chip => !ProgramRanges.IsComplete(program with { Chip = chip }));
            if (!lacksRanges && request.Calibration is not null && request.Compile is null)
            {
                throw new DiagnosticException(Descriptors.InvalidOption, "--calibrate", "has nothing to do: the program has its ranges, or its chip needs none", "leave it out", "compile again with --calibrate");
            }

            if (lacksRanges && request.Calibration is null)
            {
                CalibrationSamples = CalibrationBatches(_data.Count) * Step;
                if (CalibrationSamples == 0 || CalibrationSamples == _data.Count)
                {
                    throw Uncalibrated();
                }
            }

            var metric = request.Metric ?? (_data.Labels is not null ? MetricKind.Top1 : _data.HasTargets ? MetricKind.Mse : MetricKind.Agreement);
            Check(metric);
            if (metric == MetricKind.Auc && output.Shape is [_, .. var columns] && columns.All(d => d > 0) && Tensor.CountOf(columns) > 2)
            {
                throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"auc takes an output of one or two values a sample; '{output.Name}' has {Tensor.CountOf(columns)}", "--output-name NAME", "--metric top1");
            }

            long left = SamplesLeft();
            if (IsArea(metric))
            {
                CheckClasses(_data.Labels.AsSpan((int)CalibrationSamples, (int)left), request.Data.Labels ?? request.Data.Paths[0]);
            }

            Samples = new EvaluationData(CalibrationSamples, left, _data.IsOneByOne ? 1 : BatchOf(program), (first, count) => Batch(_data, first, count), _data.Labels)
            {
                Targets = _data.HasTargets && Metric.NeedsTargets(metric) ? _data.Targets : null,
            };
            Options = new EvaluationOptions
            {
                Metric = metric,
                Output = scored,
                Reconstructed = metric == MetricKind.ReconstructionAuc ? Reconstructed(program, output) : null,
                Peak = request.Peak,
                TimesS = request.TimesS,
                Instances = request.Instances,
                TargetCi95 = request.TargetCi is { } target ? Metric.IsShare(metric) ? target / 100 : target : null,
                Simulation = request.Simulation,
                Progress = request.Progress,
            };
        }
        catch
        {
            _data.Dispose();
            throw;
        }
    }

    public EvaluationData Samples { get; }

    public EvaluationOptions Options { get; }

    /// <summary>The output that the metric looks at.</summary>
    public string OutputName { get; }

    /// <summary>Samples of the data that ranges are taken from and that do not count.</summary>
    public long CalibrationSamples { get; }

    /// <summary>The user, or a test set, said what the output should be.</summary>
    public bool HasTargets => _data.HasTargets;

    public ImmutableArray<Diagnostic> Warnings { get; }

    /// <summary>Samples of a calibration batch.</summary>
    private int Step => ProgramInputs.FixedBatch(_inputs) ?? 1;

    /// <summary>What ONNX Runtime makes of the samples; null when there is no model to ask.</summary>
    public EvaluationReference? Reference(CancellationToken cancellation)
    {
        if (_reference is null && _model is not null)
        {
            using var session = Open(_model);
            _reference = EvaluationReference.Of(session, _program.Batch, Samples, Options, cancellation);
        }

        return _reference;
    }

    /// <summary>The program with the ranges that its chip needs, from the calibration data or else from the first samples of the data, which count for none.</summary>
    public MappedProgram Complete(MappedProgram program, CancellationToken cancellation)
    {
        if (ProgramRanges.IsComplete(program))
        {
            return program;
        }

        using var separate = _request.Calibration?.Open(_model ?? _request.File, _inputs, stored: _stored);
        var source = separate ?? _data;
        int batches = CalibrationBatches(source.Count);
        if (batches == 0 || (separate is null && CalibrationSamples == 0))
        {
            throw Uncalibrated();
        }

        return RangeCalibrator.Complete(
            program,
            [.. Enumerable.Range(0, batches).Select<int, Func<IReadOnlyDictionary<string, Tensor>>>(i => () => Batch(source, (long)i * Step, Step))],
            _request.CalibrationQuantile,
            _request.Progress,
            cancellation);
    }

    public void Dispose() => _data.Dispose();

    private int CalibrationBatches(long count) => (int)Math.Min(count, CompileWork.DefaultCalibrationSamples) / Step;

    private DiagnosticException Uncalibrated() => new(
        Descriptors.MissingRanges,
        _request.File,
        $"has no input ranges, and calibrating on the first {CompileWork.DefaultCalibrationSamples} samples leaves none of {_data.Count} to evaluate",
        $"--calibrate DATA, or more than {CompileWork.DefaultCalibrationSamples} samples");

    private Dictionary<string, Tensor> Batch(DataSet set, long first, int count) =>
        ProgramInputs.WithFixed(_program, _inputs.ToDictionary(i => i.Name, i => set.Batch(i.Name, first, count), StringComparer.Ordinal));

    private long SamplesLeft()
    {
        long wanted = Math.Min(_data.Count - CalibrationSamples, _request.Limit ?? long.MaxValue);
        if (ProgramInputs.FixedBatch(_inputs) is not { } batch)
        {
            return wanted;
        }

        return wanted / batch * batch is > 0 and var whole
            ? whole
            : throw new DiagnosticException(
                Descriptors.WrongShape,
                _request.Data.Paths[0],
                $"leaves no whole batch: the model runs {batch} samples at a time, {wanted} are to be evaluated",
                _request.Limit is null ? "more samples" : "a larger --limit");
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

    private void Check(MetricKind metric)
    {
        string name = Metric.NameOf(metric);
        if (Metric.NeedsLabels(metric) && _data.Labels is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--metric", $"{name} needs labels", "--labels FILE", "--metric agreement or mse");
        }

        if (_model is null && (metric == MetricKind.Agreement || (Metric.NeedsTargets(metric) && !_data.HasTargets)))
        {
            throw new DiagnosticException(
                Descriptors.InvalidOption, "--metric", $"{name} compares with ONNX Runtime and needs the model", "--compare MODEL.onnx", metric == MetricKind.Agreement ? "--labels FILE" : "--targets FILE");
        }

        if (_request.Peak is not null && metric != MetricKind.Psnr)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--peak", $"has no meaning for {name}", "--metric psnr", "leave it out");
        }

        if (_request.Data.Targets is not null && !Metric.NeedsTargets(metric))
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
}

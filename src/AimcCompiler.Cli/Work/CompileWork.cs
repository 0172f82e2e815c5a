using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>Where samples are and how they become inputs; the options that compile, run and evaluate share.</summary>
internal sealed record DataOptions
{
    public ImmutableArray<string> Paths { get; init; } = [];

    public string? Labels { get; init; }

    /// <summary>What the scored output should be.</summary>
    public string? Targets { get; init; }

    public string? Shape { get; init; }

    public string? Type { get; init; }

    public string? PreprocessFile { get; init; }

    public Preprocess Preprocess { get; init; } = new();

    /// <param name="model">The model or program file: its preprocessing file stands beside it.</param>
    /// <param name="inputs">The model's inputs.</param>
    /// <param name="classes">Labels must be below it; null = any.</param>
    /// <param name="isOneBatch">All of the data are one batch of the model.</param>
    /// <param name="scored">Name and number of the output whose targets are wanted.</param>
    /// <param name="stored">What the program says of preprocessing.</param>
    public DataSet Open(
        string model, IEnumerable<DataInput> inputs, int? classes = null, bool isOneBatch = false, (string Name, int Index)? scored = null, (string Name, string Json)? stored = null) => DataSet.Open(new DataRequest
        {
            IsOneBatch = isOneBatch,
            Targets = Targets,
            Scored = scored,
            Paths = Paths,
            Inputs = [.. inputs],
            Labels = Labels,
            Classes = classes,
            Shape = Shape,
            Type = Type,
            Model = model,
            Stored = stored,
            PreprocessFile = PreprocessFile,
            Preprocess = Preprocess,
            TensorDecoder = TensorFile.Parse,
        });
}

/// <summary>What <c>compile</c> was asked for.</summary>
internal sealed record CompileRequest
{
    public required string Model { get; init; }

    public required string Chip { get; init; }

    /// <summary>The chip itself, in place of one by name; null = read it.</summary>
    public ChipDescription? Description { get; init; }

    public ImmutableArray<string> Overrides { get; init; } = [];

    public CompileOptions Options { get; init; } = new();

    /// <summary>Samples that ranges are taken from; null = none.</summary>
    public DataOptions? Calibration { get; init; }

    /// <summary>The first so many samples of the calibration data are used.</summary>
    public int CalibrationSamples { get; init; } = CompileWork.DefaultCalibrationSamples;
}

internal static class CompileWork
{
    public const int DefaultCalibrationSamples = 512;

    /// <summary>From a model file to a program with all the ranges that the calibration data give.</summary>
    public static CompilationResult Run(CompileRequest request, CancellationToken cancellation)
    {
        var chip = request.Description ?? ChipReader.Read(request.Chip, request.Overrides);
        var graph = OnnxImporter.Import(request.Model);
        var inputs = Inputs(graph, request.Options);
        using DataSet? data = request.Calibration?.Open(request.Model, inputs);
        int batch = ProgramInputs.FixedBatch(inputs) ?? 1;
        int batches = data is null ? 0 : (int)Math.Min(data.Count, request.CalibrationSamples) / batch;
        if (data is not null && batches == 0)
        {
            throw new DiagnosticException(
                Descriptors.WrongShape, request.Calibration!.Paths[0], $"has {data.Count} samples to calibrate on; the model runs {batch} at a time", "more samples");
        }

        Func<int, IReadOnlyDictionary<string, Tensor>> sample = i => inputs.ToDictionary(p => p.Name, p => data!.Batch(p.Name, i * batch, batch), StringComparer.Ordinal);
        var options = request.Options with { Calibration = data is null ? null : new Samples(batches, sample) };
        var result = AimcCompilation.Compile(graph, chip, options);
        ImmutableArray<Func<IReadOnlyDictionary<string, Tensor>>> samples = [.. Enumerable.Range(0, batches).Select<int, Func<IReadOnlyDictionary<string, Tensor>>>(i => () => sample(i))];
        if (data is not null && chip.Tile.Input.SkipsZeroPulses == true)
        {
            // Times depend on the pulses that are driven, and copies on times: once more, with what the first mapping was measured to drive.
            var driven = PulseCounter.Count(result.Program, samples, request.Options.Progress, cancellation);
            result = AimcCompilation.Compile(graph, chip, options with { DrivenPulses = driven });
        }

        var given = request.Calibration ?? new DataOptions();
        var program = result.Program with { Preprocessing = Preprocess.Of(given.Preprocess, given.PreprocessFile, null, request.Model).ToJson() };
        if (data is not null && !ProgramRanges.IsComplete(program))
        {
            // The program is programmed into cells now; what compiling left behind would come on top of it.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            program = RangeCalibrator.Complete(
                program,
                samples,
                request.Options.CalibrationQuantile,
                request.Options.Progress,
                cancellation);
        }

        // The compile cannot know yet that ranges are measured on what it made.
        var warnings = result.Warnings.Where(w => w.Descriptor != Descriptors.NoRanges || !ProgramRanges.IsComplete(program));
        return result with { Program = program, Warnings = [.. ChipReader.Warnings(chip), .. warnings] };
    }

    /// <summary>The model's inputs, without those that the user fixed and with dimensions that he gave; the first dimension counts samples.</summary>
    private static ImmutableArray<DataInput> Inputs(Graph graph, CompileOptions options) =>
    [
        .. graph.Header.Inputs.Where(p => !options.Fixed.ContainsKey(p.Name)).Select(p => BindDimensions.Bind(p, options))
            .Select(p => new DataInput(p.Name, p.Type, p.Shape.IsDefault ? [] : p.Shape)),
    ];

    private sealed class Samples(int count, Func<int, IReadOnlyDictionary<string, Tensor>> sample) : ICalibrationData
    {
        public int Count => count;

        public IReadOnlyDictionary<string, Tensor> Sample(int index) => sample(index);
    }
}

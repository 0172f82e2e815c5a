using System.Collections.Immutable;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

/// <summary>A model in ONNX Runtime, on the CPU. Safe to run from several threads at once.</summary>
public sealed class DigitalSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _quiet;
    private readonly string[] _outputNames;
    private readonly List<OrtValue> _lent = [];
    private readonly ZeroMemory? _zeros;

    /// <exception cref="DigitalException">ONNX Runtime refuses the model.</exception>
    public DigitalSession(byte[] model, DigitalOptions? options = null)
        : this(settings => new InferenceSession(model, settings), options)
    {
    }

    /// <exception cref="DigitalException">ONNX Runtime refuses the model, or there is no room for its weights as files.</exception>
    public DigitalSession(DigitalModel model, DigitalOptions? options = null)
        : this(settings => model.Weights.IsEmpty && model.Lent.IsEmpty ? new InferenceSession(ArrayOf(model.Proto), settings) : OpenFiles(model, settings), options, model.Lent, model.IsOutline)
    {
    }

    /// <summary>Opens a file; weights beside it (external data) are found relative to it, which they are not for a model in memory.</summary>
    /// <exception cref="DigitalException">ONNX Runtime refuses the model, or there is no such file.</exception>
    public DigitalSession(string path, DigitalOptions? options = null)
        : this(settings => new InferenceSession(path, settings), options)
    {
    }

    private DigitalSession(Func<SessionOptions, InferenceSession> open, DigitalOptions? options, ImmutableArray<(string Name, Tensor Tensor)> lent = default, bool isOutline = false)
    {
        options ??= new DigitalOptions();
        _zeros = isOutline ? new ZeroMemory(lent.Select(l => l.Tensor.Bytes).DefaultIfEmpty().Max()) : null;
        try
        {
            _session = DigitalRuntime.Guard(() =>
            {
                DigitalRuntime.Start();
                _lent.AddRange(lent.IsDefault ? [] : lent.Select(l => _zeros?.As(l.Tensor) ?? l.Tensor.ToOrtValue()));
                try
                {
                    return Open(open, options, lent);
                }
                catch (OnnxRuntimeException) when (options is { Optimize: true, MayRunAsItIs: true })
                {
                    // Some of its optimizations write operators that the model's version does not have yet: Round into models before opset 11.
                    return Open(open, options with { Optimize = false }, lent);
                }
            });
        }
        catch
        {
            _lent.ForEach(v => v.Dispose());
            _zeros?.Dispose();
            throw;
        }

        _quiet = NewRunOptions();
        Inputs = [.. _session.InputNames.Select(name => Port(name, _session.InputMetadata[name]))];
        Outputs = [.. _session.OutputNames.Select(name => Port(name, _session.OutputMetadata[name]))];
        _outputNames = [.. _session.OutputNames];
    }

    public IReadOnlyList<DigitalPort> Inputs { get; }

    public IReadOnlyList<DigitalPort> Outputs { get; }

    /// <summary>Runs the model on tensors; <paramref name="outputs"/> names the results wanted (null: all, in the model's order).</summary>
    /// <exception cref="DigitalException">A name, type or shape does not fit, an operator fails, or an output is not a tensor.</exception>
    public IReadOnlyList<Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs, IReadOnlyList<string>? outputs = null, CancellationToken cancellation = default)
    {
        List<OrtValue> values = new(inputs.Count);
        try
        {
            values.AddRange(inputs.Values.Select(tensor => DigitalRuntime.Guard(tensor.ToOrtValue)));
            using var results = RunCore([.. inputs.Keys], values, outputs, cancellation);
            return [.. results.Select((result, i) => Named(result, outputs?[i] ?? _outputNames[i]))];
        }
        finally
        {
            values.ForEach(v => v.Dispose());
        }
    }

    /// <summary>Runs the model on values, which pass from session to session uncopied; the caller disposes of the results.</summary>
    /// <exception cref="DigitalException">A name, type or shape does not fit, or an operator fails.</exception>
    public IReadOnlyList<DigitalValue> Run(
        IReadOnlyDictionary<string, DigitalValue> inputs, IReadOnlyList<string>? outputs = null, CancellationToken cancellation = default) =>
        Run([.. inputs.Keys], [.. inputs.Values], outputs, cancellation);

    /// <summary>The same with names and values beside each other.</summary>
    /// <exception cref="DigitalException">A name, type or shape does not fit, or an operator fails.</exception>
    public IReadOnlyList<DigitalValue> Run(
        IReadOnlyList<string> names, IReadOnlyList<DigitalValue> inputs, IReadOnlyList<string>? outputs = null, CancellationToken cancellation = default)
    {
        // The collection itself owns nothing but its elements, and those go to the caller.
        var results = RunCore(names, [.. inputs.Select(i => i.Ort)], outputs, cancellation).ToArray();
        for (int i = 0; i < results.Length; i++)
        {
            // A result over an input's memory would outlive its pin.
            if (inputs.Any(input => DigitalValue.SharesMemory(input.Ort, results[i])))
            {
                using var alias = results[i];
                results[i] = alias.ToTensor().ToOrtValue();
            }
        }

        return [.. results.Select(result => new DigitalValue(result))];
    }

    public void Dispose()
    {
        _session.Dispose();
        _quiet.Dispose();
        _lent.ForEach(v => v.Dispose());
        _zeros?.Dispose();
    }

    private InferenceSession Open(Func<SessionOptions, InferenceSession> open, DigitalOptions options, ImmutableArray<(string Name, Tensor Tensor)> lent)
    {
        using var settings = Settings(options);
        for (int i = 0; i < _lent.Count; i++)
        {
            settings.AddInitializer(lent[i].Name, _lent[i]);
        }

        return open(settings);
    }

    private static byte[] ArrayOf(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length ? segment.Array : bytes.ToArray();

    private static InferenceSession OpenFiles(DigitalModel model, SessionOptions settings)
    {
        try
        {
            // What is mapped stays mapped when its file is deleted; where the system forbids that, the files stay among the temporary ones.
            using ModelFiles files = new(model);
            return new InferenceSession(files.Path, settings);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DigitalException($"The weights of the model could not be handed to ONNX Runtime as files: {e.Message}", e);
        }
    }

    private static SessionOptions Settings(DigitalOptions options)
    {
        var settings = new SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
            IntraOpNumThreads = options.Threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            EnableCpuMemArena = !options.SparesMemory,
            GraphOptimizationLevel = options.Optimize ? GraphOptimizationLevel.ORT_ENABLE_ALL : GraphOptimizationLevel.ORT_DISABLE_ALL,
        };
        // Waiting threads would otherwise burn a core between runs.
        settings.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        settings.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        settings.AddSessionConfigEntry("session.disable_prepacking", options.SparesMemory ? "1" : "0");
        if (options.SharesThreads) settings.DisablePerSessionThreads();
        foreach (var (name, size) in options.FreeDimensions) settings.AddFreeDimensionOverrideByName(name, size);
        return settings;
    }

    private static RunOptions NewRunOptions() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };

    private static DigitalPort Port(string name, NodeMetadata metadata)
    {
        DigitalPort other = new(name, TensorType.Undefined, [], [], false);
        return metadata.OnnxValueType switch
        {
            OnnxValueType.ONNX_TYPE_SEQUENCE => other with { Kind = DigitalPortKind.Sequence, Element = Port("", metadata.AsSequenceMetadata().ElementMeta) },
            OnnxValueType.ONNX_TYPE_OPTIONAL => other with { Kind = DigitalPortKind.Optional, Element = Port("", metadata.AsOptionalMetadata().ElementMeta) },
            OnnxValueType.ONNX_TYPE_MAP => other with
            {
                Kind = DigitalPortKind.Map,
                KeyType = (TensorType)(int)metadata.AsMapMetadata().KeyDataType,
                Element = Port("", metadata.AsMapMetadata().ValueMetadata),
            },
            _ => new DigitalPort(
                name,
                (TensorType)(int)metadata.ElementDataType,
                [.. metadata.Dimensions.Select(dimension => (long)dimension)],
                [.. metadata.SymbolicDimensions],
                true),
        };
    }

    private static Tensor Named(OrtValue value, string name) => value.IsTensor
        ? DigitalRuntime.Guard(value.ToTensor)
        : throw new DigitalException($"Output '{name}' is {value.OnnxType}, not a tensor.");

    private IDisposableReadOnlyCollection<OrtValue> RunCore(
        IReadOnlyList<string> names, IReadOnlyList<OrtValue> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!cancellation.CanBeCanceled) return DigitalRuntime.Guard(() => _session.Run(_quiet, names, inputs, outputs ?? _outputNames));

        using var options = NewRunOptions();
        using var registration = cancellation.Register(() => options.Terminate = true);
        try
        {
            return DigitalRuntime.Guard(() => _session.Run(options, names, inputs, outputs ?? _outputNames));
        }
        catch (DigitalException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
    }
}

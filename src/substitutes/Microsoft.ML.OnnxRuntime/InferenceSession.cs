using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

public unsafe class InferenceSession : IDisposable
{
    private readonly List<nint> _names = [];
    private readonly Dictionary<string, NodeMetadata> _inputs = [];
    private readonly Dictionary<string, NodeMetadata> _outputs = [];
    private readonly Dictionary<string, NodeMetadata> _initializers = [];
    private readonly List<string> _inputNames = [];
    private readonly List<string> _outputNames = [];
    private nint _handle;

    public InferenceSession(string modelPath)
    {
        using var options = new SessionOptions();
        Open(modelPath, options);
    }

    public InferenceSession(string modelPath, SessionOptions options)
    {
        Open(modelPath, options);
    }

    public InferenceSession(byte[] model)
    {
        using var options = new SessionOptions();
        Open(model, options);
    }

    public InferenceSession(byte[] model, SessionOptions options)
    {
        Open(model, options);
    }

    ~InferenceSession()
    {
        Dispose(false);
    }

    public IReadOnlyDictionary<string, NodeMetadata> InputMetadata => _inputs;

    public IReadOnlyList<string> InputNames => _inputNames;

    public IReadOnlyDictionary<string, NodeMetadata> OutputMetadata => _outputs;

    public IReadOnlyList<string> OutputNames => _outputNames;

    public IReadOnlyDictionary<string, NodeMetadata> OverridableInitializerMetadata => _initializers;

    public IDisposableReadOnlyCollection<OrtValue> Run(
        RunOptions runOptions, IReadOnlyCollection<string> inputNames, IReadOnlyCollection<OrtValue> inputValues, IReadOnlyCollection<string> outputNames)
    {
        CheckCounts(nameof(inputNames), inputNames.Count, nameof(inputValues), inputValues.Count);
        return Run(runOptions, Names(inputNames, Input), inputValues, Names(outputNames, Output));
    }

    public IDisposableReadOnlyCollection<OrtValue> Run(
        RunOptions runOptions, IReadOnlyDictionary<string, OrtValue> inputs, IReadOnlyCollection<string> outputNames) =>
        Run(runOptions, Names(inputs.Keys, Input), [.. inputs.Values], Names(outputNames, Output));

    /// <summary>Runs into values that exist already; their shapes must be those the model produces.</summary>
    public void Run(
        RunOptions runOptions,
        IReadOnlyCollection<string> inputNames,
        IReadOnlyCollection<OrtValue> inputValues,
        IReadOnlyCollection<string> outputNames,
        IReadOnlyCollection<OrtValue> outputValues)
    {
        CheckCounts(nameof(inputNames), inputNames.Count, nameof(inputValues), inputValues.Count);
        CheckCounts(nameof(outputNames), outputNames.Count, nameof(outputValues), outputValues.Count);
        RunNative(runOptions, Names(inputNames, Input), inputValues, Names(outputNames, Output), Handles(outputValues));
        GC.KeepAlive(outputValues);
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        nint handle = Interlocked.Exchange(ref _handle, 0);
        if (handle == 0) return;

        OrtApi.ReleaseSession(handle);
        foreach (nint name in _names) Marshal.FreeCoTaskMem(name);
    }

    private static void CheckCounts(string names, int nameCount, string values, int valueCount)
    {
        if (nameCount != valueCount) throw new ArgumentException($"Length of {names} ({nameCount}) must match that of {values} ({valueCount}).");
    }

    private static nint[] Handles(IReadOnlyCollection<OrtValue> values)
    {
        var handles = new nint[values.Count];
        int i = 0;
        foreach (var value in values) handles[i++] = value.Handle;
        return handles;
    }

    private static nint[] Names(IEnumerable<string> names, Func<string, NodeMetadata> find) => [.. names.Select(name => find(name).ZeroTerminatedName)];

    private NodeMetadata Input(string name) =>
        _inputs.TryGetValue(name, out var metadata) || _initializers.TryGetValue(name, out metadata)
            ? metadata
            : throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Input name: '{name}' is not in the metadata");

    private NodeMetadata Output(string name) =>
        _outputs.TryGetValue(name, out var metadata)
            ? metadata
            : throw new OnnxRuntimeException(ErrorCode.InvalidArgument, $"Output name: '{name}' is not in the metadata");

    private DisposableList<OrtValue> Run(RunOptions runOptions, nint[] inputNames, IReadOnlyCollection<OrtValue> inputs, nint[] outputNames)
    {
        var handles = new nint[outputNames.Length]; // zeros: the library allocates
        RunNative(runOptions, inputNames, inputs, outputNames, handles);
        var values = new DisposableList<OrtValue>(handles.Length);
        foreach (nint handle in handles) values.Add(new OrtValue(handle));
        return values;
    }

    private void RunNative(RunOptions runOptions, nint[] inputNames, IReadOnlyCollection<OrtValue> inputs, nint[] outputNames, nint[] outputs)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        fixed (nint* inNames = inputNames, inValues = Handles(inputs), outNames = outputNames, outValues = outputs)
        {
            OrtApi.Run(
                _handle, runOptions.Handle, inNames, inValues, (nuint)inputNames.Length, outNames, (nuint)outputNames.Length, outValues);
        }

        GC.KeepAlive(inputs);
        GC.KeepAlive(runOptions);
        GC.KeepAlive(this);
    }

    private void Open(string modelPath, SessionOptions options)
    {
        nint session;
        fixed (byte* path = Utf8.PlatformPath(modelPath))
        {
            OrtApi.CreateSession(OrtEnv.Instance().Handle, path, options.Handle, &session);
        }

        Describe(session);
        GC.KeepAlive(options);
    }

    private void Open(byte[] model, SessionOptions options)
    {
        nint session;
        fixed (byte* bytes = model)
        {
            OrtApi.CreateSessionFromArray(OrtEnv.Instance().Handle, bytes, (nuint)model.Length, options.Handle, &session);
        }

        Describe(session);
        GC.KeepAlive(options);
    }

    private void Describe(nint session)
    {
        _handle = session;
        try
        {
            Describe(SessionPort.Input, _inputs, _inputNames);
            Describe(SessionPort.Output, _outputs, _outputNames);
            Describe(SessionPort.OverridableInitializer, _initializers, []);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private void Describe(SessionPort port, Dictionary<string, NodeMetadata> metadata, List<string> names)
    {
        nuint count = OrtApi.SessionGetCount(_handle, port);
        for (nuint i = 0; i < count; i++)
        {
            string name = OrtApi.SessionGetName(_handle, port, i);
            var node = NodeMetadata.Owned(OrtApi.SessionGetTypeInfo(_handle, port, i));
            node.ZeroTerminatedName = Marshal.StringToCoTaskMemUTF8(name);
            _names.Add(node.ZeroTerminatedName);
            names.Add(name);
            metadata[name] = node;
        }
    }
}

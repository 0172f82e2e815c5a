using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

public unsafe class SessionOptions : SafeHandle
{
    private bool _enableCpuMemArena = true;
    private bool _enableMemoryPattern = true;
    private string _optimizedModelFilePath = "";
    private OrtLoggingLevel _logSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING;
    private int _intraOpNumThreads;
    private int _interOpNumThreads;
    private GraphOptimizationLevel _graphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL;
    private ExecutionMode _executionMode = ExecutionMode.ORT_SEQUENTIAL;

    public SessionOptions()
        : base(0, true)
    {
        nint options;
        OrtApi.CreateSessionOptions(&options);
        handle = options;
        OrtEnv.Instance();
    }

    public override bool IsInvalid => handle == 0;

    public bool EnableCpuMemArena
    {
        get => _enableCpuMemArena;
        set
        {
            if (value != _enableCpuMemArena) OrtApi.EnableCpuMemArena(handle, value);
            _enableCpuMemArena = value;
        }
    }

    public bool EnableMemoryPattern
    {
        get => _enableMemoryPattern;
        set
        {
            if (value != _enableMemoryPattern) OrtApi.EnableMemoryPattern(handle, value);
            _enableMemoryPattern = value;
        }
    }

    public string OptimizedModelFilePath
    {
        get => _optimizedModelFilePath;
        set
        {
            if (value == _optimizedModelFilePath) return;

            fixed (byte* path = Utf8.PlatformPath(value))
            {
                OrtApi.SetOptimizedModelFilePath(handle, path);
            }

            _optimizedModelFilePath = value;
        }
    }

    public OrtLoggingLevel LogSeverityLevel
    {
        get => _logSeverityLevel;
        set
        {
            OrtApi.SetSessionLogSeverityLevel(handle, (int)value);
            _logSeverityLevel = value;
        }
    }

    public int IntraOpNumThreads
    {
        get => _intraOpNumThreads;
        set
        {
            OrtApi.SetIntraOpNumThreads(handle, value);
            _intraOpNumThreads = value;
        }
    }

    public int InterOpNumThreads
    {
        get => _interOpNumThreads;
        set
        {
            OrtApi.SetInterOpNumThreads(handle, value);
            _interOpNumThreads = value;
        }
    }

    public GraphOptimizationLevel GraphOptimizationLevel
    {
        get => _graphOptimizationLevel;
        set
        {
            OrtApi.SetSessionGraphOptimizationLevel(handle, (int)value);
            _graphOptimizationLevel = value;
        }
    }

    public ExecutionMode ExecutionMode
    {
        get => _executionMode;
        set
        {
            OrtApi.SetSessionExecutionMode(handle, (int)value);
            _executionMode = value;
        }
    }

    internal nint Handle => handle;

    public void AddSessionConfigEntry(string configKey, string configValue)
    {
        fixed (byte* key = Utf8.ZeroTerminated(configKey), value = Utf8.ZeroTerminated(configValue))
        {
            OrtApi.AddSessionConfigEntry(handle, key, value);
        }
    }

    public void AddFreeDimensionOverride(string dimDenotation, long dimValue)
    {
        fixed (byte* name = Utf8.ZeroTerminated(dimDenotation))
        {
            OrtApi.AddFreeDimensionOverride(handle, name, dimValue);
        }
    }

    public void AddFreeDimensionOverrideByName(string dimName, long dimValue)
    {
        fixed (byte* name = Utf8.ZeroTerminated(dimName))
        {
            OrtApi.AddFreeDimensionOverrideByName(handle, name, dimValue);
        }
    }

    /// <summary>Takes the place of an initializer of the model; the value and its memory must outlive the session.</summary>
    public void AddInitializer(string name, OrtValue ortValue)
    {
        fixed (byte* utf8 = Utf8.ZeroTerminated(name))
        {
            OrtApi.AddInitializer(handle, utf8, ortValue.Handle);
        }
    }

    public void DisablePerSessionThreads() => OrtApi.DisablePerSessionThreads(handle);

    protected override bool ReleaseHandle()
    {
        OrtApi.ReleaseSessionOptions(handle);
        handle = 0;
        return true;
    }
}

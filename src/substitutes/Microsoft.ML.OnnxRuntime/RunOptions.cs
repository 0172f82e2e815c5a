using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

public unsafe class RunOptions : SafeHandle
{
    private OrtLoggingLevel _logSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING;
    private bool _terminate;

    public RunOptions()
        : base(0, true)
    {
        nint options;
        OrtApi.CreateRunOptions(&options);
        handle = options;
    }

    public override bool IsInvalid => handle == 0;

    public OrtLoggingLevel LogSeverityLevel
    {
        get => _logSeverityLevel;
        set
        {
            OrtApi.RunOptionsSetRunLogSeverityLevel(handle, (int)value);
            _logSeverityLevel = value;
        }
    }

    /// <summary>Ends every run that uses these options, now and until it is unset.</summary>
    public bool Terminate
    {
        get => _terminate;
        set
        {
            if (value != _terminate)
            {
                OrtApi.RunOptionsSetTerminate(handle, value);
                _terminate = value;
            }
        }
    }

    internal nint Handle => handle;

    public void AddRunConfigEntry(string configKey, string configValue)
    {
        fixed (byte* key = Utf8.ZeroTerminated(configKey), value = Utf8.ZeroTerminated(configValue))
        {
            OrtApi.AddRunConfigEntry(handle, key, value);
        }
    }

    protected override bool ReleaseHandle()
    {
        OrtApi.ReleaseRunOptions(handle);
        handle = 0;
        return true;
    }
}

using System.Runtime.InteropServices;

namespace Microsoft.ML.OnnxRuntime;

public struct EnvironmentCreationOptions
{
    public string logId;

    public OrtLoggingLevel? logLevel;

    /// <summary>Threads that all sessions without threads of their own share; null = there are none.</summary>
    public OrtThreadingOptions threadOptions;
}

/// <summary>Size and habits of the threads that sessions share.</summary>
public sealed unsafe class OrtThreadingOptions : SafeHandle
{
    public OrtThreadingOptions()
        : base(0, true)
    {
        nint options;
        OrtApi.CreateThreadingOptions(&options);
        handle = options;
    }

    public override bool IsInvalid => handle == 0;

    public int GlobalIntraOpNumThreads
    {
        set => OrtApi.SetGlobalIntraOpNumThreads(handle, value);
    }

    public int GlobalInterOpNumThreads
    {
        set => OrtApi.SetGlobalInterOpNumThreads(handle, value);
    }

    public bool GlobalSpinControl
    {
        set => OrtApi.SetGlobalSpinControl(handle, value);
    }

    internal nint Handle => handle;

    protected override bool ReleaseHandle()
    {
        OrtApi.ReleaseThreadingOptions(handle);
        handle = 0;
        return true;
    }
}

/// <summary>The process-wide environment; made when first needed unless <see cref="CreateInstanceWithOptions"/> came before.</summary>
public sealed unsafe class OrtEnv : SafeHandle
{
    private static readonly Lazy<OrtEnv> s_instance = new(Create);
    private static EnvironmentCreationOptions s_options;

    private OrtEnv(nint handle)
        : base(handle, true)
    {
    }

    public static bool IsCreated => s_instance.IsValueCreated;

    public override bool IsInvalid => handle == 0;

    internal nint Handle => handle;

    public static OrtEnv Instance() => s_instance.Value;

    public static OrtEnv CreateInstanceWithOptions(ref EnvironmentCreationOptions options)
    {
        if (s_instance.IsValueCreated)
        {
            throw new OnnxRuntimeException(
                ErrorCode.RuntimeException, "OrtEnv singleton instance already exists, supplied options would not have effect");
        }

        s_options = options;
        return s_instance.Value;
    }

    public string GetVersionString() => OrtApi.Version;

    public string[] GetAvailableProviders() => OrtApi.GetAvailableProviders();

    protected override bool ReleaseHandle()
    {
        OrtApi.ReleaseEnv(handle);
        handle = 0;
        return true;
    }

    private static OrtEnv Create()
    {
        nint env;
        string logId = string.IsNullOrEmpty(s_options.logId) ? "CSharpOnnxRuntime" : s_options.logId;
        fixed (byte* utf8 = Utf8.ZeroTerminated(logId))
        {
            var level = s_options.logLevel ?? OrtLoggingLevel.ORT_LOGGING_LEVEL_WARNING;
            if (s_options.threadOptions is { } threads)
            {
                OrtApi.CreateEnvWithGlobalThreadPools(level, utf8, threads.Handle, &env);
                GC.KeepAlive(threads);
            }
            else
            {
                OrtApi.CreateEnv(level, utf8, &env);
            }
        }

        return new OrtEnv(env);
    }
}

using Microsoft.ML.OnnxRuntime;

namespace AimcCompiler.Digital;

/// <summary>ONNX Runtime itself, loaded on first use (some 80 ms).</summary>
public static class DigitalRuntime
{
    public static string Version => Guard(() =>
    {
        Start();
        return OrtEnv.Instance().GetVersionString();
    });

    /// <summary>Silences the library before it can speak: all that matters comes back as an exception.</summary>
    internal static void Start()
    {
        if (OrtEnv.IsCreated) return;

        try
        {
            using OrtThreadingOptions threads = new() { GlobalIntraOpNumThreads = Environment.ProcessorCount, GlobalInterOpNumThreads = 1, GlobalSpinControl = false };
            EnvironmentCreationOptions options = new() { logId = "aimc", logLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, threadOptions = threads };
            OrtEnv.CreateInstanceWithOptions(ref options);
        }
        catch (OnnxRuntimeException) when (OrtEnv.IsCreated)
        {
            // Another thread was first.
        }
    }

    /// <summary>Runs a piece of work with ONNX Runtime's exceptions turned into ours.</summary>
    internal static T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (OnnxRuntimeException error)
        {
            throw DigitalException.From(error);
        }
        catch (Exception error) when ((error as TypeInitializationException)?.InnerException is DllNotFoundException || error is DllNotFoundException)
        {
            throw new DigitalException($"ONNX Runtime could not be loaded: {(error.InnerException ?? error).Message}", error);
        }
    }
}

using System.CommandLine;
using AimcCompiler.Cli;

namespace AimcCompiler.Conformance;

/// <summary>Proof on suites that nobody here wrote: what ONNX Runtime computes, a compiled program computes too.</summary>
public static class ConformanceRoot
{
    /// <summary>Runs one command line; returns the exit code.</summary>
    public static async Task<int> InvokeAsync(string[] args)
    {
        var parsed = Create().Parse(args);
        int code = await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) }).ConfigureAwait(false);
        return parsed.Errors.Count > 0 && code != CommandOutcome.Done ? CommandOutcome.Usage : code;
    }

    private static RootCommand Create()
    {
        RootCommand root = new("Runs public conformance suites, real models and mutated files through the compiler and compares with ONNX Runtime")
        {
            SuiteCommand.Create(),
            ConstCommand.Create(),
            ModelsCommand.Create(),
            FuzzCommand.Create(),
            AccuracyCommand.Create(),
            WorkerCommand.Create(),
        };
        root.Options.Add(GlobalOptions.Verbose);
        HelpExamples.AddTo(root);
        return root;
    }
}

using System.CommandLine;
using AimcCompiler.Cli;

namespace AimcCompiler.Benchmarks;

/// <summary>Measurements that docs/performance.md and docs/chips.md quote.</summary>
internal static class BenchmarksRoot
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
        RootCommand root = new("Measures the simulator beside ONNX Runtime")
        {
            RatiosCommand.Create(),
            EndToEndCommand.Create(),
            BenchCommand.Create(),
            new Command("wires", "CPU seconds of the effective matrix of a crossbar with resistive wires"),
        };
        root.Options.Add(GlobalOptions.Verbose);
        HelpExamples.AddTo(root);
        return root;
    }
}

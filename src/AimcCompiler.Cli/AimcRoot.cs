using System.CommandLine;

namespace AimcCompiler.Cli;

/// <summary><c>aimc</c> itself.</summary>
public static class AimcRoot
{
    /// <summary>Runs one command line; returns the exit code.</summary>
    public static async Task<int> InvokeAsync(string[] args, InvocationConfiguration? configuration = null)
    {
        var parsed = Create().Parse(args);
        // Long enough for a command to clean up after Ctrl-C; without it the process dies at once.
        configuration ??= new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(10) };
        int code = await parsed.InvokeAsync(configuration).ConfigureAwait(false);
        return parsed.Errors.Count > 0 && code != CommandOutcome.Done ? CommandOutcome.Usage : code;
    }

    public static RootCommand Create()
    {
        RootCommand root = new("From an ONNX network to an analog in-memory-computing chip: compile, inspect, run, evaluate, time")
        {
            CompileCommand.Create(),
            InspectCommand.Create(),
            RunCommand.Create(),
            EvaluateCommand.Create(),
            TimeCommand.Create(),
            ChipsCommand.Create(),
            PassesCommand.Create(),
            DumpCommand.Create(),
            DisasmCommand.Create(),
            OperatorsCommand.Create(),
            ExportCommand.Create(),
        };
        root.Options.Add(GlobalOptions.Verbose);
        HelpExamples.AddTo(root);
        return root;
    }
}

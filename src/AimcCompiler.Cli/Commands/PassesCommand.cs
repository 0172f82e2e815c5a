using System.CommandLine;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using Spectre.Console;

namespace AimcCompiler.Cli;

/// <summary><c>aimc passes</c>: the pipeline, in the order it runs.</summary>
public static class PassesCommand
{
    public static Command Create()
    {
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand("passes", "List the passes of the compiler in the order they run", "aimc passes", "aimc passes --format json") { format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) =>
            {
                if (parsed.GetValue(format) == "json")
                {
                    Pass[] passes = [.. AimcCompilation.Passes.Select(p => new Pass(p.Name, p.Purpose))];
                    ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Passes = passes }), file: null);
                    return;
                }

                int width = AimcCompilation.Passes.Max(p => p.Name.Length);
                foreach (var (name, purpose) in AimcCompilation.Passes)
                {
                    console.Rich.WriteLine($"{name.PadRight(width)}  {purpose}");
                }
            },
            cancellation));
        return command;
    }

    private sealed record Pass(string Name, string Purpose);
}

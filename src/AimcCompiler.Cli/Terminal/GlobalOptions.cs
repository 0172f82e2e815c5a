using System.CommandLine;

namespace AimcCompiler.Cli;

/// <summary>Options that every command has.</summary>
public static class GlobalOptions
{
    /// <summary>Added once, to the root command.</summary>
    public static Option<bool> Verbose { get; } = new("--verbose") { Description = "Show every step, and the stack trace of an internal error", Recursive = true };

    /// <param name="formats">The first is the default.</param>
    public static Option<string> Format(params string[] formats)
    {
        var option = new Option<string>("--format") { Description = "Form of the result", DefaultValueFactory = _ => formats[0] };
        return option.AcceptOnlyFromAmong(formats);
    }
}

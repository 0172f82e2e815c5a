using System.CommandLine;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Conformance;

/// <summary>Options that the commands share.</summary>
internal sealed class CaseOptions
{
    private readonly Option<string?> _filter = new("--filter") { Description = "Only what has this in its name", HelpName = "TEXT" };
    private readonly Option<int> _workers = new("--workers") { Description = "Processes at a time", DefaultValueFactory = _ => Environment.ProcessorCount };
    private readonly Option<int> _timeout = new("--timeout") { Description = "Seconds for one of them" };

    public CaseOptions(int timeoutSeconds) => _timeout.DefaultValueFactory = _ => timeoutSeconds;

    public Option<string> Format { get; } = GlobalOptions.Format("text", "json");

    public void AddTo(Command command)
    {
        command.Options.Add(_filter);
        command.Options.Add(_workers);
        command.Options.Add(_timeout);
        command.Options.Add(Format);
    }

    public bool IsWanted(ParseResult parsed, string name) => parsed.GetValue(_filter) is not { } filter || name.Contains(filter, StringComparison.OrdinalIgnoreCase);

    public int Workers(ParseResult parsed) => Math.Max(1, parsed.GetValue(_workers));

    public TimeSpan Timeout(ParseResult parsed) => TimeSpan.FromSeconds(Math.Max(1, parsed.GetValue(_timeout)));

    /// <exception cref="DiagnosticException">There is no such folder.</exception>
    public static string Folder(string path, string lever) => Directory.Exists(path)
        ? path
        : throw new DiagnosticException(Descriptors.InvalidData, path, "there is no such folder", lever);
}

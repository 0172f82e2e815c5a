using System.CommandLine;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Reports;
using Spectre.Console;

namespace AimcCompiler.Cli;

/// <summary>Runs the body of a command and turns what it throws into text on stderr and an exit code.</summary>
public static class CommandOutcome
{
    public const int Done = 0;

    /// <summary>The input or the request was wrong: a diagnostic says how.</summary>
    public const int Rejected = 1;

    public const int Usage = 2;

    /// <summary>A mistake of ours (EX_SOFTWARE of sysexits.h).</summary>
    public const int InternalError = 70;

    public const int Interrupted = 130;

    private static readonly Style ErrorStyle = new(foreground: Color.Red);
    private static readonly Style WarningStyle = new(foreground: Color.Yellow);

    /// <param name="parsed">Says where to write.</param>
    /// <param name="body">The command's work; returns the exit code.</param>
    /// <param name="cancellation">Set by Ctrl-C.</param>
    public static async Task<int> Of(ParseResult parsed, Func<AimcConsole, CancellationToken, int> body, CancellationToken cancellation)
    {
        var console = AimcConsole.Of(parsed);
        try
        {
            // Off this thread, so that Ctrl-C is answered while the body computes.
            return await Task.Run(() => body(console, cancellation), CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            return Render(console, exception);
        }
    }

    /// <inheritdoc cref="Of(ParseResult, Func{AimcConsole, CancellationToken, int}, CancellationToken)"/>
    public static Task<int> Of(ParseResult parsed, Action<AimcConsole, CancellationToken> body, CancellationToken cancellation) => Of(
        parsed,
        (console, token) =>
        {
            body(console, token);
            return Done;
        },
        cancellation);

    /// <summary>Findings that did not stop the command, on stderr.</summary>
    public static void Warn(AimcConsole console, IEnumerable<Diagnostic> findings)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(findings);
        foreach (Diagnostic finding in findings)
        {
            Line(console, finding.ToString(), finding.Severity == Severity.Error ? ErrorStyle : WarningStyle);
            foreach (string line in AlternativesText.Lines(finding.Alternatives))
            {
                Line(console, $"  {line}", Style.Plain);
            }
        }
    }

    /// <summary>What went wrong, on stderr; returns the exit code.</summary>
    public static int Render(AimcConsole console, Exception exception)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(exception);
        switch (exception)
        {
            case DiagnosticException { Diagnostics: var findings }:
                Warn(console, findings);
                return Rejected;
            case OperationCanceledException:
                Line(console, "interrupted", WarningStyle);
                return Interrupted;
            case DigitalException:
                Warn(console, [new Diagnostic(Descriptors.RunFailed, "ONNX Runtime", exception.Message)]);
                return Rejected;
            case OutOfMemoryException:
                Line(console, "error: there is not enough memory", ErrorStyle);
                return Rejected;
            default:
                string what = exception is InvalidIrException ? exception.Message : $"{exception.GetType().Name}: {exception.Message}";
                Line(console, $"internal error: {what.ReplaceLineEndings(" ")} (please report)", ErrorStyle);
                if (console.IsVerbose)
                {
                    Line(console, exception.ToString(), Style.Plain);
                }

                return InternalError;
        }
    }

    private static void Line(AimcConsole console, string text, Style style) => console.RichError.WriteLine(Printable.Lines(text), style);
}

using System.CommandLine;
using AimcCompiler.Cli;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Cli;

public sealed class CommandOutcomeTests
{
    [Fact]
    public void ADiagnosticIsExitCode1AndNamesWhatHelps()
    {
        var (exitCode, output, error) = Throwing(new DiagnosticException(
            new Diagnostic(Descriptors.InvalidModel, "a.onnx", "is empty", "another file"), new Diagnostic(Descriptors.InvalidNode, "b", "is bad")));

        Assert.Equal(1, exitCode);
        Assert.Empty(output);
        Assert.Equal(["a.onnx: error AIMC1001: is empty", "  try: another file", "b: error AIMC1004: is bad", ""], error.ReplaceLineEndings("\n").Split('\n'));
    }

    [Fact]
    public void ABrokenInvariantIsOneLineAndExitCode70()
    {
        var (exitCode, _, error) = Throwing(new InvalidIrException("after split-weights: block 3 has 140 rows,\ncrossbar has 128"));

        Assert.Equal(70, exitCode);
        Assert.Equal("internal error: after split-weights: block 3 has 140 rows, crossbar has 128 (please report)", error.TrimEnd());
    }

    [Fact]
    public void TheStackTraceIsShownOnlyWhenAskedFor()
    {
        Assert.DoesNotContain("   at ", Throwing(new InvalidOperationException("oh")).Error, StringComparison.Ordinal);
        Assert.Contains("   at ", Throwing(new InvalidOperationException("oh"), "--verbose").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void AnInterruptedCommandIsExitCode130() => Assert.Equal(130, Throwing(new OperationCanceledException()).ExitCode);

    [Fact]
    public void NamesInDiagnosticsCannotReachTheTerminal() => Assert.DoesNotContain(
        '\u001b', Throwing(new DiagnosticException(Descriptors.InvalidNode, "\u001b[2J", "is \u001b[31mbad")).Error);

    [Fact]
    public void ProgressIsSilentInAPipeUnlessVerbose()
    {
        Assert.Equal("", Reporting().Error);
        Assert.Equal("split-weights\nplace-tiles\n", Reporting("--verbose").Error.ReplaceLineEndings("\n"));
    }

    private static (int ExitCode, string Output, string Error) Throwing(Exception exception, params string[] arguments) =>
        Run((_, _) => throw exception, arguments);

    private static (int ExitCode, string Output, string Error) Reporting(params string[] arguments) => Run(
        (console, _) =>
        {
            using var progress = new ProgressReporter(console);
            progress.Report("split-weights");
            progress.Report("split-weights");
            progress.Report("place-tiles");
        },
        arguments);

    private static (int ExitCode, string Output, string Error) Run(Action<AimcConsole, CancellationToken> body, string[] arguments)
    {
        var command = new Command("test");
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(parsed, body, cancellation));
        return CommandLine.Run(command, arguments);
    }
}

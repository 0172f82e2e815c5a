using System.CommandLine;
using Spectre.Console;

namespace AimcCompiler.Cli;

/// <summary>Where a command writes: results to <see cref="Output"/>, everything else to <see cref="Error"/>. Colour only on a terminal and never
/// with NO_COLOR or TERM=dumb; piped output has no escape codes and lines of any length.</summary>
public sealed class AimcConsole
{
    private const int PipeWidth = 10_000;
    private const int LeastWidth = 40;
    private const int UnknownWidth = 80;

    private AimcConsole(TextWriter output, TextWriter error, bool isOutputTerminal, bool isErrorTerminal, bool isVerbose)
    {
        Output = output;
        Error = error;
        IsVerbose = isVerbose;
        IsErrorTerminal = isErrorTerminal;
        Rich = Create(output, isOutputTerminal);
        RichError = Create(error, isErrorTerminal);
    }

    /// <summary>For JSON and other text that must come out byte for byte.</summary>
    public TextWriter Output { get; }

    public TextWriter Error { get; }

    /// <summary>The same destination as <see cref="Output"/>, with colour where it may have it.</summary>
    public IAnsiConsole Rich { get; }

    public IAnsiConsole RichError { get; }

    /// <summary>Diagnostics and progress reach a person directly.</summary>
    public bool IsErrorTerminal { get; }

    public bool IsVerbose { get; }

    public static AimcConsole Of(ParseResult parsed)
    {
        ArgumentNullException.ThrowIfNull(parsed);
        TextWriter output = parsed.InvocationConfiguration.Output;
        TextWriter error = parsed.InvocationConfiguration.Error;
        return new AimcConsole(
            output,
            error,
            isOutputTerminal: ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected,
            isErrorTerminal: ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected,
            isVerbose: parsed.GetValue(GlobalOptions.Verbose));
    }

    /// <summary>A console without escape codes and without a width.</summary>
    public static IAnsiConsole Plain(TextWriter writer) => Create(writer, isTerminal: false);

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal)
    {
        bool hasColor = isTerminal
            && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") is not ("dumb" or "");
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = hasColor ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = hasColor ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = isTerminal ? TerminalWidth() : PipeWidth;
        console.Profile.Capabilities.Unicode = false;
        return console;
    }

    private static int TerminalWidth()
    {
        try
        {
            return Console.WindowWidth is var width and > 0 ? Math.Max(width, LeastWidth) : UnknownWidth;
        }
        catch (IOException)
        {
            return UnknownWidth;
        }
    }
}

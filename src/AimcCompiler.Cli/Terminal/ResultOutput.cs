using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Puts a text result where the user wants it.</summary>
public static class ResultOutput
{
    /// <param name="console">Whose stdout is used without a file.</param>
    /// <param name="text">The whole result, with its final line feed.</param>
    /// <param name="file">The file of <c>-o</c>; null = stdout.</param>
    public static void Write(AimcConsole console, string text, string? file)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(text);
        if (file is null)
        {
            console.Output.Write(text);
            console.Output.Flush();
        }
        else
        {
            AtomicFile.Write(file, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
        }
    }

    /// <summary>Keeps a result from taking the place of what it is made from.</summary>
    /// <param name="file">The file to write; null = none.</param>
    /// <param name="inputs">The files that are read.</param>
    /// <exception cref="DiagnosticException">They are the same.</exception>
    public static void CheckNotInput(string? file, params ReadOnlySpan<string?> inputs)
    {
        foreach (string? input in inputs)
        {
            if (!string.IsNullOrEmpty(file) && !string.IsNullOrEmpty(input) && Path.GetFullPath(file) == Path.GetFullPath(input))
            {
                throw new DiagnosticException(Descriptors.CannotWrite, file, "is itself an input", "write to another file");
            }
        }
    }

    /// <summary>What a rich console would show, as plain text of any width: for files.</summary>
    public static string Plain(Action<Spectre.Console.IAnsiConsole> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        var text = new StringWriter { NewLine = "\n" };
        write(AimcConsole.Plain(text));
        return text.ToString();
    }
}

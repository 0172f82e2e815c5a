using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary>Says on stderr what is being done: one live line on a terminal, a line per step with <c>--verbose</c>, else nothing.</summary>
public sealed class ProgressReporter(AimcConsole console) : IDisposable
{
    private const string Erase = "\r\u001b[2K";
    private const int WidestLine = 78;

    private readonly Lock _lock = new();
    private readonly bool _isLive = console.IsErrorTerminal && !console.IsVerbose && console.RichError.Profile.Capabilities.Ansi;
    private string _last = "";

    /// <summary>For <c>CompileOptions.Progress</c> and the like; may be called from several threads.</summary>
    public void Report(string step)
    {
        string line = Printable.Of(step, WidestLine);
        lock (_lock)
        {
            if (line == _last)
            {
                return;
            }

            _last = line;
            if (_isLive)
            {
                console.Error.Write($"{Erase}{line}");
                console.Error.Flush();
            }
            else if (console.IsVerbose)
            {
                console.Error.WriteLine(line);
            }
        }
    }

    /// <summary>Leaves no line behind.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isLive && _last.Length > 0)
            {
                console.Error.Write(Erase);
                console.Error.Flush();
                _last = "";
            }
        }
    }
}

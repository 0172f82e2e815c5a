using System.Diagnostics;

namespace AimcCompiler.Conformance;

/// <summary>This program as a process of its own, which answers one request after the other: what ends it ends nothing else.</summary>
/// <remarks>Lines on stdout that begin with <see cref="PhaseMark"/> or <see cref="AnswerMark"/> are the conversation; all others are somebody's noise.</remarks>
internal sealed class WorkerProcess : IDisposable
{
    public const string PhaseMark = "\u001ephase ";
    public const string AnswerMark = "\u001eanswer ";

    private const int LastWordsLength = 300;

    private readonly Process _process;
    private readonly Lock _gate = new();
    private string _lastWords = "";

    public WorkerProcess(string kind)
    {
        ProcessStartInfo start = new()
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string assembly = Path.Combine(AppContext.BaseDirectory, "AimcCompiler.Conformance");
        string executable = OperatingSystem.IsWindows() ? $"{assembly}.exe" : assembly;
        start.FileName = File.Exists(executable) ? executable : "dotnet";
        if (start.FileName == "dotnet")
        {
            start.ArgumentList.Add($"{assembly}.dll");
        }

        start.ArgumentList.Add("worker");
        start.ArgumentList.Add(kind);
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} does not start.");
        _process.ErrorDataReceived += (_, e) =>
        {
            if (!string.IsNullOrWhiteSpace(e.Data))
            {
                lock (_gate)
                {
                    string words = _lastWords.Length == 0 ? e.Data.Trim() : $"{_lastWords} | {e.Data.Trim()}";
                    _lastWords = words.Length > LastWordsLength ? words[..LastWordsLength] : words;
                }
            }
        };
        _process.BeginErrorReadLine();
    }

    /// <summary>Gives the process a request of one line and waits for its answer; after any other than <see cref="Answered"/> the process is gone.</summary>
    public async Task<WorkerAnswer> Ask(string request, TimeSpan limit, CancellationToken cancellation)
    {
        string phase = "start";
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timer.CancelAfter(limit);
        try
        {
            lock (_gate)
            {
                _lastWords = "";
            }

            await _process.StandardInput.WriteLineAsync(request.AsMemory(), timer.Token).ConfigureAwait(false);
            await _process.StandardInput.FlushAsync(timer.Token).ConfigureAwait(false);
            while (await _process.StandardOutput.ReadLineAsync(timer.Token).ConfigureAwait(false) is { } line)
            {
                if (line.StartsWith(AnswerMark, StringComparison.Ordinal))
                {
                    return new Answered(line[AnswerMark.Length..]);
                }

                if (line.StartsWith(PhaseMark, StringComparison.Ordinal))
                {
                    phase = line[PhaseMark.Length..];
                }
            }
        }
        catch (IOException)
        {
            // It ended before it read the request.
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            await End().ConfigureAwait(false);
            return new Hung(phase, limit);
        }

        await _process.WaitForExitAsync(cancellation).ConfigureAwait(false);
        lock (_gate)
        {
            return new Crashed(_process.ExitCode, phase, _lastWords);
        }
    }

    public void Dispose()
    {
        End().GetAwaiter().GetResult();
        _process.Dispose();
    }

    private async Task End()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync().ConfigureAwait(false);
        }
    }
}

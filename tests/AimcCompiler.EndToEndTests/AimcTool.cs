using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AimcCompiler.Cli;

namespace AimcCompiler.EndToEndTests;

/// <summary>The tool as a command line: in this process, or as a process of its own.</summary>
internal static class AimcTool
{
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new() { NewLine = "\n" };
        using StringWriter error = new() { NewLine = "\n" };
        var configuration = new InvocationConfiguration { Output = output, Error = error, ProcessTerminationTimeout = null };
        int exitCode = Task.Run(() => AimcRoot.InvokeAsync(arguments, configuration)).GetAwaiter().GetResult();
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Runs what must succeed; the text on stdout.</summary>
    public static string Succeed(params string[] arguments)
    {
        var (exitCode, output, error) = Run(arguments);
        Assert.True(exitCode == 0, $"aimc {string.Join(' ', arguments)} ended with {exitCode}:\n{error}{output}");
        return output;
    }

    /// <summary>Runs what must succeed with <c>--format json</c>: stdout is JSON and nothing else.</summary>
    public static JsonElement Json(params string[] arguments)
    {
        using var document = JsonDocument.Parse(Succeed([.. arguments, "--format", "json"]));
        return document.RootElement.Clone();
    }

    /// <summary>Starts the tool as users do.</summary>
    public static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo(Places.AppHost, arguments)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    /// <summary>Runs a process of its own to its end, watching its largest resident set.</summary>
    public static (int ExitCode, string Error, TimeSpan Elapsed, long PeakBytes) Measure(params string[] arguments)
    {
        long started = Stopwatch.GetTimestamp();
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        long peak = 0;
        do
        {
            peak = Math.Max(peak, PeakBytes(process));
        }
        while (!process.WaitForExit(50));
        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        process.WaitForExit();
        _ = output.Result;
        return (process.ExitCode, error.Result, elapsed, peak);
    }

    private static long PeakBytes(Process process)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
            {
                process.Refresh();
                return process.PeakWorkingSet64;
            }

            string line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}/status"))
                .FirstOrDefault(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)) ?? "";
            return line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kib, _] ? long.Parse(kib, CultureInfo.InvariantCulture) * 1024 : 0;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            return 0;
        }
    }
}

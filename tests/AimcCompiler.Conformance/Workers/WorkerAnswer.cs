using System.Globalization;

namespace AimcCompiler.Conformance;

/// <summary>What became of one request that a worker process was given. A closed hierarchy.</summary>
internal abstract record WorkerAnswer
{
    private protected WorkerAnswer()
    {
    }
}

/// <param name="Json">The answer.</param>
internal sealed record Answered(string Json) : WorkerAnswer;

/// <summary>The process ended before it answered.</summary>
/// <param name="ExitCode">128 + signal where a signal ended it.</param>
/// <param name="Phase">What it was doing.</param>
/// <param name="LastWords">The end of what it wrote to stderr.</param>
internal sealed record Crashed(int ExitCode, string Phase, string LastWords) : WorkerAnswer
{
    public override string ToString() => $"crash in {Phase}: {Ending}{(LastWords.Length > 0 ? $" ({LastWords})" : "")}";

    private string Ending => ExitCode switch
    {
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        137 => "SIGKILL",
        139 => "SIGSEGV",
        _ => string.Create(CultureInfo.InvariantCulture, $"exit code {ExitCode}"),
    };
}

/// <summary>The process was ended because it did not answer in time.</summary>
internal sealed record Hung(string Phase, TimeSpan Limit) : WorkerAnswer
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"no answer within {Limit.TotalSeconds:0} s in {Phase}");
}

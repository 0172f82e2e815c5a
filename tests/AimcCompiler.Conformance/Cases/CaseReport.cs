using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Reports;

namespace AimcCompiler.Conformance;

/// <param name="Name">Suite and case.</param>
/// <param name="ReferenceFailure">Why ONNX Runtime itself fails it; null = it passes.</param>
/// <param name="Failure">Why we fail it; null = we pass.</param>
/// <param name="Layers">Layers on tiles.</param>
/// <param name="NotOnTiles">Nodes that should be on tiles.</param>
/// <param name="HasToPass">The case counts whatever ONNX Runtime makes of it.</param>
internal sealed record CaseResult(string Name, string? ReferenceFailure, string? Failure, int Layers, ImmutableArray<string> NotOnTiles, bool HasToPass = false)
{
    /// <summary>It counts, and we do not pass it, or what should be on tiles is not.</summary>
    public bool IsFailure => (ReferenceFailure is null || HasToPass) && (Failure is not null || !NotOnTiles.IsEmpty);
}

/// <summary>What became of a list of cases.</summary>
internal sealed record CaseReport
{
    public int SchemaVersion { get; } = 1;

    public required int Cases { get; init; }

    /// <summary>Cases that ONNX Runtime itself, unoptimised, passes.</summary>
    public required int OnnxRuntimePasses { get; init; }

    /// <summary>Of those, cases that the compiled program passes.</summary>
    public required int Passes { get; init; }

    /// <summary>Further cases that the compiled program passes: its own time loops take layouts that ONNX Runtime's operators do not.</summary>
    public required int PassesBeyond { get; init; }

    /// <summary>Of all passed, cases with a layer on tiles.</summary>
    public required int WithLayersOnTiles { get; init; }

    /// <summary>Cases of which a node with constant weights is not on tiles.</summary>
    public required int NotOnTiles { get; init; }

    public required ImmutableArray<CaseResult> Results { get; init; }

    public bool IsProof => Results.All(r => !r.IsFailure) && Cases > 0;

    /// <summary>Runs cases in worker processes.</summary>
    /// <param name="cases">With the names to report them by.</param>
    /// <param name="workers">Processes at a time.</param>
    /// <param name="limit">For one case.</param>
    /// <param name="cancellation">Ends the processes.</param>
    public static async Task<CaseReport> Of(IReadOnlyList<(string Name, CaseRequest Request)> cases, int workers, TimeSpan limit, CancellationToken cancellation)
    {
        var results = new CaseResult[cases.Count];
        await new WorkerPool("case", workers).Run(
            [.. cases.Select(c => JsonSerializer.Serialize(c.Request))],
            _ => limit,
            (i, answer) => results[i] = Result(cases[i].Name, answer) with { HasToPass = cases[i].Request.Kind == CaseKind.Raw },
            cancellation).ConfigureAwait(false);
        return new CaseReport
        {
            Cases = results.Length,
            OnnxRuntimePasses = results.Count(r => r.ReferenceFailure is null),
            Passes = results.Count(r => r.ReferenceFailure is null && r.Failure is null),
            PassesBeyond = results.Count(r => r.ReferenceFailure is not null && r.Failure is null),
            WithLayersOnTiles = results.Count(r => r.Failure is null && r.Layers > 0),
            NotOnTiles = results.Count(r => (r.ReferenceFailure is null || r.HasToPass) && !r.NotOnTiles.IsEmpty),
            Results = [.. results],
        };
    }

    /// <summary>A line for each failing case, then the counts.</summary>
    public int Write(AimcConsole console, string format)
    {
        if (format == "json")
        {
            ResultOutput.Write(console, ReportJson.Write(this), file: null);
            return IsProof ? CommandOutcome.Done : CommandOutcome.Rejected;
        }

        foreach (var result in Results.Where(r => r.IsFailure || (console.IsVerbose && r.ReferenceFailure is not null)))
        {
            string why = result.ReferenceFailure is { } reference && !result.IsFailure ? $"ONNX Runtime fails: {reference}" : result.Failure is { } failure ? $"FAILS: {failure}" : "NOT ON TILES";
            console.Output.WriteLine(Printable.Of(string.Join("; ", [$"{result.Name}: {why}", .. result.ReferenceFailure is null ? result.NotOnTiles : []]), 500));
        }

        console.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Cases} cases, ONNX Runtime passes {OnnxRuntimePasses}, of those we pass {Passes}, and {PassesBeyond} more; {WithLayersOnTiles} with layers on tiles, {NotOnTiles} with constant weights not on tiles"));
        return IsProof ? CommandOutcome.Done : CommandOutcome.Rejected;
    }

    private static CaseResult Result(string name, WorkerAnswer answer)
    {
        switch (answer)
        {
            case Answered answered:
                var outcome = JsonSerializer.Deserialize<CaseOutcome>(answered.Json)!;
                return new CaseResult(name, outcome.Reference, outcome.Failure, outcome.Layers, outcome.Off);
            case Crashed { Phase: CaseRunner.ReferencePhase } or Hung { Phase: CaseRunner.ReferencePhase }:
                return new CaseResult(name, answer.ToString(), "not tried", 0, []);
            default:
                return new CaseResult(name, null, answer.ToString(), 0, []);
        }
    }
}

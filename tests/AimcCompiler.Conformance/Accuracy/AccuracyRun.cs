using System.Collections.Immutable;
using System.Diagnostics;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Conformance;

/// <param name="Model">Name of the model.</param>
/// <param name="Set">Its data set.</param>
/// <param name="Chip">The chip.</param>
/// <param name="Samples">Samples that count.</param>
/// <param name="Reference">ONNX Runtime's top-1 accuracy on them.</param>
/// <param name="Points">One a time, not a number where the device was not measured so long; empty where it failed.</param>
/// <param name="SamplesPerSecond">Samples x instances x times over the time spent running them.</param>
/// <param name="Failure">Why there is no figure; null = there is.</param>
internal sealed record AccuracyRow(
    string Model, string Set, string Chip, long Samples, double? Reference, ImmutableArray<EvaluationPoint> Points, double SamplesPerSecond, string? Failure);

/// <summary>What the tables of docs/accuracy.md are made of.</summary>
/// <param name="instances">Programmed instances.</param>
/// <param name="limit">Samples at most.</param>
/// <param name="timesS">Seconds since programming.</param>
/// <param name="progress">Called now and then.</param>
internal sealed class AccuracyRun(int instances, long limit, ImmutableArray<double> timesS, Action<string> progress)
{
    /// <summary>Top-1 accuracy of one model on one chip.</summary>
    public AccuracyRow Evaluate(AccuracyModel model, string chip, CancellationToken cancellation)
    {
        try
        {
            // On a chip that draws nothing one instance says all, and time changes nothing.
            var tile = ChipReader.Read(chip).Tile;
            bool isRandom = Nonidealities.AreRandom(ChipReader.Read(chip));
            double last = DeviceModel.Create(tile.Cell, tile.Noise.Read, tile.Noise.TemperatureK).MaximumTimeS ?? double.PositiveInfinity;
            var request = Request(model, chip) with { TimesS = [.. timesS.Where(t => t <= last).Select(t => (double?)t)] };
            var outcome = EvaluateWork.Run(isRandom ? request : request with { Instances = 1, TimesS = [timesS[0]] }, cancellation);
            var points = outcome.Result.Results;
            return new AccuracyRow(
                model.Name, model.Set, chip, outcome.Result.Samples, outcome.Result.Reference, [.. timesS.Select(t => isRandom ? points.FirstOrDefault(p => p.TimeS == t) ?? new EvaluationPoint(t, 0, double.NaN, null, null) : points[0] with { TimeS = t })], outcome.Result.SamplesPerSecond, null);
        }
        catch (DiagnosticException e)
        {
            return new AccuracyRow(model.Name, model.Set, chip, 0, null, [], 0, string.Join("; ", e.Diagnostics.Where(d => d.Severity == Severity.Error).Select(d => $"{d.Descriptor.Id} {d.Where}: {d.Message}")));
        }
        finally
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    /// <summary>What the non-idealities of a chip cost a model.</summary>
    public Explanation Explain(AccuracyModel model, string chip, CancellationToken cancellation) => ExplainWork.Run(Request(model, chip), cancellation).Explanation;

    /// <summary>The commit that the tool was built from, as git says, and the machine.</summary>
    public static string Facts()
    {
        string processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor"
            : System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();
        return $"commit {Git("rev-parse", "--short=10", "HEAD")}{(Git("status", "--porcelain", "--untracked-files=no") is "" or "unknown" ? "" : " with changes")}, {processor}, {Environment.ProcessorCount} threads, .NET {Environment.Version}";
    }

    private static string Git(params string[] arguments)
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", arguments) { WorkingDirectory = SharedFolder.Repository, RedirectStandardOutput = true, RedirectStandardError = true })!;
            string text = git.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return git.ExitCode == 0 ? text : "unknown";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }

    private EvaluateRequest Request(AccuracyModel model, string chip) => new()
    {
        File = model.Path,
        Compile = new CompileRequest { Model = model.Path, Chip = chip, Options = new CompileOptions { Chips = null } },
        Data = model.Data,
        Calibration = model.Calibration,
        Metric = MetricKind.Top1,
        TimesS = [.. timesS.Select(t => (double?)t)],
        Instances = instances,
        Limit = limit,
        Progress = step => progress($"{model.Name} on {chip}: {step}"),
    };
}

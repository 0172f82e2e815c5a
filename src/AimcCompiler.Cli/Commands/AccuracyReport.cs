using System.Globalization;

namespace AimcCompiler.Cli;

/// <summary>One program: the metric by time.</summary>
internal sealed class AccuracyReport(EvaluateOutcome outcome, EvaluateRequest request)
    : EvaluationReport(request, outcome.Program, outcome.Metric, outcome.Output, outcome.Result.Samples, outcome.CalibrationSamples, outcome.HasTargets, outcome.Result.Reference)
{
    public override string Text()
    {
        var text = Heading();
        var result = outcome.Result;
        if (result.Programming is { } programming)
        {
            Line(text, ProgrammingText.Of(programming));
        }

        foreach (var point in result.Results)
        {
            string spread = point.Std is { } std ? $"  std {Figure(std)}  95 % interval of the mean +- {Figure(point.Ci95!.Value)}" : "";
            string change = Reference is { } r && IsShare ? string.Create(CultureInfo.InvariantCulture, $"  ({100 * (point.Mean - r):+0.00;-0.00} points)") : "";
            Line(text, $"{TimeName(point.TimeS),-14} {Figure(point.Mean),10}{change}  {Instances(point.Instances)}{spread}");
        }

        if (result.TargetReached is { } isReached)
        {
            string target = string.Create(CultureInfo.InvariantCulture, $"{Request.TargetCi} {Unit}");
            Line(text, isReached
                ? $"every mean is known to +- {target} after {Instances(result.Results[0].Instances)}"
                : $"{Instances(result.Results[0].Instances)} do not tell every mean to +- {target}; --instances N allows more");
        }

        Line(text, string.Create(CultureInfo.InvariantCulture, $"{result.SamplesPerSecond:N0} samples/s"));
        return text.ToString();
    }

    public override object Json() => new
    {
        Model = Program.ModelName,
        Chip = Program.Chip.Name,
        Metric = Runtime.Metric.NameOf(Metric),
        Output,
        ComparedWith,
        Samples,
        CalibrationSamplesLeftOut = CalibrationSamples,
        Reference = Reference is { } reference ? Finite(reference) : null,
        outcome.Result.Programming,
        Results = outcome.Result.Results.Select(Point).ToArray(),
        Request.TargetCi,
        outcome.Result.TargetReached,
        outcome.Result.SamplesPerSecond,
        Program.Batch,
        Request.Simulation.Seed,
    };

    public override string Csv() =>
        CsvLine("time_s", "instances", "mean", "std", "ci95") + string.Concat(outcome.Result.Results.Select(p => CsvLine(p.TimeS, p.Instances, p.Mean, p.Std, p.Ci95)));
}

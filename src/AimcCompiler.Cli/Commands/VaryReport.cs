using System.Globalization;
using System.Text.Json;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary>A grid of chip fields: the metric at each point by time.</summary>
internal sealed class VaryReport(VaryOutcome outcome, EvaluateRequest request) : EvaluationReport(
    request,
    outcome.Program,
    outcome.Options.Metric,
    outcome.Output,
    outcome.Points[0].Result.Samples,
    outcome.CalibrationSamples,
    outcome.HasTargets,
    outcome.Points[0].Result.Reference)
{
    public override string Text()
    {
        var text = Heading();
        // Where the mapping stays, its tiles are no news.
        bool hasTiles = outcome.Points.Select(p => p.Tiles).Distinct().Count() > 1;
        TextTable table = new([
            .. outcome.Paths.Select(p => (p, true)),
            .. hasTiles ? [("tiles", true)] : Array.Empty<(string, bool)>(),
            ("time", false), (Runtime.Metric.NameOf(Metric), true), ("instances", true), ("std", true), ("95 % +-", true),
            .. Request.TargetCi is null ? [] : new[] { ("known", false) },
        ]);
        foreach (var point in outcome.Points)
        {
            foreach (var time in point.Result.Results)
            {
                table.Add([
                    .. point.Values.Select(v => Printable.Of(v, 40)),
                    .. hasTiles ? [point.Tiles.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
                    TimeName(time.TimeS),
                    Figure(time.Mean),
                    time.Instances.ToString(CultureInfo.InvariantCulture),
                    time.Std is { } std ? Figure(std) : "",
                    time.Ci95 is { } ci ? Figure(ci) : "",
                    .. Request.TargetCi is null ? [] : new[] { point.Result.TargetReached == true ? "yes" : "no" },
                ]);
            }
        }

        foreach (string line in table.Lines())
        {
            Line(text, line);
        }

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
        Vary = outcome.Paths.ToArray(),
        Points = outcome.Points.Select(p => new
        {
            Values = outcome.Paths.Zip(p.Values).ToDictionary(v => v.First, v => Value(v.Second), StringComparer.Ordinal),
            TilesUsed = p.Tiles,
            Results = p.Result.Results.Select(Point).ToArray(),
            p.Result.TargetReached,
            p.Result.SamplesPerSecond,
        }).ToArray(),
        Request.TargetCi,
        Program.Batch,
        Request.Simulation.Seed,
    };

    public override string Csv() =>
        CsvLine([.. outcome.Paths, "tiles_used", "time_s", "instances", "mean", "std", "ci95"])
        + string.Concat(outcome.Points.SelectMany(p => p.Result.Results.Select(r => CsvLine([.. p.Values, p.Tiles, r.TimeS, r.Instances, r.Mean, r.Std, r.Ci95]))));

    /// <summary>JSON where the value is some, as --set reads it; else text.</summary>
    private static JsonElement Value(string text)
    {
        try
        {
            return JsonElement.Parse(text);
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text);
        }
    }
}

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using AimcCompiler.Runtime;

namespace AimcCompiler.Conformance;

/// <summary>Figures as the tables of a Markdown document.</summary>
internal static class AccuracyTables
{
    /// <summary>Models x chips x times: the mean over instances, and their standard deviation.</summary>
    public static string Models(IReadOnlyList<AccuracyRow> rows, ImmutableArray<double> timesS, IReadOnlyList<string> left)
    {
        StringBuilder text = new();
        text.Append($"| model | data | samples | ONNX Runtime | chip |{string.Concat(timesS.Select(t => $" {Evaluator.TimeText(t)} |"))} instances |\n");
        text.Append($"|---|---|---|---|---|{string.Concat(timesS.Select(_ => "---|"))}---|\n");
        foreach (var row in rows)
        {
            string points = row.Failure is null ? string.Concat(row.Points.Select(p => double.IsNaN(p.Mean) ? " not measured |" : $" {Percent(p.Mean)}{(p.Std is { } std ? $" ± {Points(std)}" : "")} |")) : string.Concat(timesS.Select(_ => " - |"));
            string instances = row.Failure is null ? row.Points[0].Instances.ToString(CultureInfo.InvariantCulture) : "-";
            text.Append(CultureInfo.InvariantCulture, $"| {row.Model} | {row.Set} | {row.Samples:N0} | {(row.Reference is { } r ? Percent(r) : "-")} | {row.Chip} |{points} {instances} |\n");
        }

        foreach (string line in left.Concat(rows.Where(r => r.Failure is not null).Select(r => $"{r.Model} on {r.Chip}: {r.Failure}")))
        {
            text.Append($"\n- {line}");
        }

        return left.Count > 0 || rows.Any(r => r.Failure is not null) ? text.Append('\n').ToString() : text.ToString();
    }

    /// <summary>One model on one chip, with the interval of each mean and what it loses.</summary>
    public static string Curve(AccuracyRow row)
    {
        StringBuilder text = new();
        text.Append("| time | top-1 | standard deviation | 95 % interval of the mean | loss, points |\n|---|---|---|---|---|\n");
        text.Append($"| ONNX Runtime | {Percent(row.Reference!.Value)} | | | |\n");
        foreach (var point in row.Points)
        {
            text.Append($"| {Evaluator.TimeText(point.TimeS!.Value)} | {Percent(point.Mean)} | {Points(point.Std)} | ± {Points(point.Ci95)} | {Points(row.Reference.Value - point.Mean)} |\n");
        }

        return text.ToString();
    }

    /// <summary>What each non-ideality costs at the last time.</summary>
    public static string Explained(Explanation found)
    {
        StringBuilder text = new();
        text.Append("| non-ideality | it alone off | won, points | it alone on | lost, points |\n|---|---|---|---|---|\n");
        text.Append($"| all off | | | {Percent(found.AllOff[^1].Mean)} | |\n");
        text.Append($"| all on | {Percent(found.AllOn[^1].Mean)} | | | {Cost(found.Total[^1])} |\n");
        foreach (var one in found.Nonidealities)
        {
            var point = one.Points[^1];
            text.Append($"| {one.Name} | {Percent(point.Off.Mean)} | {Cost(point.OffCost)} | {Percent(point.Only.Mean)} | {Cost(point.OnlyCost)} |\n");
        }

        if (!found.WithoutCompensation.IsEmpty)
        {
            var (point, cost) = found.WithoutCompensation[^1];
            text.Append($"| no drift compensation | {Percent(point.Mean)} | {Cost(cost with { Mean = -cost.Mean })} | | |\n");
        }

        return text.ToString();
    }

    private static string Cost(PairedCost cost) => $"{Points(cost.Mean)}{(cost.Ci95 is { } ci ? $" ± {Points(ci)}" : "")}";

    private static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.00} %");

    private static string Points(double? share) => share is { } value ? (100 * value).ToString("0.00", CultureInfo.InvariantCulture) : "";
}

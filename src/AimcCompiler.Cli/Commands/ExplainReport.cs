using System.Globalization;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What each non-ideality costs, by time.</summary>
internal sealed class ExplainReport(ExplainOutcome outcome, EvaluateRequest request) : EvaluationReport(
    request,
    outcome.Program,
    outcome.Options.Metric,
    outcome.Output,
    outcome.Explanation.Samples,
    outcome.CalibrationSamples,
    outcome.HasTargets,
    outcome.Explanation.Reference)
{
    private readonly Explanation _found = outcome.Explanation;

    public override string Text()
    {
        var text = Heading();
        for (int t = 0; t < _found.AllOn.Length; t++)
        {
            TextTable table = new((TimeName(_found.AllOn[t].TimeS), false), ("it alone off", true), ($"won, {Unit}", true), ("95 % +-", true), ("it alone on", true), ($"lost, {Unit}", true), ("95 % +-", true));
            table.Add("all off", "", "", "", Figure(_found.AllOff[t].Mean), "", "");
            table.Add("all on", Figure(_found.AllOn[t].Mean), "", "", "", Difference(_found.Total[t].Mean), Interval(_found.Total[t].Ci95));
            foreach (var one in _found.Nonidealities)
            {
                var point = one.Points[t];
                table.Add(
                    $"  {one.Name}",
                    Figure(point.Off.Mean), Difference(point.OffCost.Mean), Interval(point.OffCost.Ci95),
                    Figure(point.Only.Mean), Difference(point.OnlyCost.Mean), Interval(point.OnlyCost.Ci95));
            }

            if (!_found.WithoutCompensation.IsEmpty)
            {
                var (point, cost) = _found.WithoutCompensation[t];
                table.Add("no drift compensation", Figure(point.Mean), Difference(-cost.Mean), Interval(cost.Ci95), "", "", "");
            }

            Write(text, table);
        }

        if (_found.LeftOut.Length > 0)
        {
            Line(text, Printable.Of($"stays on: {string.Join(", ", _found.LeftOut)} ({outcome.Why})", 400));
        }

        WriteLayers(text);
        Line(text, string.Create(CultureInfo.InvariantCulture, $"{Instances(_found.Instances)}, the same in every line; {_found.SamplesPerSecond:N0} samples/s"));
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
        _found.Instances,
        Results = _found.AllOn.Select(Point).ToArray(),
        AllOff = _found.AllOff.Select(Point).ToArray(),
        Total = _found.Total.Select((c, t) => new { _found.AllOn[t].TimeS, Cost = Finite(c.Mean), CostCi95 = c.Ci95 }).ToArray(),
        Nonidealities = _found.Nonidealities.Select(n => new
        {
            n.Name,
            n.Fields,
            Results = n.Points.Select(p => new
            {
                p.Off.TimeS,
                AloneOff = new { Mean = Finite(p.Off.Mean), p.Off.Std, p.Off.Ci95, Cost = Finite(p.OffCost.Mean), CostCi95 = p.OffCost.Ci95 },
                AloneOn = new { Mean = Finite(p.Only.Mean), p.Only.Std, p.Only.Ci95, Cost = Finite(p.OnlyCost.Mean), CostCi95 = p.OnlyCost.Ci95 },
            }).ToArray(),
        }).ToArray(),
        WithoutDriftCompensation = _found.WithoutCompensation.Select(c => new { c.Point.TimeS, Mean = Finite(c.Point.Mean), c.Point.Std, c.Point.Ci95, Cost = Finite(c.Cost.Mean), CostCi95 = c.Cost.Ci95 }).ToArray(),
        StaysOn = _found.LeftOut.Select(name => new { Name = name, Reason = outcome.Why }).ToArray(),
        Layers = _found.Layers.Select(l => new
        {
            l.Name,
            SqnrDb = l.AllOn,
            AloneOnSqnrDb = _found.Nonidealities.Zip(l.Only).ToDictionary(n => n.First.Name, n => n.Second, StringComparer.Ordinal),
        }).ToArray(),
        _found.SamplesPerSecond,
        Program.Batch,
        Request.Simulation.Seed,
    };

    public override string Csv()
    {
        string lines = CsvLine("nonideality", "switch", "time_s", "instances", "mean", "std", "ci95", "cost", "cost_ci95");
        for (int t = 0; t < _found.AllOn.Length; t++)
        {
            lines += Row("all", "off", _found.AllOff[t], null) + Row("all", "on", _found.AllOn[t], _found.Total[t]);
            lines += string.Concat(_found.Nonidealities.Select(n => Row(n.Name, "off", n.Points[t].Off, n.Points[t].OffCost) + Row(n.Name, "only", n.Points[t].Only, n.Points[t].OnlyCost)));
            lines += _found.WithoutCompensation.IsEmpty ? "" : Row("drift compensation", "off", _found.WithoutCompensation[t].Point, _found.WithoutCompensation[t].Cost);
        }

        return lines;
    }

    private static string Row(string name, string state, EvaluationPoint point, PairedCost? cost) =>
        CsvLine(name, state, point.TimeS, point.Instances, point.Mean, point.Std, point.Ci95, cost?.Mean, cost?.Ci95);

    /// <summary>The layers' SQNR, one column a non-ideality.</summary>
    private void WriteLayers(System.Text.StringBuilder text)
    {
        if (_found.Layers.IsEmpty || _found.Nonidealities.IsEmpty)
        {
            return;
        }

        TextTable table = new([($"layer, SQNR in dB at {TimeName(_found.AllOn[^1].TimeS)}", false), ("all on", true), .. _found.Nonidealities.Select(n => (n.Name, true))]);
        foreach (var layer in _found.Layers)
        {
            table.Add([Printable.Of(layer.Name, 40), Decibel(layer.AllOn), .. layer.Only.Select(Decibel)]);
        }

        Write(text, table);
    }

    private static string Decibel(double? value) => value is { } db ? db.ToString("0.0", CultureInfo.InvariantCulture) : "-";

    private static void Write(System.Text.StringBuilder text, TextTable table)
    {
        foreach (string line in table.Lines())
        {
            Line(text, line);
        }
    }
}

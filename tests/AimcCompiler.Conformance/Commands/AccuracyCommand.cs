using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Conformance;

/// <summary><c>accuracy</c>: trained models on published chips over time, written to docs/accuracy.md between the marks of each table.</summary>
internal static class AccuracyCommand
{
    private const string DefaultChips = "isaac,puma,hermes,neurram,sonos,aihwkit-default";

    private const string CurveChip = "aihwkit-default";

    private const string CurveModel = "lenet5";

    private static readonly string[] s_tables = ["models", "curve", "explain"];

    public static Command Create()
    {
        var tables = new Option<string>("--tables") { Description = "Which tables to make: models (models x chips x times), curve and explain (LeNet-5 on aihwkit-default)", HelpName = "A,B", DefaultValueFactory = _ => string.Join(',', s_tables) };
        var chips = new Option<string>("--chips") { Description = "Chips of the table of models; one that is no preset is left out, with a line that says so", HelpName = "A,B", DefaultValueFactory = _ => DefaultChips };
        var models = new Option<string?>("--models") { Description = "Models of the table of models, by name (default: all that are here)", HelpName = "A,B" };
        var instances = new Option<int>("--instances") { Description = "Programmed instances (default: 5; 25 for curve and explain)" };
        var limit = new Option<long>("--limit") { Description = "Samples of a model at most (default: 1000; 10000 for the curve, 2000 for explain)" };
        var time = new Option<string?>("--time") { Description = "Times since programming (default: 25s,1d,1y; 25s,1h,1d,1y for the curve, 1y for explain)", HelpName = "25s,1d,1y" };
        var output = new Option<string>("--output", "-o") { Description = "The document", HelpName = "FILE.md", DefaultValueFactory = _ => Path.Combine(SharedFolder.Repository, "docs", "accuracy.md") };
        var json = new Option<string?>("--json") { Description = "Write the figures as JSON too", HelpName = "FILE.json" };
        var command = new AimcCommand(
            "accuracy",
            "Accuracy of trained models on published chips over time, into docs/accuracy.md",
            "AimcCompiler.Conformance accuracy",
            "AimcCompiler.Conformance accuracy --tables models --models mlp,lenet5 --chips hermes --instances 3 --limit 500",
            "AimcCompiler.Conformance accuracy --tables curve,explain") { tables, chips, models, instances, limit, time, output, json };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string[] wanted = Names(parsed.GetValue(tables)!, s_tables, "--tables");
                var all = AccuracyModel.All();
                string[] names = [.. all.Select(m => m.Name)];
                var chosen = parsed.GetValue(models) is { } list ? Names(list, names, "--models") : names;
                string document = parsed.GetValue(output)!;
                string text = File.Exists(document) ? File.ReadAllText(document) : throw new DiagnosticException(Descriptors.CannotWrite, document, "there is no such document to write the tables to");
                Checked("--instances", parsed.GetValue(instances));
                Checked("--limit", parsed.GetValue(limit));
                using ProgressReporter progress = new(console);
                // Now: the repository may move on while this runs.
                string facts = AccuracyRun.Facts();
                Dictionary<string, object> figures = [];
                foreach (string table in wanted)
                {
                    bool isModels = table == "models";
                    int count = parsed.GetValue(instances) is > 0 and var i ? i : isModels ? 5 : 25;
                    long samples = parsed.GetValue(limit) is > 0 and var l ? l : isModels ? 1000 : table == "curve" ? 10_000 : 2000;
                    string times = parsed.GetValue(time) ?? (isModels ? "25s,1d,1y" : table == "curve" ? "25s,1h,1d,1y" : "1y");
                    ImmutableArray<double> timesS = [.. TimeParser.Parse(times)];
                    AccuracyRun run = new(count, samples, timesS, progress.Report);
                    string line = string.Create(CultureInfo.InvariantCulture, $"accuracy --tables {table}{(isModels ? Given(parsed.GetValue(chips)!, parsed.GetValue(models)) : "")} --instances {count} --limit {samples} --time {times}");
                    long started = Stopwatch.GetTimestamp();
                    var (content, figure) = table switch
                    {
                        "models" => Models(run, [.. all.Where(m => chosen.Contains(m.Name))], parsed.GetValue(chips)!.Split(','), timesS, console, token),
                        "curve" => Curve(run, all.First(m => m.Name == CurveModel), console, token),
                        _ => Explain(run, all.First(m => m.Name == CurveModel), console, token),
                    };
                    string seconds = string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
                    text = MarkedSection.Replace(text, table, $"{content}\nMade by `{line}` ({facts}, {seconds}).\n", document);
                    // After every table: one that takes long is not lost with the next.
                    AtomicFile.Write(document, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
                    figures.Add(table, figure);
                }

                progress.Dispose();
                if (parsed.GetValue(json) is { } file)
                {
                    ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Facts = facts, Tables = figures }), file);
                }

                console.Output.WriteLine($"wrote {string.Join(", ", wanted)} to {Printable.Of(document, 400)}");
            },
            cancellation));
        return command;
    }

    private static string Given(string chips, string? models) => $"{(chips == DefaultChips ? "" : $" --chips {chips}")}{(models is null ? "" : $" --models {models}")}";

    private static void Checked(string option, long value)
    {
        if (value < 0)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, option, string.Create(CultureInfo.InvariantCulture, $"is {value}; 1 or more is possible"));
        }
    }

    private static string[] Names(string list, string[] known, string option)
    {
        string[] names = [.. list.Split(',').Select(n => n.Trim()).Distinct()];
        return names.FirstOrDefault(n => !known.Contains(n)) is { } unknown
            ? throw new DiagnosticException(Descriptors.InvalidOption, option, $"names '{unknown}', which there is not", $"of: {string.Join(", ", known)}")
            : names;
    }

    private static (string Content, object Figures) Models(AccuracyRun run, ImmutableArray<AccuracyModel> models, string[] chips, ImmutableArray<double> timesS, AimcConsole console, CancellationToken cancellation)
    {
        List<string> left = [.. chips.Where(c => !ChipReader.PresetNames.Contains(c)).Select(c => $"`{c}` is no preset of this version: left out.")];
        left.AddRange(models.Where(m => !m.IsHere).Select(m => $"{m.Name}: the model or its {m.Set} data are not here: left out."));
        foreach (string line in left)
        {
            console.Output.WriteLine(line);
        }

        List<AccuracyRow> rows = [];
        foreach (var model in models.Where(m => m.IsHere))
        {
            foreach (string chip in chips.Where(ChipReader.PresetNames.Contains))
            {
                cancellation.ThrowIfCancellationRequested();
                var row = run.Evaluate(model, chip, cancellation);
                rows.Add(row);
                console.Output.WriteLine(Printable.Of(
                    row.Failure ?? string.Join("  ", row.Points.Select(p => double.IsNaN(p.Mean) ? $"{Evaluator.TimeText(p.TimeS!.Value)} not measured" : string.Create(CultureInfo.InvariantCulture, $"{Evaluator.TimeText(p.TimeS!.Value)} {100 * p.Mean:0.00} %")).Prepend($"{row.Model} on {row.Chip}:")), 300));
                console.Output.Flush();
            }
        }

        return (AccuracyTables.Models(rows, timesS, left), new { Rows = rows.Select(r => r with { Points = [.. r.Points.Where(p => !double.IsNaN(p.Mean))] }), LeftOut = left });
    }

    private static (string Content, object Figures) Curve(AccuracyRun run, AccuracyModel model, AimcConsole console, CancellationToken cancellation)
    {
        var row = run.Evaluate(model, CurveChip, cancellation);
        if (row.Failure is { } failure)
        {
            throw new DiagnosticException(Descriptors.InvalidData, model.Path, failure);
        }

        string table = AccuracyTables.Curve(row);
        console.Output.Write(table);
        return (string.Create(CultureInfo.InvariantCulture, $"{table}\n{row.Model} on {row.Chip}, {row.Samples:N0} samples of {row.Set}, {row.Points[0].Instances} instances, {row.SamplesPerSecond:N0} samples/s.\n"), row);
    }

    private static (string Content, object Figures) Explain(AccuracyRun run, AccuracyModel model, AimcConsole console, CancellationToken cancellation)
    {
        var found = run.Explain(model, CurveChip, cancellation);
        string table = AccuracyTables.Explained(found);
        console.Output.Write(table);
        string time = found.AllOn[^1].TimeS is { } t ? Evaluator.TimeText(t) : "0";
        return (string.Create(CultureInfo.InvariantCulture, $"{table}\n{model.Name} on {CurveChip} after {time}, {found.Samples:N0} samples of {model.Set}, the same {found.Instances} instances in every line; ± is the 95 % interval of the paired difference.\n"), found);
    }
}

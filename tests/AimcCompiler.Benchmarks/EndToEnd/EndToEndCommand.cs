using System.CommandLine;
using System.Globalization;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Benchmarks;

/// <summary><c>endtoend</c>: whole networks on all cores over ONNX Runtime.</summary>
internal static class EndToEndCommand
{
    private static readonly string[] s_models = [LeNetEvaluation.Name, ResNetInference.Name];

    public static Command Create()
    {
        var models = new Option<string>("--models") { Description = "Which networks", HelpName = "A,B", DefaultValueFactory = _ => string.Join(',', s_models) };
        var runs = new Option<int>("--runs") { Description = "Rounds of a row at most; of LeNet-5: programmed instances", DefaultValueFactory = _ => 25 };
        var seconds = new Option<double>("--seconds") { Description = "No round of light_resnet50 begins after so many seconds of its row", DefaultValueFactory = _ => 30 };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "endtoend",
            "LeNet-5 on 10,000 images (aihwkit-default) and reseeded light_resnet50 (hermes) on all cores, over ONNX Runtime's time on the wall",
            "AimcCompiler.Benchmarks endtoend",
            "AimcCompiler.Benchmarks endtoend --models lenet5 --runs 5 --format json") { models, runs, seconds, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string[] wanted = [.. parsed.GetValue(models)!.Split(',').Select(m => m.Trim())];
                if (wanted.FirstOrDefault(m => !s_models.Contains(m)) is { } unknown)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--models", $"names '{unknown}', which there is not", $"of: {string.Join(", ", s_models)}");
                }

                bool isText = parsed.GetValue(format) == "text";
                if (isText)
                {
                    console.Output.WriteLine("| network | chip | batch | threads | ours, ms | ONNX Runtime, ms | ratio | goal | |");
                    console.Output.WriteLine("|---|---|---|---|---|---|---|---|---|");
                }

                List<EndToEndRow> rows = [];
                foreach (var row in Measure(wanted, parsed.GetValue(runs), parsed.GetValue(seconds), console.Error.WriteLine, token))
                {
                    rows.Add(row);
                    if (isText)
                    {
                        console.Output.WriteLine(string.Create(
                            CultureInfo.InvariantCulture,
                            $"| {row.Model}, {row.Samples} samples | {row.Chip} | {row.Batch} | {row.Threads} | {row.OursMs:0.0} | {row.OnnxRuntimeMs:0.0} | {row.Ratio:0.00} | {row.Goal:0.0} | {(row.Ratio <= row.Goal ? "" : "above")} |"));
                        console.Output.Flush();
                    }
                }

                if (!isText)
                {
                    ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Rows = rows }), file: null);
                }
            },
            cancellation));
        return command;
    }

    private static IEnumerable<EndToEndRow> Measure(string[] wanted, int rounds, double seconds, Action<string> report, CancellationToken cancellation)
    {
        if (wanted.Contains(LeNetEvaluation.Name))
        {
            yield return LeNetEvaluation.Measure(rounds, report, cancellation);
        }

        if (!wanted.Contains(ResNetInference.Name))
        {
            yield break;
        }

        if (!File.Exists(ResNetInference.Model))
        {
            report($"{ResNetInference.Name}: skipped: the reference models stand in ../shared beside the repository, and are not there");
            yield break;
        }

        foreach (var row in ResNetInference.Measure(rounds, seconds, cancellation))
        {
            yield return row;
        }
    }
}

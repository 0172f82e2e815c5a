using System.CommandLine;
using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary><c>aimc evaluate FILE.aimc|MODEL.onnx --data DATA</c>: a metric on a data set, by time since programming and instance.</summary>
public static class EvaluateCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc|MODEL.onnx") { Description = "A compiled program, or a model with --chip" };
        var data = new Option<string[]>("--data") { Description = "Samples", HelpName = "[NAME=]DATA", Required = true };
        var labels = new Option<string?>("--labels") { Description = "Class of each sample", HelpName = "FILE" };
        var targets = new Option<string?>("--targets") { Description = "What the output should be, an entry a sample: .npy, .npz or idx (a test set brings its own)", HelpName = "FILE" };
        var outputName = new Option<string?>("--output-name") { Description = "The output that the metric looks at (default: the first)", HelpName = "NAME" };
        var peak = new Option<double?>("--peak") { Description = "Peak of the signal for psnr (default: largest less smallest target)", HelpName = "VALUE" };
        var compare = new Option<string?>("--compare") { Description = "The model, for ONNX Runtime's own figure beside an .aimc's", HelpName = "MODEL.onnx" };
        var time = new Option<string?>("--time") { Description = "Times since programming, comma-separated (default: right after it)", HelpName = "25s,1h,1d,30d,1y" };
        var instances = new Option<int>("--instances") { Description = "Programmed chips to average over", DefaultValueFactory = _ => 1 };
        var limit = new Option<long?>("--limit") { Description = "Evaluate at most so many samples", HelpName = "N" };
        var metric = new Option<string?>("--metric")
        {
            Description = "top1 (default with labels), top5; auc, reconstruction-auc (labels 0 and 1); mse (default with targets), psnr, sqnr against targets or else ONNX Runtime; agreement with ONNX Runtime (default)",
        }.AcceptOnlyFromAmong([.. Enum.GetValues<MetricKind>().Select(Metric.NameOf)]);
        var save = new Option<string?>("--save-outputs") { Description = "Write every sample's outputs", HelpName = "FILE.npz" };
        var format = GlobalOptions.Format("text", "json");
        MappingOptions mapping = new();
        SimulatorOptions simulator = new();
        DataFileOptions files = new();
        var command = new AimcCommand(
            "evaluate",
            "Measure accuracy on a data set, by time since programming and over programmed instances",
            "aimc evaluate lenet5.aimc --data test.idx3-ubyte.gz --labels test.idx1-ubyte.gz --time 25s,1h,1d,1y --instances 5",
            "aimc evaluate lenet5.onnx --chip hermes --data test.npy --labels labels.npy --calibrate train.npy",
            "aimc evaluate resnet8.onnx --chip float --data cifar10.bin --shape 32x32x3 --dtype uint8 --layout \"nhwc->nchw\" --labels labels.bin",
            "aimc evaluate autoencoder.onnx --chip hermes --data sounds.npy --labels anomalies.txt --metric reconstruction-auc") { file, data, labels, targets, compare, time, instances, limit, metric, outputName, peak, save };
        mapping.AddTo(command);
        simulator.AddTo(command);
        files.AddTo(command);
        command.Options.Add(format);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                using ProgressReporter progress = new(console);
                string source = parsed.GetValue(file)!;
                bool isModel = source.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase);
                if (!isModel && mapping.Given(parsed).FirstOrDefault() is { } given)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, given, "changes the compile, and the program is compiled already", "give the .onnx instead of the .aimc");
                }

                int count = parsed.GetValue(instances);
                if (count is < 1 or > 100_000)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--instances", $"is {count}; 1 to 100000 are possible");
                }

                if (parsed.GetValue(limit) is < 1)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--limit", "is below 1");
                }

                if (parsed.GetValue(peak) is { } top && !(top > 0 && double.IsFinite(top)))
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--peak", "is not a number greater than 0");
                }

                var calibration = mapping.CalibrationPaths(parsed);
                var outcome = EvaluateWork.Run(
                    new EvaluateRequest
                    {
                        File = source,
                        Compile = isModel
                            ? new CompileRequest
                            {
                                Model = source,
                                Chip = CompileCommand.RequireChip(parsed.GetValue(mapping.Chip)),
                                Overrides = mapping.Overrides(parsed),
                                Options = mapping.Of(parsed) with { Progress = progress.Report },
                            }
                            : null,
                        Data = files.Of(parsed, [.. parsed.GetValue(data)!], parsed.GetValue(labels)) with { Targets = parsed.GetValue(targets) },
                        Calibration = calibration.IsEmpty ? null : files.Of(parsed, calibration),
                        CalibrationQuantile = mapping.InputQuantile(parsed),
                        Compare = parsed.GetValue(compare),
                        Metric = parsed.GetValue(metric) is { } name ? Enum.GetValues<MetricKind>().First(k => Metric.NameOf(k) == name) : null,
                        OutputName = parsed.GetValue(outputName),
                        Peak = parsed.GetValue(peak),
                        TimesS = parsed.GetValue(time) is { } times ? [.. TimeParser.Parse(times).Distinct().Select(t => (double?)t)] : [null],
                        Instances = count,
                        Limit = parsed.GetValue(limit),
                        SaveOutputs = parsed.GetValue(save),
                        Simulation = simulator.Of(parsed),
                        Progress = progress.Report,
                    },
                    token);
                progress.Dispose();
                CommandOutcome.Warn(console, outcome.Warnings);
                if (parsed.GetValue(format) == "json")
                {
                    ResultOutput.Write(console, ReportJson.Write(Json(outcome, parsed, simulator)), null);
                }
                else
                {
                    Write(console, outcome, simulator.Of(parsed).Seed);
                }
            },
            cancellation));
        return command;
    }

    private static object Json(EvaluateOutcome outcome, ParseResult parsed, SimulatorOptions simulator) => new
    {
        Model = outcome.Program.ModelName,
        Chip = outcome.Program.Chip.Name,
        Metric = Metric.NameOf(outcome.Metric),
        outcome.Output,
        ComparedWith = !Metric.NeedsTargets(outcome.Metric) ? null : outcome.HasTargets ? "targets" : "onnx_runtime",
        outcome.Result.Samples,
        CalibrationSamplesLeftOut = outcome.CalibrationSamples,
        Reference = outcome.Result.Reference is { } reference ? Finite(reference) : null,
        outcome.Result.Programming,
        Results = outcome.Result.Results.Select(r => new { TimeS = r.TimeS, r.Instances, Mean = Finite(r.Mean), r.Std, Ci95 = r.Ci95 }).ToArray(),
        outcome.Result.SamplesPerSecond,
        outcome.Program.Batch,
        simulator.Of(parsed).Seed,
    };

    /// <summary>JSON has no infinity: no error at all has no ratio to it.</summary>
    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static void Write(AimcConsole console, EvaluateOutcome outcome, ulong seed)
    {
        bool isShare = Metric.IsShare(outcome.Metric);
        string Figure(double value) => isShare ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %")
            : outcome.Metric == MetricKind.Mse ? value.ToString("0.000e+00", CultureInfo.InvariantCulture)
            : double.IsFinite(value) ? string.Create(CultureInfo.InvariantCulture, $"{value:0.00} dB")
            : "exact";
        var result = outcome.Result;
        console.Output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Printable.Of(outcome.Program.ModelName)} on {Printable.Of(outcome.Program.Chip.Name)}: {Metric.NameOf(outcome.Metric)}{(Metric.NeedsTargets(outcome.Metric) ? outcome.HasTargets ? " against targets" : " against ONNX Runtime" : "")} on {result.Samples:N0} samples, seed {seed}"));
        if (outcome.CalibrationSamples > 0)
        {
            console.Output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"the program had no ranges: calibrated on the first {outcome.CalibrationSamples:N0} samples, which do not count"));
        }

        if (result.Programming is { } programming)
        {
            console.Output.WriteLine(ProgrammingText.Of(programming));
        }

        if (result.Reference is { } reference)
        {
            console.Output.WriteLine($"{"ONNX Runtime",-14} {Figure(reference),10}");
        }

        foreach (var point in result.Results)
        {
            string spread = point.Std is { } std ? $"  std {Figure(std)}  95 % interval of the mean +- {Figure(point.Ci95!.Value)}" : "";
            string change = result.Reference is { } r && isShare ? string.Create(CultureInfo.InvariantCulture, $"  ({100 * (point.Mean - r):+0.00;-0.00} points)") : "";
            string time = point.TimeS is { } t ? Evaluator.TimeText(t) : "programmed";
            console.Output.WriteLine($"{time,-14} {Figure(point.Mean),10}{change}  {point.Instances} {(point.Instances == 1 ? "instance" : "instances")}{spread}");
        }

        console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.SamplesPerSecond:N0} samples/s"));
    }
}

using System.CommandLine;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary><c>aimc evaluate FILE.aimc|MODEL.onnx --data DATA</c>: a metric on a data set, by time since programming and instance.</summary>
public static class EvaluateCommand
{
    /// <summary>Instances that --target-ci stops at.</summary>
    private const int MostInstances = 100;

    /// <summary>Instances of --explain.</summary>
    private const int ExplainedInstances = 5;

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
        var instances = new Option<int>("--instances")
        {
            Description = $"Programmed chips to average over; with --target-ci at most so many (default there: {MostInstances}, with --explain: {ExplainedInstances})",
            DefaultValueFactory = _ => 1,
        };
        var targetCi = new Option<double?>("--target-ci")
        {
            Description = $"Stop when the 95 % interval of every time's mean is this wide to either side: points for shares (0.2 = 0.2 points of accuracy), else the metric's own unit; at least {Evaluator.LeastInstances} instances run",
            HelpName = "X",
        };
        var vary = new Option<string[]>("--vary")
        {
            Description = $"Evaluate for each value of a chip field, named from the tile on or as for --set: adc.bits=4..10, noise.output=0..0.1:0.02, cell.device=ideal,pcm_like; repeated = a grid (at most {VaryAxis.MostPoints} points). An .aimc takes fields that leave its mapping as it is, an .onnx is compiled anew",
            HelpName = "PATH=A..B[:STEP]|V1,V2",
        };
        var explain = new Option<bool>("--explain") { Description = "Which non-ideality costs how much: each alone off, and each alone on, on the same instances" };
        var limit = new Option<long?>("--limit") { Description = "Evaluate at most so many samples", HelpName = "N" };
        var metric = new Option<string?>("--metric")
        {
            Description = "top1 (default with labels), top5; auc, reconstruction-auc (labels 0 and 1); mse (default with targets), psnr, sqnr against targets or else ONNX Runtime; agreement with ONNX Runtime (default)",
        }.AcceptOnlyFromAmong([.. Enum.GetValues<MetricKind>().Select(Metric.NameOf)]);
        var save = new Option<string?>("--save-outputs") { Description = "Write every sample's outputs", HelpName = "FILE.npz" };
        var format = GlobalOptions.Format("text", "json", "csv");
        MappingOptions mapping = new();
        SimulatorOptions simulator = new();
        DataFileOptions files = new();
        var command = new AimcCommand(
            "evaluate",
            "Measure accuracy on a data set, by time since programming and over programmed instances",
            "aimc evaluate lenet5.aimc --data test.idx3-ubyte.gz --labels test.idx1-ubyte.gz --time 25s,1h,1d,1y --instances 5",
            "aimc evaluate lenet5.onnx --chip hermes --data test.npy --labels labels.npy --calibrate train.npy",
            "aimc evaluate lenet5.aimc --data test.npy --labels labels.npy --time 1d,1y --target-ci 0.2",
            "aimc evaluate lenet5.onnx --chip hermes --data test.npy --labels labels.npy --vary adc.bits=4..10 --vary rows=128,256",
            "aimc evaluate lenet5.onnx --chip aihwkit-default --data test.npy --labels labels.npy --time 1y --explain",
            "aimc evaluate resnet8.onnx --chip float --data cifar10.bin --shape 32x32x3 --dtype uint8 --layout \"nhwc->nchw\" --labels labels.bin",
            "aimc evaluate autoencoder.onnx --chip hermes --data sounds.npy --labels anomalies.txt --metric reconstruction-auc") { file, data, labels, targets, compare, time, instances, targetCi, vary, explain, limit, metric, outputName, peak, save };
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

                bool explains = parsed.GetValue(explain);
                double? target = parsed.GetValue(targetCi);
                int count = parsed.GetResult(instances) is { Implicit: false } ? parsed.GetValue(instances)
                    : explains ? ExplainedInstances
                    : target is not null ? MostInstances
                    : parsed.GetValue(instances);
                if (count is < 1 or > 100_000)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--instances", $"is {count}; 1 to 100000 are possible");
                }

                CheckTogether(target, count, parsed.GetValue(vary) is { Length: > 0 }, explains, parsed.GetValue(save) is not null, simulator.Of(parsed).Ideal);
                if (parsed.GetValue(limit) is < 1)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--limit", "is below 1");
                }

                if (parsed.GetValue(peak) is { } top && !(top > 0 && double.IsFinite(top)))
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--peak", "is not a number greater than 0");
                }

                var calibration = mapping.CalibrationPaths(parsed);
                EvaluateRequest request = new()
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
                    TargetCi = target,
                    Vary = [.. (parsed.GetValue(vary) ?? []).Select(VaryAxis.Parse)],
                    Limit = parsed.GetValue(limit),
                    SaveOutputs = parsed.GetValue(save),
                    Simulation = simulator.Of(parsed),
                    Progress = progress.Report,
                };
                var (report, warnings) = explains ? Explained(request, token)
                    : request.Vary.IsEmpty ? Evaluated(request, token)
                    : Varied(request, token);
                progress.Dispose();
                CommandOutcome.Warn(console, warnings);
                ResultOutput.Write(
                    console,
                    parsed.GetValue(format) switch { "json" => ReportJson.Write(report.Json()), "csv" => report.Csv(), _ => report.Text() },
                    null);
            },
            cancellation));
        return command;
    }

    private static (EvaluationReport Report, IEnumerable<Diagnostic> Warnings) Evaluated(EvaluateRequest request, CancellationToken cancellation)
    {
        var outcome = EvaluateWork.Run(request, cancellation);
        return (new AccuracyReport(outcome, request), outcome.Warnings);
    }

    private static (EvaluationReport Report, IEnumerable<Diagnostic> Warnings) Varied(EvaluateRequest request, CancellationToken cancellation)
    {
        var outcome = VaryWork.Run(request, cancellation);
        return (new VaryReport(outcome, request), outcome.Warnings);
    }

    private static (EvaluationReport Report, IEnumerable<Diagnostic> Warnings) Explained(EvaluateRequest request, CancellationToken cancellation)
    {
        var outcome = ExplainWork.Run(request, cancellation);
        return (new ExplainReport(outcome, request), outcome.Warnings);
    }

    /// <summary>What one option makes of the evaluation leaves no place for another.</summary>
    private static void CheckTogether(double? target, int instances, bool varies, bool explains, bool saves, bool isIdeal)
    {
        if (target is { } width && !(width > 0 && double.IsFinite(width)))
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--target-ci", "is not a number greater than 0");
        }

        if (target is not null && instances < Evaluator.LeastInstances)
        {
            throw new DiagnosticException(
                Descriptors.InvalidOption, "--instances", $"is {instances}; with --target-ci it is the most that run, and an interval takes {Evaluator.LeastInstances}", "leave it out", $"--instances {MostInstances}");
        }

        if (explains && varies)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--explain", "switches fields of the chip itself, and --vary is given too", "leave one of them out", "--set for one value");
        }

        if (explains && target is not null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--target-ci", "does not go with --explain, which compares the same instances throughout", "--instances N");
        }

        if (explains && isIdeal)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--ideal", "leaves nothing for --explain to explain", "leave one of them out");
        }

        if (saves && (explains || varies))
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--save-outputs", $"keeps the outputs of one program, and {(explains ? "--explain" : "--vary")} runs several", "evaluate the one of interest alone");
        }
    }
}

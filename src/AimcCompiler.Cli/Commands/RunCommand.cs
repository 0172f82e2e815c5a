using System.CommandLine;
using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc run FILE.aimc</c>: one batch through the chip.</summary>
public static class RunCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc") { Description = "A compiled program" };
        var input = new Option<string[]>("--input") { Description = "Input data; without any, inputs are drawn from the seed", HelpName = "[NAME=]FILE" };
        var output = new Option<string?>("--output") { Description = "Write every output there as NAME.npy", HelpName = "DIR" };
        var compare = new Option<string?>("--compare") { Description = "Compare every output with ONNX Runtime's", HelpName = "MODEL.onnx" };
        var perLayer = new Option<bool>("--per-layer") { Description = "With --compare: error and SQNR of every layer" };
        var time = new Option<string?>("--time") { Description = "Time since programming (default: right after it)", HelpName = "25s|1h|1d|1y" };
        var first = new Option<long>("--first-sample") { Description = "Index of the first sample in its data set: it names the noise of each read" };
        var format = GlobalOptions.Format("text", "json");
        SimulatorOptions simulator = new(hasStreams: true);
        DataFileOptions files = new();
        var command = new AimcCommand(
            "run",
            "Run one batch through the simulated chip",
            "aimc run lenet5.aimc --input images.npy --output results --time 1d",
            "aimc run lenet5.aimc --compare lenet5.onnx --per-layer",
            "aimc run lenet5.aimc --input images.npy --engine streams") { file, input, output, compare, perLayer, time, first };
        simulator.AddTo(command);
        files.AddTo(command);
        command.Options.Add(format);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                if (parsed.GetValue(perLayer) && parsed.GetValue(compare) is null)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--per-layer", "needs a model to compare with", "--compare MODEL.onnx");
                }

                if (parsed.GetValue(perLayer) && simulator.UsesStreams(parsed))
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--per-layer", "whole layers do not run in streams", "--engine fast: it has the same bits");
                }

                if (parsed.GetValue(first) < 0)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--first-sample", "is negative");
                }

                var outcome = RunWork.Run(
                    new RunRequest
                    {
                        Program = parsed.GetValue(file)!,
                        Data = files.Of(parsed, [.. parsed.GetValue(input) ?? []]),
                        Output = parsed.GetValue(output),
                        Compare = parsed.GetValue(compare),
                        PerLayer = parsed.GetValue(perLayer),
                        FirstSample = parsed.GetValue(first),
                        UsesStreams = simulator.UsesStreams(parsed),
                        Simulation = simulator.Of(parsed) with { TimeS = parsed.GetValue(time) is { } text ? Times.One(text) : null },
                    },
                    token);
                CommandOutcome.Warn(console, outcome.Warnings);
                if (parsed.GetValue(format) == "json")
                {
                    ResultOutput.Write(console, ReportJson.Write(Json(outcome)), null);
                }
                else
                {
                    Write(console, outcome);
                }
            },
            cancellation));
        return command;
    }

    private static object Json(RunOutcome outcome) => new
    {
        Outputs = outcome.Outputs.Select(o => o.Compared is { } c ? Compared(c) : new { o.Name, Shape = (IEnumerable<long>)o.Value.Shape }).ToArray(),
        Layers = outcome.Layers.Select(Compared).ToArray(),
        outcome.Files,
        InputsDrawn = outcome.DrewInputs,
        outcome.ComparedWith,
        ClippedConversions = outcome.Clipped,
        outcome.Programming,
    };

    private static object Compared(ComparedValue c) => new
    {
        c.Name,
        Shape = (IEnumerable<long>)c.Shape,
        MaxAbsError = Finite(c.MaxAbsError),
        RelativeError = Finite(c.RelativeError),
        c.ArgmaxAgreement,
        ReferenceSpread = Finite(c.ReferenceSpread),
        SqnrDb = c.SqnrDb is { } db ? Finite(db) : null,
        c.Equal,
    };

    /// <summary>JSON has no infinity: null.</summary>
    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static void Write(AimcConsole console, RunOutcome outcome)
    {
        if (outcome.DrewInputs)
        {
            console.Error.WriteLine("inputs are drawn from the seed: they serve comparison, not accuracy");
        }

        foreach (var layer in outcome.Layers)
        {
            console.Output.WriteLine($"layer  {Line(layer, Spread(layer))}");
        }

        foreach (var (name, value, compared) in outcome.Outputs)
        {
            console.Output.WriteLine(compared is { } c
                ? $"output {Line(c, outcome.ComparedWith == "test_set" ? "from the test set" : Spread(c))}"
                : $"output {Printable.Of(name)}  {value}{Preview(value)}");
        }

        if (outcome.Clipped > 0)
        {
            console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{outcome.Clipped:N0} conversions clipped"));
        }

        if (outcome.Programming is { } programming)
        {
            console.Output.WriteLine(ProgrammingText.Of(programming));
        }

        foreach (string written in outcome.Files)
        {
            console.Output.WriteLine($"written: {written}");
        }
    }

    /// <param name="c">The comparison.</param>
    /// <param name="spread">ONNX Runtime's own spread in words; empty where the comparison is with a test set.</param>
    private static string Line(ComparedValue c, string spread) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Printable.Of(c.Name),-28}  {Tensor.Format(c.Shape),-14} max abs error {c.MaxAbsError:0.00e+00}  relative {c.RelativeError:0.00e+00}  {spread}  SQNR {(c.SqnrDb is not { } db ? "inf" : double.IsFinite(db) ? db.ToString("0.0", CultureInfo.InvariantCulture) : "-"),6} dB  argmax {100 * c.ArgmaxAgreement:0.0} %  {(c.Equal ? "equal" : "DIFFERENT")}");

    private static string Spread(ComparedValue c) => string.Create(CultureInfo.InvariantCulture, $"(ONNX Runtime's own {c.ReferenceSpread:0.00e+00})");

    private static string Preview(Tensor value)
    {
        if (value.Type == TensorType.String || value.Count == 0)
        {
            return "";
        }

        float[] values = value.ToFloats();
        return $"  [{string.Join(", ", values.Take(10).Select(v => v.ToString("G5", CultureInfo.InvariantCulture)))}{(values.Length > 10 ? ", ..." : "")}]";
    }
}

using System.CommandLine;
using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary><c>aimc export FILE.aimc</c>: the programmed chip, device by device.</summary>
public static class ExportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc") { Description = "A compiled program" };
        var output = new Option<string>("-o", "--output") { Description = "The file to write: .npz or .csv", HelpName = "FILE", Required = true };
        var time = new Option<string?>("--time") { Description = "Time since programming (default: right after it)", HelpName = "25s|1h|1d|1y" };
        var layer = new Option<string?>("--layer") { Description = "One layer", HelpName = "NAME" };
        var seed = new Option<ulong>("--seed") { Description = "Names every draw", DefaultValueFactory = _ => 1 };
        var instance = new Option<int>("--instance") { Description = "Which programmed chip; evaluate's first is 0", HelpName = "N" };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "export",
            "Write target and programmed conductance of every device, with its place on the chip and its weight",
            "aimc export lenet5.aimc --time 1d -o cells.npz",
            "aimc export lenet5.aimc --layer conv1 --instance 3 -o conv1.csv") { file, output, time, layer, seed, instance, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                if (parsed.GetValue(instance) < 0)
                {
                    throw new DiagnosticException(Descriptors.InvalidOption, "--instance", "is negative");
                }

                SimulationOptions simulation = new()
                {
                    Seed = parsed.GetValue(seed),
                    Instance = parsed.GetValue(instance),
                    TimeS = parsed.GetValue(time) is { } text ? Times.One(text) : null,
                };
                string target = parsed.GetValue(output)!;
                var outcome = ExportWork.Run(
                    new ExportRequest { Program = parsed.GetValue(file)!, Output = target, Layer = parsed.GetValue(layer), Simulation = simulation }, token);
                string result = parsed.GetValue(format) == "json"
                    ? ReportJson.Write(new
                    {
                        File = target,
                        outcome.Cells,
                        simulation.TimeS,
                        simulation.Seed,
                        simulation.Instance,
                        Layers = outcome.Layers.Select(l => new { l.Index, l.Name, l.Cells }).ToArray(),
                    })
                    : string.Create(CultureInfo.InvariantCulture, $"{outcome.Cells:N0} devices of {outcome.Layers.Length} layers\nwritten: {Printable.Of(target)}\n");
                ResultOutput.Write(console, result, null);
            },
            cancellation));
        return command;
    }
}

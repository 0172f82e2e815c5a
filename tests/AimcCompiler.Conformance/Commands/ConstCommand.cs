using System.CommandLine;
using AimcCompiler.Cli;

namespace AimcCompiler.Conformance;

/// <summary><c>const</c>: cases of ONNX's backend suite with their weights as initializers, whose operator has to be on tiles.</summary>
internal static class ConstCommand
{
    public static Command Create()
    {
        var folder = new Option<string>("--data")
        {
            Description = "The folder that holds a folder a case",
            HelpName = "DIR",
            DefaultValueFactory = _ => Path.Combine(SharedFolder.Folder, "models", "conformance_const"),
        };
        CaseOptions options = new(timeoutSeconds: 60);
        var command = new AimcCommand(
            "const",
            "Backend suite cases with constant weights: equal to the suite, and on tiles",
            "AimcCompiler.Conformance const --filter lstm") { folder };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string data = CaseOptions.Folder(parsed.GetValue(folder)!, "the reference models stand in ../shared beside the repository");
                var cases = SuiteFolder.Cases(data)
                    .Select(c => (Name: Path.GetFileName(c), new CaseRequest(c, CaseKind.Raw)))
                    .Where(c => options.IsWanted(parsed, c.Name))
                    .ToList();
                return CaseReport.Of(cases, options.Workers(parsed), options.Timeout(parsed), token).GetAwaiter().GetResult().Write(console, parsed.GetValue(options.Format)!);
            },
            cancellation));
        return command;
    }
}

using System.CommandLine;
using AimcCompiler.Cli;

namespace AimcCompiler.Conformance;

/// <summary><c>suite</c>: ONNX's own backend suite.</summary>
internal static class SuiteCommand
{
    private const string Installed = "/usr/share/libonnx-testdata/data";
    private const string ConstantWeights = "pytorch-converted";

    private static readonly string[] Suites = ["node", "simple", ConstantWeights, "pytorch-operator"];

    public static Command Create()
    {
        var folder = new Option<string>("--data") { Description = "The folder that holds node, simple, pytorch-converted and pytorch-operator", HelpName = "DIR", DefaultValueFactory = _ => Installed };
        CaseOptions options = new(timeoutSeconds: 60);
        var command = new AimcCommand(
            "suite",
            "ONNX's backend suite: every case on ONNX Runtime, and compiled for chip float",
            "AimcCompiler.Conformance suite --filter conv",
            "AimcCompiler.Conformance suite --data onnx/onnx/backend/test/data --format json") { folder };
        options.AddTo(command);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string data = CaseOptions.Folder(parsed.GetValue(folder)!, "install the package libonnx-testdata, or give a copy with --data");
                var cases = Suites.Select(s => Path.Combine(data, s)).Where(Directory.Exists).SelectMany(s => SuiteFolder.Cases(s))
                    .Select(c => (Name: $"{Path.GetFileName(Path.GetDirectoryName(c))}/{Path.GetFileName(c)}", Folder: c))
                    .Where(c => options.IsWanted(parsed, c.Name))
                    .Select(c => (c.Name, new CaseRequest(c.Folder, c.Name.StartsWith(ConstantWeights, StringComparison.Ordinal) ? CaseKind.ConstantSuite : CaseKind.Suite)))
                    .ToList();
                return CaseReport.Of(cases, options.Workers(parsed), options.Timeout(parsed), token).GetAwaiter().GetResult().Write(console, parsed.GetValue(options.Format)!);
            },
            cancellation));
        return command;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Text;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc compile MODEL.onnx --chip NAME</c>: model to program.</summary>
public static class CompileCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("MODEL.onnx") { Description = "An ONNX model" };
        var output = new Option<string?>("-o", "--output") { Description = "The program to write (default: MODEL.aimc in the current folder)", HelpName = "FILE.aimc" };
        var dump = new Option<string?>("--dump-ir") { Description = "Write the textual IR after every pass to this folder", HelpName = "DIR" };
        var format = GlobalOptions.Format("text", "json");
        MappingOptions mapping = new();
        DataFileOptions files = new();
        var command = new AimcCommand(
            "compile",
            "Compile a model for a chip",
            "aimc compile lenet5.onnx --chip hermes --calibrate images.idx3-ubyte.gz -o lenet5.aimc",
            "aimc compile resnet50.onnx --chip isaac --chips auto --set tile.adc.bits=9") { model, output };
        mapping.AddTo(command);
        files.AddTo(command);
        command.Options.Add(dump);
        command.Options.Add(format);
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                using ProgressReporter progress = new(console);
                string source = parsed.GetValue(model)!;
                string target = parsed.GetValue(output) ?? Path.ChangeExtension(Path.GetFileName(source), ".aimc");
                ResultOutput.CheckNotInput(target, source, parsed.GetValue(mapping.Chip));
                AtomicFile.CheckWritable(target);
                var calibration = mapping.CalibrationPaths(parsed);
                var request = new CompileRequest
                {
                    Model = source,
                    Chip = RequireChip(parsed.GetValue(mapping.Chip)),
                    Overrides = mapping.Overrides(parsed),
                    Calibration = calibration.IsEmpty ? null : files.Of(parsed, calibration),
                    Options = mapping.Of(parsed) with { Progress = progress.Report, Dump = parsed.GetValue(dump) is { } folder ? (name, text) => Dump(folder, name, text) : null },
                };
                var result = CompileWork.Run(request, token);
                token.ThrowIfCancellationRequested();
                progress.Report("writing");
                AimcWriter.WriteFile(result.Program, target);
                progress.Dispose();
                var report = MappingReport.Of(result.Program, InspectCommand.SimulationOf(result.Program)) with { Alternatives = result.Alternatives };
                bool isJson = parsed.GetValue(format) == "json";
                // The text report says its own findings.
                CommandOutcome.Warn(console, result.Warnings.Where(w => isJson || report.Findings.All(f => f.Id != w.Descriptor.Id)));
                if (isJson)
                {
                    ResultOutput.Write(console, ReportJson.Write(report), null);
                }
                else
                {
                    TextReport.Write(console.Rich, report, all: false);
                    console.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"written: {target} ({new FileInfo(target).Length:N0} bytes)"));
                }
            },
            cancellation));
        return command;
    }

    internal static string RequireChip(string? chip) =>
        chip ?? throw new DiagnosticException(Descriptors.UnknownChip, "--chip", "is missing", $"--chip {string.Join('|', ChipReader.PresetNames)}, or a chip file");

    private static void Dump(string folder, string name, string text)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new DiagnosticException(Descriptors.CannotWrite, folder, $"cannot be made a folder ({e.Message})");
        }

        AtomicFile.Write(Path.Combine(folder, $"{name}.txt"), stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }
}

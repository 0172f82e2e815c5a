using System.CommandLine;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc time FILE.aimc</c>: latency, throughput, energy and what waits for what, from a simulated run of the instruction streams.</summary>
public static class TimeCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc") { Description = "A compiled program" };
        var batch = new Option<int?>("--batch") { Description = "Inferences of a batch, after which streams stop; where not given, until the interval between two is steady", HelpName = "N" };
        var without = new Option<string[]>("--without")
        {
            Description = "What takes no time: core, digital, transfers, memory, room; may be repeated",
            HelpName = "PART",
            AllowMultipleArgumentsPerToken = true,
        };
        without.AcceptOnlyFromAmong([.. TimeWork.Parts]);
        var explain = new Option<bool>("--explain") { Description = "What core, digital units, transfers, memory and the ends of buffers cost, one after the other" };
        var trace = new Option<string?>("--trace") { Description = "Write a trace for Perfetto or chrome://tracing", HelpName = "FILE.json" };
        var traced = new Option<int>("--trace-inferences") { Description = "How many of the last inferences the trace has", HelpName = "N", DefaultValueFactory = _ => 2 };
        var all = new Option<bool>("--all") { Description = "Every stall and every resource" };
        var format = GlobalOptions.Format("text", "json");
        var output = new Option<string?>("-o", "--output") { Description = "Write to a file", HelpName = "FILE" };
        var command = new AimcCommand(
            "time",
            "Simulate the instruction streams: latency, throughput, energy, utilization, what waits for what",
            "aimc time resnet8.aimc",
            "aimc time resnet8.aimc --explain",
            "aimc time resnet8.aimc --batch 4 --trace resnet8.json",
            "aimc time resnet8.aimc --without transfers --without memory --format json") { file, batch, without, explain, trace, traced, all, format, output };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                string source = parsed.GetValue(file)!;
                ResultOutput.CheckNotInput(parsed.GetValue(output), source);
                ResultOutput.CheckNotInput(parsed.GetValue(trace), source, parsed.GetValue(output));
                Check("--batch", parsed.GetValue(batch));
                Check("--trace-inferences", parsed.GetValue(traced));
                if (parsed.GetValue(trace) is { } path)
                {
                    AtomicFile.CheckWritable(path);
                }

                using AimcFile opened = AimcReader.Open(source);
                TimeRequest request = new(parsed.GetValue(batch), [.. parsed.GetValue(without) ?? []], parsed.GetValue(explain), parsed.GetValue(trace), parsed.GetValue(traced));
                TimeReport report = TimeWork.Run(opened.Program, request, token);
                if (parsed.GetValue(format) == "json")
                {
                    ResultOutput.Write(console, ReportJson.Write(report), parsed.GetValue(output));
                }
                else if (parsed.GetValue(output) is { } target)
                {
                    ResultOutput.Write(console, ResultOutput.Plain(c => TimeText.Write(c, report, parsed.GetValue(all))), target);
                }
                else
                {
                    TimeText.Write(console.Rich, report, parsed.GetValue(all));
                }
            },
            cancellation));
        return command;
    }

    private static void Check(string option, int? value)
    {
        if (value is < 1 or > 1 << 20)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, option, $"{value} is not 1 .. {1 << 20}");
        }
    }
}

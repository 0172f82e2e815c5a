using System.CommandLine;
using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Digital;

namespace AimcCompiler.Conformance;

/// <summary><c>worker KIND</c>: what <see cref="WorkerProcess"/> starts. It reads a request a line on stdin and writes an answer a line on stdout.</summary>
internal static class WorkerCommand
{
    public static Command Create()
    {
        var kind = new Argument<string>("KIND") { Description = "What the requests are" };
        kind.AcceptOnlyFromAmong("case", "model", "fuzz");
        var command = new Command("worker", "Serves the other commands") { kind };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(kind) == "fuzz")
            {
                ServeFuzz();
                return CommandOutcome.Done;
            }

            Serve(parsed.GetValue(kind)! switch
            {
                "case" => (request, phase) => JsonSerializer.Serialize(CaseRunner.Run(JsonSerializer.Deserialize<CaseRequest>(request)!, phase)),
                _ => (request, phase) => JsonSerializer.Serialize(ModelRunner.Run(JsonSerializer.Deserialize<ModelRequest>(request)!, phase)),
            });
            return CommandOutcome.Done;
        });
        return command;
    }

    private static void ServeFuzz()
    {
        // The bare process has what every compilation needs: the runtime, and ONNX Runtime loaded.
        _ = DigitalRuntime.Version;
        long bare = ResidentSet.Now;
        Serve((request, phase) => JsonSerializer.Serialize(FuzzRunner.Run(JsonSerializer.Deserialize<FuzzRequest>(request)!, bare, phase)));
    }

    private static void Serve(Func<string, Action<string>, string> answer)
    {
        using Stream stdout = Console.OpenStandardOutput();
        using StreamWriter output = new(stdout) { AutoFlush = true, NewLine = "\n" };
        while (Console.In.ReadLine() is { } request)
        {
            output.WriteLine(WorkerProcess.AnswerMark + answer(request, phase => output.WriteLine(WorkerProcess.PhaseMark + phase)));
        }
    }
}

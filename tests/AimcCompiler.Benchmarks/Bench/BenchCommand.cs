using System.CommandLine;
using AimcCompiler.Cli;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace AimcCompiler.Benchmarks;

/// <summary><c>bench</c>: kernels and a session under BenchmarkDotNet, with what they allocate.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        var filter = new Option<string>("--filter") { Description = "Which benchmarks, as BenchmarkDotNet takes it", HelpName = "GLOB", DefaultValueFactory = _ => "*" };
        var command = new AimcCommand(
            "bench",
            "Time and allocation of kernels and of a session, by BenchmarkDotNet, in this process",
            "AimcCompiler.Benchmarks bench --filter '*SessionBench*'") { filter };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, token) =>
            {
                token.ThrowIfCancellationRequested();
                // In this process: the projects beside it need not be built again for it.
                var config = ManualConfig.Create(DefaultConfig.Instance)
                    .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "aimc-benchmarks"))
                    .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
                BenchmarkSwitcher.FromAssembly(typeof(BenchCommand).Assembly).Run(["--filter", parsed.GetValue(filter)!], config);
            },
            cancellation));
        return command;
    }
}

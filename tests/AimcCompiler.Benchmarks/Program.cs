using AimcCompiler.Benchmarks;

return args switch
{
    ["wires"] => WiresBenchmark.Run(Console.Out),
    ["programming"] => ProgrammingBenchmark.Run(Console.Out),
    ["compile", .. string[] tool] => CompileBenchmark.Run(Console.Out, tool),
    _ => await BenchmarksRoot.InvokeAsync(args).ConfigureAwait(false),
};

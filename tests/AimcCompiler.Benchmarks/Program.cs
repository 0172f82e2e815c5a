using AimcCompiler.Benchmarks;

return args switch
{
    ["wires"] => WiresBenchmark.Run(Console.Out),
    _ => await BenchmarksRoot.InvokeAsync(args).ConfigureAwait(false),
};

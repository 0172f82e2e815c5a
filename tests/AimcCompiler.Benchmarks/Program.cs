using AimcCompiler.Benchmarks;

return args switch
{
    ["wires"] => WiresBenchmark.Run(Console.Out),
    ["compile", .. string[] tool] => CompileBenchmark.Run(Console.Out, tool),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project tests/AimcCompiler.Benchmarks -- wires|compile [AIMC]");
    return 2;
}

using AimcCompiler.Benchmarks;

return args switch
{
    ["wires"] => WiresBenchmark.Run(Console.Out),
    ["programming"] => ProgrammingBenchmark.Run(Console.Out),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project tests/AimcCompiler.Benchmarks -- wires|programming");
    return 2;
}

using AimcCompiler.Benchmarks;

return args switch
{
    ["wires"] => WiresBenchmark.Run(Console.Out),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project tests/AimcCompiler.Benchmarks -- wires");
    return 2;
}

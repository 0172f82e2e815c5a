using AimcCompiler.Kernels;
using BenchmarkDotNet.Attributes;

namespace AimcCompiler.Benchmarks;

/// <summary>Standard normals of the columns of one read.</summary>
[MemoryDiagnoser]
public class DrawsBench
{
    private readonly float[] _normals = new float[256];
    private ulong _event;

    [Benchmark(OperationsPerInvoke = 256)]
    public void Normals() => Draws.Normals(new CellStream(1, 0, 1, 0, Pair: 0, Polarity: 0, Copy: 0), DrawPurpose.ReadInstantaneous, _event++, 0, 0, _normals);
}

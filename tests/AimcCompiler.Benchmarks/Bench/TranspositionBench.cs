using AimcCompiler.Kernels;
using BenchmarkDotNet.Attributes;

namespace AimcCompiler.Benchmarks;

/// <summary>A strip of 256 vectors of 256 channels, from planes to vectors.</summary>
[MemoryDiagnoser]
public class TranspositionBench
{
    private const int Size = 256;

    private readonly float[] _planes = new float[Size * Size];
    private readonly float[] _vectors = new float[Size * Size];

    [Benchmark(Baseline = true)]
    public void Copy() => _planes.CopyTo(_vectors, 0);

    [Benchmark]
    public void Turn() => Transposition.Run(_planes, Size, Size, Size, _vectors, Size);
}

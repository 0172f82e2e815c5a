using AimcCompiler.Kernels;
using BenchmarkDotNet.Attributes;

namespace AimcCompiler.Benchmarks;

/// <summary>Products of one tile of 256 x 256 cells.</summary>
[MemoryDiagnoser]
public class MvmBench
{
    private const int Size = 256;

    private float[] _inputs = [];
    private float[] _cells = [];
    private float[] _outputs = [];

    [Params(128, 1024)]
    public int Vectors { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        _inputs = [.. Enumerable.Range(0, Vectors * Size).Select(_ => (float)random.Next(-127, 128))];
        _cells = [.. Enumerable.Range(0, Size * Size).Select(_ => random.NextSingle() - 0.5f)];
        _outputs = new float[Vectors * Size];
    }

    [Benchmark]
    public void Multiply() => Mvm.Multiply(_inputs, Size, Vectors, _cells, Size, Size, Size, _outputs, Size);
}

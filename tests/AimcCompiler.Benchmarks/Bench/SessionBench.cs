using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using BenchmarkDotNet.Attributes;

namespace AimcCompiler.Benchmarks;

/// <summary>A batch of LeNet-5 through a programmed session: time, and what an inference allocates.</summary>
[MemoryDiagnoser]
public class SessionBench
{
    private Action _run = () => { };
    private Action _end = () => { };

    [Params(1, 32)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        string model = Path.Combine(SharedFolder.Repository, "onnx-models", "lenet5.onnx");
        var program = AimcCompilation.Compile(OnnxImporter.Import(model), ChipReader.Read("aihwkit-default"), new CompileOptions()).Program;
        Session session = new(program, new SimulationOptions { TimeS = 86400 });
        var input = program.Values[program.Inputs[0]];
        long[] shape = [Batch, .. input.Shape.Skip(1)];
        Random random = new(1);
        float[] values = [.. Enumerable.Range(0, (int)Tensor.CountOf([.. shape])).Select(_ => random.NextSingle())];
        Dictionary<string, Tensor> inputs = new() { [input.Name] = Tensor.FromFloats(values, shape) };
        _run = () => session.Run(inputs);
        _end = session.Dispose;
    }

    [GlobalCleanup]
    public void Cleanup() => _end();

    [Benchmark]
    public void Run() => _run();
}

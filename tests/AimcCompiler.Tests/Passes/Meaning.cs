using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>What a graph computes, and whether it still does after a pass.</summary>
internal static class Meaning
{
    /// <summary>Sums of up to a few hundred products of numbers up to 1, in single precision and in another order.</summary>
    public const float ReorderedSum = 2e-5f;

    /// <summary>Reproducible inputs; symbolic dimensions are 1.</summary>
    public static Dictionary<string, Tensor> Inputs(Graph graph, int seed = 100, long symbolic = 1) => graph.Header.Inputs.ToDictionary(
        p => p.Name,
        p => TestModel.Random(seed++, [.. p.Shape.Select(d => d < 0 ? symbolic : d)]),
        StringComparer.Ordinal);

    /// <summary>The graph's outputs as ONNX Runtime computes them.</summary>
    public static IReadOnlyList<Tensor> Evaluate(Graph graph, IReadOnlyDictionary<string, Tensor> inputs)
    {
        string[] outputs = [.. graph.Header.Outputs.Select(o => o.Name)];
        byte[] model = ModelWriter.Extract(graph, graph.Nodes, [.. graph.Header.Inputs.Select(i => i.Name)], outputs);
        using DigitalSession session = new(model, new DigitalOptions(Optimize: false));
        return session.Run(inputs, outputs);
    }

    public static void IsKept(Graph before, Graph after, float tolerance = ReorderedSum)
    {
        var inputs = Inputs(before);
        Equal(Evaluate(before, inputs), Evaluate(after, inputs), tolerance);
    }

    /// <summary>The model compiled for a chip without any loss computes what ONNX Runtime does.</summary>
    public static CompilationResult IsKeptOnTheFloatChip(TestModel model, CompileOptions? options = null, long symbolic = 1, float tolerance = ReorderedSum)
    {
        var graph = model.Import();
        var inputs = Inputs(graph, symbolic: symbolic);
        var result = AimcCompilation.Compile(graph, ChipReader.Read("float"), options ?? new CompileOptions());
        using Session session = new(result.Program, new SimulationOptions { Threads = 1 });
        Equal(Evaluate(graph, inputs), session.Run(inputs), tolerance);
        return result;
    }

    public static void Equal(IReadOnlyList<Tensor> expected, IReadOnlyList<Tensor> actual, float tolerance)
    {
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (e, a) in expected.Zip(actual))
        {
            Assert.Equal(e.Type, a.Type);
            Assert.Equal<long>(e.Shape, a.Shape);
            float[] left = e.ToFloats();
            float[] right = a.ToFloats();
            for (int i = 0; i < left.Length; i++)
            {
                Assert.Equal(left[i], right[i], tolerance * Math.Max(1, Math.Abs(left[i])));
            }
        }
    }
}

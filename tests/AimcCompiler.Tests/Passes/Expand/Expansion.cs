using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>What must hold of an operator that is taken apart, and of one that is not. The node in question writes y.</summary>
internal static class Expansion
{
    private static readonly CompileOptions s_plain = new();

    /// <summary>Reproducible inputs of the model's types: reals in [-1, 1], integers of the whole range of bytes.</summary>
    public static Dictionary<string, Tensor> Inputs(Graph graph, long symbolic = 2, int seed = 100)
    {
        Dictionary<string, Tensor> result = new(StringComparer.Ordinal);
        foreach (var port in graph.Header.Inputs)
        {
            long[] shape = [.. port.Shape.Select(d => d < 0 ? symbolic : d)];
            float[] reals = TestModel.Random(seed++, shape).Floats;
            result[port.Name] = port.Type switch
            {
                TensorType.Float => Tensor.FromFloats(reals, shape),
                TensorType.Double => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (double)v)),
                TensorType.Float16 => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (Half)v)),
                TensorType.UInt8 => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (byte)MathF.Round((v + 1) * 127.5f))),
                TensorType.Int8 => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (sbyte)MathF.Round((v * 127.5f) - 0.5f))),
                TensorType.Int32 => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (int)MathF.Round(v * 2))),
                TensorType.Int64 => new Tensor(port.Type, [.. shape], Array.ConvertAll(reals, v => (long)MathF.Round(v * 2))),
                _ => throw new ArgumentException($"No reproducible values of type {port.Type}.", nameof(graph)),
            };
        }

        return result;
    }

    /// <summary>The model without its products computes what the model does, on ONNX Runtime and on a chip that loses nothing; its node is on tiles.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Of the compilation.</param>
    /// <param name="symbolic">What symbolic dimensions are.</param>
    /// <param name="tolerance">Of reals; 0 = bit for bit.</param>
    /// <param name="reference">Computes the same on ONNX Runtime, where that does not know the model itself.</param>
    /// <param name="inputs">Given to both; by default reproducible ones.</param>
    public static MappedProgram IsOnTiles(
        TestModel model,
        CompileOptions? options = null,
        long symbolic = 2,
        float tolerance = Meaning.ReorderedSum,
        TestModel? reference = null,
        IReadOnlyDictionary<string, Tensor>? inputs = null)
    {
        var graph = model.Import();
        inputs ??= Inputs(graph, symbolic);
        var expected = Meaning.Evaluate((reference ?? model).Import(), inputs);
        if (reference is null)
        {
            Meaning.Equal(expected, Meaning.Evaluate(AimcCompilation.TakeApart(graph, ImmutableDictionary<string, string>.Empty), inputs), tolerance);
        }

        var program = AimcCompilation.Compile(graph, ChipReader.Read("float"), options ?? s_plain).Program;
        var node = Placement(program, model);
        Assert.True(node.Home == Home.Analog, $"{node.Name} ({node.Op}) is {node.Home}: {node.Reason} {node.Detail}");
        using Session session = new(program, new SimulationOptions { Threads = 1 });
        var actual = session.Run(inputs);
        if (expected.Any(e => e.Type is TensorType.UInt8 or TensorType.Int8))
        {
            EqualButTies(expected, actual);
        }
        else
        {
            Meaning.Equal(expected, actual, tolerance);
        }

        return program;
    }

    /// <summary>Contents of analog cells are quotients: what lies half-way between two quantized values may fall to either.</summary>
    private static void EqualButTies(IReadOnlyList<Tensor> expected, IReadOnlyList<Tensor> actual)
    {
        foreach (var (e, a) in expected.Zip(actual, (e, a) => (e, a)))
        {
            Assert.Equal(e.Type, a.Type);
            Assert.Equal<long>(e.Shape, a.Shape);
            float[] differences = [.. e.ToFloats().Zip(a.ToFloats(), (x, y) => Math.Abs(x - y)).Where(d => d > 0)];
            Assert.All(differences, d => Assert.Equal(1, d));
            Assert.True(differences.Length <= 1 + (e.Count / 50), $"{differences.Length} of {e.Count} differ by one");
        }
    }

    /// <summary>The node is digital as it is, for a reason, and the program computes what the model does.</summary>
    public static NodePlacement StaysWhole(TestModel model, CompileOptions? options = null, long symbolic = 2, IReadOnlyDictionary<string, Tensor>? inputs = null)
    {
        var graph = model.Import();
        inputs ??= Inputs(graph, symbolic);
        var program = AimcCompilation.Compile(graph, ChipReader.Read("float"), options ?? s_plain).Program;
        var node = Placement(program, model);
        Assert.Equal(Home.Digital, node.Home);
        Assert.Equal(-1, node.Layer);
        Assert.DoesNotContain(program.Layers, l => l.Name == node.Name);
        using Session session = new(program, new SimulationOptions { Threads = 1 });
        Meaning.Equal(Meaning.Evaluate(graph, inputs), session.Run(inputs), Meaning.ReorderedSum);
        return node;
    }

    private static NodePlacement Placement(MappedProgram program, TestModel model)
    {
        string name = model.Proto.Graph.Node.First(n => n.Output.Contains("y") || n.Output.Any(o => o.StartsWith("y_", StringComparison.Ordinal))).Name;
        return Assert.Single(program.Nodes, n => n.Name == name);
    }
}

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>A graph whose values have known shapes, and input ranges where samples were given.</summary>
/// <param name="Graph">With the facts of every value of a profiling run.</param>
/// <param name="Ranges">Value -> what samples reached; empty = not calibrated.</param>
public sealed record CalibratedGraph(Graph Graph, ImmutableDictionary<string, MagnitudeHistogram> Ranges)
{
    /// <summary>Value -> the means of its channels, for the same values as <see cref="Ranges"/>.</summary>
    public ImmutableDictionary<string, ChannelMeans> Means { get; init; } = ImmutableDictionary<string, ChannelMeans>.Empty;
}

/// <summary>Runs the model on ONNX Runtime with every intermediate value as an output: once on a nominal input for types and shapes, and on the
/// calibration samples for the ranges of what MVMs read. Ranges never come from the nominal input.
/// <code>
/// before:  %r = Relu(%c)                  after:  %r = Relu(%c)  : Float 1x8x28x28, |max| 3.7
/// </code></summary>
public static class Calibrate
{
    public static CalibratedGraph Run(Graph graph, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        var inputs = Nominal(graph, batch: 1);
        string[] values = [.. graph.Nodes.SelectMany(n => n.Writes)];
        var facts = graph.Facts.ToBuilder();
        foreach (var (name, tensor) in inputs)
        {
            facts[name] = new ValueFacts(tensor.Type, tensor.Shape) { Declared = graph.Header.Inputs.First(i => i.Name == name).Shape };
        }

        foreach (var (name, tensor) in graph.Constants)
        {
            facts[name] = new ValueFacts(tensor.Type, tensor.Shape);
        }

        if (values.Length == 0)
        {
            return new CalibratedGraph(OutputShapes.Settle(graph.With(facts: facts.ToImmutable())), ImmutableDictionary<string, MagnitudeHistogram>.Empty);
        }

        string[] inputNames = [.. graph.Header.Inputs.Select(p => p.Name)];
        GiveBackMemory();
        try
        {
            using (DigitalSession session = new(ModelWriter.Extract(graph, graph.Nodes, inputNames, values), new DigitalOptions(Optimize: false)))
            {
                ValueBudget.Check(graph, session);
                var nominal = Profile(session, inputs, values);
                var declared = Declared(graph, session, nominal, values);
                for (int i = 0; i < values.Length; i++)
                {
                    facts[values[i]] = nominal[i] with { Declared = declared[i] };
                }
            }

            GiveBackMemory();
            var known = OutputShapes.Settle(graph.With(facts: facts.ToImmutable()));
            return options.Calibration is { } data ? Measure(known, data, options) : new CalibratedGraph(known, ImmutableDictionary<string, MagnitudeHistogram>.Empty);
        }
        catch (DigitalException e)
        {
            throw RejectedModel.Of(graph, e);
        }
    }

    /// <summary>Types and shapes of values in one run.</summary>
    private static ValueFacts[] Profile(DigitalSession session, ImmutableDictionary<string, Tensor> inputs, string[] values)
    {
        var given = inputs.ToDictionary(i => i.Key, i => new DigitalValue(i.Value), StringComparer.Ordinal);
        try
        {
            var facts = new ValueFacts[values.Length];
            var results = session.Run(given, values);
            for (int i = 0; i < values.Length; i++)
            {
                using var value = results[i];
                facts[i] = value.Kind == DigitalKind.Tensor && Enum.IsDefined(value.TensorFacts.Type)
                    ? new ValueFacts(value.TensorFacts.Type, value.TensorFacts.Shape)
                    : new ValueFacts(TensorType.Undefined, default);
            }

            return facts;
        }
        finally
        {
            foreach (var value in given.Values)
            {
                value.Dispose();
            }
        }
    }

    /// <summary>Which extents hold for every input. Where only the batch is open, a second run with another batch shows what follows it; where
    /// other dimensions are open too, no extent is certain (a stride can hide that it follows).</summary>
    private static ImmutableArray<long>[] Declared(Graph graph, DigitalSession session, ValueFacts[] nominal, string[] values)
    {
        if (graph.Header.Inputs.All(i => !i.Shape.Contains(-1)))
        {
            return [.. nominal.Select(f => f.Shape)];
        }

        if (graph.Header.Inputs.All(i => !i.Shape.Skip(1).Contains(-1)))
        {
            try
            {
                var other = Profile(session, Nominal(graph, batch: 2), values);
                return
                [
                    .. nominal.Zip(other, (one, two) => !one.HasRank || !two.HasRank || one.Shape.Length != two.Shape.Length
                        ? one.Shape
                        : [.. one.Shape.Zip(two.Shape, (a, b) => a == b ? a : -1)]),
                ];
            }
            catch (DigitalException)
            {
                // The model runs one sample at a time, whatever it declares.
            }
        }

        return [.. nominal.Select(f => f.HasRank ? [.. f.Shape.Select(_ => -1L)] : f.Shape)];
    }

    /// <summary>ONNX Runtime's copy of the weights comes on top of ours; what importing and folding left behind would make a third. A model of a
    /// hundred million weights is worth the few milliseconds.</summary>
    private static void GiveBackMemory() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);

    /// <summary>Elements of one input; more is taken for a mistake.</summary>
    private const int MaximumInput = 1 << 28;

    /// <summary>The values that an MVM on tiles may read as activations.</summary>
    private static string[] MvmInputs(Graph graph) =>
    [
        .. graph.Nodes
            .Where(n => n.Is("Conv") || n.Is("Gemm") || n.Is("MatMul"))
            .SelectMany(n => n.Inputs.Take(2))
            .Where(v => v.Length > 0 && !graph.Constants.ContainsKey(v))
            .Distinct(StringComparer.Ordinal),
    ];

    private static CalibratedGraph Measure(Graph graph, ICalibrationData data, CompileOptions options)
    {
        string[] values = MvmInputs(graph);
        var ranges = values.ToImmutableDictionary(v => v, _ => new MagnitudeHistogram(), StringComparer.Ordinal);
        var means = values.ToImmutableDictionary(
            v => v, v => new ChannelMeans(graph.ConsumersOf(v).Any(c => graph[c].Is("Conv")) ? 1 : -1), StringComparer.Ordinal);
        CalibratedGraph result = new(graph, ranges) { Means = means };
        if (values.Length == 0)
        {
            return result;
        }

        string[] inputNames = [.. graph.Header.Inputs.Select(p => p.Name)];
        string[] computed = [.. values.Where(v => graph.ProducerOf(v) is not null)];
        using DigitalSession? session = computed.Length == 0 ? null : new(ModelWriter.Extract(graph, graph.Nodes, inputNames, computed), new DigitalOptions(Optimize: false));
        for (int i = 0; i < data.Count; i++)
        {
            if (i % 64 == 0)
            {
                options.Progress?.Invoke(FormattableString.Invariant($"calibrate: batch {i} of {data.Count}"));
            }

            var sample = data.Sample(i);
            foreach (string value in values.Where(sample.ContainsKey))
            {
                Add(value, sample[value].ToFloats(), sample[value].Shape);
            }

            if (session is not null)
            {
                var given = sample.ToDictionary(s => s.Key, s => new DigitalValue(s.Value), StringComparer.Ordinal);
                foreach (var (name, value) in computed.Zip(session.Run(given, computed)))
                {
                    // Read where they lie: the activations of one sample can be as large as the weights.
                    var (type, shape) = value.TensorFacts;
                    Add(name, type == TensorType.Float ? value.Floats : value.ToTensor().ToFloats(), shape);
                    value.Dispose();
                }

                foreach (var value in given.Values)
                {
                    value.Dispose();
                }
            }
        }

        return result;

        void Add(string name, ReadOnlySpan<float> elements, ImmutableArray<long> shape)
        {
            ranges[name].Add(elements);
            means[name].Add(elements, shape);
        }
    }

    /// <summary>An input of the declared type and shape; it serves shapes, never ranges.</summary>
    private static ImmutableDictionary<string, Tensor> Nominal(Graph graph, long batch) =>
        graph.Header.Inputs.ToImmutableDictionary(p => p.Name, p => Nominal(graph, p, batch), StringComparer.Ordinal);

    private static Tensor Nominal(Graph graph, GraphPort port, long batch)
    {
        if (port.Type == TensorType.Undefined || port.Shape.IsDefault)
        {
            throw new DiagnosticException(
                Descriptors.UnknownDimension, $"{graph.Header.FileName}: input '{port.Name}'", port.Type == TensorType.Undefined ? "is not a tensor" : "has no declared rank");
        }

        long[] shape = [.. port.Shape];
        for (int i = 0; i < shape.Length; i++)
        {
            if (shape[i] < 0)
            {
                shape[i] = i == 0 ? batch : 1;
            }
        }

        ImmutableArray<long> extents = [.. shape];
        if (extents.Aggregate(1.0, (count, extent) => count * extent) > MaximumInput)
        {
            throw new DiagnosticException(
                Descriptors.UnknownDimension, $"{graph.Header.FileName}: input '{port.Name}'", $"has shape {Tensor.Format(extents)}, more than {MaximumInput} elements");
        }

        var tensor = Tensor.Zeros(port.Type, extents);
        if (tensor.Data is float[] floats)
        {
            for (int i = 0; i < floats.Length; i++)
            {
                floats[i] = (i * 37 % 101 / 101f) - 0.25f;
            }
        }

        return tensor;
    }
}

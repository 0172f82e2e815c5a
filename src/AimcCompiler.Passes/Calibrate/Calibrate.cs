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

/// <summary>Runs the model on ONNX Runtime: once on a nominal input for the types and shapes of all values, and on the calibration samples with what MVMs read as outputs, for
/// its ranges. Ranges never come from the nominal input.
/// <code>
/// before:  %r = Relu(%c)                  after:  %r = Relu(%c)  : Float 1x8x28x28, |max| 3.7
/// </code></summary>
public static class Calibrate
{
    /// <param name="graph">The model.</param>
    /// <param name="options">With the samples.</param>
    /// <exception cref="DiagnosticException">ONNX Runtime rejects the model.</exception>
    public static CalibratedGraph Run(Graph graph, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        var known = InferTypes(graph, options);
        if (options.Calibration is not { } samples)
        {
            return new CalibratedGraph(known, ImmutableDictionary<string, MagnitudeHistogram>.Empty);
        }

        try
        {
            return Measure(known, samples, options);
        }
        catch (DigitalException e)
        {
            throw RejectedModel.Of(graph, e);
        }
    }

    /// <summary>The graph with the type and shape of every value, as far as ONNX Runtime can say.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="options">With the samples, whose first is run.</param>
    /// <param name="diagnostics">Where it is said what open dimensions were taken as.</param>
    /// <exception cref="DiagnosticException">ONNX Runtime rejects the model, or runs it with none of the extents tried.</exception>
    public static Graph InferTypes(Graph graph, CompileOptions options, DiagnosticBag? diagnostics = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        if (graph.Nodes.SelectMany(n => n.Writes).Concat(graph.Constants.Keys).Concat(graph.Header.Inputs.Select(i => i.Name)).All(graph.Facts.ContainsKey))
        {
            return graph;
        }

        CheckSizes(graph);
        var facts = graph.Facts.ToBuilder();
        foreach (var (name, tensor) in graph.Constants)
        {
            facts[name] = new ValueFacts(tensor.Type, tensor.Shape);
        }

        var packed = PackedValues.Find(graph);
        string[] values = [.. graph.Nodes.SelectMany(n => n.Writes).Where(v => !packed.Contains(v))];
        foreach (string value in graph.Nodes.SelectMany(n => n.Writes).Where(packed.Contains))
        {
            facts[value] = new ValueFacts(TensorType.Undefined, default);
        }

        var profiled = WithoutPackedInputs(graph, facts);
        string[] inputNames = [.. profiled.Header.Inputs.Select(p => p.Name)];
        NominalExtents extents = new(profiled.Header.Inputs);
        if (values.Length == 0)
        {
            // Nothing to run.
            foreach (var port in profiled.Header.Inputs)
            {
                facts[port.Name] = new ValueFacts(port.Type, port.Shape.IsDefault ? default : NominalExtents.ShapeOf(port, extents.Candidates().First())) { Declared = port.Shape, Declaration = port.Declaration };
            }

            return OutputShapes.Settle(graph.With(facts: facts.ToImmutable()));
        }

        GiveBackMemory(graph);
        try
        {
            using (DigitalSession session = new(ModelWriter.Outline(profiled, profiled.Nodes, inputNames, values), new DigitalOptions(Optimize: false) { SparesMemory = true }))
            {
                ValueBudget.Check(graph, session);
                using Profile profile = new(profiled, session, extents, values);
                profile.Run(options.Calibration is { Count: > 0 } data ? data.Sample(0) : null);
                foreach (var (name, found) in profile.Facts)
                {
                    facts[name] = found;
                }

                Tell(graph, profile, diagnostics);
            }

            GiveBackMemory(graph);
            return OutputShapes.Settle(graph.With(facts: facts.ToImmutable()));
        }
        catch (DigitalException e)
        {
            throw RejectedModel.Of(graph, e);
        }
    }

    /// <summary>A session takes no inputs of these types from outside: constants of zeros stand for them.</summary>
    private static Graph WithoutPackedInputs(Graph graph, ImmutableDictionary<string, ValueFacts>.Builder facts)
    {
        var packed = graph.Header.Inputs.Where(i => Tensor.IsPacked(i.Type)).ToList();
        if (packed.Count == 0)
        {
            return graph;
        }

        var constants = graph.Constants.ToBuilder();
        foreach (var port in packed)
        {
            ImmutableArray<long> shape = port.Shape.IsDefault ? [] : [.. port.Shape.Select(d => d < 0 ? 1 : d)];
            constants[port.Name] = Tensor.Zeros(port.Type, shape);
            facts[port.Name] = new ValueFacts(port.Type, port.Shape.IsDefault ? default : shape) { Declared = port.Shape };
        }

        var header = graph.Header with { Inputs = [.. graph.Header.Inputs.Where(i => !Tensor.IsPacked(i.Type))] };
        return new Graph(header, graph.Nodes, constants.ToImmutable(), graph.Facts);
    }

    private static void Tell(Graph graph, Profile profile, DiagnosticBag? diagnostics)
    {
        if (profile.Excuse is { } excuse)
        {
            diagnostics?.Add(
                Descriptors.NotProfiled,
                graph.Header.FileName,
                $"does not run on nominal inputs ({excuse}); shapes are what ONNX Runtime infers, and what depends on the inputs' values is not known",
                "--calibrate DATA gives it real ones");
        }

        var taken = profile.Taken;
        if (diagnostics is not null && taken.Length > 0)
        {
            diagnostics.Add(
                Descriptors.DefaultedDimension,
                graph.Header.FileName,
                $"for shapes, MVM counts and estimates these were taken: {string.Join(", ", taken.Select(t => FormattableString.Invariant($"{t.Name} = {t.Extent}")))}",
                FormattableString.Invariant($"--dim {taken[0].Name}=N"));
        }
    }

    private static void CheckSizes(Graph graph)
    {
        foreach (var port in graph.Header.Inputs.Where(p => !p.Shape.IsDefault && Elements(p.Shape) > MaximumInput))
        {
            throw new DiagnosticException(
                Descriptors.UnknownDimension,
                $"{graph.Header.FileName}: input '{port.Name}'",
                $"has shape {Tensor.Format(port.Shape)}, more than {MaximumInput} elements");
        }
    }

    internal static double Elements(ImmutableArray<long> shape) => shape.Aggregate(1.0, (count, extent) => count * Math.Abs(extent));

    /// <summary>Weights that folding made, or that a session was lent, come on top of each other; what is worth the few milliseconds is given back.</summary>
    private static void GiveBackMemory(Graph graph)
    {
        if (graph.Constants.Values.Sum(c => (double)c.Bytes) > WorthCollecting)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    private const long WorthCollecting = 1 << 26;

    /// <summary>Elements of one input; more is taken for a mistake.</summary>
    internal const int MaximumInput = 1 << 28;

    /// <summary>The values that an MVM on tiles may read as activations; a recurrent product reads the states that its operator writes.</summary>
    private static string[] MvmInputs(Graph graph) =>
    [
        .. graph.Nodes
            .Where(n => n.Is("Conv") || n.Is("Gemm") || n.Is("MatMul"))
            .SelectMany(n => n.Inputs.Take(2))
            .Where(v => v.Length > 0 && !graph.Constants.ContainsKey(v))
            .Concat(graph.Nodes.Where(n => n.ReadsGates).Select(n => n.Outputs[0]))
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
        using DigitalSession? session = computed.Length == 0 ? null : new(ModelWriter.Lend(graph, graph.Nodes, inputNames, computed), new DigitalOptions(Optimize: false));
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
}

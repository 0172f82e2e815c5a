using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Types and shapes of a model's values, from runs on nominal inputs: they serve shapes, never ranges.</summary>
/// <param name="graph">The model.</param>
/// <param name="session">The model's outline with <paramref name="values"/> as outputs: it says what ONNX Runtime infers of them.</param>
/// <param name="extents">What open dimensions may be taken as.</param>
/// <param name="values">What the nodes write.</param>
internal sealed class Profile(Graph graph, DigitalSession session, NominalExtents extents, string[] values) : IDisposable
{
    /// <summary>Multiply-accumulates that a run on made-up inputs may cost: some seconds, and three times VGG-19. What needs more is typed by inference alone, if that says enough.</summary>
    private const long MaximumWork = 60_000_000_000;

    /// <summary>The same where every extent is inferred, so that a run could say nothing but that there is one: some tens of milliseconds, and all weights in memory.</summary>
    private const long MaximumKnownWork = 1_000_000_000;

    private readonly Dictionary<string, DigitalPort> _inferred = InferredPorts(graph, session);
    private readonly Dictionary<string, DigitalPort> _inputs = session.Inputs.ToDictionary(i => i.Name, StringComparer.Ordinal);
    private readonly Lazy<ShapeSession?> _shapes = new(() => ShapeSession.Open(graph, [.. session.Outputs.Where(o => o.IsTensor).Select(o => o.Name)]));

    private readonly Lazy<DigitalSession> _running = new(() => new DigitalSession(
        ModelWriter.Lend(graph, graph.Nodes, [.. graph.Header.Inputs.Select(p => p.Name)], values), new DigitalOptions(Optimize: false) { SparesMemory = true }));

    public Dictionary<string, ValueFacts> Facts { get; } = new(StringComparer.Ordinal);

    /// <summary>What open dimensions were taken as, but for those that count samples.</summary>
    public ImmutableArray<(string Name, long Extent)> Taken { get; private set; } = [];

    /// <summary>Why no run could be had, and facts are what ONNX Runtime infers; null = there was one.</summary>
    public string? Excuse { get; private set; }

    /// <param name="sample">A sample that is known to fit; null = none.</param>
    /// <exception cref="DiagnosticException">The model runs with none of the extents tried.</exception>
    public void Run(IReadOnlyDictionary<string, Tensor>? sample)
    {
        DigitalException? first = null;
        if (sample is not null && graph.Header.Inputs.All(i => sample.ContainsKey(i.Name)))
        {
            var shapes = graph.Header.Inputs.ToImmutableDictionary(i => i.Name, i => sample[i.Name].Shape, StringComparer.Ordinal);
            if (Try(() => sample.ToDictionary(s => s.Key, s => new DigitalValue(s.Value), StringComparer.Ordinal), ref first) is { } facts)
            {
                Keep(shapes, facts, true, null);
                return;
            }
        }

        // Where nothing is open but the batch in front, inference says all that a run of one sample would.
        if (extents.Open.IsEmpty && _inferred.Values.All(o => o.Shape.Skip(1).All(d => d >= 0)) && graph.Nodes.All(n => !IsProduct(n) || !_inferred[n.Outputs[0]].Shape.IsEmpty)
            && (Work() is var work && (work > MaximumWork || (work > MaximumKnownWork && IsAllKnown())) || ValueBudget.IsLarge(session)))
        {
            TakeInferred();
            foreach (var (name, facts) in Facts.ToList().Where(f => f.Value.HasRank))
            {
                Facts[name] = facts with { Shape = OneSample(facts.Shape), Declared = facts.Shape };
            }

            return;
        }

        // Indices are 0 in most runs; a length or a divisor must not be.
        using GuessBudget budget = new(graph, session);
        bool hasIntegers = graph.Header.Inputs.Any(i => i.Type is TensorType.Int64 or TensorType.Int32);
        foreach (long integer in hasIntegers ? (ReadOnlySpan<long>)[0, 1] : [0])
        {
            foreach (var candidate in extents.Candidates())
            {
                var shapes = Shapes(candidate, null);
                if (first is not null && !budget.Allows(shapes))
                {
                    continue;
                }

                if (shapes.Values.All(s => Calibrate.Elements(s) <= Calibrate.MaximumInput) && Try(() => Nominal(shapes, integer), ref first, first is null ? default : budget.Time) is { } facts)
                {
                    bool countsSamples = NominalExtents.SamplesOf(candidate) == 1;
                    Keep(shapes, facts, countsSamples, countsSamples ? () => Try(() => Nominal(Shapes(candidate, 2), integer), ref first) : null);
                    return;
                }
            }
        }

        if (first is not null && RejectedModel.NodeOf(graph, first) is { } failed && ReadsNoInput(failed))
        {
            throw first;
        }

        if (graph.Header.Inputs.Any(i => i.Shape.IsDefault || i.Type == TensorType.String) || !graph.Nodes.Any(NeedsRun))
        {
            // Nobody but the model's maker knows what goes in there (indices, extents, axes): what ONNX Runtime infers has to do.
            Excuse = first?.Message ?? "an input is too large";
            TakeInferred();
            return;
        }

        if (extents.Open.IsEmpty)
        {
            throw first!;
        }

        var rejected = first is null ? null : RejectedModel.Of(graph, first).Diagnostics[0];
        throw new DiagnosticException(
            Descriptors.UnknownDimension,
            rejected?.Where ?? graph.Header.FileName,
            $"does not run with any of the extents tried for {string.Join(", ", extents.Open)}; with the first of them: {rejected?.Message ?? "an input is too large"}",
            $"--dim {string.Join(" --dim ", extents.Open.Select(n => $"{n}=N"))}");
    }

    /// <summary>What it does is the same for every input: where it fails once it fails always.</summary>
    private bool ReadsNoInput(Node node)
    {
        HashSet<NodeId> seen = [];
        Stack<Node> open = new([node]);
        while (open.TryPop(out var at))
        {
            if (at.Reads.Any(v => graph.Header.Inputs.Any(i => i.Name == v)))
            {
                return false;
            }

            foreach (var before in graph.Predecessors(at.Id).Where(p => seen.Add(p.Id)))
            {
                open.Push(before);
            }
        }

        return true;
    }

    private void TakeInferred()
    {
        foreach (string value in values)
        {
            Facts[value] = Inferred(_inferred[value]);
        }

        foreach (var port in graph.Header.Inputs)
        {
            Facts[port.Name] = new ValueFacts(port.Type, port.Shape) { Declaration = port.Declaration };
        }
    }

    /// <summary>What ONNX Runtime infers, and that the mask of a Dropout has the shape of the result: before opset 12 it does not say so.</summary>
    private static Dictionary<string, DigitalPort> InferredPorts(Graph graph, DigitalSession session)
    {
        var inferred = session.Outputs.ToDictionary(o => o.Name, StringComparer.Ordinal);
        foreach (var node in graph.Nodes.Where(n => n.Is("Dropout") && n.Outputs is [{ Length: > 0 }, { Length: > 0 }]))
        {
            if (inferred.TryGetValue(node.Outputs[1], out var mask) && mask is { IsTensor: true, Shape.IsEmpty: true } && inferred.TryGetValue(node.Outputs[0], out var result))
            {
                inferred[mask.Name] = mask with { Shape = result.Shape };
            }
        }

        return inferred;
    }

    /// <summary>Inference leaves nothing of any shape open; it gives scalars none.</summary>
    private bool IsAllKnown() =>
        graph.Header.Inputs.All(i => !i.Shape.IsDefault && !i.Shape.Contains(-1)) && _inferred.Values.All(o => o.IsTensor && !o.Shape.IsEmpty && o.Shape.All(d => d >= 0));

    private static ImmutableArray<long> OneSample(ImmutableArray<long> shape) => [.. shape.Select(d => d < 0 ? 1 : d)];

    private double Work()
    {
        var facts = graph.Constants.ToImmutableDictionary(c => c.Key, c => new ValueFacts(c.Value.Type, c.Value.Shape), StringComparer.Ordinal)
            .SetItems(values.Select(v => KeyValuePair.Create(v, new ValueFacts(_inferred[v].Type, OneSample(_inferred[v].Shape)))))
            .SetItems(graph.Header.Inputs.Select(p => KeyValuePair.Create(p.Name, new ValueFacts(p.Type, p.Shape.IsDefault ? default : OneSample(p.Shape)))));
        var typed = graph.With(facts: facts);
        return graph.Nodes.Sum(n => (double)DigitalWork.Macs(typed, n));
    }

    /// <summary>A product with constants, of whose result ONNX Runtime does not infer the shape: without a run it cannot go to tiles.</summary>
    private bool NeedsRun(Node node) => IsProduct(node) && (!_inferred.TryGetValue(node.Outputs[0], out var port) || port.Shape.IsEmpty || port.Shape.Any(d => d < 0));

    private bool IsProduct(Node node) =>
        (node.Is("Conv") || node.Is("Gemm") || node.Is("MatMul") || node.ReadsGates)
        && node.Inputs.Any(i => graph.Constants.TryGetValue(i, out var constant) && Tensor.IsFloating(constant.Type))
        && node.Outputs is [{ Length: > 0 }, ..];

    private ImmutableDictionary<string, ImmutableArray<long>> Shapes(ImmutableDictionary<string, long> candidate, long? samples) =>
        graph.Header.Inputs.ToImmutableDictionary(p => p.Name, p => NominalExtents.ShapeOf(p, candidate, samples), StringComparer.Ordinal);

    /// <summary>Facts of all values in one run; null when ONNX Runtime cannot run on these inputs.</summary>
    private ValueFacts[]? Try(Func<Dictionary<string, DigitalValue>> inputs, ref DigitalException? first, CancellationToken time = default)
    {
        try
        {
            return Run(inputs(), time);
        }
        catch (OperationCanceledException) when (time.IsCancellationRequested)
        {
            return null;
        }
        catch (DigitalException e)
        {
            first ??= e;
            return null;
        }
    }

    private ValueFacts[] Run(Dictionary<string, DigitalValue> given, CancellationToken time)
    {
        try
        {
            var facts = new ValueFacts[values.Length];
            if (_shapes.Value is { } shapes)
            {
                var found = shapes.Run(given, time);
                return [.. values.Select(v => found.TryGetValue(v, out var shape) ? new ValueFacts(_inferred[v].Type, shape) : Inferred(_inferred[v]))];
            }

            var results = _running.Value.Run(given, values, time);
            for (int i = 0; i < values.Length; i++)
            {
                using var value = results[i];
                facts[i] = value.Kind == DigitalKind.Tensor && Enum.IsDefined(value.TensorFacts.Type)
                    ? new ValueFacts(value.TensorFacts.Type, value.TensorFacts.Shape)
                    : new ValueFacts(TensorType.Undefined, default);
                if (!_inferred[values[i]].IsTensor)
                {
                    // An optional may hold a tensor in this run, and nothing in another.
                    facts[i] = Inferred(_inferred[values[i]]);
                }
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

    public void Dispose()
    {
        if (_shapes.IsValueCreated)
        {
            _shapes.Value?.Dispose();
        }

        if (_running.IsValueCreated)
        {
            _running.Value.Dispose();
        }
    }

    private static ValueFacts Inferred(DigitalPort port) => port.IsTensor
        ? new ValueFacts(port.Type, port.Shape.IsEmpty ? default : port.Shape)
        : new ValueFacts(TensorType.Undefined, default) { Declaration = PortTypes.Declare(port) };

    private void Keep(ImmutableDictionary<string, ImmutableArray<long>> shapes, ValueFacts[] nominal, bool countsSamples, Func<ValueFacts[]?>? other)
    {
        var declared = Declared(nominal, other);
        for (int i = 0; i < values.Length; i++)
        {
            Facts[values[i]] = nominal[i] with { Declared = declared[i] };
        }

        List<(string, long)> taken = [];
        foreach (var port in graph.Header.Inputs)
        {
            Facts[port.Name] = port.Type == TensorType.Undefined
                ? new ValueFacts(port.Type, default) { Declaration = port.Declaration }
                : new ValueFacts(port.Type, shapes[port.Name]) { Declared = port.Shape.IsDefault ? [.. shapes[port.Name].Select(_ => -1L)] : port.Shape };
            for (int axis = 0; !port.Shape.IsDefault && axis < port.Shape.Length; axis++)
            {
                string name = NominalExtents.NameOf(port, axis);
                if (port.Shape[axis] < 0 && (extents.Open.Contains(name) || (extents.Batch.Contains(name) && !countsSamples)) && taken.All(t => t.Item1 != name))
                {
                    taken.Add((name, shapes[port.Name][axis]));
                }
            }
        }

        Taken = [.. taken];
    }

    /// <summary>Which extents hold for every input. Where only the batch is open, a second run with another batch shows what follows it; where
    /// other dimensions are open too, only what ONNX Runtime infers is certain (a stride can hide that an extent follows).</summary>
    private ImmutableArray<long>[] Declared(ValueFacts[] nominal, Func<ValueFacts[]?>? other)
    {
        var ports = graph.Header.Inputs;
        if (ports.All(i => !i.Shape.IsDefault && !i.Shape.Contains(-1)))
        {
            return [.. nominal.Select(f => f.Shape)];
        }

        if (extents.Open.IsEmpty && ports.All(i => !i.Shape.IsDefault) && other?.Invoke() is { } two)
        {
            return
            [
                .. nominal.Zip(two, (a, b) => !a.HasRank || !b.HasRank || a.Shape.Length != b.Shape.Length
                    ? a.Shape
                    : [.. a.Shape.Zip(b.Shape, (x, y) => x == y ? x : -1)]),
            ];
        }

        return [.. nominal.Select((f, i) => f.HasRank ? [.. f.Shape.Select((extent, axis) => Certain(_inferred[values[i]], f, axis, extent))] : f.Shape)];
    }

    private static long Certain(DigitalPort inferred, ValueFacts facts, int axis, long extent) =>
        inferred.Shape.Length == facts.Shape.Length && inferred.Shape[axis] == extent ? extent : -1;

    private Dictionary<string, DigitalValue> Nominal(ImmutableDictionary<string, ImmutableArray<long>> shapes, long integer)
    {
        Dictionary<string, DigitalValue> given = new(StringComparer.Ordinal);
        try
        {
            foreach (var port in graph.Header.Inputs)
            {
                given.Add(port.Name, port.Type == TensorType.Undefined ? Nominal(_inputs[port.Name]) : new DigitalValue(Nominal(port.Type, shapes[port.Name], integer)));
            }

            return given;
        }
        catch
        {
            foreach (var value in given.Values)
            {
                value.Dispose();
            }

            throw;
        }
    }

    /// <summary>A sequence of one tensor; an optional that holds something.</summary>
    private static DigitalValue Nominal(DigitalPort port) => port.Kind switch
    {
        DigitalPortKind.Tensor => new DigitalValue(Element(port)),
        DigitalPortKind.Optional => Nominal(port.Element!),
        DigitalPortKind.Sequence when port.Element is { IsTensor: true } element => DigitalValue.FromSequence([Element(element)]),
        _ => throw new DigitalException($"There is no nominal value of kind {port.Kind}."),
    };

    private static Tensor Element(DigitalPort port) => Nominal(port.Type, [.. port.Shape.Select(d => d < 0 ? 1 : d)], 0);

    private static Tensor Nominal(TensorType type, ImmutableArray<long> shape, long integer)
    {
        var tensor = Tensor.Zeros(type, shape);
        switch (tensor.Data)
        {
            case float[] floats:
                for (int i = 0; i < floats.Length; i++)
                {
                    floats[i] = (i * 37 % 101 / 101f) - 0.25f;
                }

                break;
            case long[] numbers:
                Array.Fill(numbers, integer);
                break;
            case int[] numbers when type == TensorType.Int32:
                Array.Fill(numbers, (int)integer);
                break;
            case string[] texts:
                Array.Fill(texts, "0");
                break;
            default:
                break;
        }

        return tensor;
    }
}

using System.Collections.Immutable;
using AimcCompiler.Digital;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>The model with the shapes of its values as outputs in place of the values: a run holds each value only as long as a node still reads it.
/// <code>
/// before:  %c = Conv(%x, #w)   -> %c, %r           after:  %c = Conv(%x, #w)   %r = Relu(%c)
///          %r = Relu(%c)                                   %1 = Shape(%r)      %0 = Shape(%c)   -> %0, %1
/// </code></summary>
internal sealed class ShapeSession : IDisposable
{
    private readonly DigitalSession _session;
    private readonly (string Value, string Shape)[] _names;

    private ShapeSession(DigitalSession session, (string, string)[] names) => (_session, _names) = (session, names);

    /// <summary>Null where ONNX Runtime does not load the model with operators that read shapes: the opset may have no such operator, or none for a value's type.</summary>
    /// <param name="graph">The model.</param>
    /// <param name="tensors">Values of it, all of them tensors.</param>
    public static ShapeSession? Open(Graph graph, IReadOnlyList<string> tensors)
    {
        if (tensors.Count == 0)
        {
            return null;
        }

        var taken = graph.Nodes.SelectMany(n => n.Reads.Concat(n.Writes)).Concat(graph.Header.Inputs.Select(i => i.Name)).Concat(graph.Constants.Keys).ToHashSet(StringComparer.Ordinal);
        string prefix = "shape";
        while (taken.Any(t => t.StartsWith(prefix, StringComparison.Ordinal)))
        {
            prefix += "'";
        }

        (string Value, string Shape)[] names = [.. tensors.Select((value, i) => (value, FormattableString.Invariant($"{prefix}{i}")))];
        // From the last value to the first: ONNX Runtime begins with what stands last, and would hold what is read there.
        var shapes = names.Reverse().Select(n => new Node(new NodeId(-1), n.Shape, "", "Shape", [n.Value], [n.Shape], [], ImmutableDictionary<string, NodeAttribute>.Empty, default));
        try
        {
            var model = ModelWriter.Lend(graph, [.. graph.Nodes, .. shapes], [.. graph.Header.Inputs.Select(i => i.Name)], [.. names.Select(n => n.Shape)]);
            return new ShapeSession(new DigitalSession(model, new DigitalOptions(Optimize: false) { SparesMemory = true }), names);
        }
        catch (DigitalException)
        {
            return null;
        }
    }

    /// <summary>Runs the model; returns the shape of each value.</summary>
    /// <exception cref="DigitalException">A name, type or shape does not fit, or an operator fails.</exception>
    public Dictionary<string, ImmutableArray<long>> Run(IReadOnlyDictionary<string, DigitalValue> inputs, CancellationToken cancellation)
    {
        Dictionary<string, ImmutableArray<long>> shapes = new(StringComparer.Ordinal);
        var results = _session.Run(inputs, [.. _names.Select(n => n.Shape)], cancellation);
        foreach (var ((value, _), result) in _names.Zip(results))
        {
            using (result)
            {
                shapes.Add(value, [.. (long[])result.ToTensor().Data]);
            }
        }

        return shapes;
    }

    public void Dispose() => _session.Dispose();
}

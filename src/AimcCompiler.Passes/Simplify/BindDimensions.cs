using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gives open dimensions the extents that the user named (<c>--dim</c>): the program then takes inputs of that extent only. A dimension
/// without a name is called INPUT.AXIS.
/// <code>
/// before:  graph(%x: Float ?x3x?x?)        after (--dim H=64 --dim W=64):  graph(%x: Float ?x3x64x64)
/// </code></summary>
public static class BindDimensions
{
    public static Graph Run(Graph graph, CompileOptions options, DiagnosticBag diagnostics)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(diagnostics);
        string[] names = [.. graph.Header.Inputs.SelectMany(Names).Distinct(StringComparer.Ordinal)];
        foreach (string name in options.Dimensions.Keys.Where(d => !names.Contains(d)).Order(StringComparer.Ordinal))
        {
            diagnostics.Add(
                Descriptors.UnknownDimension,
                graph.Header.FileName,
                $"no input has an open dimension named '{name}'",
                names.Length == 0 ? "leave out --dim: no dimension is open" : $"--dim with one of: {string.Join(", ", names)}");
        }

        return options.Dimensions.IsEmpty
            ? graph
            : new Graph(
                graph.Header with { Inputs = [.. graph.Header.Inputs.Select(p => Bind(p, options))], Outputs = [.. graph.Header.Outputs.Select(p => Bind(p, options))] },
                graph.Nodes,
                graph.Constants,
                graph.Facts,
                graph.Steps);
    }

    /// <summary>A port with the extents that the user named.</summary>
    public static GraphPort Bind(GraphPort port, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(options);
        return port.Shape.IsDefault
            ? port
            : port with { Shape = [.. port.Shape.Select((d, axis) => d < 0 && options.Dimensions.TryGetValue(NominalExtents.NameOf(port, axis), out long extent) ? extent : d)] };
    }

    private static IEnumerable<string> Names(GraphPort port) => port.Shape.IsDefault
        ? []
        : port.Shape.Select((d, axis) => (d, axis)).Where(x => x.d < 0).Select(x => NominalExtents.NameOf(port, x.axis));
}

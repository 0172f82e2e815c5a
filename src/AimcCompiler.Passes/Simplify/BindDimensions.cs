using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Gives symbolic dimensions the extents that the user named (<c>--dim</c>): the program then takes inputs of that extent only.
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
        string[] symbols = [.. graph.Header.Inputs.SelectMany(i => i.Symbols).Where(s => s.Length > 0).Distinct(StringComparer.Ordinal)];
        foreach (string name in options.Dimensions.Keys.Where(d => !symbols.Contains(d)).Order(StringComparer.Ordinal))
        {
            diagnostics.Add(
                Descriptors.UnknownDimension,
                graph.Header.FileName,
                $"no input has a dimension named '{name}'",
                symbols.Length == 0 ? "leave out --dim: no dimension has a name" : $"--dim with one of: {string.Join(", ", symbols)}");
        }

        var inputs = graph.Header.Inputs.Select(p => Bind(p, options)).ToImmutableArray();
        string[] open =
        [
            .. inputs.SelectMany(p => p.Shape.IsDefault ? [] : p.Shape.Select((d, i) => (d, i)).Where(x => x.d < 0 && x.i > 0).Select(x => x.i < p.Symbols.Length && p.Symbols[x.i].Length > 0
                ? p.Symbols[x.i]
                : $"dimension {x.i} of '{p.Name}'")).Distinct(StringComparer.Ordinal),
        ];
        if (open.Length > 0)
        {
            diagnostics.Add(
                Descriptors.DefaultedDimension,
                graph.Header.FileName,
                $"taken as 1 for shapes, MVM counts and estimates: {string.Join(", ", open)}",
                "--dim NAME=N");
        }

        return options.Dimensions.IsEmpty
            ? graph
            : new Graph(graph.Header with { Inputs = inputs, Outputs = [.. graph.Header.Outputs.Select(p => Bind(p, options))] }, graph.Nodes, graph.Constants, graph.Facts, graph.Steps);
    }

    private static GraphPort Bind(GraphPort port, CompileOptions options) => port.Shape.IsDefault
        ? port
        : port with { Shape = [.. port.Shape.Select((d, i) => d < 0 && i < port.Symbols.Length && options.Dimensions.TryGetValue(port.Symbols[i], out long extent) ? extent : d)] };
}

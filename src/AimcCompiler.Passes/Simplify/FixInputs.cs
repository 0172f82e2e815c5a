using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Turns inputs that the user gave a value (<c>--fix</c>) into constants: what depends on them alone can then be folded.
/// <code>
/// before:  graph(%x: Float 1x512, %sr: Int64 scalar)        after (--fix sr=16000):  graph(%x: Float 1x512)
///          %c = Equal(%sr, #k)                                                       %c = Equal(#sr, #k)
/// </code></summary>
public static class FixInputs
{
    public static Graph Run(Graph graph, CompileOptions options, DiagnosticBag diagnostics)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(diagnostics);
        if (options.Fixed.IsEmpty)
        {
            return graph;
        }

        var constants = graph.Constants.ToBuilder();
        var given = ImmutableArray.CreateBuilder<FixedInput>();
        foreach (var (name, text) in options.Fixed.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            if (graph.Header.Inputs.FirstOrDefault(i => i.Name == name) is not { } port)
            {
                diagnostics.Add(
                    Descriptors.InvalidFixedInput,
                    graph.Header.FileName,
                    $"has no input named '{name}' to fix",
                    $"--fix with one of: {string.Join(", ", graph.Header.Inputs.Select(i => i.Name))}");
                continue;
            }

            ImmutableArray<long> shape = port.Shape.IsDefault ? [] : [.. port.Shape.Select(d => d < 0 ? 1 : d)];
            FixedInput input = new(name, port.Type, shape, text);
            if (input.ToTensor() is not { } tensor)
            {
                diagnostics.Add(
                    Descriptors.InvalidFixedInput,
                    $"{graph.Header.FileName}: input '{name}'",
                    shape.Any(d => d != 1) ? $"has shape {Tensor.Format(shape)}; only an input of one element can be fixed" : $"takes one {port.Type}, which '{text}' is not");
                continue;
            }

            constants[name] = tensor;
            given.Add(input);
        }

        var header = graph.Header with { Inputs = [.. graph.Header.Inputs.Where(i => !constants.ContainsKey(i.Name))], Fixed = given.ToImmutable() };
        return new Graph(header, graph.Nodes, constants.ToImmutable(), graph.Facts, graph.Steps);
    }
}

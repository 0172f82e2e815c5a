using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Tests.Ir;

/// <summary>Graphs of nodes that are never run: only who reads what counts.</summary>
internal static class SmallGraph
{
    public static Node Node(int id, string reads, string writes, string op = "Op") => new(
        new NodeId(id), $"node{id}", "", op, Names(reads), Names(writes), [], ImmutableDictionary<string, NodeAttribute>.Empty, ReadOnlyMemory<byte>.Empty);

    public static Graph Of(string inputs, string outputs, params Node[] nodes) => Of(inputs, outputs, [], nodes);

    public static Graph Of(string inputs, string outputs, string[] constants, params Node[] nodes)
    {
        GraphHeader header = new()
        {
            FileName = "small.onnx",
            Sha256 = new string('0', 64),
            Inputs = [.. Names(inputs).Select(Port)],
            Outputs = [.. Names(outputs).Select(Port)],
            IrVersion = 8,
            Opsets = ImmutableDictionary<string, long>.Empty.Add("", 17),
            Functions = [],
            Parameters = 0,
            OriginalNodes = [],
        };
        return new Graph(
            header,
            [.. nodes],
            constants.ToImmutableDictionary(c => c, _ => Tensor.FromFloats([1])),
            ImmutableDictionary<string, ValueFacts>.Empty);
    }

    private static ImmutableArray<string> Names(string names) => [.. names.Split(' ', StringSplitOptions.RemoveEmptyEntries)];

    private static GraphPort Port(string name) => new(name, TensorType.Float, [1], [""]);
}

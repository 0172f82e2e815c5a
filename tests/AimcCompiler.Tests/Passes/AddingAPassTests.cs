using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Passes;

/// <summary>The example of docs/adding-a-pass.md.</summary>
public sealed class AddingAPassTests
{
    [Fact]
    public void RemovesIdentities()
    {
        var before = new TestModel().Input("x", 1, 3).Node("Identity", "x", "a").Node("Identity", "a", "b").Node("Relu", "b", "c").Node("Identity", "c", "y").Output("y").Import();
        var after = RemoveIdentities.Run(before);
        Assert.Equal(["Relu", "Identity"], after.Nodes.Select(n => n.OpType));
        Meaning.IsKept(before, after, 0);
    }

    [Fact]
    public void LeavesWhatASubGraphCaptures()
    {
        GraphProto body = new() { Name = "body" };
        body.Node.Add(TestModel.NodeOf("Relu", ["a"], ["b"]));
        body.Output.Add(new ValueInfoProto { Name = "b" });
        var before = new TestModel().Input("x", 1, 3).Node("Identity", "x", "a").Constant("c", new Tensor(TensorType.Bool, [], new[] { true }))
            .Node("If", "c", "y", ("then_branch", body), ("else_branch", body.Clone())).Output("y").Import();
        Assert.Equal(2, RemoveIdentities.Run(before).Nodes.Length);
    }
}

/// <summary>Removes nodes that hand their input on.
/// <code>
/// before:  %a = Identity(%x)              after:  %y = Relu(%x)
///          %y = Relu(%a)
/// </code></summary>
public static class RemoveIdentities
{
    public static Graph Run(Graph graph)
    {
        Dictionary<string, string> renamed = new(StringComparer.Ordinal);
        HashSet<NodeId> removed = [];
        foreach (var node in graph.Nodes.Where(n => n.Is("Identity") && !graph.IsOutput(n.Outputs[0]) && !IsCaptured(graph, n.Outputs[0])))
        {
            renamed.Add(node.Outputs[0], renamed.GetValueOrDefault(node.Inputs[0], node.Inputs[0]));
            removed.Add(node.Id);
        }

        return graph.With([
            .. graph.Nodes.Where(n => !removed.Contains(n.Id))
                .Select(n => n with { Inputs = [.. n.Inputs.Select(i => renamed.GetValueOrDefault(i, i))] }),
        ]);
    }

    /// <summary>A sub-graph names what it captures inside its opaque payload, where nothing can be renamed.</summary>
    private static bool IsCaptured(Graph graph, string value) => graph.ConsumersOf(value).Any(c => graph[c].Captured.Contains(value));
}

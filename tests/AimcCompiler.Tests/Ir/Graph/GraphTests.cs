using AimcCompiler.Core;
using static AimcCompiler.Tests.Ir.SmallGraph;

namespace AimcCompiler.Tests.Ir;

public sealed class GraphTests
{
    [Fact]
    public void NodesStandInAnOrderInWhichValuesAreWrittenBeforeTheyAreRead()
    {
        var graph = Of("x", "d", Node(0, "c", "d"), Node(1, "a b", "c"), Node(2, "x", "b"), Node(3, "x", "a"));
        Assert.Equal([2, 3, 1, 0], graph.Nodes.Select(n => n.Id.Value));
    }

    [Fact]
    public void AnOrderThatIsOneAlreadyIsKept()
    {
        var graph = Of("x", "d", Node(0, "x", "a"), Node(1, "x", "b"), Node(2, "a", "c"), Node(3, "b c", "d"));
        Assert.Equal([0, 1, 2, 3], graph.Nodes.Select(n => n.Id.Value));
    }

    [Fact]
    public void KnowsWhoWritesAndWhoReads()
    {
        var graph = Of("x", "c", Node(0, "x x", "a"), Node(1, "a a", "b"), Node(2, "a b", "c"));
        Assert.Equal(0, graph.ProducerOf("a")!.Id.Value);
        Assert.Null(graph.ProducerOf("x"));
        Assert.Equal([1, 2], graph.ConsumersOf("a").Select(id => id.Value));
        Assert.Empty(graph.ConsumersOf("c"));
        Assert.Equal([0, 1], graph.Predecessors(graph.Nodes[2].Id).Select(n => n.Id.Value).Order());
        Assert.True(graph.IsOutput("c"));
        Assert.False(graph.IsOutput("a"));
    }

    [Fact]
    public void AModelMayHandItsInputOrAConstantToAnOutput() => Assert.Empty(Of("x", "x k", ["k"]).Nodes);

    [Theory]
    [InlineData("a value written twice", "small.onnx: node 'node1' (Op)", "writes value 'a', which node 'node0' writes too")]
    [InlineData("an input written", "small.onnx: node 'node0' (Op)", "writes value 'x', which the model's input writes too")]
    [InlineData("a constant written", "small.onnx: node 'node0' (Op)", "writes value 'k', which a constant writes too")]
    [InlineData("a value twice by one node", "small.onnx: node 'node0' (Op)", "writes value 'a', which node 'node0' writes too")]
    [InlineData("a value from nowhere", "small.onnx: node 'node0' (Op)", "reads value 'z', which nothing writes")]
    [InlineData("a self-loop", "small.onnx: node 'node0'", "is part of a cycle through value 'a'")]
    [InlineData("a cycle of two behind a chain", "small.onnx: node 'node2'", "is part of a cycle through value 'c'")]
    [InlineData("an output from nowhere", "small.onnx: output 'z'", "is written by nothing")]
    [InlineData("an output twice", "small.onnx: output 'a'", "is declared twice")]
    [InlineData("an input twice", "small.onnx: input 'x'", "is declared twice")]
    [InlineData("an input that is a constant", "small.onnx: input 'k'", "has the name of a constant")]
    public void RefusesWhatIsNoGraph(string what, string where, string message)
    {
        var error = Assert.Throws<DiagnosticException>(() => what switch
        {
            "a value written twice" => Of("x", "a", Node(0, "x", "a"), Node(1, "x", "a")),
            "an input written" => Of("x", "x", Node(0, "", "x")),
            "a constant written" => Of("x", "k", ["k"], Node(0, "x", "k")),
            "a value twice by one node" => Of("x", "a", Node(0, "x", "a a")),
            "a value from nowhere" => Of("x", "a", Node(0, "z", "a")),
            "a self-loop" => Of("x", "a", Node(0, "a", "a")),
            "a cycle of two behind a chain" => Of("x", "d", Node(0, "x", "a"), Node(1, "a c", "b"), Node(2, "b", "c"), Node(3, "c", "d")),
            "an output from nowhere" => Of("x", "z", Node(0, "x", "a")),
            "an output twice" => Of("x", "a a", Node(0, "x", "a")),
            "an input twice" => Of("x x", "a", Node(0, "x", "a")),
            "an input that is a constant" => Of("k", "k", ["k"]),
            _ => throw new ArgumentException(what),
        });
        var found = Assert.Single(error.Diagnostics);
        Assert.Equal(("AIMC1004", where, message), (found.Descriptor.Id, found.Where, found.Message));
    }

    [Fact]
    public void AVeryLongChainNeedsNoStack()
    {
        const int Length = 200_000;
        var graph = Of("v0", $"v{Length}", [.. Enumerable.Range(0, Length).Select(i => Node(Length - i, $"v{Length - i - 1}", $"v{Length - i}"))]);
        Assert.Equal(1, graph.Nodes[0].Id.Value);
    }

    [Fact]
    public void ALongChainBeforeACycleIsRefusedAtOnce()
    {
        const int Length = 50_000;
        var nodes = Enumerable.Range(0, Length).Select(i => Node(i, $"v{i}", $"v{i + 1}"))
            .Append(Node(Length, $"v{Length} b", "a")).Append(Node(Length + 1, "a", "b"));
        Assert.Throws<DiagnosticException>(() => Of("v0", "a", [.. nodes]));
    }
}

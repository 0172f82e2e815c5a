using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Ir;

namespace AimcCompiler.Tests.Passes.Staircase;

/// <summary>What the verifiers of the graph passes refuse.</summary>
public sealed class GraphFormsTests
{
    private static readonly ImmutableDictionary<string, MagnitudeHistogram> NoRanges = ImmutableDictionary<string, MagnitudeHistogram>.Empty;

    private static readonly Graph Relu = SmallGraph.Of("x", "y", SmallGraph.Node(0, "x", "y"));

    [Fact]
    public void AValueWithoutFactsIsRefused()
    {
        var e = Assert.Throws<InvalidIrException>(() => AimcCompilation.Verify(new CalibratedGraph(Relu, NoRanges)));
        Assert.Contains("%y", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADeclaredShapeThatTheRunContradictsIsRefused()
    {
        AimcCompilation.Verify(With([4, 3], [-1, 3]));
        var e = Assert.Throws<InvalidIrException>(() => AimcCompilation.Verify(With([4, 3], [-1, 5])));
        Assert.Contains("declared ?x5 and was 4x3", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ANodeWithoutHomeIsRefused()
    {
        var e = Assert.Throws<InvalidIrException>(() => AimcCompilation.Verify(Partitioned(Relu, null)));
        Assert.Contains("'node0' has no home", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnAnalogNodeWithoutConstantsIsRefused()
    {
        AimcCompilation.Verify(Partitioned(SmallGraph.Of("x", "y", ["w"], SmallGraph.Node(0, "x w", "y")), Home.Analog));
        var e = Assert.Throws<InvalidIrException>(() => AimcCompilation.Verify(Partitioned(Relu, Home.Analog)));
        Assert.Contains("no constant weights", e.Message, StringComparison.Ordinal);
    }

    private static CalibratedGraph With(ImmutableArray<long> shape, ImmutableArray<long> declared) =>
        new(Relu.With(facts: ImmutableDictionary<string, ValueFacts>.Empty.Add("y", new ValueFacts(TensorType.Float, shape) { Declared = declared })), NoRanges);

    private static PartitionedGraph Partitioned(Graph graph, Home? home)
    {
        var homes = ImmutableDictionary<NodeId, NodeHome>.Empty;
        return new PartitionedGraph(new CalibratedGraph(graph, NoRanges), home is { } h ? homes.Add(new NodeId(0), new NodeHome(h, FallbackReason.None, "")) : homes);
    }
}

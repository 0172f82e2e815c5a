using QuikGraph;
using QuikGraph.Algorithms;
using QuikGraph.Algorithms.TopologicalSort;

namespace AimcCompiler.Tests.Substitutes;

/// <summary>Orders and messages measured on the package; they hold with the stand-in and with the package alike.</summary>
public sealed class QuikGraphTests
{
    private static BidirectionalGraph<string, Edge<string>> Sample(params string[] edges)
    {
        var graph = new BidirectionalGraph<string, Edge<string>>();
        graph.AddVertexRange(["a", "b", "c", "d", "e"]);
        graph.AddEdgeRange(edges.Select(edge => new Edge<string>(edge[..1], edge[1..])));
        return graph;
    }

    private static string Text(IEnumerable<string> vertices) => string.Concat(vertices);

    [Fact]
    public void SortsVerticesInReverseFinishOrder() => Assert.Equal("ebacd", Text(Sample("ac", "bc", "cd", "ad").TopologicalSort()));

    [Fact]
    public void SortsSourcesFirstWithTheHeapsTies() =>
        Assert.Equal("aebcd", Text(Sample("ac", "bc", "cd", "ad").SourceFirstTopologicalSort()));

    [Fact]
    public void SortsSourcesFirstFromEitherEnd()
    {
        var graph = Sample("ac", "bc", "cd", "ad");

        Assert.Equal("aebcd", Text(graph.SourceFirstBidirectionalTopologicalSort()));
        Assert.Equal("aebcd", Text(graph.SourceFirstBidirectionalTopologicalSort(TopologicalSortDirection.Forward)));
        var backward = graph.SourceFirstBidirectionalTopologicalSort(TopologicalSortDirection.Backward).ToList();
        Assert.All(graph.Edges, edge => Assert.True(backward.IndexOf(edge.Target) < backward.IndexOf(edge.Source)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(2026)]
    public void PutsEveryEdgeForwardInEveryOrder(int seed)
    {
        var random = new Random(seed);
        var graph = new BidirectionalGraph<int, SEdge<int>>();
        graph.AddVertexRange(Enumerable.Range(0, 130).OrderBy(_ => random.Next()));
        for (int i = 0; i < 400; i++)
        {
            int a = random.Next(129);
            graph.AddEdge(new SEdge<int>(a, random.Next(a + 1, 130)));
        }

        foreach (var order in new[] { graph.TopologicalSort(), graph.SourceFirstTopologicalSort(), graph.SourceFirstBidirectionalTopologicalSort() })
        {
            var place = order.Select((vertex, index) => (vertex, index)).ToDictionary(p => p.vertex, p => p.index);
            Assert.Equal(130, place.Count);
            Assert.All(graph.Edges, edge => Assert.True(place[edge.Source] < place[edge.Target]));
        }
    }

    [Theory]
    [InlineData("ab", "bc", "ca")]
    [InlineData("ab", "cc", "bd")]
    public void RefusesToSortACycle(params string[] edges)
    {
        var graph = Sample(edges);

        Assert.Equal("The graph contains at least one cycle.", Assert.Throws<NonAcyclicGraphException>(() => graph.TopologicalSort()).Message);
        Assert.Throws<NonAcyclicGraphException>(() => graph.SourceFirstTopologicalSort());
        Assert.False(graph.IsDirectedAcyclicGraph());
        Assert.True(Sample("ab", "ac", "bd", "cd").IsDirectedAcyclicGraph());
    }

    [Fact]
    public void SortsAChainOfAMillionVertices()
    {
        var graph = new BidirectionalGraph<int, SEdge<int>>(allowParallelEdges: true, 1_000_000, 1);
        for (int i = 1; i < 1_000_000; i++) graph.AddVerticesAndEdge(new SEdge<int>(i - 1, i));

        Assert.Equal(Enumerable.Range(0, 1_000_000), graph.TopologicalSort());
    }

    [Fact]
    public void NumbersStronglyConnectedComponentsFromTheSinks()
    {
        var components = new Dictionary<string, int> { ["stale"] = 9 };

        Assert.Equal(3, Sample("ab", "bc", "ca", "cd").StronglyConnectedComponents(components));

        Assert.Equal(0, components["d"]);
        Assert.Equal([1, 1, 1], new[] { components["a"], components["b"], components["c"] });
        Assert.Equal(2, components["e"]);
        Assert.Equal(5, components.Count);
    }

    [Fact]
    public void FindsRootsSinksAndLoners()
    {
        var graph = Sample("ac", "bc", "cd");

        Assert.Equal("abe", Text(graph.Roots()));
        Assert.Equal("de", Text(graph.Sinks()));
        Assert.Equal("e", Text(graph.IsolatedVertices()));
    }

    [Fact]
    public void RefusesAnEdgeToAnUnknownVertex()
    {
        var graph = Sample();

        var error = Assert.Throws<VertexNotFoundException>(() => graph.AddEdge(new Edge<string>("a", "z")));
        Assert.Equal("Vertex is not present in the graph.", error.Message);
        Assert.Throws<VertexNotFoundException>(() => graph.OutEdges("z"));
        Assert.Throws<VertexNotFoundException>(() => graph.InDegree("z"));
        Assert.False(graph.TryGetInEdges("z", out _));
        Assert.True(graph.AddVerticesAndEdge(new Edge<string>("a", "z")));
    }

    [Fact]
    public void AllowsParallelEdgesUnlessToldOtherwise()
    {
        var parallel = new BidirectionalGraph<int, SEdge<int>>();
        var simple = new BidirectionalGraph<int, SEdge<int>>(allowParallelEdges: false);

        Assert.Equal(2, parallel.AddVerticesAndEdgeRange([new SEdge<int>(1, 2), new SEdge<int>(1, 2)]));
        Assert.Equal(1, simple.AddVerticesAndEdgeRange([new SEdge<int>(1, 2), new SEdge<int>(1, 2)]));
        Assert.Equal(2, parallel.EdgeCount);
        Assert.Equal(1, simple.EdgeCount);
    }

    [Fact]
    public void AddsAVertexOnce()
    {
        var graph = new BidirectionalGraph<string, Edge<string>>();

        Assert.True(graph.AddVertex("a"));
        Assert.False(graph.AddVertex("a"));
        Assert.Equal(1, graph.AddVertexRange(["a", "b"]));
        Assert.Throws<ArgumentNullException>(() => graph.AddVertex(null!));
    }

    [Fact]
    public void ForgetsTheEdgesOfARemovedVertex()
    {
        var graph = Sample("ac", "bc", "cc", "cd", "ad");
        var gone = new List<string>();
        graph.EdgeRemoved += edge => gone.Add(edge.ToString());

        Assert.True(graph.RemoveVertex("c"));

        Assert.False(graph.RemoveVertex("c"));
        Assert.Equal(["c -> c", "c -> d", "a -> c", "b -> c"], gone);
        Assert.Equal(1, graph.EdgeCount);
        Assert.Equal("a -> d", graph.InEdges("d").Single().ToString());
        Assert.True(graph.IsInEdgesEmpty("b") && graph.IsOutEdgesEmpty("b"));
    }

    [Fact]
    public void RemovesAnEdgeAtBothEnds()
    {
        var graph = new BidirectionalGraph<int, SEdge<int>>();
        graph.AddVerticesAndEdgeRange([new SEdge<int>(1, 2), new SEdge<int>(1, 3)]);

        Assert.True(graph.RemoveEdge(new SEdge<int>(1, 2)));
        Assert.False(graph.RemoveEdge(new SEdge<int>(1, 2)));
        Assert.Equal(0, graph.InDegree(2));
        Assert.Equal(1, graph.OutDegree(1));
        Assert.True(graph.ContainsEdge(1, 3));
        Assert.Equal(1, graph.RemoveEdgeIf(_ => true));
        Assert.True(graph.IsEdgesEmpty);
    }

    [Fact]
    public void TellsOfATagThatChanges()
    {
        var edge = new TaggedEdge<string, int>("a", "b", 3);
        int changes = 0;
        edge.TagChanged += (_, _) => changes++;

        edge.Tag = 3;
        edge.Tag = 4;

        Assert.Equal(1, changes);
        Assert.Equal("a -> b (4)", edge.ToString());
        Assert.Equal("a -> b (no tag)", new TaggedEdge<string, string?>("a", "b", null).ToString());
    }
}

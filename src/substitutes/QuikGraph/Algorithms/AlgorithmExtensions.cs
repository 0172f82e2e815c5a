using QuikGraph.Algorithms.TopologicalSort;

namespace QuikGraph.Algorithms;

public static class AlgorithmExtensions
{
    /// <summary>The reverse of the order in which a depth-first search finishes the vertices.</summary>
    /// <exception cref="NonAcyclicGraphException">The graph has a cycle.</exception>
    public static IEnumerable<TVertex> TopologicalSort<TVertex, TEdge>(this IVertexListGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        var finished = new List<TVertex>(graph.VertexCount);
        DepthFirstSearch.Run(graph, _ => { }, finished.Add, _ => throw new NonAcyclicGraphException());
        finished.Reverse();
        return finished;
    }

    /// <summary>Vertices without open predecessors first, by Kahn's method.</summary>
    /// <exception cref="NonAcyclicGraphException">The graph has a cycle.</exception>
    public static IEnumerable<TVertex> SourceFirstTopologicalSort<TVertex, TEdge>(this IVertexAndEdgeListGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        return SourceFirstOrder<TVertex>.Sort(graph, graph.OutEdges, edge => edge.Target);
    }

    public static IEnumerable<TVertex> SourceFirstBidirectionalTopologicalSort<TVertex, TEdge>(this IBidirectionalGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex> => SourceFirstBidirectionalTopologicalSort(graph, TopologicalSortDirection.Forward);

    public static IEnumerable<TVertex> SourceFirstBidirectionalTopologicalSort<TVertex, TEdge>(
        this IBidirectionalGraph<TVertex, TEdge> graph, TopologicalSortDirection direction)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        return direction == TopologicalSortDirection.Forward
            ? SourceFirstOrder<TVertex>.Sort(graph, graph.OutEdges, edge => edge.Target)
            : SourceFirstOrder<TVertex>.Sort(graph, graph.InEdges, edge => edge.Source);
    }

    public static bool IsDirectedAcyclicGraph<TVertex, TEdge>(this IVertexListGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        bool isAcyclic = true;
        DepthFirstSearch.Run(graph, _ => { }, _ => { }, _ => isAcyclic = false);
        return isAcyclic;
    }

    public static IEnumerable<TVertex> Roots<TVertex, TEdge>(this IBidirectionalGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph.Vertices.Where(graph.IsInEdgesEmpty);
    }

    public static IEnumerable<TVertex> Sinks<TVertex, TEdge>(this IVertexListGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph.Vertices.Where(graph.IsOutEdgesEmpty);
    }

    public static IEnumerable<TVertex> IsolatedVertices<TVertex, TEdge>(this IBidirectionalGraph<TVertex, TEdge> graph)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        return graph.Vertices.Where(vertex => graph.Degree(vertex) == 0);
    }

    /// <summary>Numbers the strongly connected components (Tarjan), successors before predecessors; returns how many there are.</summary>
    public static int StronglyConnectedComponents<TVertex, TEdge>(this IVertexListGraph<TVertex, TEdge> graph, IDictionary<TVertex, int> components)
        where TEdge : IEdge<TVertex>
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(components);
        components.Clear();
        var lowest = new Dictionary<TVertex, int>(graph.VertexCount); // discovery time of the earliest vertex reachable
        var discovered = new Dictionary<TVertex, int>(graph.VertexCount);
        var open = new Stack<TVertex>();
        int count = 0;
        DepthFirstSearch.Run(graph, Discover, Finish, _ => { });
        return count;

        void Discover(TVertex vertex)
        {
            lowest[vertex] = discovered[vertex] = discovered.Count;
            open.Push(vertex);
        }

        void Finish(TVertex vertex)
        {
            foreach (var edge in graph.OutEdges(vertex))
            {
                if (!components.ContainsKey(edge.Target)) lowest[vertex] = Math.Min(lowest[vertex], lowest[edge.Target]);
            }

            if (lowest[vertex] != discovered[vertex]) return;

            TVertex member;
            do
            {
                member = open.Pop();
                components[member] = count;
            }
            while (!EqualityComparer<TVertex>.Default.Equals(member, vertex));
            count++;
        }
    }
}

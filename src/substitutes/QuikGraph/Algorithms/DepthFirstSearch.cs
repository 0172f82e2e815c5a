namespace QuikGraph.Algorithms;

/// <summary>Depth-first search over all vertices in the graph's order, with its own stack: depth is bound by memory only.</summary>
internal static class DepthFirstSearch
{
    internal static void Run<TVertex, TEdge>(
        IVertexListGraph<TVertex, TEdge> graph, Action<TVertex> discover, Action<TVertex> finish, Action<TEdge> backEdge)
        where TEdge : IEdge<TVertex>
    {
        var finished = new Dictionary<TVertex, bool>(graph.VertexCount); // absent: unseen; false: on the stack
        var stack = new Stack<(TVertex Vertex, IEnumerator<TEdge> Edges)>();
        foreach (var root in graph.Vertices)
        {
            if (!finished.ContainsKey(root)) Visit(root);
        }

        void Enter(TVertex vertex)
        {
            finished.Add(vertex, false);
            discover(vertex);
            stack.Push((vertex, graph.OutEdges(vertex).GetEnumerator()));
        }

        void Visit(TVertex root)
        {
            Enter(root);
            while (stack.TryPeek(out var top))
            {
                if (!top.Edges.MoveNext())
                {
                    top.Edges.Dispose();
                    stack.Pop();
                    finished[top.Vertex] = true;
                    finish(top.Vertex);
                    continue;
                }

                var edge = top.Edges.Current;
                if (!finished.TryGetValue(edge.Target, out bool isFinished))
                {
                    Enter(edge.Target);
                }
                else if (!isFinished)
                {
                    backEdge(edge);
                }
            }
        }
    }
}

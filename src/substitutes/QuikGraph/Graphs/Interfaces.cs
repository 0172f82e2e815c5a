namespace QuikGraph;

public delegate void VertexAction<in TVertex>(TVertex vertex);

public delegate bool VertexPredicate<in TVertex>(TVertex vertex);

public delegate void EdgeAction<TVertex, in TEdge>(TEdge edge)
    where TEdge : IEdge<TVertex>;

public delegate bool EdgePredicate<TVertex, in TEdge>(TEdge edge)
    where TEdge : IEdge<TVertex>;

public interface IGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    bool IsDirected { get; }

    bool AllowParallelEdges { get; }
}

public interface IImplicitVertexSet<in TVertex>
{
    bool ContainsVertex(TVertex vertex);
}

public interface IVertexSet<TVertex> : IImplicitVertexSet<TVertex>
{
    bool IsVerticesEmpty { get; }

    int VertexCount { get; }

    IEnumerable<TVertex> Vertices { get; }
}

public interface IMutableVertexSet<TVertex> : IVertexSet<TVertex>
{
    event VertexAction<TVertex> VertexAdded;

    event VertexAction<TVertex> VertexRemoved;

    bool AddVertex(TVertex vertex);

    int AddVertexRange(IEnumerable<TVertex> vertices);

    bool RemoveVertex(TVertex vertex);

    int RemoveVertexIf(VertexPredicate<TVertex> predicate);
}

public interface IEdgeSet<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    bool IsEdgesEmpty { get; }

    int EdgeCount { get; }

    IEnumerable<TEdge> Edges { get; }

    bool ContainsEdge(TEdge edge);
}

public interface IEdgeListGraph<TVertex, TEdge> : IGraph<TVertex, TEdge>, IEdgeSet<TVertex, TEdge>, IVertexSet<TVertex>
    where TEdge : IEdge<TVertex>
{
}

public interface IImplicitGraph<TVertex, TEdge> : IGraph<TVertex, TEdge>, IImplicitVertexSet<TVertex>
    where TEdge : IEdge<TVertex>
{
    bool IsOutEdgesEmpty(TVertex vertex);

    int OutDegree(TVertex vertex);

    IEnumerable<TEdge> OutEdges(TVertex vertex);

    bool TryGetOutEdges(TVertex vertex, out IEnumerable<TEdge> edges);

    TEdge OutEdge(TVertex vertex, int index);
}

public interface IIncidenceGraph<TVertex, TEdge> : IImplicitGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    bool ContainsEdge(TVertex source, TVertex target);

    bool TryGetEdge(TVertex source, TVertex target, out TEdge edge);

    bool TryGetEdges(TVertex source, TVertex target, out IEnumerable<TEdge> edges);
}

public interface IEdgeListAndIncidenceGraph<TVertex, TEdge> : IEdgeListGraph<TVertex, TEdge>, IIncidenceGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
}

public interface IVertexListGraph<TVertex, TEdge> : IIncidenceGraph<TVertex, TEdge>, IVertexSet<TVertex>
    where TEdge : IEdge<TVertex>
{
}

public interface IVertexAndEdgeListGraph<TVertex, TEdge> : IVertexListGraph<TVertex, TEdge>, IEdgeListGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
}

public interface IBidirectionalIncidenceGraph<TVertex, TEdge> : IIncidenceGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    bool IsInEdgesEmpty(TVertex vertex);

    int InDegree(TVertex vertex);

    IEnumerable<TEdge> InEdges(TVertex vertex);

    bool TryGetInEdges(TVertex vertex, out IEnumerable<TEdge> edges);

    TEdge InEdge(TVertex vertex, int index);

    int Degree(TVertex vertex);
}

public interface IBidirectionalGraph<TVertex, TEdge> : IVertexAndEdgeListGraph<TVertex, TEdge>, IBidirectionalIncidenceGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
}

public interface IMutableGraph<TVertex, TEdge> : IGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    void Clear();
}

public interface IMutableEdgeListGraph<TVertex, TEdge> : IMutableGraph<TVertex, TEdge>, IEdgeListGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    event EdgeAction<TVertex, TEdge> EdgeAdded;

    event EdgeAction<TVertex, TEdge> EdgeRemoved;

    bool AddEdge(TEdge edge);

    int AddEdgeRange(IEnumerable<TEdge> edges);

    bool RemoveEdge(TEdge edge);

    int RemoveEdgeIf(EdgePredicate<TVertex, TEdge> predicate);
}

public interface IMutableVertexAndEdgeSet<TVertex, TEdge> : IMutableVertexSet<TVertex>, IMutableEdgeListGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    bool AddVerticesAndEdge(TEdge edge);

    int AddVerticesAndEdgeRange(IEnumerable<TEdge> edges);
}

public interface IMutableIncidenceGraph<TVertex, TEdge> : IMutableGraph<TVertex, TEdge>, IIncidenceGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    int RemoveOutEdgeIf(TVertex vertex, EdgePredicate<TVertex, TEdge> predicate);

    void ClearOutEdges(TVertex vertex);

    void TrimEdgeExcess();
}

public interface IMutableVertexListGraph<TVertex, TEdge> : IMutableIncidenceGraph<TVertex, TEdge>, IMutableVertexSet<TVertex>
    where TEdge : IEdge<TVertex>
{
}

public interface IMutableVertexAndEdgeListGraph<TVertex, TEdge>
    : IMutableVertexListGraph<TVertex, TEdge>, IMutableVertexAndEdgeSet<TVertex, TEdge>, IVertexAndEdgeListGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
}

public interface IMutableBidirectionalGraph<TVertex, TEdge> : IMutableVertexAndEdgeListGraph<TVertex, TEdge>, IBidirectionalGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    int RemoveInEdgeIf(TVertex vertex, EdgePredicate<TVertex, TEdge> predicate);

    void ClearInEdges(TVertex vertex);

    void ClearEdges(TVertex vertex);
}

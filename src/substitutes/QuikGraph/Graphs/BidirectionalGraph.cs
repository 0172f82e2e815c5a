using System.Diagnostics;

namespace QuikGraph;

/// <summary>A mutable directed graph that knows the edges at both ends; vertices and edges come in the order they were added.</summary>
[DebuggerDisplay("VertexCount = {VertexCount}, EdgeCount = {EdgeCount}")]
public class BidirectionalGraph<TVertex, TEdge> : IEdgeListAndIncidenceGraph<TVertex, TEdge>, IMutableBidirectionalGraph<TVertex, TEdge>
    where TEdge : IEdge<TVertex>
{
    private readonly Dictionary<TVertex, List<TEdge>> _in;
    private readonly Dictionary<TVertex, List<TEdge>> _out;

    public BidirectionalGraph()
        : this(true)
    {
    }

    public BidirectionalGraph(bool allowParallelEdges)
        : this(allowParallelEdges, -1)
    {
    }

    public BidirectionalGraph(bool allowParallelEdges, int capacity)
        : this(allowParallelEdges, capacity, 0)
    {
    }

    public BidirectionalGraph(bool allowParallelEdges, int vertexCapacity, int edgeCapacity)
    {
        AllowParallelEdges = allowParallelEdges;
        EdgeCapacity = edgeCapacity;
        _in = new Dictionary<TVertex, List<TEdge>>(Math.Max(vertexCapacity, 0));
        _out = new Dictionary<TVertex, List<TEdge>>(Math.Max(vertexCapacity, 0));
    }

    public event VertexAction<TVertex> VertexAdded;

    public event VertexAction<TVertex> VertexRemoved;

    public event EdgeAction<TVertex, TEdge> EdgeAdded;

    public event EdgeAction<TVertex, TEdge> EdgeRemoved;

    public int EdgeCapacity { get; set; }

    public bool IsDirected => true;

    public bool AllowParallelEdges { get; }

    public bool IsVerticesEmpty => _out.Count == 0;

    public int VertexCount => _out.Count;

    public virtual IEnumerable<TVertex> Vertices => _out.Keys.AsEnumerable();

    public bool IsEdgesEmpty => EdgeCount == 0;

    public int EdgeCount { get; private set; }

    public virtual IEnumerable<TEdge> Edges => _out.Values.SelectMany(edges => edges);

    public bool ContainsVertex(TVertex vertex) => _out.ContainsKey(NotNull(vertex, nameof(vertex)));

    public bool ContainsEdge(TEdge edge) =>
        _out.TryGetValue(NotNull(edge, nameof(edge)).Source, out var edges) && edges.Contains(edge);

    public bool ContainsEdge(TVertex source, TVertex target) => TryGetEdge(source, target, out _);

    public bool TryGetEdge(TVertex source, TVertex target, out TEdge edge)
    {
        NotNull(target, nameof(target));
        if (_out.TryGetValue(NotNull(source, nameof(source)), out var edges))
        {
            foreach (var candidate in edges)
            {
                if (EqualityComparer<TVertex>.Default.Equals(candidate.Target, target))
                {
                    edge = candidate;
                    return true;
                }
            }
        }

        edge = default;
        return false;
    }

    public bool TryGetEdges(TVertex source, TVertex target, out IEnumerable<TEdge> edges)
    {
        NotNull(target, nameof(target));
        bool found = _out.TryGetValue(NotNull(source, nameof(source)), out var list);
        edges = found ? list.Where(edge => EqualityComparer<TVertex>.Default.Equals(edge.Target, target)) : null;
        return found;
    }

    public bool IsOutEdgesEmpty(TVertex vertex) => OutDegree(vertex) == 0;

    public int OutDegree(TVertex vertex) => EdgesAt(_out, vertex).Count;

    public IEnumerable<TEdge> OutEdges(TVertex vertex) => EdgesAt(_out, vertex).AsEnumerable();

    public bool TryGetOutEdges(TVertex vertex, out IEnumerable<TEdge> edges) => TryGetEdgesAt(_out, vertex, out edges);

    public TEdge OutEdge(TVertex vertex, int index) => EdgesAt(_out, vertex)[index];

    public bool IsInEdgesEmpty(TVertex vertex) => InDegree(vertex) == 0;

    public int InDegree(TVertex vertex) => EdgesAt(_in, vertex).Count;

    public IEnumerable<TEdge> InEdges(TVertex vertex) => EdgesAt(_in, vertex).AsEnumerable();

    public bool TryGetInEdges(TVertex vertex, out IEnumerable<TEdge> edges) => TryGetEdgesAt(_in, vertex, out edges);

    public TEdge InEdge(TVertex vertex, int index) => EdgesAt(_in, vertex)[index];

    public int Degree(TVertex vertex) => OutDegree(vertex) + InDegree(vertex);

    public virtual bool AddVertex(TVertex vertex)
    {
        if (ContainsVertex(vertex)) return false;

        _out.Add(vertex, new List<TEdge>(Math.Max(EdgeCapacity, 0)));
        _in.Add(vertex, new List<TEdge>(Math.Max(EdgeCapacity, 0)));
        OnVertexAdded(vertex);
        return true;
    }

    public virtual int AddVertexRange(IEnumerable<TVertex> vertices) => NoneNull(vertices, nameof(vertices)).Count(AddVertex);

    public virtual bool RemoveVertex(TVertex vertex)
    {
        if (!ContainsVertex(vertex)) return false;

        var removed = new List<TEdge>();
        foreach (var edge in _out[vertex])
        {
            _in[edge.Target].Remove(edge);
            removed.Add(edge);
        }

        foreach (var edge in _in[vertex])
        {
            _out[edge.Source].Remove(edge);
            removed.Add(edge);
        }

        removed.ForEach(OnEdgeRemoved);
        _out.Remove(vertex);
        _in.Remove(vertex);
        EdgeCount -= removed.Count;
        OnVertexRemoved(vertex);
        return true;
    }

    public int RemoveVertexIf(VertexPredicate<TVertex> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        var vertices = Vertices.Where(vertex => predicate(vertex)).ToList();
        vertices.ForEach(vertex => RemoveVertex(vertex));
        return vertices.Count;
    }

    public virtual bool AddEdge(TEdge edge)
    {
        NotNull(edge, nameof(edge));
        if (!ContainsVertex(edge.Source) || !ContainsVertex(edge.Target)) throw new VertexNotFoundException();

        return AddEdgeBetweenKnownVertices(edge);
    }

    public int AddEdgeRange(IEnumerable<TEdge> edges) => NoneNull(edges, nameof(edges)).Count(AddEdge);

    public virtual bool AddVerticesAndEdge(TEdge edge)
    {
        NotNull(edge, nameof(edge));
        AddVertex(edge.Source);
        AddVertex(edge.Target);
        return AddEdgeBetweenKnownVertices(edge);
    }

    public int AddVerticesAndEdgeRange(IEnumerable<TEdge> edges) => NoneNull(edges, nameof(edges)).Count(AddVerticesAndEdge);

    public virtual bool RemoveEdge(TEdge edge)
    {
        NotNull(edge, nameof(edge));
        if (!_out.TryGetValue(edge.Source, out var edges) || !edges.Remove(edge)) return false;

        _in[edge.Target].Remove(edge);
        EdgeCount--;
        OnEdgeRemoved(edge);
        return true;
    }

    public int RemoveEdgeIf(EdgePredicate<TVertex, TEdge> predicate) => RemoveEdges(Edges, predicate);

    public int RemoveOutEdgeIf(TVertex vertex, EdgePredicate<TVertex, TEdge> predicate) =>
        RemoveEdges(_out.TryGetValue(vertex, out var edges) ? edges : [], predicate);

    public int RemoveInEdgeIf(TVertex vertex, EdgePredicate<TVertex, TEdge> predicate) =>
        RemoveEdges(_in.TryGetValue(vertex, out var edges) ? edges : [], predicate);

    public void ClearOutEdges(TVertex vertex)
    {
        if (!_out.TryGetValue(NotNull(vertex, nameof(vertex)), out var edges)) return;

        foreach (var edge in edges)
        {
            _in[edge.Target].Remove(edge);
            OnEdgeRemoved(edge);
        }

        EdgeCount -= edges.Count;
        edges.Clear();
    }

    public void ClearInEdges(TVertex vertex)
    {
        if (!_in.TryGetValue(NotNull(vertex, nameof(vertex)), out var edges)) return;

        foreach (var edge in edges)
        {
            _out[edge.Source].Remove(edge);
            OnEdgeRemoved(edge);
        }

        EdgeCount -= edges.Count;
        edges.Clear();
    }

    public void ClearEdges(TVertex vertex)
    {
        ClearOutEdges(vertex);
        ClearInEdges(vertex);
    }

    public void Clear()
    {
        // As in the package, removal of vertices is told only when somebody listens to the removal of edges.
        if (EdgeRemoved != null)
        {
            foreach (var edge in Edges.Distinct()) OnEdgeRemoved(edge);
            foreach (var vertex in _out.Keys) OnVertexRemoved(vertex);
        }

        _out.Clear();
        _in.Clear();
        EdgeCount = 0;
    }

    public void TrimEdgeExcess()
    {
        foreach (var edges in _in.Values) edges.TrimExcess();
        foreach (var edges in _out.Values) edges.TrimExcess();
    }

    protected virtual void OnVertexAdded(TVertex vertex) => VertexAdded?.Invoke(vertex);

    protected virtual void OnVertexRemoved(TVertex vertex) => VertexRemoved?.Invoke(vertex);

    protected virtual void OnEdgeAdded(TEdge edge) => EdgeAdded?.Invoke(edge);

    protected virtual void OnEdgeRemoved(TEdge edge) => EdgeRemoved?.Invoke(edge);

    private static List<TEdge> EdgesAt(Dictionary<TVertex, List<TEdge>> lists, TVertex vertex) =>
        lists.TryGetValue(NotNull(vertex, nameof(vertex)), out var edges) ? edges : throw new VertexNotFoundException();

    private static bool TryGetEdgesAt(Dictionary<TVertex, List<TEdge>> lists, TVertex vertex, out IEnumerable<TEdge> edges)
    {
        bool found = lists.TryGetValue(NotNull(vertex, nameof(vertex)), out var list);
        edges = list?.AsEnumerable();
        return found;
    }

    private static T NotNull<T>(T value, string name) => value == null ? throw new ArgumentNullException(name) : value;

    private static T[] NoneNull<T>(IEnumerable<T> values, string name)
    {
        ArgumentNullException.ThrowIfNull(values, name);
        var array = values.ToArray();
        return array.Any(value => value == null) ? throw new ArgumentNullException(name) : array;
    }

    private bool AddEdgeBetweenKnownVertices(TEdge edge)
    {
        if (!AllowParallelEdges && ContainsEdge(edge.Source, edge.Target)) return false;

        _out[edge.Source].Add(edge);
        _in[edge.Target].Add(edge);
        EdgeCount++;
        OnEdgeAdded(edge);
        return true;
    }

    private int RemoveEdges(IEnumerable<TEdge> edges, EdgePredicate<TVertex, TEdge> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        var selected = edges.Where(edge => predicate(edge)).ToList();
        selected.ForEach(edge => RemoveEdge(edge));
        return selected.Count;
    }
}

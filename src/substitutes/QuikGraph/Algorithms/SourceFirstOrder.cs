namespace QuikGraph.Algorithms;

/// <summary>Kahn's order over a binary heap of open in-degrees; ties fall as the package's heap lets them fall.</summary>
internal sealed class SourceFirstOrder<TVertex>
{
    private readonly Dictionary<TVertex, int> _degree;
    private readonly Dictionary<TVertex, int> _position;
    private readonly TVertex[] _heap;
    private int _count;

    private SourceFirstOrder(Dictionary<TVertex, int> degree)
    {
        _degree = degree;
        _heap = new TVertex[degree.Count];
        _position = new Dictionary<TVertex, int>(degree.Count);
    }

    internal static TVertex[] Sort<TEdge>(
        IVertexAndEdgeListGraph<TVertex, TEdge> graph, Func<TVertex, IEnumerable<TEdge>> edgesFrom, Func<TEdge, TVertex> successor)
        where TEdge : IEdge<TVertex>
    {
        var degree = graph.Vertices.ToDictionary(vertex => vertex, _ => 0);
        foreach (var edge in graph.Edges)
        {
            if (EqualityComparer<TVertex>.Default.Equals(edge.Source, edge.Target)) throw new NonAcyclicGraphException();

            degree[successor(edge)]++;
        }

        var order = new SourceFirstOrder<TVertex>(degree);
        foreach (var vertex in graph.Vertices) order.Enqueue(vertex);

        var sorted = new List<TVertex>(degree.Count);
        while (order._count > 0)
        {
            var vertex = order.Dequeue();
            if (degree[vertex] != 0) throw new NonAcyclicGraphException();

            sorted.Add(vertex);
            foreach (var edge in edgesFrom(vertex))
            {
                var next = successor(edge);
                degree[next]--;
                order.SiftUp(order._position[next]);
            }
        }

        return [.. sorted];
    }

    private void Enqueue(TVertex vertex)
    {
        Put(_count, vertex);
        SiftUp(_count++);
    }

    private TVertex Dequeue()
    {
        var top = _heap[0];
        _count--;
        if (_count > 0)
        {
            Put(0, _heap[_count]);
            SiftDown(0);
        }

        _position.Remove(top);
        return top;
    }

    private void SiftUp(int index)
    {
        for (int parent = (index - 1) / 2; index > 0 && IsLess(index, parent); index = parent, parent = (index - 1) / 2)
        {
            Swap(index, parent);
        }
    }

    private void SiftDown(int index)
    {
        while (true)
        {
            int smallest = index;
            if ((2 * index) + 1 < _count && IsLess((2 * index) + 1, smallest)) smallest = (2 * index) + 1;
            if ((2 * index) + 2 < _count && IsLess((2 * index) + 2, smallest)) smallest = (2 * index) + 2;
            if (smallest == index) return;

            Swap(smallest, index);
            index = smallest;
        }
    }

    private bool IsLess(int left, int right) => _degree[_heap[left]] < _degree[_heap[right]];

    private void Swap(int left, int right)
    {
        var vertex = _heap[left];
        Put(left, _heap[right]);
        Put(right, vertex);
    }

    private void Put(int index, TVertex vertex)
    {
        _heap[index] = vertex;
        _position[vertex] = index;
    }
}

namespace QuikGraph;

public abstract class QuikGraphException : Exception
{
    protected QuikGraphException(string message, Exception innerException = null)
        : base(message, innerException)
    {
    }
}

public class VertexNotFoundException : QuikGraphException
{
    public VertexNotFoundException()
        : base("Vertex is not present in the graph.")
    {
    }

    public VertexNotFoundException(string message, Exception innerException = null)
        : base(message, innerException)
    {
    }
}

public class NonAcyclicGraphException : QuikGraphException
{
    public NonAcyclicGraphException()
        : base("The graph contains at least one cycle.")
    {
    }

    public NonAcyclicGraphException(string message, Exception innerException = null)
        : base(message, innerException)
    {
    }
}

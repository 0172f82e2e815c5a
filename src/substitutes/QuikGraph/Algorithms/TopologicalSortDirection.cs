namespace QuikGraph.Algorithms.TopologicalSort;

public enum TopologicalSortDirection
{
    Forward,
    Backward,
}

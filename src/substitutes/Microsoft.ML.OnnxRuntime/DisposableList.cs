namespace Microsoft.ML.OnnxRuntime;

public interface IDisposableReadOnlyCollection<T> : IReadOnlyCollection<T>, IReadOnlyList<T>, IDisposable
{
}

internal sealed class DisposableList<T> : List<T>, IDisposableReadOnlyCollection<T>
    where T : IDisposable
{
    internal DisposableList(int capacity)
        : base(capacity)
    {
    }

    public void Dispose()
    {
        for (int i = Count - 1; i >= 0; i--) this[i]?.Dispose();
        Clear();
    }
}

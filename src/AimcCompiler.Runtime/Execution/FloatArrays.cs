using System.Collections.Concurrent;

namespace AimcCompiler.Runtime;

/// <summary>Arrays that passed values lay in, for the next values of the same length: batches of one size need no new memory. Safe for any number of threads.</summary>
internal sealed class FloatArrays
{
    /// <summary>Lengths at most; beyond it inputs change their size all the time, and what was kept is let go.</summary>
    private const int MaximumLengths = 256;

    private readonly ConcurrentDictionary<long, ConcurrentBag<float[]>> _idle = [];

    /// <summary>An array of exactly this length with any contents.</summary>
    public float[] Rent(long length) => _idle.TryGetValue(length, out var arrays) && arrays.TryTake(out float[]? array) ? array : new float[length];

    /// <summary>Takes an array that nobody reads or writes any more.</summary>
    public void Return(float[] array)
    {
        if (_idle.Count > MaximumLengths)
        {
            _idle.Clear();
        }

        _idle.GetOrAdd(array.LongLength, static _ => []).Add(array);
    }
}

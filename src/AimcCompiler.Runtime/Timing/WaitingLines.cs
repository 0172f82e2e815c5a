namespace AimcCompiler.Runtime;

/// <summary>A line of streams that wait for one thing.</summary>
internal struct WaitingLine
{
    private int _firstPlusOne;
    private int _lastPlusOne;

    public readonly bool IsEmpty => _firstPlusOne == 0;

    public int First
    {
        readonly get => _firstPlusOne - 1;
        set => _firstPlusOne = value + 1;
    }

    public int Last
    {
        readonly get => _lastPlusOne - 1;
        set => _lastPlusOne = value + 1;
    }
}

/// <summary>Streams in lines; each is in one at most.</summary>
internal sealed class WaitingLines(int streams)
{
    private readonly int[] _next = new int[streams];

    /// <summary>Behind it; -1 = none.</summary>
    public int After(int stream) => _next[stream];

    public void Add(ref WaitingLine line, int stream)
    {
        _next[stream] = -1;
        if (line.IsEmpty)
        {
            line.First = stream;
        }
        else
        {
            _next[line.Last] = stream;
        }

        line.Last = stream;
    }

    /// <summary>Takes one out.</summary>
    /// <param name="line">The line.</param>
    /// <param name="before">Who stands before it; -1 = it is the first.</param>
    /// <param name="stream">Which.</param>
    public void Remove(ref WaitingLine line, int before, int stream)
    {
        int next = _next[stream];
        if (before < 0)
        {
            line.First = next;
        }
        else
        {
            _next[before] = next;
        }

        if (next < 0)
        {
            line.Last = before;
        }
    }

    public void Digest(StateDigest digest, in WaitingLine line)
    {
        for (int stream = line.First; stream >= 0; stream = _next[stream])
        {
            digest.Add(stream);
        }

        digest.Add(-1);
    }
}

namespace AimcCompiler.Passes;

/// <summary>Steele, Lea and Flood's generator ("Fast splittable pseudorandom number generators", OOPSLA 2014): the same numbers on every machine.</summary>
internal struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>0 .. <paramref name="end"/> - 1.</summary>
    public int Next(int end) => (int)(((Next() >> 32) * (ulong)end) >> 32);
}

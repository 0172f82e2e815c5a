namespace AimcCompiler.Passes;

/// <summary>Addresses of the buffers of a core of which some may share bytes: the largest first, each in the smallest gap that takes it, or behind all that it may not share with (best fit).</summary>
internal static class BufferLayout
{
    /// <param name="bytes">Of each buffer.</param>
    /// <param name="mayShare">Two of them are never in use at a time.</param>
    public static long[] Of(IReadOnlyList<long> bytes, Func<int, int, bool> mayShare)
    {
        long[] addresses = new long[bytes.Count];
        List<int> placed = [];
        foreach (int next in Enumerable.Range(0, bytes.Count).OrderByDescending(b => bytes[b]))
        {
            long end = 0;
            long? best = null;
            long smallest = long.MaxValue;
            foreach (int taken in placed.Where(p => !mayShare(next, p)).OrderBy(p => addresses[p]))
            {
                long gap = addresses[taken] - end;
                if (gap >= bytes[next] && gap < smallest)
                {
                    (best, smallest) = (end, gap);
                }

                end = Math.Max(end, addresses[taken] + bytes[taken]);
            }

            addresses[next] = best ?? end;
            placed.Add(next);
        }

        return addresses;
    }
}

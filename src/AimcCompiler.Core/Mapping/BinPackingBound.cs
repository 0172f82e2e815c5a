namespace AimcCompiler.Core;

/// <summary>Bins that items of whole sizes need at least: L2 of Martello and Toth ("Lower bounds and reduction procedures for the bin packing problem", Discrete Applied Mathematics 28, 1990).</summary>
public static class BinPackingBound
{
    /// <summary>For every threshold: items that leave less than it in a bin, items of more than half a bin, and what the rest above the threshold needs beyond the room that these leave.</summary>
    /// <param name="countBySize">Items of every size; sizes beyond <paramref name="capacity"/> fit no bin.</param>
    /// <param name="capacity">Size of a bin, at least 1.</param>
    /// <returns><see cref="long.MaxValue"/> = an item fits no bin.</returns>
    public static long L2(ReadOnlySpan<long> countBySize, int capacity)
    {
        for (int size = capacity + 1; size < countBySize.Length; size++)
        {
            if (countBySize[size] > 0)
            {
                return long.MaxValue;
            }
        }

        int half = capacity / 2;
        long large = 0; // more than half a bin: alone with each other
        long roomBesideLarge = 0;
        long small = 0; // sizes threshold .. half, together
        for (int size = half + 1; size <= capacity && size < countBySize.Length; size++)
        {
            large += countBySize[size];
            roomBesideLarge += countBySize[size] * (capacity - size);
        }

        for (int size = 1; size <= half && size < countBySize.Length; size++)
        {
            small += size * countBySize[size];
        }

        long best = large;
        for (int threshold = 0; threshold <= half; threshold++)
        {
            if (threshold > 0)
            {
                // What is smaller than the threshold, and the room that only such items fit in, count no more.
                small -= threshold - 1 < countBySize.Length ? (threshold - 1) * countBySize[threshold - 1] : 0;
                int left = capacity - threshold + 1;
                roomBesideLarge -= left > half && left < countBySize.Length ? countBySize[left] * (threshold - 1) : 0;
            }

            best = Math.Max(best, large + Math.Max(0, (small - roomBesideLarge + capacity - 1) / capacity));
        }

        return best;
    }
}

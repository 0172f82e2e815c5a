using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Mapping;

public sealed class BinPackingBoundTests
{
    [Theory]
    [InlineData(10, 3, 6, 6, 6)] // more than half each
    [InlineData(10, 2, 5, 5, 5)]
    [InlineData(10, 1, 5, 5)]
    [InlineData(10, 3, 7, 7, 4, 4)] // 4 fits beside no 7: the sum alone says 3 as well
    [InlineData(100, 4, 99, 99, 3, 3, 95)] // the sum alone says 3
    [InlineData(10, 3, 8, 8, 3)] // the sum alone says 2
    [InlineData(4, 0)]
    [InlineData(4, long.MaxValue, 5)]
    public void IsTheBoundOfMartelloAndToth(int capacity, long bins, params int[] sizes) => Assert.Equal(bins, L2(capacity, sizes));

    [Fact]
    public void IsNoMoreThanTheLeastNumberOfBinsNorLessThanTheSumNeeds()
    {
        Random random = new(1);
        for (int i = 0; i < 300; i++)
        {
            int capacity = random.Next(2, 12);
            int[] sizes = [.. Enumerable.Range(0, random.Next(0, 8)).Select(_ => random.Next(1, capacity + 1))];
            long bound = L2(capacity, sizes);
            Assert.InRange(bound, (sizes.Sum() + capacity - 1) / capacity, Least(capacity, sizes, []));
        }
    }

    private static long L2(int capacity, int[] sizes)
    {
        long[] counts = new long[sizes.Append(0).Max() + 1];
        foreach (int size in sizes)
        {
            counts[size]++;
        }

        return BinPackingBound.L2(counts, capacity);
    }

    /// <summary>Tries everything.</summary>
    private static int Least(int capacity, ReadOnlySpan<int> sizes, List<int> rooms)
    {
        if (sizes.IsEmpty)
        {
            return rooms.Count;
        }

        int least = int.MaxValue;
        for (int bin = 0; bin <= rooms.Count; bin++)
        {
            List<int> next = [.. rooms];
            if (bin == rooms.Count)
            {
                next.Add(capacity);
            }

            next[bin] -= sizes[0];
            if (next[bin] >= 0)
            {
                least = Math.Min(least, Least(capacity, sizes[1..], next));
            }
        }

        return least;
    }
}

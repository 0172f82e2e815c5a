using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class SegmentCutsTests
{
    /// <summary>Every set of cuts of at most ten units is tried; the cost of a segment is anything at all.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NoOtherCutsAreCheaper(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 200; round++)
        {
            int units = random.Next(1, 11);
            long capacity = random.Next(5, 30);
            long[] tiles = [.. Enumerable.Range(0, units).Select(_ => (long)random.Next(1, 8))];
            double[,] costs = new double[units, units + 1];
            for (int i = 0; i < units; i++)
            {
                for (int j = i + 1; j <= units; j++)
                {
                    costs[i, j] = random.Next(1, 100);
                }
            }

            double? Cost(int i, int j) => Fits(tiles, capacity, i, j) ? costs[i, j] : null;
            var best = SegmentCuts.Best(units, Cost);
            double? least = Exhaustive(units, Cost);
            Assert.Equal(least is null, best is null);
            if (best is { } first)
            {
                Assert.Equal(least, CostOf(first, units, Cost));
                Assert.Equal(0, first[0]);
            }
        }
    }

    /// <summary>As CIM-MLC cuts (compilers.md, section 2): each segment takes units as long as there are tiles.</summary>
    [Fact]
    public void FillingOneSegmentAfterTheOtherIsNeverCheaper()
    {
        Random random = new(7);
        int cheaper = 0;
        for (int round = 0; round < 500; round++)
        {
            int units = random.Next(2, 40);
            long[] tiles = [.. Enumerable.Range(0, units).Select(_ => (long)random.Next(1, 9))];
            double[] time = [.. Enumerable.Range(0, units).Select(_ => random.NextDouble())];
            long[] crossing = [.. Enumerable.Range(0, units + 1).Select(_ => (long)random.Next(0, 5))];
            // A pipeline is as slow as its slowest unit, what crosses a cut passes memory twice.
            double? Cost(int i, int j) => Fits(tiles, 20, i, j) ? time[i..j].Max() + (0.1 * (crossing[i] + crossing[j])) + 0.5 : null;
            double best = CostOf([.. SegmentCuts.Best(units, Cost)!], units, Cost);
            double filled = CostOf(Fill(units, Cost), units, Cost);
            Assert.True(best <= filled + 1e-9);
            cheaper += best < filled - 1e-9 ? 1 : 0;
        }

        Assert.True(cheaper > 250);
    }

    [Fact]
    public void MoreTilesNeverCostMore()
    {
        Random random = new(11);
        for (int round = 0; round < 100; round++)
        {
            int units = random.Next(1, 20);
            long[] tiles = [.. Enumerable.Range(0, units).Select(_ => (long)random.Next(1, 9))];
            double[] time = [.. Enumerable.Range(0, units).Select(_ => random.NextDouble())];
            double before = double.PositiveInfinity;
            for (long capacity = 9; capacity < 60; capacity += 3)
            {
                double? Cost(int i, int j) => Fits(tiles, capacity, i, j) ? time[i..j].Max() + 0.2 : null;
                double cost = CostOf([.. SegmentCuts.Best(units, Cost)!], units, Cost);
                Assert.True(cost <= before);
                before = cost;
            }
        }
    }

    [Fact]
    public void AUnitThatFitsNowhereHasNoCuts()
    {
        Assert.Null(SegmentCuts.Best(3, (i, j) => i <= 1 && j > 1 ? null : 1));
        Assert.Empty(SegmentCuts.Best(0, (_, _) => 1)!.Value);
    }

    [Fact]
    public void OfEquallyCheapCutsThoseWithTheFewestSegmentsAreTaken() =>
        Assert.Equal<int>([0, 2], SegmentCuts.Best(4, (i, j) => j - i <= 2 ? j - i : null)!.Value);

    private static bool Fits(long[] tiles, long capacity, int i, int j) => tiles[i..j].Sum() <= capacity;

    private static double CostOf(IReadOnlyList<int> first, int units, Func<int, int, double?> cost) =>
        first.Zip(first.Skip(1).Append(units)).Sum(s => cost(s.First, s.Second)!.Value);

    private static int[] Fill(int units, Func<int, int, double?> cost)
    {
        List<int> first = [0];
        for (int j = 1; j <= units; j++)
        {
            if (cost(first[^1], j) is null)
            {
                first.Add(j - 1);
            }
        }

        return [.. first];
    }

    private static double? Exhaustive(int units, Func<int, int, double?> cost)
    {
        double? least = null;
        for (int cuts = 0; cuts < 1 << (units - 1); cuts++)
        {
            int[] first = [0, .. Enumerable.Range(1, units - 1).Where(u => (cuts >> (u - 1) & 1) != 0)];
            double? sum = first.Zip(first.Skip(1).Append(units)).Aggregate((double?)0, (total, s) => total + cost(s.First, s.Second));
            least = sum is null || least < sum ? least : sum;
        }

        return least;
    }
}

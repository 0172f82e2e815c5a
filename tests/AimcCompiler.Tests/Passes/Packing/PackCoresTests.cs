using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Passes;

public sealed class PackCoresTests
{
    private static readonly CompileOptions s_throughput = new() { Target = MappingTarget.Throughput };
    private static readonly CompileOptions s_latency = new() { Target = MappingTarget.Latency };

    [Fact]
    public void NoCoreHasMoreTilesThanItHasNorATileTwo()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var graph = Graphs.Random(seed);
            long tiles = TileFamily.Of(graph).Sum(f => f.Tiles);
            int core = 6 + (seed % 7);
            var chip = Graphs.Chip(2, (int)(tiles * (1 + (seed % 3)) / core) + 2, core, chips: 1 + (seed % 2));
            foreach (var options in (CompileOptions[])[s_throughput, s_latency])
            {
                var mapping = Map(graph, chip, options);
                Holds(graph, chip, mapping);
            }
        }
    }

    /// <summary>Every row group of every copy once, on tiles of its core that no other has; a home for every value.</summary>
    private static void Holds(StageGraph graph, ChipCapacity chip, CoreMapping mapping)
    {
        foreach (var family in TileFamily.Of(graph))
        {
            int copies = mapping.Replication.Copies[family.Owner];
            var expected = from copy in Enumerable.Range(0, copies) from g in Enumerable.Range(0, family.Groups.Length) select (copy, g);
            Assert.Equal(expected, mapping.RowGroups.Where(g => g.Stage == family.Owner).Select(g => (g.Copy, g.Group)).Order());
        }

        Assert.All(mapping.RowGroups, g => Assert.Equal(graph.Stages[g.Stage].Matrix!.Groups[g.Group].Tiles, g.Tiles.Length));
        Assert.All(mapping.RowGroups, g => Assert.All(g.Tiles, t => Assert.Equal(g.Core, t / chip.TilesPerCore)));
        var tiles = mapping.RowGroups.SelectMany(g => g.Tiles).ToList();
        Assert.Equal(tiles.Count, tiles.Distinct().Count());
        Assert.All(mapping.RowGroups.GroupBy(g => g.Core), g => Assert.InRange(g.Sum(i => i.Tiles.Length), 1, chip.TilesOfCore[g.Key]));
        Assert.Equal(graph.Values.Length, mapping.Homes.Length);
        for (int v = 0; v < graph.Values.Length; v++)
        {
            Assert.InRange(mapping.Homes[v].Length, 1, graph.Values[v].Rows);
            Assert.All(mapping.Homes[v], c => Assert.InRange(c, graph.Values[v].Producer < 0 ? chip.Cores : 0, graph.Values[v].Producer < 0 ? chip.Cores : chip.Cores - 1));
            Assert.Equal(mapping.Homes[v].Length, mapping.Homes[v].Distinct().Count());
        }
    }

    [Fact]
    public void ADeadTileIsARoomLess()
    {
        var chip = Graphs.Chip(1, 3, 4) with { TilesOfCore = [4, 2, 0] };
        var graph = Graphs.Chain([3, 1, 2], [4, 4, 4]);
        var mapping = Map(graph, chip, s_throughput);
        Holds(graph, chip, mapping);
        Assert.Equal([0, 0, 1], mapping.RowGroups.Select(g => g.Core));
    }

    /// <summary>The largest network of the five: 8,778 of 9,216 tiles with one copy of everything, in row groups of few sizes.</summary>
    [Fact]
    public void RowGroupsOfVgg19FillAChipOf144Cores()
    {
        GraphBuilder builder = new();
        int value = builder.Input(1, 64);
        foreach (var (tiles, count) in ((int, int)[])[(32, 228), (8, 32), (4, 4 * 36 + 18), (2, 18 + 9), (1, 5 + 10)])
        {
            value = builder.Analog(value, [.. Enumerable.Repeat(tiles, count)], 1, 1);
        }

        var graph = builder.Build(value);
        var chip = Graphs.Chip(12, 12, 64, issueNs: 200);
        long needed = TileFamily.Of(graph).Sum(f => f.Tiles);
        Assert.InRange(needed, 8200, 9216);
        var mapping = Map(graph, chip, s_throughput);
        Holds(graph, chip, mapping);
    }

    [Fact]
    public void LoadsAreSpread()
    {
        // 64 vectors on 4 cores of 16 tiles: the issues decide, not the tiles.
        var graph = Graphs.Chain([1, 1], [64, 64]);
        var chip = Graphs.Chip(1, 4, 16, issueNs: 50);
        Assert.Equal(1600, AchievedNs(graph, chip, Map(graph, chip, s_throughput)));
    }

    [Fact]
    public void SmallInstancesAreWithinFivePercentOfTheOptimum()
    {
        int[] exact = new int[2];
        for (int seed = 0; seed < 500; seed++)
        {
            var graph = Graphs.Small(seed);
            int tiles = (int)TileFamily.Of(graph).Sum(f => f.Tiles);
            int cores = 1 + (seed % 3);
            int core = Math.Max(2, Math.Min(12 / cores, ((tiles + cores - 1) / cores) + (seed % 3)));
            var chip = Graphs.Chip(1, cores, core, issueNs: seed % 4 == 0 ? 90 : 30) with { PsPerThousandOperations = null, MemoryPsPerKilobyte = null };
            if (ExhaustiveMapping.Solve(graph, chip) is not { } best)
            {
                continue;
            }

            double optimum = best.BottleneckPs / 1000.0;
            double achieved = AchievedNs(graph, chip, Map(graph, chip, s_throughput));
            Assert.InRange(achieved, optimum, optimum * 1.05);
            exact[achieved == optimum ? 0 : 1]++;
        }

        Assert.InRange(exact[0], 400, 500);
    }

    [Fact]
    public void TheSameSeedGivesTheSameMapping()
    {
        var graph = Graphs.Random(12);
        var chip = Graphs.Chip(4, 4, 12);
        Assert.Equal(Map(graph, chip, s_throughput).RowGroups.Select(g => (g.Core, g.Tiles[0])), Map(graph, chip, s_throughput).RowGroups.Select(g => (g.Core, g.Tiles[0])));
    }

    [Fact]
    public void ElementwiseStagesStayWithTheirInput()
    {
        var graph = Graphs.Residual();
        var mapping = Map(graph, Graphs.Chip(2, 2, 16), s_throughput);
        Assert.Equal(mapping.Homes[1].ToArray(), mapping.Homes[2].ToArray()); // convolution and its activation
        Assert.Equal(mapping.Homes[3].ToArray(), mapping.Homes[4].ToArray()); // convolution and the addition
    }

    [Fact]
    public void MuchDigitalWorkHasSeveralHomes()
    {
        GraphBuilder builder = new();
        int product = builder.Analog(builder.Input(32, 8), [1], 32, 1);
        var graph = builder.Build(builder.Digital(32, 10_000, (product, RowWindow.SameRow)));

        // 100 ps an operation: 1 us a row, ten times what a vector takes.
        var homes = Map(graph, Graphs.Chip(4, 4, 4) with { LinkPsPerKilobyte = null }, s_throughput).Homes[2];
        Assert.InRange(homes.Length, 4, 16);
        Assert.Single(Map(graph, Graphs.Chip(4, 4, 4) with { LinkPsPerKilobyte = null }, new CompileOptions()).Homes[2]);
    }

    [Fact]
    public void TrafficIsCounted()
    {
        // Input 16 rows of 16 bytes at the port (4), a product of one copy on core 0 with its result there, a whole-image product on core 1.
        var graph = Graphs.Chain([4, 4], [16, 1]);
        var chip = Graphs.Chip(1, 2, 4, issueNs: null);
        var mapping = Map(graph, chip, new CompileOptions()) with { Homes = [[2], [0], [1]] };
        int first = mapping.RowGroups[0].Core;
        int second = mapping.RowGroups[1].Core;
        Assert.Equal((0, 1), (Math.Min(first, second), Math.Max(first, second)));
        mapping = mapping with { Homes = [[2], [first], [second]] };
        Assert.Equal(
            new CoreTraffic[] { new(first, second, 16 * 8), new(second, 2, 8), new(2, first, 16 * 16) }.OrderBy(t => (t.From, t.To)).ToArray(),
            PackCores.TrafficOf(graph, mapping, [2]).ToArray());
    }

    internal static CoreMapping Map(StageGraph graph, ChipCapacity chip, CompileOptions options) =>
        PackCores.Run(graph, ReplicateLayers.Run(graph, chip, options), chip, options);

    /// <summary>The busiest core's issues, the busiest tile.</summary>
    internal static double AchievedNs(StageGraph graph, ChipCapacity chip, CoreMapping mapping)
    {
        Dictionary<int, double> loads = [];
        double busiest = 0;
        foreach (var group in mapping.RowGroups)
        {
            var family = TileFamily.Of(graph).Single(f => f.Owner == group.Stage);
            int copies = mapping.Replication.Copies[group.Stage];
            long vectors = (family.Vectors / copies) + (group.Copy < family.Vectors % copies ? 1 : 0);
            loads[group.Core] = loads.GetValueOrDefault(group.Core) + (vectors * family.Groups[group.Group].Rounds * (chip.IssuePs ?? 0) / 1000.0);
            busiest = Math.Max(busiest, vectors * family.IntervalPs!.Value / 1000.0);
        }

        return Math.Max(busiest, loads.Values.Max());
    }
}

using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Passes;

public sealed class ReplicateLayersTests
{
    private static readonly CompileOptions s_throughput = new() { Target = MappingTarget.Throughput };
    private static readonly CompileOptions s_latency = new() { Target = MappingTarget.Latency };

    [Fact]
    public void OneCopyIsTheDefault()
    {
        var replication = ReplicateLayers.Run(Graphs.Residual(), Graphs.Chip(4, 4, 16), new CompileOptions());
        Assert.Equal([1, 0, 1, 0, 1], replication.Copies.ToArray());
        Assert.Equal(16 * 16 * 100, replication.IntervalNs);
    }

    [Fact]
    public void CopiesGoWhereVectorsAre()
    {
        // 1, 2, 3 tiles and 100, 50, 10 vectors of 100 ns: 12 tiles give 6, 2 and ... copies so that the slowest takes 17 vectors.
        var replication = ReplicateLayers.Run(Graphs.Chain([1, 2, 3], [100, 50, 10]), Graphs.Chip(1, 3, 5, issueNs: null), s_throughput);
        Assert.Equal([6, 3, 1], replication.Copies.ToArray());
        Assert.Equal(1700, replication.IntervalNs);
        Assert.Null(replication.StoppedBy);
    }

    [Fact]
    public void NoSmallerIntervalFits()
    {
        int compared = 0;
        for (int seed = 0; seed < 1000; seed++)
        {
            var graph = Graphs.Random(seed);
            var families = TileFamily.Of(graph);
            int core = families.SelectMany(f => f.Groups).Max(g => g.Tiles) + (seed % 5);
            int cores = (int)((families.Sum(f => f.Tiles) * (1 + (seed % 4)) / core) + 1);
            var chip = Graphs.Chip(1, cores, core, issueNs: null) with { PsPerThousandOperations = null, MemoryPsPerKilobyte = null };
            if (!Fits(families, chip, long.MaxValue))
            {
                continue;
            }

            var replication = ReplicateLayers.Run(graph, chip, s_throughput);
            long interval = (long)(replication.IntervalNs!.Value * 1000);
            Assert.True(Fits(families, chip, interval), $"{seed}: {interval} ps do not fit");
            Assert.False(Fits(families, chip, interval - 1), $"{seed}: {interval - 1} ps would fit");
            Assert.Equal(interval, families.Max(f => (f.Vectors + replication.Copies[f.Owner] - 1) / replication.Copies[f.Owner] * f.IntervalPs));
            Assert.Null(replication.StoppedBy);
            compared++;
        }

        Assert.InRange(compared, 800, 1000);
    }

    /// <summary>The definition, by trying copies one after the other.</summary>
    private static bool Fits(IReadOnlyList<TileFamily> families, ChipCapacity chip, long periodPs)
    {
        List<int> sizes = [];
        foreach (var family in families)
        {
            int copies = 1;
            while ((family.Vectors + copies - 1) / copies * family.IntervalPs > periodPs)
            {
                if (++copies > family.Vectors)
                {
                    return false;
                }
            }

            sizes.AddRange(Enumerable.Range(0, copies).SelectMany(_ => family.Groups.Select(g => g.Tiles)));
        }

        long[] counts = new long[sizes.Max() + 1];
        sizes.ForEach(s => counts[s]++);
        return sizes.Sum() <= chip.Tiles && BinPackingBound.L2(counts, chip.TilesOfCore[0]) <= chip.Cores;
    }

    [Fact]
    public void CopiesThatAnotherBoundMakesUselessAreNotMade()
    {
        var graph = Graphs.Chain([1, 1], [64, 64]);
        var chip = Graphs.Chip(1, 4, 16, issueNs: 50);
        var replication = ReplicateLayers.Run(graph, chip, s_throughput);

        // 128 issues of 50 ns on 4 cores are 1600 ns: 16 vectors of 100 ns, hence 4 copies each, although 64 tiles are there.
        Assert.Equal("work", replication.StoppedBy);
        Assert.Equal(1600, replication.IntervalNs);
        Assert.All(replication.Copies, c => Assert.Equal(4, c));
    }

    [Fact]
    public void MemoryAndVectorUnitsStopCopiesToo()
    {
        var graph = Graphs.Chain([1], [64]); // 64 rows of 16 bytes in, of 8 out; 64 x 8 operations
        var chip = Graphs.Chip(1, 1, 64, issueNs: null);
        Assert.Equal("memory", ReplicateLayers.Run(graph, chip with { MemoryPsPerKilobyte = 1_000_000, PsPerThousandOperations = null }, s_throughput).StoppedBy);
        Assert.Equal("digital", ReplicateLayers.Run(graph, chip with { MemoryPsPerKilobyte = null, PsPerThousandOperations = 2_000_000 }, s_throughput).StoppedBy);
    }

    [Fact]
    public void RecurrencesHaveOneCopy()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Analog(builder.Input(20, 8), [1], 20, 1, isSerial: true));
        foreach (var options in (CompileOptions[])[s_throughput, s_latency])
        {
            var replication = ReplicateLayers.Run(graph, Graphs.Chip(2, 2, 8, issueNs: null), options);
            Assert.Equal([1], replication.Copies.ToArray());
            Assert.Equal(20 * 120, replication.IntervalNs);
        }

        Assert.Equal("serial", ReplicateLayers.Run(graph, Graphs.Chip(2, 2, 8, issueNs: null), s_throughput).StoppedBy);
    }

    [Fact]
    public void LayersOnTheSameTilesAreCopiedTogether()
    {
        GraphBuilder builder = new();
        int first = builder.Analog(builder.Input(10, 8), [2], 10, 1);
        var graph = builder.Build(builder.Analog(first, [2], 10, 1, sharesTilesOf: 0));
        var replication = ReplicateLayers.Run(graph, Graphs.Chip(1, 1, 9, issueNs: null) with { PsPerThousandOperations = null }, s_throughput);
        Assert.Equal([4, 4], replication.Copies.ToArray());
        Assert.Equal(500, replication.IntervalNs); // 20 vectors, 5 a copy
    }

    [Fact]
    public void AChipWithoutEndTakesCopiesUpToAnotherBound()
    {
        var chip = Graphs.Chip(1, 1, 1, issueNs: null) with { TilesOfCore = [] };
        var graph = Graphs.Chain([1], [64]);
        Assert.Equal([1], ReplicateLayers.Run(graph, chip with { PsPerThousandOperations = null, MemoryPsPerKilobyte = null }, s_throughput).Copies.ToArray());
        var stopped = ReplicateLayers.Run(graph, chip with { PsPerThousandOperations = 2_000_000, MemoryPsPerKilobyte = null }, s_throughput);
        Assert.Equal([7], stopped.Copies.ToArray()); // 1024 ns for 512 operations: 10 vectors of 100 ns
        Assert.Equal("digital", stopped.StoppedBy);
    }

    [Fact]
    public void UnknownTimesGiveCopiesByVectors()
    {
        GraphBuilder builder = new();
        int first = builder.Analog(builder.Input(30, 8), [1], 30, 1, intervalNs: null);
        var graph = builder.Build(builder.Analog(first, [1], 10, 1, window: RowWindow.OfKernel(3, 0, 3), intervalNs: null));
        var replication = ReplicateLayers.Run(graph, Graphs.Chip(1, 1, 4), s_throughput);
        Assert.Equal([3, 1], replication.Copies.ToArray());
        Assert.Null(replication.IntervalNs);
    }

    [Fact]
    public void TheLatencyTargetIsNoSlowerThanTheThroughputTarget()
    {
        int faster = 0;
        for (int seed = 0; seed < 100; seed++)
        {
            var graph = Graphs.Random(seed);
            var families = TileFamily.Of(graph);
            var chip = Graphs.Chip(4, 4, (int)Math.Max(6, families.Sum(f => f.Tiles) * (1 + (seed % 4)) / 16 * 2), issueNs: 20);
            long latency = PipelineEstimate.Latency(graph, chip, ReplicateLayers.Run(graph, chip, s_latency).Copies);
            long throughput = PipelineEstimate.Latency(graph, chip, ReplicateLayers.Run(graph, chip, s_throughput).Copies);
            long one = PipelineEstimate.Latency(graph, chip, ReplicateLayers.Run(graph, chip, new CompileOptions()).Copies);
            Assert.InRange(latency, 1, throughput);
            Assert.InRange(throughput, 1, one);
            faster += latency < throughput ? 1 : 0;
        }

        Assert.InRange(faster, 10, 100);
    }

    [Fact]
    public void TilesOfLatencyCopiesShortenSomething()
    {
        // A product that waits for all of the image before it cannot use more than one copy: it has one vector.
        var replication = ReplicateLayers.Run(Graphs.Residual(), Graphs.Chip(4, 4, 16, issueNs: null), s_latency);
        Assert.Equal(1, replication.Copies[4]);
        Assert.InRange(replication.Copies[0], 2, 256);
    }

    /// <summary>A model that has no layer on tiles is mapped for every target, on chips with and without an end.</summary>
    [Theory]
    [InlineData(MappingTarget.Tiles)]
    [InlineData(MappingTarget.Throughput)]
    [InlineData(MappingTarget.Latency)]
    public void NothingOnTilesHasNoCopies(MappingTarget target)
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Digital(4, 8, (builder.Input(4, 8), RowWindow.SameRow)));
        Assert.Equal(0, Assert.Single(ReplicateLayers.Run(graph, Graphs.Chip(2, 2, 4), new CompileOptions { Target = target }).Copies));
    }

    [Theory]
    [InlineData(0.1 + 0.2, 0.3, 0)]
    [InlineData(0.3, 0.1 + 0.2, 0)]
    [InlineData(2, 3, 0.5)]
    [InlineData(4, 3, -0.25)]
    public void RoundingIsNoGap(double bound, double achieved, double gap) => Assert.Equal(gap, new LowerBound("work", bound, achieved, "s", "interval", "").Gap);
}

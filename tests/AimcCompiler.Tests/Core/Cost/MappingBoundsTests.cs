using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class MappingBoundsTests
{
    /// <summary>conv of 12 vectors and 1 tile, conv of 3 vectors and 2 tiles, on 8 tiles: four copies and one take 3 MVMs each; to take 2 needs six copies and two, 10 tiles.</summary>
    [Fact]
    public void TheBottleneckIsTheLeastIntervalThatFits()
    {
        var graph = Graphs.Chain([1, 2], [12, 3]);
        Assert.Equal(300, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 8)));
        Assert.Equal(600, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 4)));
        Assert.Equal(1200, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 3)));
        Assert.Null(MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 2)));
    }

    /// <summary>A picosecond less never fits, by trying all copies.</summary>
    [Fact]
    public void BisectionIsExact()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var graph = Graphs.Small(seed);
            var chip = Graphs.Chip(1, 1, 12);
            Assert.Equal(LeastBusy(TileFamily.Of(graph), [], 12), MappingBounds.BottleneckPs(graph, chip));
        }
    }

    /// <summary>Row groups of 3 tiles on cores of 4 do not share a core, although the tiles would do.</summary>
    [Fact]
    public void RowGroupsAreNotDividedBetweenCores()
    {
        var graph = Graphs.Chain([3], [12]);
        Assert.Equal(300, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 12)));
        Assert.Equal(400, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 3, 4)));
        Assert.Null(MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 6, 2)));
    }

    [Fact]
    public void WithoutTimesThereIsNoInterval()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Analog(builder.Input(4, 8), [1], 4, 1, intervalNs: null));
        Assert.Null(MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 4)));
        Assert.Null(MappingBounds.LatencyNs(graph, Graphs.Chip(1, 1, 4)));
    }

    [Fact]
    public void UnlimitedTilesHaveACopyForEveryVector()
    {
        var chip = Graphs.Chip(1, 1, 1) with { TilesOfCore = [], TilesPerCore = 0 };
        Assert.Equal(100, MappingBounds.BottleneckNs(Graphs.Chain([5, 7], [12, 3]), chip));
        Assert.Null(MappingBounds.Segments(Graphs.Chain([5, 7], [12, 3]), chip));
    }

    [Fact]
    public void ARecurrenceHasOneCopyAndWaitsForEveryMvm()
    {
        GraphBuilder builder = new();
        var graph = builder.Build(builder.Analog(builder.Input(10, 8), [1], 10, 1, isSerial: true));
        Assert.Equal(1200, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 8)));
        Assert.Equal(1200, MappingBounds.LatencyNs(graph, Graphs.Chip(1, 1, 8)));
    }

    [Fact]
    public void LayersOnTheSameTilesWorkInTurn()
    {
        GraphBuilder builder = new();
        int first = builder.Analog(builder.Input(6, 8), [2], 6, 1);
        var graph = builder.Build(builder.Analog(first, [2], 6, 1, sharesTilesOf: 0));
        Assert.Equal(2, MappingBounds.Tiles(graph));
        Assert.Equal(600, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 4)));
        Assert.Equal(1200, MappingBounds.BottleneckNs(graph, Graphs.Chip(1, 1, 2)));
    }

    [Fact]
    public void WorkIsSpreadOverAllCores()
    {
        var graph = Graphs.Residual(); // two layers of 256 vectors on two row groups, one of 1 on three
        Assert.Equal(1027 / 4 * 20 + 20, MappingBounds.WorkNs(graph, Graphs.Chip(2, 2, 4)));
        Assert.Null(MappingBounds.WorkNs(graph, Graphs.Chip(2, 2, 4, issueNs: null)));
    }

    /// <summary>A tenth of a nanosecond an operation: finishing 8 columns of 2 x 256 + 1 vectors, adding them once in the first two and twice in the last, 64 operations in each of 2 x 16 rows.</summary>
    [Fact]
    public void DigitalWorkHasTheAdditionsOfPartialSums() =>
        Assert.Equal(((8 * 513) + (8 * 512) + 16 + (64 * 32)) * 0.1 / 4, MappingBounds.DigitalNs(Graphs.Residual(), Graphs.Chip(2, 2, 4))!.Value, 9);

    /// <summary>16 rows of 64 bytes in, one of 8 out, 62.5 GB/s.</summary>
    [Fact]
    public void MemoryMovesInputsAndOutputsOnceAndWhatIsSpilledTwice()
    {
        Assert.Equal(1032 * 0.016, MappingBounds.MemoryNs(Graphs.Residual(), Graphs.Chip(2, 2, 4), 0)!.Value, 9);
        Assert.Equal(1132 * 0.016, MappingBounds.MemoryNs(Graphs.Residual(), Graphs.Chip(2, 2, 4), 50)!.Value, 9);
        Assert.Equal(1032 * 0.016 / 2, MappingBounds.MemoryNs(Graphs.Residual(), Graphs.Chip(2, 2, 4, chips: 2), 0)!.Value, 9);
    }

    /// <summary>4 rows of 2 vectors, then a product of all of them, on tiles for 3 more copies of either: 8 vectors on 4 copies, 2 rounds, 20 ns of pipeline; then 120 ns.</summary>
    [Fact]
    public void TheLatencyIsThePathThroughTheBestCopiesOfEachLayerAlone()
    {
        GraphBuilder builder = new();
        int rows = builder.Analog(builder.Input(4, 8), [1], 4, 2);
        var graph = builder.Build(builder.Analog(rows, [1], 1, 1, window: RowWindow.Whole(4)));
        Assert.Equal(200 + 20 + 120, MappingBounds.LatencyNs(graph, Graphs.Chip(1, 1, 5)));
        Assert.Equal(800 + 20 + 120, MappingBounds.LatencyNs(graph, Graphs.Chip(1, 1, 2)));
    }

    /// <summary>Around two convolutions of three rows the addition waits with row y for row y + 2 of the image.</summary>
    [Fact]
    public void RowsWaitWhileALongerWayIsTaken()
    {
        // The convolutions' windows have 3 rows and end with row y + 2.
        var graph = Graphs.Residual();
        long image = MappingBounds.BufferBytes(graph, overlaps: false);
        Assert.True(image >= 5 * 64, $"{image}");
        Assert.True(MappingBounds.BufferBytes(graph, overlaps: true) >= image);
        var chain = Graphs.Chain([1, 1], [4, 4]);
        Assert.Equal(16 + 8, MappingBounds.BufferBytes(chain, overlaps: true));
        Assert.Equal(16, MappingBounds.BufferBytes(chain, overlaps: false));
    }

    [Theory]
    [InlineData(12, 1)]
    [InlineData(11, 2)]
    [InlineData(4, 3)]
    public void SegmentsAreTilesOverTiles(int tiles, long segments) =>
        Assert.Equal(segments, MappingBounds.Segments(Graphs.Chain([5, 7], [12, 3]), Graphs.Chip(1, 1, tiles)));

    [Theory]
    [InlineData(1, "4x4", "4x4", "4x4", "4x4")]
    [InlineData(2, "8x8", "1x1")]
    [InlineData(3, "8x8", "5x5", "5x5")] // no two side by side nor on top of each other
    [InlineData(2, "3x5", "3x5", "3x5")] // wide ones: two on top of each other
    [InlineData(2, "5x3", "5x3", "5x3")]
    [InlineData(1, "8x3", "8x5")]
    [InlineData(2, "8x5", "8x5")]
    public void SharedTilesHoldWhatFitsTheirRowsAndColumns(long tiles, params string[] blocks) =>
        Assert.Equal(tiles, MappingBounds.SharedTiles([.. blocks.Select(b => (b[0] - '0', b[2] - '0'))], 8, 8));

    /// <summary>On 500 small networks and chips: no bound is above the best of all mappings.</summary>
    [Fact]
    public void NoBoundIsAboveTheBestMapping()
    {
        int exact = 0;
        int fitting = 0;
        for (int seed = 0; seed < 500; seed++)
        {
            Random random = new(seed);
            int cores = random.Next(1, 4);
            var chip = Graphs.Chip(1, cores, random.Next(2, 1 + (12 / cores)), issueNs: random.Next(2) == 0 ? 20 : 60);
            var graph = Graphs.Small(seed);
            double? bottleneck = MappingBounds.BottleneckNs(graph, chip);
            if (ExhaustiveMapping.Solve(graph, chip) is not { } best)
            {
                continue;
            }

            fitting++;
            double bound = Math.Max(bottleneck!.Value, MappingBounds.WorkNs(graph, chip)!.Value);
            Assert.InRange(bound, 1, best.BottleneckPs / 1000.0);
            exact += bound == best.BottleneckPs / 1000.0 ? 1 : 0;
        }

        Assert.InRange(fitting, 300, 500);
        Assert.InRange(exact, fitting / 4, fitting);
    }

    /// <summary>By trying all copies.</summary>
    private static long? LeastBusy(ImmutableArray<TileFamily> families, ImmutableArray<long> copies, long tiles)
    {
        long used = families[..copies.Length].Select((f, i) => f.Tiles * copies[i]).Sum();
        if (used > tiles)
        {
            return null;
        }

        return copies.Length == families.Length
            ? families.Select((f, i) => f.BusyPs(copies[i])).Max()
            : Enumerable.Range(1, (int)Math.Min(12, families[copies.Length].Vectors)).Min(c => LeastBusy(families, copies.Add(c), tiles));
    }
}

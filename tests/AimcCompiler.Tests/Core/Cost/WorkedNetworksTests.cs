using AimcCompiler.Core;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Core.Cost;

/// <summary>ResNet-18 as stages, one after the other: tiles and times that were worked out by hand, through the bounds. Only tiles take time.</summary>
public sealed class WorkedNetworksTests
{
    [Theory]
    [InlineData("hermes", 201, 1667.6e3)]
    [InlineData("hermes in 4 phases", 201, 1e9 / 153.0)]
    [InlineData("isaac", 5724, 1e9 / 49.8)]
    public void WithTilesForOneCopyTheSlowestLayerBoundsTheInterval(string name, int tiles, double intervalNs)
    {
        ChipDescription chip = Named(name);
        StageGraph graph = Stages(chip, coreTiles: 4608);
        Assert.Equal(tiles, MappingBounds.Tiles(graph));
        ChipCapacity one = Graphs.Chip(1, 1, tiles, issueNs: null);
        double bound = MappingBounds.BottleneckNs(graph, one)!.Value;
        Assert.InRange(bound, intervalNs * 0.98, intervalNs * 1.02);
        Assert.Equal(TileFamily.Of(graph).Max(f => f.BusyPs(1)) / 1000.0, bound);
        Assert.Equal(1, MappingBounds.Segments(graph, one));
        Assert.Equal(2, MappingBounds.Segments(graph, Graphs.Chip(1, 1, tiles - 1, issueNs: null)));
    }

    /// <summary>Layers one after the other take 30,234 MVMs on HERMES.</summary>
    [Fact]
    public void OneLayerAfterTheOtherTakesAllMvms()
    {
        long serialPs = TileFamily.Of(Stages(Named("hermes"), coreTiles: 1)).Sum(f => f.BusyPs(1));
        Assert.InRange(serialPs, 4019e6 * 0.98, 4019e6 * 1.02);
    }

    /// <summary>Four chips of 64 tiles hold 55 tiles more than one copy of all: sixteen copies of the first layer and four of each of the next four take 51.</summary>
    [Fact]
    public void TilesThatAreLeftShortenTheInterval()
    {
        StageGraph graph = Stages(Named("hermes"), coreTiles: 1);
        Assert.Equal(784 * 132.94, MappingBounds.BottleneckNs(graph, Graphs.Chip(8, 8, 1, issueNs: null, chips: 4))!.Value, 1e-6);
        Assert.Null(MappingBounds.BottleneckNs(graph, Graphs.Chip(8, 8, 1, issueNs: null, chips: 3)));
    }

    private static ChipDescription Named(string name) => name.EndsWith("phases", StringComparison.Ordinal)
        ? ChipReader.Read("hermes", ["tile.timing.cycle_ns=521.03", "tile.energy.mvm_nj=52.852"])
        : ChipReader.Read(name);

    /// <summary>Row blocks of a layer are row groups; on cores of few tiles their column blocks are cut apart.</summary>
    private static StageGraph Stages(ChipDescription chip, int coreTiles)
    {
        MvmTiming timing = MvmTiming.Of(chip.Tile, unsignedCodes: false);
        GraphBuilder graph = new();
        int value = graph.Input(1, 150_528);
        foreach (LayerWork work in ResNet18.On(chip.Tile))
        {
            int[] groups = [.. Enumerable.Repeat(work.ColumnTiles, work.RowTiles).SelectMany(t => Enumerable.Repeat(coreTiles, t / coreTiles).Append(t % coreTiles).Where(n => n > 0))];
            value = graph.Analog(value, groups, 1, (int)work.MvmsPerInference, window: RowWindow.Whole(1), intervalNs: timing.InitiationIntervalNs, latencyNs: timing.LatencyNs!.Value);
        }

        return graph.Build(value);
    }
}

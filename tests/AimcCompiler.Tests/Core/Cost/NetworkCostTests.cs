using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

/// <summary>Against numbers that others published or that were worked out independently.</summary>
public sealed class NetworkCostTests
{
    private const double OnePerMille = 1e-3;

    [Fact]
    public void ResNet18HasItsMacsAndWeights()
    {
        Assert.Equal(1_814_073_344, ResNet18.Shapes.Sum(s => s.Rows * s.Columns * s.Mvms));
        Assert.Equal(11_678_912, ResNet18.Shapes.Sum(s => s.Rows * s.Columns));
    }

    [Fact]
    public void ResNet18OnHermesTakes201TilesAndRuns600ImagesASecond()
    {
        ChipDescription chip = ChipReader.Read("hermes");
        NetworkCost cost = NetworkCost.Of(chip, ResNet18.On(chip.Tile));
        Assert.Equal(201, cost.Tiles);
        Assert.Equal(77_820, cost.TileMvms);
        Assert.Equal(1_814_073_344, cost.Macs);
        Near(0.8866, cost.Utilization);
        Near(599.7, cost.InferencesPerSecond);
        Near(1667.6e3, cost.BottleneckNs);
        Near(4019e3, cost.SerialLatencyNs);
        Near(1045e6, cost.Energy!.TilesPj);
        Near(3.47, cost.TilesTopsPerWatt);
    }

    [Fact]
    public void ResNet18OnHermesIn4PhasesIsFourTimesSlower()
    {
        ChipDescription chip = ChipReader.Read("hermes", ["tile.timing.cycle_ns=521.03", "tile.energy.mvm_nj=52.852"]);
        NetworkCost cost = NetworkCost.Of(chip, ResNet18.On(chip.Tile));
        Near(153.0, cost.InferencesPerSecond);
        Near(4113e6, cost.Energy!.TilesPj);
        Assert.Equal(0.88, cost.TilesTopsPerWatt!.Value, 2);
    }

    [Fact]
    public void ResNet18OnIsaacTakes5724TilesAndRuns50ImagesASecond()
    {
        ChipDescription chip = ChipReader.Read("isaac");
        NetworkCost cost = NetworkCost.Of(chip, ResNet18.On(chip.Tile));
        Assert.Equal(5724, cost.Tiles);
        Assert.Equal(959_868, cost.TileMvms);
        Near(0.9963, cost.Utilization);
        Near(49.8, cost.InferencesPerSecond);
        Assert.InRange(cost.Energy!.TilesPj!.Value, 0.975 * 4623e6, 4623e6); // 4623 uJ charges unused rows and columns too
    }

    [Fact]
    public void AFullIsaacTileTakesAnEighthOfAnImasPublishedPower()
    {
        ChipDescription chip = ChipReader.Read("isaac");
        LayerCost cost = LayerCost.Of(chip.Tile, LayerWork.Dense("full", 128, 16, 1, chip.Tile));
        Assert.Equal(1, cost.Tiles);
        Near(24.08 / 8 * 1600, cost.MvmEnergy.TilesPj);
        Near(959_868 * 24.08 / 8 * 1600, 959_868 * cost.MvmEnergy.TilesPj);
    }

    [Fact]
    public void UnknownConstantsGiveNullAndNotZero()
    {
        ChipDescription chip = ChipReader.Read("aihwkit-default");
        NetworkCost cost = NetworkCost.Of(chip, ResNet18.On(chip.Tile));
        Assert.True(cost.Tiles > 0);
        Assert.Null(cost.InferencesPerSecond);
        Assert.Null(cost.SerialLatencyNs);
        Assert.Null(cost.PipelinedLatencyNs);
        Assert.Null(cost.Energy!.TilesPj);
        Assert.Null(cost.Tops);
        Assert.Null(cost.TopsPerWatt);
        Assert.Null(ChipPeak.Of(chip).Tops);
    }

    [Fact]
    public void OneUnknownPartLeavesTheOthersKnown()
    {
        ChipDescription chip = ChipReader.Read("isaac", ["tile.energy.shift_add_pj=null"]);
        TileEnergy energy = NetworkCost.Of(chip, ResNet18.On(chip.Tile)).Energy!;
        Assert.NotNull(energy.AdcPj);
        Assert.Null(energy.ShiftAddPj);
        Assert.Null(energy.TilesPj);
    }

    [Fact]
    public void ANetworkWithoutLayersCostsNothingKnown()
    {
        NetworkCost cost = NetworkCost.Of(ChipReader.Read("isaac"), []);
        Assert.Equal(0, cost.Tiles);
        Assert.Null(cost.Energy);
        Assert.Null(cost.InferencesPerSecond);
        Assert.Null(cost.Utilization);
    }

    [Fact]
    public void CopiesShareTheMvmsAndTakeTheirTiles()
    {
        ChipDescription chip = ChipReader.Read("hermes");
        LayerWork work = LayerWork.Dense("conv", 256, 256, 10, chip.Tile, copies: 3);
        LayerCost cost = LayerCost.Of(chip, work);
        Assert.Equal(3, cost.Tiles);
        Assert.Equal(10, cost.TileMvms);
        Near(4 * 132.94, cost.TimeNs); // ceil(10 / 3)
        Near(10 * 13430, cost.Energy.TilesPj);
    }

    [Fact]
    public void APipelineWaitsForEachWindowAndThenForTheSlowestLayer()
    {
        ChipDescription chip = ChipReader.Read("hermes", ["tile.timing.cycle_ns=100", "tile.timing.stages=3"]);
        LayerWork first = LayerWork.Dense("first", 9, 8, 64, chip.Tile, copies: 2);
        LayerWork second = LayerWork.Dense("second", 72, 8, 36, chip.Tile) with { FillMvms = (2 * 8) + 3 };
        NetworkCost cost = NetworkCost.Of(chip, [first, second]);
        Near((32 + 36) * 100, cost.SerialLatencyNs);
        Near((10 * 100) + 200 + 3600, cost.PipelinedLatencyNs); // 19 MVMs on 2 copies, 2 stages more, 36 MVMs
    }

    private static void Near(double expected, double? actual) =>
        Assert.InRange(actual!.Value, expected * (1 - OnePerMille), expected * (1 + OnePerMille));
}

using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class LayerCostTests
{
    [Fact]
    public void CountsOfAFullTileFollowTheTitaniumLaw()
    {
        ChipDescription chip = ChipReader.Read("isaac", ["tile.weights.bits=8", "tile.input.bits=8"]);
        LayerCost cost = LayerCost.Of(chip.Tile, LayerWork.Dense("full", 128, 32, 1, chip.Tile));
        Assert.Equal(0.25, (double)cost.ConversionsPerMvm / cost.Work.Macs);
    }

    [Fact]
    public void CountsOfASplitMatrix()
    {
        // 300 x 40 on 128 x 128 with 8 slices: 3 x 3 tiles, 16 pulses.
        ChipDescription chip = ChipReader.Read("isaac");
        LayerCost cost = LayerCost.Of(chip.Tile, LayerWork.Dense("split", 300, 40, 7, chip.Tile));
        Assert.Equal(9, cost.Tiles);
        Assert.Equal(63, cost.TileMvms);
        Assert.Equal(300 * 320 / (9.0 * 128 * 128), cost.Utilization, 12);
        Assert.Equal(3 * 300 * 16, cost.DacEventsPerMvm);
        Assert.Equal(3 * 320 * 16, cost.ConversionsPerMvm);
        Assert.Equal(300 * 320 * 16, cost.CellReadsPerMvm);
        Assert.Equal(2 * 40, cost.PartialSumAddsPerMvm);
        Assert.Equal(300 * 40 * 7, cost.Work.Macs);
    }

    [Theory]
    [InlineData("columns", "in_array", 12)]
    [InlineData("columns", "after_conversion", 24)]
    [InlineData("cell", "in_array", 12)]
    [InlineData("cell", "after_conversion", 24)]
    [InlineData("rows", "in_array", 12)]
    [InlineData("rows", "after_conversion", 24)]
    public void APairIsConvertedOnceOrEachPolarity(string axis, string subtract, long expected)
    {
        // 2 columns of 2 slices, 3 pulses.
        ChipDescription chip = ChipReader.Read("tiny", [$"tile.encoding.pair_axis={axis}", $"tile.encoding.subtract={subtract}"]);
        LayerCost cost = LayerCost.Of(chip.Tile, LayerWork.Dense("pair", 4, 2, 1, chip.Tile));
        Assert.Equal(expected, cost.ConversionsPerMvm);
    }

    [Fact]
    public void AnalogAccumulationConvertsOnce()
    {
        ChipDescription chip = ChipReader.Read("tiny", ["tile.adc.input_slices=accumulated"]);
        Assert.Equal(4, LayerCost.Of(chip.Tile, LayerWork.Dense("once", 4, 2, 1, chip.Tile)).ConversionsPerMvm);
    }

    [Fact]
    public void EnergyIsTheSumOfItsParts()
    {
        // 4 rows, 2 columns of 4 cells, 3 pulses: 12 DAC events, 96 cell reads, 12 conversions.
        ChipDescription chip = ChipReader.Read("tiny", ["tile.energy.static_mw=0.5"]);
        TileEnergy energy = LayerCost.Of(chip, LayerWork.Dense("parts", 4, 2, 1, chip.Tile)).MvmEnergy;
        Assert.Equal(12 * 0.4, energy.DacPj!.Value, 12);
        Assert.Equal(96 * 1.8e-3, energy.CellsPj!.Value, 12);
        Assert.Equal(12 * 1.2, energy.AdcPj!.Value, 12);
        Assert.Equal(12 * 0.02, energy.ShiftAddPj!.Value, 12);
        Assert.Equal(0.5 * 300, energy.StaticPj!.Value, 12);
        Assert.Equal(((4 * 4) + (2 * 11)) * 0.08, energy.BufferPj!.Value, 12); // a sum of 8 products of 4 x 4 bits: 11 bits
        Assert.Equal(energy.TilesPj!.Value + energy.BufferPj.Value, energy.TotalPj!.Value, 12);
    }

    [Fact]
    public void UnsignedCodesTakeAPulseMore()
    {
        ChipDescription chip = ChipReader.Read("tiny");
        LayerWork work = LayerWork.Dense("relu", 4, 2, 1, chip.Tile);
        Assert.Equal(3, LayerCost.Of(chip.Tile, work).Timing.Pulses);
        Assert.Equal(4, LayerCost.Of(chip.Tile, work with { UnsignedCodes = true }).Timing.Pulses);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(128)]
    [InlineData(129)]
    [InlineData(1280)]
    public void RowsTakeAsManyTilesAsTheyNeed(long rows)
    {
        ChipDescription chip = ChipReader.Read("isaac");
        Assert.Equal((rows + 127) / 128, LayerWork.Dense("rows", rows, 1, 1, chip.Tile).RowTiles);
    }
}

using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class AdcEnergyTests
{
    [Theory]
    [InlineData("measured", 1.2)]
    [InlineData("table", 1.20)]
    [InlineData("sar", 0.48931776)] // (600 + 4.096) x 0.81 fJ
    public void ASourceGivesTheEnergyOfAConversion(string source, double pj)
    {
        string[] settings = source == "measured" ? [] : [$"tile.energy.adc_source={source}", "tile.energy.adc_pj=null"];
        var chip = ChipReader.Read("tiny", settings);
        Assert.Equal(pj, AdcEnergy.Of(chip)!.Value, 1e-6);
        LayerCost cost = LayerCost.Of(chip, LayerWork.Dense("layer", 4, 2, 1, chip.Tile));
        Assert.Equal(12 * pj, cost.MvmEnergy.AdcPj!.Value, 1e-5);
    }

    /// <summary>8 columns in 100 ns are 80 MS/s.</summary>
    [Fact]
    public void TheSurveyTakesTheRateOfOneAdc()
    {
        var chip = ChipReader.Read("tiny", ["tile.energy.adc_source=survey", "tile.energy.adc_pj=null"]);
        Assert.Equal(AdcSurvey.EnergyPj(6, 80e6, 32), AdcEnergy.Of(chip)!.Value, 12);
        Assert.Equal(12 * AdcSurvey.EnergyPj(6, 80e6, 32), LayerCost.Of(chip, LayerWork.Dense("layer", 4, 2, 1, chip.Tile)).MvmEnergy.AdcPj!.Value, 9);
    }

    /// <summary>zigzag: 8 bits at 0.9 V.</summary>
    [Fact]
    public void ZigzagsConverterTakes701Femtojoules() => Assert.Equal(0.7011, AdcEnergy.SarPj(8, 0.9), 4);

    [Fact]
    public void TheTableIsIsaacsAtItsOwnBits() => Assert.Equal((1.67, 1200.0), (AdcEnergy.TablePj(8), AdcEnergy.TableUm2(8)));
}

namespace AimcCompiler.Core;

/// <summary>Energy of a conversion where a chip names a model in place of a measured value.</summary>
public static class AdcEnergy
{
    private const int LeastTableBits = 4;

    /// <summary>Supply of zigzag's model at 28 nm.</summary>
    private const double SarVolts = 0.9;

    /// <summary>ISAAC's SAR scaled to 4 .. 10 bits at 32 nm (Accelergy component library, isaac_*.csv).</summary>
    private static readonly double[] s_tablePj = [0.79, 0.99, 1.20, 1.42, 1.67, 1.97, 2.38];

    private static readonly double[] s_tableUm2 = [361, 477, 627, 845, 1200, 1828, 3002];

    /// <summary>Bits of the ADCs that a source knows.</summary>
    public static (int Least, int Most) BitsOf(AdcEnergySource source) => source switch
    {
        AdcEnergySource.Survey => (4, 20),
        AdcEnergySource.Table => (LeastTableBits, LeastTableBits + s_tablePj.Length - 1),
        _ => (1, ChipValidator.MaximumAdcBits),
    };

    /// <summary>Of a conversion by the table.</summary>
    /// <param name="bits">4 .. 10.</param>
    public static double TablePj(int bits) => s_tablePj[bits - LeastTableBits];

    /// <param name="bits">4 .. 10.</param>
    public static double TableUm2(int bits) => s_tableUm2[bits - LeastTableBits];

    /// <summary>Of a conversion by zigzag's validated SAR model at 28 nm, which has the accumulation of charge in it: (100 B + 0.001 4^B) Vdd^2 fJ.</summary>
    public static double SarPj(int bits, double supplyVolts) => ((100 * bits) + (0.001 * Math.Pow(4, bits))) * supplyVolts * supplyVolts * 1e-3;

    /// <summary>What a conversion of the chip takes; null = not known.</summary>
    public static double? Of(ChipDescription chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        EnergyDescription energy = chip.Tile.Energy;
        return energy.AdcSource switch
        {
            AdcEnergySource.Measured => energy.AdcPj,
            AdcEnergySource.Survey => AdcSurvey.EnergyPj(chip.Tile.Adc.Bits!.Value, RateOf(chip.Tile), chip.TechnologyNm!.Value),
            AdcEnergySource.Table => TablePj(chip.Tile.Adc.Bits!.Value),
            _ => SarPj(chip.Tile.Adc.Bits!.Value, SarVolts),
        };
    }

    /// <summary>The chip's tile with the energy of a conversion as a number.</summary>
    internal static TileDescription Resolve(ChipDescription chip) => chip.Tile.Energy.AdcSource == AdcEnergySource.Measured
        ? chip.Tile
        : chip.Tile with { Energy = chip.Tile.Energy with { AdcSource = AdcEnergySource.Measured, AdcPj = Of(chip) } };

    /// <summary>Samples a second of one ADC: its columns once a cycle.</summary>
    private static double RateOf(TileDescription tile) => tile.Adc.ColumnsPerAdc / (tile.Timing.CycleNs!.Value * 1e-9);
}

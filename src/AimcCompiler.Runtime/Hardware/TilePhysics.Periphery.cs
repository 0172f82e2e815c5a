using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Drivers, circuits and converters beyond a plain rounding. What is off leaves no trace.</summary>
internal sealed partial class TilePhysics
{
    /// <summary>A column's open-circuit voltage is sensed: sums are in pulses, of which a column can never have more than one at full scale.</summary>
    public bool SensesVoltage { get; }

    /// <summary>Converter levels are this + an integer: 1/2 for a mid-rise ADC, else 0.</summary>
    public float LevelShift { get; }

    /// <summary>Standard deviation of a driven row's noise, in codes.</summary>
    public float InputSigma => Tile.Input.Noise is > 0 and var sigma ? (float)(sigma * Input.MaxPulse) : 0;

    /// <summary>What is left of a negative pulse.</summary>
    public float NegativePulse => Tile.Input.Asymmetry is { } asymmetry ? (float)(1 - asymmetry) : 1;

    public bool HasDriverErrors => Input.Bits is not null && Any(Tile.Input.Errors);

    /// <summary>Rows are driven with something else than their pulse.</summary>
    public bool HasDrivers => InputSigma > 0 || Tile.Input.Asymmetry is > 0 || HasDriverErrors;

    /// <summary>A pulse of 0 is driven too: as a level among others. Without pulse height there is nothing to drive.</summary>
    public bool DrivesZeros => Tile.Input.Scheme == InputScheme.MultiLevel;

    /// <summary>A row's voltage is its code, so that a bent I-V curve needs a product for each power of it; else every driven cell sees the read voltage.</summary>
    public bool DrivesAmplitudes => Tile.Input.Scheme == InputScheme.MultiLevel || Input.MaxPulse > 1 && Tile.Input.Scheme == InputScheme.BitSerial;

    public IvDescription? Iv => Tile.Cell.Iv is { Kind: IvKind.Cubic, CubicPerV2: not > 0 } ? null : Tile.Cell.Iv;

    public WeightNoise? WeightNoise => Tile.Noise.Weight is { Sigma: > 0 } noise ? noise : null;

    /// <summary>One full-scale cell at a full-scale pulse.</summary>
    public float PulseCell => (float)Weights.MaxLevel * Input.MaxPulse;

    /// <summary>Offset, reference and series resistance of a column's current.</summary>
    public bool HasCurrentErrors => Tile.Output is { VoltageOffset: > 0 } or { SeriesResistance: > 0 };

    public bool HasNonlinearity => Tile.Output is { Nonlinearity: > 0 };

    /// <summary>What is left of a negative output.</summary>
    public float NegativeOutput => Tile.Output?.Asymmetry is { } asymmetry ? (float)(1 - asymmetry) : 1;

    public bool HasAdcCurves => HasAdc && (Any(Tile.Adc.Errors) || Tile.Adc.Structure is not null);

    /// <summary>Inputs are rounded by draws.</summary>
    public bool RoundsInputsByDraws => Tile.Input.Rounding == ConverterRounding.Stochastic && Input.Bits is not null;

    /// <summary>Conversions are rounded by draws.</summary>
    public bool RoundsByDraws => HasAdc && Tile.Adc.Rounding == ConverterRounding.Stochastic;

    /// <summary>The array's sums are not those of contents and pulses.</summary>
    public bool HasArrayErrors => HasCurrentErrors || WeightNoise is not null;

    /// <summary>A conversion is more than output noise, rounding and clipping.</summary>
    public bool HasConversionErrors => SensesVoltage || HasNonlinearity || Tile.Output?.Asymmetry is > 0 || HasAdcCurves || RoundsByDraws || LevelShift != 0;

    /// <summary>Whether anything of this file is on.</summary>
    public bool HasPeriphery => HasDrivers || Iv is not null || HasArrayErrors || HasConversionErrors;

    private bool ConvertsByDraws => RoundsInputsByDraws || (Tile.Adc.Bits is not null && Tile.Adc.Rounding == ConverterRounding.Stochastic);

    /// <summary>Noise of a conversion: output noise and the ADC's own, which are independent and share a draw.</summary>
    public float NoiseSigma(float lsb) => HasAdc && Tile.Adc.ThermalNoiseLsb is > 0 and var thermal
        ? (float)Math.Sqrt(((double)OutputSigma * OutputSigma) + (thermal * lsb * thermal * lsb))
        : OutputSigma;

    private static bool Any(ConverterErrors? errors) =>
        errors is { OffsetLsb: > 0 } or { GainLsb: > 0 } or { InlLsb: > 0 } or { DnlLsb: > 0 };
}

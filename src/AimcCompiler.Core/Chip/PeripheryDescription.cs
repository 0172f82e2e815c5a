namespace AimcCompiler.Core;

/// <summary>Which levels a converter of b bits has where its quantity is signed; unsigned quantities have the codes 0 .. 2^b - 1 either way.</summary>
public enum ConverterCodes
{
    /// <summary>2^b - 1 levels with zero among them (CrossSim's SignMagnitude, aihwkit).</summary>
    MidTread,

    /// <summary>2^b levels at odd multiples of half an LSB, none of them zero (CrossSim's Quantizer).</summary>
    MidRise,
}

public enum ConverterRounding
{
    HalfEven,

    /// <summary>Up with the probability of the fraction: unbiased, with a draw for each conversion.</summary>
    Stochastic,
}

/// <summary>Static errors of a converter: standard deviations in LSB over the converters of a chip; null = none.</summary>
public sealed record ConverterErrors
{
    /// <summary>Shift of all levels.</summary>
    public required double? OffsetLsb { get; init; }

    /// <summary>Deviation at full scale, proportional below.</summary>
    public required double? GainLsb { get; init; }

    /// <summary>Integral non-linearity: each of a parabolic and a cubic bow, at its peak.</summary>
    public required double? InlLsb { get; init; }

    /// <summary>Differential non-linearity: the width of each code; the deviations add up to zero over the range.</summary>
    public required double? DnlLsb { get; init; }
}

public enum AdcStructureKind
{
    Ramp,
    Sar,
    Pipeline,
    Cyclic,
    Cco,
}

/// <summary>How the capacitors of a converter's DAC add up to a level.</summary>
public enum CapacitorLadder
{
    /// <summary>C_n = 2^n.</summary>
    Binary,

    /// <summary>The ladder counts from mid-scale to both sides, so that small sums meet small capacitors.</summary>
    Symmetric,

    /// <summary>Two half ladders, joined by a bridge capacitor.</summary>
    Split,
}

/// <summary>The circuit of an ADC, whose mismatches make its code edges (Spear et al., IEEE JXCDC 2023); drawn for each ADC and instance. What a kind
/// does not have is null.</summary>
public sealed record AdcStructure
{
    public required AdcStructureKind Kind { get; init; }

    /// <summary>Of ramp and sar.</summary>
    public required CapacitorLadder? Ladder { get; init; }

    /// <summary>Mismatch of a unit capacitor as a fraction; a capacitor of n units has sqrt(n) times it.</summary>
    public required double? CapacitorSigma { get; init; }

    /// <summary>Offset of a comparator as a fraction of the reference, which is half of the range.</summary>
    public required double? ComparatorSigma { get; init; }

    /// <summary>Open-loop gain of the amplifier; null = infinite.</summary>
    public required double? GainDb { get; init; }

    /// <summary>Of cco: by which fraction an oscillator's frequency falls short at full scale.</summary>
    public required double? Compression { get; init; }
}

/// <summary>The circuits between a column and its ADC, aihwkit's (simulators.md 2.4). y is in units of one full-scale cell at full-scale input.</summary>
public sealed record OutputDescription
{
    /// <summary>y / (1 + |n y|), where n reaches this at the full scale of the ADC (one full-scale cell where the ADC is lossless).</summary>
    public required double? Nonlinearity { get; init; }

    /// <summary>Relative standard deviation of n over columns.</summary>
    public required double? NonlinearitySpread { get; init; }

    /// <summary>Negative outputs are (1 - this) of what they should be.</summary>
    public required double? Asymmetry { get; init; }

    /// <summary>Standard deviation over columns of the voltage offset v, as a fraction of the read voltage.</summary>
    public required double? VoltageOffset { get; init; }

    /// <summary>Weight of the reference column's cells, whose voltage is off by -v; null = no reference column.</summary>
    public required double? ReferenceWeight { get; init; }

    /// <summary>r in y / (1 + r |y|).</summary>
    public required double? SeriesResistance { get; init; }

    /// <summary>Largest r |y|; null = any.</summary>
    public required double? SeriesMaximum { get; init; }
}

public enum WeightNoiseKind
{
    /// <summary>sigma = s |x|, the length of the input vector.</summary>
    AdditiveConstant,

    /// <summary>sigma = s sqrt(sum of |w| x^2).</summary>
    PcmRead,
}

/// <summary>Read noise of the cells of a column as seen at its output, drawn once a pulse (aihwkit's w_noise).</summary>
public sealed record WeightNoise
{
    public required WeightNoiseKind Kind { get; init; }

    /// <summary>s, for weights and inputs of full scale 1.</summary>
    public required double Sigma { get; init; }
}

public enum IvKind
{
    /// <summary>I = G (V - c V^3), c = <see cref="IvDescription.CubicPerV2"/> (CrossSim's CubicDevice has 0.25 for a full-scale V of 1).</summary>
    Cubic,

    /// <summary>I = G V + NL2 V^2 + NL3 V^3, polynomials of log10 G (Milo et al., IRPS 2021), 50 to 225 uS, up to 0.5 V.</summary>
    Milo,
}

/// <summary>The current of a cell where it is not proportional to the voltage.</summary>
public sealed record IvDescription
{
    public required IvKind Kind { get; init; }

    /// <summary>c of <see cref="IvKind.Cubic"/>, in 1/V^2.</summary>
    public required double? CubicPerV2 { get; init; }
}

public enum Sensing
{
    /// <summary>A column's current at a virtual ground: sum of G V.</summary>
    Current,

    /// <summary>A column's open-circuit voltage: sum of G V over the sum of G (Wan et al., Nature 2022). The digital side multiplies by the sum that was
    /// programmed for.</summary>
    Voltage,
}

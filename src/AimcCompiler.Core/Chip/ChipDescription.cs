namespace AimcCompiler.Core;

/// <summary>What is physical: a chip of identical cores of identical tiles. One JSON file, units in the field names, every field
/// explicit, <c>null</c> = the chip has no such thing. See docs/chips.md.</summary>
public sealed record ChipDescription
{
    /// <summary>Version of this schema; 1.</summary>
    public required int Schema { get; init; }

    public required string Name { get; init; }

    public required string Description { get; init; }

    public required string? Citation { get; init; }

    public required double? TechnologyNm { get; init; }

    public required double? ClockMhz { get; init; }

    /// <summary>Cores on the chip; null = as many tiles as the model needs (a probe, not a product).</summary>
    public required MeshDescription? Mesh { get; init; }

    public required CoreDescription Core { get; init; }

    public required TileDescription Tile { get; init; }

    public required NocDescription? Noc { get; init; }

    public required OffChipDescription? OffChip { get; init; }

    /// <summary>The board that several of these chips stand on; null = chips reach each other over <see cref="OffChip"/>.</summary>
    public required BoardDescription? Board { get; init; }

    /// <summary>Field path -> where its number comes from. A source that begins with "[M]" is from memory and warns on use.</summary>
    public required IReadOnlyDictionary<string, string> Sources { get; init; }

    /// <summary>Tiles of one chip; null = unlimited.</summary>
    public long? TilesPerChip => Mesh is null ? null : (long)Mesh.Rows * Mesh.Columns * Core.Tiles;
}

/// <summary>The grid of cores that the NoC connects.</summary>
public sealed record MeshDescription
{
    public required int Rows { get; init; }

    public required int Columns { get; init; }
}

/// <summary>Tiles that share a buffer, a digital unit and a NoC port.</summary>
public sealed record CoreDescription
{
    public required int Tiles { get; init; }

    public required double? BufferKib { get; init; }

    /// <summary>Buffer energy per bit read or written.</summary>
    public required double? BufferPjPerBit { get; init; }

    /// <summary>Rate at which the buffer is read and written, all together; null = never a limit.</summary>
    public required double? BufferGbPerS { get; init; }

    /// <summary>Least time between two MVMs that one core begins, however many tiles each drives; null = tiles are the only limit.</summary>
    public required double? MvmIssueNs { get; init; }

    /// <summary>Tiles of a core whose ADCs may convert at a time, where tiles share them; null = every tile has its own.</summary>
    public required int? ConvertingTiles { get; init; }

    /// <summary>Buffer, digital unit and control, without tiles and router.</summary>
    public required double? AreaMm2 { get; init; }

    /// <summary>Power of the same, working or not; what an access or an operation takes comes on top.</summary>
    public required double? StaticMw { get; init; }

    public required DigitalUnitDescription Digital { get; init; }
}

/// <summary>The vector unit of a core: elementwise work, pooling, normalization, softmax. What is not published is null.</summary>
public sealed record DigitalUnitDescription
{
    public required int? Lanes { get; init; }

    public required double? NsPerOp { get; init; }

    public required double? PjPerOp { get; init; }
}

/// <summary>One crossbar with its converters: the unit of analog MVM.</summary>
public sealed record TileDescription
{
    /// <summary>Physical word lines (inputs).</summary>
    public required int Rows { get; init; }

    /// <summary>Physical bit lines (outputs); a unit column comes on top.</summary>
    public required int Columns { get; init; }

    /// <summary>The crossbar with its converters.</summary>
    public required double? AreaUm2 { get; init; }

    public required CellDescription Cell { get; init; }

    public required EncodingDescription Encoding { get; init; }

    public required WeightsDescription Weights { get; init; }

    public required InputDescription Input { get; init; }

    /// <summary>What of a column is sensed.</summary>
    public required Sensing Sensing { get; init; }

    /// <summary>Circuits between column and ADC; null = a straight wire.</summary>
    public required OutputDescription? Output { get; init; }

    public required AdcDescription Adc { get; init; }

    public required NoiseDescription Noise { get; init; }

    /// <summary>Digital drift compensation; null = none.</summary>
    public required DriftCompensation? DriftCompensation { get; init; }

    public required TimingDescription Timing { get; init; }

    public required EnergyDescription Energy { get; init; }
}

/// <summary>global: one factor per block of weights on a tile, the ratio of the mean magnitudes of its read-out of the identity, through its own converters, now and right after programming
/// (aihwkit GlobalDriftCompensation; hardware.md 4.11).</summary>
public enum DriftCompensation
{
    Global,
}

public sealed record CellDescription
{
    public required DeviceDescription Device { get; init; }

    /// <summary>log2 of the levels of a cell; null = an analog cell.</summary>
    public required int? Bits { get; init; }

    public required double GMinUs { get; init; }

    public required double GMaxUs { get; init; }

    public required double ReadVoltageV { get; init; }

    /// <summary>What each of several pairs (or single devices) of an analog cell counts, least first: the first is filled first. Null = one.</summary>
    public required IReadOnlyList<double>? Significance { get; init; }

    /// <summary>How a cell is written; null = one pulse, of which no account is kept.</summary>
    public required ProgrammingDescription? Programming { get; init; }

    /// <summary>Spread of conductance from device to device and from chip to chip; null = none.</summary>
    public required VariationDescription? Variation { get; init; }

    /// <summary>How conductance follows <see cref="NoiseDescription.TemperatureK"/>; null = not at all.</summary>
    public required TemperatureDescription? Temperature { get; init; }

    /// <summary>Non-linearity of a cell's current; null = proportional to the voltage.</summary>
    public required IvDescription? Iv { get; init; }
}

public enum SignEncoding
{
    DifferentialOneSided,
    DifferentialTwoSided,
    OffsetDigital,
    OffsetUnitColumn,

    /// <summary>A differential pair holds the distance from the center of its column; the digital side adds center times the sum of inputs (RAELLA's Center+Offset; Andrulis et al.,
    /// ISCA 2023).</summary>
    CenterOffset,
}

public enum Subtraction
{
    /// <summary>Positive minus negative as currents: one conversion.</summary>
    InArray,

    /// <summary>Each polarity is converted, the codes are subtracted.</summary>
    AfterConversion,
}

public enum PairAxis
{
    /// <summary>Both devices sit in the unit cell: no extra row or column.</summary>
    Cell,
    Columns,
    Rows,
}

public sealed record EncodingDescription
{
    public required SignEncoding Sign { get; init; }

    public required Subtraction Subtract { get; init; }

    public required PairAxis PairAxis { get; init; }

    /// <summary>A column of cells at level 1 beside the array that measures the sum of the inputs.</summary>
    public required bool UnitColumn { get; init; }

    /// <summary>Store the complement of a physical column whose sum exceeds half of full scale.</summary>
    public required bool Flip { get; init; }
}

public enum Slicing
{
    Unsigned,
    TwosComplement,
    SignedDigits,
    None,
}

public enum WeightScale
{
    Column,
    Matrix,
}

public sealed record WeightsDescription
{
    /// <summary>Bits of a weight code, sign included; null = analog weights.</summary>
    public required int? Bits { get; init; }

    public required Slicing Slicing { get; init; }

    public required WeightScale Scale { get; init; }
}

public enum InputScheme
{
    Pwm,
    BitSerial,
    MultiLevel,
}

public enum InputSign
{
    Unsigned,
    TwosComplement,
    SignMagnitude,
    TwoPhase,
}

public enum InputManagement
{
    /// <summary>Inputs go in as they are (scale 1).</summary>
    None,

    /// <summary>The layer's static scale.</summary>
    Constant,

    /// <summary>Each vector is scaled by its largest magnitude.</summary>
    AbsMax,
}

public sealed record InputDescription
{
    /// <summary>DAC bits, sign included; null = lossless.</summary>
    public required int? Bits { get; init; }

    public required InputScheme Scheme { get; init; }

    /// <summary>Bits a bit-serial pulse carries.</summary>
    public required int PulseBits { get; init; }

    public required InputSign Sign { get; init; }

    /// <summary>Use unsigned codes (0 .. 2^b - 1) where the compiler proved the activation non-negative.</summary>
    public required bool UnsignedWhenNonNegative { get; init; }

    /// <summary>A pulse that is zero for every driven row takes no time; null = no.</summary>
    public required bool? SkipsZeroPulses { get; init; }

    /// <summary>The chip can scale each vector by its own largest magnitude.</summary>
    public required bool DynamicScale { get; init; }

    public required InputManagement Management { get; init; }

    /// <summary>Iterative bound management: halve the input while an output clips; null = none.</summary>
    public required BoundManagement? BoundManagement { get; init; }

    public required ConverterCodes Codes { get; init; }

    public required ConverterRounding Rounding { get; init; }

    /// <summary>Standard deviation of the noise of a driven row at each pulse, in units of a full-scale pulse; null = none.</summary>
    public required double? Noise { get; init; }

    /// <summary>Negative pulses are (1 - this) of what they should be; null = symmetric.</summary>
    public required double? Asymmetry { get; init; }

    /// <summary>Static errors of a row's driver; null = none.</summary>
    public required ConverterErrors? Errors { get; init; }
}

/// <summary>aihwkit's ITERATIVE bound management, per vector: the input is divided by r = 1, 2, 4, ... until no output clips, or int(r)
/// &gt; max_factor, or r &gt; max_resolution / (input step).</summary>
public sealed record BoundManagement
{
    public required double MaxFactor { get; init; }

    public required double MaxResolution { get; init; }
}

public enum AdcRange
{
    /// <summary>Full scale = all rows at full input and full conductance.</summary>
    Max,

    /// <summary>One LSB = one unit cell at unit input.</summary>
    Granular,

    /// <summary>Full scale = what calibration data reach in this layer.</summary>
    Calibrated,

    /// <summary>Full scale = <see cref="AdcDescription.Bound"/>.</summary>
    Fixed,
}

public enum InputSliceConversion
{
    /// <summary>A conversion for each pulse.</summary>
    Each,

    /// <summary>Pulses are added in the analog domain, then converted once.</summary>
    Accumulated,
}

public sealed record AdcDescription
{
    /// <summary>ADC bits, sign included where the converted quantity has one; null = lossless.</summary>
    public required int? Bits { get; init; }

    public required AdcRange Range { get; init; }

    /// <summary>Full scale of a fixed range, in units of one full-scale cell at full-scale input; null for the other ranges.</summary>
    public required double? Bound { get; init; }

    public required int ColumnsPerAdc { get; init; }

    public required InputSliceConversion InputSlices { get; init; }

    public required ConverterCodes Codes { get; init; }

    public required ConverterRounding Rounding { get; init; }

    /// <summary>Standard deviation of the ADC's own noise at each conversion, in LSB; null = none.</summary>
    public required double? ThermalNoiseLsb { get; init; }

    /// <summary>Static errors, one draw an ADC; null = none.</summary>
    public required ConverterErrors? Errors { get; init; }

    /// <summary>The circuit and its mismatches; null = not modeled.</summary>
    public required AdcStructure? Structure { get; init; }
}

public sealed record NoiseDescription
{
    /// <summary>Standard deviation of output noise before the ADC, in units of one full-scale cell at full-scale input; null =
    /// none.</summary>
    public required double? Output { get; init; }

    /// <summary>Instantaneous read noise of a device per MVM, as a fraction of g_max; independent of the device model's own, which it
    /// adds to in quadrature. Null = only the device model's own, if any.</summary>
    public required double? Read { get; init; }

    /// <summary>Read noise referred to the output; null = none.</summary>
    public required WeightNoise? Weight { get; init; }

    /// <summary>Voltage that is lost along word lines and bit lines; null = wires do not resist.</summary>
    public required IrDropDescription? IrDrop { get; init; }

    /// <summary>Stuck devices and dead lines; null = none.</summary>
    public required FaultDescription? Faults { get; init; }

    public required double TemperatureK { get; init; }
}

public sealed record TimingDescription
{
    /// <summary>One pulse through crossbar and ADC (bit-serial), or the whole MVM (PWM, multi-level); null = not known.</summary>
    public required double? CycleNs { get; init; }

    /// <summary>Pipeline stages of a tile; latency = (pulses + stages - 1) cycles.</summary>
    public required int Stages { get; init; }

    /// <summary>Least time from one MVM of a tile to the next; null = pulses x cycle.</summary>
    public required double? InitiationIntervalNs { get; init; }
}

/// <summary>Where the energy of a conversion comes from.</summary>
public enum AdcEnergySource
{
    /// <summary><see cref="EnergyDescription.AdcPj"/> as it stands.</summary>
    Measured,

    /// <summary><see cref="AdcSurvey"/> at the ADC's bits and rate and the chip's technology.</summary>
    Survey,

    /// <summary>The scaled SAR converters of ISAAC at 32 nm, 4 to 10 bits.</summary>
    Table,

    /// <summary>The SAR converter of zigzag's validated model at 28 nm.</summary>
    Sar,
}

public sealed record EnergyDescription
{
    /// <summary>Energy of a whole-tile MVM as published, in place of the component model; null = components.</summary>
    public required double? MvmNj { get; init; }

    /// <summary>Per driven row and pulse.</summary>
    public required double? DacPj { get; init; }

    /// <summary>Where the energy of a conversion comes from; anything but a measured value leaves <see cref="AdcPj"/> null.</summary>
    public required AdcEnergySource AdcSource { get; init; }

    /// <summary>Per conversion.</summary>
    public required double? AdcPj { get; init; }

    public required double? CellFjPerCycle { get; init; }

    public required double? ShiftAddPj { get; init; }

    /// <summary>Static power of a tile.</summary>
    public required double? StaticMw { get; init; }
}

/// <summary>How cores are connected.</summary>
public enum NocKind
{
    /// <summary>A grid; every message has its own minimal path, or tree, fixed by the compiler.</summary>
    Mesh,

    /// <summary>One medium, one message at a time.</summary>
    Bus,

    /// <summary>A tree of which cores are the leaves, four below every router.</summary>
    HTree,
}

public sealed record NocDescription
{
    public required NocKind Topology { get; init; }

    public required int FlitBits { get; init; }

    public required double NsPerHop { get; init; }

    public required double? PjPerBitHop { get; init; }

    /// <summary>Of one link, each way, or of the bus; null = flits x clock, and where there is no clock links take no time.</summary>
    public required double? GbPerS { get; init; }

    /// <summary>Routers copy a message to several outputs; null = no, the sender sends one for each receiver.</summary>
    public required bool? Multicast { get; init; }

    /// <summary>Of one router with its links; a core has one.</summary>
    public required double? RouterAreaMm2 { get; init; }

    /// <summary>Of one router, working or not.</summary>
    public required double? RouterStaticMw { get; init; }
}

public sealed record OffChipDescription
{
    public required double GbPerS { get; init; }

    public required double? PjPerBit { get; init; }

    /// <summary>Places at the edge of the mesh where off-chip memory is reached, evenly spread from core 0 on, at most all of them; each has its share of the rate. Null = 1.</summary>
    public required int? Ports { get; init; }

    public required double? LatencyNs { get; init; }

    public required double? AreaMm2 { get; init; }

    public required double? StaticMw { get; init; }
}

/// <summary>Chips on a board, each with one link to a switch in their middle: a message leaves one chip's link and enters another's.</summary>
public sealed record BoardDescription
{
    /// <summary>Of one chip's link, each way.</summary>
    public required double? GbPerS { get; init; }

    /// <summary>From port to port.</summary>
    public required double? LatencyNs { get; init; }

    public required double? PjPerBit { get; init; }
}

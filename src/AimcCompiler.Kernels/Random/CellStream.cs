namespace AimcCompiler.Kernels;

/// <summary>What a draw is for: draws for different purposes are independent.</summary>
public enum DrawPurpose
{
    /// <summary>Programming error of a device.</summary>
    Programming = 1,

    /// <summary>Drift exponent of a device.</summary>
    Drift,

    /// <summary>1/f read noise of a device, accumulated up to an evaluation time.</summary>
    ReadAccumulated,

    /// <summary>Read noise of a device in one MVM.</summary>
    ReadInstantaneous,

    /// <summary>Noise of an output before its ADC.</summary>
    Output,

    /// <summary>The one normal a device of a table model keeps.</summary>
    Table,

    /// <summary>Inputs that stand in for data.</summary>
    Input = 9,

    /// <summary>A programming pulse after the first.</summary>
    RepeatedPulse = 16,

    /// <summary>Whether, and at what, a physical device is stuck.</summary>
    Stuck = 17,

    /// <summary>How far a physical device's conductance is from the others'.</summary>
    DeviceVariation = 18,

    /// <summary>How far a chip's conductances are from other chips'.</summary>
    ChipVariation = 19,

    /// <summary>Whether a physical row is dead.</summary>
    DeadRow = 20,

    /// <summary>Whether a physical column is dead.</summary>
    DeadColumn = 21,

    /// <summary>Whether a tile is dead.</summary>
    DeadTile = 22,

    /// <summary>Whether a programming pulse leaves the wrong state.</summary>
    WriteError = 23,

    /// <summary>Stochastic rounding of an input.</summary>
    InputRounding = 28,

    /// <summary>Noise of a driven row.</summary>
    InputNoise = 29,

    /// <summary>Static errors of a row's driver.</summary>
    RowDriver = 30,

    /// <summary>Static errors of an ADC.</summary>
    AdcErrors = 31,

    /// <summary>Mismatches of the circuit of an ADC.</summary>
    AdcStructure = 32,

    /// <summary>Stochastic rounding of a conversion.</summary>
    AdcRounding = 33,

    /// <summary>The circuit between a column and its ADC.</summary>
    OutputCircuit = 34,

    /// <summary>Read noise of cells, referred to an output.</summary>
    WeightNoise = 35,

    /// <summary>The sum of the read noise of a column's devices in one MVM.</summary>
    ReadOfColumn = 40,
}

/// <summary>Which devices of a layer a run of draws belongs to (semantics.md, Randomness): everything but weight row and
/// column.</summary>
/// <remarks>Layer is below 2^20, Slice below 64, Pair below 16, Polarity 0 (positive) or 1 (negative), Copy below 65536. IsUnitColumn:
/// the cells beside the array that measure the sum of the inputs.</remarks>
public readonly record struct CellStream(
    ulong Seed, int Instance, int Layer, int Slice, int Pair, int Polarity, int Copy, bool IsUnitColumn = false);

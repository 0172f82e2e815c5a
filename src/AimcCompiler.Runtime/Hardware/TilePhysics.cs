using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>The numbers of one layer's tiles that do not change from MVM to MVM. Column sums are in units of one cell level (analog cells: full
/// scale) at one input step (lossless inputs: full scale).</summary>
internal sealed partial class TilePhysics
{
    /// <summary>Beyond it the engines' column sums, floats, are not exact integers: a lossless conversion has only the integer product.</summary>
    public const long LargestExactSum = 1 << 24;

    public TilePhysics(MappedProgram program, MappedLayer layer, DeviceModel device, bool exactConversions = false)
    {
        Tile = program.Chip.Tile;
        Layer = layer;
        Device = device;
        Cells = new CellEffects(Tile, device);
        TilesOfAChip = program.Chip.Mesh is { } mesh ? (int)Math.Min(int.MaxValue, (long)mesh.Rows * mesh.Columns * program.Chip.Core.Tiles) : int.MaxValue;
        Weights = WeightEncoding.Of(Tile);
        Input = InputEncoding.Of(Tile.Input, layer.InputIsNonNegative);
        IsAccumulated = Tile.Adc.InputSlices == InputSliceConversion.Accumulated;
        SubtractsInArray = Weights.IsDifferential && Tile.Encoding.Subtract == Subtraction.InArray;
        int pulseFullScale = IsAccumulated ? Input.MaxCode : Input.MaxPulse;
        SensesVoltage = Tile.Sensing == Sensing.Voltage;
        FullScale = SensesVoltage ? pulseFullScale : (float)Weights.MaxLevel * pulseFullScale;
        OutputSigma = Tile.Noise.Output is > 0 and var sigma ? (float)(sigma * FullScale) : 0;
        if (exactConversions || Tile.Adc.Bits is not { } bits)
        {
            return;
        }

        HasAdc = true;
        IsSigned = SubtractsInArray || Input.HasSignedPulses || (IsAccumulated && !Input.IsUnsigned);
        LevelShift = IsSigned && Tile.Adc.Codes == ConverterCodes.MidRise ? 0.5f : 0;
        AdcMax = IsSigned ? (1 << (bits - 1)) - 1 + LevelShift : (1 << bits) - 1;
        int rows = SensesVoltage ? 1 : new TileGeometry(Tile).LogicalRows;
        Lsbs = [.. Enumerable.Range(0, Weights.Slices).Select(slice => Tile.Adc.Range switch
        {
            AdcRange.Granular => 1f,
            AdcRange.Max => rows * FullScale / AdcMax,
            AdcRange.Fixed => (float)(Tile.Adc.Bound!.Value * FullScale / AdcMax),
            AdcRange.Calibrated => layer.AdcRanges[slice] * FullScale / AdcMax,
            _ => throw new System.Diagnostics.UnreachableException(),
        })];
        UnitLsb = Tile.Adc.Range == AdcRange.Granular ? 1 : (float)rows * pulseFullScale / AdcMax;
    }

    public TileDescription Tile { get; }

    public MappedLayer Layer { get; }

    public DeviceModel Device { get; }

    /// <summary>What happens to cells besides what the device model says.</summary>
    public CellEffects Cells { get; }

    public int TilesOfAChip { get; }

    public WeightEncoding Weights { get; }

    public InputEncoding Input { get; }

    /// <summary>Pulses are added as charge and converted once.</summary>
    public bool IsAccumulated { get; }

    public bool SubtractsInArray { get; }

    /// <summary>One full-scale cell at full-scale input.</summary>
    public float FullScale { get; }

    /// <summary>Standard deviation of output noise; 0 = none.</summary>
    public float OutputSigma { get; }

    /// <summary>False: column sums go on as they are.</summary>
    public bool HasAdc { get; }

    public bool IsSigned { get; }

    /// <summary>Largest code; codes of a mid-rise ADC are odd multiples of 1/2.</summary>
    public float AdcMax { get; }

    public float AdcMin => IsSigned ? -AdcMax : 0;

    /// <summary>Per slice; empty without ADC.</summary>
    public ImmutableArray<float> Lsbs { get; } = [];

    public float UnitLsb { get; } = 1;

    /// <summary>What a code of a slice is worth.</summary>
    public double LsbOf(int slice) => HasAdc ? Lsbs[slice] : 1;

    /// <summary>The sum of inputs comes from a unit column; else it is added digitally.</summary>
    public bool ReadsUnitColumn => Weights.HasUnitColumn && Weights.Sign == SignEncoding.OffsetUnitColumn;

    /// <summary>What is taken from the result for each unit of the sum of inputs: 2^(B-1), or 1 for analog offset cells.</summary>
    public double OffsetPerInput => Weights.IsDifferential ? 0 : Weights.IsAnalog ? 1 : Weights.Offset;

    /// <summary>The sum of inputs is needed: for the offset, or for flipped columns.</summary>
    public bool NeedsUnit => OffsetPerInput > 0 || Weights.HasFlip;

    /// <summary>What a slice's sum counts: 2^(k slice); an analog offset cell holds (1 + u) / 2 and counts twice.</summary>
    public double SliceWeight(int slice) => Weights.IsAnalog ? (Weights.IsDifferential ? 1 : 2) : Weights.SliceWeight(slice);

    /// <summary>y = factor * input scale * weight scale * result.</summary>
    public double CodeScale => 1.0 / ((double)Input.MaxCode * (Weights.IsAnalog ? 1 : Weights.MaxCode));

    /// <summary>Why slices and pulses of a layer cannot recombine before the product (semantics.md, lossless collapse); null if every conversion is exact and no cell is
    /// noisy.</summary>
    /// <param name="program">A verified program.</param>
    /// <param name="layer">A layer of it.</param>
    /// <param name="device">The chip's.</param>
    /// <param name="worstColumnSum">Gives the layer's <see cref="ProgramVerifier.WorstColumnSum"/>, if it comes to that; null = it is found here.</param>
    public static string? LosslessObstacle(MappedProgram program, MappedLayer layer, DeviceModel device, Func<long>? worstColumnSum = null)
    {
        var physics = new TilePhysics(program, layer, device, exactConversions: true);
        var adc = physics.Tile.Adc;
        if (physics.CodesObstacle is { } obstacle)
        {
            return obstacle;
        }

        if (device.HasReadNoise || physics.OutputSigma > 0)
        {
            return device.HasReadNoise ? "cells are read with noise" : "outputs are noisy";
        }

        if (physics.ConvertsByDraws)
        {
            return "conversions are rounded by draws";
        }

        if (adc.Bits is not { } bits)
        {
            return null;
        }

        bool signed = physics.SubtractsInArray || physics.Input.HasSignedPulses;
        int max = signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
        return adc is not { Range: AdcRange.Granular, Errors: null, Structure: null, ThermalNoiseLsb: null } ? "a code of the ADC is not a unit of column sums"
            : physics.IsAccumulated ? AccumulatedPulses
            : (worstColumnSum?.Invoke() ?? ProgramVerifier.WorstColumnSum(program, layer)) is var worst && worst > max ? FormattableString.Invariant($"a column's worst sum, {worst}, does not fit the ADC's {bits} bits")
            : null;
    }

    private const string InexactLevels = "cells are not at exact levels";

    private const string AccumulatedPulses = "pulses are added before the conversion";

    /// <summary>Why column sums are not those of levels and whole pulses; null if they are.</summary>
    private string? CodesObstacle =>
        Weights.IsAnalog ? "cells have no levels"
        : Input.Bits is null ? "inputs are not codes"
        : !Cells.IsIdeal || Cells.Programming is not null ? InexactLevels
        : Tile.Noise.IrDrop is not null ? "wires resist"
        : HasPeriphery ? "drivers, circuits or converters have errors"
        : null;

    /// <summary>Why the sums of every pulse are not whole numbers of levels; null if they are.</summary>
    public string? LevelObstacle => CodesObstacle ?? (Cells.Significance.Length > 1 ? InexactLevels : IsAccumulated ? AccumulatedPulses : null);
}

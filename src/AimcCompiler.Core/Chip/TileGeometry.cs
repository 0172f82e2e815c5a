namespace AimcCompiler.Core;

/// <summary>How many physical cells, rows, columns and pulses one weight and one MVM take on a tile.</summary>
public sealed class TileGeometry
{
    private readonly InputDescription _input;

    public TileGeometry(TileDescription tile)
    {
        _input = tile.Input;
        Slices = WeightEncoding.Of(tile).Slices;
        int devices = IsDifferential(tile.Encoding.Sign) ? 2 : 1;
        PhysicalColumnsPerWeight = Slices * (tile.Encoding.PairAxis == PairAxis.Columns ? devices : 1);
        PhysicalRowsPerWeight = tile.Encoding.PairAxis == PairAxis.Rows ? devices : 1;
        LogicalRows = tile.Rows / PhysicalRowsPerWeight;
        LogicalColumns = tile.Columns / PhysicalColumnsPerWeight;
    }

    /// <summary>Bit slices of a weight; 1 for analog weights and for weights that one cell holds whole.</summary>
    public int Slices { get; }

    /// <summary>Bit lines that one weight occupies.</summary>
    public int PhysicalColumnsPerWeight { get; }

    /// <summary>Word lines that one weight occupies.</summary>
    public int PhysicalRowsPerWeight { get; }

    /// <summary>Matrix rows (inputs) that fit a tile.</summary>
    public int LogicalRows { get; }

    /// <summary>Matrix columns (outputs) that fit a tile.</summary>
    public int LogicalColumns { get; }

    public static bool IsDifferential(SignEncoding sign) =>
        sign is SignEncoding.DifferentialOneSided or SignEncoding.DifferentialTwoSided or SignEncoding.CenterOffset;

    /// <summary>Pulses of one MVM. PWM and multi-level inputs go in at once.</summary>
    /// <param name="unsignedCodes">The compiler proved the activation non-negative and the chip then uses codes 0 .. 2^b - 1.</param>
    public int PulsesPerMvm(bool unsignedCodes) => InputEncoding.Of(_input, unsignedCodes).PulseWeights.Length;
}

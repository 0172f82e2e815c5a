namespace AimcCompiler.Core;

/// <summary>What it takes to put weights on tiles that held others: their codes come from off-chip memory, and all tiles are written together, each device after the other (<see cref="ProgrammingCost"/>).</summary>
/// <param name="Bytes">Codes, all copies.</param>
/// <param name="PulsesS">Of the pulses at most; null = the chip keeps no account of how a cell is written.</param>
/// <param name="LoadS">In which the codes come; null = the rate is not known.</param>
/// <param name="EnergyJ">Of pulses and codes, as far as the chip says; null = it says nothing.</param>
public sealed record ReloadCost(long Bytes, double? PulsesS, double? LoadS, double? EnergyJ)
{
    private const int FloatBits = 32;
    private const int BitsPerByte = 8;

    /// <summary>Pulses begin as codes come: the longer of the two. Null = neither is known.</summary>
    public double? TimeS => PulsesS is null && LoadS is null ? null : Math.Max(PulsesS ?? 0, LoadS ?? 0);

    /// <param name="chip">The chip.</param>
    /// <param name="chips">How many, each with its own memory.</param>
    /// <param name="blocks">Tile, rows and columns of the weights of every block.</param>
    public static ReloadCost Of(ChipDescription chip, int chips, IReadOnlyCollection<(int Tile, int Rows, int Columns)> blocks)
    {
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(blocks);
        long bits = blocks.Sum(b => (long)b.Rows * b.Columns * (chip.Tile.Weights.Bits ?? FloatBits));
        var pulses = ProgrammingCost.Of(chip, blocks);
        double? codes = bits * chip.OffChip?.PjPerBit * 1e-12;
        return new ReloadCost(
            (bits + BitsPerByte - 1) / BitsPerByte,
            pulses?.TimeS,
            bits / (BitsPerByte * 1e9) / (chip.OffChip?.GbPerS * chips),
            Sum(pulses?.EnergyJ, codes));
    }

    /// <summary>Of as many copies, each on tiles of its own.</summary>
    public ReloadCost OfCopies(long copies) => new(Bytes * copies, PulsesS, LoadS * copies, EnergyJ * copies);

    /// <summary>With weights on other tiles at the same time.</summary>
    public ReloadCost With(ReloadCost other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new ReloadCost(
            Bytes + other.Bytes,
            PulsesS is null ? other.PulsesS : Math.Max(PulsesS.Value, other.PulsesS ?? 0),
            Sum(LoadS, other.LoadS),
            Sum(EnergyJ, other.EnergyJ));
    }

    private static double? Sum(double? left, double? right) => left is null ? right : left + (right ?? 0);
}

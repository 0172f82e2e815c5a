namespace AimcCompiler.Core;

/// <summary>What writing a program's cells costs at most: every device takes all of its pulses, of which one-shot programming has one. A tile's devices are written one after the other, the tiles together.</summary>
/// <param name="Devices">Devices to write.</param>
/// <param name="Pulses">Pulses at most.</param>
/// <param name="TimeS">Of the pulses; null = not known.</param>
/// <param name="EnergyJ">Of the pulses; null = not known.</param>
/// <param name="LoadS">Time in which the codes come from off-chip memory, beside the pulses; null = not known.</param>
public sealed record ProgrammingCost(long Devices, long Pulses, double? TimeS, double? EnergyJ, double? LoadS)
{
    private const int FloatBits = 32;
    private const double BitsPerGigabyte = 8e9;

    /// <param name="chip">The chip.</param>
    /// <param name="blocks">Tile, rows and columns of the weights of every block, all copies.</param>
    /// <returns>Null = the chip keeps no account of how a cell is written.</returns>
    public static ProgrammingCost? Of(ChipDescription chip, IReadOnlyCollection<(int Tile, int Rows, int Columns)> blocks)
    {
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(blocks);
        if (chip.Tile.Cell.Programming is not { } programming)
        {
            return null;
        }

        long pulses = programming.MaxPulses ?? 1;
        long devices = blocks.Sum(b => DevicesOf(chip.Tile, b.Rows, b.Columns));
        long busiest = blocks.GroupBy(b => b.Tile).Select(t => t.Sum(b => DevicesOf(chip.Tile, b.Rows, b.Columns))).DefaultIfEmpty(0).Max();
        double bits = blocks.Sum(b => (double)b.Rows * b.Columns * (chip.Tile.Weights.Bits ?? FloatBits));
        return new ProgrammingCost(
            devices,
            devices * pulses,
            busiest * pulses * programming.PulseNs * 1e-9,
            devices * pulses * programming.PulsePj * 1e-12,
            bits / BitsPerGigabyte / chip.OffChip?.GbPerS);
    }

    /// <summary>Devices of a block: slices, polarities and pairs of every weight, and a unit column's.</summary>
    private static long DevicesOf(TileDescription tile, int rows, int columns)
    {
        long devices = (long)columns * new TileGeometry(tile).Slices * (TileGeometry.IsDifferential(tile.Encoding.Sign) ? 2 : 1);
        bool hasUnit = tile.Encoding is { Sign: SignEncoding.OffsetUnitColumn, UnitColumn: true };
        return rows * (devices + (hasUnit ? 1 : 0)) * (tile.Cell.Significance?.Count ?? 1);
    }
}

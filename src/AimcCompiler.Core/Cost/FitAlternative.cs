namespace AimcCompiler.Core;

/// <summary>A way to run a network that needs more tiles than there are, with its predicted cost. Null = a constant of the chip is missing.</summary>
/// <param name="Lever">The option.</param>
/// <param name="Chips">In use.</param>
/// <param name="Tiles">In use at a time.</param>
/// <param name="Loads">How often tiles are written for one batch; 0 = only once, before the first.</param>
/// <param name="ReloadS">Of one inference, beside <paramref name="IntervalS"/>, which contains it.</param>
/// <param name="IntervalS">From one inference to the next.</param>
/// <param name="EnergyJ">Of one inference, as far as the chip says: tiles, buffers, digital operations, and what the way adds.</param>
/// <param name="TrafficBytes">That one inference sends over the board, or keeps in off-chip memory from one segment to the next.</param>
/// <param name="Detail">What else there is to know; may be empty.</param>
public sealed record FitAlternative(
    string Lever, int Chips, long Tiles, int Loads, double? ReloadS, double? IntervalS, double? EnergyJ, long TrafficBytes, string Detail)
{
    /// <summary>This is what the compile did.</summary>
    public bool IsChosen { get; init; }
}

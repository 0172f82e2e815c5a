namespace AimcCompiler.Core;

/// <summary>When an MVM is done and when the next can start; null where the cycle time is not known.</summary>
/// <param name="Pulses">Input pulses; 1 where the input goes in at once.</param>
/// <param name="LatencyNs">(pulses + stages - 1) cycles.</param>
/// <param name="InitiationIntervalNs">Pulses x cycle, or what the chip says.</param>
public sealed record MvmTiming(int Pulses, double? LatencyNs, double? InitiationIntervalNs)
{
    public static MvmTiming Of(TileDescription tile, bool unsignedCodes) =>
        Of(new TileGeometry(tile).PulsesPerMvm(unsignedCodes), tile.Timing.Stages, tile.Timing.CycleNs, tile.Timing.InitiationIntervalNs);

    /// <param name="pulses">Input pulses.</param>
    /// <param name="stages">Of the tile's pipeline.</param>
    /// <param name="cycleNs">Of one pulse.</param>
    /// <param name="intervalNs">From one MVM to the next; null = pulses x cycle.</param>
    public static MvmTiming Of(int pulses, int stages, double? cycleNs, double? intervalNs = null) =>
        new(pulses, (pulses + stages - 1) * cycleNs, intervalNs ?? (pulses * cycleNs));
}

namespace AimcCompiler.Core;

/// <summary>When an MVM is done and when the next can start; null where the cycle time is not known.</summary>
/// <param name="Pulses">Input pulses; 1 where the input goes in at once.</param>
/// <param name="LatencyNs">(pulses + stages - 1) cycles, of the pulses that are driven.</param>
/// <param name="InitiationIntervalNs">Pulses x cycle, or what the chip says; its share where pulses are skipped.</param>
public sealed record MvmTiming(int Pulses, double? LatencyNs, double? InitiationIntervalNs)
{
    /// <param name="tile">The tile.</param>
    /// <param name="unsignedCodes">Codes without sign.</param>
    /// <param name="drivenPulses">Pulses of an MVM that are not zero for all rows, on the average; null = all take their time.</param>
    public static MvmTiming Of(TileDescription tile, bool unsignedCodes, double? drivenPulses = null)
    {
        int pulses = new TileGeometry(tile).PulsesPerMvm(unsignedCodes);
        double driven = drivenPulses ?? pulses;
        return new(
            pulses,
            (driven + tile.Timing.Stages - 1) * tile.Timing.CycleNs,
            (tile.Timing.InitiationIntervalNs ?? (pulses * tile.Timing.CycleNs)) * (driven / pulses));
    }

    /// <param name="pulses">Input pulses.</param>
    /// <param name="stages">Of the tile's pipeline.</param>
    /// <param name="cycleNs">Of one pulse.</param>
    /// <param name="intervalNs">From one MVM to the next; null = pulses x cycle.</param>
    public static MvmTiming Of(int pulses, int stages, double? cycleNs, double? intervalNs = null) =>
        new(pulses, (pulses + stages - 1) * cycleNs, intervalNs ?? (pulses * cycleNs));
}

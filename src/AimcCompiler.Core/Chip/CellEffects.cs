namespace AimcCompiler.Core;

public enum ProgrammingMethod
{
    /// <summary>One pulse; what it leaves stays.</summary>
    OneShot,

    /// <summary>Pulse and read until the conductance is within the tolerance, or the pulses are used up.</summary>
    WriteVerify,
}

/// <summary>How a cell is written. Every pulse is a fresh draw of the device's programming error around the target; write-verify ends at the first that is within
/// the tolerance, else with the last.</summary>
public sealed record ProgrammingDescription
{
    public required ProgrammingMethod Method { get; init; }

    /// <summary>Largest accepted distance from the target; of write-verify, this or <see cref="ToleranceFraction"/>.</summary>
    public required double? ToleranceUs { get; init; }

    /// <summary>The same as a fraction of g_max.</summary>
    public required double? ToleranceFraction { get; init; }

    /// <summary>Pulses of a device at most; null with one_shot.</summary>
    public required int? MaxPulses { get; init; }

    /// <summary>Duration of a pulse with its read; null = not known.</summary>
    public required double? PulseNs { get; init; }

    /// <summary>Energy of a pulse with its read; null = not known.</summary>
    public required double? PulsePj { get; init; }
}

/// <summary>A device's conductance is what its model says times 1 + device N + chip M, N drawn for each physical device, M for each chip.</summary>
public sealed record VariationDescription
{
    public required double? Device { get; init; }

    public required double? Chip { get; init; }
}

/// <summary>g(T) = g (1 + (T - reference) (global + state (1 - g / g_max))), at least 0 (hardware.md 3.8: a global factor and a term that depends on the state).</summary>
public sealed record TemperatureDescription
{
    /// <summary>Where the conductances of the device's model hold: the temperature of programming and of the reference read-out of drift compensation.</summary>
    public required double ReferenceK { get; init; }

    /// <summary>Relative change of every conductance per kelvin.</summary>
    public required double? GlobalPerK { get; init; }

    /// <summary>Further relative change of a conductance of 0, per kelvin, which falls linearly to none at g_max.</summary>
    public required double? StatePerK { get; init; }
}

/// <summary>Faults, as fractions of the physical devices, rows, columns and tiles that have them; drawn by physical place.</summary>
public sealed record FaultDescription
{
    /// <summary>Devices that stay at g_min.</summary>
    public required double? StuckOff { get; init; }

    /// <summary>Devices that stay at g_max.</summary>
    public required double? StuckOn { get; init; }

    public required StuckAtDescription? StuckAt { get; init; }

    /// <summary>Word lines whose devices carry no current.</summary>
    public required double? DeadRows { get; init; }

    /// <summary>Bit lines whose devices carry no current.</summary>
    public required double? DeadColumns { get; init; }

    public required double? DeadTiles { get; init; }
}

/// <summary>Devices that stay at a conductance.</summary>
public sealed record StuckAtDescription
{
    public required double Fraction { get; init; }

    public required double ConductanceUs { get; init; }
}

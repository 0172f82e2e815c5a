namespace AimcCompiler.Runtime;

public enum EngineKind
{
    /// <summary>Blocked and vectorised; equal bit for bit to <see cref="Stepwise"/>, but for read noise that is drawn for each column.</summary>
    Fast,

    /// <summary>The definition: one vector, one pulse, one slice, one column at a time.</summary>
    Stepwise,
}

/// <summary>How the fast engine draws the instantaneous read noise of cells without wires.</summary>
public enum ReadNoiseDraws
{
    /// <summary>One draw for each column and read: independent normals of its devices sum to N(0, sum of sigma^2 x^2), which costs a second product in place of a
    /// draw for each device (semantics.md, "Faster, provably the same").</summary>
    Column,

    /// <summary>One draw for each device and read, as in <see cref="EngineKind.Stepwise"/>, bit for bit.</summary>
    Device,
}

/// <summary>What is only numerics: how a program is simulated, not what is on the chip.</summary>
public sealed record SimulationOptions
{
    /// <summary>Keeps weight levels and DAC codes, makes cells noiseless and conversions exact.</summary>
    public bool Ideal { get; init; }

    public ulong Seed { get; init; } = 1;

    /// <summary>Which programming of the chip: instances differ in every draw.</summary>
    public int Instance { get; init; }

    /// <summary>Seconds since the end of programming; null = right after it, before drift and accumulated read noise.</summary>
    public double? TimeS { get; init; }

    public EngineKind Engine { get; init; }

    public ReadNoiseDraws ReadNoise { get; init; }

    /// <summary>Threads of the tiles' arithmetic; results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Threads of a layer while it runs, where batches that run at once already have the others; null = <see cref="Threads"/>.</summary>
    public int? ThreadsOfALayer { get; init; }
}

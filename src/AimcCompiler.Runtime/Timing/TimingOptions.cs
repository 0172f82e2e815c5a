namespace AimcCompiler.Runtime;

/// <summary>What of a chip takes time in a simulation, besides the tiles. Without all of them it has the simplifications of the worked networks of hardware.md 2.6; with one more at a time it says what each costs.</summary>
[Flags]
public enum TimedParts
{
    None = 0,

    /// <summary>Links, bus and board.</summary>
    Transfers = 1,

    /// <summary>Vector units: partial sums, scales, digital stages.</summary>
    Digital = 2,

    /// <summary>Off-chip memory.</summary>
    Memory = 4,

    /// <summary>Issue times, and ADCs and buffers that several tiles share.</summary>
    Core = 8,

    /// <summary>Buffers have an end.</summary>
    Room = 16,
    All = Transfers | Digital | Memory | Core | Room,
}

public sealed record TimingOptions
{
    /// <summary>Inferences of a batch: the streams stop after them. Null = there is always a next one, until the interval between two is steady.</summary>
    public int? Inferences { get; init; }

    public TimedParts Parts { get; init; } = TimedParts.All;

    /// <summary>One stage after the other; else as the streams allow.</summary>
    public bool IsSerial { get; init; }

    /// <summary>Whether anybody asks what waits for what.</summary>
    public bool HasStalls { get; init; } = true;

    /// <summary>Receives every busy span, in order of its end; null = no trace.</summary>
    public ITimingTrace? Trace { get; init; }
}

/// <summary>Takes spans, for example to a Chrome trace.</summary>
public interface ITimingTrace
{
    /// <param name="resource">Index in <see cref="TimingResult.Resources"/>.</param>
    /// <param name="stage">Stage at work; -1 = none.</param>
    /// <param name="inference">Which inference.</param>
    /// <param name="startPs">Begin, picoseconds.</param>
    /// <param name="endPs">End.</param>
    void Busy(int resource, int stage, int inference, long startPs, long endPs);

    /// <summary>A stream waits.</summary>
    void Stalled(int stream, StallCause cause, int resource, long startPs, long endPs);

    /// <summary>A segment is put on the tiles; stages and streams are its own from now on. Never called where there is one segment.</summary>
    void Loaded(int segment, long startPs, long endPs)
    {
    }
}

public enum StallCause
{
    /// <summary>Rows of its input are not there yet: the producer, or what it waits for.</summary>
    Input,

    /// <summary>The receiver has no room: the consumer is behind.</summary>
    Room,
    Tiles,
    Issue,
    Adc,
    VectorUnit,
    Buffer,
    Link,
    Memory,
}

using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>How a program runs on its cores: the same work as <see cref="MappedProgram.Instructions"/>, cut into streams that depend on each other row by row (docs/aimc-format.md, "Schedule").</summary>
public sealed record ProgramSchedule
{
    public required MappingTarget Target { get; init; }

    /// <summary>The next inference may begin before the last has ended; else buffers are shared between what does not live at the same time.</summary>
    public required bool Overlaps { get; init; }

    /// <summary>Stages name layers and partitions of the program by their index.</summary>
    public required StageGraph Stages { get; init; }

    /// <summary>Row groups, homes and segments, on physical cores; copies are those of the layers.</summary>
    public required CoreMapping Mapping { get; init; }

    public required ImmutableArray<RowBuffer> Buffers { get; init; }

    public required ImmutableArray<Channel> Channels { get; init; }

    /// <summary>Ordered by core. Streams of a core run side by side and share its resources.</summary>
    public required ImmutableArray<CoreStream> Streams { get; init; }
}

/// <summary>Room for rows of a value in the buffer of a core: a ring. A row is there when all its items have arrived; it is freed when every reader has released it.</summary>
/// <param name="Core">Chip x cores + core.</param>
/// <param name="Value">Index in the stage graph.</param>
/// <param name="FirstRow">First of the rows that come here.</param>
/// <param name="RowStride">From one to the next: 1, or the number of homes.</param>
/// <param name="ItemsPerRow">Messages that make a row: 1, or the vectors of a row where results of an analog stage are assembled.</param>
/// <param name="Capacity">Rows at a time, at least 1.</param>
/// <param name="RowBytes">Bytes of a row that come here.</param>
/// <param name="Address">First byte in the core's buffer.</param>
/// <param name="Segment">When it is there.</param>
public sealed record RowBuffer(int Core, int Value, int FirstRow, int RowStride, int ItemsPerRow, int Capacity, long RowBytes, long Address, int Segment = 0);

public enum ChannelKind
{
    /// <summary>Rows, from their home to buffers.</summary>
    Rows,

    /// <summary>Results of single vectors, to the home that assembles their row.</summary>
    Results,

    /// <summary>Partial sums of single vectors, to the core that adds them next.</summary>
    PartialSums,
}

/// <summary>Messages of one size from one stream to one or several receivers, in order. At most <see cref="Capacity"/> wait at the receiver of partial sums; rows and results wait in their buffer.</summary>
/// <param name="Kind">What it carries.</param>
/// <param name="From">Core of the sender.</param>
/// <param name="Receivers">Cores, and buffers of rows and results (-1 for partial sums, which have one receiver).</param>
/// <param name="Bytes">Of one message.</param>
/// <param name="Capacity">Of partial sums; 0 = bounded by the buffer.</param>
/// <param name="Hops">The paths or trees, one after the other: links, parents first; empty within a core.</param>
public sealed record Channel(
    ChannelKind Kind, int From, ImmutableArray<Receiver> Receivers, long Bytes, int Capacity, ImmutableArray<ChannelHop> Hops)
{
    /// <summary>Which path messages take, in turn: message m of an inference takes Turns[m % count]. Whatever path it took, a message arrives after the one before it. Empty = there is one path.</summary>
    public ImmutableArray<int> Turns { get; init; } = [];

    /// <summary>Paths that messages take; each reaches all receivers.</summary>
    public int Paths => Turns.IsEmpty ? 1 : Turns.Max() + 1;

    /// <param name="message">Counted from 0 in every inference.</param>
    public int PathOf(long message) => Turns.IsEmpty ? 0 : Turns[(int)(message % Turns.Length)];

    /// <summary>How many of the first messages of an inference take a path.</summary>
    public long MessagesOn(int path, long messages)
    {
        if (Turns.IsEmpty)
        {
            return path == 0 ? messages : 0;
        }

        var (whole, rest) = Math.DivRem(messages, Turns.Length);
        long taken = 0;
        for (int turn = 0; turn < Turns.Length; turn++)
        {
            taken += Turns[turn] != path ? 0 : turn < rest ? whole + 1 : whole;
        }

        return taken;
    }
}

public readonly record struct Receiver(int Core, int Buffer);

/// <param name="Link">Index in the topology of the chip; -1 = the links of the board or of off-chip memory from one chip to another.</param>
/// <param name="Chip">Which chip's.</param>
/// <param name="Parent">Index of the hop before it, of the same path; -1 = the sender.</param>
/// <param name="Bytes">What of the message passes here: not every receiver takes all of a row.</param>
/// <param name="Path">Of which path it is.</param>
public readonly record struct ChannelHop(int Link, int Chip, int Parent, long Bytes, int Path = 0);

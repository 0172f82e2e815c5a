using System.Runtime.InteropServices;

namespace AimcCompiler.Binary;

/// <summary>The byte layout that writer and reader share; docs/aimc-format.md is its description.</summary>
internal static class AimcFormat
{
    /// <summary>The newest version this code reads, and the one it writes.</summary>
    public const uint Version = 6;

    /// <summary>The first version whose chip descriptions have every field; in older ones what is absent is off.</summary>
    public const uint FirstWithWholeChip = 4;

    /// <summary>The first version whose programs say how they run on their cores.</summary>
    public const uint FirstWithSchedule = 4;

    /// <summary>The first version whose programs may be on the tiles piece by piece.</summary>
    public const uint FirstWithSegments = 5;

    /// <summary>The first version whose kernels may stand in their matrices at several shifts.</summary>
    public const uint FirstWithShifts = 6;

    public const int Alignment = 64;

    public const int HashBytes = 32;

    public const int HeaderBytes = 192;

    public const int ManifestHashOffset = 64;

    public const int TableHashOffset = ManifestHashOffset + HashBytes;

    /// <summary>The header's own checksum is its last field.</summary>
    public const int HashedHeaderBytes = HeaderBytes - HashBytes;

    public const int SectionEntryBytes = 64;

    /// <summary>A block is 11 int32.</summary>
    public const int BlockBytes = 11 * sizeof(int);

    /// <summary>A row group is 4 int32.</summary>
    public const int RowGroupBytes = 4 * sizeof(int);

    /// <summary>A hop is 4 int32 and an int64.</summary>
    public const int HopBytes = 24;

    public static ReadOnlySpan<byte> Magic => "AIMC"u8;

    public static long Align(long offset) => (offset + Alignment - 1) / Alignment * Alignment;
}

internal enum SectionKind : uint
{
    Weights = 1,
    Scales = 2,
    Bias = 3,
    Blocks = 4,
    Model = 5,
    ModelWeights = 6,
    RowGroups = 7,
    Hops = 8,
}

/// <summary>The first bytes of the file.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct AimcHeader
{
    public uint Magic;
    public uint Version;
    public uint Flags;
    public uint Sections;
    public ulong TotalBytes;
    public ulong ManifestOffset;
    public ulong ManifestBytes;
    public ulong TableOffset;
}

/// <summary>The first bytes of an entry of the section table; zeros and the section's SHA-256 follow.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal struct SectionEntry
{
    public ulong Offset;
    public ulong Bytes;
    public SectionKind Kind;
}

/// <summary>What a reader takes at most, so that a small hostile file cannot ask for much memory.</summary>
public sealed record AimcLimits
{
    public static AimcLimits Default { get; } = new();

    public long ManifestBytes { get; init; } = 256L << 20;

    /// <summary>Values, layers, partitions, instructions and nodes together, with all that a schedule is made of.</summary>
    public int Records { get; init; } = 1 << 20;

    public int Sections { get; init; } = 1 << 20;
}

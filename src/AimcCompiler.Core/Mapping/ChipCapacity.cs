using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>The numbers of a chip that mapping, bounds and simulation count with, times in whole picoseconds; null = no limit or not known. The only place where a ChipDescription becomes them, so that optimizers are tested on made-up chips of three cores.</summary>
public sealed record ChipCapacity
{
    public required NocTopology Topology { get; init; }

    public required int Chips { get; init; }

    /// <summary>Live tiles of each core, over all chips; empty = unlimited.</summary>
    public required ImmutableArray<int> TilesOfCore { get; init; }

    /// <summary>Tiles of a core, dead ones too; 0 = unlimited.</summary>
    public required int TilesPerCore { get; init; }

    /// <summary>Least time between two MVMs of a core.</summary>
    public required long? IssuePs { get; init; }

    public required int? ConvertingTiles { get; init; }

    /// <summary>One operation of a vector unit, all lanes busy: ns_per_op / lanes; may be below 1 ps, hence for a thousand operations.</summary>
    public required long? PsPerThousandOperations { get; init; }

    public required long? BufferBytes { get; init; }

    /// <summary>A thousand bytes in or out of a buffer, over a link, over all of off-chip memory, over a board link.</summary>
    public required long? BufferPsPerKilobyte { get; init; }

    public required long? LinkPsPerKilobyte { get; init; }

    public required long? MemoryPsPerKilobyte { get; init; }

    public required long? BoardPsPerKilobyte { get; init; }

    public required long HopPs { get; init; }

    public required bool Multicasts { get; init; }

    /// <summary>Cores of a chip at which memory ports are.</summary>
    public required ImmutableArray<int> Ports { get; init; }

    public int Cores => Topology.Cores * Chips;

    /// <summary>Null = unlimited.</summary>
    public long? Tiles => TilesOfCore.IsEmpty ? null : TilesOfCore.Sum(t => (long)t);

    /// <param name="chip">The chip.</param>
    /// <param name="chips">How many.</param>
    /// <param name="deadTiles">Global indices of tiles not to use.</param>
    public static ChipCapacity Of(ChipDescription chip, int chips, IReadOnlyCollection<int>? deadTiles = null)
    {
        ArgumentNullException.ThrowIfNull(chip);
        var topology = NocTopology.Of(chip);
        int[] tiles = [];
        if (chip.Mesh is not null && chip.Core is { } core)
        {
            tiles = [.. Enumerable.Repeat(core.Tiles, topology.Cores * chips)];
            foreach (int dead in (deadTiles ?? []).Distinct())
            {
                tiles[dead / core.Tiles]--;
            }
        }

        return new ChipCapacity
        {
            Topology = topology,
            Chips = chips,
            TilesOfCore = [.. tiles],
            TilesPerCore = tiles.Length == 0 ? 0 : chip.Core!.Tiles,
            IssuePs = null,
            ConvertingTiles = null,
            PsPerThousandOperations = Picoseconds(1000 * chip.Core?.Digital?.NsPerOp / chip.Core?.Digital?.Lanes),
            BufferBytes = chip.Core?.BufferKib is { } kib ? (long)(kib * 1024) : null,
            BufferPsPerKilobyte = null,
            LinkPsPerKilobyte = Picoseconds(8000.0 / chip.Noc?.FlitBits * 1000 / chip.ClockMhz),
            MemoryPsPerKilobyte = Picoseconds(1000 / chip.OffChip?.GbPerS),
            BoardPsPerKilobyte = Picoseconds(1000 / chip.OffChip?.GbPerS),
            HopPs = Picoseconds(chip.Noc?.NsPerHop) ?? 0,
            Multicasts = false,
            Ports = [0],
        };
    }

    /// <summary>Whole picoseconds of so many nanoseconds.</summary>
    private static long? Picoseconds(double? ns) => ns is { } known ? (long)Math.Round(1000 * known) : null;
}

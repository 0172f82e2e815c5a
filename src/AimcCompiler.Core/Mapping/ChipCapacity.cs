using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>The numbers of a chip that mapping, bounds and simulation count with, times in whole picoseconds; null = no limit or not known. The only place
/// where a ChipDescription becomes them, so that optimizers are tested on made-up chips of three cores.</summary>
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

    /// <summary>From a request to off-chip memory to its first byte, and from port to port of a board.</summary>
    public long MemoryLatencyPs { get; init; }

    public long BoardLatencyPs { get; init; }

    /// <summary>A link carries whole flits of so many bytes.</summary>
    public long FlitBytes { get; init; } = 1;

    public required bool Multicasts { get; init; }

    /// <summary>Cores of a chip at which memory ports are.</summary>
    public required ImmutableArray<int> Ports { get; init; }

    public int Cores => Topology.Cores * Chips;

    /// <summary>Null = unlimited.</summary>
    public long? Tiles => TilesOfCore.IsEmpty ? null : TilesOfCore.Sum(t => (long)t);

    /// <summary>The core at which the nearest memory port of a core's chip is.</summary>
    public int PortOf(int core)
    {
        int chip = core / Topology.Cores;
        return (chip * Topology.Cores) + Ports.MinBy(p => Topology.Hops(p, core % Topology.Cores));
    }

    /// <summary>Bytes of the flits that a message takes.</summary>
    public long WholeFlits(long bytes) => (bytes + FlitBytes - 1) / FlitBytes * FlitBytes;

    /// <param name="chip">The chip.</param>
    /// <param name="chips">How many.</param>
    /// <param name="deadTiles">Global indices of tiles not to use.</param>
    public static ChipCapacity Of(ChipDescription chip, int chips, IReadOnlyCollection<int>? deadTiles = null)
    {
        ArgumentNullException.ThrowIfNull(chip);
        var topology = NocTopology.Of(chip);
        CoreDescription core = chip.Core;
        int[] tiles = [];
        if (chip.Mesh is not null)
        {
            tiles = [.. Enumerable.Repeat(core.Tiles, topology.Cores * chips)];
            foreach (int dead in (deadTiles ?? []).Distinct())
            {
                tiles[dead / core.Tiles]--;
            }
        }

        double? linkGbPerS = chip.Noc?.GbPerS ?? (chip.Noc?.FlitBits * chip.ClockMhz / 8000);
        double? boardGbPerS = chip.Board is { } board ? board.GbPerS : chip.OffChip?.GbPerS;
        return new ChipCapacity
        {
            Topology = topology,
            Chips = chips,
            TilesOfCore = [.. tiles],
            TilesPerCore = tiles.Length == 0 ? 0 : core.Tiles,
            IssuePs = Picoseconds(core.MvmIssueNs),
            ConvertingTiles = core.ConvertingTiles,
            PsPerThousandOperations = Picoseconds(1000 * core.Digital.NsPerOp / core.Digital.Lanes),
            BufferBytes = core.BufferKib is { } kib ? (long)(kib * 1024) : null,
            BufferPsPerKilobyte = Picoseconds(1000 / core.BufferGbPerS),
            LinkPsPerKilobyte = Picoseconds(1000 / linkGbPerS),
            MemoryPsPerKilobyte = Picoseconds(1000 / chip.OffChip?.GbPerS),
            BoardPsPerKilobyte = Picoseconds(1000 / boardGbPerS),
            HopPs = Picoseconds(chip.Noc?.NsPerHop) ?? 0,
            MemoryLatencyPs = Picoseconds(chip.OffChip?.LatencyNs) ?? 0,
            BoardLatencyPs = Picoseconds(chip.Board is { } link ? link.LatencyNs : chip.OffChip?.LatencyNs) ?? 0,
            FlitBytes = Math.Max(1, (chip.Noc?.FlitBits ?? 8) / 8),
            Multicasts = chip.Noc?.Multicast ?? false,
            Ports = PortsOf(chip.Mesh, chip.OffChip?.Ports ?? 1),
        };
    }

    /// <summary>Cores at the edge of the mesh, clockwise from core 0, so many of them at equal distances, or all.</summary>
    private static ImmutableArray<int> PortsOf(MeshDescription? mesh, int ports)
    {
        (int rows, int columns) = mesh is null ? (1, 1) : (mesh.Rows, mesh.Columns);
        List<int> edge = [.. Enumerable.Range(0, columns)];
        edge.AddRange(Enumerable.Range(1, rows - 1).Select(row => (row * columns) + columns - 1));
        if (rows > 1)
        {
            edge.AddRange(Enumerable.Range(2, columns - 1).Select(i => (rows * columns) - i));
        }

        if (columns > 1)
        {
            edge.AddRange(Enumerable.Range(1, Math.Max(0, rows - 2)).Select(i => (rows - 1 - i) * columns));
        }

        int count = Math.Min(ports, edge.Count);
        return [.. Enumerable.Range(0, count).Select(i => edge[i * edge.Count / count])];
    }

    /// <summary>Whole picoseconds of so many nanoseconds.</summary>
    private static long? Picoseconds(double? ns) => ns is { } known ? (long)Math.Round(1000 * known) : null;
}

using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Stages that run on the same tiles, counted as one: a layer, with the layers that share its tiles.</summary>
public sealed record TileFamily
{
    /// <summary>Index of the stage whose tiles they are.</summary>
    public required int Owner { get; init; }

    /// <summary>Indices of the stages, the owner's first.</summary>
    public required ImmutableArray<int> Members { get; init; }

    /// <summary>Vectors of one inference, of all members.</summary>
    public required long Vectors { get; init; }

    /// <summary>Of the busiest tile of a copy: least time from one vector to the next, its rounds one after the other; null = not known.</summary>
    public required long? IntervalPs { get; init; }

    /// <summary>From the first pulse to the last sum; null = not known.</summary>
    public required long? LatencyPs { get; init; }

    /// <summary>Row groups of one copy.</summary>
    public required ImmutableArray<RowGroupDemand> Groups { get; init; }

    /// <summary>A recurrence: more copies would wait too.</summary>
    public required bool IsSerial { get; init; }

    /// <summary>Tiles of one copy, without those that other families stand on too.</summary>
    public required long Tiles { get; init; }

    /// <summary>It stands on tiles with other families, one copy of each.</summary>
    public bool SharesTiles => Groups.Any(g => g.SharedTile >= 0);

    /// <summary>Time that the busiest of the tiles it shares works in one inference, for all that stand on it; 0 = it shares none.</summary>
    public long SharedBusyPs { get; init; }

    /// <summary>More copies are of no use, or there cannot be any.</summary>
    public bool HasOneCopy => IsSerial || SharesTiles;

    /// <summary>Tiles of so many copies of each family; what several share counts once.</summary>
    public static long TilesOf(ImmutableArray<TileFamily> families, IReadOnlyList<long> copies)
    {
        ArgumentNullException.ThrowIfNull(copies);
        return families.Select((f, i) => f.Tiles * copies[i]).Sum() + SharedTilesOf(families);
    }

    /// <summary>Tiles that several families share.</summary>
    public static long SharedTilesOf(ImmutableArray<TileFamily> families) => families.SelectMany(f => f.Groups).Select(g => g.SharedTile).Where(t => t >= 0).Distinct().LongCount();

    /// <summary>In the order of their owners.</summary>
    public static ImmutableArray<TileFamily> Of(StageGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ImmutableArray<TileFamily> families =
        [
            .. graph.Stages.Select((stage, i) => (stage.Matrix, Index: i))
                .Where(s => s.Matrix is not null)
                .GroupBy(s => s.Matrix!.SharesTilesOf ?? s.Index)
                .OrderBy(g => g.Key)
                .Select(g => Of(graph, g.Key, [g.Key, .. g.Select(s => s.Index).Where(i => i != g.Key)])),
        ];
        Dictionary<int, long> busy = [];
        foreach (var family in families)
        {
            foreach (var group in family.Groups.Where(g => g.SharedTile >= 0))
            {
                busy[group.SharedTile] = busy.GetValueOrDefault(group.SharedTile) + family.BusyPs(1);
            }
        }

        return busy.Count == 0 ? families : [.. families.Select(f => f with { SharedBusyPs = f.Groups.Where(g => g.SharedTile >= 0).Select(g => busy[g.SharedTile]).DefaultIfEmpty().Max() })];
    }

    /// <summary>Copies with which one inference keeps no tile of the family busy for longer than so many picoseconds, at least: a copy takes whole vectors. Null = no number of copies does.</summary>
    public long? CopiesWithin(long periodPs)
    {
        if (HasOneCopy)
        {
            return BusyPs(1) <= periodPs ? 1 : null;
        }

        long vectors = periodPs / (IntervalPs ?? Rounds);
        return vectors == 0 ? null : Math.Max(1, (Vectors + vectors - 1) / vectors);
    }

    /// <summary>Time that the busiest tile works in one inference; where intervals are not known, its MVMs.</summary>
    public long BusyPs(long copies) => IsSerial && LatencyPs is { } latency ? Vectors * latency : Math.Max(SharedBusyPs, (Vectors + copies - 1) / copies * (IntervalPs ?? Rounds));

    private int Rounds => Groups.Max(g => g.Rounds);

    private static TileFamily Of(StageGraph graph, int owner, ImmutableArray<int> members)
    {
        ImmutableArray<MatrixDemand> demands = [.. members.Select(m => graph.Stages[m].Matrix!)];
        var groups = demands[0].Groups;
        int rounds = groups.Max(g => g.Rounds);
        return new TileFamily
        {
            Owner = owner,
            Members = members,
            Vectors = demands.Sum(d => d.Vectors),
            IntervalPs = demands.Any(d => d.IntervalNs is null) ? null : Math.Max(1, (long)Math.Round(1000 * rounds * demands.Max(d => d.IntervalNs!.Value))),
            LatencyPs = demands.Any(d => d.LatencyNs is null) ? null : (long)Math.Round(1000 * demands.Max(d => d.LatencyNs!.Value)),
            Groups = groups,
            IsSerial = demands.Any(d => d.IsSerial),
            Tiles = groups.Sum(g => (long)g.Tiles),
        };
    }
}

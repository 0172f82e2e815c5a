using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Stages with their copies on cores.</summary>
/// <param name="Stages">Its row groups are those of the mapping.</param>
/// <param name="Mapping">Physical cores and tiles.</param>
public sealed record MappedStages(StageGraph Stages, CoreMapping Mapping)
{
    /// <summary>First physical row and column of the row groups that share a tile.</summary>
    public ImmutableDictionary<(int Stage, int Group), (int Row, int Column)> Places { get; init; } = ImmutableDictionary<(int Stage, int Group), (int Row, int Column)>.Empty;

    private readonly Dictionary<string, int> _stageOf = Stages.Stages.Select((s, i) => (Stages.Values[s.Output].Name, i)).ToDictionary(s => s.Name, s => s.i, StringComparer.Ordinal);
    private readonly ILookup<int, PlacedRowGroup> _groups = Mapping.RowGroups.ToLookup(g => g.Stage);

    /// <summary>The stage that writes a value.</summary>
    internal int StageOf(string value) => _stageOf[value];

    /// <summary>Row groups of all copies of a stage.</summary>
    internal IEnumerable<PlacedRowGroup> GroupsOf(int stage) => _groups[stage];
}

/// <summary>From stages to a mapping on physical cores: copies, cores, places.</summary>
public static class MapCores
{
    /// <summary>The chips that hold one copy of everything; null = rows are not known, they do not, or copies are not asked for and buffers hold what row groups read in order.</summary>
    internal static ChipCapacity? CapacityFor(StagedGraph staged, ChipDescription chip, CompileOptions options)
    {
        int? fitting = PlaceTiles.ChipsFor(staged.Graph, chip, options);
        bool isTooBig = fitting is null && (options.Sharing == TileSharing.Never || PlaceTiles.IsTooBig(staged.Graph, chip, options));
        if (staged.Stages is null || isTooBig)
        {
            return null;
        }

        int chips = fitting ?? options.Chips ?? 1;
        var capacity = ChipCapacity.Of(chip, chips, [.. options.DeadTiles.Where(t => t < chip.TilesPerChip * chips)]);
        return options.Target == MappingTarget.Tiles && HoldsInOrder(staged.Stages, capacity) ? null : capacity;
    }

    /// <summary>Row groups that fit cores, as the target wants them, those that share tiles put together.</summary>
    internal static SharedStages Prepared(StageGraph whole, AnalogGraph<SplitMatrix> graph, TileDescription tile, ChipCapacity capacity, CompileOptions options)
    {
        var cut = CutRowGroups.ForCores(options.Target == MappingTarget.Latency ? CutRowGroups.ForLatency(whole, graph, capacity) : whole, graph, capacity);
        return ShareRowGroups.Run(cut, graph, tile, capacity, options);
    }

    /// <summary>What the target asks of: the interval that tiles, issues and what copies do not shorten allow, or an estimate of the latency.</summary>
    internal static long FigurePs(MappedStages mapped, ChipCapacity capacity)
    {
        var (graph, copies) = (mapped.Stages, mapped.Mapping.Replication.Copies);
        if (mapped.Mapping.Target == MappingTarget.Latency)
        {
            return PipelineEstimate.Latency(graph, capacity, copies, ChooseHomes.MostOf(graph, capacity));
        }

        var families = TileFamily.Of(graph);
        var familyOf = families.ToDictionary(f => f.Owner);
        long issues = mapped.Mapping.RowGroups.GroupBy(g => g.Core).Select(core => core.Sum(g =>
        {
            long vectors = familyOf[g.Stage].Vectors;
            return ((vectors / copies[g.Stage]) + (g.Copy < vectors % copies[g.Stage] ? 1 : 0)) * familyOf[g.Stage].Groups[g.Group].Rounds;
        })).DefaultIfEmpty().Max();
        long busy = families.Select(f => f.BusyPs(copies[f.Owner])).DefaultIfEmpty().Max();
        return Math.Max(Math.Max(busy, issues * (capacity.IssuePs ?? 0)), OtherBound.Of(graph, capacity, families).Ps);
    }

    /// <summary>One copy of everything, tile after tile: the buffer of every core holds the rows that its row groups read.</summary>
    private static bool HoldsInOrder(StageGraph stages, ChipCapacity chip)
    {
        if (chip.BufferBytes is not { } limit || chip.TilesPerCore == 0)
        {
            return true;
        }

        var room = LeastRoom.Of(stages, [.. stages.Stages.Select(_ => 1)], _ => 1);
        Dictionary<int, long> bytes = [];
        long tiles = 0;
        for (int s = 0; s < stages.Stages.Length; s++)
        {
            foreach (var group in stages.Stages[s].Matrix is { SharesTilesOf: null } matrix ? matrix.Groups : [])
            {
                // The last tile of a group may be on the next core, which reads the same rows.
                for (long core = tiles / chip.TilesPerCore; core <= (tiles + Math.Max(0, group.Tiles - 1)) / chip.TilesPerCore; core++)
                {
                    bytes[(int)core] = bytes.GetValueOrDefault((int)core) + stages.Stages[s].Inputs.Sum(i => room.Rows(i.Value, s, 1) * group.InputBytesPerRow);
                }

                tiles += group.Tiles;
            }
        }

        return bytes.Values.All(b => b <= limit);
    }

    /// <param name="whole">Stages of which one copy fits, at least where small row groups share tiles.</param>
    /// <param name="graph">Their layers, among others.</param>
    /// <param name="tile">The tiles of the chips.</param>
    /// <param name="capacity">The chips.</param>
    /// <param name="options">Target, seed, effort.</param>
    /// <param name="runner">Verifies and prints.</param>
    /// <returns>Null = they do not fit.</returns>
    internal static MappedStages? OnChips(StageGraph whole, AnalogGraph<SplitMatrix> graph, TileDescription tile, ChipCapacity capacity, CompileOptions options, PassRunner runner)
    {
        var shared = Prepared(whole, graph, tile, capacity, options);
        var stages = shared.Stages;
        if (!PackCores.FitsWhole(TileFamily.Of(stages), capacity))
        {
            return null;
        }

        var replication = runner.Run("replicate-layers", () => ReplicateLayers.Run(stages, capacity, options), r => Verify(stages, r), r => Print(stages, r));
        var packed = runner.Run("pack-cores", () => PackCores.Run(stages, replication, capacity, options), m => Verify(stages, m, capacity), m => Print(stages, m));
        var placed = runner.Run("place-cores", () => PlaceCores.Run(stages, packed, capacity, options), m => Verify(stages, m, capacity), m => Print(stages, m));
        return new MappedStages(stages, placed) { Places = shared.Places };
    }

    private static void Verify(StageGraph stages, Replication replication)
    {
        foreach (var (stage, copies) in stages.Stages.Zip(replication.Copies))
        {
            if (copies < (stage.Matrix is null ? 0 : 1) || copies > Math.Max(1, ReplicateLayers.MostCopies))
            {
                throw new InvalidIrException(FormattableString.Invariant($"stage '{stage.Name}' has {copies} copies"));
            }
        }
    }

    /// <summary>Row groups are on tiles of their cores, and no tile has two that do not share it.</summary>
    private static void Verify(StageGraph stages, CoreMapping mapping, ChipCapacity chip)
    {
        Verify(stages, mapping.Replication);
        Dictionary<int, int> taken = [];
        foreach (var group in mapping.RowGroups)
        {
            var demand = stages.Stages[group.Stage].Matrix!.Groups[group.Group];
            bool isRight = group.Tiles.Length == (demand.SharedTile < 0 ? demand.Tiles : 1)
                && group.Tiles.All(t => (taken.TryAdd(t, demand.SharedTile) || (demand.SharedTile >= 0 && taken[t] == demand.SharedTile)) && (chip.TilesPerCore == 0 || t / chip.TilesPerCore == group.Core));
            if (!isRight)
            {
                throw new InvalidIrException(FormattableString.Invariant($"row group {group.Group} of copy {group.Copy} of '{stages.Stages[group.Stage].Name}' stands wrong on core {group.Core}"));
            }
        }

        int expected = stages.Stages.Select((s, i) => s.Matrix is { SharesTilesOf: null } m ? m.Groups.Length * mapping.Replication.Copies[i] : 0).Sum();
        if (mapping.RowGroups.Length != expected)
        {
            throw new InvalidIrException(FormattableString.Invariant($"{mapping.RowGroups.Length} row groups of {expected} have cores"));
        }
    }

    private static string Print(StageGraph stages, Replication replication)
    {
        StringBuilder text = new();
        foreach (var (stage, copies) in stages.Stages.Zip(replication.Copies).Where(s => s.First.Matrix is not null))
        {
            text.Append(CultureInfo.InvariantCulture, $"{stage.Name}: {copies} x {stage.Matrix!.Tiles} tiles, {stage.Matrix.Vectors} vectors\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"interval {replication.IntervalNs?.ToString(CultureInfo.InvariantCulture) ?? "n/m"} ns{(replication.StoppedBy is { } by ? $", {by} allows no less" : "")}\n").ToString();
    }

    private static string Print(StageGraph stages, CoreMapping mapping)
    {
        StringBuilder text = new();
        foreach (var group in mapping.RowGroups)
        {
            text.Append(CultureInfo.InvariantCulture, $"{stages.Stages[group.Stage].Name} copy {group.Copy} group {group.Group}: core {group.Core}, tiles {string.Join(" ", group.Tiles)}\n");
        }

        foreach (var (value, homes) in stages.Values.Zip(mapping.Homes))
        {
            text.Append(CultureInfo.InvariantCulture, $"%{value.Name} at home on {string.Join(" ", homes)}\n");
        }

        return text.ToString();
    }
}

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Every way to run a network that needs more tiles than there are, with what it should cost: segments, more chips, digital layers, tiles that small matrices share. Predicted from stages and chip alone,
/// before anything is placed (<see cref="MappingEstimate"/>).</summary>
internal static class FitAlternatives
{
    private const double PsPerS = 1e12;
    private const double PjPerJ = 1e12;
    private const int FewNames = 3;

    /// <param name="staged">The network.</param>
    /// <param name="divided">The same with layers that are larger than the chip in parts (<see cref="DivideLayers"/>).</param>
    /// <param name="chip">Its chip, which is too small.</param>
    /// <param name="options">Chips, target, batch of a segment.</param>
    public static ImmutableArray<FitAlternative> Of(StagedGraph staged, StagedGraph divided, ChipDescription chip, CompileOptions options)
    {
        var graph = staged.Graph;
        int chips = options.Chips ?? 1;
        var ways = ImmutableArray.CreateBuilder<FitAlternative>();
        ways.Add(Segments(divided, chip, options, divided.Graph.Layers.Length - graph.Layers.Length));
        ways.Add(MoreChips(staged, chip, options));
        if (PlaceTiles.DigitalLayers(graph, chip, options) is { } digital)
        {
            ways.Add(Digital(staged, chip, options, chips, digital));
        }

        if (options.Sharing == TileSharing.Never && ShareTiles.Run(graph, chip.Tile).Tiles is var tiles && tiles <= PlaceTiles.CapacityOf(chip, options))
        {
            ways.Add(Whole("--share-tiles auto", staged, chip, options with { Target = MappingTarget.Tiles }, chips, tiles, "one copy; layers on one tile take turns"));
        }

        return ways.ToImmutable();
    }

    private static FitAlternative Segments(StagedGraph staged, ChipDescription chip, CompileOptions options, int added)
    {
        const string Lever = "--fallback segments";
        int chips = options.Chips ?? 1;
        if (CutSegments.Run(staged, chip, options, out string objection) is not { } plan)
        {
            return new FitAlternative(Lever, chips, 0, 0, null, null, null, 0, $"impossible: {objection}");
        }

        double? energy = Energy(staged, chip, [])
            + ((plan.Segments.Sum(s => s.Reload.EnergyJ ?? 0) / plan.Batch) + (8 * plan.CrossingBytes * (chip.OffChip?.PjPerBit ?? 0) / PjPerJ));
        string batch = plan.Batch == 1 ? "" : FormattableString.Invariant($", {plan.Batch} inferences a load");
        return WithStatic(new FitAlternative(
            Lever,
            chips,
            plan.Segments.Max(s => s.Tiles),
            plan.Segments.Length,
            plan.ReloadS,
            plan.IntervalS,
            energy,
            plan.CrossingBytes,
            FormattableString.Invariant($"{plan.Segments.Sum(s => s.Reload.Bytes):N0} bytes of weights{batch}{(added > 0 ? FormattableString.Invariant($", layers larger than the chip in {added} parts more") : "")}")), chip);
    }

    /// <summary>What whole chips take anyway, as far as the chip says.</summary>
    private static FitAlternative WithStatic(FitAlternative way, ChipDescription chip) =>
        way with { EnergyJ = way.EnergyJ + ((ChipRollUp.Of(chip).StaticMw ?? 0) * 1e-3 * way.Chips * (way.IntervalS ?? 0)) };

    private static FitAlternative MoreChips(StagedGraph staged, ChipDescription chip, CompileOptions options)
    {
        long needed = PlaceTiles.TilesOf(staged.Graph);
        int chips = PlaceTiles.ChipsOf(needed, chip.TilesPerChip!.Value, options with { Chips = null });
        var way = Whole(FormattableString.Invariant($"--chips {chips}"), staged, chip, options, chips, needed, "");
        if (staged.Stages is not { } stages)
        {
            return way;
        }

        (long traffic, long busiest) = BoardTraffic(stages, chip.TilesPerChip.Value);
        double? board = busiest * ChipCapacity.Of(chip, chips).BoardPsPerKilobyte / 1000 / PsPerS;
        double perBit = (chip.Board is { } link ? link.PjPerBit : chip.OffChip?.PjPerBit) ?? 0;
        double longer = Math.Max(0, (board ?? 0) - way.IntervalS ?? 0);
        return WithStatic(way with { IntervalS = longer, EnergyJ = way.EnergyJ + (8 * traffic * perBit / PjPerJ) }, chip) with
        {
            IntervalS = way.IntervalS + longer,
            TrafficBytes = traffic,
        };
    }

    private static FitAlternative Digital(StagedGraph staged, ChipDescription chip, CompileOptions options, int chips, ImmutableArray<AnalogLayer<SplitMatrix>> digital)
    {
        string[] names = [.. digital.Select(l => l.Name)];
        long macs = digital.Sum(l => l.Macs);
        var unit = chip.Core.Digital;
        string time = macs * 2 * unit.NsPerOp / unit.Lanes * 1e-9 is { } seconds ? FormattableString.Invariant($", {seconds:G3} s on one unit") : "";
        string more = names.Length > FewNames ? FormattableString.Invariant($" and {names.Length - FewNames} more") : "";
        return Whole(
            "--fallback digital",
            staged with { Stages = staged.Stages is { } stages ? WithDigital(stages, digital) : null },
            chip,
            options,
            chips,
            PlaceTiles.TilesOf(staged.Graph) - digital.Where(l => l.SharesTilesOf is null).Sum(PlaceTiles.TilesOf),
            FormattableString.Invariant($"digital: {string.Join(", ", names.Take(FewNames))}{more}; {macs:N0} MACs{time}"),
            digital);
    }

    /// <summary>All on the chips at once.</summary>
    private static FitAlternative Whole(string lever, StagedGraph staged, ChipDescription chip, CompileOptions options, int chips, long tiles, string detail, ImmutableArray<AnalogLayer<SplitMatrix>> digital = default)
    {
        double? interval = null;
        if (staged.Stages is { } stages)
        {
            interval = MappingEstimate.Of(stages, ChipCapacity.Of(chip, chips), options.Target).IntervalPs / PsPerS;
        }

        return WithStatic(new FitAlternative(lever, chips, tiles, 0, 0, interval, Energy(staged, chip, digital.IsDefault ? [] : digital), 0, detail), chip);
    }

    /// <summary>The stages with some layers on vector units.</summary>
    private static StageGraph WithDigital(StageGraph stages, ImmutableArray<AnalogLayer<SplitMatrix>> digital)
    {
        var macs = digital.ToDictionary(l => l.Output, l => l.Macs, StringComparer.Ordinal);
        return stages with
        {
            Stages =
            [
                .. stages.Stages.Select(s => s.Matrix is not null && macs.TryGetValue(stages.Values[s.Output].Name, out long count)
                    ? s with { Kind = StageKind.Digital, Matrix = null, OperationsPerRow = 2 * count / stages.Values[s.Output].Rows }
                    : s),
            ],
        };
    }

    /// <summary>Layers in their order, chip after chip; what is digital stays where its first input is.</summary>
    /// <returns>Bytes from chip to chip in one inference, and those of the busiest chip's link.</returns>
    private static (long Bytes, long Busiest) BoardTraffic(StageGraph stages, long tilesPerChip)
    {
        long tiles = 0;
        int[] chipOf = new int[stages.Stages.Length];
        HashSet<(int Value, int Chip)> sent = [];
        Dictionary<int, long> loads = [];
        int ChipOf(int value) => stages.Values[value].Producer is >= 0 and var producer ? chipOf[producer] : 0;
        for (int s = 0; s < chipOf.Length; s++)
        {
            var stage = stages.Stages[s];
            if (stage.Matrix is { } matrix)
            {
                chipOf[s] = matrix.SharesTilesOf is { } owner ? chipOf[owner] : (int)(tiles / tilesPerChip);
                tiles += matrix.SharesTilesOf is null ? matrix.Tiles : 0;
            }
            else
            {
                chipOf[s] = stage.Inputs.Where(i => !i.IsCarried).Select(i => ChipOf(i.Value)).FirstOrDefault();
            }

            foreach (int value in stage.Inputs.Select(i => i.Value).Where(v => stages.Values[v].Producer < s && ChipOf(v) != chipOf[s]))
            {
                if (sent.Add((value, chipOf[s])))
                {
                    long bytes = stages.Values[value].Rows * stages.Values[value].BytesPerRow;
                    loads[2 * ChipOf(value)] = loads.GetValueOrDefault(2 * ChipOf(value)) + bytes;
                    loads[(2 * chipOf[s]) + 1] = loads.GetValueOrDefault((2 * chipOf[s]) + 1) + bytes;
                }
            }
        }

        return (sent.Sum(v => stages.Values[v.Value].Rows * stages.Values[v.Value].BytesPerRow), loads.Values.DefaultIfEmpty(0).Max());
    }

    /// <summary>Of one inference: tiles and buffers of all layers but some, whose MACs are digital operations like the others; null = tiles say nothing of it.</summary>
    private static double? Energy(StagedGraph staged, ChipDescription chip, ImmutableArray<AnalogLayer<SplitMatrix>> digital)
    {
        var off = digital.Select(l => l.Id).ToHashSet();
        double? pj = 0;
        foreach (var layer in staged.Graph.Layers)
        {
            var energy = LayerCost.Of(chip, WorkOf(layer, chip.Tile)).Energy;
            pj += off.Contains(layer.Id) ? 2 * layer.Macs * (chip.Core.Digital.PjPerOp ?? 0) : energy.TilesPj + (energy.BufferPj ?? 0);
        }

        double operations = staged.Stages is { } stages ? stages.Stages.Where(s => s.Kind == StageKind.Digital).Sum(s => (double)s.OperationsPerRow * stages.Values[s.Output].Rows) : 0;
        return (pj + (operations * (chip.Core.Digital.PjPerOp ?? 0))) / PjPerJ;
    }

    /// <summary>What one copy asks of its tiles; blocks of a bundle are driven in turn.</summary>
    private static LayerWork WorkOf(AnalogLayer<SplitMatrix> layer, TileDescription tile)
    {
        TileGeometry geometry = new(tile);
        var blocks = layer.Weights.Blocks;
        int rounds = blocks.GroupBy(b => b.Bundle).Select(b => b.Count()).DefaultIfEmpty(1).Max();
        int rowTiles = rounds == 1 ? Math.Max(1, blocks.Select(b => b.RowBlock).Distinct().Count()) : 1;
        int columnTiles = rounds == 1 ? Math.Max(1, blocks.Length / rowTiles) : blocks.Max(b => b.Bundle) + 1;
        long rows = blocks.Sum(b => (long)b.Groups * b.RowCount);
        long columns = blocks.Sum(b => (long)b.Groups * b.ColumnCount);
        long cells = blocks.Sum(b => (long)b.Groups * b.RowCount * b.Groups * b.ColumnCount);
        return new LayerWork(
            layer.Name,
            Rows: Each(rows, (long)columnTiles * rounds),
            Columns: Each(columns, (long)rowTiles * rounds),
            MvmsPerInference: layer.VectorsPerInference * rounds,
            RowTiles: rowTiles,
            ColumnTiles: columnTiles,
            Copies: 1,
            UsedRows: Each(rows * geometry.PhysicalRowsPerWeight, rounds),
            UsedColumns: Each(columns * geometry.PhysicalColumnsPerWeight, rounds),
            UsedCells: Each(cells * geometry.PhysicalRowsPerWeight * geometry.PhysicalColumnsPerWeight, rounds),
            Macs: layer.Macs)
        {
            Tiles = PlaceTiles.TilesOf(layer with { SharesTilesOf = null }),
            UnsignedCodes = InputEncoding.Of(tile.Input, layer.InputIsNonNegative).IsUnsigned,
        };
    }

    private static long Each(long count, long of) => (count + of - 1) / of;
}

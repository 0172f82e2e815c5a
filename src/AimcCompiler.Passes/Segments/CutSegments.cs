using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Cuts a network that needs more tiles than there are into segments, which are loaded one after the other: for the order in which the program runs, the cuts with the least sum of loading and running
/// (docs/mapping.md, "Too big for the chip").
/// <code>
/// before:  conv1 (20 tiles), conv2 (60 tiles), fc (30 tiles); 64 tiles        after:  segment 0: conv1; segment 1: conv2; segment 2: fc
/// </code></summary>
internal static class CutSegments
{
    /// <param name="staged">The graph with its stages.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="options">Target, chips, batch.</param>
    /// <param name="objection">Why there is no plan; "" = there is.</param>
    public static SegmentPlan? Run(StagedGraph staged, ChipDescription chip, CompileOptions options, out string objection)
    {
        if (staged.Stages is not { } stages)
        {
            objection = staged.NotScheduled!;
            return null;
        }

        int chips = options.Chips ?? 1;
        var capacity = ChipCapacity.Of(chip, chips, [.. options.DeadTiles.Where(t => t < chip.TilesPerChip * chips)]);
        Costs costs = new(staged.Graph, stages, chip, capacity, options);
        if (SegmentCuts.Best(costs.Units.Length, (i, j) => costs.Of(i, j)?.BatchS(options.SegmentBatch)) is not { } first)
        {
            objection = costs.Objection();
            return null;
        }

        objection = "";
        return new SegmentPlan(chips, options.SegmentBatch, [.. first.Zip(first.Skip(1).Append(costs.Units.Length)).Select(s => costs.Of(s.First, s.Second)!)]) { Channels = staged.Channels };
    }

    /// <summary>Parts of the layers that alone need more tiles than there are; those that cannot be divided are left out.</summary>
    public static Dictionary<LayerId, LayerDivision> Divisions(AnalogGraph<SplitMatrix> graph, ChipDescription chip, CompileOptions options)
    {
        long tiles = PlaceTiles.CapacityOf(chip, options);
        TileGeometry geometry = new(chip.Tile);
        var inLoops = graph.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToHashSet();
        var products = graph.Layers.GroupBy(l => l.Origin).ToDictionary(g => g.Key, g => g.Count());
        Dictionary<LayerId, LayerDivision> divisions = [];
        if (!NoiseKeys.HasDivisions(EmitProgram.NumbersOf(graph.Source)))
        {
            return divisions;
        }

        foreach (var layer in graph.Layers.Where(l => !inLoops.Contains(l.Id) && products[l.Origin] == 1 && l.Part == 0 && l.Weights.Packing == DepthwisePolicy.Digital))
        {
            if (PlaceTiles.TilesOf(layer with { SharesTilesOf = null }) > tiles && LayerDivision.Of(layer.Weights.Quantized, geometry, tiles) is { } division)
            {
                divisions.Add(layer.Id, division);
            }
        }

        return divisions;
    }

    public static string Print(SegmentPlan plan)
    {
        StringBuilder text = new();
        foreach (var (segment, number) in plan.Segments.Select((s, i) => (s, i)))
        {
            text.Append(CultureInfo.InvariantCulture, $"segment {number}: {string.Join(", ", segment.Stages.Stages.Where(s => s.Matrix is not null).Select(s => s.Name))}\n");
            text.Append(CultureInfo.InvariantCulture, $"  {segment.Tiles} tiles, {(segment.Replicates ? "copies" : "one copy")}, load {segment.Reload.Bytes} bytes, {segment.CrossingBytes} bytes to and from other segments\n");
        }

        return text.ToString();
    }

    /// <summary>Layers whose tiles' owner is in another segment have tiles of their own: they are loaded by themselves.</summary>
    public static AnalogGraph<SplitMatrix> Separate(AnalogGraph<SplitMatrix> graph, SegmentPlan plan)
    {
        Dictionary<(LayerId, int), LayerId> owners = [];
        return graph with
        {
            Layers =
            [
                .. graph.Layers.Select(layer =>
                {
                    var family = (layer.SharesTilesOf ?? layer.Id, plan.SegmentOfLayer(layer.Output));
                    return layer with { SharesTilesOf = owners.TryAdd(family, layer.Id) ? null : owners[family] };
                }),
            ],
        };
    }

    /// <summary>Costs of the segments of units i to j - 1.</summary>
    private sealed class Costs
    {
        private readonly StageGraph _stages;
        private readonly ChipCapacity _capacity;
        private readonly CompileOptions _options;
        private readonly long _limit;

        /// <summary>To load one copy of what a stage has on tiles.</summary>
        private readonly ReloadCost?[] _reloads;

        public Costs(AnalogGraph<SplitMatrix> graph, StageGraph stages, ChipDescription chip, ChipCapacity capacity, CompileOptions options)
        {
            (_stages, _capacity, _options, _limit) = (stages, capacity, options, capacity.Tiles ?? long.MaxValue);
            Units = SegmentUnits.Of(graph, stages);
            var layers = graph.Layers.ToDictionary(l => l.Output, StringComparer.Ordinal);
            _reloads =
            [
                .. stages.Stages.Select(s => s.Matrix is null
                    ? null
                    : ReloadCost.Of(chip, capacity.Chips, [.. layers[stages.Values[s.Output].Name].Weights.Blocks.Select(b => (b.Bundle, b.Groups * b.RowCount, b.Groups * b.ColumnCount))])),
            ];
        }

        public ImmutableArray<SegmentUnit> Units { get; }

        /// <summary>Null = too many tiles.</summary>
        public PlannedSegment? Of(int first, int end)
        {
            long tiles = TilesOf(first, end);
            if (tiles > _limit)
            {
                return null;
            }

            var units = Units[first..end];
            var graph = SegmentStages.Of(_stages, [.. units.SelectMany(u => u.Stages).Order()]);
            var one = Segment(MappingEstimate.OfOneCopy(graph, _capacity), replicates: false);
            if (_options.Target == MappingTarget.Tiles)
            {
                return one;
            }

            var copies = Segment(MappingEstimate.Of(graph, _capacity, _options.Target), replicates: true);
            return copies.BatchS(_options.SegmentBatch) <= one.BatchS(_options.SegmentBatch) ? copies : one;

            PlannedSegment Segment(MappingEstimate estimate, bool replicates)
            {
                int[] members = [.. units.SelectMany(u => u.Stages).Order()];
                var reload = members.Select((s, i) => graph.Stages[i].Matrix is { SharesTilesOf: null } ? _reloads[s]!.OfCopies(estimate.Copies[i]) : null)
                    .OfType<ReloadCost>().DefaultIfEmpty(new ReloadCost(0, null, 0, 0)).Aggregate((sum, one) => sum.With(one));
                return new PlannedSegment(units, graph, tiles, replicates, estimate, reload, CrossingBytes(graph));
            }
        }

        /// <summary>The first unit that does not fit.</summary>
        public string Objection()
        {
            int unit = Enumerable.Range(0, Units.Length).First(u => TilesOf(u, u + 1) > _limit);
            string names = string.Join(", ", Units[unit].Stages.Select(s => _stages.Stages[s]).Where(s => s.Matrix is not null).Select(s => $"'{s.Name}'"));
            return FormattableString.Invariant($"layer {names} alone needs {TilesOf(unit, unit + 1)} of {_limit} tiles and is not divided (recurrences, packed groups and what would take over {NoiseKeys.PartsOfMatrix} parts are not)");
        }

        private long TilesOf(int first, int end)
        {
            HashSet<int> families = [];
            long tiles = 0;
            foreach (int s in Units[first..end].SelectMany(u => u.Stages))
            {
                if (_stages.Stages[s].Matrix is { } matrix && families.Add(matrix.SharesTilesOf ?? s))
                {
                    tiles += matrix.Tiles;
                }
            }

            return tiles;
        }

        private long CrossingBytes(StageGraph graph)
        {
            var whole = _stages.Values.ToDictionary(v => v.Name, StringComparer.Ordinal);
            return graph.Values.Where(v => v.Producer < 0 ? whole[v.Name].Producer >= 0 : v.IsOutput && !whole[v.Name].IsOutput).Sum(v => v.Rows * v.BytesPerRow);
        }
    }
}

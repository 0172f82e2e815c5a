using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Weighs for every convolution how many outputs side by side one vector gives. More of them ask for more rows and columns, so for tiles, but for fewer vectors: it pays where a kernel leaves tiles half empty, and where cores begin
/// MVMs no faster. The least interval with which some choice fits tiles and issues is found by bisection; of that interval every layer gets the way of the fewest tiles, or of the fewest issues where those are what is short. Kernels are
/// shifted only where the interval (or the latency, where that is the target) becomes shorter.
/// <code>
/// before:  conv1 27 x 16, 1 tile, 12,544 vectors; tiles of 128 x 128      after:  conv1 with 8 shifts, 90 x 128, 1 tile, 1,568 vectors
/// </code></summary>
internal static class ChooseShifts
{
    /// <summary>Less than a thousandth is not worth it: cells of zeros are cells.</summary>
    private const double Gain = 0.999;

    /// <summary>A number of shifts of a stage, and the row groups that it has then.</summary>
    private sealed record Way(ShiftOption Option, ImmutableArray<RowGroupDemand> Groups, int Columns);

    /// <param name="staged">Kernels that stand in their matrices once.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="capacity">What of it the network gets.</param>
    /// <param name="options">Target, and what of zeros and depthwise convolutions.</param>
    /// <returns>Null = nothing was weighed.</returns>
    public static ShiftPlan? Run(StagedGraph staged, ChipDescription chip, ChipCapacity capacity, CompileOptions options)
    {
        // A wider window drives pulses that a narrower one skips: how many is measured only afterwards.
        if (options.Shifts == ShiftPolicy.Never || options.Target == MappingTarget.Tiles || capacity.Tiles is null || chip.Tile.Input.SkipsZeroPulses == true || staged.Stages is not { } whole)
        {
            return null;
        }

        var families = TileFamily.Of(whole);
        var ways = WaysOf(whole, families, staged.Graph, chip, capacity, options);
        bool isKnown = families.All(f => f.IntervalPs is not null);
        if (ways.Count == 0 || !isKnown || !ReplicateLayers.Fits(families, [.. families.Select(_ => 1L)], capacity))
        {
            return null;
        }

        var unshifted = MapCores.Prepared(whole, staged.Graph, chip.Tile, capacity, options).Stages;
        long unshiftedPs = FigurePs(unshifted, capacity, options);
        long bestPs = unshiftedPs;
        ImmutableArray<FamilyWay> best = [];
        foreach (var choice in Candidates(whole, families, ways, capacity, options, unshifted))
        {
            if (choice.Any(w => w.Alternative >= 0) && FigurePs(With(whole, families, ways, choice), capacity, options) is var ps && ps < bestPs && ps < unshiftedPs * Gain)
            {
                (best, bestPs) = (choice, ps);
            }
        }

        var idOf = staged.Graph.Layers.ToDictionary(l => l.Output, l => l.Id, StringComparer.Ordinal);
        string OutputOf(int stage) => whole.Values[whole.Stages[stage].Output].Name;
        return new ShiftPlan(
            best.Zip(families).Where(b => b.First.Alternative >= 0)
                .SelectMany(b => b.Second.Members.Select(m => KeyValuePair.Create(idOf[OutputOf(m)], ways[m][b.First.Alternative].Option.Shifts))).ToImmutableDictionary(),
            ways.ToImmutableDictionary(w => OutputOf(w.Key), w => w.Value.Select(o => o.Option).Prepend(Unshifted(whole.Stages[w.Key])).ToImmutableArray(), StringComparer.Ordinal),
            unshiftedPs);
    }

    /// <summary>What the target asks of, of one copy of everything with as many more as pay.</summary>
    private static long FigurePs(StageGraph graph, ChipCapacity capacity, CompileOptions options)
    {
        var families = TileFamily.Of(graph);
        if (!ReplicateLayers.Fits(families, [.. families.Select(_ => 1L)], capacity))
        {
            return long.MaxValue;
        }

        return options.Target == MappingTarget.Throughput
            ? Math.Max(ReplicateLayers.LeastInterval(families, capacity), OtherBound.Of(graph, capacity, families).Ps)
            : PipelineEstimate.Latency(graph, capacity, ReplicateLayers.Run(graph, capacity, options).Copies, ChooseHomes.MostOf(graph, capacity));
    }

    /// <summary>The choice of the least interval; for latency also that of a longer one, which has fewer copies.</summary>
    private static IEnumerable<ImmutableArray<FamilyWay>> Candidates(
        StageGraph whole, ImmutableArray<TileFamily> families, Dictionary<int, ImmutableArray<Way>> ways, ChipCapacity capacity, CompileOptions options, StageGraph unshifted)
    {
        FamilyWays all = new(WithAlternatives(whole, ways), families, capacity);
        long high = FigurePs(unshifted, capacity, options with { Target = MappingTarget.Throughput });
        long low = 1;
        var least = all.Within(high);
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (all.Within(middle) is { } fitting)
            {
                (high, least) = (middle, fitting);
            }
            else
            {
                low = middle + 1;
            }
        }

        if (least is { } choice)
        {
            yield return choice;
        }

        if (options.Target == MappingTarget.Latency && all.Within(4 * high) is { } longer)
        {
            yield return longer;
        }
    }

    private static StageGraph WithAlternatives(StageGraph whole, Dictionary<int, ImmutableArray<Way>> ways) => whole with
    {
        Stages = [.. whole.Stages.Select((s, i) => ways.TryGetValue(i, out var own) ? s with { Matrix = s.Matrix! with { Alternatives = [.. own.Select(w => w.Option)] } } : s)],
    };

    /// <summary>The stages as they would be; what row groups read is not said.</summary>
    private static StageGraph With(StageGraph whole, ImmutableArray<TileFamily> families, Dictionary<int, ImmutableArray<Way>> ways, ImmutableArray<FamilyWay> choice)
    {
        var stages = whole.Stages.ToBuilder();
        foreach (var (family, chosen) in families.Zip(choice).Where(f => f.Second.Alternative >= 0))
        {
            foreach (int member in family.Members)
            {
                var (stage, way) = (stages[member], ways[member][chosen.Alternative]);
                int perRow = way.Option.VectorsPerRow;
                stages[member] = stage with
                {
                    OperationsPerRow = (long)perRow * way.Columns,
                    Matrix = stage.Matrix! with { Vectors = (long)perRow * whole.Values[stage.Output].Rows, VectorsPerRow = perRow, Groups = way.Groups, Columns = way.Columns },
                };
            }
        }

        return whole with { Stages = stages.ToImmutable() };
    }

    private static ShiftOption Unshifted(Stage stage)
    {
        var matrix = stage.Matrix!;
        return new ShiftOption(
            1,
            matrix.VectorsPerRow,
            matrix.Tiles,
            matrix.Groups.Sum(g => (long)g.Rounds),
            matrix.Groups.Max(g => g.Rounds),
            matrix.AdditionsPerVector + (stage.OperationsPerRow / matrix.VectorsPerRow));
    }

    /// <summary>By stage: the numbers of shifts with which the layer takes fewer tiles, or fewer issues, for as many outputs in a time.</summary>
    private static Dictionary<int, ImmutableArray<Way>> WaysOf(
        StageGraph whole, ImmutableArray<TileFamily> families, AnalogGraph<SplitMatrix> graph, ChipDescription chip, ChipCapacity capacity, CompileOptions options)
    {
        var layers = graph.Layers.ToDictionary(l => l.Output, StringComparer.Ordinal);
        Dictionary<int, ImmutableArray<Way>> ways = [];
        foreach (var family in families.Where(f => !f.HasOneCopy))
        {
            var members = family.Members.Select(m => (Stage: whole.Stages[m], Layer: layers[whole.Values[whole.Stages[m].Output].Name])).ToArray();
            if (!members.All(m => IsShiftable(whole, m.Stage, m.Layer, graph, chip, members[0].Layer.View)))
            {
                continue;
            }

            var widths = members.Select(m => graph.Source.Facts[m.Layer.Output].Shape[^1]).ToArray();
            Shape shape = new(members[0].Layer, chip, options);
            var own = Unshifted(members[0].Stage);
            List<Way>[] found = [.. members.Select(_ => new List<Way>())];
            for (int shifts = 2; shifts <= Math.Min(widths.Min(), ConvolutionView.MostShifts); shifts++)
            {
                if (widths.All(w => (w + shifts - 1) / shifts == (w + shifts - 2) / (shifts - 1)))
                {
                    continue; // no fewer vectors than one shift less
                }

                var (groups, columns) = shape.With(shifts);
                long tiles = groups.Sum(g => (long)g.Tiles);
                if (tiles > capacity.Tiles)
                {
                    break;
                }

                long issues = groups.Sum(g => (long)g.Rounds);
                long adds = Math.Max(0, groups.Sum(g => (long)g.Columns) - columns);
                Way[] of =
                [
                    .. members.Zip(widths).Select(m => new Way(
                        new ShiftOption(
                            shifts,
                            (int)(m.First.Stage.Matrix!.VectorsPerRow / m.Second * ((m.Second + shifts - 1) / shifts)),
                            tiles,
                            issues,
                            groups.Max(g => g.Rounds),
                            columns + adds),
                        groups,
                        columns)),
                ];
                long before = members.Sum(m => m.Stage.Matrix!.Vectors);
                long after = members.Zip(of).Sum(m => m.First.Stage.Matrix!.Vectors / m.First.Stage.Matrix.VectorsPerRow * m.Second.Option.VectorsPerRow);
                if (after * tiles * groups.Max(g => g.Rounds) < before * own.Tiles * own.Rounds || after * issues < before * own.Issues)
                {
                    foreach (var (list, way) in found.Zip(of))
                    {
                        list.Add(way);
                    }
                }
            }

            foreach (var (member, list) in family.Members.Zip(found).Where(f => f.Second.Count > 0))
            {
                ways.Add(member, [.. list]);
            }
        }

        return ways;
    }

    /// <summary>Lines of outputs make rows; every vector has the same input scale, so that its codes do not depend on what else is in it; and the kernel moves as that of the others on its tiles.</summary>
    private static bool IsShiftable(StageGraph whole, Stage stage, AnalogLayer<SplitMatrix> layer, AnalogGraph<SplitMatrix> graph, ChipDescription chip, InputView first)
    {
        var shape = graph.Source.Facts[layer.Output].Shape;
        return layer.View is ConvolutionView { Kernel.Length: >= 2 } view && first is ConvolutionView other
            && view.Kernel.SequenceEqual(other.Kernel) && view.Strides.SequenceEqual(other.Strides) && view.Dilations.SequenceEqual(other.Dilations)
            && !RowGroups.HasScaleOfVector(layer, chip)
            && stage.Loop is null
            && whole.Values[stage.Output].Rows == shape[2]
            && stage.Matrix!.VectorsPerRow % shape[^1] == 0;
    }

    /// <summary>Rows, columns and blocks of a layer's matrix with shifts.</summary>
    private sealed class Shape
    {
        private readonly ConvolutionView _view;
        private readonly int _groups;
        private readonly int _columns;
        private readonly DepthwisePolicy _packing;
        private readonly TileGeometry _geometry;
        private readonly ChipDescription _chip;

        /// <summary>Which taps of the last axis are in the matrix, and for how many channels and positions; without zeros all.</summary>
        private readonly ImmutableArray<(int[] Taps, int Count)> _lines;

        public Shape(AnalogLayer<SplitMatrix> layer, ChipDescription chip, CompileOptions options)
        {
            var matrix = layer.Weights.Quantized;
            _view = (ConvolutionView)layer.View;
            (_groups, _columns, _chip) = (matrix.Groups, matrix.Columns, chip);
            _packing = layer.IsDepthwise ? options.Depthwise : DepthwisePolicy.Digital;
            _geometry = new TileGeometry(chip.Tile);
            int width = _view.Kernel[^1];
            _lines = matrix.KeptRows is not { } kept
                ? [(Enumerable.Range(0, width).ToArray(), matrix.Rows / width)]
                : [.. kept.Indices.GroupBy(r => r / width, r => r % width).Select(g => g.ToArray()).GroupBy(t => string.Join(' ', t)).Select(g => (g.First(), g.Count()))];
        }

        /// <returns>Row groups, and output columns over all groups.</returns>
        public (ImmutableArray<RowGroupDemand> Groups, int Columns) With(int shifts)
        {
            int rows = _lines.Sum(l => l.Count * Enumerable.Range(0, shifts).SelectMany(s => l.Taps.Select(t => (s * _view.Strides[^1]) + (t * _view.Dilations[^1]))).Distinct().Count());
            var (packing, blocks) = SplitWeights.Cut(_groups, rows, _columns * shifts, _packing, _geometry);
            return (RowGroups.OfShape(SplitWeights.Bundled(blocks, packing, _columns * shifts, _geometry), packing, _columns * shifts, _chip), _groups * _columns * shifts);
        }
    }
}

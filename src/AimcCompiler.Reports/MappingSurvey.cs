using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Counts a program and puts the report together.</summary>
internal static class MappingSurvey
{
    /// <summary>Operators that multiply and accumulate, wherever they run.</summary>
    private static readonly HashSet<string> MacOps = new(StringComparer.Ordinal)
    {
        "Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "Einsum",
        "LSTM", "GRU", "RNN", "Attention", "com.microsoft.Attention", "com.microsoft.MultiHeadAttention", "com.microsoft.GroupQueryAttention",
        "com.microsoft.FusedConv", "com.microsoft.FusedGemm", "com.microsoft.FusedMatMul", "com.microsoft.MatMulNBits", "com.microsoft.QGemm",
        "com.microsoft.MatMulIntegerToFloat", "com.microsoft.DynamicQuantizeMatMul", "com.microsoft.QAttention", "com.microsoft.DynamicQuantizeLSTM",
    };

    public static MappingReport Report(MappedProgram program)
    {
        ImmutableArray<LayerSurvey> surveys = [.. Enumerable.Range(0, program.Layers.Length).Select(i => new LayerSurvey(program, i))];
        NetworkCost cost = CostOf(program, surveys);
        ImmutableArray<LayerReport> layers = [.. surveys.Zip(cost.Layers, (s, c) => LayerOf(program, s, c))];
        long tilesUsed = BoundSurvey.TilesUsed(program);
        long tilesLoaded = BoundSurvey.TilesLoaded(program);
        var segments = SegmentSurvey.Of(program);
        long cellsOfTile = (long)program.Chip.Tile.Rows * program.Chip.Tile.Columns;
        long cellsUsed = surveys.Where(s => s.Layer.SharesTilesOf is null).Sum(s => s.CellsUsed);
        long analogMacs = surveys.Sum(s => s.Macs);
        long digitalMacs = DigitalMacs(program, analogMacs, out bool isEstimate);
        long analogParameters = surveys.Where(s => s.Layer.SharesTilesOf is null).Sum(s => s.Layer.ModelWeights);
        return new MappingReport
        {
            Producer = program.Producer,
            Model = program.ModelName,
            ModelSha256 = program.ModelSha256,
            ModelParameters = program.ModelParameters,
            Chip = program.Chip.Name,
            Chips = program.Chips,
            Calibration = program.Calibration,
            Batch = program.Batch,
            TilesUsed = tilesUsed,
            TilesTotal = TilesTotal(program),
            CellsUsed = cellsUsed,
            CellsOfUsedTiles = tilesLoaded * cellsOfTile,
            Utilization = tilesLoaded == 0 ? null : cellsUsed / ((double)tilesLoaded * cellsOfTile),
            AnalogMacs = analogMacs,
            DigitalMacs = digitalMacs,
            AnalogMacShare = Share(analogMacs, analogMacs + digitalMacs),
            AnalogMacShareIsEstimate = isEstimate,
            AnalogParameters = analogParameters,
            // Weights that the compiler computed are not among the model's parameters; more than all of the model cannot be there.
            AnalogParameterShare = Share(Math.Min(analogParameters, program.ModelParameters), program.ModelParameters),
            DepthwiseParametersDigital = program.Nodes.Where(n => n.Reason == FallbackReason.Depthwise).Sum(n => n.Parameters),
            NodesAnalog = program.Nodes.Count(n => n.Home == Home.Analog),
            NodesDigital = program.Nodes.Count(n => n.Home == Home.Digital && n.Reason != FallbackReason.Folded),
            NodesHost = program.Nodes.Count(n => n.Home == Home.Host),
            NodesFolded = program.Nodes.Count(n => n.Reason == FallbackReason.Folded),
            DigitalPartitions = program.Partitions.Length,
            DigitalOperations = program.Partitions.Sum(p => p.Operations),
            Nodes = [.. program.Nodes.Select(n => NodeOf(program, n))],
            Layers = layers,
            Estimate = EstimateSurvey.Of(program, cost, segments),
            Bounds = Bounds(program, surveys, cost, tilesLoaded),
            Segments = segments,
            SegmentBatch = program.SegmentBatch,
            Findings = [.. Findings(program, surveys, layers)],
        };
    }

    /// <summary>Tiles of all chips; null = unlimited.</summary>
    public static long? TilesTotal(MappedProgram program) => program.Chip.TilesPerChip * program.Chips;

    public static NetworkCost CostOf(MappedProgram program, ImmutableArray<LayerSurvey> surveys)
    {
        List<LayerWork> works = [];
        foreach (LayerSurvey survey in surveys)
        {
            works.Add(survey.After(works.Count > 0 ? works[^1] : null));
        }

        return NetworkCost.Of(program.Chip, works);
    }

    public static LayerReport LayerOf(MappedProgram program, LayerSurvey survey, LayerCost cost)
    {
        MappedLayer layer = survey.Layer;
        TileDescription tile = program.Chip.Tile;
        return new LayerReport
        {
            Name = layer.Name,
            Op = layer.Op,
            Rows = layer.Rows,
            Columns = layer.Columns,
            Groups = layer.Groups,
            Zeros = survey.Zeros(),
            Packing = layer.Packing,
            MvmPerInference = layer.VectorsPerInference,
            Macs = survey.Macs,
            Tiles = survey.Tiles,
            SharesTilesOf = layer.SharesTilesOf is { } owner ? program.Layers[owner].Name : null,
            IsRecurrent = survey.Work.IsSerial,
            Copies = layer.Copies,
            Shifts = layer.View is ConvolutionView view ? view.Shifts : 1,
            Slices = new TileGeometry(tile).Slices,
            CellsUsed = survey.CellsUsed,
            Utilization = survey.CellsUsed / ((double)survey.Tiles * tile.Rows * tile.Columns),
            RowBlocks = survey.RowBlocks,
            ColumnBlocks = survey.ColumnBlocks,
            WeightBits = tile.Weights.Bits,
            Input = new InputReport(tile.Input.Scheme, tile.Input.Bits, layer.InputScale, survey.Input.IsUnsigned, cost.Timing.Pulses, layer.MeanPulses),
            Adc = new AdcReport(tile.Adc.Bits, tile.Adc.Range, survey.LosslessAdcBits(), cost.ConversionsPerMvm),
            TimeNs = cost.TimeNs,
            EnergyPj = cost.Energy.TilesPj,
        };
    }

    private static NodeReport NodeOf(MappedProgram program, NodePlacement node) => new(
        node.Name,
        node.Op,
        node.Home,
        node.Reason == FallbackReason.None ? null : node.Reason,
        node.Detail.Length > 0 ? node.Detail : FallbackReasons.Explain(node.Reason),
        node.Parameters,
        node.Macs,
        node.Layer < 0 ? null : program.Layers[node.Layer].Name);

    private static long DigitalMacs(MappedProgram program, long analogMacs, out bool isEstimate)
    {
        // An operator that is on tiles may do some of its products digitally.
        long beside = program.Nodes.Where(n => n.Home == Home.Analog).Sum(n => n.Macs) - analogMacs;
        NodePlacement[] digital = [.. program.Nodes.Where(n => n.Home != Home.Analog && n.Reason != FallbackReason.Folded && MacOps.Contains(n.Op))];
        isEstimate = digital.Any(n => n.Macs == 0);
        long counted = digital.Sum(n => n.Macs) + Math.Max(0, beside);
        return isEstimate ? Math.Max(counted, program.Partitions.Sum(p => p.Operations) / 2) : counted;
    }

    private static ImmutableArray<BoundReport> Bounds(
        MappedProgram program, ImmutableArray<LayerSurvey> surveys, NetworkCost cost, long tilesUsed)
    {
        if (surveys.IsEmpty)
        {
            return [];
        }

        if (BoundSurvey.TargetOf(program) is { } target)
        {
            return BoundSurvey.ReportsOf(BoundSurvey.Of(program), target);
        }

        long leastTiles = BoundSurvey.LeastTiles(program);
        int slowest = Enumerable.Range(0, surveys.Length).MaxBy(i => cost.Layers[i].TimeNs ?? cost.Layers[i].Work.MvmsPerInference);
        long? total = TilesTotal(program);
        bool isFull = total - tilesUsed < surveys[slowest].TilesPerCopy;

        // Unlimited tiles: a copy for every vector.
        double? interval = total is { } tiles
            ? Sum(cost.Layers.Select(l => l.Work.MvmsPerInference * l.Work.Tiles * l.Timing.InitiationIntervalNs)) / tiles
            : cost.Layers.Max(l => l.Timing.InitiationIntervalNs);
        return
        [
            Bound("tiles", leastTiles, tilesUsed, "tiles", isFull),
            Bound("interval", interval * 1e-9, cost.BottleneckNs * 1e-9, "s", !isFull),
        ];
    }

    private static BoundReport Bound(string name, double? value, double? achieved, string unit, bool isBinding) =>
        new(name, value, achieved, value > 0 ? (achieved / value) - 1 : null, unit, isBinding);

    private static IEnumerable<FindingReport> Findings(MappedProgram program, ImmutableArray<LayerSurvey> surveys, ImmutableArray<LayerReport> layers)
    {
        if (surveys.IsEmpty)
        {
            yield return new FindingReport(Descriptors.NothingAnalog.Id, "nothing of the model runs on tiles", [], "the reasons are below");
        }

        ImmutableArray<string> missing = [.. surveys.Where(s => s.MissesRange()).Select(s => s.Layer.Name)];
        if (!missing.IsEmpty)
        {
            yield return new FindingReport(
                Descriptors.NoRanges.Id, Text($"{missing.Length} of {surveys.Length} layers have no input ranges"), missing, "compile with --calibrate DATA");
        }

        if (program.NotScheduled is { } why)
        {
            yield return new FindingReport(null, $"there is no schedule: {why}", [], "bounds on tiles alone are given, and aimc time has nothing to run");
        }

        ImmutableArray<string> sharing = [.. surveys.Where(s => s.Layer.SharesTilesOf is not null).Select(s => s.Layer.Name)];
        if (!sharing.IsEmpty)
        {
            yield return new FindingReport(
                null, Text($"{sharing.Length} of {surveys.Length} layers run on the tiles of another with the same weights, in turn with it"), sharing, "--equal-weights copy gives each its own");
        }

        if (program.Chip.Tile.Input.SkipsZeroPulses == true && surveys.Any(s => s.Layer.DrivenPulses.IsEmpty))
        {
            yield return new FindingReport(null, "the chip skips zero pulses; how many pulses are zero is not known, and all count", [], "compile with --calibrate DATA");
        }

        string[] shifted = [.. layers.Where(l => l.Shifts > 1).Select(l => l.Name)];
        if (shifted.Length > 0)
        {
            yield return new FindingReport(
                null,
                Text($"kernels of {shifted.Length} of {surveys.Length} layers stand on tiles at several shifts: an MVM gives up to {layers.Max(l => l.Shifts)} outputs side by side"),
                [.. shifted],
                "without --shifts auto each stands there once");
        }

        LayerReport[] sparse = [.. layers.Where(l => l.Zeros is not null)];
        if (sparse.Length > 0)
        {
            ZerosReport[] zeros = [.. sparse.Where(l => l.SharesTilesOf is null).Select(l => l.Zeros!)];
            yield return new FindingReport(
                null,
                Text($"{sparse.Length} of {surveys.Length} layers leave out zeros: {zeros.Sum(z => z.Rows):N0} rows, {zeros.Sum(z => z.Columns):N0} columns and {zeros.Sum(z => z.Blocks):N0} blocks of a tile, {zeros.Sum(z => z.Weights):N0} weights in all"),
                [.. sparse.Select(l => l.Name)],
                "--zeros program puts them on tiles");
        }

        if (program.Chip.Tile.Adc.Bits is { } bits)
        {
            LayerSurvey[] coarse = [.. surveys.Where(s => s.LosslessAdcBits() > bits)];
            if (coarse.Length > 0)
            {
                string effect = program.Chip.Tile.Adc.Range == AdcRange.Max ? "it rounds" : "it rounds or clips";
                yield return new FindingReport(
                    Descriptors.MayClip.Id,
                    Text($"{coarse.Length} of {surveys.Length} layers have column sums of up to {coarse.Max(s => s.LosslessAdcBits())} bits, the ADC has {bits}: {effect}"),
                    [.. coarse.Select(s => s.Layer.Name)],
                    "fewer rows a tile, fewer cell or pulse bits, or more ADC bits (--set); run --compare shows what it costs");
            }
        }

        foreach (var group in ChipReader.Warnings(program.Chip).GroupBy(w => w.Descriptor.Id, StringComparer.Ordinal))
        {
            Diagnostic first = group.First();
            string more = group.Count() > 1 ? Text($" (and {group.Count() - 1} more)") : "";
            yield return new FindingReport(first.Descriptor.Id, $"{first.Where} {first.Message}{more}", [], Text($"aimc chips {program.Chip.Name} lists them"));
        }

        NodePlacement[] mixed = [.. program.Nodes.Where(n => n.Home == Home.Analog && n.Detail.Length > 0)];
        if (mixed.Length > 0)
        {
            yield return new FindingReport(
                null,
                mixed.Length == 1 ? $"1 node is on tiles in part, {mixed[0].Detail}" : Text($"{mixed.Length} nodes are on tiles in part"),
                [.. mixed.Select(n => n.Name)],
                mixed.Length == 1 ? null : "aimc inspect --all says what of each node is digital");
        }

        foreach (var group in program.Nodes.Where(n => n.Home != Home.Analog).GroupBy(n => (n.Home, n.Reason)).OrderByDescending(g => g.Sum(n => n.Parameters)).ThenBy(g => g.Key))
        {
            string home = group.Key.Reason == FallbackReason.Folded ? "" : $"{group.Key.Home.ToString().ToLowerInvariant()}: ";
            string nodes = Text($"{group.Count()} {(group.Count() == 1 ? "node" : "nodes")}");
            string parameters = group.Sum(n => n.Parameters) is var sum and > 0 ? Text($" ({sum:N0} parameters)") : "";
            string reason = FallbackReasons.Explain(group.Key.Reason);
            yield return new FindingReport(
                null, $"{home}{nodes}{parameters}{(reason.Length > 0 ? ", " : "")}{reason}", [.. group.Select(n => n.Name)], FallbackReasons.Help(group.Key.Reason));
        }
    }

    private static double? Share(long part, long whole) => whole == 0 ? null : part / (double)whole;

    private static double? Sum(IEnumerable<double?> values) => values.Aggregate((double?)0, (sum, value) => sum + value);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

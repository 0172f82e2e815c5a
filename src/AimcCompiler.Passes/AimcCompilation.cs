using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <param name="Program">The mapped program.</param>
/// <param name="Warnings">Findings that did not stop it.</param>
public sealed record CompilationResult(MappedProgram Program, ImmutableArray<Diagnostic> Warnings)
{
    /// <summary>Where the chip has too few tiles: what could have been done, and what was; empty = everything fits.</summary>
    public ImmutableArray<FitAlternative> Alternatives { get; init; } = [];
}

/// <summary>The staircase: from an imported graph to a mapped program. The types order the passes.</summary>
public static class AimcCompilation
{
    /// <summary>The passes in the order they run, with what each is for.</summary>
    public static ImmutableArray<(string Name, string Purpose)> Passes { get; } =
    [
        ("fold-constants", "replace nodes that read only constants by their results, and If nodes of a known condition by their branch"),
        ("fold-batch-norm", "fold BatchNormalization into the convolution or product before it"),
        ("expand-mvms", "operators that hold a constant-weight product to the product and what is around it"),
        ("infer-types", "types and shapes of every value, from ONNX Runtime"),
        ("expand-ranked-mvms", "the same for products whose form depends on ranks"),
        ("calibrate", "input ranges from samples"),
        ("free-batch", "open a batch fixed to 1 where samples are proven not to meet"),
        ("partition-graph", "each node to tiles, digital units or host, with the reason"),
        ("lower-to-mvm", "each product to a weight matrix and a view of the input; recurrent operators to time loops"),
        ("quantize-weights", "weights to codes of the chip's bits, or contents of analog cells"),
        ("shift-kernels", "for a target: kernels that stand in their matrices at several shifts, where choose-shifts says so"),
        ("skip-zeros", "rows and columns of zeros left out"),
        ("encode", "sign encoding: differential pair or offset"),
        ("slice-bits", "codes to digits that a cell can hold"),
        ("split-weights", "matrices to blocks that fit a tile"),
        ("find-stages", "layers and digital operators to a pipeline that passes rows"),
        ("divide-layers", "for --fallback segments: matrices that are larger than the chip to parts"),
        ("cut-segments", "for --fallback segments: what is on the tiles at a time"),
        ("choose-shifts", "for a target: which kernels are shifted; the passes from shift-kernels on run again"),
        ("replicate-layers", "for a target: copies of every layer"),
        ("pack-cores", "for a target: row groups of all copies to cores, homes of values"),
        ("place-cores", "for a target: cores to places on the chip"),
        ("place-tiles", "a tile and a position for every block"),
        ("emit", "instructions, codes and digital sub-models"),
        ("schedule", "buffers, channels and instruction streams of the cores"),
    ];

    /// <exception cref="DiagnosticException">The model or the request cannot be compiled.</exception>
    public static CompilationResult Compile(Graph model, ChipDescription chip, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        DiagnosticBag diagnostics = new();
        PassRunner runner = new(options, diagnostics);

        var bound = FixInputs.Run(BindDimensions.Run(model, options, diagnostics), options, diagnostics);
        diagnostics.ThrowIfErrors();
        // First, so that later passes see weights as constants whatever hid them.
        var folded = runner.Run("fold-constants", () => InlineBranches.Run(FoldConstants.Run(bound)), Constructed, g => IrPrinter.Print(g));
        // Before calibrate: the values between a convolution and its normalisation go away.
        var simple = runner.Run("fold-batch-norm", () => FoldBatchNorm.Run(folded), Constructed, g => IrPrinter.Print(g));
        // Before types are known: ONNX Runtime has no kernel for some of the forms that this takes apart.
        var apart = runner.Run("expand-mvms", () => ExpandMvms.Run(simple, options), Constructed, g => IrPrinter.Print(g));
        var typed = runner.Run("infer-types", () => Calibrate.InferTypes(apart, options, diagnostics), Typed, g => IrPrinter.Print(g));
        // Again: stacked and permuted products are told apart by ranks.
        var expanded = runner.Run("expand-ranked-mvms", () => ExpandMvms.Run(typed, options), Constructed, g => IrPrinter.Print(g));
        var calibrated = runner.Run("calibrate", () => Calibrate.Run(expanded, options), Verify, Print);
        // After calibrate: the proof needs the shapes that it found.
        var freed = runner.Run("free-batch", () => FreeBatch.Run(calibrated, options), Verify, Print);
        ImmutableHashSet<NodeId> unplaced = [];
        ImmutableHashSet<NodeId> zeros = [];
        PlacedGraph placed;
        StagedGraph staged;
        ImmutableArray<FitAlternative> alternatives = [];
        while (true)
        {
            var partitioned = runner.Run(
                "partition-graph",
                () => PartitionGraph.Run(freed, options, diagnostics, unplaced, zeros),
                Verify,
                p => IrPrinter.Print(p.Graph, n => IrPrinter.Note(p.Homes[n.Id])));
            var lowered = runner.Run("lower-to-mvm", () => LowerToMvm.Run(partitioned, chip, options, diagnostics), IrVerifier.Verify, IrPrinter.Print);
            // Before splitting: row blocks of a column share its scale, so that their partial sums add as integers.
            var quantized = runner.Run("quantize-weights", () => QuantizeWeights.Run(lowered, chip), g => IrVerifier.Verify(g, chip), IrPrinter.Print);
            // After quantizing: what rounds to zero is zero.
            AnalogGraph<QuantizedMatrix> Kept(AnalogGraph<QuantizedMatrix> graph) =>
                runner.Run("skip-zeros", () => SkipZeros.Run(graph, options), g => IrVerifier.Verify(g, chip), IrPrinter.Print);

            var kept = Kept(quantized);
            if (SkipZeros.NodesOfZeros(kept, options) is { IsEmpty: false } nothing)
            {
                zeros = zeros.Union(nothing);
                continue;
            }

            StagedGraph Staged(AnalogGraph<QuantizedMatrix> graph)
            {
                var encoded = runner.Run("encode", () => Encode.Run(graph, chip), IrVerifier.Verify, IrPrinter.Print);
                var sliced = runner.Run("slice-bits", () => SliceBits.Run(encoded), IrVerifier.Verify, IrPrinter.Print);
                // After slicing: how many columns of a matrix fit a tile depends on the slices.
                var split = runner.Run("split-weights", () => SplitWeights.Run(sliced, chip, options), g => IrVerifier.Verify(g, chip), IrPrinter.Print);
                // Before placement: row groups are what is placed.
                return runner.Run("find-stages", () => FindStages.Run(split, chip, options), VerifyStaged, StagePrinter.Print);
            }

            staged = Staged(kept);
            var split = staged.Graph;
            ImmutableArray<FitAlternative> ways = [];
            if (PlaceTiles.IsTooBig(split, chip, options))
            {
                // What is larger than the chip alone is in no segment whole.
                var divisible = CutSegments.Divisions(split, chip, options) is { Count: > 0 } divisions
                    ? Staged(runner.Run("divide-layers", () => DivideLayers.Run(kept, divisions), g => IrVerifier.Verify(g, chip), IrPrinter.Print))
                    : staged;
                ways = FitAlternatives.Of(staged, divisible, chip, options);
                alternatives = unplaced.IsEmpty ? ways : alternatives;
                if (options.Fallback == FallbackPolicy.Segments
                    && runner.Run("cut-segments", () => CutSegments.Run(divisible, chip, options, out _), _ => { }, p => p is null ? "" : CutSegments.Print(p)) is { } plan)
                {
                    placed = runner.Run("place-tiles", () => PlaceSegments.Run(divisible.Graph, chip, options, plan, runner), p => VerifyPlaced(p, chip), p => IrPrinter.Print(p.Graph));
                    break;
                }
            }

            // Copies have their cores before blocks have their tiles.
            MappedStages? mapped = null;
            if (MapCores.CapacityFor(staged, chip, options) is { } capacity)
            {
                // After staging: what tiles and cores each layer leaves to the others says which shifts pay.
                var (whole, plan) = (staged, runner.Run("choose-shifts", () => ChooseShifts.Run(staged, chip, capacity, options), _ => { }, p => ShiftPlan.Print(p, staged.Graph)));
                if (plan is { Shifts.IsEmpty: false })
                {
                    staged = Staged(Kept(runner.Run("shift-kernels", () => ShiftKernels.Run(quantized, plan.Shifts), g => IrVerifier.Verify(g, chip), IrPrinter.Print)));
                    mapped = MapCores.OnChips(staged.Stages!, staged.Graph, chip.Tile, capacity, options, runner);
                }

                // No worse than without.
                if (mapped is null || MapCores.FigurePs(mapped, capacity) is var figure && figure > plan!.UnshiftedPs)
                {
                    var alone = MapCores.OnChips(whole.Stages!, whole.Graph, chip.Tile, capacity, options, runner);
                    (staged, mapped) = mapped is null || (alone is not null && MapCores.FigurePs(alone, capacity) <= MapCores.FigurePs(mapped, capacity)) ? (whole, alone) : (staged, mapped);
                }

                (split, mapped) = (staged.Graph, mapped is null ? null : plan?.Note(mapped, staged.Graph) ?? mapped);
            }

            placed = runner.Run(
                "place-tiles", () => PlaceTiles.Run(split, chip, options, diagnostics, mapped, ways), p => VerifyPlaced(p, chip), p => IrPrinter.Print(p.Graph));
            if (placed.Unplaced.IsEmpty)
            {
                break;
            }

            // What the chip has no tiles for is digital from the partition on, and what it was part of is lowered without it.
            unplaced = unplaced.Union(placed.Unplaced);
        }

        string? calibration = options.Calibration is null ? null : ProgramRanges.Describe(options.CalibrationQuantile);
        var program = runner.Run("emit", () => EmitProgram.Run(placed, chip, calibration, options), ProgramVerifier.Verify, Print);
        // After emit: streams name layers and partitions by their index.
        var scheduled = placed.Mapped is { } placedStages ? staged with { Stages = placedStages.Stages } : staged;
        program = runner.Run(
            "schedule",
            () => placed.Plan is { } segments
                ? ScheduleProgram.Run(program, segments.Segments.Zip(placed.MappedSegments, (s, m) => (m?.Stages ?? s.Stages, m?.Mapping)), placed.Plan.Channels)
                : ScheduleProgram.Run(program, scheduled, placed.Mapped?.Mapping),
            ScheduleVerifier.VerifyAndRun,
            Print);
        Warn(program, diagnostics);
        TellOfEmbeddings(program, diagnostics);
        WarnOfClipping(program, diagnostics);
        return new CompilationResult(program, [.. diagnostics.Diagnostics])
        {
            Alternatives = [.. alternatives.Select(a => a with { IsChosen = a.Lever == (placed.Plan is not null ? "--fallback segments" : "--fallback digital") })],
        };
    }

    /// <summary>The model with every product that is part of an operator taken out of it. Names of values are those of any program compiled from the model: what a layer
    /// writes has its counterpart here.</summary>
    /// <param name="model">As it was imported.</param>
    /// <param name="fixedInputs">Inputs that the program does not take, and their values.</param>
    /// <exception cref="DiagnosticException">ONNX Runtime rejects the model.</exception>
    public static Graph TakeApart(Graph model, ImmutableDictionary<string, string> fixedInputs)
    {
        ArgumentNullException.ThrowIfNull(model);
        CompileOptions options = new() { Fixed = fixedInputs, Depthwise = DepthwisePolicy.Packed, AnalogEmbedding = true };
        DiagnosticBag diagnostics = new();
        var simple = InlineBranches.Run(FoldConstants.Run(FixInputs.Run(model, options, diagnostics)));
        return ExpandMvms.Run(Calibrate.InferTypes(ExpandMvms.Run(simple, options), options), options);
    }

    private static void VerifyStaged(StagedGraph staged)
    {
        if (staged.Stages is { } stages)
        {
            ScheduleVerifier.VerifyStages(stages);
        }
    }

    private static void VerifyPlaced(PlacedGraph placed, ChipDescription chip)
    {
        if (placed.Unplaced.IsEmpty)
        {
            IrVerifier.Verify(placed.Graph, chip, placed.Chips);
        }
    }

    private static void Warn(MappedProgram program, DiagnosticBag diagnostics)
    {
        if (program.Layers.IsEmpty)
        {
            diagnostics.Add(Descriptors.NothingAnalog, program.ModelName, "no node of the model runs on tiles", "aimc inspect says why for each node");
        }
        else if (program.Layers.FirstOrDefault(l => ProgramRanges.Lacking(program, l) is not null) is { } layer)
        {
            diagnostics.Add(
                Descriptors.NoRanges,
                $"{program.ModelName}: layer '{layer.Name}'",
                $"compiled with {ProgramRanges.Lacking(program, layer)}; chip '{program.Chip.Name}' cannot run it before they are known",
                "--calibrate DATA",
                "evaluate calibrates on the first 512 samples");
        }
    }

    /// <summary>What embedding tables on tiles cost: one row of a whole table is read for each look-up.</summary>
    private static void TellOfEmbeddings(MappedProgram program, DiagnosticBag diagnostics)
    {
        foreach (var layer in program.Layers.Where(l => l.Op == "Gather"))
        {
            int tiles = layer.Blocks.Select(b => b.Tile).Distinct().Count();
            diagnostics.Add(
                Descriptors.EmbeddingOnTiles,
                $"{program.ModelName}: node '{layer.Name}' (Gather)",
                FormattableString.Invariant(
                    $"a table of {layer.Rows} x {layer.Columns} takes {tiles} tiles; each of {layer.VectorsPerInference} look-ups of an inference runs all of them, to read one row"),
                "leave out --analog-embedding: a digital look-up reads the row alone");
        }
    }

    /// <summary>Only a granular range says beforehand what clips: the others follow the layer or cut on purpose.</summary>
    private static void WarnOfClipping(MappedProgram program, DiagnosticBag diagnostics)
    {
        var tile = program.Chip.Tile;
        if (tile.Adc is not { Range: AdcRange.Granular, Bits: { } bits } || tile.Weights.Bits is null)
        {
            return;
        }

        var encoding = WeightEncoding.Of(tile);
        var exceeding = program.Layers.Zip(ProgramVerifier.WorstColumnSums(program, program.Layers))
            .Select(l => (Layer: l.First, Worst: l.Second, Input: InputEncoding.Of(tile.Input, l.First.InputIsNonNegative)))
            .Select(l => (l.Layer, l.Worst, Bits: (encoding.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray) || l.Input.HasSignedPulses ? bits - 1 : bits))
            .Where(l => l.Worst > (1L << l.Bits) - 1)
            .OrderByDescending(l => l.Worst)
            .ToList();
        if (exceeding is [var worst, ..])
        {
            diagnostics.Add(
                Descriptors.MayClip,
                $"{program.ModelName}: layer '{worst.Layer.Name}'",
                FormattableString.Invariant(
                    $"a column can reach {worst.Worst} steps, the ADC of {bits} bits counts to {(1L << worst.Bits) - 1}; so it is with {exceeding.Count} of {program.Layers.Length} layers"),
                FormattableString.Invariant($"--set tile.adc.bits={bits + (int)Math.Ceiling(Math.Log2((worst.Worst + 1.0) / (1L << worst.Bits)))}"));
        }
    }

    /// <summary>What must hold of a graph (single assignment, no cycle, nothing read or given out that is not written) its constructor refuses to break;
    /// so a graph that exists is verified.</summary>
    private static void Constructed(Graph graph) => ArgumentNullException.ThrowIfNull(graph);

    internal static void Verify(CalibratedGraph calibrated) => Typed(calibrated.Graph);

    /// <summary>Every value has facts, and what is declared of a shape does not contradict the profiled one.</summary>
    internal static void Typed(Graph graph)
    {
        foreach (string value in graph.Nodes.SelectMany(n => n.Writes))
        {
            if (!graph.Facts.TryGetValue(value, out var facts))
            {
                throw new InvalidIrException($"%{value} has no type");
            }

            if (facts.HasRank && (facts.Declared.Length != facts.Shape.Length || facts.Declared.Zip(facts.Shape).Any(d => d.First >= 0 && d.First != d.Second)))
            {
                throw new InvalidIrException($"%{value} is declared {Tensor.Format(facts.Declared)} and was {Tensor.Format(facts.Shape)}");
            }
        }
    }

    /// <summary>Every node has a home, and what is analog has a constant to hold.</summary>
    internal static void Verify(PartitionedGraph partitioned)
    {
        foreach (var node in partitioned.Graph.Nodes)
        {
            if (!partitioned.Homes.TryGetValue(node.Id, out var home))
            {
                throw new InvalidIrException($"node {node.Id} '{node.Name}' has no home");
            }

            if (home.Home == Home.Analog && !node.Inputs.Any(partitioned.Graph.Constants.ContainsKey))
            {
                throw new InvalidIrException($"node {node.Id} '{node.Name}' is analog and has no constant weights");
            }
        }
    }

    private static string Print(MappedProgram program)
    {
        using StringWriter text = new();
        Disassembler.Write(program, text);
        return text.ToString();
    }

    private static string Print(CalibratedGraph calibrated) => IrPrinter.Print(
        calibrated.Graph,
        node => node.Writes.FirstOrDefault() is { } value && calibrated.Ranges.TryGetValue(value, out var range)
            ? string.Create(CultureInfo.InvariantCulture, $"|max| {range.Maximum:G6}")
            : "");
}

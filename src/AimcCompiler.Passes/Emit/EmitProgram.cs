using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.CompilerServices;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Writes the program: an instruction for every layer and every digital partition, in execution order, with the codes, the encoding rule
/// (in the chip) and the digital sub-models.</summary>
public static class EmitProgram
{
    private sealed record Step(ImmutableArray<string> Reads, ImmutableArray<string> Writes, Func<Func<string, int>, Instruction> Emit, int Segment);

    public static MappedProgram Run(PlacedGraph placed, ChipDescription chip, string? calibration, CompileOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(placed);
        var analog = placed.Graph;
        var graph = analog.Source;
        var clusters = DigitalClusters.Find(graph, analog.Homes);
        var outputs = graph.Header.Outputs.Select(o => o.Name).ToImmutableArray();

        // A model may hand an input or a constant straight to an output: then ONNX Runtime does, so that every output is written by an instruction.
        var written = graph.Nodes.SelectMany(n => n.Writes).ToHashSet(StringComparer.Ordinal);
        string[] unwritten = [.. outputs.Where(o => !written.Contains(o) && graph.Constants.ContainsKey(o))];
        if (clusters.IsEmpty && unwritten.Length > 0)
        {
            clusters = [[]];
        }

        var layers = ImmutableArray.CreateBuilder<MappedLayer>();
        var partitions = ImmutableArray.CreateBuilder<DigitalPartition>();
        List<Step> steps = [];
        Dictionary<string, int> values = new(StringComparer.Ordinal);
        var programValues = ImmutableArray.CreateBuilder<ProgramValue>();
        int Value(string name)
        {
            if (!values.TryGetValue(name, out int index))
            {
                values.Add(name, index = programValues.Count);
                var facts = graph.Facts.GetValueOrDefault(name);
                var port = graph.Header.Inputs.Concat(graph.Header.Outputs).FirstOrDefault(p => p.Name == name);
                var shape = port is { Shape.IsDefault: false } ? port.Shape : facts is { HasRank: true } ? facts.Declared : default;
                bool isInput = graph.Header.Inputs.Any(i => i.Name == name);
                // An input of no declared rank takes every rank, whatever the compile ran with.
                bool isUnranked = shape.IsDefault || (isInput && port is { Shape.IsDefault: true });
                programValues.Add(new ProgramValue(name, facts?.Type ?? port?.Type ?? TensorType.Undefined, isUnranked ? [] : shape)
                {
                    IsUnranked = isUnranked,
                    Nominal = isInput && facts is { HasShape: true } && (isUnranked || shape.Contains(-1)) ? facts.Shape : [],
                });
            }

            return index;
        }

        foreach (var input in graph.Header.Inputs)
        {
            Value(input.Name);
        }

        // A layer follows the one whose tiles it shares: the program's order of execution need not be the model's.
        Dictionary<LayerId, int> indices = [];
        Dictionary<LayerId, LayerId> ownerOf = [];
        var byId = analog.Layers.ToDictionary(l => l.Id);
        int Mapped(AnalogLayer<PlacedMatrix> layer)
        {
            var family = layer.SharesTilesOf ?? layer.Id;
            MappedLayer? owner = ownerOf.TryGetValue(family, out var first) ? layers[indices[first]] : null;
            ownerOf.TryAdd(family, layer.Id);
            var mapped = Map(layer, byId[family], Value(layer.Input), Value(layer.Output), NumbersOf(graph)) with { DrivenPulses = options?.DrivenPulses.GetValueOrDefault(layer.Name, []) ?? [] };
            layers.Add(owner is null ? mapped : mapped with { SharesTilesOf = indices[first], Weights = owner.Weights, Scales = owner.Scales, Blocks = owner.Blocks, Centers = owner.Centers });
            indices.Add(layer.Id, layers.Count - 1);
            return layers.Count - 1;
        }

        var loops = analog.Loops.ToDictionary(l => l.Node);
        var inLoops = analog.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToHashSet();
        foreach (var layer in analog.Layers.Where(l => !inLoops.Contains(l.Id)))
        {
            steps.Add(new Step([layer.Input], [layer.Output], _ => new MvmInstruction(Mapped(layer)), layer.Weights.Segment));
        }

        foreach (var loop in analog.Loops)
        {
            var node = graph[loop.Node];
            steps.Add(new Step([.. node.Reads], [.. node.Writes], _ => new LoopInstruction
            {
                Name = loop.Name,
                Scanned = Value(loop.Scanned),
                Slice = Value(loop.Slice),
                IsReverse = loop.IsReverse,
                Step = loop.Step is { } step ? Value(step) : null,
                States = [.. loop.States.Select(s => new LoopState(s.Initial is { } i ? Value(i) : null, Value(s.Current), Value(s.Next), s.Final is { } f ? Value(f) : null))],
                Body = [.. loop.Body.Select(part => part switch
                {
                    LoopProduct product => (Instruction)new MvmInstruction(Mapped(byId[product.Layer])),
                    LoopDigital digital => new DigitalInstruction(Cell(digital, loop)),
                    _ => throw new System.Diagnostics.UnreachableException(),
                })],
                Collected = Value(loop.Collected),
                Sequence = Value(loop.Sequence),
            }, placed.Plan?.SegmentOfLoop(loop.Node) ?? 0));
        }

        int Cell(LoopDigital digital, TimeLoop loop)
        {
            string[] reads = [.. digital.Cell.Header.Inputs.Select(i => i.Name)];
            string[] writes = [.. digital.Cell.Header.Outputs.Select(o => o.Name)];
            partitions.Add(new DigitalPartition
            {
                Name = FormattableString.Invariant($"{loop.Name}/cell{partitions.Count}"),
                Model = ModelWriter.Extract(digital.Cell, digital.Cell.Nodes, reads, writes),
                Inputs = [.. reads.Select(Value)],
                Outputs = [.. writes.Select(Value)],
                Operations = digital.Operations * graph.Facts[loop.Scanned].Shape[0],
                IsThreadInvariant = digital.Cell.Nodes.All(ThreadInvariance.Holds),
            });
            return partitions.Count - 1;
        }

        var packed = PackedValues.Find(graph);
        foreach (var (own, number) in clusters.Select((c, i) => (c, i)))
        {
            var cluster = WithPackedReads(graph, own, packed);
            var inside = own.Select(n => n.Id).ToHashSet();
            var made = cluster.SelectMany(n => n.Writes).ToHashSet(StringComparer.Ordinal);
            string[] reads = [.. cluster.SelectMany(n => n.Reads).Where(v => !made.Contains(v) && !graph.Constants.ContainsKey(v)).Distinct(StringComparer.Ordinal)];
            string[] writes = [.. own.SelectMany(n => n.Writes).Where(v => outputs.Contains(v) || (!packed.Contains(v) && graph.ConsumersOf(v).Any(c => !inside.Contains(c))))];
            if (number == clusters.Length - 1)
            {
                writes = [.. writes, .. unwritten];
            }

            if (writes.Length == 0)
            {
                continue;
            }

            var model = ModelWriter.ExtractModel(graph, cluster, reads, writes);
            long operations = (long)Math.Min(ProgramVerifier.MaximumCount, cluster.Sum(n => (double)DigitalWork.Operations(graph, n, analog.Homes[n.Id])));
            steps.Add(new Step([.. reads], [.. writes], _ =>
            {
                partitions.Add(new DigitalPartition
                {
                    Name = FormattableString.Invariant($"digital{partitions.Count}"),
                    Model = model.Proto,
                    Weights = model.Weights,
                    Inputs = [.. reads.Select(Value)],
                    Outputs = [.. writes.Select(Value)],
                    Operations = operations,
                    IsThreadInvariant = cluster.All(ThreadInvariance.Holds),
                });
                return new DigitalInstruction(partitions.Count - 1);
            }, placed.Plan?.SegmentOfCluster(number) ?? 0));
        }

        HashSet<string> ready = new(graph.Header.Inputs.Select(i => i.Name), StringComparer.Ordinal);
        var instructions = ImmutableArray.CreateBuilder<Instruction>();
        while (steps.Count > 0)
        {
            // Segment after segment.
            int first = steps.Min(s => s.Segment);
            int next = steps.FindIndex(s => s.Segment == first && s.Reads.All(ready.Contains));
            if (next < 0)
            {
                throw new InvalidIrException($"emit: no step can run; the first waits for %{steps[0].Reads.First(r => !ready.Contains(r))}");
            }

            instructions.Add(steps[next].Emit(Value));
            ready.UnionWith(steps[next].Writes);
            steps.RemoveAt(next);
        }

        return new MappedProgram
        {
            Producer = Producer,
            ModelName = Path.GetFileName(graph.Header.FileName),
            ModelSha256 = graph.Header.Sha256,
            Chip = chip,
            Chips = placed.Chips,
            Values = programValues.ToImmutable(),
            Inputs = [.. graph.Header.Inputs.Select(i => Value(i.Name))],
            Outputs = [.. outputs.Select(Value)],
            Layers = layers.ToImmutable(),
            Partitions = partitions.ToImmutable(),
            Instructions = instructions.ToImmutable(),
            Nodes = Placements(graph, analog, indices),
            ModelParameters = graph.Header.Parameters,
            Calibration = calibration,
            Fixed = graph.Header.Fixed,
            SamplesAreIndependent = graph.Header.SamplesAreIndependent,
            SegmentBatch = placed.Plan?.Batch ?? 1,
        };
    }

    /// <summary>What goes into a program as its producer; the version follows the assembly.</summary>
    private static string Producer { get; } = $"aimc {typeof(EmitProgram).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>The nodes with those that make what passes from no session to another: they run in every partition that reads it.</summary>
    private static ImmutableArray<Node> WithPackedReads(Graph graph, ImmutableArray<Node> cluster, IReadOnlySet<string> packed)
    {
        var members = cluster.Select(n => n.Id).ToHashSet();
        Stack<Node> open = new(cluster);
        while (open.TryPop(out var node))
        {
            foreach (var maker in node.Reads.Where(packed.Contains).Select(graph.ProducerOf).OfType<Node>().Where(m => members.Add(m.Id)))
            {
                open.Push(maker);
            }
        }

        return members.Count == cluster.Length ? cluster : [.. graph.Nodes.Where(n => members.Contains(n.Id))];
    }

    /// <summary>Numbers of the model's nodes are below it.</summary>
    internal static int NumbersOf(Graph graph) => graph.Header.OriginalNodes.Select(n => n.Id.Value).DefaultIfEmpty(-1).Max() + 1;

    /// <param name="layer">The layer.</param>
    /// <param name="first">The one whose tiles it runs on, or itself.</param>
    /// <param name="input">Index of its input.</param>
    /// <param name="output">Index of its output.</param>
    /// <param name="nodes">Numbers that nodes of the model have.</param>
    private static MappedLayer Map(AnalogLayer<PlacedMatrix> layer, AnalogLayer<PlacedMatrix> first, int input, int output, int nodes)
    {
        var split = layer.Weights.Split;
        var encoded = split.Sliced.Encoded;
        var m = encoded.Quantized;
        return new MappedLayer
        {
            Name = layer.Name,
            NoiseKey = m.IsPart ? NoiseKeys.OfDivision(first.Origin, first.Part, nodes) : NoiseKeys.Of(first.Origin, first.Part),
            SampleAxis = layer.SampleAxis,
            Op = layer.Op,
            Input = input,
            Output = output,
            View = layer.View,
            Groups = m.Groups,
            Rows = m.Rows,
            Columns = m.Columns,
            KeptRows = m.KeptRows,
            KeptColumns = m.KeptColumns,
            Packing = split.Packing,
            Centers = encoded.Centers,
            Weights = WeightsOf(encoded),
            Scales = m.Scales,
            Bias = layer.Bias,
            InputIsNonNegative = layer.InputIsNonNegative,
            InputScale = layer.InputScale,
            AdcRanges = [],
            Blocks = [.. layer.Weights.Places.Select((p, i) => BlockOf(split.Blocks[i % split.Blocks.Length], i / split.Blocks.Length, p))],
            VectorsPerInference = layer.VectorsPerInference,
            Copies = layer.Weights.Copies,
            Segment = layer.Weights.Segment,
            IsPart = m.IsPart,
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static WeightSection WeightsOf(EncodedMatrix encoded)
    {
        if (encoded.Quantized.Contents is { } contents)
        {
            return WeightSection.Of(contents);
        }

        short[] codes = encoded.Quantized.Codes!;
        if (!encoded.Centers.IsEmpty)
        {
            short[] distances = new short[codes.Length];
            for (int i = 0; i < codes.Length; i++)
            {
                distances[i] = (short)encoded.InCells(i);
            }

            return WeightSection.Of(distances);
        }

        if (encoded.Encoding.WeightBits > 8)
        {
            return WeightSection.Of(codes);
        }

        sbyte[] narrow = new sbyte[codes.Length];
        int at = 0;
        for (; at <= codes.Length - Vector<sbyte>.Count; at += Vector<sbyte>.Count)
        {
            Vector.Narrow(new Vector<short>(codes, at), new Vector<short>(codes, at + Vector<short>.Count)).CopyTo(narrow, at);
        }

        for (; at < codes.Length; at++)
        {
            narrow[at] = (sbyte)codes[at];
        }

        return WeightSection.Of(narrow);
    }

    private static Block BlockOf(WeightBlock block, int copy, BlockPlace place) => new()
    {
        FirstGroup = block.FirstGroup,
        Groups = block.Groups,
        RowBlock = block.RowBlock,
        RowStart = block.RowStart,
        RowCount = block.RowCount,
        ColumnStart = block.ColumnStart,
        ColumnCount = block.ColumnCount,
        Copy = copy,
        Tile = place.Tile.Value,
        TileRow = place.Row,
        TileColumn = place.Column,
    };

    private static ImmutableArray<NodePlacement> Placements(Graph graph, AnalogGraph<PlacedMatrix> analog, Dictionary<LayerId, int> indices)
    {
        var layersOf = analog.Layers.ToLookup(l => l.Origin);
        var nodesOf = graph.Nodes.ToLookup(n => n.Origin);
        var nodes = ImmutableArray.CreateBuilder<NodePlacement>();
        foreach (var original in graph.Header.OriginalNodes)
        {
            var layers = layersOf[original.Id].ToList();
            var parts = nodesOf[original.Id].ToList();
            if (layers.Count == 0 && parts.Count == 0)
            {
                // Folded away: nothing is left to run.
                nodes.Add(new NodePlacement(original.Name, original.Op, Home.Digital, FallbackReason.Folded, original.Parameters, 0, -1));
                continue;
            }

            // What is around a product that was taken out of the node says nothing of the node itself.
            var own = parts.FirstOrDefault(p => p.Id == original.Id) ?? parts.FirstOrDefault(p => p.Part > 0);
            var home = layers.Count > 0 || own is null ? new NodeHome(Home.Analog, FallbackReason.None, "") : analog.Homes[own.Id];
            bool isAnalog = layers.Count > 0;
            string detail = isAnalog ? string.Join("; ", parts.Where(p => IsProductOf(original, p) && analog.Homes[p.Id].Home != Home.Analog).Select(p => Off(p, analog.Homes[p.Id]))) : home.Detail;
            nodes.Add(new NodePlacement(
                original.Name,
                original.Op,
                home.Home,
                home.Reason,
                Math.Max(original.Parameters, parts.Sum(p => p.MadeFrom is null && !p.ReadsGates ? Parameters(graph, p) : 0)),
                layers.Sum(l => l.Macs) + parts.Where(p => analog.Homes[p.Id].Home != Home.Analog).Sum(p => DigitalWork.Macs(graph, p)),
                isAnalog ? layers.Min(l => indices[l.Id]) : -1,
                detail));
        }

        return nodes.ToImmutable();
    }

    private static bool IsProductOf(OriginalNode original, Node part) => part.Id == original.Id || part.Part > 0;

    private static string Off(Node product, NodeHome home) =>
        $"its product '{product.Name}' {(home.Detail.Length > 0 ? home.Detail : FallbackReasons.Explain(home.Reason))}";

    /// <summary>Elements of the floating-point and quantised constants a node reads, after folding.</summary>
    private static long Parameters(Graph graph, Node node) =>
        node.Reads.Distinct(StringComparer.Ordinal).Sum(v =>
            graph.Constants.TryGetValue(v, out var c) && (Tensor.IsFloating(c.Type) || c.Type is TensorType.Int8 or TensorType.UInt8) ? c.Count : 0);
}

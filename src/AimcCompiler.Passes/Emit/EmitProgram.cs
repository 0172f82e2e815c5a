using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;

namespace AimcCompiler.Passes;

/// <summary>Writes the program: an instruction for every layer and every digital partition, in execution order, with the codes, the encoding rule
/// (in the chip) and the digital sub-models.</summary>
public static class EmitProgram
{
    private sealed record Step(ImmutableArray<string> Reads, ImmutableArray<string> Writes, Func<Func<string, int>, Instruction> Emit);

    public static MappedProgram Run(PlacedGraph placed, ChipDescription chip, string? calibration)
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

        foreach (var layer in analog.Layers)
        {
            steps.Add(new Step([layer.Input], [layer.Output], _ =>
            {
                layers.Add(Map(layer, Value(layer.Input), Value(layer.Output)));
                return new MvmInstruction(layers.Count - 1);
            }));
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
            long operations = cluster.Sum(n => Operations(graph, n));
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
                });
                return new DigitalInstruction(partitions.Count - 1);
            }));
        }

        HashSet<string> ready = new(graph.Header.Inputs.Select(i => i.Name), StringComparer.Ordinal);
        var instructions = ImmutableArray.CreateBuilder<Instruction>();
        while (steps.Count > 0)
        {
            int next = steps.FindIndex(s => s.Reads.All(ready.Contains));
            if (next < 0)
            {
                throw new InvalidIrException($"emit: no step can run; the first waits for %{steps[0].Reads.First(r => !ready.Contains(r))}");
            }

            instructions.Add(steps[next].Emit(Value));
            ready.UnionWith(steps[next].Writes);
            steps.RemoveAt(next);
        }

        var layerOf = analog.Layers.ToDictionary(l => l.Node, l => layers.ToList().FindIndex(m => m.Name == l.Name));
        var macs = analog.Layers.ToDictionary(l => l.Node, l => l.Macs);
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
            Nodes = Placements(graph, analog, layerOf, macs),
            ModelParameters = graph.Header.Parameters,
            Calibration = calibration,
            Fixed = graph.Header.Fixed,
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

    private static MappedLayer Map(AnalogLayer<PlacedMatrix> layer, int input, int output)
    {
        var split = layer.Weights.Split;
        var m = layer.Weights.Quantized;
        return new MappedLayer
        {
            Name = layer.Name,
            NoiseKey = layer.Node.Value,
            Op = layer.Op,
            Input = input,
            Output = output,
            View = layer.View,
            Groups = m.Groups,
            Rows = m.Rows,
            Columns = m.Columns,
            Packing = split.Packing,
            Weights = m.Contents is { } contents ? WeightSection.Of(contents)
                : layer.Weights.Encoding.WeightBits <= 8 ? WeightSection.Of(Array.ConvertAll(m.Codes!, c => (sbyte)c))
                : WeightSection.Of(m.Codes!),
            Scales = m.Scales,
            Bias = layer.Bias,
            InputIsNonNegative = layer.InputIsNonNegative,
            InputScale = layer.InputScale,
            AdcRanges = [],
            Blocks = [.. split.Blocks.Zip(layer.Weights.Places, (b, p) => new Block
            {
                FirstGroup = b.FirstGroup,
                Groups = b.Groups,
                RowBlock = b.RowBlock,
                RowStart = b.RowStart,
                RowCount = b.RowCount,
                ColumnStart = b.ColumnStart,
                ColumnCount = b.ColumnCount,
                Copy = 0,
                Tile = p.Tile.Value,
                TileRow = p.Row,
                TileColumn = p.Column,
            })],
            VectorsPerInference = layer.VectorsPerInference,
            Copies = 1,
        };
    }

    /// <summary>Multiply-accumulates of a matrix product that stays digital, from one nominal inference; 0 for other operators.</summary>
    private static long Macs(Graph graph, Node node)
    {
        bool isProduct = node.OpType is "MatMul" or "Gemm" or "MatMulInteger" or "QLinearMatMul" or "ConvInteger" || node.OpType.Contains("Conv", StringComparison.Ordinal);
        if (!isProduct || !graph.Facts.TryGetValue(node.Outputs[0], out var output) || !output.HasShape)
        {
            return 0;
        }

        if (node.OpType is "MatMul" or "Gemm" or "MatMulInteger" or "QLinearMatMul")
        {
            bool transposed = node.OpType == "Gemm" && node.Int("transA", 0) != 0;
            return graph.Facts.TryGetValue(node.Inputs[0], out var left) && left.HasShape && left.Shape.Length > (transposed ? 1 : 0)
                ? Tensor.CountOf(output.Shape) * left.Shape[transposed ? ^2 : ^1]
                : 0;
        }

        if (node.InputOrNull(node.OpType == "QLinearConv" ? 3 : 1) is not { } weights || !graph.Facts.TryGetValue(weights, out var kernel) || !kernel.HasShape || kernel.Shape.Length < 2)
        {
            return 0;
        }

        // A transposed convolution multiplies every input element with a filter of shape [channels out / group, kernel].
        long perElement = Tensor.CountOf(kernel.Shape) / Math.Max(1, kernel.Shape[0]);
        return node.OpType == "ConvTranspose"
            ? graph.Facts.TryGetValue(node.Inputs[0], out var input) && input.HasShape ? Tensor.CountOf(input.Shape) * perElement : 0
            : Tensor.CountOf(output.Shape) * perElement;
    }

    /// <summary>One operation per output element; products and pools count what each element takes.</summary>
    private static long Operations(Graph graph, Node node)
    {
        long elements = node.Writes.Sum(v => graph.Facts.TryGetValue(v, out var f) && f.HasShape ? Tensor.CountOf(f.Shape) : 0);
        return Macs(graph, node) is > 0 and var macs ? 2 * macs : elements * PerElement(node);
    }

    private static long PerElement(Node node) => node.OpType switch
    {
        "MaxPool" or "AveragePool" => node.Ints("kernel_shape")?.Aggregate(1L, (a, b) => a * b) ?? 1,
        "Softmax" or "LayerNormalization" => 4,
        _ => 1,
    };

    private static ImmutableArray<NodePlacement> Placements(
        Graph graph, AnalogGraph<PlacedMatrix> analog, Dictionary<NodeId, int> layerOf, Dictionary<NodeId, long> macs)
    {
        var byId = graph.Nodes.ToDictionary(n => n.Id);
        var nodes = ImmutableArray.CreateBuilder<NodePlacement>();
        foreach (var original in graph.Header.OriginalNodes)
        {
            if (!byId.TryGetValue(original.Id, out _))
            {
                // Folded away: nothing is left to run.
                nodes.Add(new NodePlacement(original.Name, original.Op, Home.Digital, FallbackReason.Folded, original.Parameters, 0, -1));
                continue;
            }

            var home = analog.Homes[original.Id];
            bool isAnalog = home.Home == Home.Analog;
            nodes.Add(new NodePlacement(
                original.Name,
                original.Op,
                home.Home,
                home.Reason,
                Parameters(graph, byId[original.Id]),
                isAnalog ? macs[original.Id] : Macs(graph, byId[original.Id]),
                isAnalog ? layerOf[original.Id] : -1,
                home.Detail));
        }

        return nodes.ToImmutable();
    }

    /// <summary>Elements of the floating-point and quantised constants a node reads, after folding.</summary>
    private static long Parameters(Graph graph, Node node) =>
        node.Reads.Distinct(StringComparer.Ordinal).Sum(v =>
            graph.Constants.TryGetValue(v, out var c) && (Tensor.IsFloating(c.Type) || c.Type is TensorType.Int8 or TensorType.UInt8) ? c.Count : 0);
}

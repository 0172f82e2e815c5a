using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Turns every analog node into a layer: a weight matrix (rows = inputs, columns = outputs) and a view that gathers its input vectors.
/// A convolution becomes its im2col form, one matrix a group, rows in the order (channel, kernel position) (hardware.md 4.8). A constant that is added to
/// the columns of a product becomes its bias; recurrent operators become time loops; layers with equal weights share tiles.
/// <code>
/// before:  %c = Conv(%x, #w[8,3,5,5], #b) {strides=1,1, pads=2,2,2,2}
/// after:   l0 'conv' %c = mvm(%x) conv(kernel=5x5, strides=1x1, pads=2x2:2x2, dilations=1x1)  1 x 75 x 8
/// </code></summary>
public static class LowerToMvm
{
    public static AnalogGraph<FloatMatrix> Run(PartitionedGraph partitioned, ChipDescription chip, CompileOptions options, DiagnosticBag diagnostics)
    {
        ArgumentNullException.ThrowIfNull(partitioned);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        return new Lowering(partitioned, chip, options, diagnostics).Run();
    }

    /// <summary>Types of weights and activations that tiles take.</summary>
    internal static bool IsRealType(TensorType type) => type is TensorType.Float or TensorType.Float16 or TensorType.Double;

    private sealed record Lowered(string Input, InputView View, FloatMatrix Weights, ImmutableArray<float> Bias, long Vectors);

    private sealed class Lowering(PartitionedGraph partitioned, ChipDescription chip, CompileOptions options, DiagnosticBag diagnostics)
    {
        private readonly Graph _graph = partitioned.Graph;
        private readonly IReadOnlySet<string> _nonNegative = NonNegativity.Prove(partitioned.Graph);
        private readonly ImmutableArray<AnalogLayer<FloatMatrix>>.Builder _layers = ImmutableArray.CreateBuilder<AnalogLayer<FloatMatrix>>();
        private readonly ImmutableArray<TimeLoop>.Builder _loops = ImmutableArray.CreateBuilder<TimeLoop>();
        private readonly List<Node> _nodes = [];
        private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
        private readonly Dictionary<string, ValueFacts> _facts = new(StringComparer.Ordinal);
        private readonly ImmutableDictionary<NodeId, NodeHome>.Builder _homes = partitioned.Homes.ToBuilder();
        private int _nextId = partitioned.Graph.Nodes.Select(n => n.Id.Value).Concat(partitioned.Graph.Header.OriginalNodes.Select(n => n.Id.Value)).DefaultIfEmpty(-1).Max() + 1;

        /// <summary>By shape and a few elements: the layers that may hold the same weights.</summary>
        private readonly Dictionary<(int, int, int, bool, int), List<AnalogLayer<FloatMatrix>>> _alike = [];

        public AnalogGraph<FloatMatrix> Run()
        {
            HashSet<NodeId> fused = [];
            foreach (var node in _graph.Nodes)
            {
                if (fused.Contains(node.Id))
                {
                    continue;
                }

                if (partitioned.Homes[node.Id].Home != Home.Analog)
                {
                    _nodes.Add(node);
                    continue;
                }

                if (node.ReadsGates)
                {
                    Recur(node);
                    continue;
                }

                var lowered = node.OpType switch
                {
                    "Conv" => Convolution(_graph, node),
                    "Gemm" => Gemm(_graph, node),
                    "MatMul" => MatMul(_graph, node),
                    _ => throw new System.Diagnostics.UnreachableException(),
                };
                var written = node;
                if (AddedBias(node, lowered) is var (sum, bias))
                {
                    fused.Add(sum.Id);
                    _homes.Remove(sum.Id);
                    lowered = lowered with { Bias = bias };
                    written = node with { Outputs = sum.Outputs };
                }

                _nodes.Add(written);
                Add(node, node.Name, node.Part, lowered.Input, written.Outputs[0], lowered.View, lowered.Weights, lowered.Bias, lowered.Vectors, new LayerId(_layers.Count), lowered.Input);
            }

            var graph = _graph.With(
                [.. _nodes],
                _constants.Count == 0 ? _graph.Constants : _graph.Constants.AddRange(_constants),
                _facts.Count == 0 ? _graph.Facts : _graph.Facts.SetItems(_facts));
            return new AnalogGraph<FloatMatrix>(graph, _homes.ToImmutable(), _layers.ToImmutable(), _loops.ToImmutable());
        }

        // "ranged" is the value whose calibrated range holds for the input: a state inside a loop has none of its own.
        private void Add(
            Node node, string name, int part, string input, string output, InputView view, FloatMatrix matrix, ImmutableArray<float> bias, long vectors, LayerId id, string ranged)
        {
            string op = _graph.Header.OriginalNodes.FirstOrDefault(n => n.Id == node.Origin)?.Op ?? node.QualifiedOp;
            int bad = matrix.Stored.TrueForAll(IsFinite) ? -1 : Array.FindIndex(matrix.ToRowMajor(), w => !float.IsFinite(w));
            int badBias = bad >= 0 ? -1 : bias.ToList().FindIndex(b => !float.IsFinite(b));
            if (bad >= 0 || badBias >= 0)
            {
                diagnostics.Add(
                    Descriptors.InvalidWeights,
                    $"{_graph.Header.FileName}: node '{node.Name}' ({op})",
                    bad >= 0 ? $"weight {bad} is {matrix.At(bad)}" : $"bias {badBias} is {bias[badBias]}");
                return;
            }

            bool isNonNegative = _nonNegative.Contains(input);
            bool isDepthwise = MvmOperators.IsDepthwise(node, _graph.Constants);
            var (scale, owner) = (Scale(ranged, isNonNegative), options.SharesWeights ? Twin(matrix, isDepthwise) : null);
            AnalogLayer<FloatMatrix> layer = new()
            {
                Id = id,
                Node = node.Id,
                Origin = node.Origin,
                Part = part,
                SharesTilesOf = owner?.Id,
                SampleAxis = view is MatrixView ? SampleAxis(input, ((MatrixView)view).InputAxis) : 0,
                Name = name,
                Op = op,
                Input = input,
                Output = output,
                View = view,
                Weights = owner?.Weights ?? matrix,
                Bias = bias,
                InputIsNonNegative = isNonNegative,
                InputScale = scale,
                VectorsPerInference = vectors,
                Macs = checked(vectors * matrix.Groups * matrix.Rows * matrix.Columns),
                IsDepthwise = isDepthwise,
                InputMeans = Means(partitioned.Calibrated, ranged, view, matrix),
            };
            _layers.Add(layer);
            if (owner is null)
            {
                _alike[KeyOf(matrix, isDepthwise)] = [.. _alike.GetValueOrDefault(KeyOf(matrix, isDepthwise), []), layer];
            }
        }

        private static (int, int, int, bool, int) KeyOf(FloatMatrix matrix, bool isDepthwise)
        {
            HashCode sample = default;
            int count = (int)matrix.Stored.Count;
            for (int i = 0; i < count; i += Math.Max(1, count / 64))
            {
                sample.Add(BitConverter.SingleToInt32Bits(matrix.At(i)));
            }

            return (matrix.Groups, matrix.Rows, matrix.Columns, isDepthwise, sample.ToHashCode());
        }

        private AnalogLayer<FloatMatrix>? Twin(FloatMatrix matrix, bool isDepthwise) =>
            _alike.GetValueOrDefault(KeyOf(matrix, isDepthwise), []).Find(l => HaveEqualElements(l.Weights, matrix) && l.Weights.Steps.SequenceEqual(matrix.Steps));

        private static bool HaveEqualElements(FloatMatrix one, FloatMatrix other) =>
            one.IsColumnMajor == other.IsColumnMajor ? one.Stored.Floats.AsSpan().SequenceEqual(other.Stored.Floats) : one.ToRowMajor().AsSpan().SequenceEqual(other.ToRowMajor());

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static bool IsFinite(ReadOnlySpan<float> elements)
        {
            // The exponent of all ones is that of infinities and NaN.
            const int Exponent = 0x7f800000;
            bool isFinite = true;
            foreach (int bits in MemoryMarshal.Cast<float, int>(elements))
            {
                isFinite &= (bits & Exponent) != Exponent;
            }

            return isFinite;
        }

        private void Recur(Node node)
        {
            int made = 0;
            LowerRecurrence recurrence = new(_graph, node, () => new NodeId(_nextId++), () => new LayerId(_layers.Count + made++));
            recurrence.Run();
            long steps = _graph.Facts[node.Inputs[0]].Shape[0];
            foreach (var part in recurrence.Nodes)
            {
                _nodes.Add(part);
                _homes[part.Id] = part.OpType == TimeLoop.OpType ? new NodeHome(Home.Analog, FallbackReason.None, "") : new NodeHome(Home.Digital, FallbackReason.NotAnMvm, "");
            }

            _homes.Remove(node.Id);
            foreach (var (name, tensor) in recurrence.Constants)
            {
                _constants.Add(name, tensor);
            }

            foreach (var (name, facts) in recurrence.Facts.Concat(recurrence.Loops.SelectMany(l => l.Facts)))
            {
                _facts[name] = facts;
            }

            _loops.AddRange(recurrence.Loops);
            foreach (var product in recurrence.Products)
            {
                Add(node, product.Name, product.Part, product.Input, product.Output, new MatrixView(-1, -1), product.Matrix, product.Bias, steps, product.Layer, node.Outputs[0]);
            }
        }

        /// <summary>The only reader of a product adds a constant to its columns.</summary>
        private (Node Sum, ImmutableArray<float> Bias)? AddedBias(Node node, Lowered lowered)
        {
            string product = node.Outputs[0];
            if (!lowered.Bias.IsEmpty || _graph.IsOutput(product) || _graph.ConsumersOf(product) is not [var id] || _graph[id] is not { OpType: "Add", Domain: "", Inputs.Length: 2 } sum
                || partitioned.Homes[id] is not { Home: Home.Digital, Reason: FallbackReason.NotAnMvm })
            {
                return null;
            }

            string other = sum.Inputs[0] == product ? sum.Inputs[1] : sum.Inputs[0];
            if (other == product || !_graph.Constants.TryGetValue(other, out var bias) || !IsRealType(bias.Type) || bias.Shape.IsEmpty)
            {
                return null;
            }

            int columns = lowered.Weights.Groups * lowered.Weights.Columns;
            int rank = _graph.Facts[product].Shape.Length;
            int axis = lowered.View switch
            {
                ConvolutionView => 1,
                MatrixView view => rank + view.OutputAxis,
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            int offset = rank - bias.Shape.Length;
            if (offset < 0 || bias.Count != columns || axis < offset || bias.Shape[axis - offset] != columns)
            {
                return null;
            }

            return (sum, [.. bias.ToFloats()]);
        }

        /// <summary>The axis that follows the batch of the model, where it is not the first.</summary>
        private int SampleAxis(string input, int inputAxis)
        {
            if (_graph.Header.Inputs.Any(p => p.Shape.IsDefault || p.Shape.Skip(1).Contains(-1)) || !_graph.Facts.TryGetValue(input, out var facts) || !facts.HasRank)
            {
                return 0;
            }

            int axis = facts.Declared.IndexOf(-1);
            return axis > 0 && axis != facts.Shape.Length + inputAxis && facts.Declared.Count(d => d < 0) == 1 ? axis : 0;
        }

        private float? Scale(string value, bool isNonNegative)
        {
            var input = chip.Tile.Input;
            if (input.Management == InputManagement.None)
            {
                return 1;
            }

            if (input.Management == InputManagement.AbsMax)
            {
                return null;
            }

            var encoding = InputEncoding.Of(input, isNonNegative);
            bool isCalibrated = partitioned.Calibrated.Ranges.TryGetValue(value, out var range) && range.Count > 0;
            if (QuantizedRange.Of(_graph, value) is { } quantized)
            {
                // What the model itself quantizes needs no samples, and loses nothing where the DAC has a code for each of its integers.
                float scale = quantized.InputScale(encoding, out bool isExact);
                if (isExact || !isCalibrated)
                {
                    return scale;
                }
            }

            return isCalibrated ? range!.InputScale(options.CalibrationQuantile, encoding) : null;
        }
    }

    /// <summary>Each row of the matrix has the mean of its channel; rows of one channel are its kernel positions.</summary>
    private static ImmutableArray<float> Means(CalibratedGraph calibrated, string input, InputView view, FloatMatrix weights)
    {
        int inputs = weights.Groups * weights.Rows;
        bool isConvolution = view is ConvolutionView;
        if (!calibrated.Means.TryGetValue(input, out var means)
            || means.Channels == 0
            || means.Axis != (isConvolution ? 1 : -1)
            || view is MatrixView { InputAxis: not -1 }
            || inputs % means.Channels != 0)
        {
            return [];
        }

        int perChannel = inputs / means.Channels;
        return [.. Enumerable.Range(0, inputs).Select(i => (float)means[i / perChannel])];
    }

    /// <summary>The steps of each column: a candidate of the constant of which all of its weights are the nearest multiples, in single precision.</summary>
    private static FloatMatrix WithSteps(FloatMatrix matrix, ImmutableArray<float> candidates)
    {
        if (candidates.IsDefaultOrEmpty)
        {
            return matrix;
        }

        float[] elements = matrix.Stored.Floats;
        float[] steps = new float[matrix.Groups * matrix.Columns];
        for (int c = 0; c < steps.Length; c++)
        {
            steps[c] = candidates.Length == 1 ? candidates[0] : candidates.Length == steps.Length ? candidates[c] : 0;
            for (int k = 0; k < matrix.Rows && steps[c] > 0; k++)
            {
                float value = elements[matrix.Index(c / matrix.Columns, k, c % matrix.Columns)];
                double integer = Math.Round(value / (double)steps[c]);
                steps[c] = Math.Abs(integer) <= 1 << 16 && (float)integer * steps[c] == value ? steps[c] : 0;
            }
        }

        return Array.TrueForAll(steps, s => s == 0) ? matrix : new FloatMatrix(matrix.Groups, matrix.Rows, matrix.Columns, matrix.Stored, matrix.IsColumnMajor) { Steps = [.. steps] };
    }

    private static Lowered Convolution(Graph graph, Node node)
    {
        var weights = graph.Constants[node.Inputs[1]];
        int spatial = weights.Shape.Length - 2;
        int groups = checked((int)node.Int("group", 1));
        int rows = checked((int)(weights.Count / weights.Shape[0]));
        int columns = checked((int)(weights.Shape[0] / groups));
        int[] kernel = [.. weights.Shape.Skip(2).Select(d => (int)d)];
        int[] strides = Spatial(node, "strides", spatial, 1);
        int[] dilations = Spatial(node, "dilations", spatial, 1);
        var autoPad = node.String("auto_pad", "NOTSET") switch
        {
            "SAME_UPPER" => AutoPad.SameUpper,
            "SAME_LOWER" => AutoPad.SameLower,
            _ => AutoPad.None,
        };
        int[] pads = [.. node.Ints("pads") is { IsEmpty: false } given && node.String("auto_pad", "NOTSET") == "NOTSET" ? given.Select(p => (int)p) : Enumerable.Repeat(0, 2 * spatial)];
        ConvolutionView view = new([.. kernel], [.. strides], [.. pads.Take(spatial)], [.. pads.Skip(spatial)], [.. dilations], autoPad);
        var input = graph.Facts[node.Inputs[0]];
        if (autoPad != AutoPad.None && (input.Declared.Skip(2).All(d => d >= 0) || strides.All(s => s == 1)))
        {
            // Without strides the pads are the same for every extent; and a fixed extent fixes them.
            view = view with
            {
                PadsBegin = [.. Enumerable.Range(0, spatial).Select(a => (int)view.Pads(a, input.Shape[a + 2]).Begin)],
                PadsEnd = [.. Enumerable.Range(0, spatial).Select(a => (int)view.Pads(a, input.Shape[a + 2]).End)],
                AutoPad = AutoPad.None,
            };
        }

        long vectors = 1;
        var outputShape = graph.Facts[node.Outputs[0]].Shape;
        for (int a = 0; a < spatial; a++)
        {
            vectors *= outputShape[a + 2];
        }

        return new Lowered(
            node.Inputs[0],
            view,
            WithSteps(new FloatMatrix(groups, rows, columns, weights.AsFloat(), isColumnMajor: true), graph.Steps.GetValueOrDefault(node.Inputs[1])),
            node.InputOrNull(2) is { } bias ? [.. graph.Constants[bias].ToFloats()] : [],
            vectors);
    }

    private static int[] Spatial(Node node, string name, int count, int otherwise) =>
        node.Ints(name) is { } values && values.Length == count ? [.. values.Select(v => (int)v)] : [.. Enumerable.Repeat(otherwise, count)];

    private static Lowered Gemm(Graph graph, Node node)
    {
        var weights = graph.Constants[node.Inputs[1]];
        bool transposed = node.Int("transB", 0) != 0;
        int rows = (int)weights.Shape[transposed ? 1 : 0];
        int columns = (int)weights.Shape[transposed ? 0 : 1];
        float alpha = node.Float("alpha", 1);
        var values = alpha == 1 ? weights.AsFloat() : new Tensor(TensorType.Float, weights.Shape, Array.ConvertAll(weights.ToFloats(), v => alpha * v));

        ImmutableArray<float> bias = [];
        if (node.InputOrNull(2) is { } name && node.Float("beta", 1) is var beta and not 0)
        {
            float[] b = graph.Constants[name].ToFloats();
            bias = [.. Enumerable.Range(0, columns).Select(n => beta * b[b.Length == 1 ? 0 : n])];
        }

        int axis = node.Int("transA", 0) != 0 ? -2 : -1;
        return new Lowered(
            node.Inputs[0],
            new MatrixView(axis, -1),
            WithSteps(new FloatMatrix(1, rows, columns, values, transposed), graph.Steps.GetValueOrDefault(node.Inputs[1])),
            bias,
            PerInference(graph, graph.Facts[node.Inputs[0]].Shape, axis));
    }

    private static Lowered MatMul(Graph graph, Node node)
    {
        bool right = graph.Constants.TryGetValue(node.Inputs[1], out var weights);
        weights ??= graph.Constants[node.Inputs[0]];
        int rows = (int)weights.Shape[right ? 0 : 1];
        int columns = (int)weights.Shape[right ? 1 : 0];
        FloatMatrix matrix = WithSteps(
            new FloatMatrix(1, rows, columns, weights.AsFloat(), !right), graph.Steps.GetValueOrDefault(node.Inputs[right ? 1 : 0]));
        string name = node.Inputs[right ? 0 : 1];
        int axis = right ? -1 : -2;
        return new Lowered(name, new MatrixView(axis, axis), matrix, [], PerInference(graph, graph.Facts[name].Shape, axis));
    }

    /// <summary>Vectors of one sample: the model's batch dimension does not count, unless it is the axis that the vectors lie along.</summary>
    private static long PerInference(Graph graph, ImmutableArray<long> shape, int axis)
    {
        long vectors = Tensor.CountOf(shape) / shape[^-axis];
        long batch = graph.Header.Inputs is [var first, ..] && graph.Facts[first.Name] is { HasRank: true, Shape: [var b, ..] } && !IsTimeMajor(graph, first.Name) ? b : 1;
        return shape.Length > -axis && batch > 1 && shape[0] == batch ? vectors / batch : vectors;
    }

    /// <summary>A recurrent operator reads the input as it is: the first axis counts time steps.</summary>
    private static bool IsTimeMajor(Graph graph, string input) => graph.Nodes.Any(n => n.ReadsGates && graph.Nodes.Any(m => m.Origin == n.Origin && m.Id != n.Id && m.Inputs.Contains(input)
        && m.Is("MatMul")));
}

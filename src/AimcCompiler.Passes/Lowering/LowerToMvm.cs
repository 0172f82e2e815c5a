using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Turns every analog node into a layer: a weight matrix (rows = inputs, columns = outputs) and a view that gathers its input vectors.
/// A convolution becomes its im2col form, one matrix a group, rows in the order (channel, kernel position) (hardware.md 4.8).
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
        var graph = partitioned.Graph;
        var nonNegative = NonNegativity.Prove(graph);
        var layers = ImmutableArray.CreateBuilder<AnalogLayer<FloatMatrix>>();
        foreach (var node in graph.Nodes.Where(n => partitioned.Homes[n.Id].Home == Home.Analog))
        {
            var lowered = node.OpType switch
            {
                "Conv" => Convolution(graph, node),
                "Gemm" => Gemm(graph, node),
                "MatMul" => MatMul(graph, node),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            int bad = Array.FindIndex(lowered.Weights.Values, w => !float.IsFinite(w));
            if (bad >= 0)
            {
                diagnostics.Add(Descriptors.InvalidWeights, $"{graph.Header.FileName}: node '{node.Name}' ({node.OpType})", $"weight {bad} is {lowered.Weights.Values[bad]}");
                continue;
            }

            int badBias = lowered.Bias.ToList().FindIndex(b => !float.IsFinite(b));
            if (badBias >= 0)
            {
                diagnostics.Add(Descriptors.InvalidWeights, $"{graph.Header.FileName}: node '{node.Name}' ({node.OpType})", $"bias {badBias} is {lowered.Bias[badBias]}");
                continue;
            }

            var matrix = lowered.Weights;
            layers.Add(new AnalogLayer<FloatMatrix>
            {
                Id = new LayerId(layers.Count),
                Node = node.Id,
                Name = node.Name,
                Op = node.OpType,
                Input = lowered.Input,
                Output = node.Outputs[0],
                View = lowered.View,
                Weights = matrix,
                Bias = lowered.Bias,
                InputIsNonNegative = nonNegative.Contains(lowered.Input),
                InputScale = ScaleOf(partitioned.Calibrated, lowered.Input, chip.Tile.Input, nonNegative.Contains(lowered.Input), options.CalibrationQuantile),
                VectorsPerInference = lowered.Vectors,
                Macs = checked(lowered.Vectors * matrix.Groups * matrix.Rows * matrix.Columns),
                IsDepthwise = PartitionGraph.IsDepthwise(graph, node),
                InputMeans = Means(partitioned.Calibrated, lowered),
            });
        }

        return new AnalogGraph<FloatMatrix>(graph, partitioned.Homes, layers.ToImmutable());
    }

    private sealed record Lowered(string Input, InputView View, FloatMatrix Weights, ImmutableArray<float> Bias, long Vectors);

    /// <summary>Each row of the matrix has the mean of its channel; rows of one channel are its kernel positions.</summary>
    private static ImmutableArray<float> Means(CalibratedGraph calibrated, Lowered lowered)
    {
        int inputs = lowered.Weights.Groups * lowered.Weights.Rows;
        bool isConvolution = lowered.View is ConvolutionView;
        if (!calibrated.Means.TryGetValue(lowered.Input, out var means)
            || means.Channels == 0
            || means.Axis != (isConvolution ? 1 : -1)
            || lowered.View is MatrixView { InputAxis: not -1 }
            || inputs % means.Channels != 0)
        {
            return [];
        }

        int perChannel = inputs / means.Channels;
        return [.. Enumerable.Range(0, inputs).Select(i => (float)means[i / perChannel])];
    }

    private static float? ScaleOf(CalibratedGraph calibrated, string input, InputDescription chip, bool isNonNegative, double quantile)
    {
        if (chip.Management == InputManagement.None)
        {
            return 1;
        }

        if (chip.Management == InputManagement.AbsMax || !calibrated.Ranges.TryGetValue(input, out var range) || range.Count == 0)
        {
            return null;
        }

        return range.InputScale(quantile, InputEncoding.Of(chip, isNonNegative));
    }

    private static Lowered Convolution(Graph graph, Node node)
    {
        var weights = graph.Constants[node.Inputs[1]];
        float[] w = weights.ToFloats();
        int spatial = weights.Shape.Length - 2;
        int groups = checked((int)node.Int("group", 1));
        int rows = checked((int)(weights.Count / weights.Shape[0]));
        int columns = checked((int)(weights.Shape[0] / groups));
        float[] values = new float[w.Length];
        for (int g = 0; g < groups; g++)
        {
            for (int n = 0; n < columns; n++)
            {
                ReadOnlySpan<float> filter = w.AsSpan(((g * columns) + n) * rows, rows);
                for (int k = 0; k < rows; k++)
                {
                    values[(((g * rows) + k) * columns) + n] = filter[k];
                }
            }
        }

        var input = graph.Facts[node.Inputs[0]].Shape;
        int[] kernel = [.. weights.Shape.Skip(2).Select(d => (int)d)];
        int[] strides = Spatial(node, "strides", spatial, 1);
        int[] dilations = Spatial(node, "dilations", spatial, 1);
        int[] pads = [.. node.Ints("pads")?.Select(p => (int)p) ?? Enumerable.Repeat(0, 2 * spatial)];
        string autoPad = node.String("auto_pad", "NOTSET");
        if (autoPad is "SAME_UPPER" or "SAME_LOWER")
        {
            for (int a = 0; a < spatial; a++)
            {
                long extent = input[a + 2];
                long output = (extent + strides[a] - 1) / strides[a];
                int total = (int)Math.Max(0, ((output - 1) * strides[a]) + ((kernel[a] - 1) * dilations[a]) + 1 - extent);
                int small = total / 2;
                (pads[a], pads[a + spatial]) = autoPad == "SAME_UPPER" ? (small, total - small) : (total - small, small);
            }
        }
        else if (autoPad == "VALID")
        {
            Array.Clear(pads);
        }

        ConvolutionView view = new([.. kernel], [.. strides], [.. pads.Take(spatial)], [.. pads.Skip(spatial)], [.. dilations]);
        long vectors = 1;
        var outputShape = graph.Facts[node.Outputs[0]].Shape;
        for (int a = 0; a < spatial; a++)
        {
            vectors *= outputShape[a + 2];
        }

        return new Lowered(
            node.Inputs[0], view, new FloatMatrix(groups, rows, columns, values), node.InputOrNull(2) is { } bias ? [.. graph.Constants[bias].ToFloats()] : [], vectors);
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
        float[] values = Matrix(weights.ToFloats(), rows, columns, transposed);
        if (alpha != 1)
        {
            values = Array.ConvertAll(values, v => alpha * v);
        }

        ImmutableArray<float> bias = [];
        if (node.InputOrNull(2) is { } name && node.Float("beta", 1) is var beta and not 0)
        {
            float[] b = graph.Constants[name].ToFloats();
            bias = [.. Enumerable.Range(0, columns).Select(n => beta * b[b.Length == 1 ? 0 : n])];
        }

        bool inputTransposed = node.Int("transA", 0) != 0;
        var input = graph.Facts[node.Inputs[0]].Shape;
        return new Lowered(
            node.Inputs[0], new MatrixView(inputTransposed ? -2 : -1, -1), new FloatMatrix(1, rows, columns, values), bias, PerInference(graph, input, inputTransposed ? -2 : -1));
    }

    private static Lowered MatMul(Graph graph, Node node)
    {
        bool right = graph.Constants.TryGetValue(node.Inputs[1], out var weights);
        weights ??= graph.Constants[node.Inputs[0]];
        int rows = (int)weights.Shape[right ? 0 : 1];
        int columns = (int)weights.Shape[right ? 1 : 0];
        float[] values = Matrix(weights.ToFloats(), rows, columns, !right);
        string name = node.Inputs[right ? 0 : 1];
        var input = graph.Facts[name].Shape;
        int axis = right ? -1 : -2;
        return new Lowered(name, new MatrixView(axis, axis), new FloatMatrix(1, rows, columns, values), [], PerInference(graph, input, axis));
    }

    /// <summary>Vectors of one sample: the model's batch dimension does not count, unless it is the axis that the vectors lie along.</summary>
    private static long PerInference(Graph graph, ImmutableArray<long> shape, int axis)
    {
        long vectors = Tensor.CountOf(shape) / shape[^-axis];
        long batch = graph.Header.Inputs is [var first, ..] && graph.Facts[first.Name] is { HasRank: true, Shape: [var b, ..] } ? b : 1;
        return shape.Length > -axis && batch > 1 && shape[0] == batch ? vectors / batch : vectors;
    }

    private static float[] Matrix(float[] values, int rows, int columns, bool transpose)
    {
        if (!transpose)
        {
            return values;
        }

        float[] result = new float[values.Length];
        for (int n = 0; n < columns; n++)
        {
            for (int k = 0; k < rows; k++)
            {
                result[(k * columns) + n] = values[(n * rows) + k];
            }
        }

        return result;
    }
}

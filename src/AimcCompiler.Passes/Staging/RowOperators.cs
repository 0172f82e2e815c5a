using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>What is known of digital operators and rows: a rule says which rows of an input a row of the output reads. Where there is no rule it reads all of them, which is always right,
/// only late.</summary>
internal static class RowOperators
{
    private static readonly HashSet<string> Elementwise = new(StringComparer.Ordinal)
    {
        "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "CastLike", "Ceil", "Celu", "Clip", "Cos", "Cosh",
        "Div", "Dropout", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log",
        "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt",
        "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor",
    };

    private static readonly HashSet<string> MicrosoftElementwise = new(StringComparer.Ordinal) { "Gelu", "FastGelu", "BiasGelu", "QuickGelu", "Rsqrt" };

    private static readonly HashSet<string> Moves = new(StringComparer.Ordinal)
    {
        "Compress", "Concat", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity", "Pad", "Reshape", "Shape", "Size", "Slice", "SpaceToDepth", "Split",
        "Squeeze", "Tile", "Transpose", "Unsqueeze",
    };

    private static readonly HashSet<string> Reductions = new(StringComparer.Ordinal)
    {
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
    };

    /// <summary>Its outputs have as many elements as the data say.</summary>
    public static bool IsDataDependent(Node node) => node.Domain.Length == 0 && node.OpType is "NonZero" or "Compress" or "Unique" or "NonMaxSuppression";

    /// <summary>It only moves data: no operation of a vector unit.</summary>
    public static bool IsMove(Node node) => node.Domain.Length == 0 && Moves.Contains(node.OpType);

    /// <summary>It works on images: [N, C, H, ...].</summary>
    public static bool IsSpatial(Node node) => node.Domain.Length == 0
        && node.OpType is "Conv" or "MaxPool" or "AveragePool" or "LpPool" or "GlobalAveragePool" or "GlobalMaxPool" or "GlobalLpPool" or "LRN" or "DepthToSpace" or "SpaceToDepth" or "Resize" or "Upsample";

    /// <summary>What it reads has the layout of what it writes, where ranks agree.</summary>
    public static bool KeepsRows(Node node) => IsElementwise(node)
        || (node.Domain.Length == 0 && (node.OpType is "Concat" or "Split" or "Softmax" or "LogSoftmax" or "LayerNormalization" or "Pad" || Reductions.Contains(node.OpType)));

    /// <summary>What putting all rows of a value together costs where every row is reduced by itself first: operations of a row, and of the parts of all rows; their sum is that of the operator. Null = the operator does not, or
    /// a row has nothing to reduce.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="layouts">Of its values.</param>
    /// <param name="node">The operator.</param>
    public static (long OfRow, long OfParts)? InParts(Graph graph, RowLayouts layouts, Node node)
    {
        if (node.Domain.Length > 0 || node.Inputs.Length == 0 || !graph.Facts.ContainsKey(node.Inputs[0]) || layouts.Of(node.Inputs[0]) != RowLayout.Image || layouts.RowsOf(node.Outputs[0]) != 1)
        {
            return null;
        }

        var shape = layouts.ShapeOf(node.Inputs[0]);
        long rows = layouts.RowsOf(node.Inputs[0]);
        long parts = Tensor.CountOf(layouts.ShapeOf(node.Outputs[0]));
        (long ofRow, long ofParts) = (0, 0);
        if (node.OpType is "GlobalAveragePool" or "GlobalMaxPool" or "GlobalLpPool" || (Reductions.Contains(node.OpType) && ReducesRows(graph, node, shape.Length)))
        {
            (ofRow, ofParts) = ((Tensor.CountOf(shape) / rows) - parts, parts * rows);
        }
        else if (node.OpType is "MaxPool" or "AveragePool" or "LpPool" && node.Ints("kernel_shape") is { IsEmpty: false } kernel
            && Kernel(node, kernel[0], rows, 1) is { } window && window.First(0, (int)rows) == 0 && window.Last(0, (int)rows) == rows - 1)
        {
            (ofRow, ofParts) = (parts * (kernel.Skip(1).Aggregate(1L, (a, b) => a * b) - 1), parts * kernel[0]);
        }

        return rows > 1 && ofRow > 0 ? (ofRow, ofParts) : null;
    }

    /// <summary>Channels of an image of which every one is made from that channel of the input alone; 0 = others are read too, or it is not known.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="layouts">Of its values.</param>
    /// <param name="node">The operator.</param>
    public static int ChannelsAlone(Graph graph, RowLayouts layouts, Node node)
    {
        if (node.Domain.Length > 0 || node.OpType is not ("MaxPool" or "AveragePool" or "LpPool") || node.Outputs.Count(o => o.Length > 0) != 1 || layouts.Of(node.Inputs[0]) != RowLayout.Image || layouts.Of(node.Outputs[0]) != RowLayout.Image)
        {
            return 0;
        }

        var (read, written) = (layouts.ShapeOf(node.Inputs[0]), layouts.ShapeOf(node.Outputs[0]));
        return read.Length > 2 && read[1] == written[1] ? (int)written[1] : 0;
    }

    /// <summary>The third axis is among those that are reduced, for certain.</summary>
    private static bool ReducesRows(Graph graph, Node node, int rank) => Axes(graph, node) is { Length: > 0 } axes
        ? Array.Exists(axes, a => Positive(a, rank) == 2)
        : node.Ints("axes") is null && node.InputOrNull(1) is null && node.Int("noop_with_empty_axes", 0) == 0;

    private static bool IsElementwise(Node node) => node switch
    {
        { Domain: "" } when Elementwise.Contains(node.OpType) => true,
        { Domain: "com.microsoft" } when MicrosoftElementwise.Contains(node.OpType) => true,
        // One scale for each channel is no matter for rows as long as it is given from outside.
        _ when node.Is("BatchNormalization") => node.Int("training_mode", 0) == 0,
        _ => node.Is("QuantizeLinear") || node.Is("DequantizeLinear"),
    };

    /// <summary>The rows of an input that a row of an output reads.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="layouts">Of its values.</param>
    /// <param name="node">The operator.</param>
    /// <param name="input">Which input.</param>
    /// <param name="output">The value it writes.</param>
    public static RowWindow Window(Graph graph, RowLayouts layouts, Node node, int input, string output)
    {
        string value = node.Inputs[input];
        var whole = RowWindow.Whole((int)layouts.RowsOf(value));
        var layout = layouts.Of(output);
        var shape = layouts.ShapeOf(value);
        var written = layouts.ShapeOf(output);
        if (layouts.Of(value) != layout || shape.Length != written.Length || layout == RowLayout.Flat)
        {
            return whole;
        }

        bool isEqual = layouts.RowsOf(value) == layouts.RowsOf(output);
        var sameRow = isEqual ? RowWindow.SameRow : whole;
        if (IsElementwise(node))
        {
            return sameRow;
        }

        if (node.Domain.Length > 0)
        {
            return whole;
        }

        if (Reductions.Contains(node.OpType))
        {
            return input == 0 && node.Int("keepdims", 1) != 0 && Axes(graph, node) is { Length: > 0 } axes && Array.TrueForAll(axes, a => IsInRow(Positive(a, shape.Length), shape.Length, layout)) ? sameRow : whole;
        }

        bool isCoerced = graph.Header.Opsets.GetValueOrDefault("", 1) < 13;
        switch (node.OpType)
        {
            case "Concat" or "Split":
                return input == 0 || node.OpType == "Concat" ? IsInRow(Positive(node.Int("axis", 0), shape.Length), shape.Length, layout) ? sameRow : whole : whole;
            case "Softmax" or "LogSoftmax":
                // Before version 13 an axis stands for itself and all that follow.
                long axis = Positive(node.Int("axis", isCoerced ? 1 : -1), shape.Length);
                return isCoerced ? AreInRow(axis) : IsInRow(axis, shape.Length, layout) ? sameRow : whole;
            case "LayerNormalization":
                return input == 0 ? AreInRow(Positive(node.Int("axis", -1), shape.Length)) : whole;
            case "MatMul":
                return input == 0 && layout == RowLayout.Sequence ? sameRow : whole;
            case "LRN":
                return layout == RowLayout.Image ? sameRow : whole;
            case "MaxPool" or "AveragePool" or "LpPool" when layout == RowLayout.Image && node.Ints("kernel_shape") is { IsEmpty: false } kernel:
                return Kernel(node, kernel[0], shape[2], written[2]) ?? whole;
            case "Conv" when input == 0 && layout == RowLayout.Image && graph.Facts[node.Inputs[1]] is { HasShape: true, Shape.Length: > 2 } filters:
                return Kernel(node, filters.Shape[2], shape[2], written[2]) ?? whole;
            case "DepthToSpace" when layout == RowLayout.Image && node.Int("blocksize", 0) is > 0 and var block:
                return new RowWindow((int)block, 1, 0, 1);
            case "SpaceToDepth" when layout == RowLayout.Image && node.Int("blocksize", 0) is > 0 and var block:
                return RowWindow.OfKernel((int)block, 0, (int)block);
            case "Pad" when input == 0 && layout == RowLayout.Image && node.String("mode", "constant") == "constant" && Pads(graph, node) is { } pads && pads.Length == 2 * shape.Length:
                return new RowWindow(1, 1, (int)-pads[2], 1);
            case "Resize" or "Upsample" when input == 0 && layout == RowLayout.Image:
                return Enlarged(node, shape[2], written[2]) ?? whole;
            default:
                return whole;
        }

        RowWindow AreInRow(long first) => first > 0 && Enumerable.Range((int)first, shape.Length - (int)first).All(a => IsInRow(a, shape.Length, layout)) ? sameRow : whole;
    }

    /// <summary>Moving along the axis stays inside a row.</summary>
    private static bool IsInRow(long axis, int rank, RowLayout layout) => layout == RowLayout.Image ? axis is 1 or > 2 : axis == rank - 1;

    private static long Positive(long axis, int rank) => axis < 0 ? axis + rank : axis;

    /// <summary>Null where a number is beyond what any tensor has.</summary>
    private static RowWindow? Kernel(Node node, long kernel, long extent, long outputs)
    {
        if (WindowBounds.Exceeded(node) is not null || kernel > WindowBounds.Largest)
        {
            return null;
        }

        long stride = First("strides", 1);
        long reach = (First("dilations", 1) * (kernel - 1)) + 1;
        long total = Math.Max(0, ((outputs - 1) * stride) + reach - extent);
        long begin = node.String("auto_pad", "NOTSET") switch
        {
            "SAME_UPPER" => total / 2,
            "SAME_LOWER" => total - (total / 2),
            "VALID" => 0,
            _ => First("pads", 0),
        };
        return reach > 1 << 30 ? null : RowWindow.OfKernel((int)stride, (int)begin, (int)reach);

        long First(string name, long otherwise) => node.Ints(name) is { IsEmpty: false } values ? values[0] : otherwise;
    }

    /// <summary>Enlarged by a whole factor: the row itself, and its neighbors where values lie between rows or are rounded from there.</summary>
    private static RowWindow? Enlarged(Node node, long rows, long enlarged)
    {
        string mode = node.String("mode", "nearest");
        if (enlarged % rows != 0 || mode is not ("nearest" or "linear") || node.Int("antialias", 0) != 0 || node.String("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize")
        {
            return null;
        }

        int factor = (int)(enlarged / rows);
        return mode == "nearest" && node.OpType == "Upsample" ? new RowWindow(factor, 1, 0, 1) : new RowWindow(factor, 1, 1, 3);
    }

    private static long[]? Axes(Graph graph, Node node) =>
        node.Ints("axes") is { } given ? [.. given] : node.InputOrNull(1) is { } name && graph.Constants.TryGetValue(name, out var axes) && axes.Type == TensorType.Int64 ? [.. (long[])axes.Data] : null;

    private static long[]? Pads(Graph graph, Node node) =>
        node.InputOrNull(3) is not null ? null
        : node.Ints("pads") is { } given ? [.. given]
        : node.InputOrNull(1) is { } name && graph.Constants.TryGetValue(name, out var pads) && pads.Type == TensorType.Int64 ? [.. (long[])pads.Data] : null;
}

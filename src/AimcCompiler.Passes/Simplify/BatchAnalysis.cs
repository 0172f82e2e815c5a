using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Follows the samples of a batch through a graph. Of every value it knows one of three things: it is the same for every sample; one of its
/// axes counts the samples; or it is a list of extents, some of which are the number of samples.</summary>
/// <remarks>Facts of the graph are from a batch of one. An axis is merged when each sample has several places on it, one sample after another.
/// An operator without a rule here, or whose condition is not met, is an objection.</remarks>
internal sealed class BatchAnalysis
{
    private readonly Graph _graph;
    private readonly Dictionary<string, State> _states = new(StringComparer.Ordinal);
    private readonly Dictionary<NodeId, ImmutableArray<long>> _targets = [];
    private readonly long _opset;

    private BatchAnalysis(Graph graph)
    {
        _graph = graph;
        _opset = graph.Header.Opsets.GetValueOrDefault("", 1);
    }

    /// <summary>Why samples may meet, or null when they do not.</summary>
    public string? Objection { get; private set; }

    /// <summary>Target shapes of Reshape nodes that have to be written anew.</summary>
    public IReadOnlyDictionary<NodeId, ImmutableArray<long>> Targets => _targets;

    /// <summary>Values with an axis that counts samples, and the axis.</summary>
    public IEnumerable<(string Value, int Axis)> Axes => _states.Where(s => s.Value is Along).Select(s => (s.Key, ((Along)s.Value).Axis));

    public static BatchAnalysis Of(Graph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        BatchAnalysis analysis = new(graph);
        analysis.Objection = analysis.Follow();
        return analysis;
    }

    private string? Follow()
    {
        if (_graph.Header.Inputs.IsEmpty)
        {
            return "the model has no inputs";
        }

        foreach (var input in _graph.Header.Inputs)
        {
            if (input.Shape.IsDefaultOrEmpty || input.Shape[0] is not (1 or -1))
            {
                return $"input '{input.Name}' does not begin with a batch of 1";
            }

            _states[input.Name] = new Along(0, IsMerged: false);
        }

        foreach (var node in _graph.Nodes)
        {
            if ((node.Reads.Any(v => !StateOf(v).IsShared) && !HasShapes(node)) || Rule(node) is not { } results || (results.Length > 1 ? results.Length : node.Outputs.Length) < node.Outputs.Length)
            {
                return $"{node.QualifiedOp} '{node.Name}' is not known to keep samples apart";
            }

            for (int i = 0; i < node.Outputs.Length; i++)
            {
                if (node.Outputs[i].Length > 0)
                {
                    var result = results[Math.Min(i, results.Length - 1)];
                    if (result is Along { Axis: var axis } && _graph.Facts.TryGetValue(node.Outputs[i], out var fact) && fact.HasShape && (axis < 0 || axis >= fact.Shape.Length))
                    {
                        return $"{node.QualifiedOp} '{node.Name}' names axes that its result does not have";
                    }

                    _states[node.Outputs[i]] = result;
                }
            }
        }

        return _graph.Header.Outputs.FirstOrDefault(o => StateOf(o.Name) is not Along { Axis: 0 }) is { } other
            ? $"output '{other.Name}' does not begin with the batch"
            : null;
    }

    /// <summary>States of the outputs, one for all or one each; null = not known to keep samples apart.</summary>
    private State[]? Rule(Node node)
    {
        if (node.OpType is "If" or "Loop" or "Scan" or "SequenceMap" or "RandomNormal" or "RandomNormalLike" or "RandomUniform" or "RandomUniformLike" or "Multinomial" or "Bernoulli")
        {
            return null;
        }

        if (node.Reads.All(v => StateOf(v).IsShared) && node.OpType != "ConstantOfShape")
        {
            // Extents that have nothing to do with the batch stay known as extents.
            return [node.Reads.Any(v => StateOf(v) is Extents) && ExtentsOf(node) is { } known ? known : Shared];
        }

        if (node.Reads.Any(v => StateOf(v) is Extents { IsShared: false }) && node.OpType is not ("Reshape" or "Expand" or "ConstantOfShape" or "Resize"))
        {
            return node.Domain.Length == 0 && ExtentsOf(node) is { } extents ? [extents] : null;
        }

        return node.Domain switch
        {
            "" => OnnxRule(node),
            "ai.onnx.ml" => node.OpType is "TreeEnsembleRegressor" or "TreeEnsembleClassifier" or "LinearRegressor" or "LinearClassifier" or "Scaler" or "Normalizer"
                && Axis(node, 0) is { Axis: 0 } rows ? [rows] : null,
            "com.microsoft" => node.OpType switch
            {
                "Gelu" or "QuickGelu" or "FastGelu" => Elementwise(node.Inputs),
                "QLinearAdd" or "QLinearMul" when node.Inputs.Where((_, i) => i is not (0 or 3)).All(v => v.Length == 0 || StateOf(v).IsShared) => Elementwise([node.Inputs[0], node.Inputs[3]]),
                "QLinearLeakyRelu" or "QLinearSigmoid" => Axis(node, 0) is { } unary && OthersAreShared(node, 0) ? [unary] : null,
                "QLinearAveragePool" or "QLinearGlobalAveragePool" => Axis(node, 0) is { Axis: 0 } pooled && OthersAreShared(node, 0) ? [pooled] : null,
                "QLinearSoftmax" => OthersAreShared(node, 0) ? Normalized(node, node.Int("opset", 1) < 13) : null,
                "SkipLayerNormalization" or "SkipSimplifiedLayerNormalization" when node.Outputs.Skip(1).All(o => o.Length == 0) => Elementwise(node.Inputs),
                _ => null,
            },
            _ => null,
        };
    }

    private State[]? OnnxRule(Node node) => node.OpType switch
    {
        "Abs" or "Acos" or "Acosh" or "Asin" or "Asinh" or "Atan" or "Atanh" or "BitwiseNot" or "Cast" or "CastLike" or "Ceil" or "Celu" or "Clip" or "Cos" or "Cosh"
            or "Elu" or "Erf" or "Exp" or "Floor" or "Gelu" or "HardSigmoid" or "HardSwish" or "Identity" or "IsInf" or "IsNaN" or "LeakyRelu" or "Log" or "Mish"
            or "Neg" or "Not" or "Reciprocal" or "Relu" or "Round" or "Selu" or "Shrink" or "Sigmoid" or "Sign" or "Sin" or "Sinh" or "Softplus" or "Softsign" or "Sqrt"
            or "Swish" or "Tan" or "Tanh" or "ThresholdedRelu" or "Affine" or "ScaledTanh" => Axis(node, 0) is { } unary && OthersAreShared(node, 0) ? [unary] : null,
        "Dropout" => Axis(node, 0) is { } kept && OthersAreShared(node, 0) && node.InputOrNull(2) is null ? [kept] : null, // the third input says that it trains
        "Add" or "And" or "BitShift" or "BitwiseAnd" or "BitwiseOr" or "BitwiseXor" or "Div" or "Equal" or "Greater" or "GreaterOrEqual" or "Less" or "LessOrEqual" or "Max"
            or "Mean" or "Min" or "Mod" or "Mul" or "Or" or "PRelu" or "Pow" or "Sub" or "Sum" or "Where" or "Xor" =>
            _opset >= 7 || node.Int("broadcast", 0) == 0 ? Elementwise(node.Inputs) : null,
        "Conv" or "ConvTranspose" or "ConvInteger" or "DepthToSpace" or "SpaceToDepth" or "InstanceNormalization" or "GroupNormalization" or "LRN"
            or "GlobalAveragePool" or "GlobalMaxPool" or "GlobalLpPool" or "AveragePool" or "LpPool" or "QLinearConv"
            or "ImageScaler" or "Crop" =>
            Axis(node, 0) is { Axis: 0 } items && OthersAreShared(node, 0) ? [items] : null,
        "MaxPool" => Axis(node, 0) is { Axis: 0 } pooled && node.Outputs.Skip(1).All(o => o.Length == 0) ? [pooled] : null,
        "BatchNormalization" => Axis(node, 0) is { Axis: 0 } normal && OthersAreShared(node, 0) && _opset >= 7 && node.Int("training_mode", 0) == 0 && node.Writes.Count() == 1
            ? [normal] : null,
        "LayerNormalization" or "RMSNormalization" => Axis(node, 0) is { } layer && AttributeAxis(node, -1) > layer.Axis ? Elementwise(node.Inputs) : null,
        "LpNormalization" or "Hardmax" or "Softmax" or "LogSoftmax" => Normalized(node, _opset < 13 && node.OpType != "LpNormalization"),
        "MeanVarianceNormalization" => Axis(node, 0) is { } mean && node.Ints("axes") is { } over && over.All(a => Positive(a, Rank(node.Inputs[0])) != mean.Axis) ? [mean] : null,
        "QuantizeLinear" or "DequantizeLinear" => Quantized(node),
        "Gemm" => Gemm(node),
        "MatMul" => Product(node, 0, 1, node.Inputs.Length),
        "MatMulInteger" => Product(node, 0, 1, node.Inputs.Length),
        "QLinearMatMul" => Product(node, 0, 3, node.Inputs.Length),
        "Flatten" => Flattened(node),
        "Reshape" => Reshaped(node),
        "Transpose" => Transposed(node),
        "Concat" => ElsewhereTogether(node),
        "Split" => Axis(node, 0) is { } split && OthersAreShared(node, 0) && AttributeAxis(node, 0) != split.Axis ? [split] : null,
        "Slice" => Sliced(node),
        "Gather" => Gathered(node),
        "GatherElements" => Axis(node, 0) is { } from && Axis(node, 1) == from && AttributeAxis(node, 0) != from.Axis ? [from] : null,
        "Pad" => Padded(node),
        "Unsqueeze" => Unsqueezed(node),
        "Squeeze" => Squeezed(node),
        "ReduceL1" or "ReduceL2" or "ReduceLogSum" or "ReduceLogSumExp" or "ReduceMax" or "ReduceMean" or "ReduceMin" or "ReduceProd" or "ReduceSum" or "ReduceSumSquare" =>
            Axis(node, 0) is { } reduced && Axes0(node) is { Length: > 0 } axes ? Reduced(reduced, Rank(node.Inputs[0]), axes, node.Int("keepdims", 1) != 0) : null,
        "ArgMax" or "ArgMin" => Axis(node, 0) is { } chosen ? Reduced(chosen, Rank(node.Inputs[0]), [AttributeAxis(node, 0)], node.Int("keepdims", 1) != 0) : null,
        "CumSum" => Axis(node, 0) is { } sum && Constant(node, 1) is [var along] && Positive(along, Rank(node.Inputs[0])) != sum.Axis ? [sum] : null,
        "TopK" => Axis(node, 0) is { } top && OthersAreShared(node, 0) && AttributeAxis(node, -1) != top.Axis ? [top] : null,
        "OneHot" => Axis(node, 0) is { } hot && OthersAreShared(node, 0) ? [hot with { Axis = hot.Axis + (Positive(node.Int("axis", -1), Rank(node.Inputs[0]) + 1) <= hot.Axis ? 1 : 0) }] : null,
        "Expand" => Expanded(node),
        "ConstantOfShape" => StateOf(node.Inputs[0]) is Extents { Single: { } place } ? [place] : StateOf(node.Inputs[0]).IsShared ? [Shared] : null,
        "Tile" => Axis(node, 0) is { } tiled && Constant(node, 1) is { } repeats && tiled.Axis < repeats.Length && repeats[tiled.Axis] == 1 ? [tiled] : null,
        "Resize" or "Upsample" => Resized(node),
        "GridSample" => Axis(node, 0) is { Axis: 0 } grid && Axis(node, 1) == grid ? [grid] : null,
        "LSTM" or "GRU" or "RNN" => Recurrent(node),
        "Shape" => ShapeOf(node) is { } shape ? [shape] : null,
        _ => null,
    };

    private static readonly State Shared = new Same();

    private State StateOf(string value) => _states.GetValueOrDefault(value, Shared);

    /// <summary>The batch axis of an input, or null when it has none.</summary>
    private Along? Axis(Node node, int input) => node.InputOrNull(input) is { } value ? StateOf(value) as Along : null;

    private bool OthersAreShared(Node node, int input) => node.Inputs.Where((v, i) => i != input && v.Length > 0).All(v => StateOf(v).IsShared);

    /// <summary>The rules ask for shapes of inputs and of the first output.</summary>
    private bool HasShapes(Node node) => node.Inputs.Where(v => v.Length > 0).Concat(node.Writes.Take(1))
        .All(v => _graph.Constants.ContainsKey(v) || (_graph.Facts.TryGetValue(v, out var facts) && facts.HasShape));

    private int Rank(string value) => Shape(value).Length;

    /// <summary>Extents for one sample.</summary>
    private ImmutableArray<long> Shape(string value) => _graph.Constants.TryGetValue(value, out var constant) ? constant.Shape : _graph.Facts[value].Shape;

    /// <summary>The extent when it is the same whatever the input, else -1. A batch axis is not asked for.</summary>
    private long Certain(string value, int axis) =>
        _graph.Constants.TryGetValue(value, out var constant) ? constant.Shape[axis] : _graph.Facts[value].Declared[axis];

    private static int Positive(long axis, int rank) => (int)(axis < 0 ? axis + rank : axis);

    private int AttributeAxis(Node node, long otherwise) => Positive(node.Int("axis", otherwise), Rank(node.Inputs[0]));

    /// <summary>An input of whole numbers that is constant.</summary>
    private ImmutableArray<long>? Constant(Node node, int input) =>
        node.InputOrNull(input) is { } value && _graph.Constants.TryGetValue(value, out var tensor) ? Numbers(tensor) : null;

    private static ImmutableArray<long>? Numbers(Tensor tensor) => tensor.Type switch
    {
        TensorType.Int64 => [.. (long[])tensor.Data],
        TensorType.Int32 => [.. ((int[])tensor.Data).Select(v => (long)v)],
        _ => null,
    };

    /// <summary>Axes from the attribute of older operator sets or the second input of newer ones, counted from the front; null where neither is known.</summary>
    private ImmutableArray<int>? Axes0(Node node)
    {
        int rank = Rank(node.Inputs[0]);
        return (node.Ints("axes") ?? Constant(node, 1)) is { } axes ? [.. axes.Select(a => Positive(a, rank))] : null;
    }

    /// <summary>Samples come one after another in memory: no longer axis before the batch.</summary>
    private bool IsLeading(string value, Along batch) => Enumerable.Range(0, batch.Axis).All(i => Certain(value, i) == 1);

    /// <summary>Broadcasting by position from the back. What has no batch must not be longer than 1 there.</summary>
    private State[]? Elementwise(ImmutableArray<string> inputs)
    {
        string[] operands = [.. inputs.Where(v => v.Length > 0)];
        int rank = operands.Max(Rank);
        Along? result = null;
        foreach (string operand in operands)
        {
            if (StateOf(operand) is Along along)
            {
                var placed = along with { Axis = along.Axis + rank - Rank(operand) };
                if (result is not null && result != placed)
                {
                    return null;
                }

                result = placed;
            }
        }

        return result is not null && operands.All(o => StateOf(o) is Along || IsOneAt(o, result.Axis - rank)) ? [result] : null;
    }

    /// <summary>The extent at a position from the back is 1, or there is no such axis.</summary>
    private bool IsOneAt(string value, int fromBack)
    {
        int axis = Rank(value) + fromBack;
        return axis < 0 || Certain(value, axis) == 1;
    }

    /// <param name="node">A Softmax or the like.</param>
    /// <param name="isOld">Before version 13 all axes from the given one on were normalised together.</param>
    private State[]? Normalized(Node node, bool isOld)
    {
        if (Axis(node, 0) is not { } batch)
        {
            return null;
        }

        int axis = AttributeAxis(node, isOld ? 1 : -1);
        return (isOld ? batch.Axis < axis : batch.Axis != axis) ? [batch] : null;
    }

    private State[]? Quantized(Node node)
    {
        if (Axis(node, 0) is not { } batch || !OthersAreShared(node, 0) || Rank(node.Inputs[1]) > 1 || node.Int("block_size", 0) != 0)
        {
            return null;
        }

        return Tensor.CountOf(Shape(node.Inputs[1])) == 1 || AttributeAxis(node, 1) != batch.Axis ? [batch] : null;
    }

    private State[]? Gemm(Node node) =>
        Axis(node, 0) is { Axis: 0 } rows && node.Int("transA", 0) == 0 && StateOf(node.Inputs[1]).IsShared
        && (node.InputOrNull(2) is not { } bias || (StateOf(bias) is Along along ? along == rows && Rank(bias) == 2 : IsOneAt(bias, -2)))
            ? [rows]
            : null;

    private State[]? Product(Node node, int left, int right, int inputs)
    {
        string a = node.Inputs[left];
        string b = node.Inputs[right];
        // Scales and zero points are one number each.
        if (Enumerable.Range(0, inputs).Any(i => i != left && i != right && node.InputOrNull(i) is { } scale && (!StateOf(scale).IsShared || Tensor.CountOf(Shape(scale)) != 1)))
        {
            return null;
        }

        int rank = Math.Max(Rank(a), Rank(b));
        if (Rank(a) < 2 || Rank(b) < 2)
        {
            // A vector of weights takes the last axis of what it is multiplied with.
            return Rank(b) == 1 && Axis(node, left) is { } stack && StateOf(b).IsShared && stack.Axis < Rank(a) - 1 && IsLeading(a, stack) ? [stack] : null;
        }

        var one = Axis(node, left);
        var two = Axis(node, right);
        if (one is not null && two is not null)
        {
            var placed = one with { Axis = one.Axis + rank - Rank(a) };
            return placed == two with { Axis = two.Axis + rank - Rank(b) } && placed.Axis < rank - 2 ? [placed] : null;
        }

        // Vectors of one sample stay together, in the order in which a batch of one has them: reads are named by it.
        if (one is not null)
        {
            int axis = one.Axis + rank - Rank(a);
            return axis < rank - 1 && (IsLeading(a, one) || IsAlone(a, one)) && (axis == rank - 2 || IsOneAt(b, axis - rank)) && StateOf(b).IsShared ? [one with { Axis = axis }] : null;
        }

        if (two is not null)
        {
            int axis = two.Axis + rank - Rank(b);
            return axis < rank - 2 && IsLeading(b, two) && IsOneAt(a, axis - rank) && StateOf(a).IsShared ? [two with { Axis = axis }] : null;
        }

        return null;
    }

    /// <summary>The batch is the only axis that is open, here and in every input: reads are named by it wherever it stands (<see cref="LowerToMvm"/>).</summary>
    private bool IsAlone(string value, Along batch) =>
        !batch.IsMerged && Enumerable.Range(0, Rank(value)).All(i => i == batch.Axis || Certain(value, i) >= 0) && _graph.Header.Inputs.All(p => !p.Shape.Skip(1).Contains(-1));

    private State[]? Flattened(Node node)
    {
        int axis = AttributeAxis(node, 1);
        if (Axis(node, 0) is not { } batch || axis <= batch.Axis || !IsLeading(node.Inputs[0], batch))
        {
            return null;
        }

        bool joins = Enumerable.Range(batch.Axis + 1, axis - batch.Axis - 1).Any(i => Certain(node.Inputs[0], i) != 1);
        return [new Along(0, batch.IsMerged || joins)];
    }

    private State[]? Reshaped(Node node)
    {
        string input = node.Inputs[0];
        if (Axis(node, 0) is not { } batch || !IsLeading(input, batch))
        {
            return null;
        }

        bool isConstant = false;
        Extent[] target;
        if (node.InputOrNull(1) is { } shape)
        {
            if (StateOf(shape) is Extents extents)
            {
                target = [.. extents.Items];
            }
            else if (Constant(node, 1) is { } numbers)
            {
                (isConstant, target) = (true, [.. numbers.Select(Extent.Of)]);
            }
            else
            {
                return null;
            }
        }
        else if (node.Ints("shape") is { } attribute)
        {
            target = [.. attribute.Select(Extent.Of)];
        }
        else
        {
            return null;
        }

        bool copies = node.Int("allowzero", 0) == 0;
        for (int i = 0; i < target.Length && copies; i++)
        {
            if (target[i] == Extent.Of(0))
            {
                target[i] = i == batch.Axis ? batch.IsMerged ? Extent.Merged : Extent.Batch : Certain(input, i) is >= 0 and var kept ? Extent.Of(kept) : Extent.Other;
            }
        }

        int named = Array.FindIndex(target, e => e.IsBatch);
        if (named >= 0)
        {
            return target.Take(named).All(e => e == Extent.Of(1)) && !target.Skip(named + 1).Any(e => e.IsBatch) ? [new Along(named, target[named] == Extent.Merged)] : null;
        }

        if (target.Length == 0 || target[0] == Extent.Other)
        {
            return null;
        }

        if (target[0] == Extent.Of(-1))
        {
            return [new Along(0, !IsOnePerSample(input, batch, target))];
        }

        // Of an open batch, a -1 behind extents of one counts the samples.
        int counted = Array.IndexOf(target, Extent.Of(-1));
        if (counted > 0 && target.Take(counted).All(e => e == Extent.Of(1)) && _graph.Header.Inputs.Any(i => i.Shape[0] < 0)
            && IsOnePerSample(input, batch, target[counted..]))
        {
            return [new Along(counted, IsMerged: false)];
        }

        // The first extent holds one sample: it has to follow the batch.
        if (!isConstant)
        {
            return null;
        }

        var after = Rewritten(node, batch, target, copies);
        if (after is null)
        {
            return null;
        }

        _targets[node.Id] = after.Value;
        return [new Along(0, target[0] != Extent.Of(1))];
    }

    /// <summary>A target whose first extent is -1 has one place a sample there.</summary>
    private bool IsOnePerSample(string input, Along batch, Extent[] target)
    {
        if (batch.IsMerged || !target.Skip(1).All(e => e.Number > 0))
        {
            return false;
        }

        long[] sample = [.. Enumerable.Range(0, Rank(input)).Where(i => i != batch.Axis).Select(i => Certain(input, i))];
        return sample.All(d => d >= 0) && sample.Aggregate(1L, (a, b) => a * b) == target.Skip(1).Aggregate(1L, (a, e) => a * e.Number!.Value);
    }

    private ImmutableArray<long>? Rewritten(Node node, Along batch, Extent[] target, bool copies)
    {
        // 0 takes over the extent of the input: the batch where the first axis is the batch on both sides.
        bool takesOver = copies && batch is { Axis: 0, IsMerged: false } && target[0] == Extent.Of(1);
        string output = node.Outputs[0];
        long[] rest = [.. target.Skip(1).Select((e, i) => e.Number is -1 && !takesOver ? Certain(output, i + 1) : e.Number ?? -2)];
        return rest.Any(d => d < (takesOver ? -1 : 0)) ? null : [takesOver ? 0 : -1, .. rest];
    }

    private State[]? Transposed(Node node)
    {
        if (Axis(node, 0) is not { } batch)
        {
            return null;
        }

        int rank = Rank(node.Inputs[0]);
        long[] order = node.Ints("perm") is { } perm ? [.. perm] : [.. Enumerable.Range(0, rank).Reverse().Select(i => (long)i)];
        return [batch with { Axis = Array.IndexOf(order, batch.Axis) }];
    }

    private State[]? ElsewhereTogether(Node node) =>
        Axis(node, 0) is { } batch && AttributeAxis(node, 1) != batch.Axis && node.Inputs.All(v => Equals(StateOf(v), batch)) ? [batch] : null;

    private State[]? Sliced(Node node)
    {
        if (Axis(node, 0) is not { } batch || !OthersAreShared(node, 0))
        {
            return null;
        }

        int rank = Rank(node.Inputs[0]);
        var starts = node.Ints("starts") ?? Constant(node, 1);
        var axes = node.Ints("axes") ?? Constant(node, 3);
        int count = starts?.Length ?? (node.InputOrNull(1) is { } s ? (int)Tensor.CountOf(Shape(s)) : rank);
        if (axes is null && (node.InputOrNull(3) is not null || batch.Axis < count))
        {
            return null;
        }

        int at = axes is null ? -1 : axes.Value.Select(a => Positive(a, rank)).ToList().IndexOf(batch.Axis);
        return at < 0 || TakesAll(node, starts, at) ? [batch] : null;
    }

    /// <summary>From the first to beyond the last, whatever their number.</summary>
    private bool TakesAll(Node node, ImmutableArray<long>? starts, int at) =>
        starts is { } from && from[at] == 0 && (node.Ints("ends") ?? Constant(node, 2)) is { } to && to[at] >= int.MaxValue
        && (node.InputOrNull(4) is null || (Constant(node, 4) is { } steps && steps[at] == 1));

    private State[]? Gathered(Node node)
    {
        int axis = AttributeAxis(node, 0);
        int indices = Rank(node.Inputs[1]);
        return (Axis(node, 0), Axis(node, 1)) switch
        {
            ({ } data, null) when StateOf(node.Inputs[1]).IsShared && data.Axis != axis => [data with { Axis = data.Axis < axis ? data.Axis : data.Axis + indices - 1 }],
            (null, { } index) when StateOf(node.Inputs[0]).IsShared => [index with { Axis = index.Axis + axis }],
            _ => null,
        };
    }

    private State[]? Padded(Node node)
    {
        if (Axis(node, 0) is not { } batch || !OthersAreShared(node, 0) || node.InputOrNull(3) is not null)
        {
            return null;
        }

        int rank = Rank(node.Inputs[0]);
        return (node.Ints("pads") ?? node.Ints("paddings") ?? Constant(node, 1)) is { } pads && pads.Length == 2 * rank && pads[batch.Axis] == 0 && pads[batch.Axis + rank] == 0
            ? [batch]
            : null;
    }

    private State[]? Unsqueezed(Node node)
    {
        if (Axis(node, 0) is not { } batch || (node.Ints("axes") ?? Constant(node, 1)) is not { } axes)
        {
            return null;
        }

        int rank = Rank(node.Inputs[0]) + axes.Length;
        var inserted = axes.Select(a => Positive(a, rank)).ToHashSet();
        return [batch with { Axis = Enumerable.Range(0, rank).Where(i => !inserted.Contains(i)).ElementAt(batch.Axis) }];
    }

    private State[]? Squeezed(Node node) =>
        Axis(node, 0) is { } batch && Axes0(node) is { } axes && !axes.Contains(batch.Axis) ? [batch with { Axis = batch.Axis - axes.Count(a => a < batch.Axis) }] : null;

    private static State[]? Reduced(Along batch, int rank, ImmutableArray<int> axes, bool keeps) =>
        axes.Contains(batch.Axis) || axes.Any(a => a >= rank) ? null : [keeps ? batch : batch with { Axis = batch.Axis - axes.Count(a => a < batch.Axis) }];

    private State[]? Expanded(Node node)
    {
        Extent[]? target = StateOf(node.Inputs[1]) is Extents extents ? [.. extents.Items] : Constant(node, 1) is { } numbers ? [.. numbers.Select(Extent.Of)] : null;
        if (target is null)
        {
            return null;
        }

        int rank = Math.Max(Rank(node.Inputs[0]), target.Length);
        int named = Array.FindIndex(target, e => e.IsBatch);
        if (Axis(node, 0) is { } batch)
        {
            var placed = batch with { Axis = batch.Axis + rank - Rank(node.Inputs[0]) };
            int at = placed.Axis - rank + target.Length;
            bool keeps = at < 0 || target[at] == Extent.Of(1) || (target[at] == Extent.Batch && !batch.IsMerged);
            return keeps && !target.Where((e, i) => i != at && e.IsBatch).Any() ? [placed] : null;
        }

        // The same for every sample, repeated for each.
        return named >= 0 && target[named] == Extent.Batch && target.Count(e => e.IsBatch) == 1 && StateOf(node.Inputs[0]).IsShared && IsOneAt(node.Inputs[0], named - target.Length)
            ? [new Along(named + rank - target.Length, IsMerged: false)]
            : null;
    }

    private State[]? Resized(Node node)
    {
        if (Axis(node, 0) is not { } batch || node.String("coordinate_transformation_mode", "") == "tf_crop_and_resize")
        {
            return null;
        }

        if (node.Ints("axes") is { } axes)
        {
            return OthersAreShared(node, 0) && axes.All(a => Positive(a, Rank(node.Inputs[0])) != batch.Axis) ? [batch] : null;
        }

        if (node.InputOrNull(3) is { } sizes)
        {
            return StateOf(sizes) is Extents extents && extents.Items.Length > batch.Axis && extents.Items[batch.Axis] == Extent.Batch && !batch.IsMerged && extents.Items.Count(e => e.IsBatch) == 1
                ? [batch]
                : null;
        }

        float[]? scales = node.Attributes.TryGetValue("scales", out var given) && given is FloatsAttribute floats ? [.. floats.Values]
            : node.InputOrNull(node.OpType == "Resize" && _opset >= 11 ? 2 : 1) is { } input && _graph.Constants.TryGetValue(input, out var tensor) ? tensor.ToFloats()
            : null;
        return scales is not null && batch.Axis < scales.Length && scales[batch.Axis] == 1 ? [batch] : null;
    }

    private State[]? Recurrent(Node node)
    {
        int axis = node.Int("layout", 0) == 0 ? 1 : 0;
        if (Axis(node, 0) is not { } batch || batch.Axis != axis || !node.Inputs.Where((v, i) => i is 1 or 2 or 3 or 7 && v.Length > 0).All(v => StateOf(v).IsShared))
        {
            return null;
        }

        // Lengths and states that are given are given for each sample.
        bool lengths = node.InputOrNull(4) is null || Equals(Axis(node, 4), batch with { Axis = 0 });
        bool states = node.Inputs.Where((v, i) => i is 5 or 6 && v.Length > 0).All(v => Equals(StateOf(v), batch));
        var last = new Along(axis, batch.IsMerged);
        return lengths && states ? [batch with { Axis = axis == 1 ? 2 : 0 }, last, last] : null;
    }

    private Extents? ShapeOf(Node node)
    {
        if (Axis(node, 0) is not { } batch)
        {
            return null;
        }

        int rank = Rank(node.Inputs[0]);
        int start = Math.Clamp(Positive(node.Int("start", 0), rank), 0, rank);
        int end = Math.Clamp(Positive(node.Int("end", rank), rank), start, rank);
        return new Extents(
        [
            .. Enumerable.Range(start, end - start).Select(i =>
                i == batch.Axis ? batch.IsMerged ? Extent.Merged : Extent.Batch : Certain(node.Inputs[0], i) is >= 0 and var known ? Extent.Of(known) : Extent.Other),
        ]);
    }

    /// <summary>What an operator makes of lists of extents; null = not known.</summary>
    private Extents? ExtentsOf(Node node)
    {
        ImmutableArray<Extent>? items = node.Inputs.IsEmpty ? null : Items(node.Inputs[0]);
        switch (node.OpType)
        {
            case "Cast" or "Identity" or "Unsqueeze" or "Squeeze" when items is { } same:
                return new Extents(same);
            case "Gather" when items is { } from && Constant(node, 1) is { } indices && indices.All(i => Positive(i, from.Length) is var at && at >= 0 && at < from.Length):
                return new Extents([.. indices.Select(i => from[Positive(i, from.Length)])]);
            case "Slice" when items is { } from
                && (node.Ints("starts") ?? Constant(node, 1)) is [var start]
                && (node.Ints("ends") ?? Constant(node, 2)) is [var end]
                && (node.InputOrNull(4) is null || Constant(node, 4) is [1]):
                int first = (int)Math.Clamp(start < 0 ? start + from.Length : start, 0, from.Length);
                int last = (int)Math.Clamp(end < 0 ? end + from.Length : end, first, from.Length);
                return new Extents(from[first..last]);
            case "Concat":
                var all = node.Inputs.Select(Items).ToList();
                return all.Contains(null) ? null : new Extents([.. all.SelectMany(i => i!.Value)]);
            default:
                return null;
        }
    }

    private ImmutableArray<Extent>? Items(string value) =>
        StateOf(value) is Extents extents ? extents.Items
        : _graph.Constants.TryGetValue(value, out var tensor) && tensor.Shape.Length <= 1 && Numbers(tensor) is { } numbers ? [.. numbers.Select(Extent.Of)]
        : null;

    /// <summary>What is known of a value. A closed hierarchy.</summary>
    private abstract record State
    {
        /// <summary>The same whatever the number of samples.</summary>
        public abstract bool IsShared { get; }
    }

    /// <summary>The same for every sample.</summary>
    private sealed record Same : State
    {
        public override bool IsShared => true;
    }

    /// <summary>One axis counts the samples.</summary>
    private sealed record Along(int Axis, bool IsMerged) : State
    {
        public override bool IsShared => false;
    }

    /// <summary>Extents of a shape, or one of them.</summary>
    private sealed record Extents(ImmutableArray<Extent> Items) : State
    {
        public override bool IsShared => !Items.Any(e => e.IsBatch);

        /// <summary>The place of the one extent that counts samples; null when there are none or several.</summary>
        public Along? Single => Items.Count(e => e.IsBatch) == 1 && Items.IndexOf(Extent.Batch) is >= 0 and var at ? new Along(at, IsMerged: false) : null;
    }

    /// <summary>A number; the number of samples; a multiple of it; or another number, the same for every batch.</summary>
    private readonly record struct Extent(ExtentKind Kind, long Value)
    {
        public static readonly Extent Batch = new(ExtentKind.Batch, 0);
        public static readonly Extent Merged = new(ExtentKind.Merged, 0);
        public static readonly Extent Other = new(ExtentKind.Other, 0);

        public bool IsBatch => Kind is ExtentKind.Batch or ExtentKind.Merged;

        public long? Number => Kind == ExtentKind.Number ? Value : null;

        public static Extent Of(long value) => new(ExtentKind.Number, value);
    }

    private enum ExtentKind
    {
        Number,
        Batch,
        Merged,
        Other,
    }
}

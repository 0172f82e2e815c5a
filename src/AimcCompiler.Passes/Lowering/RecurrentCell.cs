using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>The digital part of one time step of LSTM, GRU and RNN (ONNX operator specification, opset 14), as graphs of ONNX operators between the products
/// of the tiles. Gates come as rows of the products: i, o, f, c (LSTM); z, r, h (GRU).</summary>
internal sealed class RecurrentCell
{
    /// <summary>The version that the cells' operators are written in, whatever the model's is.</summary>
    private const long Opset = 14;

    private readonly Node _node;
    private readonly int _direction;
    private readonly int _hidden;
    private readonly string _prefix;
    private readonly GraphHeader _model;
    private readonly Tensor? _lengths;
    private readonly Activation[] _activations;
    private readonly List<Node> _nodes = [];
    private readonly List<GraphPort> _inputs = [];
    private readonly List<GraphPort> _outputs = [];
    private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
    private int _names;
    private long _operations;

    /// <param name="node">The operator.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="hidden">Hidden units.</param>
    /// <param name="prefix">Begins the names of its values.</param>
    /// <param name="model">Of the model.</param>
    /// <param name="lengths">The sequence lengths where they are constant.</param>
    public RecurrentCell(Node node, int direction, int hidden, string prefix, GraphHeader model, Tensor? lengths = null)
    {
        (_node, _direction, _hidden, _prefix, _model, _lengths) = (node, direction, hidden, prefix, model, lengths);
        _activations = Parse(node) is { } all ? [.. all.Skip(direction * PerDirection(node)).Take(PerDirection(node))] : throw new ArgumentException("The activations are not known.", nameof(node));
    }

    /// <summary>Every activation of the operator is one that a cell can write.</summary>
    public static bool IsKnown(Node node) => Parse(node) is not null && node.String("direction", "forward") is "forward" or "reverse" or "bidirectional";

    public static int Directions(Node node) => node.String("direction", "forward") == "bidirectional" ? 2 : 1;

    private sealed record Activation(string Name, float Alpha, float Beta);

    private static int PerDirection(Node node) => node.OpType switch
    {
        "LSTM" => 3,
        "GRU" => 2,
        _ => 1,
    };

    private static Activation[]? Parse(Node node)
    {
        string[] defaults = node.OpType switch
        {
            "LSTM" => ["Sigmoid", "Tanh", "Tanh"],
            "GRU" => ["Sigmoid", "Tanh"],
            _ => ["Tanh"],
        };
        int count = defaults.Length * Directions(node);
        string[] names = node.Strings("activations") is { IsEmpty: false } given ? [.. given] : [.. Enumerable.Range(0, count).Select(i => defaults[i % defaults.Length])];
        if (names.Length != count)
        {
            return null;
        }

        // Parameters are listed for those activations that have them, in order.
        Queue<float> alphas = new(node.Floats("activation_alpha"));
        Queue<float> betas = new(node.Floats("activation_beta"));
        List<Activation> result = [];
        foreach (string name in names)
        {
            (string Name, float? Alpha, float? Beta)? kind = name.ToUpperInvariant() switch
            {
                "RELU" => ("Relu", null, null),
                "TANH" => ("Tanh", null, null),
                "SIGMOID" => ("Sigmoid", null, null),
                "SOFTSIGN" => ("Softsign", null, null),
                "SOFTPLUS" => ("Softplus", null, null),
                "AFFINE" => ("Affine", 1, 0),
                "LEAKYRELU" => ("LeakyRelu", 0.01f, null),
                "THRESHOLDEDRELU" => ("ThresholdedRelu", 1, null),
                "SCALEDTANH" => ("ScaledTanh", 1, 1),
                "HARDSIGMOID" => ("HardSigmoid", 0.2f, 0.5f),
                "ELU" => ("Elu", 1, null),
                _ => null,
            };
            if (kind is not var (known, alpha, beta))
            {
                return null;
            }

            result.Add(new Activation(known, alpha is { } a ? alphas.TryDequeue(out float givenAlpha) ? givenAlpha : a : 0, beta is { } b ? betas.TryDequeue(out float givenBeta) ? givenBeta : b : 0));
        }

        return [.. result];
    }

    /// <summary>A value of one time step of the loop.</summary>
    public string Name(string what) => $"{_prefix}/{what}";

    private string Input(string what, int width)
    {
        string name = Name(what);
        _inputs.Add(new GraphPort(name, TensorType.Float, [-1, width], []));
        return name;
    }

    private string Op(string op, ReadOnlySpan<string> inputs, ImmutableDictionary<string, NodeAttribute>? attributes = null, string? output = null)
    {
        string result = output ?? $"{_prefix}/{op.ToLowerInvariant()}{_names++}";
        _nodes.Add(new Node(new NodeId(_nodes.Count), result, "", op, [.. inputs], [result], [], attributes ?? Rewriting.NoAttributes, default));
        _operations += _hidden;
        return result;
    }

    private string[] Parts(string value, int count)
    {
        string[] results = [.. Enumerable.Range(0, count).Select(i => $"{_prefix}/part{_names++}")];
        string sizes = Constant(Tensor.FromInt64([.. Enumerable.Repeat((long)_hidden, count)], count));
        _nodes.Add(new Node(new NodeId(_nodes.Count), $"{_prefix}/split{_names++}", "", "Split", [value, sizes], [.. results], [], Rewriting.Of(("axis", 1)), default));
        return results;
    }

    private string Constant(Tensor tensor)
    {
        string name = $"{_prefix}/constant{_names++}";
        _constants.Add(name, tensor);
        return name;
    }

    private string Output(string value, string what, int width)
    {
        string name = Name(what);
        Op("Identity", [value], null, name);
        _outputs.Add(new GraphPort(name, TensorType.Float, [-1, width], []));
        return name;
    }

    private string Activate(int index, string value, bool clips = true)
    {
        var (name, alpha, beta) = _activations[index];
        float clip = clips ? _node.Float("clip", 0) : 0;
        if (clip > 0)
        {
            value = Op("Clip", [value, Constant(Tensor.FromFloats([-clip])), Constant(Tensor.FromFloats([clip]))]);
        }

        return name switch
        {
            "Affine" => Op("Add", [Op("Mul", [value, Constant(Tensor.FromFloats([alpha]))]), Constant(Tensor.FromFloats([beta]))]),
            "ScaledTanh" => Op("Mul", [Op("Tanh", [Op("Mul", [value, Constant(Tensor.FromFloats([beta]))])]), Constant(Tensor.FromFloats([alpha]))]),
            "HardSigmoid" => Op(name, [value], Rewriting.Of(("alpha", alpha), ("beta", beta))),
            "LeakyRelu" or "ThresholdedRelu" or "Elu" => Op(name, [value], Rewriting.Of(("alpha", alpha))),
            _ => Op(name, [value]),
        };
    }

    private LoopDigital Take()
    {
        GraphHeader header = new()
        {
            FileName = _model.FileName,
            Sha256 = _model.Sha256,
            Inputs = [.. _inputs],
            Outputs = [.. _outputs],
            IrVersion = 8,
            Opsets = ImmutableDictionary<string, long>.Empty.WithComparers(StringComparer.Ordinal).Add("", Opset),
            Functions = [],
            Parameters = 0,
            OriginalNodes = [],
        };
        var constants = _constants.ToImmutableDictionary(StringComparer.Ordinal);
        LoopDigital result = new(
            new Graph(header, [.. _nodes], constants, ImmutableDictionary<string, ValueFacts>.Empty.WithComparers(StringComparer.Ordinal)), _operations);
        _nodes.Clear();
        _inputs.Clear();
        _outputs.Clear();
        _constants.Clear();
        _operations = 0;
        return result;
    }

    /// <summary>Keeps a sequence's state, and writes zeros, where the time step is behind its end.</summary>
    private (string State, string? Written) Masked(string? mask, string next, string current)
    {
        if (mask is null)
        {
            return (next, null);
        }

        string zero = Constant(Tensor.FromFloats([0]));
        return (Op("Where", [mask, next, current]), Op("Where", [mask, next, zero]));
    }

    private string? Mask(string? lengths)
    {
        if (lengths is null)
        {
            return null;
        }

        string step = Name("step");
        _inputs.Add(new GraphPort(step, TensorType.Int64, [], []));
        string ends = lengths;
        if (_lengths is not null)
        {
            ends = Constant(_lengths);
        }
        else
        {
            _inputs.Add(new GraphPort(lengths, TensorType.Int32, [-1], []));
        }

        string isInside = Op("Less", [step, Op("Cast", [ends], Rewriting.Of(("to", (long)TensorType.Int64)))]);
        return Op("Reshape", [isInside, Constant(Tensor.FromInt64([-1, 1], 2))]);
    }

    private void End(string? mask, string next, string current)
    {
        var (state, written) = Masked(mask, next, current);
        Output(state, "h_next", _hidden);
        Output(written ?? state, "y", _hidden);
    }

    /// <summary>The step of an LSTM after its product: reads gates, product, h, c; writes h_next, c_next, y.</summary>
    /// <param name="gates">Columns of the input product of all directions.</param>
    /// <param name="select">Takes this direction's columns.</param>
    /// <param name="peepholes">[directions, 3 hidden]: i, o, f; or null.</param>
    /// <param name="lengths">Name of the sequence lengths, or null.</param>
    public LoopDigital Lstm(int gates, bool select, Tensor? peepholes, string? lengths)
    {
        string slice = Gates(gates, select, 4);
        string product = Input("product", 4 * _hidden);
        string h = Input("h", _hidden);
        string c = Input("c", _hidden);
        string? mask = Mask(lengths);
        string[] parts = Parts(Op("Add", [slice, product]), 4);
        string[] peeps = peepholes is null ? [] : [.. Enumerable.Range(0, 3).Select(i => Constant(Tensor.FromFloats(peepholes.Floats.AsSpan((((_direction * 3) + i) * _hidden), _hidden).ToArray(), _hidden)))];
        string Peeped(int part, int peep, string cell) => peeps.Length == 0 ? parts[part] : Op("Add", [parts[part], Op("Mul", [peeps[peep], cell])]);
        string i = Activate(0, Peeped(0, 0, c));
        string f = _node.Int("input_forget", 0) != 0 ? Op("Sub", [Constant(Tensor.FromFloats([1])), i]) : Activate(0, Peeped(2, 2, c));
        string candidate = Activate(1, parts[3]);
        string next = Op("Add", [Op("Mul", [f, c]), Op("Mul", [i, candidate])]);
        string o = Activate(0, Peeped(1, 1, next));
        string hidden = Op("Mul", [o, Activate(2, next, clips: false)]);
        Output(Masked(mask, next, c).State, "c_next", _hidden);
        End(mask, hidden, h);
        return Take();
    }

    /// <summary>The step of a GRU whose reset gate is applied after the product: reads gates, product, h.</summary>
    public LoopDigital GruAfter(int gates, bool select, string? lengths)
    {
        string slice = Gates(gates, select, 3);
        string product = Input("product", 3 * _hidden);
        string h = Input("h", _hidden);
        string? mask = Mask(lengths);
        string[] x = Parts(slice, 3);
        string[] p = Parts(product, 3);
        string z = Activate(0, Op("Add", [x[0], p[0]]));
        string reset = Activate(0, Op("Add", [x[1], p[1]]));
        string candidate = Activate(1, Op("Add", [x[2], Op("Mul", [reset, p[2]])]));
        End(mask, Blend(z, candidate, h), h);
        return Take();
    }

    /// <summary>The first half of a step of a GRU whose reset gate is applied before the second product: reads gates, product, h; writes z, the candidate's share of the
    /// input product, and the reset state.</summary>
    public LoopDigital GruReset(int gates, bool select)
    {
        string slice = Gates(gates, select, 3);
        string product = Input("product", 2 * _hidden);
        string h = Input("h", _hidden);
        string[] x = Parts(slice, 3);
        string[] p = Parts(product, 2);
        Output(Activate(0, Op("Add", [x[0], p[0]])), "z", _hidden);
        Output(x[2], "candidate_gates", _hidden);
        Output(Op("Mul", [Activate(0, Op("Add", [x[1], p[1]])), h]), "reset_h", _hidden);
        return Take();
    }

    /// <summary>The second half: reads z, candidate_gates, candidate_product, h.</summary>
    public LoopDigital GruCandidate(string? lengths)
    {
        string z = Input("z", _hidden);
        string gates = Input("candidate_gates", _hidden);
        string product = Input("candidate_product", _hidden);
        string h = Input("h", _hidden);
        string? mask = Mask(lengths);
        End(mask, Blend(z, Activate(1, Op("Add", [gates, product])), h), h);
        return Take();
    }

    /// <summary>The step of a plain RNN.</summary>
    public LoopDigital Rnn(int gates, bool select, string? lengths)
    {
        string slice = Gates(gates, select, 1);
        string product = Input("product", _hidden);
        string h = Input("h", _hidden);
        string? mask = Mask(lengths);
        End(mask, Activate(0, Op("Add", [slice, product])), h);
        return Take();
    }

    /// <summary>(1 - z) candidate + z h.</summary>
    private string Blend(string z, string candidate, string h) =>
        Op("Add", [Op("Mul", [Op("Sub", [Constant(Tensor.FromFloats([1])), z]), candidate]), Op("Mul", [z, h])]);

    private string Gates(int width, bool select, int perDirection)
    {
        string all = Input("gates", width);
        if (!select)
        {
            return all;
        }

        long first = (long)_direction * perDirection * _hidden;
        return Op(
            "Slice",
            [all, Constant(Tensor.FromInt64([first], 1)), Constant(Tensor.FromInt64([first + ((long)perDirection * _hidden)], 1)), Constant(Tensor.FromInt64([1], 1))]);
    }
}

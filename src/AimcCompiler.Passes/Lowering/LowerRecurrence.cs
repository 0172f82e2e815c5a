using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Turns a recurrent operator that reads the products of its inputs into a time loop for each direction: the product with R on tiles, the gates digital.
/// <code>
/// before:  %y = LSTM(%gates, #selection, #r)
/// after:   %s = loop(%gates) { %p = mvm(%h); %h', %c' = digital(%gates, %p, %h, %c) }    %y = Reshape(%s)
/// </code></summary>
internal sealed class LowerRecurrence(Graph graph, Node node, Func<NodeId> nextId, Func<LayerId> nextLayer)
{
    private readonly List<Node> _nodes = [];
    private readonly Dictionary<string, Tensor> _constants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ValueFacts> _facts = new(StringComparer.Ordinal);
    private readonly List<TimeLoop> _loops = [];
    private readonly List<(LayerId Layer, FloatMatrix Matrix, ImmutableArray<float> Bias, string Name, string Input, string Output, int Part)> _products = [];

    /// <summary>Nodes that take the operator's place: the loops, and what prepares and collects states.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    public IReadOnlyDictionary<string, Tensor> Constants => _constants;

    public IReadOnlyDictionary<string, ValueFacts> Facts => _facts;

    public IReadOnlyList<TimeLoop> Loops => _loops;

    public IReadOnlyList<(LayerId Layer, FloatMatrix Matrix, ImmutableArray<float> Bias, string Name, string Input, string Output, int Part)> Products => _products;

    public void Run()
    {
        var recurrent = graph.Constants[node.Inputs[2]];
        int directions = (int)recurrent.Shape[0];
        int rows = (int)recurrent.Shape[1];
        int hidden = (int)recurrent.Shape[2];
        float[] r = recurrent.Floats;
        int width = (int)graph.Constants[node.Inputs[1]].Shape[2];
        bool isReverse = node.String("direction", "forward") == "reverse";
        var gates = graph.Facts[node.Inputs[0]];
        string? lengths = node.InputOrNull(4);
        bool hasCell = node.OpType == "LSTM";
        List<string> sequences = [];
        List<string> finals = [];
        List<string> cells = [];
        for (int d = 0; d < directions; d++)
        {
            string prefix = $"{node.Name}/{(isReverse || d == 1 ? "reverse" : "forward")}";
            RecurrentCell cell = new(node, d, hidden, prefix, graph.Header, lengths is null ? null : graph.Constants.GetValueOrDefault(lengths));
            List<LoopStep> body = [];
            ReadOnlyMemory<float> own = r.AsMemory(d * rows * hidden, rows * hidden);
            bool select = width != rows;
            bool resetsBefore = node.OpType == "GRU" && node.Int("linear_before_reset", 0) == 0;
            int first = resetsBefore ? 2 * hidden : rows;
            body.Add(Product(own[..(first * hidden)], first, hidden, RecurrentBias(d, rows, first), prefix, "", cell.Name("h"), cell.Name("product"), 2 + (2 * d)));
            switch (node.OpType)
            {
                case "LSTM":
                    body.Add(cell.Lstm(width, select, node.InputOrNull(7) is { } peepholes ? graph.Constants[peepholes] : null, lengths));
                    break;
                case "GRU" when resetsBefore:
                    body.Add(cell.GruReset(width, select));
                    body.Add(Product(own[(first * hidden)..], hidden, hidden, [], prefix, "/candidate", cell.Name("reset_h"), cell.Name("candidate_product"), 3 + (2 * d)));
                    body.Add(cell.GruCandidate(lengths));
                    break;
                case "GRU":
                    body.Add(cell.GruAfter(width, select, lengths));
                    break;
                default:
                    body.Add(cell.Rnn(width, select, lengths));
                    break;
            }

            string sequence = $"{prefix}/sequence";
            string final = $"{prefix}/h_final";
            sequences.Add(sequence);
            finals.Add(final);
            ImmutableArray<CarriedState> states = [new CarriedState(Initial(5, d, prefix, "h", hidden, gates), cell.Name("h"), cell.Name("h_next"), final)];
            if (hasCell)
            {
                string finalCell = $"{prefix}/c_final";
                cells.Add(finalCell);
                states = states.Add(new CarriedState(Initial(6, d, prefix, "c", hidden, gates), cell.Name("c"), cell.Name("c_next"), finalCell));
            }

            AddLoop(prefix, cell, isReverse || d == 1, gates, width, hidden, lengths, states, sequence, [.. body]);
        }

        Collect(0, sequences, axis: 1);
        Collect(1, finals, axis: 0);
        Collect(2, cells, axis: 0);
    }

    private void AddLoop(
        string prefix, RecurrentCell cell, bool isReverse, ValueFacts gates, int width, int hidden, string? lengths, ImmutableArray<CarriedState> states, string sequence, ImmutableArray<LoopStep> body)
    {
        NodeId id = nextId();
        string[] reads = [node.Inputs[0], .. states.Select(s => s.Initial).OfType<string>(), .. lengths is null || graph.Constants.ContainsKey(lengths) ? (string[])[] : [lengths]];
        string[] writes = [sequence, .. states.Select(s => s.Final!)];
        _nodes.Add(new Node(id, prefix, "", TimeLoop.OpType, [.. reads], [.. writes], [], Rewriting.NoAttributes, default, node.Origin));
        long batch = gates.Shape[1];
        long openBatch = gates.Declared[1];
        _facts[sequence] = new ValueFacts(TensorType.Float, [gates.Shape[0], batch, hidden]) { Declared = [gates.Declared[0], openBatch, hidden] };
        foreach (var state in states)
        {
            _facts[state.Final!] = Inside(batch, openBatch, hidden);
        }

        Dictionary<string, ValueFacts> inner = new(StringComparer.Ordinal) { [cell.Name("gates")] = Inside(batch, openBatch, width) };
        foreach (var step in body)
        {
            foreach (var port in step is LoopDigital digital ? digital.Cell.Header.Inputs.Concat(digital.Cell.Header.Outputs) : [])
            {
                if (port.Name != lengths)
                {
                    inner[port.Name] = port.Shape.IsEmpty ? new ValueFacts(port.Type, []) : new ValueFacts(port.Type, [batch, port.Shape[1]]) { Declared = [openBatch, port.Shape[1]] };
                }
            }
        }

        _loops.Add(new TimeLoop
        {
            Node = id,
            Name = prefix,
            Scanned = node.Inputs[0],
            Slice = cell.Name("gates"),
            IsReverse = isReverse,
            Step = lengths is null ? null : cell.Name("step"),
            States = states,
            Collected = cell.Name("y"),
            Sequence = sequence,
            Body = body,
            Facts = inner.ToImmutableDictionary(StringComparer.Ordinal),
        });

        static ValueFacts Inside(long batch, long openBatch, int width) => new(TensorType.Float, [batch, width]) { Declared = [openBatch, width] };
    }

    /// <summary>R holds one row for each column of the product.</summary>
    private LoopProduct Product(ReadOnlyMemory<float> rows, int columns, int hidden, ImmutableArray<float> bias, string prefix, string suffix, string input, string output, int part)
    {
        float[] matrix = new float[columns * hidden];
        for (int n = 0; n < columns; n++)
        {
            for (int k = 0; k < hidden; k++)
            {
                matrix[(k * columns) + n] = rows.Span[(n * hidden) + k];
            }
        }

        LayerId id = nextLayer();
        _products.Add((id, new FloatMatrix(1, hidden, columns, matrix), bias, $"{prefix}{suffix}", input, output, part));
        return new LoopProduct(id);
    }

    /// <summary>The biases that stay with the recurrent product.</summary>
    private ImmutableArray<float> RecurrentBias(int direction, int rows, int columns)
    {
        if (node.InputOrNull(3) is not { } name)
        {
            return [];
        }

        float[] all = graph.Constants[name].Floats;
        float[] own = all.AsSpan((((direction * 2) + 1) * rows), columns).ToArray();
        return Array.TrueForAll(own, b => b == 0) ? [] : [.. own];
    }

    /// <summary>One direction of an initial state; null = zeros.</summary>
    private string? Initial(int input, int direction, string prefix, string what, int hidden, ValueFacts gates)
    {
        if (node.InputOrNull(input) is not { } name)
        {
            return null;
        }

        string result = $"{prefix}/{what}_initial";
        string index = Constant($"{prefix}/{what}_direction", new Tensor(TensorType.Int64, [], new long[] { direction }));
        Digital($"{prefix}/{what}_gather", "Gather", [name, index], result);
        _facts[result] = new ValueFacts(TensorType.Float, [gates.Shape[1], hidden]) { Declared = [gates.Declared[1], hidden] };
        return result;
    }

    /// <summary>An output of the operator from the values of each direction.</summary>
    private void Collect(int output, List<string> values, int axis)
    {
        if (output >= node.Outputs.Length || node.Outputs[output].Length == 0 || values.Count == 0)
        {
            return;
        }

        string name = node.Outputs[output];
        if (values.Count == 1)
        {
            Unsqueeze(values[0], name, axis);
            return;
        }

        string[] parts = [.. values.Select(v => $"{v}/direction")];
        foreach (var (value, part) in values.Zip(parts))
        {
            Unsqueeze(value, part, axis);
            var facts = graph.Facts[name];
            _facts[part] = new ValueFacts(TensorType.Float, facts.Shape.SetItem(axis, 1)) { Declared = facts.Declared.SetItem(axis, 1) };
        }

        Digital($"{name}/concat", "Concat", parts, name, Rewriting.Of(("axis", axis)));
    }

    /// <summary>Adds the axis of directions; no Reshape, which cannot tell extents of nothing.</summary>
    private void Unsqueeze(string value, string result, int axis)
    {
        if (graph.Header.Opsets.GetValueOrDefault("", 1) >= 13)
        {
            Digital($"{result}/unsqueeze", "Unsqueeze", [value, Constant($"{result}/axes", Tensor.FromInt64([axis], 1))], result);
        }
        else
        {
            Digital($"{result}/unsqueeze", "Unsqueeze", [value], result, Rewriting.Of(("axes", (long[])[axis])));
        }
    }

    private string Constant(string name, Tensor tensor)
    {
        _constants[name] = tensor;
        _facts[name] = new ValueFacts(tensor.Type, tensor.Shape);
        return name;
    }

    private void Digital(string name, string op, ReadOnlySpan<string> inputs, string output, ImmutableDictionary<string, NodeAttribute>? attributes = null) =>
        _nodes.Add(new Node(nextId(), name, "", op, [.. inputs], [output], [], attributes ?? Rewriting.NoAttributes, default, node.Origin));
}

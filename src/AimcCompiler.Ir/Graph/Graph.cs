using System.Collections.Immutable;
using AimcCompiler.Core;
using QuikGraph;

namespace AimcCompiler.Ir;

/// <summary>A value that one node writes and another reads.</summary>
public sealed class DataEdge(NodeId source, NodeId target, string value) : Edge<NodeId>(source, target)
{
    public string Value { get; } = value;
}

/// <summary>An imported model: nodes in single assignment form over named values. Immutable; the node-to-node relation is a QuikGraph
/// <see cref="BidirectionalGraph{TVertex, TEdge}"/>.</summary>
public sealed class Graph
{
    private readonly BidirectionalGraph<NodeId, DataEdge> _edges = new(allowParallelEdges: true);
    private readonly Dictionary<NodeId, Node> _nodes = [];
    private readonly Dictionary<string, NodeId> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<NodeId>> _consumers = new(StringComparer.Ordinal);

    /// <exception cref="DiagnosticException">The nodes form a cycle, write a value twice, or read one that nothing writes; or inputs or outputs
    /// are named twice, or nothing writes an output.</exception>
    public Graph(
        GraphHeader header,
        ImmutableArray<Node> nodes,
        ImmutableDictionary<string, Tensor> constants,
        ImmutableDictionary<string, ValueFacts> facts,
        ImmutableDictionary<string, ImmutableArray<float>>? steps = null)
    {
        ArgumentNullException.ThrowIfNull(header);
        Header = header;
        Steps = steps ?? ImmutableDictionary<string, ImmutableArray<float>>.Empty.WithComparers(StringComparer.Ordinal);
        Constants = constants;
        Facts = facts;
        Dictionary<string, string> writers = new(StringComparer.Ordinal);
        foreach (var port in header.Inputs)
        {
            if (!writers.TryAdd(port.Name, "the model's input") || constants.ContainsKey(port.Name))
            {
                throw Malformed($"input '{port.Name}'", constants.ContainsKey(port.Name) ? "has the name of a constant" : "is declared twice");
            }
        }

        foreach (var node in nodes)
        {
            _nodes.Add(node.Id, node);
            _edges.AddVertex(node.Id);
            foreach (string value in node.Writes)
            {
                if (constants.ContainsKey(value) || !writers.TryAdd(value, $"node '{node.Name}'"))
                {
                    throw Malformed($"node '{node.Name}' ({node.OpType})", $"writes value '{value}', which {writers.GetValueOrDefault(value, "a constant")} writes too");
                }

                _producers.Add(value, node.Id);
            }
        }

        foreach (var node in nodes)
        {
            foreach (string value in node.Reads)
            {
                if (_producers.TryGetValue(value, out var producer))
                {
                    _edges.AddEdge(new DataEdge(producer, node.Id, value));
                }
                else if (!constants.ContainsKey(value) && !writers.ContainsKey(value))
                {
                    throw Malformed($"node '{node.Name}' ({node.OpType})", $"reads value '{value}', which nothing writes");
                }

                if (!_consumers.TryGetValue(value, out var list))
                {
                    _consumers.Add(value, list = []);
                }

                if (list.Count == 0 || list[^1] != node.Id)
                {
                    list.Add(node.Id);
                }
            }
        }

        HashSet<string> outputs = new(StringComparer.Ordinal);
        foreach (var port in header.Outputs)
        {
            if (!writers.ContainsKey(port.Name) && !constants.ContainsKey(port.Name))
            {
                throw Malformed($"output '{port.Name}'", "is written by nothing");
            }

            if (!outputs.Add(port.Name))
            {
                throw Malformed($"output '{port.Name}'", "is declared twice");
            }
        }

        Nodes = Sort(nodes);
    }

    public GraphHeader Header { get; }

    /// <summary>In an order in which every value is written before it is read; ties in the order of the model file.</summary>
    public ImmutableArray<Node> Nodes { get; }

    public ImmutableDictionary<string, Tensor> Constants { get; }

    /// <summary>Types and shapes of values as far as known.</summary>
    public ImmutableDictionary<string, ValueFacts> Facts { get; }

    /// <summary>Of constants that were dequantized: the quantization steps that their elements are integer multiples of, one or one a channel.</summary>
    public ImmutableDictionary<string, ImmutableArray<float>> Steps { get; }

    public Node this[NodeId id] => _nodes[id];

    public Node? ProducerOf(string value) => _producers.TryGetValue(value, out var id) ? _nodes[id] : null;

    public IReadOnlyList<NodeId> ConsumersOf(string value) => _consumers.TryGetValue(value, out var list) ? list : [];

    public bool IsOutput(string value) => Header.Outputs.Any(p => p.Name == value);

    /// <summary>Nodes whose results a node reads, without repetition.</summary>
    public IEnumerable<Node> Predecessors(NodeId id) => _edges.InEdges(id).Select(e => e.Source).Distinct().Select(n => _nodes[n]);

    /// <summary>The same model with other nodes and constants.</summary>
    public Graph With(
        ImmutableArray<Node>? nodes = null,
        ImmutableDictionary<string, Tensor>? constants = null,
        ImmutableDictionary<string, ValueFacts>? facts = null,
        ImmutableDictionary<string, ImmutableArray<float>>? steps = null) =>
        new(Header, nodes ?? Nodes, constants ?? Constants, facts ?? Facts, steps ?? Steps);

    private DiagnosticException Malformed(string where, string message) => new(Descriptors.InvalidNode, $"{Header.FileName}: {where}", message, "check the model with onnx.checker");

    private ImmutableArray<Node> Sort(ImmutableArray<Node> nodes)
    {
        // The model file's own order where it is already an order; a priority queue keeps ties in it otherwise.
        Dictionary<NodeId, int> waiting = nodes.ToDictionary(n => n.Id, n => _edges.InDegree(n.Id));
        PriorityQueue<NodeId, int> ready = new();
        foreach (var node in nodes.Where(n => waiting[n.Id] == 0))
        {
            ready.Enqueue(node.Id, node.Id.Value);
        }

        var sorted = ImmutableArray.CreateBuilder<Node>(nodes.Length);
        while (ready.TryDequeue(out var id, out _))
        {
            sorted.Add(_nodes[id]);
            foreach (var edge in _edges.OutEdges(id))
            {
                if (--waiting[edge.Target] == 0)
                {
                    ready.Enqueue(edge.Target, edge.Target.Value);
                }
            }
        }

        if (sorted.Count < nodes.Length)
        {
            var edge = InCycle(waiting);
            throw Malformed($"node '{_nodes[edge.Source].Name}'", $"is part of a cycle through value '{edge.Value}'");
        }

        return sorted.ToImmutable();
    }

    /// <summary>Every node that still waits has a predecessor that waits: going backwards from any of them comes round.</summary>
    private DataEdge InCycle(Dictionary<NodeId, int> waiting)
    {
        HashSet<NodeId> seen = [];
        NodeId at = waiting.First(w => w.Value > 0).Key;
        while (true)
        {
            var edge = _edges.InEdges(at).First(e => waiting[e.Source] > 0);
            if (!seen.Add(at))
            {
                return edge;
            }

            at = edge.Source;
        }
    }
}

/// <summary>What does not change while a model is compiled.</summary>
public sealed record GraphHeader
{
    /// <summary>Path or name for messages.</summary>
    public required string FileName { get; init; }

    /// <summary>SHA-256 of the model file, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    public required ImmutableArray<GraphPort> Inputs { get; init; }

    public required ImmutableArray<GraphPort> Outputs { get; init; }

    public required long IrVersion { get; init; }

    /// <summary>Operator set version of each domain ("" = ONNX).</summary>
    public required ImmutableDictionary<string, long> Opsets { get; init; }

    /// <summary>Serialized FunctionProtos of the model, opaque here.</summary>
    public required ImmutableArray<ReadOnlyMemory<byte>> Functions { get; init; }

    /// <summary>Floating-point and quantised elements of the model's initializers and Constant nodes, as given.</summary>
    public required long Parameters { get; init; }

    /// <summary>Every node of the model as given, before any pass: name, operator, parameters.</summary>
    public required ImmutableArray<OriginalNode> OriginalNodes { get; init; }

    /// <summary>Inputs of the model that became constants, with their values.</summary>
    public ImmutableArray<FixedInput> Fixed { get; init; } = [];

    /// <summary>Samples of a batch are proven not to meet: any number of them can run together.</summary>
    public bool SamplesAreIndependent { get; init; }
}

/// <param name="Id">The id the importer gave it.</param>
/// <param name="Name">Name or first output.</param>
/// <param name="Op">Operator with its domain.</param>
/// <param name="Parameters">Floating-point and quantised initializer elements that the node reads directly.</param>
public sealed record OriginalNode(NodeId Id, string Name, string Op, long Parameters);

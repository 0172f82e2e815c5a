using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Replaces <c>If</c> nodes by the nodes of the branch they take: node <c>n</c> of the branch becomes <c>if/n</c>, and what the branch gives out goes
/// by the names of the <c>If</c>'s outputs.</summary>
public static class BranchInliner
{
    /// <param name="graph">An imported graph.</param>
    /// <param name="conditions">What the condition of a node is, for every <c>If</c> to be replaced.</param>
    /// <exception cref="DiagnosticException">A branch is malformed.</exception>
    public static Graph Inline(Graph graph, IReadOnlyDictionary<NodeId, bool> conditions)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(conditions);
        if (conditions.Count == 0)
        {
            return graph;
        }

        Inlined inlined = new(graph);
        foreach (var node in graph.Nodes)
        {
            if (conditions.TryGetValue(node.Id, out bool condition))
            {
                inlined.AddBranch(node, condition ? "then_branch" : "else_branch");
            }
            else
            {
                inlined.Nodes.Add(node);
            }
        }

        var header = graph.Header with { OriginalNodes = inlined.Originals.ToImmutable(), Parameters = graph.Header.Parameters + inlined.Parameters };
        return new Graph(header, inlined.Nodes.ToImmutable(), inlined.Constants.ToImmutable(), graph.Facts, graph.Steps);
    }

    private sealed class Inlined
    {
        private readonly string _fileName;
        private readonly SubgraphScope _scope;
        private readonly HashSet<string> _nodeNames;
        private int _nextId;

        public Inlined(Graph graph)
        {
            _fileName = graph.Header.FileName;
            Constants = graph.Constants.ToBuilder();
            Originals = graph.Header.OriginalNodes.ToBuilder();
            _nodeNames = graph.Nodes.Select(n => n.Name).Concat(Originals.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
            _nextId = graph.Nodes.Select(n => n.Id.Value).Concat(Originals.Select(o => o.Id.Value)).DefaultIfEmpty(-1).Max() + 1;
            GraphProto all = new();
            all.Node.Add(graph.Nodes.Select(ModelWriter.Write));
            HashSet<string> taken = SubgraphScope.NamesOf(all);
            taken.UnionWith(graph.Constants.Keys);
            taken.UnionWith(graph.Header.Inputs.Select(i => i.Name));
            _scope = new SubgraphScope(taken);
        }

        public ImmutableArray<Node>.Builder Nodes { get; } = ImmutableArray.CreateBuilder<Node>();

        public ImmutableDictionary<string, Tensor>.Builder Constants { get; }

        public ImmutableArray<OriginalNode>.Builder Originals { get; }

        /// <summary>Parameters that the branches hold: as initializers, or as constants, which tools make of initializers when they nest graphs.</summary>
        public long Parameters { get; private set; }

        public void AddBranch(Node node, string attribute)
        {
            var branch = NodeProto.Parser.ParseFrom(node.Payload.Span).Attribute.FirstOrDefault(a => a.Name == attribute)?.G;
            if (branch is null || branch.Output.Count != node.Outputs.Length)
            {
                throw new DiagnosticException(
                    Descriptors.InvalidNode,
                    $"{_fileName}: node '{node.Name}' ({node.OpType})",
                    branch is null ? $"has no {attribute}" : $"has a {attribute} of {branch.Output.Count} outputs for {node.Outputs.Length}",
                    "check the model with onnx.checker");
            }

            string prefix = $"{node.Name}/";
            var computed = branch.Node.SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
            Dictionary<string, string> names = new(StringComparer.Ordinal);
            List<(string From, string To)> handedOn = [];
            foreach (var (inner, outer) in branch.Output.Select(o => o.Name).Zip(node.Outputs).Where(o => o.Second.Length > 0))
            {
                // What the branch does not compute itself, or gives out twice, is handed on.
                if (!computed.Contains(inner) || !names.TryAdd(inner, outer))
                {
                    handedOn.Add((inner, outer));
                }
            }

            foreach (string local in SubgraphScope.Locals(branch).Where(l => !names.ContainsKey(l)).Distinct(StringComparer.Ordinal).ToList())
            {
                names.Add(local, _scope.Unused(prefix + local));
            }

            Dictionary<string, long> parametersOf = new(StringComparer.Ordinal);
            foreach (var (name, tensor) in branch.Initializer
                .Select(i => (i.Name, OnnxImporter.Read(i, null, _fileName, $"initializer '{i.Name}' of node '{node.Name}'")))
                .Concat(branch.SparseInitializer.Select(i => (
                    i.Values?.Name ?? "", OnnxImporter.ReadSparse(i, null, _fileName, $"sparse initializer '{i.Values?.Name}' of node '{node.Name}'")))))
            {
                AddConstant(node, names.GetValueOrDefault(name, name), tensor);
                Count(names.GetValueOrDefault(name, name), tensor);
            }

            foreach (var proto in branch.Node)
            {
                NodeId id = new(_nextId++);
                string name = NameOf(prefix + (proto.Name.Length > 0 ? proto.Name : proto.Output.FirstOrDefault(o => o.Length > 0) ?? proto.OpType));
                _scope.Rename(proto, names, prefix);
                if (OnnxImporter.ConstantOf(proto, null, _fileName, name) is { } constant)
                {
                    AddConstant(node, proto.Output[0], constant);
                    Count(proto.Output[0], constant);
                    continue;
                }

                var inner = OnnxImporter.ReadNode(proto, id, name, null, _fileName);
                Nodes.Add(inner);
                Originals.Add(new OriginalNode(id, name, inner.QualifiedOp, inner.Inputs.Sum(i => parametersOf.GetValueOrDefault(i))));
            }

            void Count(string name, Tensor tensor)
            {
                parametersOf[name] = OnnxImporter.IsParameter(tensor.Type) ? tensor.Count : 0;
                Parameters += parametersOf[name];
            }

            foreach (var (from, to) in handedOn)
            {
                Nodes.Add(new Node(
                    new NodeId(_nextId++),
                    NameOf(prefix + to),
                    "",
                    "Identity",
                    [names.GetValueOrDefault(from, from)],
                    [to],
                    [],
                    ImmutableDictionary<string, NodeAttribute>.Empty,
                    default,
                    MadeFrom: node.Id));
            }
        }

        private void AddConstant(Node node, string name, Tensor tensor)
        {
            if (name.Length == 0 || !Constants.TryAdd(name, tensor))
            {
                throw new DiagnosticException(
                    Descriptors.InvalidNode, $"{_fileName}: node '{node.Name}' ({node.OpType})", $"has a branch with the constant '{name}' twice or without a name");
            }
        }

        private string NameOf(string name)
        {
            string unused = name;
            for (int i = 1; !_nodeNames.Add(unused); i++)
            {
                unused = FormattableString.Invariant($"{name}#{i}");
            }

            return unused;
        }
    }
}

using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Gives nodes that move into another graph their new value names, down through their sub-graphs.</summary>
/// <param name="taken">Every value name in use; new ones join it.</param>
internal sealed class SubgraphScope(HashSet<string> taken)
{
    /// <summary>Every value name of a graph and of the sub-graphs of its nodes.</summary>
    public static HashSet<string> NamesOf(GraphProto graph)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        Stack<GraphProto> open = new([graph]);
        while (open.TryPop(out var next))
        {
            names.UnionWith(next.Output.Select(o => o.Name));
            names.UnionWith(Locals(next));
            foreach (var node in next.Node)
            {
                names.UnionWith(node.Input);
                foreach (var inner in Subgraphs(node))
                {
                    open.Push(inner);
                }
            }
        }

        return names;
    }

    public static IEnumerable<GraphProto> Subgraphs(NodeProto node) => node.Attribute.SelectMany(a => a.G is null ? a.Graphs : a.Graphs.Append(a.G));

    /// <summary>Values that a graph defines itself.</summary>
    public static IEnumerable<string> Locals(GraphProto graph) => graph.Input.Select(i => i.Name)
        .Concat(graph.Initializer.Select(i => i.Name))
        .Concat(graph.SparseInitializer.Select(i => i.Values?.Name ?? ""))
        .Concat(graph.Node.SelectMany(n => n.Output))
        .Where(name => name.Length > 0);

    /// <summary>A name that nothing has yet.</summary>
    public string Unused(string name)
    {
        string unused = name;
        for (int i = 1; !taken.Add(unused); i++)
        {
            unused = FormattableString.Invariant($"{name}#{i}");
        }

        return unused;
    }

    /// <summary>Renames what a node reads and writes.</summary>
    /// <param name="node">Changed in place.</param>
    /// <param name="names">Old name -> new name; others stay.</param>
    /// <param name="prefix">Goes before the names that sub-graphs define, which become unique in the model.</param>
    public void Rename(NodeProto node, IReadOnlyDictionary<string, string> names, string prefix)
    {
        for (int i = 0; i < node.Input.Count; i++)
        {
            node.Input[i] = names.GetValueOrDefault(node.Input[i], node.Input[i]);
        }

        for (int i = 0; i < node.Output.Count; i++)
        {
            node.Output[i] = names.GetValueOrDefault(node.Output[i], node.Output[i]);
        }

        foreach (var graph in Subgraphs(node))
        {
            Rename(graph, names, prefix);
        }
    }

    private void Rename(GraphProto graph, IReadOnlyDictionary<string, string> outer, string prefix)
    {
        Dictionary<string, string> names = new(outer, StringComparer.Ordinal);
        foreach (string local in Locals(graph).Distinct(StringComparer.Ordinal))
        {
            names[local] = Unused(prefix + local);
        }

        foreach (var port in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            port.Name = names.GetValueOrDefault(port.Name, port.Name);
        }

        foreach (var tensor in graph.Initializer.Concat(graph.SparseInitializer.Select(s => s.Values).OfType<TensorProto>()))
        {
            tensor.Name = names.GetValueOrDefault(tensor.Name, tensor.Name);
        }

        foreach (var node in graph.Node)
        {
            Rename(node, names, prefix);
        }
    }
}

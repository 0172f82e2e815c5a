using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Replaces calls of model-local functions by the functions' nodes, so that what stands inside is seen: value <c>v</c> of the call <c>c</c> becomes
/// <c>c/v</c>. A function that was written for other operator sets than the model's stays a call, which ONNX Runtime understands.</summary>
/// <remarks><see cref="FunctionBudget"/> has bounded depth and growth before.</remarks>
internal sealed class FunctionInliner
{
    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];
    private readonly Dictionary<string, long> _opsets;
    private readonly Dictionary<FunctionProto, bool> _inlines = [];
    private readonly SubgraphScope _scope;

    private FunctionInliner(ModelProto model)
    {
        foreach (var function in model.Functions)
        {
            _functions.TryAdd((function.Domain, function.Name, function.Overload), function);
        }

        _opsets = Opsets(model.OpsetImport);
        _scope = new SubgraphScope(SubgraphScope.NamesOf(model.Graph));
    }

    /// <summary>Inlines in place, and leaves of the functions those that are still called.</summary>
    public static void Run(ModelProto model)
    {
        if (model.Functions.Count == 0)
        {
            return;
        }

        FunctionInliner inliner = new(model);
        inliner.Expand(model.Graph);
        foreach (var (domain, version) in inliner._opsets.Where(o => model.OpsetImport.All(i => Normal(i.Domain) != o.Key)))
        {
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = version });
        }

        var called = inliner.Called(model.Graph.Node);
        var left = model.Functions.Where(called.Contains).ToList();
        model.Functions.Clear();
        model.Functions.Add(left);
    }

    private static string Normal(string domain) => domain == "ai.onnx" ? "" : domain;

    private static Dictionary<string, long> Opsets(IEnumerable<OperatorSetIdProto> imports) =>
        imports.GroupBy(o => Normal(o.Domain), o => o.Version).ToDictionary(g => g.Key, g => g.Max(), StringComparer.Ordinal);

    private FunctionProto? FunctionOf(NodeProto node) => _functions.GetValueOrDefault((node.Domain, node.OpType, node.Overload));

    private void Expand(GraphProto graph)
    {
        var nodes = graph.Node.ToList();
        if (Expand(nodes))
        {
            graph.Node.Clear();
            graph.Node.Add(nodes);
        }
    }

    private bool Expand(List<NodeProto> nodes)
    {
        List<NodeProto> expanded = [];
        bool hasChanged = false;
        foreach (var node in nodes)
        {
            foreach (var inner in SubgraphScope.Subgraphs(node))
            {
                Expand(inner);
            }

            if (FunctionOf(node) is { } function && Inlines(function))
            {
                var body = Body(node, function);
                Expand(body);
                expanded.AddRange(body);
                hasChanged = true;
            }
            else
            {
                expanded.Add(node);
            }
        }

        if (hasChanged)
        {
            nodes.Clear();
            nodes.AddRange(expanded);
        }

        return hasChanged;
    }

    /// <summary>Whether the nodes of a function mean in the model what they mean in the function. Operator sets that the model does not import join it.</summary>
    private bool Inlines(FunctionProto function)
    {
        if (_inlines.TryGetValue(function, out bool known))
        {
            return known;
        }

        var own = Opsets(function.OpsetImport);
        string[] used = [.. AllNodes(function.Node).Where(n => FunctionOf(n) is null).Select(n => Normal(n.Domain)).Distinct(StringComparer.Ordinal)];
        bool inlines = used.All(d => own.TryGetValue(d, out long version) && _opsets.GetValueOrDefault(d, version) == version);
        foreach (string domain in inlines ? used : [])
        {
            _opsets.TryAdd(domain, own[domain]);
        }

        _inlines.Add(function, inlines);
        return inlines;
    }

    private static IEnumerable<NodeProto> AllNodes(IEnumerable<NodeProto> nodes) =>
        nodes.SelectMany(n => SubgraphScope.Subgraphs(n).SelectMany(g => AllNodes(g.Node)).Prepend(n));

    private HashSet<FunctionProto> Called(IEnumerable<NodeProto> nodes)
    {
        HashSet<FunctionProto> called = [];
        Stack<NodeProto> open = new(AllNodes(nodes));
        while (open.TryPop(out var node))
        {
            if (FunctionOf(node) is { } function && called.Add(function))
            {
                foreach (var inner in AllNodes(function.Node))
                {
                    open.Push(inner);
                }
            }
        }

        return called;
    }

    private List<NodeProto> Body(NodeProto call, FunctionProto function)
    {
        string prefix = $"{NameOf(call)}/";
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        for (int i = 0; i < function.Input.Count; i++)
        {
            // An optional input that the call leaves out is left out inside too.
            names[function.Input[i]] = i < call.Input.Count ? call.Input[i] : "";
        }

        List<NodeProto> handedOn = [];
        for (int i = 0; i < function.Output.Count && i < call.Output.Count; i++)
        {
            if (call.Output[i].Length == 0 || names.TryAdd(function.Output[i], call.Output[i]))
            {
                continue;
            }

            // An input, or an output that goes out twice.
            handedOn.Add(new NodeProto
            {
                OpType = "Identity",
                Name = prefix + call.Output[i],
                Input = { names[function.Output[i]] },
                Output = { call.Output[i] },
            });
        }

        foreach (string value in function.Node.SelectMany(n => n.Output).Where(v => v.Length > 0 && !names.ContainsKey(v)).Distinct(StringComparer.Ordinal).ToList())
        {
            names.Add(value, _scope.Unused(prefix + value));
        }

        List<NodeProto> body = [];
        foreach (var original in function.Node)
        {
            var node = original.Clone();
            node.Name = prefix + NameOf(original);
            _scope.Rename(node, names, prefix);
            // After renaming: what the call hands in already has the caller's names.
            Substitute(node, call, function);
            body.Add(node);
        }

        return [.. body, .. handedOn];
    }

    private static string NameOf(NodeProto node) => node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault(o => o.Length > 0) ?? node.OpType;

    /// <summary>Attributes that refer to one of the function: the call's, else the function's default, else none.</summary>
    private static void Substitute(NodeProto node, NodeProto call, FunctionProto function)
    {
        for (int i = node.Attribute.Count - 1; i >= 0; i--)
        {
            var attribute = node.Attribute[i];
            if (attribute.RefAttrName.Length == 0)
            {
                foreach (var inner in (attribute.G is null ? attribute.Graphs : attribute.Graphs.Append(attribute.G)).SelectMany(g => g.Node))
                {
                    Substitute(inner, call, function);
                }

                continue;
            }

            bool Matches(AttributeProto a) => a.Name == attribute.RefAttrName;
            if ((call.Attribute.FirstOrDefault(Matches) ?? function.AttributeProto.FirstOrDefault(Matches)) is { } given)
            {
                var value = given.Clone();
                value.Name = attribute.Name;
                node.Attribute[i] = value;
            }
            else
            {
                node.Attribute.RemoveAt(i);
            }
        }
    }
}

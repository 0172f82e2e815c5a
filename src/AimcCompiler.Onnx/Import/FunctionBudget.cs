using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>Model-local functions are inlined, here and by ONNX Runtime: a function that calls itself would never end, and thirty that each call the next
/// twice make 2^30 nodes.</summary>
internal sealed class FunctionBudget
{
    private const int MaximumDepth = 100;
    private const long MaximumNodes = 1_000_000;
    private const long MaximumBytes = int.MaxValue;

    private readonly Dictionary<(string Domain, string Name, string Overload), FunctionProto> _functions = [];
    private readonly Dictionary<(string Domain, string Name, string Overload), (long Nodes, long Bytes)> _sizes = [];
    private readonly string _fileName;

    private FunctionBudget(ModelProto model, string fileName)
    {
        _fileName = fileName;
        foreach (var function in model.Functions)
        {
            if (!_functions.TryAdd((function.Domain, function.Name, function.Overload), function))
            {
                throw Invalid($"defines the function '{function.Name}' twice");
            }
        }
    }

    /// <exception cref="DiagnosticException">Functions call each other in a circle, too deep, or too often.</exception>
    public static void Check(ModelProto model, string fileName)
    {
        if (model.Functions.Count == 0)
        {
            return;
        }

        FunctionBudget budget = new(model, fileName);
        var (nodes, bytes) = budget.Inlined(model.Graph.Node, [], 0);
        if (nodes > MaximumNodes)
        {
            throw budget.Invalid($"has more than {MaximumNodes} nodes once its functions are inlined");
        }

        if (bytes > MaximumBytes)
        {
            throw budget.Invalid($"has more than {MaximumBytes} bytes of nodes once its functions are inlined");
        }
    }

    /// <param name="nodes">Of the model or of a function.</param>
    /// <param name="callers">The functions that lead here.</param>
    /// <param name="bytes">What the nodes take by themselves; the model's are there once in any case.</param>
    private (long Nodes, long Bytes) Inlined(IEnumerable<NodeProto> nodes, HashSet<(string Domain, string Name, string Overload)> callers, long bytes)
    {
        long count = 0;
        Stack<NodeProto> open = new(nodes);
        while (open.TryPop(out var node))
        {
            var inner = Called((node.Domain, node.OpType, node.Overload), callers);
            count = Math.Min(count + 1 + inner.Nodes, MaximumNodes + 1);
            bytes = Math.Min(bytes + inner.Bytes, MaximumBytes + 1);
            foreach (var next in SubgraphScope.Subgraphs(node).SelectMany(g => g.Node))
            {
                open.Push(next);
            }
        }

        return (count, bytes);
    }

    private (long Nodes, long Bytes) Called((string Domain, string Name, string Overload) key, HashSet<(string Domain, string Name, string Overload)> callers)
    {
        if (!_functions.TryGetValue(key, out var function))
        {
            return (0, 0);
        }

        if (callers.Contains(key))
        {
            throw Invalid($"has the function '{key.Name}', which calls itself");
        }

        if (callers.Count >= MaximumDepth)
        {
            throw Invalid($"has functions that call each other more than {MaximumDepth} deep");
        }

        if (!_sizes.TryGetValue(key, out var size))
        {
            callers.Add(key);
            _sizes.Add(key, size = Inlined(function.Node, callers, function.CalculateSize()));
            callers.Remove(key);
        }

        return size;
    }

    private DiagnosticException Invalid(string message) => new(Descriptors.InvalidModel, _fileName, message);
}

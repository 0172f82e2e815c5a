using AimcCompiler.Core;
using AimcCompiler.Onnx.Proto;

namespace AimcCompiler.Onnx;

/// <summary>ONNX Runtime inlines model-local functions: a function that calls itself would never end, and thirty that each call the next twice
/// make 2^30 nodes.</summary>
internal sealed class FunctionBudget
{
    private const int MaximumDepth = 100;
    private const long MaximumNodes = 1_000_000;

    private readonly Dictionary<(string Domain, string Name), FunctionProto> _functions = [];
    private readonly Dictionary<(string Domain, string Name), long> _sizes = [];
    private readonly string _fileName;

    private FunctionBudget(ModelProto model, string fileName)
    {
        _fileName = fileName;
        foreach (var function in model.Functions)
        {
            if (!_functions.TryAdd((function.Domain, function.Name), function) && function.Overload.Length == 0)
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
        if (budget.Inlined(model.Graph.Node, []) > MaximumNodes)
        {
            throw budget.Invalid($"has more than {MaximumNodes} nodes once its functions are inlined");
        }
    }

    private long Inlined(IEnumerable<NodeProto> nodes, HashSet<(string Domain, string Name)> callers)
    {
        long count = 0;
        Stack<NodeProto> open = new(nodes);
        while (open.TryPop(out var node))
        {
            count = Math.Min(count + 1 + Called((node.Domain, node.OpType), callers), MaximumNodes + 1);
            foreach (var inner in node.Attribute.SelectMany(a => a.G is null ? a.Graphs : a.Graphs.Append(a.G)).SelectMany(g => g.Node))
            {
                open.Push(inner);
            }
        }

        return count;
    }

    private long Called((string Domain, string Name) key, HashSet<(string Domain, string Name)> callers)
    {
        if (!_functions.TryGetValue(key, out var function))
        {
            return 0;
        }

        if (callers.Contains(key))
        {
            throw Invalid($"has the function '{key.Name}', which calls itself");
        }

        if (callers.Count >= MaximumDepth)
        {
            throw Invalid($"has functions that call each other more than {MaximumDepth} deep");
        }

        if (!_sizes.TryGetValue(key, out long size))
        {
            callers.Add(key);
            _sizes.Add(key, size = Inlined(function.Node, callers));
            callers.Remove(key);
        }

        return size;
    }

    private DiagnosticException Invalid(string message) => new(Descriptors.InvalidModel, _fileName, message);
}

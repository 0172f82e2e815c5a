using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>What guesses at open extents may cost after the first, likeliest one has failed: there are many, and most are wrong.</summary>
internal sealed class GuessBudget : IDisposable
{
    /// <summary>Bytes of a guess's values, as estimated. Real values can take thirty times as much, where shapes are unknown and a one-hot follows.</summary>
    private const double MaximumBytes = 8 << 20;

    /// <summary>Heads that a product of two activations is taken to have.</summary>
    private const double Heads = 8;

    private static readonly TimeSpan MaximumTime = TimeSpan.FromSeconds(6);

    private readonly ImmutableArray<GraphPort> _inputs;
    private readonly double _smallest;
    private readonly double _open;
    private readonly double _fixed;
    private readonly int _unknown;
    private readonly int _squares;
    private CancellationTokenSource? _time;

    public GuessBudget(Graph graph, DigitalSession session)
    {
        _inputs = graph.Header.Inputs;
        _smallest = _inputs.Sum(i => i.Shape.IsDefault ? 1 : Calibrate.Elements(i.Shape));
        foreach (var port in session.Outputs)
        {
            if (!port.IsTensor || port.Shape.IsEmpty)
            {
                _unknown += port.IsTensor && Tensor.IsFloating(port.Type) ? 1 : 0;
            }
            else if (port.Shape.Any(d => d < 0))
            {
                _open += ValueBudget.Bytes(port);
            }
            else
            {
                _fixed += ValueBudget.Bytes(port);
            }
        }

        _squares = graph.Nodes.Count(n => n.OpType.Contains("Attention", StringComparison.Ordinal) || ((n.Is("MatMul") || n.Is("Einsum")) && !n.Inputs.Any(graph.Constants.ContainsKey)));
    }

    /// <summary>Ends when the guesses have taken the time that they may take together. It begins when it is first asked for.</summary>
    public CancellationToken Time => (_time ??= new CancellationTokenSource(MaximumTime)).Token;

    /// <summary>Inputs of these shapes may be tried: values with open extents grow as the inputs do, those of unknown shape are as large as the inputs, and a product of two activations is
    /// the square of the longest extent.</summary>
    public bool Allows(IReadOnlyDictionary<string, ImmutableArray<long>> shapes)
    {
        if (_time is { IsCancellationRequested: true })
        {
            return false;
        }

        double elements = shapes.Values.Sum(Calibrate.Elements);
        double longest = _inputs.Where(i => !i.Shape.IsDefault).SelectMany(i => shapes[i.Name].Where((_, axis) => i.Shape[axis] < 0)).DefaultIfEmpty(1).Max();
        double bytes = _fixed + (_open * elements / Math.Max(1, _smallest)) + (sizeof(float) * elements * (1 + _unknown)) + (_squares * Heads * sizeof(float) * longest * longest);
        return bytes <= MaximumBytes;
    }

    public void Dispose() => _time?.Dispose();
}

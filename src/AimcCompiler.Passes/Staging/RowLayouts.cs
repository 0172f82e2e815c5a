using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Which axis of a value counts its rows.</summary>
internal enum RowLayout
{
    /// <summary>[..., S, K]: all axes but the last; the batch has one sample.</summary>
    Sequence,

    /// <summary>[N, C, H, ...]: H.</summary>
    Image,

    /// <summary>The whole value is one row.</summary>
    Flat,
}

/// <summary>The layouts of all values of a graph: convolutions and pools ask for images, products for sequences, and operators that work element by element hand on what is asked. Where both
/// are asked of one value, it has one row.</summary>
internal sealed class RowLayouts
{
    private readonly Graph _graph;
    private readonly Dictionary<string, string> _parents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RowLayout> _asked = new(StringComparer.Ordinal);

    public RowLayouts(Graph graph, IReadOnlyDictionary<NodeId, InputView> layers)
    {
        _graph = graph;
        foreach (var node in graph.Nodes)
        {
            if (layers.TryGetValue(node.Id, out var view))
            {
                if (view is ConvolutionView)
                {
                    Ask(node.Inputs[0], RowLayout.Image);
                    Ask(node.Outputs[0], RowLayout.Image);
                }
                else
                {
                    // A result along another axis than the last touches every row.
                    Ask(node.Outputs[0], view is MatrixView { OutputAxis: -1 } ? RowLayout.Sequence : RowLayout.Flat);
                }
            }
            else if (RowOperators.IsSpatial(node))
            {
                Ask(node.Inputs[0], RowLayout.Image);
                Ask(node.Outputs[0], RowLayout.Image);
            }
            else if (RowOperators.KeepsRows(node))
            {
                foreach (string value in node.Reads.Concat(node.Writes).Where(v => !graph.Constants.ContainsKey(v) && RankOf(v) > 1 && RankOf(v) == RankOf(node.Outputs[0])))
                {
                    Join(value, node.Outputs[0]);
                }
            }
        }
    }

    public ImmutableArray<long> ShapeOf(string value) => _graph.Facts[value].Shape;

    /// <summary>Sequences longer than this have one row: weights that no constant holds are such values.</summary>
    private const long LongestSequence = 1 << 16;

    public RowLayout Of(string value)
    {
        var shape = ShapeOf(value);
        var layout = shape.Length == 0 ? RowLayout.Flat : _asked.GetValueOrDefault(Find(value), RowLayout.Sequence);
        return layout == RowLayout.Sequence && Tensor.CountOf(shape) / shape[^1] > LongestSequence ? RowLayout.Flat : layout;
    }

    public long RowsOf(string value)
    {
        var shape = ShapeOf(value);
        return Of(value) switch
        {
            RowLayout.Image => shape[2],
            RowLayout.Sequence => Tensor.CountOf(shape) / shape[^1],
            _ => 1,
        };
    }

    private int RankOf(string value) => _graph.Facts.TryGetValue(value, out var facts) && facts.HasRank ? facts.Shape.Length : 0;

    private void Ask(string value, RowLayout layout)
    {
        string root = Find(value);
        layout = RankOf(value) < 3 && layout == RowLayout.Image ? RowLayout.Flat : layout;
        _asked[root] = _asked.TryGetValue(root, out var other) && other != layout ? RowLayout.Flat : layout;
    }

    private void Join(string one, string other)
    {
        var (from, to) = (Find(one), Find(other));
        if (from != to)
        {
            _parents[from] = to;
            if (_asked.Remove(from, out var layout))
            {
                Ask(to, layout);
            }
        }
    }

    private string Find(string value)
    {
        while (_parents.TryGetValue(value, out string? parent))
        {
            value = parent;
        }

        return value;
    }
}

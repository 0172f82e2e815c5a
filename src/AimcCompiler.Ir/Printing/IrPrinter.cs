using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Ir;

/// <summary>The textual IR: what <c>--dump-ir</c> writes and what tests compare. Values print as <c>%name</c>, constants as <c>#name</c>.</summary>
public static class IrPrinter
{
    /// <summary>Matrices up to this many elements print their content.</summary>
    private const int SmallMatrix = 64;

    public static string Print(Graph graph, Func<Node, string>? note = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"graph({string.Join(", ", graph.Header.Inputs.Select(p => $"%{p.Name}: {p.Type} {Tensor.Format(p.Shape)}"))})\n");
        foreach (var node in graph.Nodes)
        {
            Append(text, graph, node, note?.Invoke(node));
        }

        text.Append(CultureInfo.InvariantCulture, $"return {string.Join(", ", graph.Header.Outputs.Select(p => $"%{p.Name}"))}\n");
        return text.ToString();
    }

    public static string Print<TWeights>(AnalogGraph<TWeights> graph, Action<StringBuilder, AnalogLayer<TWeights>> weights)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(weights);
        StringBuilder text = new();
        foreach (var layer in graph.Layers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{layer.Id} '{layer.Name}' %{layer.Output} = mvm(%{layer.Input}) {layer.View}");
            text.Append(CultureInfo.InvariantCulture, $" vectors={layer.VectorsPerInference}{(layer.InputIsNonNegative ? " unsigned" : "")}");
            text.Append(CultureInfo.InvariantCulture, $"{(layer.InputScale is { } s ? string.Create(CultureInfo.InvariantCulture, $" input_scale={s:G6}") : "")}{(layer.Bias.IsEmpty ? "" : " bias")}\n");
            if (layer.SharesTilesOf is { } owner)
            {
                text.Append(CultureInfo.InvariantCulture, $"  weights of {owner}\n");
                continue;
            }

            weights(text, layer);
        }

        foreach (var loop in graph.Loops)
        {
            text.Append(CultureInfo.InvariantCulture, $"loop '{loop.Name}' %{loop.Sequence} = for %{loop.Slice} in %{loop.Scanned}{(loop.IsReverse ? " reversed" : "")}");
            text.Append(CultureInfo.InvariantCulture, $" carrying {string.Join(", ", loop.States.Select(s => $"%{s.Current} = {(s.Initial is { } initial ? $"%{initial}" : "0")} -> %{s.Next}"))}\n");
            foreach (var step in loop.Body)
            {
                string line = step switch
                {
                    LoopProduct product => $"run {product.Layer}",
                    LoopDigital digital => $"{string.Join(", ", digital.Cell.Header.Outputs.Select(o => $"%{o.Name}"))} = digital({string.Join(", ", digital.Cell.Header.Inputs.Select(i => $"%{i.Name}"))})",
                    _ => throw new System.Diagnostics.UnreachableException(),
                };
                text.Append(CultureInfo.InvariantCulture, $"  {line}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"  collect %{loop.Collected}\n");
        }

        foreach (var node in graph.Source.Nodes.Where(n => graph.Homes[n.Id].Home != Home.Analog))
        {
            Append(text, graph.Source, node, Note(graph.Homes[node.Id]));
        }

        return text.ToString();
    }

    public static string Print(AnalogGraph<FloatMatrix> graph) => Print(graph, (text, layer) =>
    {
        var m = layer.Weights;
        text.Append(CultureInfo.InvariantCulture, $"  weights {m.Groups} x {m.Rows} x {m.Columns}\n");
        Rows(text, m.Groups, m.Rows, m.Columns, i => m.At(i).ToString("G6", CultureInfo.InvariantCulture));
    });

    public static string Print(AnalogGraph<QuantizedMatrix> graph) => Print(graph, (text, layer) => Append(text, layer.Weights));

    public static string Print(AnalogGraph<EncodedMatrix> graph) => Print(graph, (text, layer) =>
    {
        var e = layer.Weights.Encoding;
        Append(text, layer.Weights.Quantized);
        text.Append(CultureInfo.InvariantCulture, $"  encoding {e.Sign}{(e.Offset > 0 ? $" offset={e.Offset}" : "")}{(e.HasUnitColumn ? " unit_column" : "")}{(e.HasFlip ? " flip" : "")}\n");
    });

    public static string Print(AnalogGraph<SlicedMatrix> graph) => Print(graph, (text, layer) => Append(text, layer.Weights));

    public static string Print(AnalogGraph<SplitMatrix> graph) => Print(graph, (text, layer) =>
    {
        Append(text, layer.Weights.Sliced);
        foreach (var block in layer.Weights.Blocks)
        {
            text.Append(CultureInfo.InvariantCulture, $"  {Format(block)}\n");
        }
    });

    public static string Print(AnalogGraph<PlacedMatrix> graph) => Print(graph, (text, layer) =>
    {
        Append(text, layer.Weights.Split.Sliced);
        var blocks = layer.Weights.Split.Blocks;
        for (int i = 0; i < layer.Weights.Places.Length; i++)
        {
            var place = layer.Weights.Places[i];
            string copy = layer.Weights.Copies == 1 ? "" : FormattableString.Invariant($"copy {i / blocks.Length} ");
            text.Append(CultureInfo.InvariantCulture, $"  {copy}{Format(blocks[i % blocks.Length])} @ {place.Tile}[{place.Row},{place.Column}]\n");
        }
    });

    /// <summary>A home with its reason, <c>digital (NotAnMvm)</c>.</summary>
    public static string Note(NodeHome home)
    {
        ArgumentNullException.ThrowIfNull(home);
        string name = home.Home.ToString().ToLowerInvariant();
        return home.Reason == FallbackReason.None ? name : $"{name} ({home.Reason})";
    }

    private static string Format(WeightBlock b)
    {
        string groups = b.Groups > 1 ? $"groups {b.FirstGroup}+{b.Groups} " : b.FirstGroup > 0 ? $"group {b.FirstGroup} " : "";
        return FormattableString.Invariant($"{groups}rows {b.RowStart}+{b.RowCount} x columns {b.ColumnStart}+{b.ColumnCount}");
    }

    private static void Append(StringBuilder text, QuantizedMatrix m)
    {
        text.Append(CultureInfo.InvariantCulture, $"  {(m.IsAnalog ? "contents" : "codes")} {m.Groups} x {m.Rows} x {m.Columns}");
        foreach (var (kept, what) in ((KeptLines?, string)[])[(m.KeptRows, "rows"), (m.KeptColumns, "columns")])
        {
            text.Append(kept is null ? "" : string.Create(CultureInfo.InvariantCulture, $", {what} {string.Join(" ", kept.Indices)} of {kept.Total}"));
        }

        text.Append(CultureInfo.InvariantCulture, $" scales [{string.Join(", ", m.Scales.Take(8).Select(s => s.ToString("G6", CultureInfo.InvariantCulture)))}{(m.Scales.Length > 8 ? ", ..." : "")}]\n");
        Rows(text, m.Groups, m.Rows, m.Columns, i => m.Codes is { } codes ? codes[i].ToString(CultureInfo.InvariantCulture) : m.Contents![i].ToString("G6", CultureInfo.InvariantCulture));
    }

    private static void Append(StringBuilder text, SlicedMatrix s)
    {
        var m = s.Quantized;
        if (m.IsAnalog)
        {
            Append(text, m);
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"  {s.Encoding.Sign} {m.Groups} x {m.Rows} x {m.Columns} in {s.Slices} slices of {s.Encoding.CellBits} bits ({s.Encoding.Slicing})\n");
        for (int slice = 0; slice < s.Slices && m.Codes!.Length <= SmallMatrix; slice++)
        {
            text.Append(CultureInfo.InvariantCulture, $"  slice {slice}\n");
            Rows(text, m.Groups, m.Rows, m.Columns, i =>
            {
                int[] digits = new int[s.Slices];
                s.Encoding.Split(m.Codes[i], digits);
                return digits[slice].ToString(CultureInfo.InvariantCulture);
            });
        }
    }

    private static void Rows(StringBuilder text, int groups, int rows, int columns, Func<int, string> element)
    {
        if ((long)groups * rows * columns > SmallMatrix)
        {
            return;
        }

        for (int row = 0; row < groups * rows; row++)
        {
            text.Append("    ").AppendJoin(' ', Enumerable.Range(0, columns).Select(c => element((row * columns) + c).PadLeft(4))).Append('\n');
        }
    }

    private static void Append(StringBuilder text, Graph graph, Node node, string? note)
    {
        string outputs = string.Join(", ", node.Outputs.Select(o => o.Length == 0 ? "_" : $"%{o}"));
        string inputs = string.Join(", ", node.Inputs.Select(i => i.Length == 0 ? "_" : graph.Constants.TryGetValue(i, out var c) ? $"#{i}[{Tensor.Format(c.Shape)}]" : $"%{i}"));
        text.Append(CultureInfo.InvariantCulture, $"{node.Id} '{node.Name}' {outputs} = {node.QualifiedOp}({inputs})");
        if (!node.Attributes.IsEmpty)
        {
            text.Append(CultureInfo.InvariantCulture, $" {{{string.Join(", ", node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key}={Format(a.Value)}"))}}}");
        }

        if (node.Writes.FirstOrDefault() is { } value && graph.Facts.TryGetValue(value, out var facts) && facts.HasRank)
        {
            text.Append(CultureInfo.InvariantCulture, $" : {facts.Type} {Tensor.Format(facts.Shape)}");
        }

        text.Append(string.IsNullOrEmpty(note) ? "\n" : $" -> {note}\n");
    }

    private static string Format(NodeAttribute attribute) => attribute switch
    {
        IntAttribute a => a.Value.ToString(CultureInfo.InvariantCulture),
        FloatAttribute a => a.Value.ToString("R", CultureInfo.InvariantCulture),
        StringAttribute a => $"\"{a.Value}\"",
        IntsAttribute a => Join(a.Values),
        FloatsAttribute a => Join(a.Values),
        StringsAttribute a => string.Join(',', a.Values.Select(v => $"\"{v}\"")),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string Join<T>(ImmutableArray<T> values) => string.Join(',', values.Select(v => string.Create(CultureInfo.InvariantCulture, $"{v}")));
}

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using AimcCompiler.Binary;

namespace AimcCompiler.Reports;

/// <summary>A program as a Graphviz graph: layers and partitions in the order data flow, a box for every tile with the blocks on it and for
/// every digital partition. ASCII ids, quoted labels.</summary>
public static class DotReport
{
    /// <summary>More blocks than this are not drawn one by one: no layout engine or reader copes with them.</summary>
    private const int MaximumBlocks = 400;
    private const int WidestLabel = 60;

    public static string Write(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var dot = new StringBuilder();
        dot.Append("digraph program {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n");
        dot.Append(CultureInfo.InvariantCulture, $"  label={Quote($"{program.ModelName} on {program.Chip.Name}")};\n");
        foreach (int value in program.Inputs.Union(program.Outputs))
        {
            dot.Append(CultureInfo.InvariantCulture, $"  v{value} [shape=ellipse, label={Quote(program.Values[value].Name)}];\n");
        }

        for (int i = 0; i < program.Layers.Length; i++)
        {
            MappedLayer layer = program.Layers[i];
            string size = string.Create(CultureInfo.InvariantCulture, $"{layer.Op} {(layer.Groups > 1 ? $"{layer.Groups} x " : "")}{layer.Rows} x {layer.Columns}");
            dot.Append(CultureInfo.InvariantCulture, $"  l{i} [style=filled, fillcolor=lightblue, label={Quote(layer.Name, size)}];\n");
        }

        for (int i = 0; i < program.Partitions.Length; i++)
        {
            DigitalPartition partition = program.Partitions[i];
            string operations = string.Create(CultureInfo.InvariantCulture, $"{partition.Operations} operations");
            dot.Append(CultureInfo.InvariantCulture, $"  subgraph cluster_p{i} {{\n    label={Quote("digital")};\n    p{i} [label={Quote(partition.Name, operations)}];\n  }}\n");
        }

        AppendTiles(dot, program);
        AppendFlow(dot, program);
        return dot.Append("}\n").ToString();
    }

    private static void AppendTiles(StringBuilder dot, MappedProgram program)
    {
        if (program.Layers.Sum(l => (long)l.Blocks.Length) > MaximumBlocks)
        {
            for (int i = 0; i < program.Layers.Length; i++)
            {
                ImmutableArray<Block> blocks = program.Layers[i].Blocks;
                string tiles = string.Create(CultureInfo.InvariantCulture, $"{blocks.Length} blocks on tiles {blocks.Min(b => b.Tile)} to {blocks.Max(b => b.Tile)}");
                dot.Append(CultureInfo.InvariantCulture, $"  subgraph cluster_l{i} {{\n    label={Quote("tiles")};\n    l{i}b [label={Quote(tiles)}];\n  }}\n  l{i} -> l{i}b [style=dashed, arrowhead=none];\n");
            }

            return;
        }

        var standing = program.Layers.SelectMany((l, layer) => l.Blocks.Select((b, block) => (Layer: layer, Block: block, On: b)));
        foreach (var tile in standing.GroupBy(s => s.On.Tile).OrderBy(t => t.Key))
        {
            dot.Append(CultureInfo.InvariantCulture, $"  subgraph cluster_t{tile.Key} {{\n    label={Quote(string.Create(CultureInfo.InvariantCulture, $"tile {tile.Key}"))};\n");
            foreach (var (layer, block, on) in tile)
            {
                string part = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(on.Groups > 1 || on.FirstGroup > 0 ? $"groups {on.FirstGroup}+{on.Groups} " : "")}rows {on.RowStart}+{on.RowCount} columns {on.ColumnStart}+{on.ColumnCount}");
                dot.Append(CultureInfo.InvariantCulture, $"    l{layer}b{block} [label={Quote(program.Layers[layer].Name, part)}];\n");
            }

            dot.Append("  }\n");
            foreach (var (layer, block, _) in tile)
            {
                dot.Append(CultureInfo.InvariantCulture, $"  l{layer} -> l{layer}b{block} [style=dashed, arrowhead=none];\n");
            }
        }
    }

    private static void AppendFlow(StringBuilder dot, MappedProgram program)
    {
        Dictionary<int, string> writers = [];
        foreach (int input in program.Inputs)
        {
            writers[input] = string.Create(CultureInfo.InvariantCulture, $"v{input}");
        }

        foreach (Instruction instruction in program.Instructions)
        {
            var (id, reads, writes) = instruction switch
            {
                MvmInstruction mvm => ($"l{mvm.Layer}", [program.Layers[mvm.Layer].Input], [program.Layers[mvm.Layer].Output]),
                DigitalInstruction digital =>
                    ($"p{digital.Partition}", program.Partitions[digital.Partition].Inputs, program.Partitions[digital.Partition].Outputs),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
            foreach (int value in reads)
            {
                Edge(writers[value], id, value);
            }

            foreach (int value in writes)
            {
                writers[value] = id;
            }
        }

        foreach (int output in program.Outputs.Where(o => !program.Inputs.Contains(o)))
        {
            Edge(writers[output], string.Create(CultureInfo.InvariantCulture, $"v{output}"), output);
        }

        void Edge(string from, string to, int value) =>
            dot.Append(CultureInfo.InvariantCulture, $"  {from} -> {to} [label={Quote(program.Values[value].Name)}];\n");
    }

    /// <summary>A quoted label of one line per part; \n is Graphviz's own line break.</summary>
    private static string Quote(params string[] lines) =>
        $"\"{string.Join("\\n", lines.Select(l => Printable.Of(l, WidestLabel).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)))}\"";
}

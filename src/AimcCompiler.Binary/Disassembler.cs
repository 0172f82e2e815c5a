using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Prints a program as text: equal programs print equally, on every machine.</summary>
public static class Disassembler
{
    public static void Write(MappedProgram program, TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(writer);
        foreach (string line in Lines(program))
        {
            // Not WriteLine: its line end depends on the platform.
            writer.Write(line);
            writer.Write('\n');
        }
    }

    public static string Print(MappedProgram program)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        Write(program, writer);
        return writer.ToString();
    }

    private static IEnumerable<string> Lines(MappedProgram program)
    {
        yield return Text($"program {Quoted.Of(program.ModelName)} sha256 {program.ModelSha256} by {Quoted.Of(program.Producer)}");
        string batch = program.Batch switch { BatchMode.Free => "free", BatchMode.Fixed => Text($"fixed to {program.FixedBatch}"), _ => "one by one" };
        yield return Text($"parameters {program.ModelParameters}, calibration {(program.Calibration is { } c ? Quoted.Of(c) : "none")}, batch {batch}");
        yield return Text($"chip {Quoted.Of(program.Chip.Name)} x {program.Chips}");
        yield return "";
        for (int i = 0; i < program.Values.Length; i++)
        {
            ProgramValue value = program.Values[i];
            string role = (program.Inputs.Contains(i) ? " input" : "") + (program.Outputs.Contains(i) ? " output" : "");
            yield return Text($"v{i} {Quoted.Of(value.Name)}: {value.Type} {Tensor.Format(value.Shape)}{role}");
        }

        for (int i = 0; i < program.Layers.Length; i++)
        {
            yield return "";
            foreach (string line in Lines(program.Layers[i], i))
            {
                yield return line;
            }
        }

        if (program.Partitions.Length > 0)
        {
            yield return "";
        }

        for (int i = 0; i < program.Partitions.Length; i++)
        {
            DigitalPartition p = program.Partitions[i];
            yield return Text($"p{i} {Quoted.Of(p.Name)}: {Values(p.Inputs)} -> {Values(p.Outputs)}, model {p.Model.Length} bytes, {p.Operations} operations");
        }

        yield return "";
        foreach (Instruction instruction in program.Instructions)
        {
            yield return instruction switch
            {
                MvmInstruction(int layer) => Text($"v{program.Layers[layer].Output} = mvm l{layer}(v{program.Layers[layer].Input})"),
                DigitalInstruction(int partition) =>
                    Text($"{Values(program.Partitions[partition].Outputs)} = digital p{partition}({Values(program.Partitions[partition].Inputs)})"),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }

        yield return "";
        foreach (NodePlacement node in program.Nodes)
        {
            string layer = node.Layer < 0 ? "" : Text($" l{node.Layer}");
            string reason = node.Reason == FallbackReason.None ? "" : $" ({node.Reason})";
            yield return Text($"node {Quoted.Of(node.Name)} {Quoted.Of(node.Op)}: {node.Home}{layer}{reason}, {node.Parameters} parameters, {node.Macs} macs");
        }
    }

    private static IEnumerable<string> Lines(MappedLayer layer, int index)
    {
        string groups = layer.Groups == 1 ? "" : Text($"{layer.Groups} groups, {layer.Packing}, of ");
        yield return Text($"l{index} {Quoted.Of(layer.Name)} {Quoted.Of(layer.Op)}: v{layer.Input} -> v{layer.Output}");
        yield return Text($"  view {layer.View}, {layer.VectorsPerInference} vectors, {layer.Copies} {(layer.Copies == 1 ? "copy" : "copies")}");
        yield return Text($"  weights {groups}{layer.Rows} x {layer.Columns} {layer.Weights.Element}, {layer.Scales.Length} scales, {layer.Bias.Length} biases");
        string ranges = layer.AdcRanges.IsEmpty ? "" : $", adc ranges {string.Join(' ', layer.AdcRanges.Select(r => Text($"{r}")))}";
        string scale = layer.InputScale is { } s ? Text($"{s}") : "none";
        yield return Text($"  input {(layer.InputIsNonNegative ? "non-negative" : "signed")}, scale {scale}{ranges}");
        foreach (Block block in layer.Blocks)
        {
            string group = layer.Groups == 1 ? "" : Text($"groups {block.FirstGroup}+{block.Groups} ");
            yield return Text(
                $"  block copy {block.Copy} {group}rows {block.RowStart}+{block.RowCount} (row block {block.RowBlock}) ")
                + Text($"columns {block.ColumnStart}+{block.ColumnCount} -> tile {block.Tile} row {block.TileRow} column {block.TileColumn}");
        }
    }

    private static string Values(ImmutableArray<int> values) => string.Join(", ", values.Select(v => Text($"v{v}")));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

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

    /// <param name="program">The program.</param>
    /// <param name="layer">Only this layer, with its values and its instruction; null = everything.</param>
    public static string Print(MappedProgram program, int? layer = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        if (layer is not { } index)
        {
            Write(program, writer);
            return writer.ToString();
        }

        var only = program.Layers[index];
        foreach (string line in new[] { only.Input, only.Output }.Select(v => Line(program, v)).Append("").Concat(Lines(only, index)).Append("").Concat(Lines(program, new MvmInstruction(index))))
        {
            writer.Write(line);
            writer.Write('\n');
        }

        return writer.ToString();
    }

    private static IEnumerable<string> Lines(MappedProgram program)
    {
        yield return Text($"program {Quoted.Of(program.ModelName)} sha256 {program.ModelSha256} by {Quoted.Of(program.Producer)}");
        string batch = program.Batch switch { BatchMode.Free => "free", BatchMode.Fixed => Text($"fixed to {program.FixedBatch}"), _ => "one by one" };
        yield return Text($"parameters {program.ModelParameters}, calibration {(program.Calibration is { } c ? Quoted.Of(c) : "none")}, batch {batch}");
        yield return Text($"chip {Quoted.Of(program.Chip.Name)} x {program.Chips}");
        if (program.Preprocessing is { } preprocessing)
        {
            yield return Text($"preprocessing {Quoted.Of(preprocessing)}");
        }

        foreach (FixedInput input in program.Fixed)
        {
            yield return Text($"fixed {Quoted.Of(input.Name)}: {input.Type} {Tensor.Format(input.Shape)} = {Quoted.Of(input.Text)}");
        }

        yield return "";
        for (int i = 0; i < program.Values.Length; i++)
        {
            yield return Line(program, i);
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
            yield return Text($"p{i} {Quoted.Of(p.Name)}: {Values(p.Inputs)} -> {Values(p.Outputs)}, model {p.Model.Length} bytes{(p.Weights.IsEmpty ? "" : Text($" and {p.Weights.Sum(w => (long)w.Length)} of weights"))}, {p.Operations} operations");
        }

        yield return "";
        foreach (string line in program.Instructions.SelectMany(i => Lines(program, i)))
        {
            yield return line;
        }

        yield return "";
        foreach (NodePlacement node in program.Nodes)
        {
            string layer = node.Layer < 0 ? "" : Text($" l{node.Layer}");
            string reason = node.Reason == FallbackReason.None ? "" : $" ({node.Reason})";
            yield return Text($"node {Quoted.Of(node.Name)} {Quoted.Of(node.Op)}: {node.Home}{layer}{reason}, {node.Parameters} parameters, {node.Macs} macs");
        }

        if (program.NotScheduled is { } objection)
        {
            yield return "";
            yield return $"not scheduled: {Quoted.Of(objection)}";
        }

        if (program.Schedule is { } schedule)
        {
            yield return "";
            foreach (string line in ScheduleDisassembler.Lines(schedule))
            {
                yield return line;
            }
        }

        for (int s = 0; s < program.SegmentSchedules.Length; s++)
        {
            yield return "";
            yield return Text($"segment {s} of {program.Segments}, {program.SegmentBatch} {(program.SegmentBatch == 1 ? "inference" : "inferences")} a load");
            foreach (string line in ScheduleDisassembler.Lines(program.SegmentSchedules[s]))
            {
                yield return line;
            }
        }
    }

    private static IEnumerable<string> Lines(MappedProgram program, Instruction instruction)
    {
        switch (instruction)
        {
            case MvmInstruction(int layer):
                yield return Text($"v{program.Layers[layer].Output} = mvm l{layer}(v{program.Layers[layer].Input})");
                break;
            case DigitalInstruction(int partition):
                yield return Text($"{Values(program.Partitions[partition].Outputs)} = digital p{partition}({Values(program.Partitions[partition].Inputs)})");
                break;
            case LoopInstruction loop:
                string step = loop.Step is { } number ? Text($", v{number}") : "";
                string finals = string.Concat(loop.States.Where(s => s.Final is not null).Select(s => Text($", v{s.Final}")));
                yield return Text($"v{loop.Sequence}{finals} = loop {Quoted.Of(loop.Name)} over v{loop.Scanned} as v{loop.Slice}{step}{(loop.IsReverse ? ", reversed" : "")}");
                foreach (LoopState state in loop.States)
                {
                    yield return Text($"  v{state.Current} = {(state.Initial is { } initial ? Text($"v{initial}") : "0")}, then v{state.Next}");
                }

                foreach (string line in loop.Body.SelectMany(i => Lines(program, i)))
                {
                    yield return $"  {line}";
                }

                yield return Text($"  collect v{loop.Collected}");
                break;
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }

    private static string Line(MappedProgram program, int index)
    {
        ProgramValue value = program.Values[index];
        string role = (program.Inputs.Contains(index) ? " input" : "") + (program.Outputs.Contains(index) ? " output" : "");
        string nominal = value.Nominal.IsEmpty ? "" : $", nominally {Tensor.Format(value.Nominal)}";
        return Text($"v{index} {Quoted.Of(value.Name)}: {value.Type} {(value.IsUnranked ? "of any rank" : Tensor.Format(value.Shape))}{role}{nominal}");
    }

    private static IEnumerable<string> Lines(MappedLayer layer, int index)
    {
        string groups = layer.Groups == 1 ? "" : Text($"{layer.Groups} groups, {layer.Packing}, of ");
        yield return Text($"l{index} {Quoted.Of(layer.Name)} {Quoted.Of(layer.Op)}: v{layer.Input} -> v{layer.Output}");
        yield return Text($"  view {layer.View}, {layer.VectorsPerInference} vectors, {layer.Copies} {(layer.Copies == 1 ? "copy" : "copies")}{(layer.Segment > 0 ? Text($", segment {layer.Segment}") : "")}{(layer.IsPart ? ", a part" : "")}");
        string rows = layer.KeptRows is { } r ? Text($" of {r.Total}") : "";
        string columns = layer.KeptColumns is { } c ? Text($" of {c.Total}") : "";
        yield return Text($"  weights {groups}{layer.Rows}{rows} x {layer.Columns}{columns} {layer.Weights.Element}, {layer.Scales.Length} scales, {layer.Bias.Length} biases");
        string ranges = layer.AdcRanges.IsEmpty ? "" : $", adc ranges {string.Join(' ', layer.AdcRanges.Select(r => Text($"{r}")))}";
        string scale = layer.InputScale is { } s ? Text($"{s}") : "none";
        yield return Text($"  input {(layer.InputIsNonNegative ? "non-negative" : "signed")}, scale {scale}{ranges}");
        if (layer.SharesTilesOf is { } owner)
        {
            yield return Text($"  on the tiles of l{owner}");
            yield break;
        }

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

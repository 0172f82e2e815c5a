using System.CommandLine;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc disasm FILE.aimc</c>: the listing of a program.</summary>
public static class DisasmCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc") { Description = "A compiled program" };
        var layer = new Option<string?>("--layer") { Description = "One layer: its values, blocks and instruction", HelpName = "NAME" };
        var output = new Option<string?>("-o", "--output") { Description = "Write to a file", HelpName = "FILE" };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "disasm",
            "List a program: values, layers with their blocks and tiles, digital partitions, instructions",
            "aimc disasm resnet8.aimc",
            "aimc disasm resnet8.aimc --layer conv1",
            "aimc disasm resnet8.aimc --format json -o resnet8.json") { file, layer, output, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) =>
            {
                string source = parsed.GetValue(file)!;
                ResultOutput.CheckNotInput(parsed.GetValue(output), source);
                using AimcFile opened = AimcReader.Open(source);
                int? index = parsed.GetValue(layer) is { } name ? IndexOf(opened.Program, source, name) : null;
                string text = parsed.GetValue(format) == "json" ? ReportJson.Write(Listing.Of(opened.Program, index)) : Printable.Lines(Disassembler.Print(opened.Program, index));
                ResultOutput.Write(console, text, parsed.GetValue(output));
            },
            cancellation));
        return command;
    }

    private static int IndexOf(MappedProgram program, string file, string name) => program.Layers.ToList().FindIndex(l => l.Name == name) is >= 0 and var index
        ? index
        : throw new DiagnosticException(
            Descriptors.UnknownNode, file, $"the program has no layer '{Printable.Of(name)}'", program.Layers.IsEmpty ? "it has none at all" : $"--layer with one of: {string.Join(", ", program.Layers.Take(10).Select(l => Printable.Of(l.Name)))}");

    /// <summary>The listing for scripts; values are named, not numbered.</summary>
    private sealed record Listing(
        int SchemaVersion, string Model, string Chip, int Chips, BatchMode Batch, IReadOnlyList<object> Values, IReadOnlyList<object> Layers, IReadOnlyList<Step> Instructions)
    {
        public static Listing Of(MappedProgram program, int? only) => new(
            1,
            program.ModelName,
            program.Chip.Name,
            program.Chips,
            program.Batch,
            [.. program.Values.Where((_, i) => only is not { } l || i == program.Layers[l].Input || i == program.Layers[l].Output).Select(v => new { v.Name, v.Type, Shape = (IEnumerable<long>)v.Shape })],
            [.. program.Layers.Where((_, i) => only is null || i == only).Select(l => new
            {
                l.Name,
                l.Op,
                Input = program.Values[l.Input].Name,
                Output = program.Values[l.Output].Name,
                View = l.View.ToString(),
                l.Groups,
                l.Rows,
                l.Columns,
                l.Packing,
                l.Weights.Element,
                l.VectorsPerInference,
                l.Copies,
                l.InputIsNonNegative,
                l.InputScale,
                Blocks = l.Blocks.Select(b => new { b.Copy, b.FirstGroup, b.Groups, b.RowBlock, b.RowStart, b.RowCount, b.ColumnStart, b.ColumnCount, b.Tile, b.TileRow, b.TileColumn }).ToArray(),
            })],
            [.. program.Instructions.Where(i => only is null || (i is MvmInstruction m && m.Layer == only)).Select(i => StepOf(program, i))]);

        private static Step StepOf(MappedProgram program, Instruction instruction)
        {
            string[] Names(IEnumerable<int> values) => [.. values.Select(v => program.Values[v].Name)];
            return instruction switch
            {
                MvmInstruction(int layer) => new Step("mvm", program.Layers[layer].Name, Names([program.Layers[layer].Input]), Names([program.Layers[layer].Output])),
                DigitalInstruction(int partition) => new Step(
                    "digital", program.Partitions[partition].Name, Names(program.Partitions[partition].Inputs), Names(program.Partitions[partition].Outputs)),
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
    }

    private sealed record Step(string Kind, string Name, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs);
}

using System.CommandLine;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Reports;

namespace AimcCompiler.Cli;

/// <summary><c>aimc dump MODEL.onnx</c>: the imported graph as text; with <c>--reseed</c>, the model with drawn weights.</summary>
public static class DumpCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("MODEL.onnx") { Description = "An ONNX model" };
        var reseed = new Option<long?>("--reseed") { Description = "Draw new weights from this seed and write the model to -o", HelpName = "N" };
        var output = new Option<string?>("-o", "--output") { Description = "Write to a file", HelpName = "FILE" };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "dump",
            "Show the imported graph of a model, or write the model with drawn weights",
            "aimc dump resnet8.onnx",
            "aimc dump light_resnet50.onnx --reseed 1 -o resnet50_seed1.onnx") { model, reseed, output, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) =>
            {
                string path = parsed.GetValue(model)!;
                ResultOutput.CheckNotInput(parsed.GetValue(output), path);
                bool isJson = parsed.GetValue(format) == "json";
                if (parsed.GetValue(reseed) is { } seed)
                {
                    Reseed(console, path, seed, parsed.GetValue(output), isJson);
                    return;
                }

                Graph graph = OnnxImporter.Import(path);
                string text = isJson ? ReportJson.Write(Dumped.Of(graph)) : Printable.Lines(IrPrinter.Print(graph));
                ResultOutput.Write(console, text, parsed.GetValue(output));
            },
            cancellation));
        return command;
    }

    private static void Reseed(AimcConsole console, string path, long seed, string? file, bool isJson)
    {
        if (file is null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--reseed", "writes a model and needs a file for it", "-o FILE.onnx");
        }

        AtomicFile.CheckWritable(file);
        ReseededModel reseeded = Reseeder.Reseed(path, seed);
        AtomicFile.Write(file, reseeded.WriteTo);
        string line = $"{Printable.Of(file)}: {Quantity.Count(reseeded.Tensors)} tensors with {Quantity.Count(reseeded.Elements)} elements drawn from seed {seed}\n";
        ResultOutput.Write(
            console, isJson ? ReportJson.Write(new { SchemaVersion = 1, File = file, Seed = seed, reseeded.Tensors, reseeded.Elements }) : line, file: null);
    }

    /// <summary>The imported graph for scripts.</summary>
    private sealed record Dumped(
        int SchemaVersion, string Model, IReadOnlyList<Port> Inputs, IReadOnlyList<Port> Outputs, long Parameters, IReadOnlyList<DumpedNode> Nodes, IReadOnlyList<Port> Constants)
    {
        public static Dumped Of(Graph graph) => new(
            1,
            Path.GetFileName(graph.Header.FileName),
            [.. graph.Header.Inputs.Select(Port.Of)],
            [.. graph.Header.Outputs.Select(Port.Of)],
            graph.Header.Parameters,
            [.. graph.Nodes.Select(n => new DumpedNode(n.Name, n.QualifiedOp, n.Inputs, n.Outputs))],
            [.. graph.Constants.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => new Port(c.Key, c.Value.Type, c.Value.Shape))]);
    }

    private sealed record Port(string Name, TensorType Type, IReadOnlyList<long> Shape)
    {
        public static Port Of(GraphPort port) => new(port.Name, port.Type, port.Shape.IsDefault ? [] : port.Shape);
    }

    private sealed record DumpedNode(string Name, string Op, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs);
}

using System.CommandLine;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using Spectre.Console;

namespace AimcCompiler.Cli;

/// <summary><c>aimc inspect FILE.aimc</c>: the mapping report.</summary>
public static class InspectCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE.aimc") { Description = "A compiled program" };
        var layer = new Option<string?>("--layer") { Description = "One layer in detail", HelpName = "NAME" };
        var tile = new Option<int?>("--tile") { Description = "What stands on one tile", HelpName = "ID" };
        var whatIf = new Option<bool>("--what-if") { Description = "What would shorten the interval: one more copy of a layer, twice of a resource" };
        var all = new Option<bool>("--all") { Description = "Every layer, node and name in full" };
        var format = GlobalOptions.Format("text", "json", "dot");
        var output = new Option<string?>("-o", "--output") { Description = "Write to a file", HelpName = "FILE" };
        var command = new AimcCommand(
            "inspect",
            "Show what of a program stands where, and why the rest does not",
            "aimc inspect resnet8.aimc",
            "aimc inspect resnet8.aimc --layer conv1",
            "aimc inspect resnet8.aimc --format json -o mapping.json") { file, layer, tile, whatIf, all, format, output };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) =>
            {
                ResultOutput.CheckNotInput(parsed.GetValue(output), parsed.GetValue(file));
                using AimcFile opened = AimcReader.Open(parsed.GetValue(file)!);
                var request = new Request(parsed.GetValue(format)!, parsed.GetValue(layer), parsed.GetValue(tile), parsed.GetValue(whatIf), parsed.GetValue(all));
                Write(console, opened.Program, request, parsed.GetValue(output));
            },
            cancellation));
        return command;
    }

    /// <summary>How the simulator computes the layers of the program.</summary>
    internal static Func<int, SimulationReport> SimulationOf(MappedProgram program)
    {
        var methods = LayerMethod.OfAll(program);
        return layer => Report(methods[layer]);
    }

    private static SimulationReport Report(LayerMethod method) => new(method.Path, method.Why);

    private sealed record Request(string Format, string? Layer, int? Tile, bool WhatIf, bool All);

    private static void Write(AimcConsole console, MappedProgram program, Request request, string? file)
    {
        if (request.Layer is not null && request.Tile is not null)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--tile", "cannot be combined with --layer", "leave one of them out");
        }

        if (request.Format == "dot" && (request.Layer is not null || request.Tile is not null))
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--format dot", "draws the whole program", "leave out --layer and --tile");
        }

        if (request.Format == "dot")
        {
            ResultOutput.Write(console, DotReport.Write(program), file);
        }
        else if (request.Layer is { } name)
        {
            LayerDetail detail = LayerDetail.Of(program, name, index => Report(LayerMethod.Of(program, index)));
            Write(console, request, file, () => ReportJson.Write(detail), c => TextReport.Write(c, detail));
        }
        else if (request.Tile is { } tile)
        {
            TileDetail detail = TileDetail.Of(program, tile);
            Write(console, request, file, () => ReportJson.Write(detail), c => TextReport.Write(c, detail));
        }
        else
        {
            MappingReport report = MappingReport.Of(program, SimulationOf(program), request.WhatIf);
            Write(console, request, file, () => ReportJson.Write(report), c => TextReport.Write(c, report, request.All));
        }
    }

    private static void Write(AimcConsole console, Request request, string? file, Func<string> json, Action<IAnsiConsole> text)
    {
        if (request.Format == "json")
        {
            ResultOutput.Write(console, json(), file);
        }
        else if (file is not null)
        {
            ResultOutput.Write(console, ResultOutput.Plain(text), file);
        }
        else
        {
            text(console.Rich);
        }
    }
}

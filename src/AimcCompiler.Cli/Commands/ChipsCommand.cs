using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using Spectre.Console;

namespace AimcCompiler.Cli;

/// <summary><c>aimc chips [NAME|FILE.json]</c>: lists the chips that come with the compiler, or shows and validates one.</summary>
public static class ChipsCommand
{
    private static readonly Style Strong = new(decoration: Decoration.Bold);
    private static readonly Style Weak = new(foreground: Color.Grey);

    public static Command Create()
    {
        var chip = new Argument<string?>("NAME|FILE.json") { Description = "A preset or a chip description; none = list the presets", Arity = ArgumentArity.ZeroOrOne };
        var set = new Option<string[]>("--set") { Description = "Vary a field, for example tile.rows=512 (repeatable)", HelpName = "FIELD=VALUE" };
        var format = GlobalOptions.Format("text", "json");
        var command = new AimcCommand(
            "chips",
            "List, show or validate chip descriptions",
            "aimc chips",
            "aimc chips isaac --set tile.rows=256",
            "aimc chips isaac --format json > mine.json   (a start for a chip of your own)") { chip, set, format };
        command.SetAction((parsed, cancellation) => CommandOutcome.Of(
            parsed,
            (console, _) =>
            {
                bool isJson = parsed.GetValue(format) == "json";
                string[] settings = parsed.GetValue(set) ?? [];
                if (parsed.GetValue(chip) is not { } name)
                {
                    if (settings.Length > 0)
                    {
                        throw new DiagnosticException(Descriptors.InvalidOption, "--set", "there is no chip to vary", "name one: aimc chips NAME --set ...");
                    }

                    List(console, isJson);
                    return;
                }

                ChipDescription read = ChipReader.Read(name, settings);
                if (isJson)
                {
                    ResultOutput.Write(console, ChipReader.Write(read), file: null);
                }
                else
                {
                    Show(console.Rich, read);
                }

                CommandOutcome.Warn(console, ChipReader.Warnings(read));
            },
            cancellation));
        return command;
    }

    private static void List(AimcConsole console, bool isJson)
    {
        Listed[] chips = [.. ChipReader.PresetNames.Select(n => Listed.Of(ChipReader.Read(n)))];
        if (isJson)
        {
            ResultOutput.Write(console, ReportJson.Write(new { SchemaVersion = 1, Chips = chips }), file: null);
            return;
        }

        int width = chips.Max(c => c.Name.Length);
        foreach (Listed chip in chips)
        {
            string tiles = chip.TilesTotal is { } t ? $"{Quantity.Count(t)} tiles" : "unlimited tiles";
            string warnings = chip.Warnings > 0 ? Text($" ({chip.Warnings} constants only from memory)") : "";
            console.Rich.WriteLine(Text($"{chip.Name.PadRight(width)}  {tiles} of {chip.TileRows} x {chip.TileColumns}: {chip.Description}{warnings}"));
        }
    }

    private static void Show(IAnsiConsole console, ChipDescription chip)
    {
        var geometry = new TileGeometry(chip.Tile);
        ChipPeak peak = ChipPeak.Of(chip);
        string tiles = chip.TilesPerChip is { } t ? $"{Quantity.Count(t)} tiles" : "unlimited tiles";
        console.WriteLine(Printable.Of($"{chip.Name}: {chip.Description}"), Strong);
        if (chip.Citation is { } citation)
        {
            console.WriteLine(Printable.Of(citation, int.MaxValue), Weak);
        }

        console.WriteLine(Text($"{tiles} of {chip.Tile.Rows} x {chip.Tile.Columns} cells; a tile holds a matrix of {geometry.LogicalRows} x {geometry.LogicalColumns} in {geometry.Slices} bit {(geometry.Slices == 1 ? "slice" : "slices")}"));
        console.WriteLine(Text($"peak {Quantity.Estimate(peak.Tops)} TOPS, {Quantity.Estimate(peak.TopsPerWatt)} TOPS/W (tiles alone, every cell busy)"));
        console.WriteLine("");
        (string Path, string Value, string Source)[] fields = [.. Fields(JsonNode.Parse(ChipReader.Write(chip)), "", chip.Sources)];
        int pathWidth = fields.Max(f => f.Path.Length);
        int valueWidth = Math.Min(24, fields.Max(f => f.Value.Length));
        foreach (var (path, value, source) in fields)
        {
            console.WriteLine($"{path.PadRight(pathWidth)}  {value.PadRight(valueWidth)}  {source}".TrimEnd());
        }
    }

    /// <summary>The leaves of the JSON form; name, description and citation stand above, device tables are counted.</summary>
    private static IEnumerable<(string Path, string Value, string Source)> Fields(JsonNode? node, string path, IReadOnlyDictionary<string, string> sources)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (name, child) in fields.Where(f => path.Length > 0 || f.Key is not ("schema" or "name" or "description" or "citation" or "sources")))
                {
                    foreach (var leaf in Fields(child, path.Length == 0 ? name : $"{path}.{name}", sources))
                    {
                        yield return leaf;
                    }
                }

                break;
            case JsonArray numbers when numbers.All(n => n is JsonValue):
                yield return (path, Printable.Of(string.Join(", ", numbers.Select(n => n!.ToString()))), SourceOf(path, sources));
                break;
            case JsonArray rows:
                yield return (path, Text($"{rows.Count} rows"), SourceOf(path, sources));
                break;
            default:
                yield return (path, Printable.Of(node?.ToString() ?? "null"), SourceOf(path, sources));
                break;
        }
    }

    /// <summary>A source of a whole part holds for its fields too.</summary>
    private static string SourceOf(string path, IReadOnlyDictionary<string, string> sources)
    {
        for (string part = path; part.Length > 0; part = part[..Math.Max(0, part.LastIndexOf('.'))])
        {
            if (sources.TryGetValue(part, out string? source))
            {
                return Printable.Of(source, int.MaxValue);
            }
        }

        return "";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Listed(
        string Name, string Description, string? Citation, double? TechnologyNm, long? TilesTotal, int TileRows, int TileColumns, int Warnings)
    {
        public static Listed Of(ChipDescription chip) => new(
            chip.Name,
            chip.Description,
            chip.Citation,
            chip.TechnologyNm,
            chip.TilesPerChip,
            chip.Tile.Rows,
            chip.Tile.Columns,
            ChipReader.Warnings(chip).Count(w => w.Descriptor == Descriptors.ConstantFromMemory));
    }
}

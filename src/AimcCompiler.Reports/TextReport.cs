using System.Collections.Immutable;
using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using Spectre.Console;

namespace AimcCompiler.Reports;

/// <summary>Reports for a terminal: verdict, findings, table, estimates, bounds, in this order. ASCII alone but for names, so that it can be
/// piped anywhere; the console decides on colour.</summary>
public static class TextReport
{
    /// <summary>Layers and names shown without <c>--all</c>.</summary>
    private const int FewLayers = 20;
    private const int FewNames = 3;
    private const int LeastNameWidth = 16;
    private const int WidestName = 40;
    private const int TableWidthWithoutNames = 82;

    /// <summary>What is printed as 0.0 % is no lever.</summary>
    private const double LeastGainPercent = 0.05;

    private static readonly Style Plain = Style.Plain;
    private static readonly Style Strong = new(decoration: Decoration.Bold);
    private static readonly Style Alert = new(foreground: Color.Yellow);
    private static readonly Style Weak = new(foreground: Color.Grey);

    /// <param name="console">Where to; its width bounds names.</param>
    /// <param name="report">The report.</param>
    /// <param name="all">Every layer, node and name in full.</param>
    public static void Write(IAnsiConsole console, MappingReport report, bool all = false)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(report);
        WriteVerdict(console, report);
        WriteFindings(console, report, all);
        WriteSegments(console, report);
        WriteLayers(console, report, all);
        if (all)
        {
            WriteNodes(console, report);
            Line(console, report.Batch switch
            {
                BatchMode.Free => "batch free: samples are proven not to meet, any number of them runs together",
                BatchMode.Fixed => "batch fixed: samples run as many together as the model fixes",
                _ => "batch one_by_one: the model leaves it open, and nothing proves that samples do not meet",
            });
        }

        WriteEstimate(console, report);
        WriteBounds(console, report);
    }

    public static void Write(IAnsiConsole console, LayerDetail detail)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(detail);
        LayerReport layer = detail.Layer;
        string groups = layer.Groups > 1 ? Text($"{layer.Groups} groups ({layer.Packing}) of ") : "";
        Line(console, Text($"{Printable.Of(layer.Name)} ({Printable.Of(layer.Op)}): {groups}{layer.Rows} x {layer.Columns} on {Tiles(layer.Tiles)}, {Quantity.Percent(layer.Utilization)} of their cells"), Strong);
        if (detail.Node is { } node)
        {
            Line(console, Text($"node        {Printable.Of(node.Name)} ({Printable.Of(node.Op)}), {Quantity.Count(node.Parameters)} parameters, {Quantity.Count(layer.Macs)} MACs per inference"));
        }

        Line(console, Text($"values      {Printable.Of(detail.InputValue)} -> {Printable.Of(detail.OutputValue)}, {detail.View}{(detail.HasBias ? ", bias" : "")}"));
        string weights = layer.WeightBits is { } bits ? Text($"{bits} bits") : "analog";
        string cells = detail.CellBits is { } cellBits ? Text($"{Slices(layer.Slices)} of {cellBits} bits ({Name(detail.Slicing)})") : "one analog cell";
        Line(console, Text($"weights     {weights}, {cells}, {Name(detail.Encoding.Sign)} in {Name(detail.Encoding.PairAxis)}, subtracted {Name(detail.Encoding.Subtract)}, {detail.Scales} {(detail.Scales == 1 ? "scale" : "scales")}"));
        if (layer.Zeros is { } zeros)
        {
            Line(console, Text($"zeros       {Count(zeros.Rows, "row")}, {Count(zeros.Columns, "column")} and {Count(zeros.Blocks, "block")} are not on tiles, {Quantity.Count(zeros.Weights)} weights in all"));
        }

        string scale = layer.Input.Scale is { } s ? Text($"scale {s:G6}") : "scale per vector or not calibrated";
        Line(console, Text($"input       {BitsOf(layer.Input.Bits)}, {Name(layer.Input.Scheme)}, {Count(layer.Input.Pulses, "pulse")}{(layer.Input.DrivenPulses is { } driven ? Text($" ({driven:F2} driven)") : "")}, {(layer.Input.Unsigned ? "unsigned" : "signed")}, {scale}"));
        string needs = layer.Adc.LosslessBits is { } lossless
            ? Text($"lossless needs {lossless}{(layer.Adc.Bits < lossless ? ": it rounds or clips" : "")}")
            : "column sums are real numbers";
        Line(console, Text($"ADC         {BitsOf(layer.Adc.Bits)}, range {Name(layer.Adc.Range)}, {needs}; {Quantity.Count(layer.Adc.ConversionsPerMvm)} conversions per MVM"));
        Line(console, Text($"work        {Quantity.Count(layer.MvmPerInference)} MVM per inference{(layer.Shifts == 1 ? "" : Text($" of {layer.Shifts} outputs side by side"))}, {(layer.Copies == 1 ? "1 copy" : Text($"{layer.Copies} copies"))}, time {Time(layer.TimeNs)}, energy {Energy(layer.EnergyPj)}"));
        if (layer.IsRecurrent)
        {
            Line(console, "            one MVM after another, one a time step");
        }

        if (layer.Simulation is { } simulation)
        {
            Line(console, $"simulated   {simulation.Path}: {simulation.Why}");
        }

        if (layer.SharesTilesOf is { } owner)
        {
            Line(console, $"            on the tiles of layer '{Printable.Of(owner)}', which has the same weights, in turn with it");
        }

        Line(console, "");
        WriteBlocks(console, detail.Blocks, withTile: true);
    }

    public static void Write(IAnsiConsole console, TileDetail detail)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(detail);
        Line(console, Text($"tile {detail.Tile} (chip {detail.Chip}, core {detail.Core}, tile {detail.TileOfCore} of the core): {Quantity.Count(detail.CellsUsed)} of {Quantity.Count((long)detail.Rows * detail.Columns)} cells ({Quantity.Percent(detail.Utilization)}), {detail.RowsUsed} of {detail.Rows} rows, {detail.ColumnsUsed} of {detail.Columns} columns"), Strong);
        if (detail.Blocks.IsEmpty)
        {
            Line(console, "nothing stands on it");
            return;
        }

        WriteBlocks(console, detail.Blocks, withTile: false);
    }

    private static void WriteVerdict(IAnsiConsole console, MappingReport report)
    {
        string tiles = report.TilesTotal is { } total
            ? Text($"{Quantity.Count(report.TilesUsed)} of {Quantity.Count(total)} tiles ({Quantity.Percent(report.TilesUsed / (double)total)})")
            : Text($"{Quantity.Count(report.TilesUsed)} tiles (unlimited)");
        string chips = report.Chips > 1 ? Text($"{report.Chips} x {Printable.Of(report.Chip)}") : Printable.Of(report.Chip);
        string macs = report.AnalogMacShare is { } share
            ? Text($"{(report.AnalogMacShareIsEstimate ? "~" : "")}{Quantity.Percent(share)} of {Quantity.Count(report.AnalogMacs + report.DigitalMacs)} MACs analog")
            : "no MACs";
        Line(console, $"{Printable.Of(report.Model)} -> {chips}: {tiles}, {macs}", Strong);
        string parameters = report.AnalogParameterShare is { } p
            ? Text($", {Quantity.Percent(p)} of {Quantity.Count(report.ModelParameters)} parameters on tiles")
            : "";
        string cells = report.Utilization is { } u ? Text($", {Quantity.Percent(u)} of {Quantity.Count(report.CellsOfUsedTiles)} cells in use") : "";
        Line(console, Text($"nodes: {report.NodesAnalog} analog, {report.NodesDigital} digital in {Count(report.DigitalPartitions, "partition")}, {report.NodesHost} host, {report.NodesFolded} folded{parameters}{cells}"));
        string paths = string.Join(", ", report.Layers.Where(l => l.Simulation is not null).GroupBy(l => l.Simulation!.Path, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => Text($"{g.Count()} as {g.Key}")));
        if (paths.Length > 0)
        {
            Line(console, Text($"simulated layers: {paths} (inspect --layer NAME says why)"));
        }
    }

    private static void WriteFindings(IAnsiConsole console, MappingReport report, bool all)
    {
        foreach (FindingReport finding in report.Findings)
        {
            string level = finding.Id is { } id ? $"warning {id}" : "note";
            string[] names = [.. finding.Nodes.Take(all ? int.MaxValue : FewNames).Select(n => Printable.Of(n, all ? int.MaxValue : WidestName))];
            string more = finding.Nodes.Length > names.Length ? Text($", ... ({finding.Nodes.Length - names.Length} more: --all)") : "";
            string list = names.Length > 0 ? $": {string.Join(", ", names)}{more}" : "";
            Line(console, $"{level}: {Printable.Of(finding.Message, int.MaxValue)}{list}", finding.Id is null ? Plain : Alert);
            if (finding.Help is { } help)
            {
                Line(console, $"  help: {Printable.Of(help, int.MaxValue)}", Weak);
            }
        }
    }

    private static void WriteSegments(IAnsiConsole console, MappingReport report)
    {
        string[] alternatives = [.. AlternativesText.Lines(report.Alternatives)];
        if (alternatives.Length > 0)
        {
            Line(console, "");
            WriteLines(console, alternatives);
        }

        if (report.Segments.IsEmpty)
        {
            return;
        }

        var table = new TextTable(
            ("segment", true), ("layers", true), ("from", false), ("to", false), ("tiles", true), ("load", true), ("reload", true), ("interval", true), ("latency", true), ("crossing", true));
        foreach (SegmentReport s in report.Segments)
        {
            table.Add(
                Text($"{s.Segment}"),
                Text($"{s.Layers.Length}"),
                Printable.Of(s.Layers[0], WidestName),
                Printable.Of(s.Layers[^1], WidestName),
                Quantity.Count(s.Tiles),
                Quantity.Of(s.ReloadBytes, "B"),
                Quantity.Estimate(s.ReloadS, "s"),
                Quantity.Estimate(s.IntervalS, "s"),
                Quantity.Estimate(s.LatencyS, "s"),
                Quantity.Of(s.CrossingBytes, "B"));
        }

        Line(console, "");
        WriteTable(console, table);
        Line(console, Text($"segments are loaded one after the other, {Count(report.SegmentBatch, "inference")} a load"), Weak);
    }

    private static void WriteLayers(IAnsiConsole console, MappingReport report, bool all)
    {
        if (report.Layers.IsEmpty)
        {
            return;
        }

        bool isCut = !all && report.Layers.Length > FewLayers;
        IEnumerable<LayerReport> shown = isCut
            ? report.Layers.OrderByDescending(l => l.TimeNs ?? l.MvmPerInference).Take(FewLayers)
            : report.Layers;
        int width = all ? int.MaxValue : Math.Clamp(console.Profile.Width - TableWidthWithoutNames, LeastNameWidth, WidestName);
        var table = new TextTable(
            ("layer", false), ("op", false), ("K", true), ("N", true), ("groups", true), ("MVM", true), ("tiles", true), ("copies", true),
            ("util %", true), ("ADC bits", true), ("time us", true), ("energy nJ", true));
        foreach (LayerReport l in shown)
        {
            table.Add(
                Printable.Of(l.Name, width),
                Printable.Of(l.Op, WidestName),
                Text($"{l.Rows}"),
                Text($"{l.Columns}"),
                Text($"{l.Groups}"),
                Quantity.Count(l.MvmPerInference),
                Quantity.Count(l.Tiles),
                Text($"{l.Copies}"),
                Text($"{100 * l.Utilization:F1}"),
                AdcBits(l.Adc),
                Quantity.Estimate(l.TimeNs * 1e-3),
                Quantity.Estimate(l.EnergyPj * 1e-3));
        }

        Line(console, "");
        WriteTable(console, table);
        if (isCut)
        {
            Line(console, Text($"the {FewLayers} slowest, slowest first; {report.Layers.Length - FewLayers} more: --all"), Weak);
        }
    }

    private static void WriteNodes(IAnsiConsole console, MappingReport report)
    {
        var table = new TextTable(("node", false), ("op", false), ("parameters", true), ("home", false), ("reason", false));
        foreach (NodeReport n in report.Nodes)
        {
            table.Add(
                Printable.Of(n.Name, int.MaxValue),
                Printable.Of(n.Op, int.MaxValue),
                Quantity.Count(n.Parameters),
                n.Reason == FallbackReason.Folded ? "-" : Name(n.Home),
                Printable.Of(n.Detail, int.MaxValue));
        }

        Line(console, "");
        WriteTable(console, table);
    }

    private static void WriteEstimate(IAnsiConsole console, MappingReport report)
    {
        if (report.Layers.IsEmpty)
        {
            return;
        }

        EstimateReport e = report.Estimate;
        Line(console, "");
        Line(console, $"latency {Quantity.Estimate(e.LatencyS, "s")} pipelined, {Quantity.Estimate(e.LatencySerialS, "s")} serial; throughput {Quantity.Estimate(e.ThroughputPerS)} /s (tiles; digital work {Quantity.Estimate(e.DigitalTimeS, "s")} on one unit)");
        if (e.Bottleneck is { } slowest)
        {
            Line(console, $"bottleneck {Printable.Of(slowest.Layer, WidestName)}: {Quantity.Estimate(slowest.TimeS, "s")}, {Quantity.Percent(slowest.Share)} of the serial time");
        }

        EnergyPart[] parts = [.. e.Breakdown.Where(p => p.Share > 0).OrderByDescending(p => p.Share)];
        string breakdown = parts.Length > 0 ? $" ({string.Join(", ", parts.Select(p => $"{p.Part} {Quantity.Percent(p.Share)}"))})" : "";
        Line(console, $"energy {Quantity.Estimate(e.EnergyJ, "J")} per inference{breakdown}{(e.NotModelled.IsEmpty ? "" : $"; not modelled: {string.Join(", ", e.NotModelled)}")}");
        string others = e.Breakdown.Any(p => p.Part == "noc") ? "buffers, digital units and transfers" : "buffers and digital units";
        Line(console, $"efficiency {Quantity.Estimate(e.TopsPerWMacro)} TOPS/W tiles alone, {Quantity.Estimate(e.TopsPerWSystem)} TOPS/W with {others}; {Quantity.Estimate(e.Tops)} TOPS");
        if (e.ProgrammingTimeS is not null || e.ProgrammingEnergyJ is not null)
        {
            Line(console, $"programming at most {Quantity.Estimate(e.ProgrammingTimeS, "s")}, {Quantity.Estimate(e.ProgrammingEnergyJ, "J")}");
        }
    }

    private static void WriteBounds(IAnsiConsole console, MappingReport report)
    {
        foreach (BoundReport bound in report.Bounds.Where(b => b.Unit != "s" || b.Value is not null))
        {
            string unit = (bound.Value is 1 ? bound.Unit.TrimEnd('s') : bound.Unit).Replace('_', '-');
            string value = bound.Unit == "s" ? Quantity.Estimate(bound.Value, "s") : Text($"{bound.Value:N0} {unit}");
            string achieved = bound.Unit == "s" ? Quantity.Estimate(bound.Achieved, "s") : Text($"{bound.Achieved:N0}");
            string gap = bound.Gap is { } g ? $" ({Quantity.Number(1 + g)} x)" : "";
            string binding = bound.Binding ? $", binding{(bound.Why.Length > 0 ? $": {bound.Why}" : "")}" : "";
            Line(console, $"bound {bound.Name}: {value}, achieved {achieved}{gap}{binding}");
        }

        WhatIfReport[] levers = [.. report.WhatIf.Where(w => w.GainPercent >= LeastGainPercent)];
        foreach (WhatIfReport lever in levers)
        {
            Line(console, Text($"what if {Printable.Of(lever.Lever, int.MaxValue)}: interval {Quantity.Estimate(lever.IntervalS, "s")}, {lever.GainPercent:0.0} % shorter"));
        }

        if (levers.Length == 0 && report.WhatIf.Length > 0)
        {
            Line(console, "what if: neither one more copy nor twice of one resource shortens the interval");
        }
    }

    private static void WriteBlocks(IAnsiConsole console, ImmutableArray<BlockReport> blocks, bool withTile)
    {
        bool hasGroups = blocks.Any(b => b.FirstGroup > 0 || b.Groups > 1);
        bool hasCopies = blocks.Any(b => b.Copy > 0);
        (string, bool)[] columns =
        [
            withTile ? ("tile", true) : ("layer", false),
            ("tile rows", true), ("tile columns", true), ("matrix rows", true), ("matrix columns", true),
            .. hasGroups ? [("groups", true)] : Array.Empty<(string, bool)>(),
            .. hasCopies ? [("copy", true)] : Array.Empty<(string, bool)>(),
        ];
        var table = new TextTable(columns);
        foreach (BlockReport b in blocks)
        {
            table.Add(
            [
                withTile ? Text($"{b.Tile}") : Printable.Of(b.Layer, WidestName),
                Range(b.TileRow, b.TileRows),
                Range(b.TileColumn, b.TileColumns),
                Range(b.RowStart, b.RowCount),
                Range(b.ColumnStart, b.ColumnCount),
                .. hasGroups ? [Range(b.FirstGroup, b.Groups)] : Array.Empty<string>(),
                .. hasCopies ? [Text($"{b.Copy}")] : Array.Empty<string>(),
            ]);
        }

        WriteTable(console, table);
    }

    private static void WriteTable(IAnsiConsole console, TextTable table) => WriteLines(console, table.Lines());

    private static void WriteLines(IAnsiConsole console, IEnumerable<string> lines)
    {
        bool isHeader = true;
        foreach (string line in lines)
        {
            Line(console, line, isHeader ? Strong : Plain);
            isHeader = false;
        }
    }

    private static string AdcBits(AdcReport adc)
    {
        string has = adc.Bits is { } bits ? Text($"{bits}") : "lossless";
        return adc.LosslessBits is { } needs && adc.Bits < needs ? Text($"{has} < {needs}") : has;
    }

    private static string BitsOf(int? bits) => bits is { } b ? Text($"{b} bits") : "lossless";

    private static string Range(int start, int count) => count == 1 ? Text($"{start}") : Text($"{start}-{start + count - 1}");

    private static string Slices(int count) => Count(count, "slice");

    private static string Tiles(long count) => Count(count, "tile");

    private static string Count(long count, string noun) => $"{Quantity.Count(count)} {noun}{(count == 1 ? "" : "s")}";

    private static string Time(double? ns) => Quantity.Estimate(ns * 1e-9, "s");

    private static string Energy(double? pj) => Quantity.Estimate(pj * 1e-12, "J");

    private static string Name(Enum value) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()).Replace('_', ' ');

    private static void Line(IAnsiConsole console, string text, Style? style = null) => console.WriteLine(text, style ?? Plain);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

/// <summary>Prints a schedule: values, stages, row groups, buffers and channels a line each, then what every core does, an instruction a line. In the loop around it an instruction counts with
/// <c>i</c>.</summary>
internal static class ScheduleDisassembler
{
    public static IEnumerable<string> Lines(ProgramSchedule schedule)
    {
        var (graph, mapping) = (schedule.Stages, schedule.Mapping);
        string interval = mapping.Replication.IntervalNs is { } ns ? Text($", interval {ns} ns") : "";
        yield return Text($"schedule for {Lower(schedule.Target)}{(schedule.Overlaps ? ", inferences overlap" : "")}{interval}{(mapping.Replication.StoppedBy is { } stop ? $", copies stopped by {stop}" : "")}");
        for (int v = 0; v < graph.Values.Length; v++)
        {
            var value = graph.Values[v];
            yield return Text($"  r{v} {Quoted.Of(value.Name)}: {value.Rows} rows of {value.ElementsPerRow} x {value.BytesPerElement} bytes{(value.Producer < 0 ? " input" : "")}{(value.IsOutput ? " output" : "")}, home {string.Join(' ', mapping.Homes[v])}");
        }

        for (int s = 0; s < graph.Stages.Length; s++)
        {
            var stage = graph.Stages[s];
            string unit = stage.Unit < 0 ? "" : Text($" {(stage.Kind == StageKind.Analog ? 'l' : 'p')}{stage.Unit}");
            yield return Text($"  s{s} {Quoted.Of(stage.Name)} {Lower(stage.Kind)}{unit}: r{stage.Output} = ({string.Join(", ", stage.Inputs.Select(i => Print(i, graph.Values[i.Value].Rows)))}), {stage.OperationsPerRow} operations a row{(stage.Loop is null ? "" : $", loop {Quoted.Of(stage.Loop)}")}");
            if (stage.Matrix is not { } matrix)
            {
                continue;
            }

            string shared = matrix.SharesTilesOf is { } owner ? Text($", on the tiles of s{owner}") : Text($", {mapping.Replication.Copies[s]} copies");
            yield return Text($"    {matrix.Vectors} vectors, {matrix.VectorsPerRow} a row, from {matrix.FirstOrdinal}{shared}, every {Or(matrix.IntervalNs)} ns, {Or(matrix.LatencyNs)} ns each, sums {(matrix.AddsExactly ? "exact" : "in order")}{(matrix.IsSerial ? ", serial" : "")}");
            foreach (var group in matrix.Groups)
            {
                yield return Text($"    inputs {group.FirstInput}+{group.Inputs} ({group.InputBytesPerRow} bytes a row), columns {group.FirstColumn}+{group.Columns}: blocks {string.Join(' ', group.Blocks)} on {group.Tiles} tiles, {group.Rounds} rounds");
            }
        }

        for (int g = 0; g < mapping.RowGroups.Length; g++)
        {
            var group = mapping.RowGroups[g];
            yield return Text($"  g{g}: s{group.Stage} copy {group.Copy} group {group.Group}, core {group.Core} tiles {string.Join(' ', group.Tiles)}");
        }

        for (int b = 0; b < schedule.Buffers.Length; b++)
        {
            var buffer = schedule.Buffers[b];
            yield return Text($"  b{b}: core {buffer.Core}, rows {Print(new Affine(buffer.FirstRow, buffer.RowStride))} of r{buffer.Value}{(buffer.ItemsPerRow == 1 ? "" : Text($" in {buffer.ItemsPerRow} items"))}, room for {buffer.Capacity} of {buffer.RowBytes} bytes at {buffer.Address}");
        }

        for (int c = 0; c < schedule.Channels.Length; c++)
        {
            var channel = schedule.Channels[c];
            string room = channel.Capacity == 0 ? "" : Text($", room for {channel.Capacity}");
            string hops = channel.Hops.IsEmpty ? "" : $" by {string.Join(" or ", channel.Hops.GroupBy(h => h.Path).Select(p => string.Join(' ', p.Select(Print))))}{(channel.Turns.IsEmpty ? "" : $" in turn {string.Join(' ', channel.Turns)}")}";
            yield return Text($"  c{c}: {Words(channel.Kind)} of {channel.Bytes} bytes from core {channel.From} to {string.Join(' ', channel.Receivers.Select(r => r.Buffer < 0 ? Text($"core {r.Core}") : Text($"b{r.Buffer}")))}{room}{hops}");
        }

        foreach (var stream in schedule.Streams)
        {
            yield return Text($"  core {stream.Core} {Quoted.Of(stream.Name)}:");
            foreach (var instruction in stream.Body)
            {
                if (instruction is not Repeat loop)
                {
                    yield return $"    {Print(instruction)}";
                    continue;
                }

                yield return Text($"    repeat {loop.Count}:");
                foreach (var inner in loop.Body)
                {
                    yield return $"      {Print(inner)}";
                }
            }
        }
    }

    private static string Print(StreamInstruction instruction) => instruction switch
    {
        AwaitRows wait => Text($"await b{wait.Buffer} {Print(wait.Window)} of {(wait.ItemsPerRow == 1 ? "" : Text($"1/{wait.ItemsPerRow} "))}{Print(wait.Item)}"),
        ReleaseRows release => Text($"release b{release.Buffer}"),
        DriveTiles drive => Text($"drive g{drive.RowGroup} {Print(drive.Ordinal)}"),
        AddPartialSums add => Text($"add {string.Join(' ', (add.First < 0 ? [] : (string[])[Text($"c{add.First}")]).Concat(add.RowGroups.Select(g => Text($"g{g}"))).Concat(add.Others.Select(c => Text($"c{c}"))))} {Print(add.Ordinal)}"),
        SendPartialSums send => Text($"send sums c{send.Channel} {Print(send.Ordinal)}"),
        FinishVector finish => Text($"finish s{finish.Stage} copy {finish.Copy} to {string.Join(' ', finish.Channels.Select(c => Text($"c{c}")))} {Print(finish.Ordinal)}"),
        RunDigital run => Text($"run s{run.Stage} {Print(run.Row)}"),
        SendRow send => Text($"send c{send.Channel} {Print(send.Row)}"),
        LoadRow load => Text($"load r{load.Value} {Print(load.Row)}"),
        StoreRow store => Text($"store r{store.Value} {Print(store.Row)}"),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string Print(StageInput input, int rows) =>
        Text($"r{input.Value}{(input.Window == RowWindow.SameRow ? "" : input.Window == RowWindow.Whole(rows) ? "[all]" : $"[{Print(input.Window)}]")}{(input.IsCarried ? " carried" : "")}");

    private static string Print(ChannelHop hop) => Text($"{(hop.Link < 0 ? "board" : Text($"{hop.Link}"))}/{hop.Parent}");

    private static string Print(RowWindow window) => Text($"{window.Reach} to {window.Factor} x {(window.Divisor == 1 ? "" : Text($"1/{window.Divisor} "))}{window.Offset:+0;-0;+0}");

    private static string Print(Affine affine) => affine switch
    {
        { Stride: 0 } => Text($"{affine.Start}"),
        { Start: 0, Stride: 1 } => "i",
        { Start: 0 } => Text($"{affine.Stride}i"),
        { Stride: 1 } => Text($"{affine.Start}+i"),
        _ => Text($"{affine.Start}+{affine.Stride}i"),
    };

    private static string Or(double? ns) => ns is { } known ? Text($"{known}") : "?";

    private static string Words(ChannelKind kind) => kind switch { ChannelKind.Rows => "rows", ChannelKind.Results => "results", _ => "partial sums" };

    private static string Lower(MappingTarget target) => target switch { MappingTarget.Tiles => "tiles", MappingTarget.Throughput => "throughput", _ => "latency" };

    private static string Lower(StageKind kind) => kind switch { StageKind.Analog => "analog", StageKind.Digital => "digital", _ => "host" };

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

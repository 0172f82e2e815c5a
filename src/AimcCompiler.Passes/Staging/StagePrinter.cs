using System.Globalization;
using System.Text;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Prints a pipeline: a line for each value and each stage.</summary>
internal static class StagePrinter
{
    public static string Print(StagedGraph staged)
    {
        StringBuilder text = new();
        if (staged.Stages is not { } graph)
        {
            return text.Append(CultureInfo.InvariantCulture, $"not scheduled: {staged.NotScheduled}\n").ToString();
        }

        foreach (var value in graph.Values)
        {
            text.Append(CultureInfo.InvariantCulture, $"%{value.Name}: {value.Rows} rows of {value.ElementsPerRow} x {value.BytesPerElement} bytes{(value.Producer < 0 ? " input" : "")}{(value.IsOutput ? " output" : "")}\n");
        }

        foreach (var stage in graph.Stages)
        {
            text.Append(CultureInfo.InvariantCulture, $"{NameOf(stage.Kind)} '{stage.Name}' %{graph.Values[stage.Output].Name} = ({string.Join(", ", stage.Inputs.Select(i => Print(graph, i)))})");
            text.Append(CultureInfo.InvariantCulture, $" operations={stage.OperationsPerRow}{(stage.Loop is null ? "" : $" loop='{stage.Loop}'")}\n");
            if (stage.Matrix is { } matrix)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {matrix.Vectors} vectors, {matrix.VectorsPerRow} a row, from {matrix.FirstOrdinal}{(matrix.IsSerial ? ", serial" : "")}{(matrix.AddsExactly ? "" : ", sums in order")}");
                text.Append(CultureInfo.InvariantCulture, $"{(matrix.SharesTilesOf is { } owner ? $", on the tiles of '{graph.Stages[owner].Name}'" : "")}\n");
                foreach (var group in matrix.Groups)
                {
                    text.Append(CultureInfo.InvariantCulture, $"  inputs {group.FirstInput}+{group.Inputs} ({group.InputBytesPerRow} bytes a row): blocks {string.Join(' ', group.Blocks)} on {group.Tiles} tiles, {group.Rounds} rounds, {group.Columns} columns\n");
                }
            }
        }

        return text.ToString();
    }

    private static string NameOf(StageKind kind) => kind switch { StageKind.Analog => "analog", StageKind.Digital => "digital", _ => "host" };

    private static string Print(StageGraph graph, StageInput input)
    {
        var value = graph.Values[input.Value];
        string window = input.Window == RowWindow.SameRow ? "" : input.Window == RowWindow.Whole(value.Rows) ? "[all]"
            : FormattableString.Invariant($"[{input.Window.Reach} to {input.Window.Factor} row{(input.Window.Divisor == 1 ? "" : FormattableString.Invariant($"/{input.Window.Divisor}"))} {input.Window.Offset:+#;-#;+0}]");
        return $"%{value.Name}{window}{(input.IsCarried ? " carried" : "")}";
    }
}

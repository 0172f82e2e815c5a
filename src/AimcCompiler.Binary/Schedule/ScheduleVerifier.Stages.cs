using AimcCompiler.Core;
using static AimcCompiler.Binary.ProgramVerifier;

namespace AimcCompiler.Binary;

public static partial class ScheduleVerifier
{
    /// <summary>Windows and rows beyond this are no tensor's.</summary>
    private const int MaximumRows = 1 << 30;

    /// <summary>What holds of a pipeline whatever runs it: names, counts, each value written by the stage that it names, every input written by an earlier stage, but for the states of
    /// a loop.</summary>
    /// <exception cref="InvalidIrException">An invariant is broken.</exception>
    public static void VerifyStages(StageGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        Check(!graph.Values.IsDefault && !graph.Stages.IsDefault, "a list of the stages is missing");
        HashSet<string> names = new(StringComparer.Ordinal);
        for (int v = 0; v < graph.Values.Length; v++)
        {
            var value = graph.Values[v];
            Check(IsName(value.Name), $"stage value {v} has no name");
            string name = $"stage value {Quoted.Of(value.Name)}";
            Check(names.Add(value.Name), $"two stage values are named {Quoted.Of(value.Name)}");
            Check(value.Rows is >= 1 and <= MaximumRows, $"{name} has {value.Rows} rows, 1 to {MaximumRows} are allowed");
            Check(value.BytesPerElement is >= 1 and <= 16, $"{name} has {value.BytesPerElement} bytes an element, 1 to 16 are allowed");
            Check(
                value.ElementsPerRow >= 1 && value.ElementsPerRow <= MaximumCount / value.BytesPerElement / value.Rows,
                $"{name} has {value.ElementsPerRow} elements a row, 1 to {MaximumCount / value.BytesPerElement / value.Rows} are allowed");
            Check(
                value.Producer == -1 || (value.Producer >= 0 && value.Producer < graph.Stages.Length && graph.Stages[value.Producer].Output == v),
                $"{name} names stage {value.Producer} as its producer, which does not write it");
        }

        for (int s = 0; s < graph.Stages.Length; s++)
        {
            var stage = graph.Stages[s];
            Check(IsName(stage.Name), $"stage {s} has no name");
            string name = NameOf(stage);
            Check(Enum.IsDefined(stage.Kind), $"{name} is of kind {(int)stage.Kind}, which is not known");
            Check(stage.Loop is null || IsName(stage.Loop), $"{name} is in a loop without a name");
            Check(
                stage.Output >= 0 && stage.Output < graph.Values.Length && graph.Values[stage.Output].Producer == s,
                $"{name} writes value {stage.Output}, which does not name it as its producer");
            Check(IsCount(stage.OperationsPerRow), $"{name} has {stage.OperationsPerRow} operations a row");
            Check(!stage.Inputs.IsDefault, $"{name} has no inputs");
            foreach (var input in stage.Inputs)
            {
                Check(input.Value >= 0 && input.Value < graph.Values.Length, $"{name} reads value {input.Value}, there are {graph.Values.Length}");
                var read = graph.Values[input.Value];
                var window = input.Window;
                Check(
                    window is { Divisor: >= 1 and <= MaximumRows, Factor: >= 0 and <= MaximumRows, Offset: >= -MaximumRows and <= MaximumRows, Reach: >= 1 and <= MaximumRows },
                    $"{name} reads {Quoted.Of(read.Name)} through the window {window.Divisor}, {window.Factor}, {window.Offset}, {window.Reach}, which goes back or is empty");
                if (input.IsCarried)
                {
                    Check(
                        stage.Loop is not null && read.Producer >= 0 && graph.Stages[read.Producer].Loop == stage.Loop,
                        $"{name} carries {Quoted.Of(read.Name)}, which no stage of its loop writes");
                    Check(
                        window.Last(0, read.Rows) < 0 && window is { Divisor: 1, Factor: 1, Offset: < 0 },
                        $"{name} carries {Quoted.Of(read.Name)} and reads of it what is not yet written");
                }
                else
                {
                    Check(read.Producer < s, $"{name} reads {Quoted.Of(read.Name)}, which a later stage writes");
                }
            }

            Check((stage.Kind == StageKind.Analog) == (stage.Matrix is not null), $"{name} is {(stage.Matrix is null ? "analog and has no" : "not analog and has a")} matrix");
            if (stage.Matrix is { } matrix)
            {
                VerifyMatrix(graph, stage, s, matrix, name);
            }
        }
    }

    private static void VerifyMatrix(StageGraph graph, Stage stage, int index, MatrixDemand matrix, string name)
    {
        Check(!stage.Inputs.IsEmpty, $"{name} reads nothing");
        Check(
            matrix.VectorsPerRow >= 1 && matrix.Vectors == (long)matrix.VectorsPerRow * graph.Values[stage.Output].Rows,
            $"{name} takes {matrix.Vectors} vectors, {matrix.VectorsPerRow} for each of {graph.Values[stage.Output].Rows} rows");
        Check(IsCount(matrix.FirstOrdinal), $"{name} begins at vector {matrix.FirstOrdinal}");
        Check(matrix.Columns >= 1 && matrix.PartialSumBytes is >= 1 and <= 64, $"{name} has {matrix.Columns} columns of {matrix.PartialSumBytes} bytes");
        Check(matrix.IntervalNs is null or (>= 0 and < 1e15) && matrix.LatencyNs is null or (>= 0 and < 1e15), $"{name} has times that are no times");
        Check(
            matrix.SharesTilesOf is not { } owner || (owner >= 0 && owner < index && graph.Stages[owner].Matrix is { SharesTilesOf: null } its && its.Groups.Length == matrix.Groups.Length),
            $"{name} uses the tiles of stage {matrix.SharesTilesOf}, which is no earlier one with as many row groups of its own");
        VerifyAlternatives(graph, matrix, name);
        Check(!matrix.Groups.IsDefaultOrEmpty, $"{name} has no row groups");
        long row = stage.Inputs.Max(i => graph.Values[i.Value].BytesPerRow);
        HashSet<int> blocks = [];
        foreach (var group in matrix.Groups)
        {
            Check(!group.Blocks.IsDefaultOrEmpty && group.Blocks.All(b => b >= 0 && blocks.Add(b)), $"{name} has a row group without blocks, or a block in two");
            Check(group is { Tiles: >= 0, Rounds: >= 1, FirstInput: >= 0, Inputs: >= 1, Columns: >= 1, SharedTile: >= -1 }, $"{name} has a row group whose counts are not counts");
            Check((group.Tiles == 0) == (group.SharedTile >= 0), $"{name} has a row group of {group.Tiles} tiles that {(group.SharedTile < 0 ? "shares none" : "shares one")}");
            Check(group.InputBytesPerRow >= 1 && group.InputBytesPerRow <= row, $"{name} has a row group that needs {group.InputBytesPerRow} bytes of a row of {row}");
        }
    }

    /// <summary>Counts that are counts, small enough that bounds can multiply them.</summary>
    private static void VerifyAlternatives(StageGraph graph, MatrixDemand matrix, string name)
    {
        Check(!matrix.Alternatives.IsDefault && matrix.Alternatives.Length <= ConvolutionView.MostShifts, $"{name} has no list of alternatives, or more than {ConvolutionView.MostShifts}");
        for (int i = 0; i < matrix.Alternatives.Length; i++)
        {
            var option = matrix.Alternatives[i];
            Check(
                option.Shifts is >= 1 and <= ConvolutionView.MostShifts && (i == 0 || option.Shifts > matrix.Alternatives[i - 1].Shifts),
                $"{name} has {option.Shifts} shifts as alternative {i}, 1 to {ConvolutionView.MostShifts} in ascending order are allowed");
            Check(
                option is { VectorsPerRow: >= 1 and <= MaximumRows, Tiles: >= 1 and <= MaximumRows, Issues: >= 1 and <= MaximumRows, Rounds: >= 1 and <= MaximumRows, OperationsPerVector: >= 0 and <= MaximumRows },
                $"{name} has an alternative of {option.Shifts} shifts whose counts are not 1 to {MaximumRows}");
        }

        Check(
            matrix.SharesTilesOf is not { } owner || graph.Stages[owner].Matrix!.Alternatives.Select(o => o.Shifts).SequenceEqual(matrix.Alternatives.Select(o => o.Shifts)),
            $"{name} has other alternatives than stage {matrix.SharesTilesOf}, whose tiles it uses");
    }

    private static string NameOf(Stage stage) => $"stage {Quoted.Of(stage.Name)}";
}

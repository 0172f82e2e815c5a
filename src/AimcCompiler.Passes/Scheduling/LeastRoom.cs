using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>The least rows that buffers hold: what a run on demand takes in which no stage runs ahead.</summary>
internal sealed class LeastRoom
{
    private readonly IReadOnlyDictionary<(int Value, int Stage), int> _peaks;

    private LeastRoom(IReadOnlyDictionary<(int Value, int Stage), int> peaks) => _peaks = peaks;

    /// <param name="graph">The stages.</param>
    /// <param name="copies">Of each stage.</param>
    /// <param name="homesOf">How many homes a value has.</param>
    public static LeastRoom Of(StageGraph graph, ImmutableArray<int> copies, Func<int, int> homesOf) =>
        new(RowDemand.Peaks(graph, new int[graph.Stages.Length], Lags(graph, copies, homesOf), isLeast: true));

    /// <summary>Rows from one to the next of the same stream of a stage: its homes, or its copies where they take a row each.</summary>
    public static int[] Lags(StageGraph graph, ImmutableArray<int> copies, Func<int, int> homesOf) =>
    [
        .. graph.Stages.Select((stage, s) => stage.Matrix is { } matrix
            ? (copies[matrix.SharesTilesOf ?? s] + matrix.VectorsPerRow - 1) / matrix.VectorsPerRow
            : homesOf(stage.Output)),
    ];

    /// <param name="value">The value.</param>
    /// <param name="stage">Who reads it; -1 = what leaves the chip.</param>
    /// <param name="stride">Of the rows that come to the buffer.</param>
    public int Rows(int value, int stage, int stride) => (_peaks[(value, stage)] + stride - 1) / stride;
}

using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>When the rows of one inference are there, if every stage goes on as soon as its inputs and its tiles allow: what replication steers latency by. Neither transfers nor the cores that stages share are in it, so that
/// it is an estimate, and no bound either: rows come in order.</summary>
/// <param name="Begin">Per stage and row, ps: all that the row reads is there and the stage is done with driving the row before.</param>
/// <param name="Done">Per stage and row, ps: the row is written.</param>
/// <param name="LatencyPs">The last row of all.</param>
public sealed record PipelineEstimate(ImmutableArray<ImmutableArray<long>> Begin, ImmutableArray<ImmutableArray<long>> Done, long LatencyPs)
{
    /// <param name="graph">The stages.</param>
    /// <param name="chip">Its vector units; tiles have the times of the stages.</param>
    /// <param name="copies">One a stage.</param>
    /// <param name="homes">One a value: vector units that a digital stage has; null = one each.</param>
    /// <param name="periodPs">Inferences follow each other in so many picoseconds, and every stage takes its rows evenly over them, as it does where it shares its cores with others; 0 = one inference alone.</param>
    /// <param name="delayPs">What every row waits for shared units and links, besides.</param>
    public static PipelineEstimate Run(StageGraph graph, ChipCapacity chip, IReadOnlyList<int> copies, IReadOnlyList<int>? homes = null, long periodPs = 0, long delayPs = 0)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(copies);
        var (begin, done, latency) = Times(graph, chip, copies, homes, periodPs, delayPs);
        return new PipelineEstimate([.. begin.Select(b => b.ToImmutableArray())], [.. done.Select(d => d.ToImmutableArray())], latency);
    }

    /// <summary>The last row alone.</summary>
    /// <param name="graph">The stages.</param>
    /// <param name="chip">Its vector units.</param>
    /// <param name="copies">One a stage.</param>
    /// <param name="homes">One a value; null = one each.</param>
    public static long Latency(StageGraph graph, ChipCapacity chip, IReadOnlyList<int> copies, IReadOnlyList<int>? homes = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(copies);
        return Times(graph, chip, copies, homes, 0, 0).LatencyPs;
    }

    private static (long[][] Begin, long[][] Done, long LatencyPs) Times(StageGraph graph, ChipCapacity chip, IReadOnlyList<int> copies, IReadOnlyList<int>? homes, long periodPs, long delayPs)
    {
        long[][] begin = [.. graph.Stages.Select(s => new long[graph.Values[s.Output].Rows])];
        long[][] done = [.. begin.Select(b => new long[b.Length])];
        long latency = 0;
        for (int first = 0; first < graph.Stages.Length;)
        {
            // The stages of a recurrence take turns, row by row: each reads what another wrote one row before.
            int next = first + 1;
            while (graph.Stages[first].Loop is { } loop && next < graph.Stages.Length && graph.Stages[next].Loop == loop)
            {
                next++;
            }

            var pace = Enumerable.Range(first, next - first).Select(s => PaceOf(graph, chip, s, copies[s], homes?[graph.Stages[s].Output] ?? 1)).ToArray();
            int rows = Enumerable.Range(first, next - first).Max(s => begin[s].Length);
            for (int row = 0; row < rows; row++)
            {
                for (int s = first; s < next; s++)
                {
                    if (row < begin[s].Length)
                    {
                        begin[s][row] = Math.Max(Ready(graph, s, row, done), row == 0 ? 0 : begin[s][row - 1] + Math.Max(pace[s - first].RowPs, periodPs / begin[s].Length));
                        done[s][row] = begin[s][row] + pace[s - first].DelayPs + delayPs;
                        latency = Math.Max(latency, done[s][row]);
                    }
                }
            }

            first = next;
        }

        return (begin, done, latency);
    }

    private static long Ready(StageGraph graph, int stage, int row, long[][] done)
    {
        long ready = 0;
        foreach (var input in graph.Stages[stage].Inputs)
        {
            var value = graph.Values[input.Value];
            int last = input.Window.Last(row, value.Rows);
            if (value.Producer >= 0 && last >= 0)
            {
                ready = Math.Max(ready, done[value.Producer][last]);
            }
        }

        return ready;
    }

    /// <returns>From row to row, and from the beginning of a row to its end, ps.</returns>
    private static (long RowPs, long DelayPs) PaceOf(StageGraph graph, ChipCapacity chip, int index, int copies, int homes)
    {
        var stage = graph.Stages[index];
        if (stage.Kind == StageKind.Host)
        {
            return (0, 0);
        }

        if (stage.Matrix is not { } matrix)
        {
            long row = VectorPs(chip, stage.OperationsPerRow);
            return ((row + homes - 1) / homes, row);
        }

        long vectors = matrix.VectorsPerRow;
        long digital = VectorPs(chip, (stage.OperationsPerRow / vectors) + matrix.AdditionsInTurn);
        long interval = (long)Math.Round(1000 * (matrix.IntervalNs ?? 0) * matrix.Groups.Max(g => g.Rounds));
        long latency = (long)Math.Round(1000 * (matrix.LatencyNs ?? 0));
        long step = Math.Max(matrix.IsSerial ? latency : interval, digital);
        return (((vectors * step) + copies - 1) / copies, ((((vectors + copies - 1) / copies) - 1) * step) + latency + digital);
    }

    private static long VectorPs(ChipCapacity chip, long operations) => (long)Math.Ceiling((chip.PsPerThousandOperations ?? 0) * (double)operations / 1000);
}

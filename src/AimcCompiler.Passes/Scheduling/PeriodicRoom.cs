using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>The room that buffers need when inferences follow each other in the interval of a mapping and every stage takes its rows evenly over it: a row stands in a buffer from when it is made until its reader is done with it, and
/// as many rows stand there as come in that time. Of two ways to a stage the shorter so has the room that the latency of the longer one asks for.</summary>
internal sealed class PeriodicRoom
{
    /// <summary>Share of the interval that a row waits in every stage for what stages share: issue ports, vector units, links.</summary>
    private const double ShareOfDelay = 0.02;

    /// <summary>Share of the interval by which a reader may be late.</summary>
    private const double ShareOfMargin = 0.2;

    /// <summary>Share of the latency by which a reader may be late where one inference is under way, and only its own rows stand in the way.</summary>
    private const double ShareOfMarginAlone = 0.5;

    private readonly StageGraph _graph;
    private readonly PipelineEstimate _times;
    private readonly long _periodPs;
    private readonly long _marginPs;

    private PeriodicRoom(StageGraph graph, PipelineEstimate times, long periodPs, long marginPs) => (_graph, _times, _periodPs, _marginPs) = (graph, times, periodPs, marginPs);

    /// <param name="graph">The stages.</param>
    /// <param name="mapping">Copies, homes, and where row groups stand.</param>
    /// <param name="chip">The chip.</param>
    /// <returns>Null = times are not known.</returns>
    public static PeriodicRoom? Of(StageGraph graph, CoreMapping mapping, ChipCapacity chip)
    {
        if (IntervalPs(graph, mapping, chip) is not { } period || period == 0)
        {
            return null;
        }

        int[] homes = [.. mapping.Homes.Select(h => h.Length)];
        if (mapping.Target == MappingTarget.Latency)
        {
            long latency = PipelineEstimate.Latency(graph, chip, mapping.Replication.Copies, homes);
            var alone = PipelineEstimate.Run(graph, chip, mapping.Replication.Copies, homes, 0, (long)(ShareOfDelay * latency));
            return new PeriodicRoom(graph, alone, alone.LatencyPs, (long)(ShareOfMarginAlone * latency));
        }

        var times = PipelineEstimate.Run(graph, chip, mapping.Replication.Copies, homes, period, (long)(ShareOfDelay * period));
        return new PeriodicRoom(graph, times, period, (long)(ShareOfMargin * period));
    }

    /// <summary>The busiest of tiles, issue ports, vector units and memory.</summary>
    private static long? IntervalPs(StageGraph graph, CoreMapping mapping, ChipCapacity chip)
    {
        if (mapping.Replication.IntervalNs is not { } tilesNs)
        {
            return null;
        }

        double[] issues = new double[chip.Cores];
        double[] operations = new double[chip.Cores];
        var groups = mapping.RowGroups.ToLookup(g => g.Stage);
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            var stage = graph.Stages[s];
            if (stage.Matrix is { } matrix)
            {
                double[] own = SumOrder.OperationsPerVector(stage);
                int owner = matrix.SharesTilesOf ?? s;
                double vectors = (double)matrix.Vectors / Math.Max(1, mapping.Replication.Copies[owner]);
                foreach (var placed in groups[owner])
                {
                    issues[placed.Core] += vectors * matrix.Groups[placed.Group].Rounds * (chip.IssuePs ?? 0);
                    operations[placed.Core] += vectors * own[placed.Group];
                }
            }
            else if (stage.Kind == StageKind.Digital)
            {
                var homes = mapping.Homes[stage.Output];
                foreach (int home in homes)
                {
                    operations[home] += (double)graph.Values[stage.Output].Rows / homes.Length * stage.OperationsPerRow;
                }
            }
        }

        double memory = MappingBounds.MemoryNs(graph, chip, 0) ?? 0;
        return (long)Math.Max(Math.Max(1000 * tilesNs, 1000 * memory), Math.Max(issues.Max(), operations.Max() * (chip.PsPerThousandOperations ?? 0) / 1000));
    }

    /// <summary>Rows of a value that a buffer holds at a time for a reader.</summary>
    /// <param name="value">The value.</param>
    /// <param name="stage">The reader; -1 = what leaves the chip.</param>
    /// <param name="stride">Of the rows that come to the buffer.</param>
    public int Rows(int value, int stage, int stride)
    {
        int rows = _graph.Values[value].Rows;
        long[] arrives = [.. Enumerable.Range(0, rows).Select(r => Made(value, r))];
        long[] leaves = new long[rows];
        if (stage < 0)
        {
            arrives.CopyTo(leaves, 0);
        }
        else
        {
            FillLeaves(value, stage, leaves);
        }

        return Most(arrives, leaves, stride);
    }

    /// <summary>Rows of a layer's results whose vectors are not all there yet, or wait to go on, at a time.</summary>
    public int RowsInAssembly(int value, int stride)
    {
        int producer = _graph.Values[value].Producer;
        return Most([.. _times.Begin[producer]], [.. _times.Done[producer]], stride);
    }

    private long Made(int value, int row)
    {
        int producer = _graph.Values[value].Producer;
        return producer < 0 ? _periodPs * row / _graph.Values[value].Rows : _times.Done[producer][row];
    }

    /// <summary>A row leaves when the last row that reads it is done with, and not before those ahead of it.</summary>
    private void FillLeaves(int value, int stage, long[] leaves)
    {
        var output = _graph.Values[_graph.Stages[stage].Output];
        long row = _periodPs / output.Rows;
        foreach (var input in _graph.Stages[stage].Inputs.Where(i => i.Value == value))
        {
            int next = 0;
            for (int y = 0; y < output.Rows; y++)
            {
                // Rows before the window of the next row are free once this one is done.
                int end = y + 1 < output.Rows ? input.Window.First(y + 1, leaves.Length) : leaves.Length;
                for (; next < end; next++)
                {
                    leaves[next] = Math.Max(leaves[next], _times.Begin[stage][y] + row);
                }
            }
        }
    }

    /// <summary>Rows that are there at a time, at most, over all inferences under way.</summary>
    private int Most(long[] arrives, long[] leaves, int stride)
    {
        for (int r = 1; r < leaves.Length; r++)
        {
            leaves[r] = Math.Max(leaves[r], leaves[r - 1]);
        }

        int most = 1;
        for (int r = 0; r < arrives.Length; r++)
        {
            int there = 0;
            long now = arrives[r] - _marginPs;
            for (int before = 0; ; before++)
            {
                int last = before == 0 ? r : leaves.Length - 1;
                int left = FirstAfter(leaves, now + (before * _periodPs));
                if (left > last)
                {
                    break;
                }

                there += last - left + 1;
            }

            most = Math.Max(most, there);
        }

        return 1 + ((most - 1 + stride - 1) / stride);
    }

    /// <summary>The first row that leaves after a time.</summary>
    private static int FirstAfter(long[] leaves, long time)
    {
        int found = Array.BinarySearch(leaves, time + 1);
        if (found < 0)
        {
            return ~found;
        }

        while (found > 0 && leaves[found - 1] > time)
        {
            found--;
        }

        return found;
    }
}

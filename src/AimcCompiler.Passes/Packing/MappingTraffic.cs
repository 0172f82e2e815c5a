using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Bytes between cores of one inference of a mapping: rows from their homes to the cores that read them, results and partial sums, inputs and outputs of the model.</summary>
internal sealed class MappingTraffic
{
    private readonly StageGraph _graph;
    private readonly CoreMapping _mapping;
    private readonly ImmutableArray<int> _ports;
    private readonly ILookup<int, PlacedRowGroup> _groups;

    // Rows of a value go from a home to all that read it at once; what else passes has one receiver.
    private readonly SortedDictionary<(int Value, int Home), SortedDictionary<int, long>> _rows = [];
    private readonly SortedDictionary<(int From, int To), long> _bytes = [];

    private MappingTraffic(StageGraph graph, CoreMapping mapping, ImmutableArray<int> ports) =>
        (_graph, _mapping, _ports, _groups) = (graph, mapping, ports, mapping.RowGroups.ToLookup(g => g.Stage));

    /// <param name="graph">The stages.</param>
    /// <param name="mapping">Where they are.</param>
    /// <param name="ports">What stands for the memory ports.</param>
    /// <returns>All messages of an inference as one each: bytes that leave, and what of them every receiver needs.</returns>
    public static ImmutableArray<RoutedMessage> Messages(StageGraph graph, CoreMapping mapping, ImmutableArray<int> ports)
    {
        MappingTraffic traffic = new(graph, mapping, ports);
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            traffic.AddStage(s);
        }

        foreach (int v in Enumerable.Range(0, graph.Values.Length).Where(v => graph.Values[v].IsOutput))
        {
            traffic.AddOutput(v);
        }

        return
        [
            .. traffic._rows.Where(r => r.Value.Count > 0).Select(r => new RoutedMessage(
                mapping.Homes[r.Key.Value][r.Key.Home],
                [.. r.Value.Select(to => (to.Key, to.Value))],
                Math.Max(r.Value.Values.Max(), graph.Values[r.Key.Value].Rows * graph.Values[r.Key.Value].BytesPerRow / mapping.Homes[r.Key.Value].Length),
                1)),
            .. traffic._bytes.Select(b => new RoutedMessage(b.Key.From, [(b.Key.To, b.Value)], b.Value, 1)),
        ];
    }

    private void AddStage(int index)
    {
        var stage = _graph.Stages[index];
        if (stage.Matrix is { } matrix)
        {
            var placed = _groups[matrix.SharesTilesOf ?? index].ToList();
            int copies = Math.Max(1, _mapping.Replication.Copies[index]);
            AddReads(stage, matrix, placed, copies);
            foreach (var copy in placed.GroupBy(g => g.Copy))
            {
                AddResults(stage, matrix, [.. copy], (double)matrix.Vectors / copies);
            }

            return;
        }

        var homes = _mapping.Homes[stage.Output];
        int rows = _graph.Values[stage.Output].Rows;
        foreach (var input in stage.Inputs)
        {
            for (int home = 0; home < homes.Length; home++)
            {
                int first = home;
                AddRows(input, Enumerable.Range(0, ((rows - first - 1) / homes.Length) + 1).Select(i => first + (i * homes.Length)), homes[home], _graph.Values[input.Value].BytesPerRow);
            }
        }
    }

    /// <summary>Rows of the input to every core that has one of the row groups.</summary>
    private void AddReads(Stage stage, MatrixDemand matrix, List<PlacedRowGroup> placed, int copies)
    {
        int rows = _graph.Values[stage.Output].Rows;
        foreach (var onCore in placed.GroupBy(g => g.Core))
        {
            long bytes = onCore.Select(g => g.Group).Distinct().Sum(g => matrix.Groups[g].InputBytesPerRow);
            IEnumerable<int> written = Enumerable.Range(0, rows);
            if (copies > matrix.VectorsPerRow)
            {
                // A copy has no vector in some rows.
                var own = onCore.Select(g => (long)g.Copy).ToHashSet();
                written = written.Where(y => Enumerable.Range(0, matrix.VectorsPerRow).Any(i => own.Contains((((long)y * matrix.VectorsPerRow) + i + matrix.FirstOrdinal) % copies)));
            }

            int[] all = [.. written];
            foreach (var input in stage.Inputs)
            {
                AddRows(input, all, onCore.Key, Math.Min(bytes, _graph.Values[input.Value].BytesPerRow));
            }
        }
    }

    /// <summary>Every row of a value that rows of a stage read goes once from its home to a core.</summary>
    private void AddRows(StageInput input, IEnumerable<int> rows, int to, long bytesPerRow)
    {
        var value = _graph.Values[input.Value];
        var homes = _mapping.Homes[input.Value];
        Span<long> counts = stackalloc long[homes.Length];
        int next = 0;
        foreach (int row in rows)
        {
            int last = input.Window.Last(row, value.Rows);
            for (int r = Math.Max(next, input.Window.First(row, value.Rows)); r <= last; r++)
            {
                counts[r % homes.Length]++;
            }

            next = Math.Max(next, last + 1);
        }

        for (int home = 0; home < homes.Length; home++)
        {
            if (homes[home] != to && counts[home] * bytesPerRow is > 0 and var bytes)
            {
                if (!_rows.TryGetValue((input.Value, home), out var receivers))
                {
                    _rows.Add((input.Value, home), receivers = []);
                }

                receivers[to] = receivers.GetValueOrDefault(to) + bytes;
            }
        }
    }

    /// <summary>Sums of one copy to where they are finished, results from there to the homes.</summary>
    private void AddResults(Stage stage, MatrixDemand matrix, ImmutableArray<PlacedRowGroup> copy, double vectors)
    {
        var homes = _mapping.Homes[stage.Output];
        double bytes = _graph.Values[stage.Output].BytesPerRow / (double)matrix.VectorsPerRow * vectors / homes.Length;
        if (matrix.AdditionsPerVector == 0)
        {
            foreach (var group in copy)
            {
                AddAll(group.Core, homes, bytes * matrix.Groups[group.Group].Columns / matrix.Columns);
            }

            return;
        }

        long sum = (long)(vectors * matrix.Columns * matrix.PartialSumBytes);
        int root;
        if (matrix.AddsExactly)
        {
            // From core to core, to the one with the most row groups.
            int[] cores = [.. copy.GroupBy(g => g.Core).OrderBy(g => g.Count()).ThenBy(g => g.Key).Select(g => g.Key)];
            root = cores[^1];
            for (int i = 1; i < cores.Length; i++)
            {
                Add(cores[i - 1], cores[i], sum);
            }
        }
        else
        {
            RowGroupDemand[] demands = [.. copy.Select(g => matrix.Groups[g.Group])];
            int[][] ranges = SumOrder.Ranges(demands);
            root = copy[ranges[^1][^1]].Core;
            foreach (int[] range in ranges)
            {
                long part = ranges.Length == 1 ? sum : (long)(vectors * demands[range[0]].Columns * matrix.PartialSumBytes);
                foreach (var (from, to) in range.Zip([.. range.Skip(1), ranges[^1][^1]]))
                {
                    Add(copy[from].Core, copy[to].Core, part);
                }
            }
        }

        AddAll(root, homes, bytes);
    }

    private void AddAll(int from, ImmutableArray<int> homes, double bytesEach)
    {
        foreach (int home in homes)
        {
            Add(from, home, (long)bytesEach);
        }
    }

    private void AddOutput(int value)
    {
        var homes = _mapping.Homes[value];
        var rows = _graph.Values[value];
        for (int y = 0; y < rows.Rows; y++)
        {
            Add(homes[y % homes.Length], _ports[y % _ports.Length], rows.BytesPerRow);
        }
    }

    private void Add(int from, int to, long bytes)
    {
        if (from != to && bytes > 0)
        {
            _bytes[(from, to)] = _bytes.GetValueOrDefault((from, to)) + bytes;
        }
    }
}

using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Chooses the cores that assemble the rows of every value and run the digital work of its producer. A value has as many as its work, and that of the elementwise stages behind it, and its bytes ask for within the
/// interval; they are where vector units and links have room, of those where most of the value is made or read. What is elementwise stays with its input.</summary>
internal sealed class ChooseHomes
{
    /// <summary>Share of the interval that one value may take of a vector unit, and of a link.</summary>
    private const double ShareOfUnit = 0.15;
    private const double ShareOfLink = 0.3;

    /// <summary>Share of the interval that all together may take of a link before affinity counts no more; of a vector unit, that share above what it would have if all had the same.</summary>
    private const double ShareOfAllLinks = 0.8;
    private const double ShareAboveMean = 0.15;
    private const int MostHomes = 16;

    /// <summary>Of the bytes of all values so many parts: what a home of one value has at most, so that messages are small enough to spread over links.</summary>
    private const double PartsOfAll = 160;

    private readonly StageGraph _graph;
    private readonly ChipCapacity _chip;
    private readonly long? _periodPs;
    private readonly MappingTarget _target;
    private readonly Replication _replication;
    private readonly long[] _work;
    private readonly long[] _bytes;
    private readonly double _allBytes;

    /// <summary>Work of a vector unit before affinity counts no more, ps.</summary>
    private readonly double _fullUnit;

    // Per stage with tiles: share of its results that comes from a core; bytes an inference that a core reads.
    private readonly Dictionary<int, Dictionary<int, double>> _made;
    private readonly Dictionary<int, Dictionary<int, double>> _read;

    private ChooseHomes(StageGraph graph, ChipCapacity chip, IReadOnlyCollection<PlacedRowGroup> groups, Replication replication, MappingTarget target, long? periodPs)
    {
        (_graph, _chip, _replication, _target, _periodPs) = (graph, chip, replication, target, periodPs);
        int cores = Math.Max(1, chip.Cores);
        _work = new long[cores];
        _bytes = new long[cores];
        _allBytes = graph.Stages.Select(s => graph.Values[s.Output]).Sum(v => (double)v.Rows * v.BytesPerRow);
        (_made, _read) = ([], []);
        var byStage = groups.ToLookup(g => g.Stage);
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            if (graph.Stages[s].Matrix is { } matrix)
            {
                AddWork(s, matrix, byStage[matrix.SharesTilesOf ?? s].ToList());
            }
        }

        double all = _work.Sum() + graph.Stages.Where(s => s.Kind == StageKind.Digital).Sum(s => (double)VectorPs((double)s.OperationsPerRow * graph.Values[s.Output].Rows));
        _fullUnit = periodPs is { } period ? (all / cores) + (ShareAboveMean * period) : double.PositiveInfinity;
    }

    /// <param name="graph">The stages.</param>
    /// <param name="chip">The chip.</param>
    /// <param name="groups">Where row groups are.</param>
    /// <param name="replication">Copies.</param>
    /// <param name="target">The compile's aim.</param>
    /// <param name="periodPs">Interval that the mapping has; null = not known.</param>
    /// <returns>Homes of every value; inputs of the model and of the host have a memory port, counted behind the cores.</returns>
    public static ImmutableArray<ImmutableArray<int>> Run(
        StageGraph graph, ChipCapacity chip, IReadOnlyCollection<PlacedRowGroup> groups, Replication replication, MappingTarget target, long? periodPs) =>
        new ChooseHomes(graph, chip, groups, replication, target, periodPs).Choose();

    /// <summary>Homes that every value has where vector units are not the limit.</summary>
    public static int[] MostOf(StageGraph graph, ChipCapacity chip) => [.. graph.Values.Select(v => Math.Max(1, Math.Min(Math.Min(v.Rows, MostHomes), chip.Cores)))];

    private void AddWork(int index, MatrixDemand matrix, List<PlacedRowGroup> placed)
    {
        var stage = _graph.Stages[index];
        int copies = _replication.Copies[index];
        double[] operations = SumOrder.OperationsPerVector(stage);
        double columns = matrix.Groups.Sum(g => (double)g.Columns);
        int last = SumOrder.Of(matrix.Groups)[^1];
        Dictionary<int, double> made = [];
        Dictionary<int, double> read = [];
        foreach (var group in placed)
        {
            double vectors = (double)matrix.Vectors / copies;
            double share = matrix.AddsExactly ? matrix.Groups[group.Group].Columns / columns : group.Group == last ? 1 : 0;
            _work[group.Core] += VectorPs(vectors * operations[group.Group]);
            made[group.Core] = made.GetValueOrDefault(group.Core) + (share / copies);
        }

        foreach (var group in placed.DistinctBy(g => (g.Group, g.Core)))
        {
            read[group.Core] = read.GetValueOrDefault(group.Core) + ((double)matrix.Groups[group.Group].InputBytesPerRow * _graph.Values[stage.Inputs[0].Value].Rows);
        }

        _made.Add(index, made);
        _read.Add(index, read);
    }

    private ImmutableArray<ImmutableArray<int>> Choose()
    {
        int ports = Math.Max(1, _chip.Ports.Length);
        var homes = new ImmutableArray<int>[_graph.Values.Length];
        for (int v = 0; v < homes.Length; v++)
        {
            if (_graph.Values[v].Producer < 0 || _graph.Stages[_graph.Values[v].Producer].Kind == StageKind.Host)
            {
                homes[v] = [.. Enumerable.Range(_chip.Cores, Math.Min(ports, _graph.Values[v].Rows))];
            }
        }

        // Rows that fill a vector unit by themselves choose first.
        foreach (var stage in _graph.Stages.OrderByDescending(s => s.Kind == StageKind.Digital && VectorPs(s.OperationsPerRow) > ShareOfUnit * _periodPs))
        {
            int v = stage.Output;
            if (!homes[v].IsDefault)
            {
                continue;
            }

            if (stage.Kind == StageKind.Digital && Stays(stage, homes) is { } input)
            {
                homes[v] = homes[input];
                AddRows(v, homes[v], stage.OperationsPerRow);
                continue;
            }

            homes[v] = Places(stage, homes);
            AddRows(v, homes[v], stage.Matrix is null ? stage.OperationsPerRow : 0);
        }

        return [.. homes];
    }

    /// <summary>The input with which an elementwise stage stays: the largest whose homes have room for its work.</summary>
    private int? Stays(Stage stage, ImmutableArray<int>[] homes)
    {
        int rows = _graph.Values[stage.Output].Rows;
        if (stage.Inputs.IsEmpty || stage.Inputs.Any(i => !i.IsCarried && (i.Window != RowWindow.SameRow || _graph.Values[i.Value].Rows != rows)))
        {
            return null;
        }

        long work = VectorPs((double)stage.OperationsPerRow * rows);
        foreach (int input in stage.Inputs.Where(i => !i.IsCarried).Select(i => i.Value).OrderByDescending(v => _graph.Values[v].BytesPerRow).ThenByDescending(v => v))
        {
            if (!homes[input].IsDefault && homes[input].All(c => c < _work.Length && _work[c] + (work / homes[input].Length) <= _fullUnit))
            {
                return input;
            }
        }

        return null;
    }

    private ImmutableArray<int> Places(Stage stage, ImmutableArray<int>[] homes)
    {
        var value = _graph.Values[stage.Output];
        var (operations, bytesOfAll) = Behind(stage);
        double work = VectorPs(operations);
        double link = bytesOfAll / 1000 * (_chip.LinkPsPerKilobyte ?? 0);
        int count = 1;
        if (_periodPs is { } period && _target != MappingTarget.Tiles)
        {
            double needed = Math.Max(Math.Max(work / (ShareOfUnit * period), link / (ShareOfLink * period)), link > 0 ? PartsOfAll * bytesOfAll / _allBytes : 0);
            count = (int)Math.Clamp(Math.Ceiling(needed), 1, Math.Min(Math.Min(value.Rows, MostHomes), _work.Length));
        }

        double[] affinity = Affinity(stage, homes);
        double share = work / count;
        double bytes = bytesOfAll / count;
        bool HasRoom(int core) => _periodPs is not { } limit
            || (_work[core] + share <= _fullUnit && (_bytes[core] + bytes) / 1000 * (_chip.LinkPsPerKilobyte ?? 0) <= ShareOfAllLinks * limit);
        return
        [
            .. Enumerable.Range(0, _work.Length)
                .Where(c => _chip.TilesOfCore.IsEmpty || _chip.TilesOfCore[c] > 0)
                .OrderByDescending(HasRoom).ThenByDescending(c => HasRoom(c) ? affinity[c] : -_work[c]).ThenBy(c => _work[c]).ThenBy(c => c)
                .Take(count).Order(),
        ];
    }

    /// <summary>Bytes that need not pass if a core is a home, for all of the value.</summary>
    private double[] Affinity(Stage stage, ImmutableArray<int>[] homes)
    {
        double[] saved = new double[_work.Length];
        var value = _graph.Values[stage.Output];
        double bytes = (double)value.Rows * value.BytesPerRow;
        if (_made.TryGetValue(value.Producer, out var made))
        {
            foreach (var (core, share) in made)
            {
                saved[core] += bytes * share;
            }
        }

        foreach (var input in stage.Matrix is null ? stage.Inputs : [])
        {
            foreach (int home in homes[input.Value].IsDefault ? [] : homes[input.Value].Where(c => c < saved.Length))
            {
                saved[home] += (double)_graph.Values[input.Value].Rows * _graph.Values[input.Value].BytesPerRow / homes[input.Value].Length;
            }
        }

        for (int s = 0; s < _graph.Stages.Length; s++)
        {
            if (_read.TryGetValue(s, out var read) && _graph.Stages[s].Inputs.Any(i => i.Value == stage.Output))
            {
                foreach (var (core, needed) in read)
                {
                    saved[core] += needed;
                }
            }
        }

        return saved;
    }

    /// <summary>Operations of a digital stage and of the elementwise ones behind it, or behind a layer, and the bytes of the largest value among them.</summary>
    private (double Operations, double Bytes) Behind(Stage stage)
    {
        double bytes = (double)_graph.Values[stage.Output].Rows * _graph.Values[stage.Output].BytesPerRow;
        double operations = stage.Matrix is null ? (double)stage.OperationsPerRow * _graph.Values[stage.Output].Rows : 0;
        int value = stage.Output;
        while (_graph.Stages.FirstOrDefault(s => s.Kind == StageKind.Digital && s.Inputs.Any(i => i.Value == value && i.Window == RowWindow.SameRow)) is { } next
            && next.Output > value && _graph.Values[next.Output].Rows == _graph.Values[value].Rows)
        {
            operations += (double)next.OperationsPerRow * _graph.Values[next.Output].Rows;
            value = next.Output;
            bytes = Math.Max(bytes, (double)_graph.Values[value].Rows * _graph.Values[value].BytesPerRow);
        }

        return (operations, bytes);
    }

    private void AddRows(int value, ImmutableArray<int> homes, long operationsPerRow)
    {
        var rows = _graph.Values[value];
        foreach (int home in homes)
        {
            _work[home] += VectorPs((double)operationsPerRow * rows.Rows / homes.Length);
            _bytes[home] += rows.BytesPerRow * rows.Rows / homes.Length;
        }
    }

    private long VectorPs(double operations) => (long)((_chip.PsPerThousandOperations ?? 0) * operations / 1000);
}

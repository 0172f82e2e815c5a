using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>What no mapping of a model on a chip can beat, from its stages and the chip alone: no copies, cores or paths are known. Times in nanoseconds; null = a time, a rate or a capacity is not known.</summary>
public static class MappingBounds
{
    private const double PsPerNs = 1000;
    private const long BytesPerKilobyte = 1000;

    /// <summary>Rows of a stage at which the rows that must be there are looked at.</summary>
    private const int RowsLookedAt = 8;

    /// <summary>Tiles of one copy of everything: whole row groups, tiles that several share once, as few shifts as take the fewest.</summary>
    public static long Tiles(StageGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        return OfTiles(graph).Sum(s => s.Matrix!.Alternatives.Select(o => o.Tiles).Append(s.Matrix.Tiles).Min())
            + OfTiles(graph).SelectMany(s => s.Matrix!.Groups).Select(g => g.SharedTile).Where(t => t >= 0).Distinct().LongCount();
    }

    /// <summary>Tiles that hold rectangles which are not turned, several on a tile where they fit. Wide ones (more than half of the columns) never stand side by side, so their rows alone must fit
    /// (<see cref="BinPackingBound.L2"/>); tall ones the same with columns; and all of them have their area.</summary>
    /// <param name="blocks">Physical rows and columns, and how many there are.</param>
    /// <param name="rows">Physical rows of a tile.</param>
    /// <param name="columns">Physical columns of a tile.</param>
    public static long SharedTiles(IReadOnlyCollection<(int Rows, int Columns)> blocks, int rows, int columns)
    {
        ArgumentNullException.ThrowIfNull(blocks);
        long area = blocks.Sum(b => (long)b.Rows * b.Columns);
        long tileArea = (long)rows * columns;
        long bound = (area + tileArea - 1) / tileArea;
        bound = Math.Max(bound, L2(blocks.Where(b => 2L * b.Columns > columns).Select(b => b.Rows), rows));
        return Math.Max(bound, L2(blocks.Where(b => 2L * b.Rows > rows).Select(b => b.Columns), columns));
    }

    /// <summary>Least interval at which the row groups of as many copies as it takes fit the tiles: bisection over whole picoseconds. A row group is on one core, so cores must hold them (L2). A copy takes whole vectors, of whichever shifts take the fewest tiles;
    /// a recurrence has one copy and waits for each MVM. On unlimited tiles every vector has its copy.</summary>
    public static double? BottleneckNs(StageGraph graph, ChipCapacity chip) => BottleneckPs(graph, chip) / PsPerNs;

    /// <inheritdoc cref="BottleneckNs"/>
    public static long? BottleneckPs(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        var families = FamiliesOf(graph);
        if (families.Any(f => f.IntervalPs is null || (f.IsSerial && f.LatencyPs is null)))
        {
            return null;
        }

        if (families.IsEmpty)
        {
            return 0;
        }

        long low = 1;
        long high = families.Max(f => f.BusyPs(1));
        if (HasAlternatives(graph))
        {
            // Without issues: those are work.
            FamilyWays ways = new(graph, families, chip with { IssuePs = null });
            return ways.Within(high) is null ? null : ways.BoundPs();
        }

        if (!Fits(graph, families, chip, high))
        {
            return null;
        }

        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            (low, high) = Fits(graph, families, chip, middle) ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>MVMs that cores begin, those of rounds too, over all cores; null without issue time. Of kernels that may be shifted those of the fewest.</summary>
    public static double? WorkNs(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        long issues = graph.Stages.Sum(s => s.Matrix is not { } matrix ? 0
            : matrix.Alternatives.Select(o => matrix.Vectors / matrix.VectorsPerRow * o.VectorsPerRow * o.Issues).Append(matrix.Vectors * matrix.Groups.Sum(g => (long)g.Rounds)).Min());
        return CeilingDivide(issues, chip.Cores) * chip.IssuePs / PsPerNs;
    }

    /// <summary>Least interval of tiles and issues together: where kernels may be shifted, fewer issues take more tiles. Else the larger of the two.</summary>
    public static double? MvmNs(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        if (BottleneckNs(graph, chip) is not { } tiles)
        {
            return null;
        }

        double larger = Math.Max(tiles, WorkNs(graph, chip) ?? 0);
        return HasAlternatives(graph) ? Math.Max(larger, new FamilyWays(graph, FamiliesOf(graph), chip).BoundPs() / PsPerNs) : larger;
    }

    /// <summary>Vector operations, additions of partial sums included, over all vector units.</summary>
    public static double? DigitalNs(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        double operations = graph.Stages.Where(s => s.Kind != StageKind.Host)
            .Sum(s => s.Matrix is { } matrix ? LeastOperations(s, matrix, graph.Values[s.Output].Rows) : (double)s.OperationsPerRow * graph.Values[s.Output].Rows);
        return operations == 0 ? 0 : operations * chip.PsPerThousandOperations / 1000 / chip.Cores / PsPerNs;
    }

    /// <summary>Bytes that must pass off-chip memory over the rate of all chips: what the model reads and writes once, what is spilled twice.</summary>
    public static double? MemoryNs(StageGraph graph, ChipCapacity chip, long spilledBytes)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        return (CompulsoryBytes(graph) + (2 * spilledBytes)) * chip.MemoryPsPerKilobyte / (double)BytesPerKilobyte / chip.Chips / PsPerNs;
    }

    /// <summary>Bytes of one inference's inputs, those that something reads, and outputs.</summary>
    public static long CompulsoryBytes(StageGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        HashSet<int> read = [.. graph.Stages.SelectMany(s => s.Inputs).Select(i => i.Value)];
        return graph.Inputs.Where(read.Contains).Sum(v => BytesOf(graph.Values[v])) + graph.Values.Where(v => v.IsOutput).Sum(BytesOf);
    }

    /// <summary>One inference alone on the chip, row by row: a row waits for the rows it reads and passes a tile or a vector unit; and a layer takes its vectors with no more copies than it could have if all others had one.</summary>
    public static double? LatencyNs(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chip);
        long spare = Math.Max(0, chip.Tiles - Tiles(graph) ?? long.MaxValue / 2);
        double[][] done = new double[graph.Values.Length][];
        double latest = 0;
        for (int v = 0; v < done.Length; v++)
        {
            done[v] = graph.Values[v].Producer < 0 ? new double[graph.Values[v].Rows] : [];
        }

        foreach (var stage in graph.Stages)
        {
            if (RowTimes.Of(graph, stage, chip, spare) is not { } own)
            {
                return null;
            }

            RowTimes[] ways = [own, .. stage.Matrix?.Alternatives.Select(o => RowTimes.Of(stage.Matrix, o, chip, spare)) ?? []];
            double[] rows = new double[graph.Values[stage.Output].Rows];
            double first = 0;
            for (int y = 0; y < rows.Length; y++)
            {
                double ready = 0;
                foreach (var input in stage.Inputs)
                {
                    double[] of = input.IsCarried ? [] : done[input.Value];
                    int last = input.Window.Last(y, of.Length);
                    ready = last >= 0 && of.Length > 0 ? Math.Max(ready, of[last]) : ready;
                }

                first = y == 0 ? ready : first;
                rows[y] = ways.Min(w => Math.Max(ready + w.Row, first + w.Until(y)));
                rows[y] = own.IsSerial && y > 0 ? Math.Max(rows[y], rows[y - 1] + own.Row) : rows[y];
                latest = Math.Max(latest, rows[y]);
            }

            done[stage.Output] = rows;
        }

        return latest / PsPerNs;
    }

    /// <summary>Room for rows that must be on the chip at a time. A reader's window must be there; and when a value has several ways to a stage, the rows that the longer way has asked for already wait for the shorter.</summary>
    /// <param name="graph">The stages.</param>
    /// <param name="overlaps">One inference follows the other, so every value has room of its own at the same time.</param>
    public static long BufferBytes(StageGraph graph, bool overlaps)
    {
        ArgumentNullException.ThrowIfNull(graph);
        long[] largest = new long[graph.Values.Length];
        long together = 0;
        int[] asked = new int[graph.Values.Length];
        foreach (int s in Enumerable.Range(0, graph.Stages.Length))
        {
            var stage = graph.Stages[s];
            int rows = graph.Values[stage.Output].Rows;
            for (int i = 0; i < Math.Min(rows, RowsLookedAt); i++)
            {
                int y = rows <= RowsLookedAt ? i : (int)((long)i * (rows - 1) / (RowsLookedAt - 1));
                Ask(graph, s, y, asked);
                long sum = 0;
                foreach (var reads in stage.Inputs.Where(r => !r.IsCarried).GroupBy(r => r.Value))
                {
                    var value = graph.Values[reads.Key];
                    int first = reads.Min(r => r.Window.First(y, value.Rows));
                    long bytes = Math.Max(0, asked[reads.Key] - first + 1) * NeededBytes(stage, value);
                    largest[reads.Key] = Math.Max(largest[reads.Key], bytes);
                    sum += bytes;
                }

                together = Math.Max(together, sum);
            }
        }

        return overlaps ? largest.Sum() : together;
    }

    /// <summary>Times that the tiles must be programmed anew for one inference; null = tiles are unlimited.</summary>
    public static long? Segments(StageGraph graph, ChipCapacity chip)
    {
        ArgumentNullException.ThrowIfNull(chip);
        return chip.Tiles is { } tiles ? CeilingDivide(Tiles(graph), Math.Max(1, tiles)) : null;
    }

    private static bool HasAlternatives(StageGraph graph) => graph.Stages.Any(s => s.Matrix is { Alternatives.IsEmpty: false });

    /// <summary>Of one inference: a layer finishes its vectors and adds their partial sums, with whichever shifts take the fewest.</summary>
    private static double LeastOperations(Stage stage, MatrixDemand matrix, int rows) =>
        matrix.Alternatives.Select(o => (double)rows * o.VectorsPerRow * o.OperationsPerVector)
            .Append(((double)stage.OperationsPerRow * rows) + ((double)matrix.Vectors * matrix.AdditionsPerVector)).Min();

    /// <summary>Layers that have tiles of their own.</summary>
    private static IEnumerable<Stage> OfTiles(StageGraph graph) => graph.Stages.Where(s => s.Matrix is { SharesTilesOf: null });

    /// <summary>Layers on the same tiles as one; where their intervals differ, the least counts for all of their vectors.</summary>
    private static ImmutableArray<TileFamily> FamiliesOf(StageGraph graph) =>
    [
        .. TileFamily.Of(graph).Select(f =>
        {
            var demands = f.Members.Select(m => graph.Stages[m].Matrix!).ToArray();
            return demands.Any(d => d.IntervalNs is null || d.LatencyNs is null)
                ? f
                : f with
                {
                    IntervalPs = Math.Max(1, (long)Math.Round(PsPerNs * f.Groups.Max(g => g.Rounds) * demands.Min(d => d.IntervalNs!.Value))),
                    LatencyPs = (long)Math.Round(PsPerNs * demands.Min(d => d.LatencyNs!.Value)),
                };
        }),
    ];

    private static bool Fits(StageGraph graph, ImmutableArray<TileFamily> families, ChipCapacity chip, long periodPs)
    {
        long[] copies = new long[families.Length];
        for (int f = 0; f < copies.Length; f++)
        {
            if (families[f].CopiesWithin(periodPs) is not { } count)
            {
                return false;
            }

            copies[f] = count;
        }

        if (chip.Tiles is not { } tiles)
        {
            return true;
        }

        // Tiles that several row groups share are there once, however many copies there are of them.
        long used = Tiles(graph) + families.Select((f, i) => f.Tiles * (copies[i] - 1)).Sum();
        int core = chip.TilesOfCore.Max();
        if (used > tiles || core == 0)
        {
            return false;
        }

        long[] sizes = new long[1 + Math.Max(core, families.SelectMany(f => f.Groups).Max(g => g.Tiles))];
        for (int f = 0; f < families.Length; f++)
        {
            foreach (var group in families[f].Groups)
            {
                sizes[group.Tiles] += group.Tiles > 0 ? copies[f] : 0;
            }
        }

        sizes[1] += TileFamily.SharedTilesOf(families);

        return BinPackingBound.L2(sizes, core) <= chip.TilesOfCore.Count(t => t > 0);
    }

    private static long L2(IEnumerable<int> sizes, int capacity)
    {
        long[] counts = new long[capacity + 1];
        foreach (int size in sizes)
        {
            counts[size]++;
        }

        return BinPackingBound.L2(counts, capacity);
    }

    /// <summary>Last row of every value that must have been made before a row of a stage can be; -1 = none.</summary>
    private static void Ask(StageGraph graph, int stage, int row, int[] asked)
    {
        Array.Fill(asked, -1);
        int[] rowOf = new int[stage + 1];
        Array.Fill(rowOf, -1);
        rowOf[stage] = row;
        for (int s = stage; s >= 0; s--)
        {
            if (rowOf[s] < 0)
            {
                continue;
            }

            foreach (var input in graph.Stages[s].Inputs)
            {
                int last = input.IsCarried ? -1 : input.Window.Last(rowOf[s], graph.Values[input.Value].Rows);
                asked[input.Value] = Math.Max(asked[input.Value], last);
                int producer = graph.Values[input.Value].Producer;
                if (producer >= 0 && producer < s)
                {
                    rowOf[producer] = Math.Max(rowOf[producer], last);
                }
            }
        }
    }

    /// <summary>Of a row: a layer's row groups may leave parts of it unread.</summary>
    private static long NeededBytes(Stage stage, StageValue value) =>
        stage.Matrix is { } matrix ? Math.Min(value.BytesPerRow, matrix.Groups.Sum(g => g.InputBytesPerRow)) : value.BytesPerRow;

    private static long BytesOf(StageValue value) => value.Rows * value.BytesPerRow;

    private static long CeilingDivide(long dividend, long divisor) => (dividend + divisor - 1) / divisor;

    /// <summary>Least times of a stage's rows, picoseconds.</summary>
    /// <param name="Row">From its inputs to a row.</param>
    /// <param name="VectorsPerRow">Work of a row: vectors, or 1.</param>
    /// <param name="Servers">That share it.</param>
    /// <param name="Step">Of one vector, or row, on one of them.</param>
    /// <param name="Tail">After the last step.</param>
    /// <param name="IsSerial">A row waits for the one before.</param>
    private readonly record struct RowTimes(double Row, long VectorsPerRow, long Servers, double Step, double Tail, bool IsSerial)
    {
        /// <summary>From the inputs of row 0 to row <paramref name="y"/>.</summary>
        public double Until(int y) => (CeilingDivide((y + 1L) * VectorsPerRow, Servers) * Step) + Tail;

        public static RowTimes? Of(StageGraph graph, Stage stage, ChipCapacity chip, long spareTiles)
        {
            if (stage.Matrix is not { } matrix)
            {
                if (stage.OperationsPerRow == 0 || stage.Kind == StageKind.Host)
                {
                    return new RowTimes(0, 1, 1, 0, 0, false);
                }

                return stage.OperationsPerRow * chip.PsPerThousandOperations / 1000.0 is { } row ? new RowTimes(row, 1, chip.Cores, row, 0, false) : null;
            }

            if (matrix.IntervalNs is not { } intervalNs || matrix.LatencyNs is not { } latencyNs)
            {
                return null;
            }

            int rounds = matrix.Groups.Max(g => g.Rounds);
            if (matrix.IsSerial)
            {
                double latency = (latencyNs + ((rounds - 1) * intervalNs)) * PsPerNs;
                return new RowTimes(matrix.VectorsPerRow * latency, matrix.VectorsPerRow, 1, latency, 0, true);
            }

            var owner = matrix.SharesTilesOf is { } other ? graph.Stages[other].Matrix! : matrix;
            return Of(matrix, new ShiftOption(1, matrix.VectorsPerRow, owner.Tiles, 1, rounds, 0), chip, spareTiles);
        }

        /// <param name="matrix">Of known times, in no recurrence.</param>
        /// <param name="way">Its tiles and vectors.</param>
        /// <param name="chip">The chip.</param>
        /// <param name="spareTiles">For copies of one layer alone.</param>
        public static RowTimes Of(MatrixDemand matrix, ShiftOption way, ChipCapacity chip, long spareTiles)
        {
            double interval = way.Rounds * matrix.IntervalNs!.Value * PsPerNs;
            double latency = (matrix.LatencyNs!.Value * PsPerNs) + ((way.Rounds - 1) * matrix.IntervalNs.Value * PsPerNs);
            long vectors = matrix.Vectors / matrix.VectorsPerRow * way.VectorsPerRow;
            long copies = way.Tiles == 0 ? vectors : Math.Min(vectors, 1 + (spareTiles / way.Tiles));
            return new RowTimes(latency, way.VectorsPerRow, Math.Max(1, copies), interval, latency - interval, false);
        }
    }
}

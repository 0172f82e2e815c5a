using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Puts the row groups of all copies on virtual cores, whose tiles are a limit and whose MVMs are issued one after the other, and gives every value its homes. For throughput copies change where whole row groups do not
/// fit otherwise: the interval grows until a packing keeps it, and the best that was found is taken; a few row groups are packed optimally.
/// <code>
/// before:  conv1 x 10 copies of 1 tile, conv2 x 3 of 2 tiles; 4 cores of 4 tiles      after:  conv1 0-3 on core 0, 4-7 on core 1, 8-9 and conv2 0 on core 2, conv2 1-2 on core 3
/// </code></summary>
public static class PackCores
{
    /// <summary>Above the bound by no more than this, a packing is good enough.</summary>
    private const double GoodEnough = 1.01;

    /// <exception cref="InvalidIrException">Row groups do not fit the cores: more tiles are needed, or smaller groups.</exception>
    public static CoreMapping Run(StageGraph graph, Replication replication, ChipCapacity chip, CompileOptions options) =>
        TryRun(graph, replication, chip, options) ?? throw new InvalidIrException("pack-cores: the row groups do not fit the cores");

    /// <summary>Bytes that pass between cores in one inference.</summary>
    /// <param name="graph">The stages.</param>
    /// <param name="mapping">Where they are; before placement with virtual cores.</param>
    /// <param name="ports">What stands for the memory ports: numbers behind the virtual cores, or the cores at which they are.</param>
    public static ImmutableArray<CoreTraffic> TrafficOf(StageGraph graph, CoreMapping mapping, ImmutableArray<int> ports)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(mapping);
        return
        [
            .. MappingTraffic.Messages(graph, mapping, ports)
                .SelectMany(m => m.Receivers.Select(r => (m.From, To: r.Core, r.Bytes)))
                .GroupBy(t => (t.From, t.To)).OrderBy(g => g.Key)
                .Select(g => new CoreTraffic(g.Key.From, g.Key.To, g.Sum(t => t.Bytes))),
        ];
    }

    /// <returns>Null = not even one copy of every layer fits the cores with its row groups whole.</returns>
    internal static CoreMapping? TryRun(StageGraph graph, Replication replication, ChipCapacity chip, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(replication);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        Search search = new(graph, chip, options);
        if (!search.Run(replication))
        {
            return null;
        }

        return search.ToMapping();
    }

    /// <summary>One copy of every layer fits the cores with its row groups whole.</summary>
    internal static bool FitsWhole(ImmutableArray<TileFamily> families, ChipCapacity chip)
    {
        CorePacking packing = new(ItemsOf(families, [.. families.Select(_ => 1L)], 0, []), chip);
        return packing.Construct(Enumerable.Range(0, packing.Items.Length).OrderByDescending(i => packing.Items[i].Tiles), PackingRule.Fullest, long.MaxValue);
    }

    /// <summary>Row groups of every copy, family by family and copy by copy. Of those that share a tile the first has it, and the loads of all.</summary>
    /// <param name="families">The layers.</param>
    /// <param name="copies">Of each.</param>
    /// <param name="issuePs">Between two MVMs of a core.</param>
    /// <param name="vectorPs">Work of vector units for one vector, for each row group of each family; empty = none.</param>
    internal static PackingItem[] ItemsOf(ImmutableArray<TileFamily> families, IReadOnlyList<long> copies, long issuePs, IReadOnlyList<double[]> vectorPs)
    {
        List<PackingItem> items = [];
        Dictionary<int, int> firsts = [];
        for (int f = 0; f < families.Length; f++)
        {
            var family = families[f];
            for (int copy = 0; copy < copies[f]; copy++)
            {
                long vectors = (family.Vectors / copies[f]) + (copy < family.Vectors % copies[f] ? 1 : 0);
                for (int g = 0; g < family.Groups.Length; g++)
                {
                    var group = family.Groups[g];
                    PackingItem item = new(f, copy, g, group.Tiles, vectors * group.Rounds * issuePs, vectorPs.Count == 0 ? 0 : (long)(vectors * vectorPs[f][g]));
                    if (group.SharedTile < 0)
                    {
                        items.Add(item);
                    }
                    else if (firsts.TryAdd(group.SharedTile, items.Count))
                    {
                        items.Add(item with { Tiles = 1 });
                    }
                    else
                    {
                        var first = items[firsts[group.SharedTile]];
                        items[firsts[group.SharedTile]] = first with { LoadPs = first.LoadPs + item.LoadPs, VectorPs = first.VectorPs + item.VectorPs };
                        items.Add(item with { LoadPs = 0, VectorPs = 0 });
                    }
                }
            }
        }

        return [.. items];
    }

    private sealed class Search
    {
        private readonly StageGraph _graph;
        private readonly ImmutableArray<TileFamily> _families;
        private readonly ChipCapacity _chip;
        private readonly CompileOptions _options;
        private readonly bool _isTimed;
        private readonly long _issuePs;
        private readonly double[][] _vectorPs;
        private long[] _copies = [];
        private CorePacking? _packing;
        private long _achievedPs = long.MaxValue;
        private string? _stoppedBy;

        public Search(StageGraph graph, ChipCapacity chip, CompileOptions options)
        {
            (_graph, _chip, _options) = (graph, chip, options);
            _families = TileFamily.Of(graph);
            _isTimed = _families.All(f => f.IntervalPs is not null);
            _issuePs = _isTimed ? chip.IssuePs ?? 0 : 0;
            _vectorPs = _isTimed ? [.. _families.Select(VectorPs)] : [];
        }

        /// <summary>For latency, row groups of a layer that would be issued one after the other on a core stand on many.</summary>
        private bool StandsApart => _options.Target == MappingTarget.Latency && _issuePs > 0;

        /// <returns>Something fits.</returns>
        public bool Run(Replication replication)
        {
            long[] given = [.. _families.Select(f => (long)replication.Copies[f.Owner])];
            _stoppedBy = replication.StoppedBy;
            if (_families.IsEmpty || _chip.TilesOfCore.IsEmpty)
            {
                return Try(given, long.MaxValue);
            }

            return _options.Target switch
            {
                MappingTarget.Throughput => RunThroughput(given),
                MappingTarget.Latency => RunLatency(given),
                _ => Try(given, PeriodOf(given)),
            };
        }

        private bool RunThroughput(long[] given)
        {
            var other = _isTimed ? OtherBound.Of(_graph, _chip, _families) : default;
            long least = ReplicateLayers.LeastInterval(_families, _chip);
            long bound = Math.Max(Math.Max(least, WorkPs()), 1);
            bool IsGood() => _achievedPs <= Math.Max(bound * GoodEnough, other.Ps);
            Try(given, PeriodOf(given));
            long period = Math.Max(least, other.Ps);
            for (int step = 0; step < 40 && !IsGood() && period < _achievedPs; step++)
            {
                if (ReplicateLayers.CopiesWithin(_families, period) is { } copies && ReplicateLayers.Fits(_families, copies, _chip))
                {
                    Try(copies, Math.Max(period, bound));
                }

                period = Math.Max(Next(period), (long)(period * 1.005));
            }

            if (_packing is null)
            {
                Try([.. _families.Select(_ => 1L)], bound);
            }

            if (_chip.Tiles <= SmallPacking.MostTiles && _chip.Cores <= SmallPacking.MostCores && SmallPacking.Solve(_families, _chip, _issuePs, _achievedPs) is { } small)
            {
                (_copies, _achievedPs) = (small.Copies, small.Ps);
                _packing = new CorePacking(ItemsOf(_families, _copies, _issuePs, _vectorPs), _chip);
                _packing.Assign(small.CoreOf);
            }

            return _packing is not null;
        }

        /// <summary>Fewer copies, where the tiles that are left over do not hold whole row groups.</summary>
        private bool RunLatency(long[] given)
        {
            long tiles = _chip.Tiles!.Value;
            for (int step = 0; step < 20 && !Try(given, StandsApart ? WorkPs() : PeriodOf(given)); step++)
            {
                tiles -= Math.Max(1, tiles / 25);
                var fewer = ReplicateLayers.Latency(_graph, _families, _chip, Math.Max(tiles, TileFamily.TilesOf(_families, [.. _families.Select(_ => 1L)])));
                given = [.. _families.Select(f => (long)fewer.Copies[f.Owner])];
            }

            return _packing is not null || Try([.. _families.Select(_ => 1L)], long.MaxValue);
        }

        /// <summary>The least interval above one with which a layer has other copies.</summary>
        private long Next(long period) => _families.Where(f => !f.HasOneCopy).Select(f => ((period / f.BusyPs(f.Vectors)) + 1) * f.BusyPs(f.Vectors)).DefaultIfEmpty(long.MaxValue).Min();

        private long WorkPs() => (ItemsOf(_families, [.. _families.Select(_ => 1L)], _issuePs, _vectorPs).Sum(i => i.LoadPs) + _chip.Cores - 1) / _chip.Cores;

        private long BusyPs(IReadOnlyList<long> copies) => _families.Select((f, i) => f.BusyPs(copies[i])).DefaultIfEmpty(1).Max();

        private long PeriodOf(IReadOnlyList<long> copies) => Math.Max(BusyPs(copies), WorkPs());

        /// <summary>Packs so many copies, and keeps the packing if its interval is the shortest.</summary>
        /// <returns>They fit.</returns>
        private bool Try(long[] copies, long periodPs)
        {
            CorePacking packing = new(ItemsOf(_families, copies, _issuePs, _vectorPs), _chip);
            CorePacking? best = null;
            int[] all = [.. Enumerable.Range(0, packing.Items.Length)];
            (IEnumerable<int> Order, PackingRule Rule)[] ways =
            [
                (all, PackingRule.Together),
                (all.OrderByDescending(i => packing.Items[i].Tiles).ThenByDescending(i => packing.Items[i].LoadPs), PackingRule.LeastLoaded),
                (all.OrderByDescending(i => packing.Items[i].LoadPs).ThenByDescending(i => packing.Items[i].Tiles), PackingRule.LeastLoaded),
                (all.OrderByDescending(i => packing.Items[i].Tiles).ThenByDescending(i => packing.Items[i].LoadPs), PackingRule.Fullest),
            ];
            if (StandsApart)
            {
                ways = [(ways[1].Order, PackingRule.Apart), ways[^1]];
            }

            foreach (var (order, rule) in ways)
            {
                if (packing.Construct(order, rule, periodPs))
                {
                    if (rule != PackingRule.Apart)
                    {
                        packing.Balance(periodPs);
                    }

                    if (best is null || packing.MaxLoad < best.MaxLoad)
                    {
                        best = new CorePacking(packing.Items, _chip);
                        best.CopyFrom(packing);
                    }

                    if (packing.MaxLoad <= periodPs || rule == PackingRule.Apart)
                    {
                        break;
                    }
                }
            }

            // Apart, a row waits for no more than what its core has to do.
            if (best is not null && Math.Max(best.MaxLoad, StandsApart ? 0 : BusyPs(copies)) is var achieved && achieved < _achievedPs)
            {
                (_copies, _packing, _achievedPs) = (copies, best, achieved);
            }

            return best is not null;
        }

        /// <summary>Work of vector units for one vector where each row group stands: additions of partial sums, and what finishes it.</summary>
        private double[] VectorPs(TileFamily family)
        {
            double[] operations = new double[family.Groups.Length];
            foreach (var stage in family.Members.Select(m => _graph.Stages[m]))
            {
                foreach (var (own, g) in SumOrder.OperationsPerVector(stage).Select((o, g) => (o, g)))
                {
                    operations[g] += own * stage.Matrix!.Vectors / family.Vectors;
                }
            }

            return [.. operations.Select(o => o * (_chip.PsPerThousandOperations ?? 0) / 1000)];
        }

        /// <summary>Sums that must add in the order of the row groups pass once from core to core: row groups of one size of a copy exchange their cores so that those of a core follow each other, and the last, which finishes
        /// vectors, stands where vector units have the least to do.</summary>
        private void OrderSums(CorePacking packing)
        {
            for (int begin = 0; begin < packing.Items.Length;)
            {
                var first = packing.Items[begin];
                int count = _families[first.Family].Groups.Length;
                if (!_graph.Stages[_families[first.Family].Owner].Matrix!.AddsExactly)
                {
                    foreach (var alike in Enumerable.Range(begin, count).GroupBy(i => packing.Items[i].Tiles))
                    {
                        int[] items = [.. alike];
                        var others = items.GroupBy(i => packing.CoreOf[i]).ToDictionary(g => g.Key, g => packing.VectorPsOf(g.Key) - g.Sum(i => packing.Items[i].VectorPs));
                        int[] cores = [.. items.Select(i => packing.CoreOf[i]).OrderByDescending(c => others[c]).ThenBy(c => c)];
                        for (int i = 0; i < items.Length; i++)
                        {
                            packing.Move(items[i], cores[i]);
                        }
                    }
                }

                begin += count;
            }
        }

        public CoreMapping ToMapping()
        {
            var packing = _packing!;
            if (!StandsApart)
            {
                long period = (long)Math.Max(_achievedPs, PeriodOf(_copies) * GoodEnough);
                GatherRowGroups.Run(_graph, _families, packing, period, (long)(_options.Effort * Math.Min(400_000, 200L * packing.Items.Length)), (ulong)(uint)_options.Seed);
            }

            OrderSums(packing);
            int[] next = new int[packing.Loads.Length];
            Dictionary<int, (int Core, int Tile)> shared = [];
            var groups = ImmutableArray.CreateBuilder<PlacedRowGroup>(packing.Items.Length);
            for (int i = 0; i < packing.Items.Length; i++)
            {
                var item = packing.Items[i];
                int core = packing.CoreOf[i];
                if (_families[item.Family].Groups[item.Group].SharedTile is >= 0 and var tile)
                {
                    if (!shared.TryGetValue(tile, out var place))
                    {
                        shared.Add(tile, place = (core, (core * _chip.TilesPerCore) + next[core]++));
                    }

                    groups.Add(new PlacedRowGroup(_families[item.Family].Owner, item.Copy, item.Group, place.Core, [place.Tile]));
                    continue;
                }

                groups.Add(new PlacedRowGroup(_families[item.Family].Owner, item.Copy, item.Group, core, [.. Enumerable.Range((core * _chip.TilesPerCore) + next[core], item.Tiles)]));
                next[core] += item.Tiles;
            }

            var replication = ReplicateLayers.ToReplication(_graph, _families, _copies, _stoppedBy);
            return new CoreMapping
            {
                Target = _options.Target,
                Chips = _chip.Chips,
                Replication = replication,
                RowGroups = groups.MoveToImmutable(),
                Homes = ChooseHomes.Run(_graph, _chip, groups, replication, _options.Target, _isTimed ? Math.Max(_achievedPs, OtherBound.Of(_graph, _chip, _families).Ps) : null),
                Segments = [[.. Enumerable.Range(0, _graph.Stages.Length)]],
            };
        }
    }
}

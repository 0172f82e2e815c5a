using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Homes of values on cores whose buffers hold what is put together and read there, beside what row groups read. A layer whose rows digital stages read one by one is at home with them. Values of which one
/// is made from the same rows of the other have equally many homes, so that each home has its rows alone; they are as many as were asked for, and more where the buffer of a core would not hold its share.</summary>
internal sealed class FitHomes
{
    /// <summary>Rounds in which values that find no room get more homes.</summary>
    private const int Rounds = 12;

    /// <summary>Work of a vector unit, of what it would have if all had the same, beyond which a core is taken only where no other has room.</summary>
    private const double FullUnit = 1.2;

    private readonly CompactStages _compact;
    private readonly StageGraph _graph;
    private readonly CoreMapping _mapping;
    private readonly ChipCapacity _chip;
    private readonly long _limit;

    /// <summary>Number of each value's unit: values that are at home together; -1 = at a memory port.</summary>
    private readonly int[] _unitOf;
    private readonly List<int>[] _members;

    /// <summary>Number of each unit's class: units that have equally many homes.</summary>
    private readonly int[] _classOf;
    private readonly int[] _homesOfClass;
    private readonly int[] _mostOfClass;
    private readonly ILookup<int, int> _readers;

    private FitHomes(CompactStages compact, ChipCapacity chip, long limit)
    {
        (_compact, _graph, _mapping, _chip, _limit) = (compact, compact.Stages, compact.Mapping, chip, limit);
        _readers = _graph.Stages.SelectMany((s, i) => s.Inputs.Select(input => (input.Value, Stage: i))).ToLookup(r => r.Value, r => r.Stage);
        int count = _graph.Values.Length;
        int[] units = [.. Enumerable.Range(0, count)];
        int[] classes = [.. Enumerable.Range(0, count)];
        for (int s = 0; s < _graph.Stages.Length; s++)
        {
            var stage = _graph.Stages[s];
            foreach (var input in stage.Kind == StageKind.Digital ? stage.Inputs : [])
            {
                if (input is { IsCarried: false } && input.Window == RowWindow.SameRow && _graph.Values[input.Value].Rows == _graph.Values[stage.Output].Rows && !IsFixed(input.Value))
                {
                    Join(classes, input.Value, stage.Output);
                    if (IsDirect(input.Value))
                    {
                        Join(units, input.Value, stage.Output);
                    }
                }
            }
        }

        int[] numbers = new int[count];
        Array.Fill(numbers, -1);
        List<List<int>> members = [];
        _unitOf = new int[count];
        for (int v = 0; v < count; v++)
        {
            if (IsFixed(v))
            {
                _unitOf[v] = -1;
                continue;
            }

            int root = Root(units, v);
            if (numbers[root] < 0)
            {
                numbers[root] = members.Count;
                members.Add([]);
            }

            _unitOf[v] = numbers[root];
            members[numbers[root]].Add(v);
        }

        _members = [.. members];
        _classOf = [.. _members.Select(m => Root(classes, m[0]))];
        _homesOfClass = new int[count];
        _mostOfClass = new int[count];
        Array.Fill(_mostOfClass, int.MaxValue);
        int cores = Enumerable.Range(0, chip.Chips).Min(c => Math.Max(1, Enumerable.Range(c * chip.Topology.Cores, chip.Topology.Cores).Count(IsLive)));
        for (int v = 0; v < count; v++)
        {
            int of = Root(classes, v);
            bool isLoop = _graph.Values[v].Producer is >= 0 and var producer && _graph.Stages[producer].Loop is not null;
            _homesOfClass[of] = Math.Max(_homesOfClass[of], compact.Homes[v]);
            _mostOfClass[of] = Math.Min(_mostOfClass[of], isLoop ? compact.Homes[v] : Math.Min(_graph.Values[v].Rows, cores));
        }

        for (int i = 0; i < count; i++)
        {
            _homesOfClass[i] = Math.Min(_homesOfClass[i], _mostOfClass[i]);
        }
    }

    /// <param name="compact">Stages, where row groups are, and how many homes values ask for.</param>
    /// <param name="chip">The chip, with buffers that have an end.</param>
    /// <returns>The mapping with other homes: cores hold them where it was found how.</returns>
    public static CoreMapping Run(CompactStages compact, ChipCapacity chip) => new FitHomes(compact, chip, chip.BufferBytes!.Value).Search();

    private bool IsLive(int core) => _chip.TilesOfCore.IsEmpty || _chip.TilesOfCore[core] > 0;

    private bool IsFixed(int value) => _graph.Values[value].Producer is not (>= 0 and var producer) || _graph.Stages[producer].Kind == StageKind.Host;

    /// <summary>Only digital stages read it, row by row.</summary>
    private bool IsDirect(int value) => _graph.Stages[_graph.Values[value].Producer].Matrix is not null && !_graph.Values[value].IsOutput
        && _readers[value].All(s => _graph.Stages[s].Kind == StageKind.Digital && _graph.Stages[s].Inputs.All(i => i.Value != value || (!i.IsCarried && i.Window == RowWindow.SameRow && _graph.Values[_graph.Stages[s].Output].Rows == _graph.Values[value].Rows)));

    private static int Root(int[] parents, int at)
    {
        while (parents[at] != at)
        {
            at = parents[at] = parents[parents[at]];
        }

        return at;
    }

    private static void Join(int[] parents, int one, int other) => parents[Root(parents, one)] = Root(parents, other);

    private int HomesOf(int value) => _unitOf[value] < 0 ? _mapping.Homes[value].Length : _homesOfClass[_classOf[_unitOf[value]]];

    /// <summary>As many homes as are asked for, then fewer: all of them hold a row at least. Of so many, what no core holds alone gets more, and what found no room.</summary>
    private CoreMapping Search()
    {
        CoreMapping? best = null;
        long least = long.MaxValue;
        int[] asked = [.. _homesOfClass];
        for (int divisor = 1; least > 0 && divisor <= 2 * asked.Max(); divisor *= 2)
        {
            for (int i = 0; i < asked.Length; i++)
            {
                _homesOfClass[i] = Math.Min(_mostOfClass[i], Math.Max(1, asked[i] / divisor));
            }

            Placing placing = new(this, LeastRoom.Of(_graph, _mapping.Replication.Copies, HomesOf));
            for (int round = 0; round < Rounds && placing.TooLarge() is { Count: > 0 } large && Grow(large); round++)
            {
                placing = new Placing(this, LeastRoom.Of(_graph, _mapping.Replication.Copies, HomesOf));
            }

            for (int round = 0; round < Rounds; round++)
            {
                placing.Run();
                if (placing.Excess < least)
                {
                    (least, best) = (placing.Excess, _mapping with { Homes = placing.Homes() });
                }

                if (placing.Excess == 0 || placing.IsFull || !Grow(placing.Homeless()))
                {
                    break;
                }

                placing = new Placing(this, LeastRoom.Of(_graph, _mapping.Replication.Copies, HomesOf));
            }
        }

        return best!;
    }

    /// <summary>More homes for the classes of some units.</summary>
    /// <returns>Some may have more.</returns>
    private bool Grow(IEnumerable<int> units)
    {
        bool grows = false;
        foreach (int of in units.Select(u => _classOf[u]).Distinct())
        {
            int homes = Math.Min(_mostOfClass[of], _homesOfClass[of] + Math.Max(1, _homesOfClass[of] / 2));
            grows |= homes > _homesOfClass[of];
            _homesOfClass[of] = homes;
        }

        return grows;
    }

    /// <summary>What a core holds of a value for a stage: of the same rows in one buffer the most rows count, and bytes add up to those of a row.</summary>
    private readonly record struct Claim(int Value, int First, int Stride, bool IsAssembly, int Rows, long Bytes);

    /// <summary>One attempt with so many homes.</summary>
    private sealed class Placing
    {
        private readonly FitHomes _of;
        private readonly LeastRoom _room;
        private readonly List<Claim>[] _claims;
        private readonly long[] _loads;
        private readonly double[] _work;
        private readonly int[][] _cores;
        private readonly HashSet<int> _homeless = [];
        private readonly double _full;
        private readonly long _common;

        public Placing(FitHomes of, LeastRoom room)
        {
            (_of, _room) = (of, room);
            int cores = of._chip.Cores;
            _claims = [.. Enumerable.Range(0, cores).Select(_ => new List<Claim>())];
            _work = new double[cores];
            _cores = [.. of._members.Select(_ => Array.Empty<int>())];
            AddRowGroups();
            AddFixed();
            _loads = [.. _claims.Select(c => Bytes(c))];
            double all = _work.Sum() + of._graph.Stages.Where(s => s.Kind == StageKind.Digital).Sum(s => (double)s.OperationsPerRow * of._graph.Values[s.Output].Rows);
            _full = FullUnit * all / cores;
            long[] sorted = [.. _loads.Order()];
            _common = sorted[sorted.Length / 4];
        }

        /// <summary>Bytes beyond what buffers hold, over all cores.</summary>
        public long Excess { get; private set; }

        private void AddRowGroups()
        {
            var (graph, mapping) = (_of._graph, _of._mapping);
            var groups = mapping.RowGroups.ToLookup(g => g.Stage);
            for (int s = 0; s < graph.Stages.Length; s++)
            {
                if (graph.Stages[s].Matrix is not { } matrix)
                {
                    continue;
                }

                var placed = groups[matrix.SharesTilesOf ?? s].ToList();
                double[] operations = SumOrder.OperationsPerVector(graph.Stages[s]);
                int copies = Math.Max(1, mapping.Replication.Copies[matrix.SharesTilesOf ?? s]);
                foreach (var onCore in placed.GroupBy(g => g.Core))
                {
                    _work[onCore.Key] += onCore.Sum(g => operations[g.Group]) * matrix.Vectors / copies;
                    long bytes = onCore.Select(g => g.Group).Distinct().Sum(g => matrix.Groups[g].InputBytesPerRow);
                    foreach (var input in graph.Stages[s].Inputs)
                    {
                        _claims[onCore.Key].Add(new Claim(input.Value, 0, 1, false, _room.Rows(input.Value, s, 1), bytes));
                    }
                }
            }
        }

        /// <summary>What the host reads at memory ports.</summary>
        private void AddFixed()
        {
            var (graph, mapping) = (_of._graph, _of._mapping);
            foreach (var (stage, index) in graph.Stages.Select((s, i) => (s, i)).Where(s => s.s.Kind == StageKind.Host))
            {
                for (int home = 0; home < mapping.Homes[stage.Output].Length; home++)
                {
                    _claims[mapping.Homes[stage.Output][home]].AddRange(Reads(index, home, mapping.Homes[stage.Output].Length));
                }
            }
        }

        private IEnumerable<Claim> Reads(int stage, int home, int homes)
        {
            foreach (var input in _of._graph.Stages[stage].Inputs)
            {
                if (_of._unitOf[input.Value] >= 0 && _of._unitOf[input.Value] == _of._unitOf[_of._graph.Stages[stage].Output] && _of._graph.Stages[_of._graph.Values[input.Value].Producer].Matrix is not null)
                {
                    continue;
                }

                int stride = input.Window == RowWindow.SameRow && _of.HomesOf(input.Value) == homes ? homes : 1;
                yield return new Claim(input.Value, stride == 1 ? 0 : home, stride, false, _room.Rows(input.Value, stage, stride), _of._compact.BytesOf(stage, input.Value));
            }
        }

        private List<Claim> ClaimsOf(int unit, int home)
        {
            int homes = _of._homesOfClass[_of._classOf[unit]];
            List<Claim> claims = [];
            foreach (int value in _of._members[unit])
            {
                int producer = _of._graph.Values[value].Producer;
                if (_of._graph.Stages[producer].Matrix is null)
                {
                    claims.AddRange(Reads(producer, home, homes));
                    continue;
                }

                int rows = _of.IsDirect(value) ? _of._readers[value].Select(s => _room.Rows(value, s, homes)).DefaultIfEmpty(1).Max() : 1;
                claims.Add(new Claim(value, home, homes, true, rows, _of._graph.Values[value].BytesPerRow));
            }

            return claims;
        }

        private long Bytes(IEnumerable<Claim> claims) => claims.GroupBy(c => (c.Value, c.First, c.Stride, c.IsAssembly))
            .Sum(g => g.Max(c => c.Rows) * Math.Min(_of._graph.Values[g.Key.Value].BytesPerRow, g.Sum(c => c.Bytes)));

        /// <summary>Units of which one home takes more than a core has beside what most cores read for their row groups.</summary>
        public List<int> TooLarge() => [.. Enumerable.Range(0, _cores.Length).Where(u => Bytes(ClaimsOf(u, 0)) + _common > _of._limit)];

        /// <summary>All buffers together are too small for so many homes.</summary>
        public bool IsFull => _loads.Sum() > 0.9 * _of._limit * _loads.Length;

        /// <summary>Units that stand where there was no room.</summary>
        public HashSet<int> Homeless() => _homeless;

        /// <summary>The largest first: each home at the core that was given, where it has room, else at the nearest that has.</summary>
        public void Run()
        {
            var order = Enumerable.Range(0, _cores.Length).Select(u => (Unit: u, Bytes: Bytes(ClaimsOf(u, 0)))).OrderByDescending(u => u.Bytes).ThenBy(u => u.Unit);
            foreach (var (unit, _) in order)
            {
                Place(unit);
            }

            Excess = _loads.Sum(l => Math.Max(0, l - _of._limit));
        }

        private void Place(int unit)
        {
            int homes = _of._homesOfClass[_of._classOf[unit]];
            int last = _of._members[unit].MaxBy(v => _of._graph.Values[v].Producer);
            var given = _of._mapping.Homes[last];
            double share = _of._members[unit].Select(v => _of._graph.Values[v]).Where(v => _of._graph.Stages[v.Producer].Matrix is null)
                .Sum(v => (double)_of._graph.Stages[v.Producer].OperationsPerRow * v.Rows) / homes;
            _cores[unit] = new int[homes];
            HashSet<int> taken = [];
            for (int home = 0; home < homes; home++)
            {
                var claims = ClaimsOf(unit, home);
                int wanted = given[home % given.Length];
                (int Core, long Load) found = (-1, 0);
                (bool, bool, double, int, long) least = default;
                for (int core = 0; core < _loads.Length; core++)
                {
                    if (taken.Contains(core) || !_of.IsLive(core) || core / _of._chip.Topology.Cores != wanted / _of._chip.Topology.Cores)
                    {
                        continue;
                    }

                    // What is there already may be read by both.
                    long load = claims.Exists(c => _claims[core].Exists(o => o.Value == c.Value)) ? Bytes(_claims[core].Concat(claims)) : _loads[core] + Bytes(claims);
                    bool isFull = _work[core] + share > _full;
                    var rank = (load > _of._limit, isFull, load > _of._limit ? load : isFull ? _work[core] : 0, Distance(wanted, core), load);
                    if (found.Core < 0 || rank.CompareTo(least) < 0)
                    {
                        (found, least) = ((core, load), rank);
                    }
                }

                if (found.Load > _of._limit)
                {
                    _homeless.Add(unit);
                }

                taken.Add(found.Core);
                _claims[found.Core].AddRange(claims);
                _loads[found.Core] = found.Load;
                _work[found.Core] += share;
                _cores[unit][home] = found.Core;
            }

            // What leaves the chip is read at the memory port.
            foreach (int value in _of._members[unit].Where(v => _of._graph.Values[v].IsOutput))
            {
                int port = _of._chip.PortOf(_cores[unit][0]);
                _claims[port].Add(new Claim(value, 0, 1, false, _room.Rows(value, -1, 1), _of._graph.Values[value].BytesPerRow));
                _loads[port] = Bytes(_claims[port]);
            }
        }

        private int Distance(int from, int to) => _of._chip.Topology.Hops(from % _of._chip.Topology.Cores, to % _of._chip.Topology.Cores);

        public ImmutableArray<ImmutableArray<int>> Homes() =>
            [.. _of._unitOf.Select((unit, value) => unit < 0 ? _of._mapping.Homes[value] : [.. _cores[unit]])];
    }
}

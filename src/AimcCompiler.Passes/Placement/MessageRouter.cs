using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Trees of messages and the load of every link.</summary>
internal sealed class MessageRouter
{
    /// <summary>Of minimal paths, and again of detours.</summary>
    private const int MostRounds = 60;

    /// <summary>Rounds without a load that is lower by a hundredth that end the search.</summary>
    private const int Patience = 4;

    /// <summary>The search ends where the most loaded link carries no more than this times the bound of the cuts.</summary>
    private const double Near = 1.2;

    /// <summary>Links that are so full of the fullest are relieved.</summary>
    private const double Full = 0.95;

    /// <summary>A message that loads a link with more than this of the most loaded one may take several paths, each with about as much.</summary>
    private const double Share = 0.03;

    private const int MostTurns = 16;

    /// <summary>What a hop costs beside its load: no detour is for nothing.</summary>
    private const double PriceOfHop = 0.02;
    private const int NotInTree = -2;
    private readonly NocTopology _topology;
    private readonly MeshTopology? _mesh;
    private readonly int _port;
    private readonly NocLink[] _links;
    private readonly List<Trip> _trips = [];
    private readonly List<Leg> _legs = [];

    // Links of all chips.
    private long[] _loads = [];

    // Per core: link to the neighbor at the right, left, below, above; -1 = the edge.
    private readonly int[] _neighbors;

    // The tree that is built: which hop reaches a core, the links in order with their parents and the bytes that pass.
    private readonly int[] _hopAt;
    private readonly List<Hop> _tree = [];
    private readonly double[] _cost;
    private readonly int[] _cameBy;
    private readonly bool[] _isWanted;
    private readonly List<int> _path = [];
    private readonly PriorityQueue<int, double> _open = new();

    public MessageRouter(NocTopology topology, int port)
    {
        (_topology, _mesh, _port, _links) = (topology, topology as MeshTopology, port, [.. topology.Links]);
        _hopAt = new int[topology.Cores];
        _cost = new double[topology.Cores];
        _cameBy = new int[topology.Cores];
        _isWanted = new bool[topology.Cores];
        _neighbors = new int[4 * topology.Cores];
        Array.Fill(_neighbors, -1);
        for (int l = 0; _mesh is not null && l < _links.Length; l++)
        {
            var (from, to) = _links[l];
            int direction = to == from + 1 ? 0 : to == from - 1 ? 1 : to > from ? 2 : 3;

            // In a mesh of one column the neighbor below is the next core.
            _neighbors[(4 * from) + (_mesh!.Columns == 1 ? direction | 2 : direction)] = l;
        }
    }

    private readonly record struct Hop(int Link, int Parent, long Bytes);

    /// <summary>All legs of a message, divided into turns of its messages.</summary>
    private sealed class Trip
    {
        public required long Count { get; init; }

        /// <summary>Legs on the sender's chip.</summary>
        public List<Leg> First { get; } = [];

        /// <summary>All legs.</summary>
        public List<Leg> Legs { get; } = [];

        public int Turns { get; set; } = 1;

        public long MessagesOf(int turn) => (Count - turn + Turns - 1) / Turns;
    }

    private sealed class Leg
    {
        public required Trip Trip { get; init; }

        public required int Chip { get; init; }

        public required int From { get; init; }

        /// <summary>Without the sender, the nearest first.</summary>
        public required (int Core, long Bytes)[] Receivers { get; init; }

        public required long Bytes { get; init; }

        /// <summary>What comes to its begin from another chip, the needs of the port included.</summary>
        public required long Entering { get; init; }

        /// <summary>Legs on other chips, which begin where this one reaches the port.</summary>
        public List<Leg> Onward { get; } = [];

        /// <summary>Hops of every turn.</summary>
        public Hop[][] Trees { get; set; } = [[]];
    }

    public void Add(RoutedMessage message, bool multicasts)
    {
        Trip trip = new() { Count = message.Count };
        _trips.Add(trip);
        foreach (var receivers in multicasts ? [message.Receivers] : message.Receivers.Select(r => ImmutableArray.Create(r)))
        {
            Add(trip, message, receivers);
        }
    }

    private void Add(Trip trip, RoutedMessage message, ImmutableArray<(int Core, long Bytes)> receivers)
    {
        int cores = _topology.Cores;
        int chip = message.From / cores;
        var own = receivers.Where(r => r.Core / cores == chip).Select(r => (Core: r.Core % cores, r.Bytes)).ToList();
        var others = receivers.Where(r => r.Core / cores != chip).GroupBy(r => r.Core / cores, r => (r.Core % cores, r.Bytes)).OrderBy(g => g.Key).ToList();
        long outside = Math.Min(message.Bytes, others.Sum(g => g.Sum(r => r.Bytes)));
        if (outside > 0)
        {
            own = [.. own.Where(r => r.Core != _port), (_port, Math.Min(message.Bytes, outside + own.Where(r => r.Core == _port).Sum(r => r.Bytes)))];
        }

        var first = NewLeg(trip, chip, message.From % cores, own, message.Bytes);
        trip.First.Add(first);
        foreach (var group in others)
        {
            first.Onward.Add(NewLeg(trip, group.Key, _port, [.. group], message.Bytes));
        }
    }

    private Leg NewLeg(Trip trip, int chip, int from, IReadOnlyCollection<(int Core, long Bytes)> receivers, long bytes)
    {
        Leg leg = new()
        {
            Trip = trip,
            Chip = chip,
            From = from,
            Receivers = [.. receivers.Where(r => r.Core != from).OrderBy(r => _topology.Hops(from, r.Core)).ThenBy(r => r.Core)],
            Bytes = bytes,
            Entering = Math.Min(bytes, receivers.Sum(r => r.Bytes)),
        };
        trip.Legs.Add(leg);
        _legs.Add(leg);
        return leg;
    }

    public void Route()
    {
        _loads = new long[_links.Length * (_legs.Select(l => l.Chip).DefaultIfEmpty().Max() + 1)];
        if (_links.Length == 0)
        {
            return;
        }

        double most = 1;
        foreach (var leg in _legs.OrderByDescending(l => (double)l.Bytes * l.Trip.Count))
        {
            Join(leg, 0, most, detours: false);
            most = Math.Max(most, MostOf(leg.Trees[0], leg.Chip));
        }

        if (_mesh is not null && _loads.Max() > 0)
        {
            double near = Near * Bound();
            Divide(Share * _loads.Max());
            Relieve(near, detours: false);
            Relieve(near, detours: true);
            double reached = _loads.Max();
            Straighten(Math.Max(near, reached));
            foreach (var trip in _trips)
            {
                Unite(trip, Math.Max(near, reached));
            }
        }
    }

    /// <summary>What the most loaded link of all chips carries at least.</summary>
    private double Bound() => _legs.GroupBy(l => l.Chip).Max(chip => PlacementBounds.MostLoadedLink(
        _topology,
        [
            .. chip.Select(l => new Multicast(l.From, [.. l.Receivers.Select(r => r.Core)], l.Bytes * l.Trip.Count)
            {
                Needs = [.. l.Receivers.Select(r => Math.Min(r.Bytes, l.Bytes) * l.Trip.Count)],
            }),
        ]).Bytes);

    /// <summary>Messages that load a link with much get turns, which all go the same way at first.</summary>
    private void Divide(double share)
    {
        foreach (var trip in _trips)
        {
            double load = trip.Count * (double)trip.Legs.Max(l => l.Bytes);
            trip.Turns = (int)Math.Clamp(Math.Ceiling(load / share), 1, Math.Clamp(trip.Count, 1, MostTurns));
            foreach (var leg in trip.Legs)
            {
                leg.Trees = [.. Enumerable.Repeat(leg.Trees[0], trip.Turns)];
            }
        }
    }

    /// <summary>Takes the trees over the most loaded links out and joins them again, until nothing comes of it; keeps the best of all rounds.</summary>
    private void Relieve(double near, bool detours)
    {
        double best = _loads.Max();
        var kept = Trees();
        Leg[] heaviest = [.. _legs.OrderByDescending(l => (double)l.Bytes * l.Trip.Count / l.Trip.Turns)];
        int idle = 0;
        for (int round = 0; round < MostRounds && idle < Patience && best > near; round++, idle++)
        {
            double most = _loads.Max();
            foreach (var leg in heaviest)
            {
                if (!detours && leg.Receivers.Length == 1 && HasOneMinimalPath(leg.From, leg.Receivers[0].Core))
                {
                    continue;
                }

                for (int turn = 0; turn < leg.Trees.Length; turn++)
                {
                    if (MostOf(leg.Trees[turn], leg.Chip) > Full * most)
                    {
                        Book(leg, turn, -1);
                        Join(leg, turn, most, detours);
                    }
                }
            }

            if (_loads.Max() is var now && now < best)
            {
                idle = now < 0.99 * best ? -1 : idle;
                best = now;
                kept = Trees();
            }
        }

        Array.Clear(_loads);
        for (int l = 0; l < kept.Length; l++)
        {
            _legs[l].Trees = kept[l];
            for (int turn = 0; turn < kept[l].Length; turn++)
            {
                Book(_legs[l], turn, 1);
            }
        }
    }

    private Hop[][][] Trees() => [.. _legs.Select(l => (Hop[][])l.Trees.Clone())];

    /// <summary>Takes detours back that do not keep a link from carrying more than the most.</summary>
    private void Straighten(double most)
    {
        foreach (var leg in _legs)
        {
            for (int turn = 0; turn < leg.Trees.Length; turn++)
            {
                var own = leg.Trees[turn];
                if (leg.Receivers.Length == 1 && own.Length == _topology.Hops(leg.From, leg.Receivers[0].Core))
                {
                    continue;
                }

                Book(leg, turn, -1);
                Join(leg, turn, most, detours: false);
                if (leg.Trees[turn].Sum(h => h.Bytes) >= own.Sum(h => h.Bytes) || MostOf(leg.Trees[turn], leg.Chip) > most)
                {
                    Book(leg, turn, -1);
                    leg.Trees[turn] = own;
                    Book(leg, turn, 1);
                }
            }
        }
    }

    /// <summary>Lets turns take the path of an earlier one where no link carries more than the most for it.</summary>
    private void Unite(Trip trip, double most)
    {
        for (int turn = 1; turn < trip.Turns; turn++)
        {
            for (int earlier = 0; earlier < turn; earlier++)
            {
                bool isSame = trip.Legs.TrueForAll(l => l.Trees[turn].AsSpan().SequenceEqual(l.Trees[earlier]));
                if (isSame)
                {
                    break;
                }

                Hop[][] own = [.. trip.Legs.Select(l => l.Trees[turn])];
                foreach (var leg in trip.Legs)
                {
                    Book(leg, turn, -1);
                    leg.Trees[turn] = leg.Trees[earlier];
                    Book(leg, turn, 1);
                }

                if (trip.Legs.TrueForAll(l => MostOf(l.Trees[turn], l.Chip) <= most))
                {
                    break;
                }

                for (int l = 0; l < own.Length; l++)
                {
                    Book(trip.Legs[l], turn, -1);
                    trip.Legs[l].Trees[turn] = own[l];
                    Book(trip.Legs[l], turn, 1);
                }
            }
        }
    }

    private bool HasOneMinimalPath(int from, int to) => from / _mesh!.Columns == to / _mesh.Columns || from % _mesh.Columns == to % _mesh.Columns;

    private long MostOf(Hop[] tree, int chip)
    {
        long most = 0;
        foreach (var hop in tree)
        {
            most = Math.Max(most, _loads[(chip * _links.Length) + hop.Link]);
        }

        return most;
    }

    private void Book(Leg leg, int turn, int sign)
    {
        int first = leg.Chip * _links.Length;
        long messages = sign * leg.Trip.MessagesOf(turn);
        foreach (var hop in leg.Trees[turn])
        {
            _loads[first + hop.Link] += messages * hop.Bytes;
        }
    }

    /// <summary>Paths of a message, and the turns that they take; equal ones are one.</summary>
    public RoutedPaths PathsOf(int message)
    {
        var trip = _trips[message];
        List<ImmutableArray<ChannelHop>> paths = [];
        int[] turns = new int[trip.Turns];
        for (int turn = 0; turn < turns.Length; turn++)
        {
            var path = ImmutableArray.CreateBuilder<ChannelHop>();
            foreach (var leg in trip.First)
            {
                Write(leg, turn, path);
            }

            turns[turn] = paths.FindIndex(p => p.AsSpan().SequenceEqual(path.ToArray()));
            if (turns[turn] < 0)
            {
                turns[turn] = paths.Count;
                paths.Add(path.ToImmutable());
            }
        }

        if (paths.Count == 1)
        {
            return new RoutedPaths(paths[0], []);
        }

        var hops = ImmutableArray.CreateBuilder<ChannelHop>(paths.Sum(p => p.Length));
        for (int p = 0; p < paths.Count; p++)
        {
            int first = hops.Count;
            hops.AddRange(paths[p].Select(h => h with { Path = p, Parent = h.Parent < 0 ? -1 : first + h.Parent }));
        }

        int period = Enumerable.Range(1, turns.Length).First(n => turns.Length % n == 0 && turns.AsSpan(n).SequenceEqual(turns.AsSpan(0, turns.Length - n)));
        return new RoutedPaths(hops.MoveToImmutable(), [.. turns.AsSpan(0, period)]);
    }

    /// <summary>Hops of a leg and of those that go on from it.</summary>
    private void Write(Leg leg, int turn, ImmutableArray<ChannelHop>.Builder hops)
    {
        int atPort = Write(leg, turn, -1, hops);
        foreach (var next in leg.Onward)
        {
            hops.Add(new ChannelHop(-1, next.Chip, atPort, next.Entering));
            Write(next, turn, hops.Count - 1, hops);
        }
    }

    /// <returns>Index of the hop that reaches the port; the parent's where the leg begins there.</returns>
    private int Write(Leg leg, int turn, int parent, ImmutableArray<ChannelHop>.Builder hops)
    {
        int begin = hops.Count;
        int atPort = parent;
        foreach (var (link, before, bytes) in leg.Trees[turn])
        {
            if (_links[link].To == _port)
            {
                atPort = hops.Count;
            }

            hops.Add(new ChannelHop(link, leg.Chip, before < 0 ? parent : begin + before, bytes));
        }

        return atPort;
    }

    /// <summary>Finds the tree of a turn and books it.</summary>
    private void Join(Leg leg, int turn, double most, bool detours)
    {
        long messages = leg.Trip.MessagesOf(turn);
        Array.Fill(_hopAt, NotInTree);
        _hopAt[leg.From] = -1;
        _tree.Clear();
        if (_mesh is null)
        {
            foreach (var (core, _) in leg.Receivers)
            {
                JoinOnlyPath(leg, core);
            }
        }
        else if (detours)
        {
            JoinAround(leg, messages, most);
        }
        else
        {
            foreach (var (core, bytes) in leg.Receivers)
            {
                if (_hopAt[core] == NotInTree)
                {
                    FindMinimal(leg, core, (double)Math.Min(bytes, leg.Bytes) * messages, most);
                    JoinPath(core);
                }
            }
        }

        foreach (var (core, bytes) in leg.Receivers)
        {
            int last = _hopAt[core];
            _tree[last] = _tree[last] with { Bytes = _tree[last].Bytes + bytes };
        }

        // What passes a link is what all behind it need, at most the message.
        for (int h = _tree.Count - 1; h >= 0; h--)
        {
            var hop = _tree[h] with { Bytes = Math.Min(_tree[h].Bytes, leg.Bytes) };
            _tree[h] = hop;
            if (hop.Parent >= 0)
            {
                _tree[hop.Parent] = _tree[hop.Parent] with { Bytes = _tree[hop.Parent].Bytes + hop.Bytes };
            }
        }

        leg.Trees[turn] = [.. _tree];
        Book(leg, turn, 1);
    }

    private void JoinOnlyPath(Leg leg, int core)
    {
        int parent = -1;
        foreach (int link in _topology.Route(leg.From, core))
        {
            int known = _tree.FindIndex(h => h.Link == link && h.Parent == parent);
            if (known < 0)
            {
                known = _tree.Count;
                _tree.Add(new Hop(link, parent, 0));
            }

            parent = known;
        }

        _hopAt[core] = parent;
    }

    /// <summary>What a link costs, steeply more the nearer its load comes to the most: the least sum of such costs is near the least largest load.</summary>
    private double Price(int chip, int link, double bytes, double most)
    {
        double load = (_loads[(chip * _links.Length) + link] + bytes) / most;
        load *= load;
        load *= load;
        load *= load;
        load *= load;
        return bytes * load;
    }

    /// <summary>Joins the receiver that is reached at the least cost, over whatever links, then goes on from the tree with its path (Dijkstra; Takahashi and Matsuyama 1980 for several receivers). One receiver alone is
    /// searched for in its direction.</summary>
    private void JoinAround(Leg leg, long messages, double most)
    {
        int only = leg.Receivers.Length == 1 ? leg.Receivers[0].Core : -1;
        int left = leg.Receivers.Length;
        double bytes = (double)Math.Min(leg.Bytes, leg.Receivers.Max(r => r.Bytes)) * messages;
        double hop = PriceOfHop * bytes;
        Array.Fill(_isWanted, false);
        foreach (var (core, _) in leg.Receivers)
        {
            _isWanted[core] = true;
        }

        Array.Fill(_cost, double.PositiveInfinity);
        _cost[leg.From] = 0;
        _open.Clear();
        _open.Enqueue(leg.From, Ahead(leg.From));
        while (left > 0 && _open.TryDequeue(out int at, out double reached))
        {
            if (reached > _cost[at] + Ahead(at))
            {
                continue;
            }

            if (_isWanted[at])
            {
                _isWanted[at] = false;
                left--;
                JoinPath(at);
                foreach (int link in _path)
                {
                    _cost[_links[link].To] = 0;
                    _open.Enqueue(_links[link].To, 0);
                }

                continue;
            }

            foreach (int link in _neighbors.AsSpan(4 * at, 4))
            {
                if (link < 0)
                {
                    continue;
                }

                int to = _links[link].To;
                double cost = _cost[at] + Price(leg.Chip, link, bytes, most) + hop;
                if (cost < _cost[to])
                {
                    (_cost[to], _cameBy[to]) = (cost, link);
                    _open.Enqueue(to, cost + Ahead(to));
                }
            }
        }

        double Ahead(int core) => only < 0 ? 0 : hop * _topology.Hops(core, only);
    }

    /// <summary>The cheapest of the minimal paths from the tree to a core within the rectangle of sender and core.</summary>
    private void FindMinimal(Leg leg, int core, double bytes, double most)
    {
        int columns = _mesh!.Columns;
        int down = (core / columns) - (leg.From / columns);
        int right = (core % columns) - (leg.From % columns);
        int stepDown = Math.Sign(down) * columns;
        int stepRight = Math.Sign(right);
        int vertical = down >= 0 ? 2 : 3;
        int horizontal = right >= 0 ? 0 : 1;
        for (int i = 0; i <= Math.Abs(down); i++)
        {
            for (int j = 0; j <= Math.Abs(right); j++)
            {
                int at = leg.From + (i * stepDown) + (j * stepRight);
                if (_hopAt[at] != NotInTree)
                {
                    _cost[at] = 0;
                    continue;
                }

                _cost[at] = double.PositiveInfinity;
                if (i > 0 && _neighbors[(4 * (at - stepDown)) + vertical] is var along && _cost[at - stepDown] + Price(leg.Chip, along, bytes, most) is var one && one < _cost[at])
                {
                    (_cost[at], _cameBy[at]) = (one, along);
                }

                if (j > 0 && _neighbors[(4 * (at - stepRight)) + horizontal] is var across && _cost[at - stepRight] + Price(leg.Chip, across, bytes, most) is var other && other < _cost[at])
                {
                    (_cost[at], _cameBy[at]) = (other, across);
                }
            }
        }
    }

    /// <summary>Adds the path that was found, from where it leaves the tree.</summary>
    private void JoinPath(int core)
    {
        _path.Clear();
        for (int from = core; _hopAt[from] == NotInTree; from = _links[_cameBy[from]].From)
        {
            _path.Add(_cameBy[from]);
        }

        for (int i = _path.Count - 1; i >= 0; i--)
        {
            var (from, to) = _links[_path[i]];
            _tree.Add(new Hop(_path[i], _hopAt[from], 0));
            _hopAt[to] = _tree.Count - 1;
        }
    }
}

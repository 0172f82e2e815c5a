using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A message that is sent again and again.</summary>
/// <param name="From">Core, over all chips.</param>
/// <param name="Receivers">Cores, over all chips and each once, and what of a message each needs, bytes.</param>
/// <param name="Bytes">Of a whole message.</param>
/// <param name="Count">Messages of one inference.</param>
public sealed record RoutedMessage(int From, ImmutableArray<(int Core, long Bytes)> Receivers, long Bytes, long Count);

/// <summary>Finds a path or tree for every message so that the most loaded link carries little. Paths are minimal: every receiver is joined to the tree of its message along the rectangle between sender and receiver, over
/// links that are cheap because their load is low. Then messages on the most loaded links are taken out and joined again, in the end over detours too where that lowers the largest load. Between chips a message passes through
/// their memory ports.
/// <code>
/// before:  core 0 to cores 2 and 14, 4 columns      after:  0->1, 1->2, 2->6, 6->10, 10->14
/// </code></summary>
public static class RouteMessages
{
    /// <param name="topology">Of one chip.</param>
    /// <param name="messages">What passes.</param>
    /// <param name="port">Core of each chip at which it is reached from others.</param>
    /// <param name="multicasts">Routers copy a message; else every receiver has a path of its own.</param>
    /// <returns>Hops of each, in the order given.</returns>
    public static ImmutableArray<ImmutableArray<ChannelHop>> Run(NocTopology topology, IReadOnlyList<RoutedMessage> messages, int port, bool multicasts)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(messages);
        MessageRouter router = new(topology, port);
        List<(int Message, int Leg)> first = [];
        for (int m = 0; m < messages.Count; m++)
        {
            var message = messages[m];
            foreach (var receivers in multicasts ? [message.Receivers] : message.Receivers.Select(r => ImmutableArray.Create(r)))
            {
                first.Add((m, router.Add(message with { Receivers = receivers })));
            }
        }

        router.Route();
        var hops = messages.Select(_ => ImmutableArray.CreateBuilder<ChannelHop>()).ToArray();
        foreach (var (message, leg) in first)
        {
            router.Write(leg, hops[message]);
        }

        return [.. hops.Select(h => h.ToImmutable())];
    }
}

/// <summary>Trees of messages and the load of every link.</summary>
internal sealed class MessageRouter
{
    private const int Rounds = 20;
    private const int DetourRounds = 60;
    private const double Full = 0.97;

    /// <summary>What a hop costs beside its load: no detour is for nothing.</summary>
    private const double PriceOfHop = 0.02;
    private readonly NocTopology _topology;
    private readonly MeshTopology? _mesh;
    private readonly int _port;
    private readonly List<Leg> _legs = [];

    // Links of all chips.
    private long[] _loads = [];

    // Per core: link to the neighbor at the right, left, below, above.
    private readonly int[][] _neighbors;
    private readonly int[] _hopAt;
    private readonly double[] _cost;
    private readonly int[] _cameBy;
    private readonly PriorityQueue<int, (double Cost, int Core)> _open = new();

    public MessageRouter(NocTopology topology, int port)
    {
        (_topology, _mesh, _port) = (topology, topology as MeshTopology, port);
        _hopAt = new int[topology.Cores];
        _cost = new double[topology.Cores];
        _cameBy = new int[topology.Cores];
        _neighbors = _mesh is null ? [] : [.. Enumerable.Range(0, topology.Cores).Select(_ => (int[])[-1, -1, -1, -1])];
        for (int l = 0; _mesh is not null && l < topology.Links.Length; l++)
        {
            var link = topology.Links[l];
            int direction = link.To == link.From + 1 ? 0 : link.To == link.From - 1 ? 1 : link.To > link.From ? 2 : 3;

            // In a mesh of one column the neighbor below is the next core.
            _neighbors[link.From][_mesh!.Columns == 1 ? direction | 2 : direction] = l;
        }
    }

    private sealed class Leg
    {
        public required int Chip { get; init; }

        public required int From { get; init; }

        public required ImmutableArray<(int Core, long Bytes)> Receivers { get; init; }

        public required long Bytes { get; init; }

        public required long Count { get; init; }

        /// <summary>Legs on other chips, which begin where this one reaches the port.</summary>
        public List<int> Onward { get; } = [];

        public List<(int Link, int Parent, long Bytes)> Hops { get; set; } = [];
    }

    /// <returns>Index of the leg on the sender's chip.</returns>
    public int Add(RoutedMessage message)
    {
        int cores = _topology.Cores;
        int chip = message.From / cores;
        var byChip = message.Receivers.GroupBy(r => r.Core / cores).ToDictionary(g => g.Key, g => g.Select(r => (r.Core % cores, r.Bytes)).ToImmutableArray());
        var own = byChip.GetValueOrDefault(chip, []);
        long outside = Math.Min(message.Bytes, byChip.Where(c => c.Key != chip).Sum(c => c.Value.Sum(r => r.Bytes)));
        if (outside > 0)
        {
            own = [.. own.Where(r => r.Item1 != _port), (_port, Math.Min(message.Bytes, outside + own.Where(r => r.Item1 == _port).Sum(r => r.Bytes)))];
        }

        int first = _legs.Count;
        _legs.Add(new Leg { Chip = chip, From = message.From % cores, Receivers = own, Bytes = message.Bytes, Count = message.Count });
        foreach (var (other, receivers) in byChip.Where(c => c.Key != chip).OrderBy(c => c.Key))
        {
            _legs[first].Onward.Add(_legs.Count);
            _legs.Add(new Leg { Chip = other, From = _port, Receivers = receivers, Bytes = message.Bytes, Count = message.Count });
        }

        return first;
    }

    public void Route()
    {
        int links = _topology.Links.Length;
        _loads = new long[links * (_legs.Select(l => l.Chip).DefaultIfEmpty().Max() + 1)];
        if (links == 0)
        {
            return;
        }

        double most = 1;
        foreach (var leg in _legs.OrderByDescending(l => (double)l.Bytes * l.Count))
        {
            leg.Hops = TreeOf(leg, most);
            Book(leg, 1);
            most = Math.Max(most, _loads.Max());
        }

        long best = _loads.Max();
        var kept = _legs.Select(l => l.Hops).ToArray();
        for (int round = 0; round < Rounds + DetourRounds && _mesh is not null && best > 0; round++)
        {
            most = _loads.Max();
            foreach (var leg in _legs)
            {
                if (leg.Hops.Exists(h => _loads[(leg.Chip * links) + h.Link] > Full * most))
                {
                    Book(leg, -1);
                    leg.Hops = TreeOf(leg, most, round >= Rounds);
                    Book(leg, 1);
                }
            }

            if (_loads.Max() < best)
            {
                best = _loads.Max();
                kept = [.. _legs.Select(l => l.Hops)];
            }
        }

        for (int l = 0; l < kept.Length; l++)
        {
            _legs[l].Hops = kept[l];
        }
    }

    /// <summary>Hops of a leg and of those that go on from it.</summary>
    public void Write(int index, ImmutableArray<ChannelHop>.Builder hops)
    {
        var leg = _legs[index];
        int atPort = Write(leg, -1, hops);
        foreach (int next in leg.Onward)
        {
            long bytes = Math.Min(leg.Bytes, _legs[next].Receivers.Sum(r => r.Bytes));
            hops.Add(new ChannelHop(-1, _legs[next].Chip, atPort, bytes));
            Write(_legs[next], hops.Count - 1, hops);
        }
    }

    /// <returns>Index of the hop that reaches the port; the parent's where the leg begins there.</returns>
    private int Write(Leg leg, int parent, ImmutableArray<ChannelHop>.Builder hops)
    {
        int begin = hops.Count;
        int atPort = parent;
        foreach (var (link, before, bytes) in leg.Hops)
        {
            if (_topology.Links[link].To == _port)
            {
                atPort = hops.Count;
            }

            hops.Add(new ChannelHop(link, leg.Chip, before < 0 ? parent : begin + before, bytes));
        }

        return atPort;
    }

    private void Book(Leg leg, int sign)
    {
        foreach (var (link, _, bytes) in leg.Hops)
        {
            _loads[(leg.Chip * _topology.Links.Length) + link] += sign * bytes * leg.Count;
        }
    }

    private List<(int Link, int Parent, long Bytes)> TreeOf(Leg leg, double most, bool detours = false)
    {
        Array.Fill(_hopAt, -2);
        _hopAt[leg.From] = -1;
        List<(int Link, int Parent, long Bytes)> hops = [];
        List<long> needed = [];
        foreach (var (core, bytes) in leg.Receivers.OrderBy(r => _topology.Hops(leg.From, r.Core)).ThenBy(r => r.Core))
        {
            if (core == leg.From)
            {
                continue;
            }

            if (_mesh is null)
            {
                JoinOnlyPath(leg, core, hops, needed);
            }
            else if (_hopAt[core] == -2)
            {
                double price = Math.Min(bytes, leg.Bytes) * leg.Count;
                if (detours)
                {
                    FindAround(leg, core, price, most);
                }
                else
                {
                    FindMinimal(leg, core, price, most);
                }

                Join(core, hops, needed);
            }

            needed[_hopAt[core]] += bytes;
        }

        for (int h = hops.Count - 1; h >= 0; h--)
        {
            needed[h] = Math.Min(needed[h], leg.Bytes);
            if (hops[h].Parent >= 0)
            {
                needed[hops[h].Parent] += needed[h];
            }

            hops[h] = hops[h] with { Bytes = needed[h] };
        }

        return hops;
    }

    private void JoinOnlyPath(Leg leg, int core, List<(int Link, int Parent, long Bytes)> hops, List<long> needed)
    {
        int parent = -1;
        foreach (int link in _topology.Route(leg.From, core))
        {
            int known = hops.FindIndex(h => h.Link == link && h.Parent == parent);
            if (known < 0)
            {
                known = hops.Count;
                hops.Add((link, parent, 0));
                needed.Add(0);
            }

            parent = known;
        }

        _hopAt[core] = parent;
    }

    private double Price(int chip, int link, double bytes, double most)
    {
        double load = (_loads[(chip * _topology.Links.Length) + link] + bytes) / most;
        load *= load;
        load *= load;
        return bytes * load * load;
    }

    /// <summary>The cheapest of all paths from the tree to a core (Dijkstra).</summary>
    private void FindAround(Leg leg, int core, double bytes, double most)
    {
        _open.Clear();
        for (int at = 0; at < _cost.Length; at++)
        {
            bool isInTree = _hopAt[at] != -2;
            _cost[at] = isInTree ? 0 : double.PositiveInfinity;
            if (isInTree)
            {
                _open.Enqueue(at, (0, at));
            }
        }

        while (_open.TryDequeue(out int at, out var reached) && at != core)
        {
            if (reached.Cost > _cost[at])
            {
                continue;
            }

            foreach (int link in _neighbors[at])
            {
                if (link < 0)
                {
                    continue;
                }

                int to = _topology.Links[link].To;
                double cost = _cost[at] + Price(leg.Chip, link, bytes, most) + (PriceOfHop * bytes);
                if (cost < _cost[to])
                {
                    (_cost[to], _cameBy[to]) = (cost, link);
                    _open.Enqueue(to, (cost, to));
                }
            }
        }
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
                if (_hopAt[at] != -2)
                {
                    _cost[at] = 0;
                    continue;
                }

                _cost[at] = double.PositiveInfinity;
                if (i > 0 && _neighbors[at - stepDown][vertical] is var along && _cost[at - stepDown] + Price(leg.Chip, along, bytes, most) is var one && one < _cost[at])
                {
                    (_cost[at], _cameBy[at]) = (one, along);
                }

                if (j > 0 && _neighbors[at - stepRight][horizontal] is var across && _cost[at - stepRight] + Price(leg.Chip, across, bytes, most) is var other && other < _cost[at])
                {
                    (_cost[at], _cameBy[at]) = (other, across);
                }
            }
        }
    }

    /// <summary>Adds the path that was found, from where it leaves the tree.</summary>
    private void Join(int core, List<(int Link, int Parent, long Bytes)> hops, List<long> needed)
    {
        Stack<int> path = [];
        int from = core;
        while (_hopAt[from] == -2)
        {
            path.Push(_cameBy[from]);
            from = _topology.Links[_cameBy[from]].From;
        }

        while (path.TryPop(out int link))
        {
            hops.Add((link, _hopAt[from], 0));
            needed.Add(0);
            from = _topology.Links[link].To;
            _hopAt[from] = hops.Count - 1;
        }
    }
}

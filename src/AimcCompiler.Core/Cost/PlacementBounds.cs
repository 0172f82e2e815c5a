namespace AimcCompiler.Core;

/// <summary>What no placement of cores can beat, and what no choice of paths can.</summary>
public static class PlacementBounds
{
    /// <summary>Least sum of bytes x hops. A core at a place has its flows, largest first, over the distances of that place, shortest first; half of that, since a flow has two ends, by the best assignment of cores to places;
    /// flows to fixed places count whole (Gilmore 1962, Lawler 1963).</summary>
    public static long GilmoreLawler(PlacementProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        int cores = problem.Movable;
        int[] places = [.. Enumerable.Range(0, problem.Topology.Cores).Except(problem.Blocked)];
        long between = 0; // fixed places
        long[][] flows = [.. Enumerable.Range(0, cores).Select(_ => new long[cores])];
        long[][] toFixed = [.. Enumerable.Range(0, cores).Select(_ => new long[problem.FixedPlaces.Length])];
        foreach (var (from, to, bytes) in problem.Traffic.Where(t => t.From != t.To))
        {
            if (from >= cores && to >= cores)
            {
                between += bytes * problem.Topology.Hops(problem.FixedPlaces[from - cores], problem.FixedPlaces[to - cores]);
            }
            else if (from < cores && to < cores)
            {
                flows[from][to] += bytes;
                flows[to][from] += bytes;
            }
            else
            {
                toFixed[Math.Min(from, to)][Math.Max(from, to) - cores] += bytes;
            }
        }

        if (cores == 0)
        {
            return between;
        }

        foreach (long[] flow in flows)
        {
            Array.Sort(flow, (a, b) => b.CompareTo(a));
        }

        // Twice the cost, to stay whole.
        long[,] cost = new long[cores, places.Length];
        for (int p = 0; p < places.Length; p++)
        {
            int[] distances = [.. places.Where(q => q != places[p]).Select(q => problem.Topology.Hops(places[p], q)).Order()];
            for (int i = 0; i < cores; i++)
            {
                long sum = 0;
                for (int k = 0; k < cores - 1; k++)
                {
                    sum += flows[i][k] * distances[k];
                }

                for (int f = 0; f < problem.FixedPlaces.Length; f++)
                {
                    sum += 2 * toFixed[i][f] * problem.Topology.Hops(places[p], problem.FixedPlaces[f]);
                }

                cost[i, p] = sum;
            }
        }

        return between + ((LinearAssignment.LeastCost(cost) + 1) / 2);
    }

    /// <summary>Bytes that the most loaded link carries at least, however messages go: over all cuts, what must cross it over the links that cross it.</summary>
    /// <param name="topology">The network.</param>
    /// <param name="transfers">Messages of one inference.</param>
    /// <returns>The bound, and the cut that sets it; null = a bus, or nothing to carry.</returns>
    public static (double Bytes, NocCut? Cut) MostLoadedLink(NocTopology topology, IReadOnlyList<Multicast> transfers)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(transfers);
        if (topology is BusTopology)
        {
            return (transfers.Where(t => t.To.Any(c => c != t.From)).Sum(t => (double)t.Bytes), null);
        }

        if (topology is MeshTopology mesh)
        {
            var (bytes, cores) = new RectangleCuts(mesh, transfers).MostLoaded();
            return (bytes, bytes > 0 ? mesh.CutAround(cores.Top, cores.Bottom, cores.Left, cores.Right) : null);
        }

        int[][] receivers = [.. transfers.Select(t => t.To.ToArray())];
        long[][] needs = [.. transfers.Select(t => t.Needs.IsDefaultOrEmpty ? [.. Enumerable.Repeat(t.Bytes, t.To.Length)] : t.Needs.ToArray())];
        (double Bytes, NocCut? Cut) best = (0, null);
        bool[] inside = new bool[topology.Cores];
        foreach (var cut in topology.Cuts())
        {
            cut.IsInside.CopyTo(inside);
            long outward = 0;
            long inward = 0;
            for (int t = 0; t < receivers.Length; t++)
            {
                bool isInside = inside[transfers[t].From];
                long crossing = Crossing(inside, isInside, receivers[t], needs[t]);
                (outward, inward) = isInside ? (outward + crossing, inward) : (outward, inward + crossing);
            }

            double load = Math.Max((double)outward / cut.Out.Length, (double)inward / cut.In.Length);
            best = load > best.Bytes ? (load, cut) : best;
        }

        return best;
    }

    /// <summary>Bytes of a message that cross: what the receiver on the other side takes that takes most.</summary>
    private static long Crossing(bool[] inside, bool isInside, int[] receivers, long[] needs)
    {
        long most = 0;
        for (int r = 0; r < receivers.Length; r++)
        {
            if (inside[receivers[r]] != isInside && needs[r] > most)
            {
                most = needs[r];
            }
        }

        return most;
    }
}

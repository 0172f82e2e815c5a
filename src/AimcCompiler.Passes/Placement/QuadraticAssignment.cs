using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A placement problem as matrices: undirected flows between cores, distances between free places, and what a core at a place costs on its way to fixed places. Cores beyond the movable ones are empty: they have no
/// flows and stand for places that stay free.</summary>
internal sealed class QuadraticAssignment
{
    public QuadraticAssignment(PlacementProblem problem)
    {
        var topology = problem.Topology;
        int[] places = [.. Enumerable.Range(0, topology.Cores).Except(problem.Blocked)];
        (Movable, Places) = (problem.Movable, places);
        if (Movable > places.Length)
        {
            throw new InvalidIrException(FormattableString.Invariant($"place-cores: {Movable} cores for {places.Length} free places"));
        }

        Flows = new long[Size, Size];
        Distances = new int[Size, Size];
        ToFixed = new long[Size, Size];
        for (int a = 0; a < Size; a++)
        {
            for (int b = 0; b < Size; b++)
            {
                Distances[a, b] = topology.Hops(places[a], places[b]);
            }
        }

        foreach (var traffic in problem.Traffic)
        {
            switch (traffic.From < Movable, traffic.To < Movable)
            {
                case (true, true):
                    Flows[traffic.From, traffic.To] += traffic.From == traffic.To ? 0 : traffic.Bytes;
                    Flows[traffic.To, traffic.From] += traffic.From == traffic.To ? 0 : traffic.Bytes;
                    break;
                case (false, false):
                    Constant += traffic.Bytes * topology.Hops(problem.FixedPlaces[traffic.From - Movable], problem.FixedPlaces[traffic.To - Movable]);
                    break;
                default:
                    int core = Math.Min(traffic.From, traffic.To);
                    int place = problem.FixedPlaces[Math.Max(traffic.From, traffic.To) - Movable];
                    for (int p = 0; p < Size; p++)
                    {
                        ToFixed[core, p] += traffic.Bytes * topology.Hops(places[p], place);
                    }

                    break;
            }
        }
    }

    public int Movable { get; }

    /// <summary>Free places, by their numbers in the topology; the matrices count them from 0.</summary>
    public int[] Places { get; }

    /// <summary>Free places: as many cores there are, with the empty ones.</summary>
    public int Size => Places.Length;

    public long[,] Flows { get; }

    public int[,] Distances { get; }

    /// <summary>Byte-hops of a core at a place, to and from fixed places.</summary>
    public long[,] ToFixed { get; }

    /// <summary>Byte-hops between fixed places.</summary>
    public long Constant { get; }

    /// <param name="at">Place of every core.</param>
    public long Cost(ReadOnlySpan<int> at)
    {
        long cost = Constant;
        for (int a = 0; a < Movable; a++)
        {
            cost += ToFixed[a, at[a]];
            for (int b = a + 1; b < Movable; b++)
            {
                cost += Flows[a, b] * Distances[at[a], at[b]];
            }
        }

        return cost;
    }

    /// <summary>What changes when two cores exchange their places.</summary>
    public long Delta(ReadOnlySpan<int> at, int a, int b)
    {
        int pa = at[a];
        int pb = at[b];
        long delta = ToFixed[a, pb] - ToFixed[a, pa] + ToFixed[b, pa] - ToFixed[b, pb] + (2 * Flows[a, b] * Distances[pa, pb]);
        for (int k = 0; k < Movable; k++)
        {
            delta += (Flows[a, k] - Flows[b, k]) * (Distances[pb, at[k]] - Distances[pa, at[k]]);
        }

        return delta;
    }
}

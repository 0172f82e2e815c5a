using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Gives every virtual core of a mapping a core of the chip, so that the sum of bytes x hops is small (every receiver of a multicast counted): a quadratic assignment problem. Up to nine cores on nine places
/// optimally; else greedy, or along a snake, and then by annealing. The same problem, seed and effort give the same places.
/// <code>
/// before:  conv1 on core 0, conv2 on core 1, relu at home on core 2      after:  conv1 on core 13, conv2 on core 25, relu at home on core 14
/// </code></summary>
public static class PlaceCores
{
    private const int ExactSize = 9;

    /// <summary>Beyond it matrices of all pairs of places are too large.</summary>
    private const int MostPlaces = 2048;

    /// <param name="problem">Cores, places and traffic.</param>
    /// <param name="seed">Names the draws.</param>
    /// <param name="effort">Multiplies the moves.</param>
    public static PlacementSolution Solve(PlacementProblem problem, int seed, double effort)
    {
        ArgumentNullException.ThrowIfNull(problem);
        if (problem.Topology.Cores > MostPlaces)
        {
            return InOrder(problem);
        }

        QuadraticAssignment matrices = new(problem);
        int[] best = Better(matrices, Snake(problem, matrices), Greedy(matrices));
        bool isExact = matrices.Size <= ExactSize;
        if (isExact)
        {
            best = ExactPlacement.Solve(matrices, best);
        }
        else if (problem.Movable > 0 && !problem.Traffic.IsEmpty)
        {
            best = Anneal(matrices, best, seed, effort);
        }

        return new PlacementSolution([.. best.Take(problem.Movable).Select(p => matrices.Places[p])], matrices.Cost(best), isExact);
    }

    /// <summary>Places the cores of every chip, each by itself: what passes between chips goes through their first memory ports.</summary>
    public static CoreMapping Run(StageGraph graph, CoreMapping mapping, ChipCapacity chip, CompileOptions options)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(mapping);
        ArgumentNullException.ThrowIfNull(chip);
        ArgumentNullException.ThrowIfNull(options);
        int cores = chip.Topology.Cores;
        ImmutableArray<int> ports = [.. Enumerable.Range(chip.Cores, chip.Ports.Length)];
        var traffic = PackCores.TrafficOf(graph, mapping, ports);
        int[] placeOf = new int[chip.Cores + ports.Length];
        for (int port = 0; port < ports.Length; port++)
        {
            placeOf[chip.Cores + port] = chip.Ports[port];
        }

        for (int c = 0; c < chip.Chips; c++)
        {
            var (problem, virtuals) = ProblemOf(traffic, chip, c);
            var places = Solve(problem, options.Seed, options.Effort).Places;
            for (int i = 0; i < cores; i++)
            {
                placeOf[(c * cores) + i] = (c * cores) + i;
            }

            for (int i = 0; i < places.Length; i++)
            {
                placeOf[virtuals[i]] = (c * cores) + places[i];
            }
        }

        var dead = options.DeadTiles.ToHashSet();
        int[][] live = [.. Enumerable.Range(0, chip.Cores).Select(c => Enumerable.Range(c * chip.TilesPerCore, chip.TilesPerCore).Where(t => !dead.Contains(t)).ToArray())];
        ImmutableArray<int> TilesOf(PlacedRowGroup group) => chip.TilesPerCore == 0
            ? group.Tiles
            : [.. group.Tiles.Select(t => live[placeOf[group.Core]][t - (group.Core * chip.TilesPerCore)])];
        return mapping with
        {
            RowGroups = [.. mapping.RowGroups.Select(g => g with { Core = placeOf[g.Core], Tiles = TilesOf(g) })],
            Homes = [.. mapping.Homes.Select(h => h.Select(core => placeOf[core]).ToImmutableArray())],
        };
    }

    /// <summary>The problem of one chip; cores with dead tiles hold what was packed for their room and stay.</summary>
    /// <returns>The problem and the virtual core behind each of its movable numbers.</returns>
    internal static (PlacementProblem Problem, ImmutableArray<int> Virtuals) ProblemOf(ImmutableArray<CoreTraffic> traffic, ChipCapacity chip, int index)
    {
        int cores = chip.Topology.Cores;
        int first = index * cores;
        bool IsWhole(int core) => chip.TilesOfCore.IsEmpty || chip.TilesOfCore[first + core] == chip.TilesPerCore;
        ImmutableArray<int> movable = [.. Enumerable.Range(0, cores).Where(IsWhole)];
        ImmutableArray<int> defective = [.. Enumerable.Range(0, cores).Where(c => !IsWhole(c))];
        int[] numberOf = new int[cores];
        for (int i = 0; i < movable.Length; i++)
        {
            numberOf[movable[i]] = i;
        }

        for (int i = 0; i < defective.Length; i++)
        {
            numberOf[defective[i]] = movable.Length + i;
        }

        int NumberOf(int core) => core >= chip.Cores ? movable.Length + defective.Length + (core - chip.Cores)
            : core / cores == index ? numberOf[core % cores]
            : movable.Length + defective.Length;
        bool IsOfThis(int core) => core < chip.Cores && core / cores == index;
        return (
            new PlacementProblem(
                chip.Topology,
                [
                    .. traffic.Where(t => IsOfThis(t.From) || IsOfThis(t.To))
                        .Select(t => new CoreTraffic(NumberOf(t.From), NumberOf(t.To), t.Bytes))
                        .Where(t => t.From != t.To),
                ],
                movable.Length,
                [.. defective, .. chip.Ports],
                defective),
            [.. movable.Select(c => first + c)]);
    }

    private static PlacementSolution InOrder(PlacementProblem problem)
    {
        var blocked = problem.Blocked.ToHashSet();
        ImmutableArray<int> places = [.. Enumerable.Range(0, problem.Topology.Cores).Where(p => !blocked.Contains(p)).Take(problem.Movable)];
        int At(int core) => core < problem.Movable ? places[core] : problem.FixedPlaces[core - problem.Movable];
        return new PlacementSolution(places, problem.Traffic.Sum(t => t.Bytes * problem.Topology.Hops(At(t.From), At(t.To))), false);
    }

    /// <summary>Byte-hops of the cores in order, row by row and back again: what a placement is measured by.</summary>
    public static long SnakeByteHops(PlacementProblem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        QuadraticAssignment matrices = new(problem);
        return matrices.Cost(Snake(problem, matrices));
    }

    private static int[] Better(QuadraticAssignment matrices, int[] one, int[] other) => matrices.Cost(other) < matrices.Cost(one) ? other : one;

    /// <summary>Places in the order of a snake over the rows of the mesh, the cores on them as they are numbered; empty cores at the end.</summary>
    private static int[] Snake(PlacementProblem problem, QuadraticAssignment matrices)
    {
        int columns = (problem.Topology as MeshTopology)?.Columns ?? problem.Topology.Cores;
        return [.. Enumerable.Range(0, matrices.Size).OrderBy(p =>
        {
            int row = matrices.Places[p] / columns;
            int column = matrices.Places[p] % columns;
            return (row * columns) + (row % 2 == 0 ? column : columns - 1 - column);
        })];
    }

    /// <summary>The core that is most connected to those that stand already, at the free place where it costs least.</summary>
    private static int[] Greedy(QuadraticAssignment matrices)
    {
        int size = matrices.Size;
        int[] at = new int[size];
        bool[] isPlaced = new bool[size];
        bool[] isTaken = new bool[size];
        long[] connected = [.. Enumerable.Range(0, size).Select(a => Enumerable.Range(0, size).Max(p => matrices.ToFixed[a, p]))];
        long[,] costs = (long[,])matrices.ToFixed.Clone();
        for (int i = 0; i < size; i++)
        {
            // Movable cores come first: the empty ones take what is left.
            int core = Enumerable.Range(0, size).Where(a => !isPlaced[a]).OrderBy(a => a >= matrices.Movable).ThenByDescending(a => connected[a]).First();
            int place = Enumerable.Range(0, size).Where(p => !isTaken[p]).MinBy(p => costs[core, p]);
            (isPlaced[core], isTaken[place], at[core]) = (true, true, place);
            for (int other = 0; other < size; other++)
            {
                long flow = matrices.Flows[core, other];
                if (flow > 0 && !isPlaced[other])
                {
                    connected[other] += flow;
                    for (int p = 0; p < size; p++)
                    {
                        costs[other, p] += flow * matrices.Distances[place, p];
                    }
                }
            }
        }

        return at;
    }

    private static int[] Anneal(QuadraticAssignment matrices, int[] begin, int seed, double effort)
    {
        long moves = (long)(effort * 200 * matrices.Size * matrices.Size);
        int[] best = begin;
        double coolest = 0;
        for (int round = 0; round < 3; round++)
        {
            Annealing annealing = new(matrices, best, ((ulong)(uint)seed << 8) + (ulong)round);
            double hottest = annealing.MeanChange(1000);
            if (hottest > 0)
            {
                // The first round finds the regions of the mesh, the others improve on it.
                coolest = round == 0 ? hottest / 1000 : coolest;
                annealing.Cool(round == 0 ? moves / 2 : moves / 4, round == 0 ? hottest : hottest / 20, coolest);
            }

            annealing.Descend();
            best = Better(matrices, best, annealing.At.ToArray());
        }

        return best;
    }
}

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Core.Mapping;

namespace AimcCompiler.Tests.Passes;

public sealed class PlaceCoresTests
{
    [Fact]
    public void UpToNineCoresStandWhereNoOthersWouldCostLess()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var problem = Problem(seed, seed % 20 == 0 ? 9 : 2 + (seed % 7), 9);
            var solution = PlaceCores.Solve(problem, 1, 1);
            Assert.True(solution.IsOptimal);
            Assert.Equal(ByteHops(problem, solution.Places), solution.ByteHops);
            Assert.Equal(Least(problem), solution.ByteHops);
        }
    }

    [Fact]
    public void FewCoresOnAMeshOfManyPlacesStandWell()
    {
        // Four cores in a ring fit a square of neighbors.
        ImmutableArray<CoreTraffic> ring = [new(0, 1, 10), new(1, 2, 10), new(2, 3, 10), new(3, 0, 10)];
        PlacementProblem problem = new(new MeshTopology(6, 6), ring, 4, [], []);
        Assert.Equal(40, PlaceCores.Solve(problem, 1, 1).ByteHops);
    }

    [Theory]
    [InlineData(3, 3)]
    [InlineData(6, 7)]
    public void BlockedPlacesStayFreeAndPlacesAreDifferent(int rows, int columns)
    {
        for (int seed = 0; seed < 10; seed++)
        {
            var problem = Problem(seed, 5, 25) with { Topology = new MeshTopology(rows, columns), Blocked = [0, 4, 7], FixedPlaces = [1, 4] };
            var solution = PlaceCores.Solve(problem, seed, 0.2);
            Assert.Equal(5, solution.Places.Distinct().Count());
            Assert.DoesNotContain(solution.Places, p => p is 0 or 4 or 7);
            Assert.Equal(ByteHops(problem, solution.Places), solution.ByteHops);
        }
    }

    [Fact]
    public void TheSameSeedGivesTheSamePlaces()
    {
        var problem = Problem(3, 30, 36) with { Topology = new MeshTopology(6, 6) };
        Assert.Equal(PlaceCores.Solve(problem, 7, 0.3).Places.ToArray(), PlaceCores.Solve(problem, 7, 0.3).Places.ToArray());
    }

    [Fact]
    public void AnnealingIsNoWorseThanTheSnake()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var problem = Problem(seed, 20 + seed, 49) with { Topology = seed % 3 == 0 ? new HTreeTopology(49) : new MeshTopology(7, 7), FixedPlaces = [0, 3] };
            long cost = PlaceCores.Solve(problem, 1, 0.2).ByteHops;
            Assert.InRange(cost, 0, PlaceCores.SnakeByteHops(problem));
        }
    }

    /// <summary>A shuffled chain of 36 cores lies along the mesh with every hop of one.</summary>
    [Fact]
    public void AChainIsUnwound()
    {
        Random random = new(5);
        int[] order = [.. Enumerable.Range(0, 36)];
        random.Shuffle(order);
        PlacementProblem problem = new(new MeshTopology(6, 6), [.. Enumerable.Range(0, 35).Select(i => new CoreTraffic(order[i], order[i + 1], 100))], 36, [], []);
        Assert.InRange(PlaceCores.Solve(problem, 1, 1).ByteHops, 3500, 3700);
    }

    [Fact]
    public void OneMediumCostsTheSameEverywhere()
    {
        var problem = Problem(1, 12, 16) with { Topology = new BusTopology(16), FixedPlaces = [0, 1] };
        Assert.Equal(ByteHops(problem, PlaceCores.Solve(problem, 1, 0.1).Places), PlaceCores.Solve(problem, 1, 0.1).ByteHops);
    }

    [Fact]
    public void TilesMoveWithTheirCores()
    {
        var graph = Graphs.Residual();
        var chip = Graphs.Chip(4, 4, 4);
        CompileOptions options = new() { Target = MappingTarget.Throughput };
        var packed = PackCores.Run(graph, ReplicateLayers.Run(graph, chip, options), chip, options);
        var placed = PlaceCores.Run(graph, packed, chip, options);
        Assert.All(placed.RowGroups, g => Assert.All(g.Tiles, t => Assert.Equal(g.Core, t / 4)));
        Assert.Equal(placed.RowGroups.Sum(g => g.Tiles.Length), placed.RowGroups.SelectMany(g => g.Tiles).Distinct().Count());
        Assert.Equal([0], placed.Homes[0].ToArray()); // the memory port
        long Of(CoreMapping mapping) => PackCores.TrafficOf(graph, mapping, [0]).Sum(t => t.Bytes * chip.Topology.Hops(t.From, t.To));
        var virtuals = packed with { Homes = [.. packed.Homes.Select(h => h.Select(c => c % 16).ToImmutableArray())] };
        Assert.InRange(Of(placed), 0, Of(virtuals));
    }

    /// <summary>Cores in random traffic, two of them fixed.</summary>
    private static PlacementProblem Problem(int seed, int movable, int places)
    {
        Random random = new(seed);
        List<CoreTraffic> traffic = [];
        for (int i = 0; i < movable * 3; i++)
        {
            traffic.Add(new CoreTraffic(random.Next(movable + 2), random.Next(movable + 2), random.Next(1, 1000)));
        }

        int side = (int)Math.Sqrt(places);
        return new PlacementProblem(new MeshTopology(side, side), [.. traffic], movable, [random.Next(places), random.Next(places)], movable < 9 && places == 9 ? [random.Next(places)] : []);
    }

    private static long ByteHops(PlacementProblem problem, IReadOnlyList<int> places)
    {
        int At(int core) => core < problem.Movable ? places[core] : problem.FixedPlaces[core - problem.Movable];
        return problem.Traffic.Sum(t => t.Bytes * problem.Topology.Hops(At(t.From), At(t.To)));
    }

    /// <summary>Over all placements; one that costs as much as a whole one already is given up.</summary>
    private static long Least(PlacementProblem problem)
    {
        int[] at = new int[problem.Movable];
        bool[] taken = new bool[problem.Topology.Cores];
        foreach (int blocked in problem.Blocked)
        {
            taken[blocked] = true;
        }

        int Place(int core) => core < problem.Movable ? at[core] : problem.FixedPlaces[core - problem.Movable];
        var decidedBy = problem.Traffic.ToLookup(t => Math.Max(t.From < problem.Movable ? t.From : -1, t.To < problem.Movable ? t.To : -1));
        var traffic = Enumerable.Range(0, problem.Movable).Select(c => decidedBy[c].ToArray()).ToArray();
        long least = long.MaxValue;
        void Put(int core, long cost)
        {
            if (core == problem.Movable || cost >= least)
            {
                least = Math.Min(least, cost);
                return;
            }

            for (int place = 0; place < taken.Length; place++)
            {
                if (!taken[place])
                {
                    taken[place] = true;
                    at[core] = place;
                    long more = 0;
                    foreach (var t in traffic[core])
                    {
                        more += t.Bytes * problem.Topology.Hops(Place(t.From), Place(t.To));
                    }

                    Put(core + 1, cost + more);
                    taken[place] = false;
                }
            }
        }

        Put(0, decidedBy[-1].Sum(t => t.Bytes * problem.Topology.Hops(Place(t.From), Place(t.To))));
        return least;
    }
}

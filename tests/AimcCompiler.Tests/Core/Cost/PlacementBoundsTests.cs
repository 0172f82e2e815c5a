using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class PlacementBoundsTests
{
    /// <summary>On small meshes, with ports and with places that may not be taken: never above the best placement of all.</summary>
    [Fact]
    public void TheGilmoreLawlerBoundIsBelowEveryPlacement()
    {
        Random random = new(1);
        int exact = 0;
        for (int i = 0; i < 200; i++)
        {
            var problem = Problem(random);
            long bound = PlacementBounds.GilmoreLawler(problem);
            long best = Best(problem);
            Assert.InRange(bound, best == 0 ? 0 : 1, best);
            exact += bound == best ? 1 : 0;
        }

        Assert.InRange(exact, 40, 200); // it says something
    }

    [Fact]
    public void ALineOfCoresIsBoundedExactly()
    {
        var problem = new PlacementProblem(new MeshTopology(1, 4), [new(0, 1, 10), new(1, 2, 10), new(2, 3, 10)], 4, [], []);
        Assert.Equal(30, PlacementBounds.GilmoreLawler(problem));
    }

    [Fact]
    public void FlowsToPortsCountWhole()
    {
        // One core may stand anywhere but at the two ports, one hop away from both.
        var problem = new PlacementProblem(new MeshTopology(1, 3), [new(0, 1, 7), new(2, 0, 5), new(1, 2, 100)], 1, [0, 2], [0, 2]);
        Assert.Equal(7 + 5 + 200, PlacementBounds.GilmoreLawler(problem));
    }

    [Fact]
    public void TheAssignmentIsTheLeastOfAll()
    {
        Random random = new(1);
        for (int i = 0; i < 100; i++)
        {
            int rows = random.Next(1, 6);
            int columns = random.Next(rows, 7);
            long[,] cost = new long[rows, columns];
            foreach (int c in Enumerable.Range(0, cost.Length))
            {
                cost[c / columns, c % columns] = random.Next(0, 50);
            }

            Assert.Equal(Least(cost, 0, []), LinearAssignment.LeastCost(cost));
        }
    }

    [Fact]
    public void AMulticastCrossesACutOnce()
    {
        NocTopology line = new MeshTopology(1, 4);
        Multicast[] transfers = [new(0, [2, 3], 100), new(1, [0], 30)];
        var (bytes, cut) = PlacementBounds.MostLoadedLink(line, transfers);
        Assert.Equal(100, bytes);
        Assert.True(cut!.IsInside[0] != cut.IsInside[3]);
    }

    [Fact]
    public void OnlyWhatTheOtherSideTakesMustCross()
    {
        Multicast[] transfers = [new(0, [1, 2, 3], 100) { Needs = [100, 40, 30] }];
        Assert.Equal(100, PlacementBounds.MostLoadedLink(new MeshTopology(1, 4), transfers).Bytes);
        Multicast[] far = [new(0, [2, 3], 100) { Needs = [40, 30] }];
        Assert.Equal(40, PlacementBounds.MostLoadedLink(new MeshTopology(1, 4), far).Bytes);
    }

    [Fact]
    public void ABusCarriesEverything()
    {
        Multicast[] transfers = [new(0, [1, 2], 100), new(1, [1], 10), new(2, [0], 1)];
        var (bytes, cut) = PlacementBounds.MostLoadedLink(new BusTopology(3), transfers);
        Assert.Equal((101, null), (bytes, cut));
    }

    /// <summary>Every choice of paths, each along the row or the column first, loads a link with at least as much.</summary>
    [Fact]
    public void NoChoiceOfPathsLoadsLinksLess()
    {
        Random random = new(1);
        NocTopology mesh = new MeshTopology(3, 3);
        for (int i = 0; i < 50; i++)
        {
            Multicast[] transfers = [.. Enumerable.Range(0, 6).Select(_ => new Multicast(random.Next(9), [random.Next(9)], random.Next(1, 100)))];
            double least = double.MaxValue;
            for (int choice = 0; choice < 1 << transfers.Length; choice++)
            {
                long[] loads = new long[mesh.Links.Length];
                for (int t = 0; t < transfers.Length; t++)
                {
                    foreach (int link in mesh.Route(transfers[t].From, transfers[t].To[0], (choice >> t) & 1))
                    {
                        loads[link] += transfers[t].Bytes;
                    }
                }

                least = Math.Min(least, loads.Max());
            }

            Assert.InRange(PlacementBounds.MostLoadedLink(mesh, transfers).Bytes, 0, least);
        }
    }

    private static PlacementProblem Problem(Random random)
    {
        NocTopology topology = random.Next(4) == 0 ? new HTreeTopology(6) : new MeshTopology(random.Next(1, 3), random.Next(2, 4));
        ImmutableArray<int> blocked = topology.Cores > 3 && random.Next(3) == 0 ? [random.Next(topology.Cores)] : [];
        int movable = random.Next(1, topology.Cores - blocked.Length + 1);
        ImmutableArray<int> ports = random.Next(2) == 0 ? [0] : [];
        var traffic = Enumerable.Range(0, random.Next(1, 12))
            .Select(_ => new CoreTraffic(random.Next(movable + ports.Length), random.Next(movable + ports.Length), random.Next(1, 100)));
        return new PlacementProblem(topology, [.. traffic], movable, ports, blocked);
    }

    private static long Best(PlacementProblem problem)
    {
        int[] free = [.. Enumerable.Range(0, problem.Topology.Cores).Except(problem.Blocked)];
        return Place([]);

        long Place(ImmutableArray<int> places)
        {
            if (places.Length < problem.Movable)
            {
                return free.Except(places).Min(p => Place(places.Add(p)));
            }

            ImmutableArray<int> all = [.. places, .. problem.FixedPlaces];
            return problem.Traffic.Sum(t => t.Bytes * problem.Topology.Hops(all[t.From], all[t.To]));
        }
    }

    private static long Least(long[,] cost, int row, ImmutableArray<int> taken) => row == cost.GetLength(0)
        ? 0
        : Enumerable.Range(0, cost.GetLength(1)).Except(taken).Min(c => cost[row, c] + Least(cost, row + 1, taken.Add(c)));
}

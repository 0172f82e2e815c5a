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

    /// <summary>Every choice of simple paths for every receiver, a message carried over a link once for all receivers behind it.</summary>
    [Fact]
    public void NoChoiceOfAllPathsLoadsLinksLess()
    {
        Random random = new(1);
        MeshTopology mesh = new(3, 3);
        double nearest = double.MaxValue;
        for (int i = 0; i < 12; i++)
        {
            Multicast[] transfers =
            [
                .. Enumerable.Range(0, 2).Select(_ => new Multicast(random.Next(9), [random.Next(9), random.Next(9)], 100) { Needs = [random.Next(1, 100), random.Next(1, 100)] }),
            ];
            double least = Least(mesh, [.. transfers.SelectMany((t, index) => t.To.Zip(t.Needs, (to, need) => (index, t.From, to, need)))], [], [.. transfers.Select(_ => new long[mesh.Links.Length])]);
            double bound = PlacementBounds.MostLoadedLink(mesh, transfers).Bytes;
            Assert.InRange(bound, 0, least);
            nearest = bound > 0 ? Math.Min(nearest, least / bound) : nearest;
        }

        Assert.InRange(nearest, 1, 1.7);
    }

    private static double Least(MeshTopology mesh, ImmutableArray<(int Transfer, int From, int To, long Need)> left, ImmutableArray<int> visited, long[][] loads)
    {
        if (left.IsEmpty)
        {
            return Enumerable.Range(0, mesh.Links.Length).Max(l => loads.Sum(t => t[l]));
        }

        var (transfer, at, to, need) = left[0];
        if (at == to)
        {
            return Least(mesh, left.RemoveAt(0), [], loads);
        }

        double best = double.MaxValue;
        for (int l = 0; l < mesh.Links.Length; l++)
        {
            int next = mesh.Links[l].To;
            if (mesh.Links[l].From == at && !visited.Contains(next))
            {
                long before = loads[transfer][l];
                loads[transfer][l] = Math.Max(before, need);
                best = Math.Min(best, Least(mesh, left.SetItem(0, (transfer, next, to, need)), visited.Add(at), loads));
                loads[transfer][l] = before;
            }
        }

        return best;
    }

    /// <summary>A rectangle's load is what a look at every message says.</summary>
    [Theory]
    [InlineData(4, 5)]
    [InlineData(1, 7)]
    [InlineData(6, 1)]
    public void TheBestRectangleIsFound(int rows, int columns)
    {
        Random random = new(2);
        MeshTopology mesh = new(rows, columns);
        for (int i = 0; i < 30; i++)
        {
            Multicast[] transfers =
            [
                .. Enumerable.Range(0, 10).Select(_ =>
                {
                    int[] to = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(mesh.Cores)).Distinct()];
                    return new Multicast(random.Next(mesh.Cores), [.. to], 100) { Needs = [.. to.Select(_ => (long)random.Next(1, 100))] };
                }),
            ];
            double best = 0;
            foreach (var cut in mesh.Cuts())
            {
                long Crossing(Multicast t) => t.To.Zip(t.Needs).Where(r => cut.IsInside[r.First] != cut.IsInside[t.From]).Select(r => r.Second).DefaultIfEmpty(0).Max();
                best = Math.Max(best, (double)transfers.Where(t => cut.IsInside[t.From]).Sum(Crossing) / cut.Out.Length);
                best = Math.Max(best, (double)transfers.Where(t => !cut.IsInside[t.From]).Sum(Crossing) / cut.In.Length);
            }

            var (bytes, where) = PlacementBounds.MostLoadedLink(mesh, transfers);
            Assert.Equal(best, bytes, 9);
            Assert.NotNull(where);
        }
    }

    /// <summary>Beyond what is looked at whole: straight cuts and single cores.</summary>
    [Fact]
    public void ALargeMeshIsBoundedBySimpleCuts()
    {
        MeshTopology mesh = new(20, 20);
        Assert.Equal(25, PlacementBounds.MostLoadedLink(mesh, [new Multicast(21, [30], 100)]).Bytes);
        Assert.Equal(50, PlacementBounds.MostLoadedLink(mesh, [new Multicast(0, [399, 5], 100)]).Bytes);
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

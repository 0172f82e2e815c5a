using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;

namespace AimcCompiler.Tests.Passes;

public sealed class RouteMessagesTests
{
    private static readonly MeshTopology s_mesh = new(6, 6);

    [Fact]
    public void TreesReachExactlyTheirReceivers()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            foreach (var topology in (NocTopology[])[s_mesh, new MeshTopology(1, 9), new MeshTopology(9, 1), new HTreeTopology(36), new BusTopology(9)])
            {
                var messages = Messages(seed, topology.Cores);
                var routes = RouteMessages.Run(topology, messages, 0, true);
                for (int m = 0; m < messages.Length; m++)
                {
                    foreach (var hops in PathsOf(routes[m]))
                    {
                        var depth = Depths(topology, hops, messages[m].From);
                        Assert.All(messages[m].Receivers.Where(r => r.Core != messages[m].From), r => Assert.InRange(depth[r.Core], topology.Hops(messages[m].From, r.Core), topology is MeshTopology ? topology.Cores : topology.Hops(messages[m].From, r.Core)));

                        // What nobody is behind is a receiver.
                        var parents = hops.Select(h => h.Parent).ToHashSet();
                        Assert.All(Enumerable.Range(0, hops.Length).Where(h => !parents.Contains(h) && topology is not BusTopology), h => Assert.Contains(messages[m].Receivers, r => r.Core == topology.Links[hops[h].Link].To));
                        Assert.Equal(hops.Length, hops.Select(h => h.Link).Distinct().Count());
                    }
                }
            }
        }
    }

    [Fact]
    public void PathsWithoutContentionAreMinimal()
    {
        foreach (var message in Messages(1, 36))
        {
            var routes = RouteMessages.Run(s_mesh, [message with { Count = 1 }], 0, true)[0];
            Assert.Empty(routes.Turns);
            var hops = routes.Hops;
            var depth = Depths(s_mesh, hops, message.From);
            Assert.All(message.Receivers.Where(r => r.Core != message.From), r => Assert.Equal(s_mesh.Hops(message.From, r.Core), depth[r.Core]));
        }
    }

    [Fact]
    public void DetoursAreTakenWhereTheyLowerTheLargestLoad()
    {
        // Three messages between neighbors in a row of the mesh: each way around has a link of its own.
        var messages = Enumerable.Range(0, 3).Select(_ => new RoutedMessage(13, [(14, 100L)], 100, 1)).ToArray();
        var routes = RouteMessages.Run(s_mesh, messages, 0, true);
        Assert.Equal(100, LoadsOf(s_mesh, routes, messages).Max());
        Assert.Equal([1, 3, 3], routes.Select(r => r.Hops.Length).Order());
    }

    /// <summary>Hops from the sender to every core that the tree passes; a link begins where its parent ends.</summary>
    private static Dictionary<int, int> Depths(NocTopology topology, ImmutableArray<ChannelHop> hops, int from)
    {
        Dictionary<int, int> depths = [];
        int[] depth = new int[hops.Length];
        for (int h = 0; h < hops.Length; h++)
        {
            depth[h] = hops[h].Parent < 0 ? 1 : depth[hops[h].Parent] + 1;
            if (topology is BusTopology)
            {
                Enumerable.Range(0, topology.Cores).ToList().ForEach(c => depths[c] = 1);
                continue;
            }

            Assert.Equal(hops[h].Parent < 0 ? from : topology.Links[hops[hops[h].Parent].Link].To, topology.Links[hops[h].Link].From);
            depths.Add(topology.Links[hops[h].Link].To, depth[h]);
        }

        return depths;
    }

    [Fact]
    public void ALinkCarriesWhatReceiversBehindItNeed()
    {
        // 0 to 1 and 2 in a row: 30 and 50 of 60 bytes.
        var hops = RouteMessages.Run(new MeshTopology(1, 3), [new RoutedMessage(0, [(1, 30), (2, 50)], 60, 1)], 0, true)[0].Hops;
        Assert.Equal([60L, 50L], hops.Select(h => h.Bytes));
    }

    [Fact]
    public void MessagesSpreadOverLinks()
    {
        // Four messages from corner to corner: two leave in each direction.
        var messages = Enumerable.Range(0, 4).Select(_ => new RoutedMessage(0, [(35, 100L)], 100, 1)).ToArray();
        var load = LoadsOf(s_mesh, RouteMessages.Run(s_mesh, messages, 0, true), messages);
        Assert.Equal(200, load.Max());
    }

    /// <summary>One message that is sent eight times: half of the times over each link of the corner.</summary>
    [Fact]
    public void OneMessageTakesSeveralPathsInTurn()
    {
        RoutedMessage[] messages = [new(0, [(35, 100L)], 100, 8)];
        var routes = RouteMessages.Run(s_mesh, messages, 0, true);
        Assert.InRange(LoadsOf(s_mesh, routes, messages).Max(), 400, 460);
        Assert.All(PathsOf(routes[0]), p => Assert.Equal(10, p.Length));
        Assert.InRange(routes[0].Turns.Length, 2, 8);
    }

    /// <summary>However messages are divided, the bytes that reach receivers are theirs, and the most loaded link is within a half of the bound of the cuts.</summary>
    [Fact]
    public void LinksAreNearTheBoundOfTheCuts()
    {
        double sum = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            var messages = Messages(seed, 36);
            var routes = RouteMessages.Run(s_mesh, messages, 0, true);
            var transfers = messages.Select(m => new Multicast(m.From, [.. m.Receivers.Select(r => r.Core)], m.Bytes * m.Count) { Needs = [.. m.Receivers.Select(r => r.Bytes * m.Count)] }).ToArray();
            double ratio = LoadsOf(s_mesh, routes, messages).Max() / PlacementBounds.MostLoadedLink(s_mesh, transfers).Bytes;
            Assert.InRange(ratio, 1, 1.6);
            sum += ratio / 20;
        }

        Assert.InRange(sum, 1, 1.3);
    }

    [Fact]
    public void PathsDoNotDependOnChance()
    {
        var messages = Messages(5, 36);
        var one = RouteMessages.Run(s_mesh, messages, 0, true);
        var other = RouteMessages.Run(s_mesh, messages, 0, true);
        Assert.Equal(one.SelectMany(r => r.Hops), other.SelectMany(r => r.Hops));
        Assert.Equal(one.SelectMany(r => r.Turns), other.SelectMany(r => r.Turns));
    }

    [Fact]
    public void TheMostLoadedLinkIsNoneThatXyPathsWouldLoadMore()
    {
        double better = 0;
        for (int seed = 0; seed < 20; seed++)
        {
            var messages = Messages(seed, 36);
            var routed = LoadsOf(s_mesh, RouteMessages.Run(s_mesh, messages, 0, false), messages).Max();
            long[] xy = new long[s_mesh.Links.Length];
            foreach (var message in messages)
            {
                foreach (var (core, bytes) in message.Receivers)
                {
                    foreach (int link in s_mesh.Route(message.From, core))
                    {
                        xy[link] += bytes * message.Count;
                    }
                }
            }

            Assert.InRange(routed, 1, xy.Max());
            better += (double)routed / xy.Max() / 20;
        }

        Assert.InRange(better, 0.3, 0.85);
    }

    [Fact]
    public void WithoutMulticastEveryReceiverHasItsPath()
    {
        var hops = RouteMessages.Run(new MeshTopology(1, 3), [new RoutedMessage(0, [(1, 60), (2, 60)], 60, 1)], 0, false)[0].Hops;
        Assert.Equal(3, hops.Length);
        Assert.Equal(2, hops.Count(h => h.Parent < 0));
    }

    [Fact]
    public void BetweenChipsMessagesPassThroughPorts()
    {
        // From core 3 of chip 0 to core 2 of chip 1, ports at core 0 of a row of four.
        MeshTopology row = new(1, 4);
        var hops = RouteMessages.Run(row, [new RoutedMessage(3, [(4 + 2, 8)], 8, 1)], 0, true)[0].Hops;
        Assert.Equal([(0, 3), (0, 2), (0, 1), (1, -1), (1, 0), (1, 1)], hops.Select(h => (h.Chip, h.Link < 0 ? -1 : row.Links[h.Link].From)));
        Assert.Equal([-1, 0, 1, 2, 3, 4], hops.Select(h => h.Parent));
    }

    [Fact]
    public void ThePortOfAnotherChipReceives()
    {
        var hops = RouteMessages.Run(new MeshTopology(1, 4), [new RoutedMessage(0, [(4, 8)], 8, 1)], 0, true)[0].Hops;
        Assert.Equal(new ChannelHop(-1, 1, -1, 8), Assert.Single(hops));
    }

    [Fact]
    public void WithinACoreNothingPasses() => Assert.Empty(RouteMessages.Run(s_mesh, [new RoutedMessage(3, [(3, 8)], 8, 1)], 0, true)[0].Hops);

    private static RoutedMessage[] Messages(int seed, int cores)
    {
        Random random = new(seed);
        return
        [
            .. Enumerable.Range(0, 40).Select(_ =>
            {
                var receivers = Enumerable.Range(0, random.Next(1, 7)).Select(_ => random.Next(cores)).Distinct().Select(c => (c, (long)random.Next(1, 100))).ToImmutableArray();
                return new RoutedMessage(random.Next(cores), receivers, 100, random.Next(1, 20));
            }),
        ];
    }

    /// <summary>Hops of each path, with parents among them.</summary>
    private static List<ImmutableArray<ChannelHop>> PathsOf(RoutedPaths routes)
    {
        List<ImmutableArray<ChannelHop>> paths = [];
        for (int path = 0; path <= routes.Turns.DefaultIfEmpty().Max(); path++)
        {
            int first = Enumerable.Range(0, routes.Hops.Length).FirstOrDefault(h => routes.Hops[h].Path == path);
            paths.Add([.. routes.Hops.Where(h => h.Path == path).Select(h => h with { Parent = h.Parent < 0 ? -1 : h.Parent - first })]);
        }

        Assert.Equal(routes.Hops.Length, paths.Sum(p => p.Length));
        return paths;
    }

    private static long[] LoadsOf(NocTopology topology, ImmutableArray<RoutedPaths> routes, RoutedMessage[] messages)
    {
        long[] loads = new long[topology.Links.Length];
        for (int m = 0; m < messages.Length; m++)
        {
            Channel channel = new(ChannelKind.Rows, 0, [], 1, 0, routes[m].Hops) { Turns = routes[m].Turns };
            foreach (var hop in routes[m].Hops)
            {
                loads[hop.Link] += hop.Bytes * channel.MessagesOn(hop.Path, messages[m].Count);
            }
        }

        return loads;
    }
}

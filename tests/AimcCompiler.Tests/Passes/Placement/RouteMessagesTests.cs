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
                    var depth = Depths(topology, routes[m], messages[m].From);
                    Assert.All(messages[m].Receivers.Where(r => r.Core != messages[m].From), r => Assert.InRange(depth[r.Core], topology.Hops(messages[m].From, r.Core), topology is MeshTopology ? topology.Cores : topology.Hops(messages[m].From, r.Core)));

                    // What nobody is behind is a receiver.
                    var parents = routes[m].Select(h => h.Parent).ToHashSet();
                    Assert.All(Enumerable.Range(0, routes[m].Length).Where(h => !parents.Contains(h) && topology is not BusTopology), h => Assert.Contains(messages[m].Receivers, r => r.Core == topology.Links[routes[m][h].Link].To));
                    Assert.Equal(routes[m].Length, routes[m].Select(h => h.Link).Distinct().Count());
                }
            }
        }
    }

    [Fact]
    public void PathsWithoutContentionAreMinimal()
    {
        foreach (var message in Messages(1, 36))
        {
            var hops = RouteMessages.Run(s_mesh, [message], 0, true)[0];
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
        Assert.Equal([1, 3, 3], routes.Select(r => r.Length).Order());
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
        var hops = RouteMessages.Run(new MeshTopology(1, 3), [new RoutedMessage(0, [(1, 30), (2, 50)], 60, 1)], 0, true)[0];
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
        var hops = RouteMessages.Run(new MeshTopology(1, 3), [new RoutedMessage(0, [(1, 60), (2, 60)], 60, 1)], 0, false)[0];
        Assert.Equal(3, hops.Length);
        Assert.Equal(2, hops.Count(h => h.Parent < 0));
    }

    [Fact]
    public void BetweenChipsMessagesPassThroughPorts()
    {
        // From core 3 of chip 0 to core 2 of chip 1, ports at core 0 of a row of four.
        MeshTopology row = new(1, 4);
        var hops = RouteMessages.Run(row, [new RoutedMessage(3, [(4 + 2, 8)], 8, 1)], 0, true)[0];
        Assert.Equal([(0, 3), (0, 2), (0, 1), (1, -1), (1, 0), (1, 1)], hops.Select(h => (h.Chip, h.Link < 0 ? -1 : row.Links[h.Link].From)));
        Assert.Equal([-1, 0, 1, 2, 3, 4], hops.Select(h => h.Parent));
    }

    [Fact]
    public void WithinACoreNothingPasses() => Assert.Empty(RouteMessages.Run(s_mesh, [new RoutedMessage(3, [(3, 8)], 8, 1)], 0, true)[0]);

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

    private static long[] LoadsOf(NocTopology topology, ImmutableArray<ImmutableArray<ChannelHop>> routes, RoutedMessage[] messages)
    {
        long[] loads = new long[topology.Links.Length];
        for (int m = 0; m < messages.Length; m++)
        {
            foreach (var hop in routes[m])
            {
                loads[hop.Link] += hop.Bytes * messages[m].Count;
            }
        }

        return loads;
    }
}

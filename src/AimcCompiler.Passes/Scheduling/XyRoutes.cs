using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Paths of messages: along the row first, then along the column; with multicast the paths of one message join to a tree, without it each receiver has its own. From chip to chip by the first
/// memory port of each.</summary>
internal static class XyRoutes
{
    /// <param name="capacity">The chips.</param>
    /// <param name="from">Core of the sender, over all chips.</param>
    /// <param name="receivers">Cores, and the bytes that each needs of a message.</param>
    /// <param name="bytes">Of a whole message.</param>
    public static ImmutableArray<ChannelHop> Of(ChipCapacity capacity, int from, IReadOnlyList<(int Core, long Bytes)> receivers, long bytes)
    {
        List<ChannelHop> hops = [];
        Dictionary<(int Chip, int Link), int> tree = [];
        foreach (var (core, needed) in receivers)
        {
            int parent = -1;
            foreach (var step in Path(capacity, from, core))
            {
                if (!capacity.Multicasts || !tree.TryGetValue(step, out int hop))
                {
                    hop = hops.Count;
                    hops.Add(new ChannelHop(step.Link, step.Chip, parent, 0));
                    tree[step] = hop;
                }

                hops[hop] = hops[hop] with { Bytes = Math.Min(bytes, hops[hop].Bytes + needed) };
                parent = hop;
            }
        }

        return [.. hops];
    }

    private static IEnumerable<(int Chip, int Link)> Path(ChipCapacity capacity, int from, int to)
    {
        var topology = capacity.Topology;
        var (chip, other) = (from / topology.Cores, to / topology.Cores);
        if (chip == other)
        {
            return topology.Route(from % topology.Cores, to % topology.Cores).Select(link => (chip, link));
        }

        int port = capacity.Ports[0];
        return topology.Route(from % topology.Cores, port).Select(link => (chip, link))
            .Append((other, -1))
            .Concat(topology.Route(port, to % topology.Cores).Select(link => (other, link)));
    }
}

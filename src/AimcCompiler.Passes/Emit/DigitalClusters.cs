using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Clusters the nodes that are not on tiles into the fewest convex sub-graphs. A node's level is the largest number of changes from tiles
/// to digital work on any path to it; nodes of one level form one cluster. No path leaves a cluster and comes back (it would have to pass
/// tiles, and the level would have risen), and the path that sets the highest level needs that many clusters in any case: so the clusters
/// are convex and their number is the least possible.</summary>
public static class DigitalClusters
{
    public static ImmutableArray<ImmutableArray<Node>> Find(Graph graph, ImmutableDictionary<NodeId, NodeHome> homes)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(homes);
        Dictionary<NodeId, int> levels = [];
        SortedDictionary<int, List<Node>> clusters = [];
        foreach (var node in graph.Nodes)
        {
            bool isAnalog = homes[node.Id].Home == Home.Analog;
            int level = isAnalog ? -1 : 0;
            foreach (var before in graph.Predecessors(node.Id))
            {
                bool rises = !isAnalog && homes[before.Id].Home == Home.Analog;
                level = Math.Max(level, levels[before.Id] + (rises ? 1 : 0));
            }

            levels.Add(node.Id, level);
            if (!isAnalog)
            {
                if (!clusters.TryGetValue(level, out var members))
                {
                    clusters.Add(level, members = []);
                }

                members.Add(node);
            }
        }

        return [.. clusters.Values.Select(c => c.ToImmutableArray())];
    }
}

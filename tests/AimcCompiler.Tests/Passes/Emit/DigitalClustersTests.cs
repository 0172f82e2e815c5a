using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Ir;

namespace AimcCompiler.Tests.Passes;

public sealed class DigitalClustersTests
{
    [Theory]
    [InlineData("D D D", 1)]
    [InlineData("A A", 0)]
    [InlineData("A D A D", 2)]
    [InlineData("D A D A D", 3)]
    [InlineData("D A A A D", 2)]
    public void AChainChangesAsOftenAsItMust(string homes, int clusters)
    {
        bool[] isAnalog = [.. homes.Split(' ').Select(h => h == "A")];
        var graph = Chain(isAnalog.Length, (i, j) => j == i + 1);
        Assert.Equal(clusters, Find(graph, isAnalog).Length);
    }

    [Fact]
    public void BranchesShareTheirClusters()
    {
        // Two branches of analog then digital from one digital node: 2 clusters, not 3.
        var graph = Chain(5, (i, j) => (i, j) is (0, 1) or (0, 2) or (1, 3) or (2, 4));
        Assert.Equal([[0], [3, 4]], Find(graph, [false, true, true, false, false]).Select(c => c.Select(n => n.Id.Value).ToArray()));
    }

    [Fact]
    public void ClustersAreConvexOrderedAndTheFewestPossible()
    {
        Random random = new(11);
        for (int round = 0; round < 400; round++)
        {
            int count = random.Next(1, 9);
            double density = random.NextDouble();
            bool[,] edge = new bool[count, count];
            for (int i = 0; i < count; i++)
            {
                for (int j = i + 1; j < count; j++)
                {
                    edge[i, j] = random.NextDouble() < density;
                }
            }

            bool[] isAnalog = [.. Enumerable.Range(0, count).Select(_ => random.Next(3) == 0)];
            var clusters = Find(Chain(count, (i, j) => edge[i, j]), isAnalog);
            int[] unitOf = [.. Enumerable.Range(0, count).Select(i => 100 + i)];
            foreach (var (cluster, number) in clusters.Select((c, i) => (c, i)))
            {
                foreach (var node in cluster)
                {
                    Assert.False(isAnalog[node.Id.Value]);
                    unitOf[node.Id.Value] = number;
                }

                Assert.Equal(cluster.Select(n => n.Id.Value).Order(), cluster.Select(n => n.Id.Value));
            }

            Assert.All(Enumerable.Range(0, count), i => Assert.Equal(isAnalog[i], unitOf[i] >= 100));
            Assert.True(CanRun(edge, unitOf), $"round {round}: no order of the clusters");
            Assert.Equal(Fewest(edge, isAnalog), clusters.Length);
        }
    }

    /// <summary>Tries every partition of the digital nodes.</summary>
    private static int Fewest(bool[,] edge, bool[] isAnalog)
    {
        int[] digital = [.. Enumerable.Range(0, isAnalog.Length).Where(i => !isAnalog[i])];
        int[] unitOf = [.. Enumerable.Range(0, isAnalog.Length).Select(i => 100 + i)];
        int best = digital.Length;
        Assign(0, 0);
        return best;

        void Assign(int at, int used)
        {
            if (used >= best)
            {
                return;
            }

            if (at == digital.Length)
            {
                best = CanRun(edge, unitOf) ? used : best;
                return;
            }

            for (int cluster = 0; cluster <= used; cluster++)
            {
                unitOf[digital[at]] = cluster;
                Assign(at + 1, Math.Max(used, cluster + 1));
            }

            unitOf[digital[at]] = 100 + digital[at];
        }
    }

    /// <summary>Whether the units, each run whole, have an order: the graph between them has no cycle.</summary>
    private static bool CanRun(bool[,] edge, int[] unitOf)
    {
        HashSet<int> waiting = [.. unitOf];
        while (waiting.Count > 0)
        {
            int? next = waiting.Cast<int?>().FirstOrDefault(unit => !Enumerable.Range(0, unitOf.Length).Any(i =>
                waiting.Contains(unitOf[i]) && unitOf[i] != unit && Enumerable.Range(0, unitOf.Length).Any(j => unitOf[j] == unit && edge[i, j])));
            if (next is not { } found)
            {
                return false;
            }

            waiting.Remove(found);
        }

        return true;
    }

    private static Graph Chain(int count, Func<int, int, bool> hasEdge) => SmallGraph.Of(
        "x",
        "",
        [.. Enumerable.Range(0, count).Select(j => SmallGraph.Node(j, string.Join(' ', Enumerable.Range(0, j).Where(i => hasEdge(i, j)).Select(i => $"v{i}").Prepend("x")), $"v{j}"))]);

    private static ImmutableArray<ImmutableArray<Node>> Find(Graph graph, bool[] isAnalog) => DigitalClusters.Find(
        graph,
        graph.Nodes.ToImmutableDictionary(n => n.Id, n => new NodeHome(isAnalog[n.Id.Value] ? Home.Analog : Home.Digital, FallbackReason.None, "")));
}

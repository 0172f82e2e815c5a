using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Noc;

public sealed class NocTopologyTests
{
    public static TheoryData<string> Topologies => ["1 x 1", "1 x 5", "4 x 3", "bus", "tree of 5", "tree of 16"];

    /// <summary>A path begins and ends at its cores, each link where the one before ended, and has as many links as it has hops.</summary>
    [Theory]
    [MemberData(nameof(Topologies))]
    public void APathIsUnbrokenAndAsLongAsItsHops(string name)
    {
        NocTopology topology = Named(name);
        for (int from = 0; from < topology.Cores; from++)
        {
            for (int to = 0; to < topology.Cores; to++)
            {
                for (int via = 0; via < 2; via++)
                {
                    var route = topology.Route(from, to, via);
                    Assert.Equal(topology.Hops(from, to), route.Length);
                    Assert.Equal(topology.Hops(to, from), route.Length);
                    if (topology is not BusTopology)
                    {
                        int at = from;
                        foreach (int link in route)
                        {
                            Assert.Equal(at, topology.Links[link].From);
                            at = topology.Links[link].To;
                        }

                        Assert.Equal(to, at);
                    }
                }
            }
        }
    }

    /// <summary>Every path from inside a cut to outside takes one of its links.</summary>
    [Theory]
    [MemberData(nameof(Topologies))]
    public void NoPathLeavesACutBesideItsLinks(string name)
    {
        NocTopology topology = Named(name);
        foreach (NocCut cut in topology.Cuts())
        {
            Assert.Contains(true, cut.IsInside);
            Assert.Contains(false, cut.IsInside);
            for (int from = 0; from < topology.Cores; from++)
            {
                for (int to = 0; to < topology.Cores; to++)
                {
                    if (cut.IsInside[from] != cut.IsInside[to])
                    {
                        var links = cut.IsInside[from] ? cut.Out : cut.In;
                        Assert.Contains(topology.Route(from, to), link => links.Contains(link));
                    }
                }
            }
        }
    }

    [Fact]
    public void AMeshIsCutAlongEveryStraightLineAndAroundEveryCore()
    {
        var cuts = new MeshTopology(3, 4).Cuts().ToArray();
        for (int row = 0; row < 2; row++)
        {
            Assert.Equal(4, Assert.Single(cuts, c => c.IsInside.Select((inside, core) => inside == (core / 4 <= row)).All(same => same)).Out.Length);
        }

        for (int column = 0; column < 3; column++)
        {
            Assert.Equal(3, Assert.Single(cuts, c => c.IsInside.Select((inside, core) => inside == (core % 4 <= column)).All(same => same)).Out.Length);
        }

        Assert.Equal(12, cuts.Count(c => c.IsInside.Count(i => i) == 1));
    }

    [Theory]
    [InlineData("mesh", typeof(MeshTopology))]
    [InlineData("bus", typeof(BusTopology))]
    [InlineData("h_tree", typeof(HTreeTopology))]
    public void AChipSaysItsTopology(string topology, Type type)
    {
        var read = NocTopology.Of(ChipReader.Read("tiny", [$"noc.topology={topology}"]));
        Assert.IsType(type, read);
        Assert.Equal(4, read.Cores);
    }

    [Fact]
    public void AChipWithoutMeshIsOneCore() => Assert.Equal(1, NocTopology.Of(ChipReader.Read("float")).Cores);

    private static NocTopology Named(string name) => name switch
    {
        "1 x 1" => new MeshTopology(1, 1),
        "1 x 5" => new MeshTopology(1, 5),
        "4 x 3" => new MeshTopology(4, 3),
        "bus" => new BusTopology(6),
        "tree of 5" => new HTreeTopology(5),
        _ => new HTreeTopology(16),
    };
}

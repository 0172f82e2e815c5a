using System.Diagnostics;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Passes;

/// <summary>Five networks on PIMCOMP's chip, one copy on tiles for every node, against the bounds.</summary>
[Trait("Category", "Long")]
public sealed class PimcompTests(ITestOutputHelper output)
{
    private static readonly CompileOptions s_options = new() { Target = MappingTarget.Throughput, SharesWeights = false, Zeros = ZeroPolicy.Program };

    /// <summary>The most loaded link stays within what was measured of the best cut, above the 1.25 that is aimed at: messages are whole, and partial sums that must add in their order pass as one flow of a copy, which no two paths share.</summary>
    [SharedTheory]
    [InlineData("light_bvlc_alexnet", 1.65)]
    [InlineData("light_inception_v1", 1.26)]
    [InlineData("light_resnet50", 1.31)]
    [InlineData("light_squeezenet", 1.5)]
    [InlineData("light_vgg19", 2.05)]
    public void MappingsAreNearTheirBounds(string name, double link)
    {
        var chip = ChipReader.Read("pimcomp");
        var (stages, capacity) = Stages(name, chip);
        var families = TileFamily.Of(stages);
        long tiles = families.Sum(f => f.Tiles);
        if (name == "light_vgg19")
        {
            Assert.Equal(8778, tiles);
        }

        var before = Process.GetCurrentProcess().TotalProcessorTime;
        TimeSpan Spent() => Process.GetCurrentProcess().TotalProcessorTime - before;
        var replication = ReplicateLayers.Run(stages, capacity, s_options);
        var replicated = Spent();
        var packed = PackCores.Run(stages, replication, capacity, s_options);
        var packing = Spent() - replicated;
        var placed = PlaceCores.Run(stages, packed, capacity, s_options);
        var placing = Spent() - replicated - packing;

        // The largest of: copies that the tiles allow, issues over all cores.
        long issues = families.Sum(f => f.Vectors * f.Groups.Sum(g => g.Rounds));
        double bound = Math.Max(ReplicateLayers.LeastInterval(families, capacity) / 1000.0, (issues + 143) / 144 * capacity.IssuePs!.Value / 1000.0);
        double achieved = PackCoresTests.AchievedNs(stages, capacity, packed);
        output.WriteLine(FormattableString.Invariant($"{name}: {tiles} tiles of one copy, {packed.RowGroups.Sum(g => g.Tiles.Length)} used, {packed.Replication.StoppedBy}; MVM bottleneck {achieved} ns, bound {bound} ns ({achieved / bound:F4})"));
        output.WriteLine(FormattableString.Invariant($"  CPU: copies {replicated.TotalMilliseconds:F0} ms, cores {packing.TotalMilliseconds:F0} ms, places {placing.TotalMilliseconds:F0} ms"));
        Assert.InRange(achieved, bound, Math.Max(1.05 * bound, bound + 4000));

        var (problem, _) = PlaceCores.ProblemOf(PackCores.TrafficOf(stages, packed, [144]), capacity, 0);
        long own = PlaceCores.Solve(problem, 1, 1).ByteHops;
        long snake = PlaceCores.SnakeByteHops(problem);
        output.WriteLine(FormattableString.Invariant($"  byte-hops {own}: {(double)own / snake:F3} of the snake"));
        Assert.InRange(own, PlacementBounds.GilmoreLawler(problem), 0.85 * snake);

        var messages = MappingTraffic.Messages(stages, placed, [0]);
        before = Process.GetCurrentProcess().TotalProcessorTime;
        var routes = RouteMessages.Run(capacity.Topology, messages, 0, true);
        var routing = Spent();
        long[] loads = new long[capacity.Topology.Links.Length];
        foreach (var hop in routes.SelectMany(r => r))
        {
            loads[hop.Link] += hop.Bytes;
        }

        var (cut, where) = PlacementBounds.MostLoadedLink(capacity.Topology, [.. messages.SelectMany(Layers)]);
        output.WriteLine(FormattableString.Invariant($"  most loaded link {loads.Max()} bytes, cut bound {cut:F0} ({loads.Max() / cut:F3}, {where?.Name}); {loads.Max() / 25.6:F0} ns; routes {routing.TotalMilliseconds:F0} ms"));
        Assert.InRange(loads.Max(), cut - 1, link * cut);
    }

    [SharedTheory]
    [InlineData("light_bvlc_alexnet")]
    [InlineData("light_inception_v1")]
    [InlineData("light_resnet50")]
    [InlineData("light_squeezenet")]
    [InlineData("light_vgg19")]
    public void PlacesAreNearTheBestOfManyLongSearches(string name)
    {
        var (stages, capacity) = Stages(name, ChipReader.Read("pimcomp"));
        var packed = PackCores.Run(stages, ReplicateLayers.Run(stages, capacity, s_options), capacity, s_options);
        var (problem, _) = PlaceCores.ProblemOf(PackCores.TrafficOf(stages, packed, [144]), capacity, 0);
        long own = PlaceCores.Solve(problem, 1, 1).ByteHops;
        long best = Enumerable.Range(1, 20).Min(seed => PlaceCores.Solve(problem, seed, 10).ByteHops);
        output.WriteLine(FormattableString.Invariant($"{name}: byte-hops {own}, {(double)own / best:F4} of the best of 20 seeds with ten times the moves"));
        Assert.InRange(own, 0, 1.03 * best);
    }

    /// <summary>A message of which receivers need different amounts, as messages of which all receivers need all.</summary>
    private static IEnumerable<Multicast> Layers(RoutedMessage message)
    {
        var receivers = message.Receivers.OrderByDescending(r => r.Bytes).ToArray();
        for (int k = 0; k < receivers.Length; k++)
        {
            long bytes = receivers[k].Bytes - (k + 1 < receivers.Length ? receivers[k + 1].Bytes : 0);
            if (bytes > 0)
            {
                yield return new Multicast(message.From, [.. receivers.Take(k + 1).Select(r => r.Core)], bytes);
            }
        }
    }

    private static (StageGraph Stages, ChipCapacity Capacity) Stages(string name, ChipDescription chip)
    {
        DiagnosticBag diagnostics = new();
        string file = Path.Combine(Path.GetTempPath(), $"aimc-{Guid.NewGuid():N}.onnx");
        Graph graph;
        try
        {
            using (var stream = File.Create(file))
            {
                Reseeder.Reseed(Path.Combine(SharedFolder.Folder, "models", "onnx", $"{name}.onnx"), 1).WriteTo(stream);
            }

            graph = OnnxImporter.Import(file);
        }
        finally
        {
            File.Delete(file);
        }

        var simple = FoldBatchNorm.Run(InlineBranches.Run(FoldConstants.Run(graph)));
        var typed = ExpandMvms.Run(Calibrate.InferTypes(ExpandMvms.Run(simple, s_options), s_options, diagnostics), s_options);
        var lowered = LowerToMvm.Run(PartitionGraph.Run(FreeBatch.Run(Calibrate.Run(typed, s_options), s_options), s_options, diagnostics), chip, s_options, diagnostics);
        var split = SplitWeights.Run(SliceBits.Run(Encode.Run(QuantizeWeights.Run(lowered, chip), chip)), chip, s_options);
        var staged = FindStages.Run(split, chip);
        Assert.Null(staged.NotScheduled);
        return (staged.Stages!, ChipCapacity.Of(chip, 1));
    }
}

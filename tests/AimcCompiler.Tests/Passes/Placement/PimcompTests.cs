using System.Diagnostics;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Passes;

/// <summary>Five networks on PIMCOMP's chip, one copy on tiles for every node, against the bounds.</summary>
[Trait("Category", "Long")]
public sealed class PimcompTests(ITestOutputHelper output)
{
    [SharedTheory]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void MappingsAreNearTheirBounds(string name)
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
        var replication = ReplicateLayers.Run(stages, capacity, DrawnNetworks.AsPimcomp);
        var replicated = Spent();
        var packed = PackCores.Run(stages, replication, capacity, DrawnNetworks.AsPimcomp);
        var packing = Spent() - replicated;
        var placed = PlaceCores.Run(stages, packed, capacity, DrawnNetworks.AsPimcomp);
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
    }

    /// <summary>Channels as they are in the program: the most loaded link against the best cut.</summary>
    [SharedTheory]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void LinksAreNearTheBestCut(string name)
    {
        var program = AimcCompilation.Compile(DrawnNetworks.Import(name), ChipReader.Read("pimcomp"), DrawnNetworks.AsPimcomp).Program;
        var noc = BoundSurvey.Of(program).Single(b => b.Name == "noc");
        var channels = program.Schedule!.Channels;
        output.WriteLine(FormattableString.Invariant($"{name}: most loaded link {1e6 * noc.Achieved:F2} us, cut bound {1e6 * noc.Value:F2} us ({noc.Achieved / noc.Value:F3}, {noc.Why}); {channels.Count(c => !c.Turns.IsEmpty)} of {channels.Length} channels take several paths, {channels.Where(c => !c.Turns.IsEmpty).Sum(c => c.Paths)} in all"));
        Assert.InRange(noc.Achieved!.Value / noc.Value!.Value, 1, 1.25);
    }

    [SharedTheory]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void PlacesAreNearTheBestOfManyLongSearches(string name)
    {
        var (stages, capacity) = Stages(name, ChipReader.Read("pimcomp"));
        var packed = PackCores.Run(stages, ReplicateLayers.Run(stages, capacity, DrawnNetworks.AsPimcomp), capacity, DrawnNetworks.AsPimcomp);
        var (problem, _) = PlaceCores.ProblemOf(PackCores.TrafficOf(stages, packed, [144]), capacity, 0);
        long own = PlaceCores.Solve(problem, 1, 1).ByteHops;
        long best = Enumerable.Range(1, 20).Min(seed => PlaceCores.Solve(problem, seed, 10).ByteHops);
        output.WriteLine(FormattableString.Invariant($"{name}: byte-hops {own}, {(double)own / best:F4} of the best of 20 seeds with ten times the moves"));
        Assert.InRange(own, 0, 1.03 * best);
    }

    private static (StageGraph Stages, ChipCapacity Capacity) Stages(string name, ChipDescription chip)
    {
        DiagnosticBag diagnostics = new();
        var simple = FoldBatchNorm.Run(InlineBranches.Run(FoldConstants.Run(DrawnNetworks.Import(name))));
        var typed = ExpandMvms.Run(Calibrate.InferTypes(ExpandMvms.Run(simple, DrawnNetworks.AsPimcomp), DrawnNetworks.AsPimcomp, diagnostics), DrawnNetworks.AsPimcomp);
        var lowered = LowerToMvm.Run(PartitionGraph.Run(FreeBatch.Run(Calibrate.Run(typed, DrawnNetworks.AsPimcomp), DrawnNetworks.AsPimcomp), DrawnNetworks.AsPimcomp, diagnostics), chip, DrawnNetworks.AsPimcomp, diagnostics);
        var split = SplitWeights.Run(SliceBits.Run(Encode.Run(QuantizeWeights.Run(lowered, chip), chip)), chip, DrawnNetworks.AsPimcomp);
        var staged = FindStages.Run(split, chip);
        Assert.Null(staged.NotScheduled);
        return (staged.Stages!, ChipCapacity.Of(chip, 1));
    }
}

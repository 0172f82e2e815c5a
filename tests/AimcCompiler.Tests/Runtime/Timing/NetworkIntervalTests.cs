using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Passes;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>Five networks on PIMCOMP's chip, one copy on tiles for every node, simulated until they are steady, against the bounds of any mapping.</summary>
[Trait("Category", "Long")]
public sealed class NetworkIntervalTests(ITestOutputHelper output)
{
    /// <param name="name">Model in the shared folder.</param>
    [SharedTheory]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void SteadyIntervalsAreNearTheLargestBound(string name)
    {
        var program = AimcCompilation.Compile(DrawnNetworks.Import(name), ChipReader.Read("pimcomp"), DrawnNetworks.AsPimcomp).Program;
        var result = TimingSimulator.Run(program, new TimingOptions { HasStalls = false });
        Assert.True(result.IsSteady);
        LowerBound[] bounds = [.. BoundSurvey.Of(program, result.IntervalS, result.LatencyS).Where(b => b is { Limits: "interval", Value: not null })];
        double largest = bounds.Max(b => b.Value!.Value);
        output.WriteLine(FormattableString.Invariant($"{name}: {result.IntervalS * 1e6:F1} us ({result.IntervalFrom}, {result.Inferences} inferences), largest bound {largest * 1e6:F1} us ({result.IntervalS / largest:F3})"));
        Assert.InRange(result.IntervalS!.Value, largest, 1.25 * largest);
    }
}

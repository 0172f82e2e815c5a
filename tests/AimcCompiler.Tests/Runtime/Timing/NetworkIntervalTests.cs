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
    private static readonly CompileOptions s_options = new() { Target = MappingTarget.Throughput, SharesWeights = false, Zeros = ZeroPolicy.Program, Shifts = ShiftPolicy.Never };

    /// <param name="name">Model in the shared folder.</param>
    [SharedTheory]
    [InlineData("light_bvlc_alexnet")]
    [InlineData("light_inception_v1")]
    [InlineData("light_resnet50")]
    [InlineData("light_squeezenet")]
    [InlineData("light_vgg19")]
    public void SteadyIntervalsAreNearTheLargestBound(string name)
    {
        var program = AimcCompilation.Compile(DrawnNetworks.Import(name), ChipReader.Read("pimcomp"), s_options).Program;
        var result = TimingSimulator.Run(program, new TimingOptions { HasStalls = false });
        Assert.True(result.IsSteady);
        LowerBound[] bounds = [.. BoundSurvey.Of(program, result.IntervalS, result.LatencyS).Where(b => b is { Limits: "interval", Value: not null })];
        double largest = bounds.Max(b => b.Value!.Value);
        output.WriteLine(FormattableString.Invariant($"{name}: {result.IntervalS * 1e6:F1} us ({result.IntervalFrom}, {result.Inferences} inferences), largest bound {largest * 1e6:F1} us ({result.IntervalS / largest:F3})"));
        Assert.InRange(result.IntervalS!.Value, largest, 1.25 * largest);
    }
}

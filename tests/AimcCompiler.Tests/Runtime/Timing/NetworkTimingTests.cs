using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Passes;
using AimcCompiler.Tests.Passes.Scheduling;

namespace AimcCompiler.Tests.Runtime.Timing;

/// <summary>Programs that the compiler schedules, against what no schedule can beat and against worked networks.</summary>
public sealed class NetworkTimingTests
{
    public static TheoryData<string> Models => [.. ScheduleProgramTests.Models.Keys];

    [Theory]
    [MemberData(nameof(Models))]
    public void EveryScheduleEndsAndIsNotFasterThanItsTiles(string model)
    {
        var program = AimcCompilation.Compile(ScheduleProgramTests.Models[model].Import(), ChipReader.Read("isaac"), new CompileOptions()).Program;
        double? perSecond = MappingReport.Of(program).Estimate.ThroughputPerS;
        foreach (var parts in (TimedParts[])[TimedParts.None, TimedParts.All])
        {
            var result = TimingSimulator.Run(program, new TimingOptions { Parts = parts });
            Assert.True(result.IsSteady);
            // Without ends of buffers nothing waits for a layer that nobody reads.
            if (perSecond is { } most && (parts == TimedParts.All || model != "a layer that nobody reads"))
            {
                Assert.InRange(result.IntervalS!.Value, 0.999999 / most, double.MaxValue);
            }
        }
    }

    /// <summary>hardware.md 2.6: ResNet-18 with tiles alone, in the buffers of the preset. One layer after the other, 30,234 MVMs of 132.94 ns. With everything that takes time isaac's buffers of 64 KiB cost nothing: its first
    /// convolution, 12,544 vectors of 1.6 us, hides it all.</summary>
    [Theory]
    [InlineData("hermes", 599.7, 4019e-6)]
    [InlineData("isaac", 49.8, null)]
    [Trait("Category", "Long")]
    public void WorkedNetworksHaveTheirTimes(string name, double perSecond, double? serialS)
    {
        var program = AimcCompilation.Compile(ResNet18Tests.Network().Import(), ChipReader.Read(name), new CompileOptions { Chips = null }).Program;
        var pipelined = TimingSimulator.Run(program, new TimingOptions { Parts = TimedParts.None });
        Assert.InRange(1 / pipelined.IntervalS!.Value, perSecond * 0.98, perSecond * 1.02);
        if (serialS is { } expected)
        {
            var serial = TimingSimulator.Run(program, new TimingOptions { Parts = TimedParts.None, IsSerial = true, Inferences = 1 });
            Assert.InRange(serial.LatencyS!.Value, expected * 0.98, expected * 1.02);
        }
        else
        {
            Assert.InRange(1 / TimingSimulator.Run(program, new TimingOptions()).IntervalS!.Value, perSecond * 0.98, perSecond * 1.02);
        }
    }
}

using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class MvmTimingTests
{
    [Theory]
    [InlineData(16, 3, 128, 2304, 2048)] // PUMA
    [InlineData(16, 5, 200, 4000, 3200)]
    [InlineData(1, 1, 132.94, 132.94, 132.94)] // HERMES
    public void LatencyFillsThePipelineOnce(int pulses, int stages, double cycleNs, double latencyNs, double intervalNs)
    {
        MvmTiming timing = MvmTiming.Of(pulses, stages, cycleNs);
        Assert.Equal(latencyNs, timing.LatencyNs!.Value, 9);
        Assert.Equal(intervalNs, timing.InitiationIntervalNs!.Value, 9);
    }

    [Fact]
    public void AChipMaySayTheInterval()
    {
        TileDescription tile = ChipReader.Read("tiny", ["tile.timing.initiation_interval_ns=1000"]).Tile;
        MvmTiming timing = MvmTiming.Of(tile, unsignedCodes: false);
        Assert.Equal((500.0, 1000.0), (timing.LatencyNs, timing.InitiationIntervalNs)); // 3 pulses, 3 stages of 100 ns
    }

    [Fact]
    public void IsaacStartsAnMvmEvery1600Nanoseconds() =>
        Assert.Equal(1600, MvmTiming.Of(ChipReader.Read("isaac").Tile, unsignedCodes: false).InitiationIntervalNs);

    [Fact]
    public void WithoutACycleTimeThereIsNoLatency() => Assert.Null(MvmTiming.Of(16, 3, null).LatencyNs);
}

using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Reports;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Reports;

/// <summary>On the schedule written by hand: two convolutions of two copies each on two cores of the preset tiny, a Relu between.</summary>
public sealed class BoundSurveyTests
{
    private static readonly MappedProgram s_program = ScheduleSamples.Tiny();

    private static readonly IReadOnlyDictionary<string, LowerBound> s_bounds = BoundSurvey.Of(s_program).ToDictionary(b => b.Name);

    [Fact]
    public void EveryBoundIsThereAndNoneIsBeaten()
    {
        Assert.Equal(
            ["tiles", "interval", "bottleneck", "work", "digital", "memory", "noc", "latency", "buffers", "segments", "placement"],
            BoundSurvey.Of(s_program).Select(b => b.Name));
        Assert.All(s_bounds.Values.Where(b => b.Gap is not null), b => Assert.True(b.Gap >= 0, $"{b}"));
    }

    /// <summary>25 vectors, 300 ns each, on 2 copies: 13 of them. 16 tiles would hold 7 copies of one tile and 3 of three: 4 vectors each of 25, 3 of 9.</summary>
    [Fact]
    public void TheBottleneckIsTheBusiestTile()
    {
        Assert.Equal(3900e-9, s_bounds["bottleneck"].Achieved!.Value, 1e-15);
        Assert.Equal(1200e-9, s_bounds["bottleneck"].Value!.Value, 1e-15);
        Assert.Equal(3900, BoundSurvey.MvmBottleneckNs(s_program)!.Value, 1e-9);
    }

    [Fact]
    public void MvmsAreBegunByTheCores()
    {
        MappedProgram issuing = s_program with { Chip = ChipReader.Read("tiny", ["core.mvm_issue_ns=1000"]) };
        // Core 0: 13 of the first, 5 and 5 and 4 of the second; core 1: 12, 5, 4 and 4.
        LowerBound work = BoundSurvey.Of(issuing).Single(b => b.Name == "work");
        Assert.Equal(27e-6, work.Achieved!.Value, 1e-12);
        Assert.Equal(13e-6, work.Value!.Value, 1e-12); // 52 on 4 cores
        Assert.Equal(27_000, BoundSurvey.MvmBottleneckNs(issuing)!.Value, 1e-6);
    }

    /// <summary>36 bytes in and 18 out at 6.4 GB/s.</summary>
    [Fact]
    public void MemoryMovesInputsAndOutputs()
    {
        Assert.Equal(54 / 6.4e9, s_bounds["memory"].Value!.Value, 1e-13);
        Assert.Equal(s_bounds["memory"].Value, s_bounds["memory"].Achieved);
    }

    /// <summary>To core 1: 6 rows of 6 bytes, 13 results of 2, 5 partial sums of 4; back: 5 rows of 10, 4 partial sums of 4, 5 results of 2. 4 GB/s.</summary>
    [Fact]
    public void TheNocCarriesWhatCoresSendEachOther()
    {
        Assert.Equal(82 / 4e9, s_bounds["noc"].Achieved!.Value, 1e-13);
        Assert.InRange(s_bounds["noc"].Value!.Value, 41 / 4e9, 82 / 4e9); // core 1 has two links
        Assert.Contains("(0,", s_bounds["noc"].Why, StringComparison.Ordinal);
    }

    [Fact]
    public void PlacementIsBoundedByTheShortestDistances()
    {
        Assert.Equal(82 + 76, s_bounds["placement"].Achieved);
        Assert.InRange(s_bounds["placement"].Value!.Value, 1, 158);
    }

    [Fact]
    public void BuffersHoldTheirRows()
    {
        Assert.Equal((4 * 6 * 2) + (2 * 10 * 2) + (5 * 10 * 2) + (2 * 6), s_bounds["buffers"].Achieved);
        Assert.InRange(s_bounds["buffers"].Value!.Value, 30, 200); // three rows of the Relu at least
    }

    [Fact]
    public void TheLargestBoundOnTheIntervalBinds()
    {
        var reports = BoundSurvey.ReportsOf(BoundSurvey.Of(s_program), MappingTarget.Throughput);
        Assert.Equal("bottleneck", Assert.Single(reports, r => r.Binding).Name);
        Assert.Equal("latency", Assert.Single(BoundSurvey.ReportsOf(BoundSurvey.Of(s_program), MappingTarget.Latency), r => r.Binding).Name);
        BoundReport interval = reports.Single(r => r.Name == "interval");
        Assert.Equal(s_bounds["bottleneck"].Value, interval.Value);
        Assert.Equal(s_bounds["bottleneck"].Achieved, interval.Achieved);
    }

    [Fact]
    public void WhatIsSimulatedTakesThePlaceOfEstimates()
    {
        var bounds = BoundSurvey.Of(s_program, 5e-6, 9e-6).ToDictionary(b => b.Name);
        Assert.Equal((5e-6, 9e-6), (bounds["interval"].Achieved, bounds["latency"].Achieved));
    }

    /// <summary>A third copy of the first convolution: 9 vectors of 300 ns. On twice the tiles two MVMs of 400 ns bound it.</summary>
    [Fact]
    public void LeversComeByTheirGain()
    {
        var levers = BoundSurvey.WhatIf(s_program);
        WhatIf copy = Assert.Single(levers, w => w.Lever.Contains("copy", StringComparison.Ordinal));
        Assert.Equal("1 tile: another copy of conv1", copy.Lever);
        Assert.Equal(2700, copy.IntervalNs!.Value, 1e-6);
        Assert.Equal(100 * 12 / 39.0, copy.GainPercent!.Value, 1e-6);
        WhatIf tiles = levers.Single(w => w.Lever == "2 x core.tiles");
        Assert.Equal(800, tiles.IntervalNs!.Value, 1e-6);
        Assert.Equal(0, levers.Single(w => w.Lever == "2 x off_chip.gb_per_s").GainPercent!.Value, 1e-9);
        Assert.Equal(levers.OrderByDescending(w => w.GainPercent), levers);
    }

    [Fact]
    public void WithoutAScheduleThereIsNothingToBound()
    {
        MappedProgram program = SampleProgram.Tiny();
        Assert.Empty(BoundSurvey.Of(program));
        Assert.Empty(BoundSurvey.WhatIf(program));
        Assert.Null(BoundSurvey.MvmBottleneckNs(program));
        Assert.Equal(["tiles", "interval"], MappingReport.Of(program).Bounds.Select(b => b.Name));
    }
}

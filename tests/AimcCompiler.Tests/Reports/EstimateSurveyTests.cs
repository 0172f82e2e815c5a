using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Passes.Scheduling;

namespace AimcCompiler.Tests.Reports;

/// <summary>What a compile says that transfers take, against the simulator.</summary>
public sealed class EstimateSurveyTests
{
    private static readonly string[] s_transfers = ["noc", "board", "off_chip"];

    [Theory]
    [InlineData("isaac", "")]
    [InlineData("puma", "")]
    [InlineData("tiny", "")]
    [InlineData("tiny", "noc.multicast=true")]
    [InlineData("tiny", "noc.topology=bus")]
    [InlineData("tiny", "noc.topology=h_tree")]
    [InlineData("tiny", "mesh.rows=1 noc.flit_bits=256")]
    public void TransfersTakeWhatTheSimulatorSays(string chip, string changes)
    {
        bool isMoved = false;
        foreach (var (name, model) in ScheduleProgramTests.Models)
        {
            foreach (var target in (MappingTarget[])[MappingTarget.Tiles, MappingTarget.Throughput])
            {
                var program = AimcCompilation.Compile(
                    model.Import(), ChipReader.Read(chip, ["core.buffer_kib=null", .. changes.Split(' ', StringSplitOptions.RemoveEmptyEntries)]), new CompileOptions { Target = target, Chips = null }).Program;
                if (program.Schedule is not null)
                {
                    AssertSame(program, name);
                    isMoved |= MappingReport.Of(program).Estimate.Breakdown.Any(p => p is { Part: "noc", EnergyJ: > 0 });
                }
            }
        }

        Assert.True(isMoved || chip == "puma"); // one core holds each of them
    }

    [Fact]
    public void FromChipToChipToo()
    {
        var program = AimcCompilation.Compile(
            ScheduleProgramTests.Models["a chain"].Import(), ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=2", "core.tiles=3", "core.buffer_kib=null"]), new CompileOptions { Chips = null }).Program;
        Assert.True(program.Chips > 1);
        AssertSame(program, "a chain");
        Assert.Contains(MappingReport.Of(program).Estimate.Breakdown, p => p is { Part: "board", EnergyJ: > 0 });
    }

    /// <summary>What passes from segment to segment leaves the chip and comes back.</summary>
    [Fact]
    public void OfAllSegmentsTogether()
    {
        var model = ScheduleProgramTests.Models["a chain"];
        var whole = AimcCompilation.Compile(model.Import(), ChipReader.Read("tiny", ["core.buffer_kib=null"]), new CompileOptions { Chips = null, Sharing = TileSharing.Never }).Program;
        var program = AimcCompilation.Compile(
            model.Import(), ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=2", "core.tiles=3", "core.buffer_kib=null"]), new CompileOptions { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never }).Program;
        Assert.True(program.SegmentSchedules.Length > 1);
        AssertSame(program, "a chain");
        Assert.True(PartOf(program, "off_chip") > PartOf(whole, "off_chip"));
    }

    [Fact]
    public void TheSystemIsWorseThanItsTilesByWhatItMoves()
    {
        var program = Sample();
        var estimate = MappingReport.Of(program).Estimate;
        Assert.Equal(estimate.Breakdown.Sum(p => p.EnergyJ!.Value) * 1e12, estimate.EnergyJ!.Value * 1e12, 6);
        Assert.Equal(estimate.TopsPerWSystem!.Value, 2e-12 * MappingReport.Of(program).AnalogMacs / estimate.EnergyJ.Value, 9);
        Assert.True(estimate.TopsPerWMacro > estimate.TopsPerWSystem);
        Assert.Equal(["chip_static"], estimate.NotModelled.AsEnumerable());
    }

    [Fact]
    public void WhatTheChipDoesNotSayOfTransfersIsNullAndNamed()
    {
        var program = Sample() with { Chip = ChipReader.Read("tiny", ["noc.pj_per_bit_hop=null", "off_chip.pj_per_bit=null"]) };
        var estimate = MappingReport.Of(program).Estimate;
        Assert.Equal(["noc", "off_chip", "chip_static"], estimate.NotModelled.AsEnumerable());
        Assert.NotNull(estimate.EnergyJ);
        Assert.Null(estimate.TopsPerWSystem);
    }

    private static MappedProgram Sample() => Binary.ScheduleSamples.Tiny();

    private static double? PartOf(MappedProgram program, string part) => MappingReport.Of(program).Estimate.Breakdown.Single(p => p.Part == part).EnergyJ;

    private static void AssertSame(MappedProgram program, string name)
    {
        var estimate = MappingReport.Of(program).Estimate;
        var simulated = TimingSimulator.Run(program, new TimingOptions { Inferences = 1 }).Energy.ToDictionary(e => e.Part, e => e.Joules);
        foreach (string part in s_transfers)
        {
            double? estimated = estimate.Breakdown.SingleOrDefault(p => p.Part == part) is { } found ? found.EnergyJ : 0;
            Assert.True(Math.Abs(estimated!.Value - simulated[part]!.Value) <= 1e-9 * simulated[part], $"{name}: {part} {estimated} {simulated[part]}");
        }

        Assert.DoesNotContain(estimate.NotModelled, s_transfers.Contains);
    }
}

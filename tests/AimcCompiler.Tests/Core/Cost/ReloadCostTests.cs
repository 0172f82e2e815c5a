using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Cost;

public sealed class ReloadCostTests
{
    private static readonly ChipDescription Silent = ChipReader.Read("tiny");
    private static readonly ChipDescription Counting = ChipReader.Read(
        "tiny",
        [
            """tile.cell.device={"name":"gaussian","programming_sigma":0.05,"read_sigma":null,"scaling":"independent","distribution":"normal"}""",
            """tile.cell.programming={"method":"one_shot","tolerance_us":null,"tolerance_fraction":null,"max_pulses":null,"pulse_ns":50,"pulse_pj":2}""",
        ]);

    /// <summary>Two blocks of 8 x 2 weights of 4 bits: 16 bytes at 6.4 GB/s, 50.8 pJ a bit.</summary>
    [Fact]
    public void WithoutAnAccountOfPulsesTheCodesCount()
    {
        var cost = ReloadCost.Of(Silent, 1, [(0, 8, 2), (1, 8, 2)]);
        Assert.Equal((16L, null), (cost.Bytes, cost.PulsesS));
        Assert.Equal(2.5e-9, cost.TimeS!.Value, 1e-15);
        Assert.Equal(128 * 50.8e-12, cost.EnergyJ!.Value, 1e-15);
        Assert.Equal(1.25e-9, ReloadCost.Of(Silent, 2, [(0, 8, 2), (1, 8, 2)]).TimeS!.Value, 1e-15);
    }

    /// <summary>64 devices a block, one after the other on a tile, tiles together: longer than the codes take to come.</summary>
    [Fact]
    public void TheLongerOfPulsesAndCodesCounts()
    {
        var cost = ReloadCost.Of(Counting, 1, [(0, 8, 2), (0, 8, 2), (1, 8, 2)]);
        Assert.Equal(2 * 64 * 50e-9, cost.TimeS!.Value, 1e-12);
        Assert.Equal((3 * 64 * 2e-12) + (3 * 64 * 50.8e-12), cost.EnergyJ!.Value, 1e-15);
    }

    [Fact]
    public void OnOtherTilesPulsesGoTogetherAndCodesFollowEachOther()
    {
        var one = ReloadCost.Of(Counting, 1, [(0, 8, 2)]);
        var other = ReloadCost.Of(Counting, 1, [(1, 4, 2)]);
        var both = ReloadCost.Of(Counting, 1, [(0, 8, 2), (1, 4, 2)]);
        var sum = one.With(other);
        Assert.Equal((both.Bytes, both.PulsesS), (sum.Bytes, sum.PulsesS));
        Assert.Equal(both.LoadS!.Value, sum.LoadS!.Value, 1e-18);
        Assert.Equal(both.EnergyJ!.Value, sum.EnergyJ!.Value, 1e-18);
        Assert.Equal((3 * one.Bytes, one.PulsesS, 3 * one.LoadS), (one.OfCopies(3).Bytes, one.OfCopies(3).PulsesS, one.OfCopies(3).LoadS));
    }

    [Fact]
    public void WhatTheChipDoesNotSayIsNotKnown()
    {
        var cost = ReloadCost.Of(ChipReader.Read("tiny", ["off_chip=null"]), 1, [(0, 8, 2)]);
        Assert.Equal((null, null, 8L), (cost.TimeS, cost.EnergyJ, cost.Bytes));
        Assert.Equal(2.5e-9, cost.With(ReloadCost.Of(Silent, 1, [(0, 8, 4)])).TimeS!.Value, 1e-15);
    }
}

using AimcCompiler.Core;

namespace AimcCompiler.Tests.Core.Mapping;

public sealed class ChipCapacityTests
{
    private const string Board = "board={\"gb_per_s\":10,\"latency_ns\":100,\"pj_per_bit\":null}";

    [Fact]
    public void PimcompHasThePublishedRates()
    {
        var chip = ChipCapacity.Of(ChipReader.Read("pimcomp"), 1);
        Assert.Equal((144, 9216L), (chip.Cores, chip.Tiles));
        Assert.Equal(200_000, chip.IssuePs);
        Assert.Equal(10_000_000 / 32, chip.PsPerThousandOperations); // 32 values of 16 bits in 10 ns
        Assert.Equal(39_062, chip.LinkPsPerKilobyte); // 25.6 GB/s
        Assert.Equal(15_625, chip.MemoryPsPerKilobyte); // 64 GB/s
        Assert.Equal(156_250, chip.BoardPsPerKilobyte); // 6.4 GB/s
        Assert.True(chip.Multicasts);
        Assert.Equal([0], chip.Ports.AsEnumerable());
        Assert.Null(chip.BufferBytes);
        Assert.Null(chip.BufferPsPerKilobyte);
        Assert.Null(chip.ConvertingTiles);
    }

    [Fact]
    public void WhatAChipDoesNotSayIsNoLimit()
    {
        var chip = ChipCapacity.Of(ChipReader.Read("float"), 1);
        Assert.Null(chip.Tiles);
        Assert.Equal(1, chip.Cores);
        Assert.Equal(
            new long?[6],
            [chip.IssuePs, chip.PsPerThousandOperations, chip.BufferPsPerKilobyte, chip.LinkPsPerKilobyte, chip.MemoryPsPerKilobyte, chip.BoardPsPerKilobyte]);
        Assert.False(chip.Multicasts);
    }

    [Fact]
    public void FlitsAndClockAreTheRateOfALink() =>
        Assert.Equal(250_000, ChipCapacity.Of(ChipReader.Read("tiny"), 1).LinkPsPerKilobyte); // 32 bits at 1 GHz are 4 GB/s

    [Fact]
    public void ChipsReachEachOtherOverTheBoardOrOffChip()
    {
        var board = ChipCapacity.Of(ChipReader.Read("tiny", [Board]), 2);
        Assert.Equal((100_000, 100_000), (board.BoardPsPerKilobyte, board.BoardLatencyPs));
        Assert.Equal(8, board.Cores);
        var without = ChipCapacity.Of(ChipReader.Read("tiny", ["off_chip.latency_ns=50"]), 2);
        Assert.Equal((156_250, 50_000, 50_000), (without.BoardPsPerKilobyte, without.BoardLatencyPs, without.MemoryLatencyPs));
    }

    [Fact]
    public void DeadTilesAreNotCounted()
    {
        var chip = ChipCapacity.Of(ChipReader.Read("tiny"), 2, [0, 3, 3, 17]);
        Assert.Equal([2, 4, 4, 4, 3, 4, 4, 4], chip.TilesOfCore.AsEnumerable());
        Assert.Equal(29, chip.Tiles);
    }

    [Theory]
    [InlineData(3, 4, 1, new[] { 0 })]
    [InlineData(3, 4, 2, new[] { 0, 11 })]
    [InlineData(3, 4, 5, new[] { 0, 2, 7, 10, 8 })]
    [InlineData(3, 4, 10, new[] { 0, 1, 2, 3, 7, 11, 10, 9, 8, 4 })]
    [InlineData(1, 4, 4, new[] { 0, 1, 2, 3 })]
    [InlineData(4, 1, 2, new[] { 0, 2 })]
    [InlineData(1, 1, 4, new[] { 0 })]
    public void PortsStandEvenlyAtTheEdge(int rows, int columns, int ports, int[] cores)
    {
        var chip = ChipReader.Read("tiny", [$"mesh.rows={rows}", $"mesh.columns={columns}", $"off_chip.ports={ports}"]);
        Assert.Equal(cores, ChipCapacity.Of(chip, 1).Ports.AsEnumerable());
    }
}

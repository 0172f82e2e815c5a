using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Passes;

/// <summary>On "tiny" (16 tiles of 8 rows by 2 weights) small layers stand on one tile and leave the others to copies.</summary>
public sealed class ShareRowGroupsTests
{
    /// <summary>A convolution of 36 vectors, and products of one small row group each that take a vector an inference.</summary>
    private static TestModel Network(int products)
    {
        var model = new TestModel().Input("x", 1, 2, 7, 7).Weights("w", 2, 2, 2, 2).Node("Conv", "x w", "c").Node("GlobalAveragePool", "c", "p").Node("Flatten", "p", "a0");
        for (int i = 0; i < products; i++)
        {
            string name = FormattableString.Invariant($"{i}");
            model.Weights($"u{name}", 2, 1).Node("MatMul", $"a{name} u{name}", $"s{name}").Node("Add", $"a{name} s{name}", FormattableString.Invariant($"a{i + 1}"));
        }

        return model.Output(FormattableString.Invariant($"a{products}"));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void TilesThatBecomeFreeAreCopies(int products)
    {
        var alone = Compile(products, TileSharing.Never);
        var shared = Compile(products, TileSharing.WhenNeeded);
        Assert.True(shared.Layers[0].Copies > alone.Layers[0].Copies, $"{shared.Layers[0].Copies} {alone.Layers[0].Copies} {alone.Schedule!.Mapping.Replication}");
        Assert.True(shared.Schedule!.Mapping.Replication.IntervalNs < alone.Schedule!.Mapping.Replication.IntervalNs);
        Assert.InRange(TilesOf(shared), 1, 16);
        Assert.Contains(shared.Schedule.Stages.Stages, s => s.Matrix?.Groups.Any(g => g.SharedTile >= 0) == true);
        var time = TimingSimulator.Run(shared, new TimingOptions { Parts = TimedParts.None });
        Assert.True(time.IntervalS < TimingSimulator.Run(alone, new TimingOptions { Parts = TimedParts.None }).IntervalS);
        Same(alone, shared);
        StreamMachineTests.Same(shared, Cases.Fast, 1);
    }

    /// <summary>Eighteen row groups, sixteen tiles.</summary>
    [Theory]
    [InlineData(MappingTarget.Throughput)]
    [InlineData(MappingTarget.Latency)]
    public void WhatDoesNotFitOtherwiseShares(MappingTarget target)
    {
        const int Products = 17;
        Assert.Equal(
            Descriptors.ChipTooSmall,
            Assert.Throws<DiagnosticException>(() => Compile(Products, TileSharing.Never, target)).Diagnostics[0].Descriptor);
        var program = Compile(Products, TileSharing.WhenNeeded, target);
        Assert.Equal(target, program.Schedule!.Target);
        Assert.InRange(TilesOf(program), 1, 16);
        Same(Compile(Products, TileSharing.Never, target, chips: null), program);
        StreamMachineTests.Same(program, Cases.Fast, 1);
    }

    /// <summary>No tile has two parts of one layer, none works longer than the interval, and no bound is beaten.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(17)]
    public void ATileServesItsLayersWithinTheInterval(int products)
    {
        var program = Compile(products, TileSharing.WhenNeeded);
        var schedule = program.Schedule!;
        foreach (var tile in schedule.Mapping.RowGroups.SelectMany(g => g.Tiles.Select(t => (Tile: t, g.Stage))).GroupBy(g => g.Tile))
        {
            Assert.Equal(tile.Count(), tile.Select(t => t.Stage).Distinct().Count());
            if (tile.Count() > 1)
            {
                Assert.True(tile.Sum(t => schedule.Stages.Stages[t.Stage].Matrix!.Vectors * schedule.Stages.Stages[t.Stage].Matrix!.IntervalNs!.Value) <= schedule.Mapping.Replication.IntervalNs + 1e-6);
            }
        }

        double? bound = MappingBounds.BottleneckNs(schedule.Stages, ChipCapacity.Of(program.Chip, 1));
        Assert.True(bound <= schedule.Mapping.Replication.IntervalNs + 1e-6, $"{bound} {schedule.Mapping.Replication.IntervalNs}");
    }

    private static void Same(MappedProgram one, MappedProgram other)
    {
        var inputs = new Dictionary<string, Tensor> { ["x"] = TestModel.Random(5, 1, 2, 7, 7) };
        using Session expected = new(one, Cases.Ideal);
        using Session actual = new(other, Cases.Ideal);
        Cases.AssertSameBits(expected.Run(inputs)[0].Floats, actual.Run(inputs)[0].Floats, "shared tiles");
    }

    private static int TilesOf(MappedProgram program) => program.Layers.SelectMany(l => l.Blocks).Select(b => b.Tile).Distinct().Count();

    private static MappedProgram Compile(int products, TileSharing sharing, MappingTarget target = MappingTarget.Throughput, int? chips = 1)
    {
        var program = AimcCompilation.Compile(Network(products).Import(), Stairs.Tiny, new CompileOptions { Chips = chips, Sharing = sharing, Target = target }).Program;
        ProgramVerifier.Verify(program);
        return program;
    }
}

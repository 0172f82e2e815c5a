using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Passes.Scheduling;

/// <summary>Cores whose buffers hold a few rows: what compiles for them is right and stays inside, and more room never does harm.</summary>
public sealed class SmallBufferTests
{
    private static readonly double[] s_kib = [8, 4, 2, 1, 0.5, 0.25, 0.125];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 6)];

    public static TheoryData<int> MoreSeeds => [.. Enumerable.Range(6, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void WhatFitsIsRightAndMoreRoomIsNeverRefused(int seed) => Check(seed);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(MoreSeeds))]
    public void SoItIsWithManyNetworks(int seed) => Check(seed);

    private static void Check(int seed)
    {
        Random random = new(seed);
        var model = Network(random);
        var target = (MappingTarget)random.Next(3);
        bool isRefused = false;
        int accepted = 0;
        foreach (double kib in s_kib)
        {
            var program = Compile(model, target, kib);
            Assert.False(isRefused && program is not null, $"{target}: {kib} KiB are taken, and more were refused");
            isRefused = program is null;
            if (program is not null)
            {
                accepted++;
                ScheduleVerifier.VerifyAndRun(program);
                Assert.All(
                    program.Schedule!.Buffers.GroupBy(b => b.Core), core => Assert.InRange(core.Max(b => b.Address + (b.Capacity * b.RowBytes)), 1, (long)(kib * 1024)));
                StreamMachineTests.Same(program, Tests.Runtime.Cases.Fast, 1);
            }
        }

        Assert.True(accepted > 0);
    }

    [Fact]
    public void OperatorsOfRowsGoWithTheirReaderAndPoolsAreDividedByChannels()
    {
        // A row of the image has 8 x 16 bytes; the pool reads three of them.
        var model = new TestModel().Input("x", 1, 3, 8, 16).Weights("w", 8, 3, 1, 1).Weights("v", 2, 8, 1, 1)
            .Node("Conv", "x w", "a").Node("Relu", "a", "b").Node("Neg", "b", "c").Node("MaxPool", "c", "d", ("kernel_shape", new[] { 3, 3 })).Node("Conv", "d v", "y").Output("y");
        var large = Compile(model, MappingTarget.Tiles, 64)!.Schedule!.Stages;
        Assert.Equal(["a", "b", "c", "d", "y"], large.Stages.Select(s => large.Values[s.Output].Name));
        var small = Compile(model, MappingTarget.Tiles, 0.34)!.Schedule!;
        var stages = small.Stages;
        Assert.Equal(["a", "c", "d part 0", "d part 1", "d part 2", "d", "y"], stages.Stages.Select(s => stages.Values[s.Output].Name));
        Assert.Equal(large.Stages.Where(s => s.Kind == StageKind.Digital).Sum(s => s.OperationsPerRow * large.Values[s.Output].Rows), stages.Stages.Where(s => s.Kind == StageKind.Digital).Sum(s => s.OperationsPerRow * stages.Values[s.Output].Rows));
        // Every part reads its own channels.
        int[] parts = [.. Enumerable.Range(0, stages.Stages.Length).Where(s => stages.Stages[s].Name.Contains(" part ", StringComparison.Ordinal))];
        int read = stages.Stages[parts[0]].Inputs.Single().Value;
        Assert.Equal(8 * 16, parts.Sum(p => stages.Values[stages.Stages[p].Output].ElementsPerRow / 14 * 16));
        Assert.All(small.Buffers.Where(b => b.Value == read && b.ItemsPerRow == 1), b => Assert.True(b.RowBytes < stages.Values[read].BytesPerRow));
    }

    /// <summary>Null = the buffers are too small for it.</summary>
    private static MappedProgram? Compile(TestModel model, MappingTarget target, double kib)
    {
        var chip = ChipReader.Read("tiny", ["mesh.rows=6", "mesh.columns=6", "tile.rows=16", "tile.columns=16", string.Create(CultureInfo.InvariantCulture, $"core.buffer_kib={kib}")]);
        try
        {
            var program = AimcCompilation.Compile(model.Import(), chip, new CompileOptions { Target = target }).Program;
            Assert.True(program.Schedule is not null || program.NotScheduled!.Contains("the buffer of core", StringComparison.Ordinal), program.NotScheduled);
            return program.Schedule is null ? null : program;
        }
        catch (DiagnosticException refused) when (refused.Diagnostics.All(d => d.Descriptor == Descriptors.BufferTooSmall))
        {
            return null;
        }
    }

    /// <summary>Convolutions, pools, shortcuts and branches that meet again.</summary>
    private static TestModel Network(Random random)
    {
        int channels = random.Next(2, 5);
        var model = new TestModel().Input("x", 1, channels, 9, 8);
        (string at, int rows, int weights) = ("x", 9, 0);
        string Conv(string from, int read, int written, int kernel, string to)
        {
            string w = $"w{weights++}";
            model = model.Weights(w, written, read, kernel, kernel).Node("Conv", $"{from} {w}", to, ("pads", new[] { kernel / 2, kernel / 2, kernel / 2, kernel / 2 }));
            return to;
        }

        int steps = random.Next(2, 5);
        for (int s = 0; s < steps; s++)
        {
            string to = $"v{s}";
            switch (random.Next(4))
            {
                case 0:
                    int written = random.Next(2, 7);
                    Conv(at, channels, written, random.Next(2) == 0 ? 1 : 3, $"{to}c");
                    model = model.Node("Relu", $"{to}c", to);
                    channels = written;
                    break;
                case 1 when rows > 4:
                    model = model.Node("MaxPool", at, to, ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("pads", new[] { 1, 1, 1, 1 }));
                    rows = (rows + 1) / 2;
                    break;
                case 2:
                    Conv(at, channels, channels, 3, $"{to}a");
                    model = model.Node("Relu", $"{to}a", $"{to}b");
                    Conv($"{to}b", channels, channels, 3, $"{to}c");
                    model = model.Node("Add", $"{to}c {at}", $"{to}d").Node("Relu", $"{to}d", to);
                    break;
                default:
                    Conv(at, channels, 3, 1, $"{to}a");
                    model = model.Node("Relu", $"{to}a", $"{to}b");
                    Conv(at, channels, 2, 3, $"{to}c");
                    model = model.Node("MaxPool", at, $"{to}p", ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 1, 1 }), ("pads", new[] { 1, 1, 1, 1 }))
                        .Node("Concat", $"{to}b {to}c {to}p", to, ("axis", 1));
                    channels += 5;
                    break;
            }

            at = to;
        }

        Conv(at, channels, 2, 1, "y");
        return model.Output("y");
    }
}

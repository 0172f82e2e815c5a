using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Binary;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Passes.Scheduling;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Passes.Segments;

/// <summary>Networks on chips that do not hold them.</summary>
public sealed class SegmentTests
{
    private static readonly Dictionary<string, TestModel> s_models = new()
    {
        ["a chain"] = ScheduleProgramTests.Models["a chain"],
        ["a residual"] = ScheduleProgramTests.Models["a residual"],
        ["branches"] = ScheduleProgramTests.Models["branches"],
        ["attention"] = ScheduleProgramTests.Models["attention"],
        ["a recurrence"] = ScheduleProgramTests.Models["a recurrence"],
        ["four products"] = Four(),
        ["equal weights, apart"] = new TestModel().Input("x", 1, 5, 8).Weights("w", 8, 8).Weights("v", 8, 24).Weights("u", 24, 8).Node("MatMul", "x w", "a").Node("MatMul", "a v", "b").Node("Relu", "b", "r")
            .Node("MatMul", "r u", "c").Node("MatMul", "c w", "y").Output("y"),
    };

    public static TheoryData<string, MappingTarget> Networks
    {
        get
        {
            TheoryData<string, MappingTarget> cases = [];
            foreach (string model in s_models.Keys)
            {
                cases.Add(model, MappingTarget.Tiles);
                cases.Add(model, MappingTarget.Throughput);
                cases.Add(model, MappingTarget.Latency);
            }

            return cases;
        }
    }

    /// <summary>The program is verified by compiling it; what it computes does not depend on when its weights are on the tiles.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void SegmentsComputeWhatTheWholeComputes(string model, MappingTarget target)
    {
        var program = Segmented(s_models[model], target);
        Assert.InRange(program.Segments, 2, 10);
        Assert.Equal(program.Segments, program.SegmentSchedules.Length);
        Assert.Null(program.Schedule);
        var whole = AimcCompilation.Compile(s_models[model].Import(), program.Chip, new CompileOptions { Chips = null }).Program;
        Assert.True(whole.Chips > 1);
        using Session one = new(whole, Cases.Fast);
        using Session pieces = new(program, Cases.Fast);
        using StreamMachine streams = new(program, Cases.Fast);
        var inputs = StreamMachineTests.Inputs(program, 1);
        var expected = one.Run(inputs);
        foreach (var (actual, streamed, exact) in pieces.Run(inputs).Zip(streams.Run(inputs), expected))
        {
            Assert.Equal(exact.Data.Cast<float>(), actual.Data.Cast<float>());
            Assert.Equal(exact.Data.Cast<float>(), streamed.Data.Cast<float>());
        }
    }

    [Fact]
    public void BatchesGoThroughSegmentsTogether() => StreamMachineTests.Same(
        Segmented(new TestModel().Input("x", "N", 5, 8).Weights("w", 8, 24).Weights("v", 24, 8).Node("MatMul", "x w", "a").Node("Relu", "a", "r").Node("MatMul", "r v", "y").Output("y"), MappingTarget.Tiles),
        Cases.Fast,
        3);

    [Theory]
    [InlineData("a residual")]
    [InlineData("equal weights, apart")]
    public void ReadsBackSegments(string model)
    {
        var program = Segmented(s_models[model], MappingTarget.Throughput, batch: 3);
        Assert.Equal(3, program.SegmentBatch);
        byte[] bytes = SampleProgram.Bytes(program);
        var read = AimcReader.Read(bytes, "small.aimc");
        Assert.Equal(Disassembler.Print(program), Disassembler.Print(read));
        Assert.Equal(bytes, SampleProgram.Bytes(read));
        Assert.Equal((program.Segments, 3), (read.Segments, read.SegmentBatch));
        Assert.Contains("segment 1 of", Disassembler.Print(read), StringComparison.Ordinal);
    }

    [Fact]
    public void ABrokenSegmentIsRefused()
    {
        var program = Segmented(Four(), MappingTarget.Tiles);
        int last = program.Segments - 1;
        Refuses(program with { SegmentBatch = 0 }, "0 inferences pass a segment");
        Refuses(program with { SegmentSchedules = [.. program.SegmentSchedules.Skip(1)] }, "schedules of segments");
        Refuses(program with { SegmentSchedules = program.SegmentSchedules.SetItem(0, program.SegmentSchedules[1]) }, "segment");
        Refuses(program with { Schedule = program.SegmentSchedules[0] }, "one schedule for");
        Refuses(program with { Layers = [.. program.Layers.Select(l => l with { Segment = last - l.Segment })] }, "runs after");
        Refuses(program with { Layers = [.. program.Layers.Select(l => l with { Segment = l.Segment + 1 })] }, "runs after none");
        Refuses(program with { Layers = [.. program.Layers.Select(l => l with { Segment = 0 })], SegmentSchedules = [] }, "share the cell");
        static void Refuses(MappedProgram broken, string what) => Assert.Contains(what, Assert.Throws<InvalidIrException>(() => ProgramVerifier.Verify(broken)).Message, StringComparison.Ordinal);
    }

    /// <summary>A layer whose twin is loaded at another time is written by itself; within a segment they share.</summary>
    [Fact]
    public void EqualWeightsShareTilesWithinASegmentOnly()
    {
        var program = Segmented(s_models["equal weights, apart"], MappingTarget.Tiles);
        Assert.NotEqual(program.Layers[0].Segment, program.Layers[^1].Segment);
        Assert.All(program.Layers, l => Assert.Null(l.SharesTilesOf));
    }

    [Theory]
    [InlineData(MappingTarget.Tiles, 1)]
    [InlineData(MappingTarget.Tiles, 4)]
    [InlineData(MappingTarget.Throughput, 4)]
    public void TimesAddUpAndBeatNoBound(MappingTarget target, int batch)
    {
        var program = Segmented(Four(), target, batch);
        var time = TimingSimulator.Run(program, new TimingOptions());
        Assert.Equal(program.Segments, time.Segments.Length);
        Assert.Equal(batch, time.Inferences);
        double sum = time.Segments.Sum(s => s.ReloadS!.Value + s.RunS!.Value);
        Assert.Equal(sum / batch, time.IntervalS!.Value, 1e-12);
        Assert.Equal(sum, time.LoadedLatencyS!.Value, 1e-12);
        Assert.InRange(time.LatencyS!.Value, 0, sum * (1 + 1e-9));
        Assert.Contains(time.Energy, e => e.Part == "reload" && e.Joules > 0);
        Assert.All(time.Resources, r => Assert.InRange(r.BusyShare, 0, 1));
        Assert.Contains(time.Resources, r => r.Kind == "tile" && r.BusyShare > 0);
        foreach (var bound in BoundSurvey.Of(program, time.IntervalS, time.LatencyS).Where(b => b.Value is not null))
        {
            Assert.True(bound.Value <= bound.Achieved * (1 + 1e-9), $"{bound.Name}: {bound.Achieved} of {bound.Value}");
        }

        var report = MappingReport.Of(program);
        Assert.Equal(program.Segments, report.Segments.Length);
        Assert.Equal(time.Segments.Select(s => s.ReloadS), report.Segments.Select(s => s.ReloadS));
        Assert.InRange(1 / report.Estimate.ThroughputPerS!.Value, sum / batch / 3, sum / batch * 1.000001);
        Assert.InRange(report.Estimate.LatencyS!.Value * report.Estimate.ThroughputPerS.Value, 1 - 1e-9, batch);
    }

    [Fact]
    public void ALargerBatchSharesItsLoads()
    {
        double one = TimingSimulator.Run(Segmented(Four(), MappingTarget.Tiles), new TimingOptions()).IntervalS!.Value;
        double many = TimingSimulator.Run(Segmented(Four(), MappingTarget.Tiles, 16), new TimingOptions()).IntervalS!.Value;
        Assert.True(many < one);
    }

    [Fact]
    public void TheRefusalSaysWhatEveryWayWouldCost()
    {
        var chip = Small(5);
        var refusal = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(Four().Import(), chip, new CompileOptions { Sharing = TileSharing.Never })).Diagnostics.Single();
        Assert.Equal(Descriptors.ChipTooSmall, refusal.Descriptor);
        Assert.Equal(["--fallback segments", "--chips 3", "--fallback digital"], refusal.Alternatives.Select(a => a.Lever));
        Assert.All(refusal.Alternatives, a => Assert.True(a is { IntervalS: > 0, EnergyJ: > 0, IsChosen: false }));
        Assert.True(refusal.Alternatives[0] is { Loads: > 1, ReloadS: > 0, TrafficBytes: > 0 });
        Assert.True(refusal.Alternatives[1] is { Chips: 3, Loads: 0, TrafficBytes: > 0 });
        Assert.Contains("digital: ", refusal.Alternatives[2].Detail, StringComparison.Ordinal);
        Assert.Contains(AlternativesText.Lines(refusal.Alternatives), l => l.StartsWith("--chips 3", StringComparison.Ordinal));
    }

    /// <summary>What a way was predicted to cost is near to what the program that goes it has.</summary>
    [Fact]
    public void TheChosenWayIsAmongTheAlternatives()
    {
        var chip = Small(5);
        foreach (var (fallback, lever) in new[] { (FallbackPolicy.Segments, "--fallback segments"), (FallbackPolicy.Digital, "--fallback digital") })
        {
            var result = AimcCompilation.Compile(Four().Import(), chip, new CompileOptions { Fallback = fallback, Sharing = TileSharing.Never });
            var chosen = Assert.Single(result.Alternatives, a => a.IsChosen);
            Assert.Equal(lever, chosen.Lever);
            double simulated = TimingSimulator.Run(result.Program, new TimingOptions()).IntervalS!.Value;
            Assert.InRange(chosen.IntervalS!.Value, simulated / 3, simulated * 1.05);
        }

        Assert.Empty(AimcCompilation.Compile(Four().Import(), Small(50), new CompileOptions { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never }).Alternatives);
    }

    [Fact]
    public void SmallMatricesThatMayShareTilesAreAnAlternative()
    {
        var model = new TestModel().Input("x", 1, 2).Weights("w", 2, 2).Weights("v", 2, 2).Node("MatMul", "x w", "a").Node("MatMul", "a v", "y").Output("y");
        var refusal = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), Small(1), new CompileOptions { Sharing = TileSharing.Never })).Diagnostics.Single();
        Assert.True(refusal.Alternatives[^1] is { Lever: "--share-tiles auto", Tiles: 1 });
    }

    /// <summary>Seven of eight column blocks of three row blocks do not fit 8 tiles: four parts of two column blocks, whose columns have the bits of the whole.</summary>
    [Fact]
    public void AMatrixThatIsLargerThanTheChipIsDividedBetweenColumns()
    {
        var model = new TestModel().Input("x", 1, 5, 20).Weights("w", 20, 16).Weights("b", 16).Weights("v", 16, 4).Node("MatMul", "x w", "a").Node("Add", "a b", "c").Node("Relu", "c", "r").Node("MatMul", "r v", "y").Output("y");
        CompileOptions options = new() { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never };
        var result = AimcCompilation.Compile(model.Import(), Small(8), options);
        var program = result.Program;
        Assert.Equal([4, 4, 4, 4, 4], program.Layers.Select(l => l.Columns));
        Assert.Equal([true, true, true, true, false], program.Layers.Select(l => l.IsPart));
        Assert.All(program.Layers.Take(4), l => Assert.Equal((20, 16), (l.Rows, l.ModelColumns)));
        Assert.Equal(program.Layers.Length, program.Layers.Select(l => l.NoiseKey).Distinct().Count());
        Assert.InRange(program.Segments, 5, 5);
        Assert.Contains("in 3 parts more", Assert.Single(result.Alternatives, a => a.IsChosen).Detail, StringComparison.Ordinal);
        Assert.Null(MappingReport.Of(program).Layers[0].Zeros);
        AsTheWhole(model, program, 0);
        StreamMachineTests.Same(program, Cases.Fast, 1);
        Assert.Equal(Disassembler.Print(program), Disassembler.Print(AimcReader.Read(SampleProgram.Bytes(program), "small.aimc")));
        Assert.True(TimingSimulator.Run(program, new TimingOptions()).IntervalS > 0);
    }

    /// <summary>Six row blocks, four tiles: two parts of three, whose sums are added behind the converters.</summary>
    [Fact]
    public void AColumnThatIsLargerThanTheChipIsDividedBetweenRows()
    {
        var model = new TestModel().Input("x", 1, 3, 45).Weights("w", 45, 2).Weights("v", 2, 2).Node("MatMul", "x w", "a").Node("Relu", "a", "r").Node("MatMul", "r v", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), Small(4), new CompileOptions { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never }).Program;
        Assert.Equal([24, 20, 2], program.Layers.Select(l => l.Rows)); // one row holds zeros alone
        AsTheWhole(model, program, 0.1);
        StreamMachineTests.Same(program, Cases.Fast, 1);
    }

    [Fact]
    public void ConvolutionsAreDividedToo()
    {
        var model = new TestModel().Input("x", 1, 3, 6, 6).Weights("w", 12, 3, 3, 3).Weights("v", 2, 12, 1, 1).Node("Conv", "x w", "a", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r").Node("Conv", "r v", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), Small(9), new CompileOptions { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never }).Program;
        Assert.Equal(3, program.Layers.Count(l => l.IsPart));
        AsTheWhole(model, program, 0);
        StreamMachineTests.Same(program, Cases.Fast, 1);
    }

    /// <summary>Rows of 8, columns of 2 to a tile.</summary>
    [Theory]
    [InlineData(20, 16, 8, 20, 4, 4)] // three row blocks: two column blocks at a time
    [InlineData(45, 2, 4, 24, 2, 2)] // six row blocks of one column block: three at a time
    [InlineData(45, 6, 4, 24, 2, 6)]
    [InlineData(45, 6, 100, 0, 0, 0)] // fits
    [InlineData(800, 100, 4, 0, 0, 0)] // 25 x 50 parts
    public void PartsAreAsFewAsFit(int rows, int columns, int tiles, int partRows, int partColumns, int parts)
    {
        QuantizedMatrix matrix = new(1, rows, columns, [1], new short[rows * columns], null);
        LayerDivision? expected = parts == 0 ? null : new LayerDivision(partRows, partColumns, parts);
        Assert.Equal(expected, LayerDivision.Of(matrix, new TileGeometry(Small(1).Tile), tiles));
    }

    [Fact]
    public void ALayerThatIsLargerThanTheChipAndNotDividedIsNamed()
    {
        var model = s_models["a recurrence"];
        var refusal = Assert.Throws<DiagnosticException>(() => AimcCompilation.Compile(model.Import(), Small(1), new CompileOptions { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never })).Diagnostics.Single();
        Assert.StartsWith("impossible: layer 'lstm", refusal.Alternatives[0].Detail, StringComparison.Ordinal);
        Assert.Contains("of 1 tiles and is not divided", refusal.Alternatives[0].Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("--fallback segments", refusal.Levers);
    }

    private static void AsTheWhole(TestModel model, MappedProgram program, double tolerance)
    {
        var whole = AimcCompilation.Compile(model.Import(), program.Chip, new CompileOptions { Chips = null }).Program;
        using Session one = new(whole, Cases.Ideal);
        using Session pieces = new(program, Cases.Ideal);
        var inputs = StreamMachineTests.Inputs(program, 1);
        float[] expected = one.Run(inputs)[0].ToFloats();
        float[] actual = pieces.Run(inputs)[0].ToFloats();
        double largest = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), v => Assert.InRange(v.Second, v.First - (tolerance * largest), v.First + (tolerance * largest)));
    }

    /// <summary>Layers of 4, 4, 3 and 1 tiles.</summary>
    internal static TestModel Four() => new TestModel().Input("x", 1, 6, 8).Weights("w", 8, 8).Weights("v", 8, 8).Weights("u", 8, 6).Weights("t", 6, 2).Node("MatMul", "x w", "a").Node("Relu", "a", "r")
        .Node("MatMul", "r v", "b").Node("Add", "b r", "s").Node("MatMul", "s u", "c").Node("MatMul", "c t", "y").Output("y");

    /// <summary>One core.</summary>
    private static ChipDescription Small(int tiles) => ChipReader.Read("tiny", ["mesh.rows=1", "mesh.columns=1", FormattableString.Invariant($"core.tiles={tiles}"), "core.buffer_kib=null"]);

    /// <summary>On the smallest chip that has a tile for every block of the largest layer, or some more.</summary>
    internal static MappedProgram Segmented(TestModel model, MappingTarget target, int batch = 1)
    {
        CompileOptions options = new() { Fallback = FallbackPolicy.Segments, Sharing = TileSharing.Never, Target = target, SegmentBatch = batch };
        for (int tiles = 1; tiles < 40; tiles++)
        {
            try
            {
                var program = AimcCompilation.Compile(model.Import(), Small(tiles), options).Program;
                if (!program.Layers.Any(l => l.IsPart))
                {
                    return program;
                }
            }
            catch (DiagnosticException e) when (e.Diagnostics[0].Descriptor == Descriptors.ChipTooSmall)
            {
            }
        }

        throw new InvalidOperationException("no chip is small enough");
    }
}

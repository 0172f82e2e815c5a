using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Passes.Scheduling;

/// <summary>Every program that is compiled has a schedule which the verifier takes and which ends; compiling verifies it.</summary>
public sealed class ScheduleProgramTests(ITestOutputHelper output)
{
    internal static readonly Dictionary<string, TestModel> Models = new()
    {
        ["a product"] = new TestModel().Input("x", 1, 20).Weights("w", 20, 9).Node("MatMul", "x w", "y").Output("y"),
        ["a convolution"] = Image().Weights("w", 4, 3, 3, 3).Node("Conv", "x w", "y", ("pads", new[] { 1, 1, 1, 1 })).Output("y"),
        ["a convolution in groups"] = Image(6).Weights("w", 9, 2, 3, 3).Node("Conv", "x w", "y", ("group", 3)).Output("y"),
        ["a strided convolution of one pixel"] = Image().Weights("w", 4, 3, 1, 1).Node("Conv", "x w", "y", ("strides", new[] { 3, 3 })).Output("y"),
        ["a chain"] = Chain(),
        ["a residual"] = Image().Weights("w", 3, 3, 3, 3).Weights("v", 3, 3, 5, 5).Node("Conv", "x w", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "c", "r")
            .Node("Conv", "r v", "d", ("pads", new[] { 2, 2, 2, 2 })).Node("Add", "x d", "y").Output("y"),
        ["branches"] = Image().Weights("w", 2, 3, 1, 1).Weights("v", 2, 3, 5, 5).Node("Conv", "x w", "a").Node("Conv", "x v", "b", ("pads", new[] { 2, 2, 2, 2 }))
            .Node("MaxPool", "x", "p", ("kernel_shape", new[] { 3, 3 }), ("pads", new[] { 1, 1, 1, 1 })).Node("Concat", "a b p", "y", ("axis", 1)).Output("y"),
        ["two outputs"] = Image().Weights("w", 2, 3, 3, 3).Node("Conv", "x w", "y").Node("GlobalAveragePool", "y", "z").Output("y", "z"),
        ["an input that is an output"] = new TestModel().Input("x", 1, 5, 4).Weights("w", 4, 6).Node("MatMul", "x w", "y").Node("Relu", "x", "z").Output("y", "z"),
        ["layers on the same tiles"] = new TestModel().Input("x", 1, 5, 4).Input("z", 1, 3, 4).Weights("w", 4, 6).Node("MatMul", "x w", "y").Node("MatMul", "z w", "u").Output("y", "u"),
        ["attention"] = new TestModel().Input("x", 1, 5, 8).Weights("q", 8, 8).Weights("k", 8, 8).Weights("v", 8, 8).Node("MatMul", "x q", "a").Node("MatMul", "x k", "b").Node("MatMul", "x v", "c")
            .Node("Transpose", "b", "bt", ("perm", new[] { 0, 2, 1 })).Node("MatMul", "a bt", "s").Node("Softmax", "s", "p").Node("MatMul", "p c", "o").Node("Add", "o x", "y").Output("y"),
        ["a recurrence"] = new TestModel().Input("x", 5, "N", 3).Weights("w", 2, 8, 3).Weights("r", 2, 8, 2).Weights("i", 2, 1, 2)
            .Node("LSTM", ["x", "w", "r", "_", "_", "i"], ["states", "last"], ("hidden_size", 2), ("direction", "bidirectional")).Output("states", "last"),
        ["a gated recurrence"] = new TestModel().Input("x", 5, 1, 3).Weights("w", 1, 6, 3).Weights("r", 1, 6, 2).Node("GRU", "x w r", "states", ("hidden_size", 2)).Output("states"),
        ["nothing analog"] = new TestModel().Input("x", 1, 5, 4).Node("Relu", "x", "y").Output("y"),
        ["a layer that nobody reads"] = new TestModel().Input("x", 1, 5, 4).Weights("w", 4, 6).Node("MatMul", "x w", "d").Node("Relu", "x", "y").Output("y"),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            TheoryData<string, string> cases = [];
            foreach (string model in Models.Keys)
            {
                foreach (string chip in (string[])["tiny", "hermes", "isaac", "float"])
                {
                    cases.Add(model, chip);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryModelHasAScheduleThatEnds(string model, string chip)
    {
        var program = Compile(model, ChipReader.Read(chip));
        Assert.NotNull(program.Schedule);
        Assert.Null(program.NotScheduled);
        Assert.Null(ScheduleVerifier.FindDeadlock(program.Schedule, inferences: 5));
    }

    [Theory]
    [InlineData("a chain", MappingTarget.Throughput)]
    [InlineData("a residual", MappingTarget.Throughput)]
    [InlineData("branches", MappingTarget.Throughput)]
    [InlineData("attention", MappingTarget.Throughput)]
    [InlineData("layers on the same tiles", MappingTarget.Throughput)]
    [InlineData("a recurrence", MappingTarget.Throughput)]
    [InlineData("a convolution in groups", MappingTarget.Throughput)]
    [InlineData("a chain", MappingTarget.Latency)]
    [InlineData("a residual", MappingTarget.Latency)]
    public void CopiesHaveAScheduleThatEnds(string model, MappingTarget target)
    {
        foreach (string[] settings in (string[][])[["mesh.rows=6", "mesh.columns=6", "core.buffer_kib=null"], ["mesh.rows=6", "mesh.columns=6", "core.buffer_kib=null", "tile.adc.bits=null", "noc.multicast=true"]])
        {
            var program = AimcCompilation.Compile(Models[model].Import(), ChipReader.Read("tiny", settings), new CompileOptions { Target = target }).Program;
            var schedule = program.Schedule!;
            Assert.Equal(target, schedule.Target);
            Assert.Null(ScheduleVerifier.FindDeadlock(schedule, inferences: 5));
            Assert.Contains(schedule.Mapping.Replication.Copies, c => c > 1);
        }
    }

    /// <summary>For throughput buffers hold what inferences take that follow each other in the interval of the mapping: without their ends it is no shorter. Where they are too small for that they take what the order of demand
    /// takes.</summary>
    [Fact]
    public void ForThroughputBuffersHoldWhatTheIntervalTakes()
    {
        MappedProgram Program(string buffer, MappingTarget target) => AimcCompilation.Compile(
            Models["a residual"].Import(), ChipReader.Read("tiny", ["mesh.rows=6", "mesh.columns=6", $"core.buffer_kib={buffer}"]), new CompileOptions { Target = target }).Program;
        static double Interval(MappedProgram program, TimedParts parts) => TimingSimulator.Run(program, new TimingOptions { Parts = parts }).IntervalS!.Value;
        static double Largest(ProgramSchedule schedule) => schedule.Buffers.GroupBy(b => b.Core).Max(g => g.Sum(b => b.Capacity * b.RowBytes)) / 1024.0;

        var wide = Program("null", MappingTarget.Throughput);
        Assert.InRange(Interval(wide, TimedParts.All), 0, 1.02 * Interval(wide, TimedParts.All & ~TimedParts.Room));
        double largest = Largest(wide.Schedule!);
        Assert.InRange(Largest(Program("null", MappingTarget.Latency).Schedule!), 0, largest);
        var narrow = Program(FormattableString.Invariant($"{largest - 0.01}"), MappingTarget.Throughput);
        Assert.InRange(Largest(narrow.Schedule!), 0, largest - 0.01);
    }

    /// <summary>Chips without a mesh are one core of any number of tiles.</summary>
    [Fact]
    public void ARowGroupHasAllColumnBlocksOfACoreWithoutEnd()
    {
        var model = new TestModel().Input("x", 1, 20).Weights("w", 20, 600).Node("MatMul", "x w", "y").Output("y");
        var schedule = AimcCompilation.Compile(model.Import(), ChipReader.Read("float"), new CompileOptions()).Program.Schedule!;
        Assert.Equal(3, Assert.Single(schedule.Mapping.RowGroups).Tiles.Length);
    }

    [Theory]
    [InlineData("mlp.onnx")]
    [InlineData("lenet5.onnx")]
    [InlineData("resnet.onnx")]
    [InlineData("transformer.onnx")]
    [InlineData("lstm.onnx")]
    public void OwnModelsHaveASchedule(string file)
    {
        var program = AimcCompilation.Compile(OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", file)), ChipReader.Read("hermes"), new CompileOptions { Chips = null }).Program;
        Assert.Null(program.NotScheduled);
        Assert.NotNull(program.Schedule);
    }

    /// <summary>Compiling verifies the schedule and runs it on counts.</summary>
    [SharedTheory]
    [Trait("Category", "Long")]
    [InlineData("conformance_const", "hermes")]
    [InlineData("onnx", "tiny")]
    public void EveryModelIsScheduledOrSaysWhy(string folder, string chip)
    {
        List<string> failed = [];
        int scheduled = 0;
        foreach (var file in new DirectoryInfo(Path.Combine(SharedFolder.Folder, "models", folder)).EnumerateFiles("*.onnx", SearchOption.AllDirectories).Where(f => f.Length < 12 << 20).OrderBy(f => f.FullName, StringComparer.Ordinal))
        {
            try
            {
                var program = AimcCompilation.Compile(OnnxImporter.Import(file.FullName), ChipReader.Read(chip), new CompileOptions { Chips = null }).Program;
                Assert.True((program.Schedule is null) != (program.NotScheduled is null));
                scheduled += program.Schedule is null ? 0 : 1;
            }
            catch (InvalidIrException e)
            {
                failed.Add($"{file.Name}: {e.Message}");
            }
            catch (DiagnosticException)
            {
                // Not a model that compiles, with or without a schedule.
            }
        }

        Assert.Empty(failed);
        Assert.True(scheduled > 10);
    }

    /// <summary>Copies of layers on the cores of PIMCOMP's chip; how much work the schedule is, is printed.</summary>
    [SharedTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(DrawnNetworks.OfPimcomp), MemberType = typeof(DrawnNetworks))]
    public void CopiesOnManyCoresHaveASchedule(string name)
    {
        System.Diagnostics.Stopwatch watch = new();
        Dictionary<string, double> seconds = [];
        string last = "";
        var options = DrawnNetworks.AsPimcomp with
        {
            Progress = pass =>
            {
                seconds[last] = seconds.GetValueOrDefault(last) + watch.Elapsed.TotalSeconds;
                last = pass;
                watch.Restart();
            },
        };
        var program = AimcCompilation.Compile(DrawnNetworks.Import(name), ChipReader.Read("pimcomp"), options).Program;
        options.Progress("");
        var schedule = program.Schedule!;
        output.WriteLine(FormattableString.Invariant(
            $"{name}: {schedule.Mapping.RowGroups.Length} row groups, {schedule.Streams.Length} streams, {schedule.Channels.Length} channels, {schedule.Channels.Sum(c => c.Hops.Length)} hops, {schedule.Buffers.Length} buffers"));
        output.WriteLine($"  {string.Join(", ", seconds.Where(s => s.Value > 0.05).Select(s => FormattableString.Invariant($"{s.Key} {s.Value:F2} s")))}");
        watch.Restart();
        ScheduleVerifier.Verify(program);
        output.WriteLine(FormattableString.Invariant($"  verified in {watch.Elapsed.TotalSeconds:F2} s"));
        watch.Restart();
        Assert.Null(ScheduleVerifier.FindDeadlock(schedule));
        output.WriteLine(FormattableString.Invariant($"  two inferences on counts in {watch.Elapsed.TotalSeconds:F2} s"));
        Assert.True(schedule.Mapping.Replication.Copies.Max() > 1);
    }

    [Fact]
    public void SumsOfExactCodesAddInATreeAndOthersInTheirOrder()
    {
        // 40 row blocks on tiles of 8 rows, a few of them on each core.
        var model = new TestModel().Input("x", 1, 320).Weights("w", 320, 2).Node("MatMul", "x w", "y").Output("y");
        var exact = AimcCompilation.Compile(model.Import(), ChipReader.Read("tiny", ["mesh.rows=4", "mesh.columns=4"]), new CompileOptions()).Program.Schedule!;
        var cores = exact.Mapping.RowGroups.Select(g => g.Core).Distinct().ToList();
        Assert.True(cores.Count > 3);
        var adds = exact.Streams.SelectMany(s => s.Body).OfType<Repeat>().SelectMany(r => r.Body).OfType<AddPartialSums>().ToList();
        Assert.Equal(cores.Count, adds.Count);
        Assert.All(adds, a => Assert.Equal(-1, a.First));
        Assert.All(adds, a => Assert.InRange(a.Others.Length, 0, 2));

        var inOrder = AimcCompilation.Compile(model.Import(), ChipReader.Read("tiny", ["mesh.rows=4", "mesh.columns=4", "tile.adc.bits=null"]), new CompileOptions()).Program.Schedule!;
        adds = [.. inOrder.Streams.SelectMany(s => s.Body).OfType<Repeat>().SelectMany(r => r.Body).OfType<AddPartialSums>()];
        Assert.Equal(1, adds.Count(a => a.First < 0));
        Assert.All(adds, a => Assert.Empty(a.Others));
    }

    [Fact]
    public void AShortcutWaitsForAsManyRowsAsTheOtherWayTakes()
    {
        var schedule = Compile("a residual", ChipReader.Read("tiny")).Schedule!;
        int x = schedule.Stages.Values.IndexOf(schedule.Stages.Values.First(v => v.Name == "x"));
        int add = schedule.Stages.Stages.IndexOf(schedule.Stages.Stages.First(s => s.Name == "add_y"));
        var room = RowDemand.Peaks(schedule.Stages, new int[schedule.Stages.Stages.Length], [.. schedule.Stages.Stages.Select(_ => 1)]);
        // Row y of the sum is made of row y + 2 of the relu, which reads row y + 3 of x: rows y .. y + 3.
        Assert.Equal(schedule.Stages.Stages[add].Inputs[0].Value == x ? 4 : 5, room[(x, add)]);
    }

    [Fact]
    public void BuffersThatAreTooSmallLeaveAProgramWithoutSchedule()
    {
        var program = Compile("a residual", ChipReader.Read("tiny", ["core.buffer_kib=0.05"]));
        Assert.Null(program.Schedule);
        Assert.Contains("the buffer of core", program.NotScheduled, StringComparison.Ordinal);
    }

    private static MappedProgram Compile(string model, ChipDescription chip) => AimcCompilation.Compile(Models[model].Import(), chip, new CompileOptions { Chips = null }).Program;

    private static TestModel Image(int channels = 3) => new TestModel().Input("x", 1, channels, 7, 6);

    private static TestModel Chain() => Image().Weights("w", 4, 3, 3, 3).Weights("v", 5, 4, 2, 2).Weights("f", 5, 3).Node("Conv", "x w", "a").Node("Relu", "a", "b")
        .Node("MaxPool", "b", "c", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 })).Node("Conv", "c v", "d").Node("GlobalAveragePool", "d", "e").Node("Flatten", "e", "g").Node("MatMul", "g f", "y").Output("y");
}

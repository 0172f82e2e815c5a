using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Passes.Scheduling;

namespace AimcCompiler.Tests.Runtime;

/// <summary>The streams that the compiler writes compute what whole layers do, to the bit.</summary>
public sealed class StreamMachineNetworkTests
{
    private static readonly string[] s_ownScale = ["tile.input.management=abs_max", "tile.input.dynamic_scale=true"];

    private static readonly Dictionary<string, TestModel> s_batched = new()
    {
        ["convolutions and a product"] = new TestModel().Input("x", "N", 3, 8, 8).Weights("w", 6, 3, 3, 3).Weights("d", 6, 1, 3, 3).Weights("p", 4, 6, 1, 1).Weights("f", 64, 5).Weights("b", 5)
            .Node("Conv", "x w", "a", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r").Node("Conv", "r d", "e", ("group", 6), ("pads", new[] { 1, 1, 1, 1 })).Node("Add", "e r", "s")
            .Node("Conv", "s p", "g").Node("MaxPool", "g", "m", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 })).Node("Flatten", "m", "h").Node("Gemm", "h f b", "y").Output("y"),
        ["products of a sequence"] = new TestModel().Input("x", "N", 5, 40).Weights("w", 40, 12).Weights("v", 12, 7).Node("MatMul", "x w", "a").Node("Relu", "a", "r").Node("MatMul", "r v", "b")
            .Node("Softmax", "b", "y").Output("y"),
    };

    public static TheoryData<string, string> Cases
    {
        get
        {
            TheoryData<string, string> cases = [];
            foreach (string model in ScheduleProgramTests.Models.Keys)
            {
                foreach (string machine in (string[])["tiny", "hermes", "isaac", "float", "ideal"])
                {
                    cases.Add(model, machine);
                }
            }

            return cases;
        }
    }

    public static TheoryData<string, string, int> Batches
    {
        get
        {
            TheoryData<string, string, int> cases = [];
            foreach (string model in s_batched.Keys)
            {
                foreach (string machine in (string[])["hermes", "isaac", "puma", "aihwkit-default", "float", "ideal"])
                {
                    cases.Add(model, machine, 1);
                    cases.Add(model, machine, 4);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void EveryScheduledModelHasTheBitsOfASession(string model, string machine) => Same(ScheduleProgramTests.Models[model], machine, 1);

    [Theory]
    [MemberData(nameof(Batches))]
    public void SamplesGoThroughTogether(string model, string machine, int batch) => Same(s_batched[model], machine, batch);

    [Theory]
    [InlineData("lenet5.onnx")]
    [InlineData("transformer.onnx")]
    [InlineData("lstm.onnx")]
    public void OwnModelsHaveTheBitsOfASession(string file)
    {
        var (chip, options) = Machine("hermes");
        var program = AimcCompilation.Compile(OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", file)), chip, new CompileOptions { Chips = null }).Program;
        Assert.Null(program.NotScheduled);
        StreamMachineTests.Same(program, options, 1);
    }

    /// <summary>Sums that add in order, of columns that are cut for latency: each range has a chain of its own.</summary>
    [Fact]
    public void RangesOfColumnsAddByThemselves()
    {
        var chip = ChipReader.Read("pimcomp", ["core.digital.lanes=1", "core.tiles=1", "mesh.rows=4", "mesh.columns=5", .. s_ownScale]);
        var model = new TestModel().Input("x", "N", 700).Weights("w", 700, 300).Node("MatMul", "x w", "h").Node("Relu", "h", "r").Weights("v", 300, 10).Node("MatMul", "r v", "y").Output("y");
        var program = AimcCompilation.Compile(model.Import(), chip, new CompileOptions { Target = MappingTarget.Latency }).Program;
        var schedule = program.Schedule!;
        Assert.Equal(3, schedule.Stages.Stages[0].Matrix!.Groups.Select(g => g.FirstColumn).Distinct().Count());
        StreamMachineTests.Same(program, Tests.Runtime.Cases.Fast, 3);
    }

    private static void Same(TestModel model, string machine, int batch)
    {
        var (chip, options) = Machine(machine);
        var program = AimcCompilation.Compile(model.Import(), chip, new CompileOptions { Chips = null }).Program;
        Assert.Null(program.NotScheduled);
        StreamMachineTests.Same(program, options, batch);
    }

    private static (ChipDescription Chip, SimulationOptions Options) Machine(string machine) => machine switch
    {
        // Noise of reads, drift and its compensation.
        "hermes" => (ChipReader.Read("hermes", [.. s_ownScale, "tile.adc.range=max"]), Tests.Runtime.Cases.Fast with { TimeS = 86400 }),
        "isaac" or "puma" => (ChipReader.Read(machine, s_ownScale), Tests.Runtime.Cases.Fast),
        "ideal" => (ChipReader.Read("hermes", s_ownScale), Tests.Runtime.Cases.Ideal),
        _ => (ChipReader.Read(machine), Tests.Runtime.Cases.Fast),
    };
}

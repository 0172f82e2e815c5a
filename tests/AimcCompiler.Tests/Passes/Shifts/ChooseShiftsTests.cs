using System.Globalization;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Onnx;
using AimcCompiler.Passes;
using AimcCompiler.Reports;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;
using AimcCompiler.Tests.Runtime;

namespace AimcCompiler.Tests.Passes.Shifts;

/// <summary>Kernels are shifted where that makes the interval or the latency shorter, and compute the same.</summary>
public sealed class ChooseShiftsTests
{
    private static readonly Dictionary<string, TestModel> s_models = new()
    {
        ["image"] = Image(),
        ["groups"] = new TestModel().Input("x", "N", 4, 10, 17).Weights("w", 8, 2, 3, 3).Weights("d", 8, 1, 3, 3).Weights("p", 6, 8, 1, 1)
            .Node("Conv", "x w", "a", ("group", 2), ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r").Node("Conv", "r d", "e", ("group", 8), ("pads", new[] { 1, 1, 1, 1 }), ("strides", new[] { 1, 2 }))
            .Node("Conv", "e p", "y").Output("y"),
        ["volume"] = new TestModel().Input("x", "N", 2, 4, 6, 11).Weights("w", 4, 2, 2, 3, 3).Node("Conv", "x w", "y", ("pads", new[] { 0, 1, 1, 1, 1, 1 })).Output("y"),
        ["equal weights"] = new TestModel().Input("x", "N", 4, 8, 12).Weights("w", 4, 4, 3, 3).Node("Conv", "x w", "a", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r")
            .Node("Conv", "r w", "b", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "b", "s").Node("Conv", "s w", "y").Output("y"),
    };

    public static TheoryData<string, string, MappingTarget> Cases
    {
        get
        {
            TheoryData<string, string, MappingTarget> cases = [];
            foreach (string model in s_models.Keys)
            {
                foreach (string machine in (string[])["isaac", "pimcomp", "hermes"])
                {
                    cases.Add(model, machine, MappingTarget.Throughput);
                    cases.Add(model, machine, MappingTarget.Latency);
                }
            }

            return cases;
        }
    }

    /// <summary>The streams have the bits of the session, the ideal chip those of kernels that stand there once; nothing is slower, and no bound is beaten.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void ShiftedNetworksComputeTheSame(string model, string machine, MappingTarget target)
    {
        var (never, auto) = Programs(s_models[model], Machine(machine), target);
        Assert.All(never.Layers, l => Assert.Equal(1, ShiftsOf(l)));
        if (target == MappingTarget.Throughput)
        {
            Assert.Contains(auto.Layers, l => ShiftsOf(l) > 1);
            Assert.True(BoundSurvey.MvmBottleneckNs(auto) <= BoundSurvey.MvmBottleneckNs(never));
        }

        Assert.Equal(MappingReport.Of(never).Layers.Select(l => (l.Name, l.Macs)), MappingReport.Of(auto).Layers.Select(l => (l.Name, l.Macs)));
        SameOnTheIdealChip(never, auto);
        StreamMachineTests.Same(auto, Tests.Runtime.Cases.Ideal, 2);
        if (machine == "isaac")
        {
            StreamMachineTests.Same(auto, Tests.Runtime.Cases.Fast, 2);
        }

        NoBoundIsBeaten(auto);
    }

    /// <summary>One tile holds the kernel 8 times: vectors of 8 outputs, an eighth of the MVMs.</summary>
    [Fact]
    public void AFirstLayerThatLeavesItsTileEmptyIsShifted()
    {
        var chip = ChipReader.Read("isaac", ["mesh.rows=1", "mesh.columns=1", "core.tiles=1", "core.buffer_kib=1024", "tile.columns=1024"]);
        var model = new TestModel().Input("x", "N", 3, 9, 18).Weights("w", 16, 3, 3, 3).Node("Conv", "x w", "y").Output("y");
        var (never, auto) = Programs(model, chip, MappingTarget.Throughput);
        Assert.Equal(7 * 16, never.Layers[0].VectorsPerInference);
        Assert.Equal(8, ShiftsOf(auto.Layers[0]));
        Assert.Equal((90, 128, 7 * 2), (auto.Layers[0].Rows, auto.Layers[0].Columns, auto.Layers[0].VectorsPerInference));
        Assert.Equal(never.Layers[0].ModelWeights, auto.Layers[0].ModelWeights);
        Assert.Equal(BoundSurvey.MvmBottleneckNs(never), 8 * BoundSurvey.MvmBottleneckNs(auto));
    }

    public static TheoryData<string> Refusals => ["never", "tiles", "scale of a vector", "full tiles", "one axis", "one copy a vector"];

    [Theory]
    [MemberData(nameof(Refusals))]
    public void KernelsStandOnceOtherwise(string why)
    {
        string[] wide = ["mesh.rows=1", "mesh.columns=2", "core.tiles=4", "core.buffer_kib=1024"];
        string[] own = [.. wide, "tile.input.management=abs_max", "tile.input.dynamic_scale=true"];
        var full = new TestModel().Input("x", "N", 128, 5, 6).Weights("w", 16, 128, 1, 1).Node("Conv", "x w", "y").Output("y");
        var line = new TestModel().Input("x", "N", 3, 40).Weights("w", 8, 3, 3).Node("Conv", "x w", "y").Output("y");
        var small = new TestModel().Input("x", "N", 3, 2, 3).Weights("w", 4, 3, 1, 1).Node("Conv", "x w", "y").Output("y");
        var chip = ChipReader.Read("isaac", why == "scale of a vector" ? own : wide);
        CompileOptions options = new() { Target = why == "tiles" ? MappingTarget.Tiles : MappingTarget.Throughput, Shifts = why == "never" ? ShiftPolicy.Never : ShiftPolicy.Auto };
        var program = AimcCompilation.Compile((why switch { "full tiles" => full, "one axis" => line, "one copy a vector" => small, _ => Image() }).Import(), chip, options).Program;
        Assert.NotNull(program.Schedule);
        Assert.All(program.Layers, l => Assert.Equal(1, ShiftsOf(l)));
    }

    /// <summary>Real networks: the same bits on the ideal chip, which are those of quantized inputs and weights.</summary>
    [Theory]
    [InlineData("lenet5.onnx")]
    [InlineData("resnet.onnx")]
    public void OwnModelsComputeTheSame(string file)
    {
        var graph = OnnxImporter.Import(Path.Combine(SharedFolder.Repository, "onnx-models", file));
        var chip = ChipReader.Read("pimcomp", ["mesh.rows=2", "mesh.columns=2"]);
        var (never, auto) = Programs(graph, chip, MappingTarget.Throughput);
        Assert.Contains(auto.Layers, l => ShiftsOf(l) > 1);
        SameOnTheIdealChip(never, auto);
        NoBoundIsBeaten(auto);
    }

    /// <summary>Small networks on small chips: an interval is never longer for it, and what is achieved is not below what is called a bound.</summary>
    [Fact]
    public void DrawnNetworksAreNeverSlower()
    {
        Random random = new(5);
        int shifted = 0;
        for (int i = 0; i < 60; i++)
        {
            var model = Drawn(random, out string text);
            string[] overrides =
            [
                "mesh.rows=2", Text($"mesh.columns={1 + random.Next(3)}"), Text($"core.tiles={4 + random.Next(12)}"), "tile.adc.columns_per_adc=16",
                Text($"tile.rows={16 << random.Next(3)}"), Text($"tile.columns={16 << random.Next(3)}"), random.Next(2) == 0 ? "core.mvm_issue_ns=null" : "core.mvm_issue_ns=700",
            ];
            var chip = ChipReader.Read("pimcomp", overrides);
            MappedProgram never, auto;
            try
            {
                (never, auto) = Programs(model.Import(), chip, i % 3 == 0 ? MappingTarget.Latency : MappingTarget.Throughput);
            }
            catch (DiagnosticException e) when (e.Diagnostics[0].Descriptor == Descriptors.ChipTooSmall)
            {
                continue;
            }

            text += $" on {string.Join(' ', overrides)}";
            if (i % 3 != 0)
            {
                Assert.True(BoundSurvey.MvmBottleneckNs(auto) <= BoundSurvey.MvmBottleneckNs(never), $"{text}: {BoundSurvey.MvmBottleneckNs(auto)} ns against {BoundSurvey.MvmBottleneckNs(never)}");
            }

            NoBoundIsBeaten(auto);
            SameOnTheIdealChip(never, auto);
            shifted += auto.Layers.Any(l => ShiftsOf(l) > 1) ? 1 : 0;
        }

        Assert.True(shifted >= 20, $"{shifted} were shifted");
    }

    /// <summary>What a file says of shifts comes back.</summary>
    [Fact]
    public void ProgramsComeBackFromTheirFiles()
    {
        var (_, auto) = Programs(Image(), Machine("pimcomp"), MappingTarget.Throughput);
        Assert.Contains(auto.Schedule!.Stages.Stages, s => s.Matrix is { Alternatives.IsEmpty: false });
        using MemoryStream stream = new();
        AimcWriter.Write(auto, stream);
        var read = AimcReader.Read(stream.ToArray(), "stream");
        Assert.Equal(auto.Layers.Select(ShiftsOf), read.Layers.Select(ShiftsOf));
        Assert.Equal(
            auto.Schedule.Stages.Stages.SelectMany(s => s.Matrix?.Alternatives.AsEnumerable() ?? []), read.Schedule!.Stages.Stages.SelectMany(s => s.Matrix?.Alternatives.AsEnumerable() ?? []));
    }

    /// <summary>Of all mappings of one layer the bound is no more than the best: every number of shifts with as many copies as fit.</summary>
    [Fact]
    public void TheBoundIsNoMoreThanTheBestOfAllShifts()
    {
        Random random = new(9);
        for (int i = 0; i < 40; i++)
        {
            int width = random.Next(6, 30);
            var model = new TestModel().Input("x", "N", 3, 7, width).Weights("w", 8, 3, 3, 3).Node("Conv", "x w", "y", ("pads", new[] { 1, 1, 1, 1 })).Output("y");
            var chip = ChipReader.Read("pimcomp", ["mesh.rows=1", Text($"mesh.columns={1 + random.Next(3)}"), Text($"core.tiles={2 + random.Next(6)}"), Text($"core.mvm_issue_ns={(1 + random.Next(3)) * 1000}"), "tile.rows=32", "tile.columns=32", "tile.adc.columns_per_adc=32"]);
            var (_, auto) = Programs(model.Import(), chip, MappingTarget.Throughput);
            var stage = auto.Schedule!.Stages.Stages.Single(s => s.Matrix is not null);
            var capacity = ChipCapacity.Of(chip, 1);
            long best = long.MaxValue;
            foreach (var way in stage.Matrix!.Alternatives.Append(new ShiftOption(ShiftsOf(auto.Layers[0]), stage.Matrix.VectorsPerRow, stage.Matrix.Tiles, stage.Matrix.Groups.Sum(g => (long)g.Rounds), 1, 0)))
            {
                long vectors = 7L * way.VectorsPerRow;
                long copies = Math.Min(vectors, capacity.Tiles!.Value / way.Tiles);
                if (copies > 0)
                {
                    best = Math.Min(best, Math.Max((vectors + copies - 1) / copies * 4_000_000, ((vectors * way.Issues) + capacity.Cores - 1) / capacity.Cores * (capacity.IssuePs ?? 0)));
                }
            }

            double bound = MappingBounds.MvmNs(auto.Schedule.Stages, capacity)!.Value;
            Assert.InRange(bound, 0, best / 1000.0);
            Assert.True(bound >= best / 1000.0 * 0.4, $"{bound} is far below {best / 1000.0}");
        }
    }

    private static TestModel Image() => new TestModel().Input("x", "N", 3, 12, 23).Weights("w", 8, 3, 3, 3).Weights("v", 6, 8, 3, 3).Weights("p", 5, 6, 1, 1).Weights("b", 8)
        .Node("Conv", "x w b", "a", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "a", "r").Node("MaxPool", "r", "m", ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }))
        .Node("Conv", "m v", "c", ("pads", new[] { 1, 1, 1, 1 })).Node("Relu", "c", "s").Node("Conv", "s p", "y").Output("y");

    private static TestModel Drawn(Random random, out string text)
    {
        TestModel model = new();
        (int channels, int height, int width) = (1 + random.Next(4), 5 + random.Next(6), 6 + random.Next(20));
        model.Input("x", "N", channels, height, width);
        text = $"{channels} x {height} x {width}";
        string from = "x";
        int layers = 1 + random.Next(3);
        for (int l = 0; l < layers; l++)
        {
            (int filters, int kernel, int stride) = (2 + random.Next(10), random.Next(2) == 0 ? 1 : 3, 1 + random.Next(2));
            int pad = kernel / 2;
            string to = l == layers - 1 ? "y" : $"v{l}";
            model.Weights($"w{l}", filters, channels, kernel, kernel)
                .Node("Conv", $"{from} w{l}", to, ("pads", new[] { pad, pad, pad, pad }), ("strides", new[] { 1, stride }));
            text += $", {filters} of {kernel} by {stride}";
            (channels, from) = (filters, to);
        }

        return model.Output("y");
    }

    private static (MappedProgram Never, MappedProgram Auto) Programs(TestModel model, ChipDescription chip, MappingTarget target) => Programs(model.Import(), chip, target);

    private static (MappedProgram Never, MappedProgram Auto) Programs(Graph graph, ChipDescription chip, MappingTarget target)
    {
        CompileOptions options = new() { Target = target, Depthwise = DepthwisePolicy.Packed };
        MappedProgram Of(ShiftPolicy shifts)
        {
            var program = AimcCompilation.Compile(graph, chip, options with { Shifts = shifts }).Program;
            Assert.Null(program.NotScheduled);
            return program with { Layers = [.. program.Layers.Select(l => l with { InputScale = 2 })] };
        }

        return (Of(ShiftPolicy.Never), Of(ShiftPolicy.Auto));
    }

    private static ChipDescription Machine(string name) => ChipReader.Read(
        name, ["mesh.rows=2", "mesh.columns=2", Text($"core.tiles={(name == "hermes" ? 4 : 24)}"), "core.buffer_kib=1024"]);

    private static void SameOnTheIdealChip(MappedProgram never, MappedProgram auto)
    {
        var inputs = StreamMachineTests.Inputs(never, 3);
        using Session one = new(never, Tests.Runtime.Cases.Ideal);
        using Session other = new(auto, Tests.Runtime.Cases.Ideal);
        foreach (var (expected, actual) in one.Run(inputs, 0).Zip(other.Run(inputs, 0)))
        {
            Assert.Equal(expected.Shape.AsEnumerable(), actual.Shape.AsEnumerable());
            Tests.Runtime.Cases.AssertSameBits(expected.ToFloats(), actual.ToFloats(), "shifted");
        }
    }

    private static void NoBoundIsBeaten(MappedProgram program) =>
        Assert.All(BoundSurvey.Of(program), b => Assert.True(b.Value is null || b.Achieved is null || b.Achieved >= b.Value * (1 - 1e-9), $"{b.Name}: {b.Achieved} {b.Unit} is below {b.Value}"));

    private static int ShiftsOf(MappedLayer layer) => layer.View is ConvolutionView view ? view.Shifts : 1;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

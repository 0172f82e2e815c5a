using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Runtime;

/// <summary>One matrix that multiplies several activations stands on the chip once.</summary>
public sealed class SharedTilesTests
{
    private const int Rows = 20;
    private const int Columns = 6;

    private static readonly ChipDescription s_quiet = ChipReader.Read("hermes", ["tile.adc.range=max", "tile.input.management=abs_max", "tile.input.dynamic_scale=true"]);

    private static readonly ChipDescription s_noisy = s_quiet with { Tile = s_quiet.Tile with { Noise = s_quiet.Tile.Noise with { Output = 0.05 } } };

    private static readonly SimulationOptions s_seeded = new() { Seed = 5, Threads = 1 };

    public static TheoryData<string> Kinds => ["MatMul", "Conv"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EqualWeightsHaveOneSetOfTiles(string op)
    {
        var program = Compile(Twice(op), s_quiet);
        Assert.Equal([null, 0], program.Layers.Select(l => l.SharesTilesOf));
        Assert.Same(program.Layers[0].Weights, program.Layers[1].Weights);
        Assert.Equal(program.Layers[0].NoiseKey, program.Layers[1].NoiseKey);
        var copied = Compile(Twice(op), s_quiet, new CompileOptions { SharesWeights = false });
        Assert.Equal([null, null], copied.Layers.Select(l => l.SharesTilesOf));
        Assert.NotEqual(copied.Layers[0].NoiseKey, copied.Layers[1].NoiseKey);
    }

    [Fact]
    public void TwoConstantsOfEqualContentAreOneMatrix()
    {
        var w = TestModel.Random(1, Rows, Columns);
        var model = new TestModel().Input("x", "N", Rows).Constant("w", w).Constant("v", w).Node("MatMul", "x w", "a").Node("MatMul", "x v", "b").Output("a", "b");
        Assert.Equal([null, 0], Compile(model, s_quiet).Layers.Select(l => l.SharesTilesOf));
    }

    [Fact]
    public void AlmostEqualWeightsAreTwoMatrices()
    {
        var w = TestModel.Random(1, Rows, Columns);
        float[] other = (float[])w.Floats.Clone();
        other[^1] += 1e-3f;
        var model = new TestModel().Input("x", "N", Rows).Constant("w", w).Floats("v", other, Rows, Columns).Node("MatMul", "x w", "a").Node("MatMul", "x v", "b").Output("a", "b");
        Assert.Equal([null, null], Compile(model, s_quiet).Layers.Select(l => l.SharesTilesOf));
        // Equal values of another shape are another matrix.
        var turned = new TestModel().Input("x", "N", 6).Constant("w", TestModel.Random(1, 6, 6)).Floats("v", [.. TestModel.Random(1, 6, 6).Floats], 6, 6)
            .Node("MatMul", "x w", "a").Node("Gemm", "x v", "b", ("transB", 1)).Output("a", "b");
        Assert.Equal([null, null], Compile(turned, s_quiet).Layers.Select(l => l.SharesTilesOf));
    }

    /// <summary>A bias is digital: layers that differ in it share their tiles.</summary>
    [Fact]
    public void BiasesAreEachLayersOwn()
    {
        var model = new TestModel().Input("x", "N", Rows).Weights("w", Rows, Columns).Weights("c", Columns).Weights("d", Columns)
            .Node("Gemm", "x w c", "a").Node("Gemm", "x w d", "y").Output("a", "y");
        Assert.Equal([null, 0], Compile(model, s_quiet).Layers.Select(l => l.SharesTilesOf));
        Meaning(model);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void SharedTilesComputeWhatTheModelDoes(string op) => Meaning(Twice(op));

    /// <summary>Programming error is of the devices, and these are the same ones.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void SharedTilesHaveTheSameProgrammingErrors(string op)
    {
        var (a, b) = Run(Compile(Twice(op), s_quiet), op);
        Cases.AssertSameBits(a, b, "two uses of the same devices");
        var (c, d) = Run(Compile(Twice(op), s_quiet, new CompileOptions { SharesWeights = false }), op);
        Assert.NotEqual(c, d);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryUseDrawsItsOwnReadNoise(string op)
    {
        var (a, b) = Run(Compile(Twice(op), s_noisy), op);
        Assert.NotEqual(a, b);
    }

    /// <summary>Ordinals continue: the second use draws what further vectors of the first would.</summary>
    [Fact]
    public void TheSecondUseIsWhatFurtherVectorsWouldBe()
    {
        var twice = new TestModel().Input("x", 1, 2, Rows).Input("z", 1, 2, Rows).Weights("w", Rows, Columns).Node("MatMul", "x w", "a").Node("MatMul", "z w", "b").Output("a", "b");
        var once = new TestModel().Input("x", 1, 4, Rows).Weights("w", Rows, Columns).Node("MatMul", "x w", "a").Output("a");
        var all = TestModel.Random(9, 1, 4, Rows);
        using Session two = new(Compile(twice, s_noisy), s_seeded);
        using Session one = new(Compile(once, s_noisy), s_seeded);
        var parts = two.Run(new Dictionary<string, Tensor>
        {
            ["x"] = Tensor.FromFloats(all.Floats[..(2 * Rows)], 1, 2, Rows),
            ["z"] = Tensor.FromFloats(all.Floats[(2 * Rows)..], 1, 2, Rows),
        });
        Cases.AssertSameBits(one.Run(new Dictionary<string, Tensor> { ["x"] = all })[0].Floats, [.. parts[0].Floats, .. parts[1].Floats], "all vectors");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ReadsOfSharedTilesDoNotDependOnBatchOrEngine(string op)
    {
        var program = Compile(Twice(op), s_noisy);
        var x = Input(op, 3);
        int size = x.Floats.Length / 3;
        using Session fast = new(program, s_seeded with { TimeS = 100 });
        using Session stepwise = new(program, s_seeded with { TimeS = 100, Engine = EngineKind.Stepwise });
        var together = fast.Run(new Dictionary<string, Tensor> { ["x"] = x });
        List<float>[] alone = [[], []];
        for (int i = 0; i < 3; i++)
        {
            var outputs = stepwise.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(x.Floats.AsSpan(i * size, size).ToArray(), [1, .. x.Shape.Skip(1)]) }, firstSample: i);
            alone[0].AddRange(outputs[0].Floats);
            alone[1].AddRange(outputs[1].Floats);
        }

        Cases.AssertSameBits(together[0].Floats, [.. alone[0]], "first use");
        Cases.AssertSameBits(together[1].Floats, [.. alone[1]], "second use");
    }

    /// <summary>One use has codes with a sign, the other (after a Relu) without: the drivers and converters are the same, set to other codes.</summary>
    [Fact]
    public void UsesMayDifferInTheSignOfTheirInputs()
    {
        ConverterErrors errors = new() { OffsetLsb = 0.2, GainLsb = 0.2, InlLsb = 0.2, DnlLsb = 0.1 };
        var chip = s_quiet with
        {
            Tile = s_quiet.Tile with
            {
                Encoding = s_quiet.Tile.Encoding with { Sign = SignEncoding.OffsetDigital },
                Cell = s_quiet.Tile.Cell with { Device = new IdealDevice() },
                Input = s_quiet.Tile.Input with { UnsignedWhenNonNegative = true, Errors = errors },
                Adc = s_quiet.Tile.Adc with { Bits = 12, Range = AdcRange.Fixed, Bound = 15, Errors = errors },
            },
        };
        var model = new TestModel().Input("x", "N", Rows).Weights("w", Rows, Columns).Node("MatMul", "x w", "a").Node("Relu", "x", "r").Node("MatMul", "r w", "y").Output("a", "y");
        var program = Compile(model, chip);
        Assert.Equal([null, 0], program.Layers.Select(l => l.SharesTilesOf));
        Assert.Equal([false, true], program.Layers.Select(l => l.InputIsNonNegative));
        Dictionary<string, Tensor> x = new() { ["x"] = TestModel.Random(4, 5, Rows) };
        using Session fast = new(program, s_seeded);
        using Session stepwise = new(program, s_seeded with { Engine = EngineKind.Stepwise });
        using Session ideal = new(program, s_seeded with { Ideal = true });
        var (found, definition, exact) = (fast.Run(x), stepwise.Run(x), ideal.Run(x));
        for (int i = 0; i < 2; i++)
        {
            Cases.AssertSameBits(definition[i].Floats, found[i].Floats, $"use {i}");
            Assert.NotEqual(exact[i].Floats, found[i].Floats);
            double power = exact[i].Floats.Sum(v => (double)v * v);
            double error = exact[i].Floats.Zip(found[i].Floats, (a, b) => (double)(a - b) * (a - b)).Sum();
            Assert.InRange(error / power, 0, 0.05);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheFileHoldsSharedWeightsOnce(string op)
    {
        var program = Compile(Twice(op), s_noisy);
        using MemoryStream file = new();
        AimcWriter.Write(program, file);
        var read = AimcReader.Read(file.ToArray(), "shared.aimc");
        Assert.Equal([null, 0], read.Layers.Select(l => l.SharesTilesOf));
        Assert.Equal(Run(program, op).First, Run(read, op).First);
        Assert.Equal(Run(program, op).Second, Run(read, op).Second);
        using MemoryStream copies = new();
        AimcWriter.Write(Compile(Twice(op), s_noisy, new CompileOptions { SharesWeights = false }), copies);
        int weights = program.Layers[0].Weights.Bytes.Length;
        Assert.True(copies.Length - file.Length >= weights, $"{file.Length} bytes, {copies.Length} with copies of {weights} bytes of weights");
    }

    private static TestModel Twice(string op) => op == "MatMul"
        ? new TestModel().Input("x", "N", 3, Rows).Weights("w", Rows, Columns).Node("MatMul", "x w", "a").Node("MatMul", "x w", "y").Output("a", "y")
        : new TestModel().Input("x", "N", 2, 5, 5).Weights("w", Columns, 2, 3, 3).Node("Conv", "x w", "a").Node("Conv", "x w", "y").Output("a", "y");

    private static Tensor Input(string op, int samples) => op == "MatMul" ? TestModel.Random(4, samples, 3, Rows) : TestModel.Random(4, samples, 2, 5, 5);

    private static (float[] First, float[] Second) Run(MappedProgram program, string op)
    {
        using Session session = new(program, s_seeded);
        var outputs = session.Run(new Dictionary<string, Tensor> { ["x"] = Input(op, 2) });
        return (outputs[0].Floats, outputs[1].Floats);
    }

    private static void Meaning(TestModel model) => Passes.Meaning.IsKeptOnTheFloatChip(model, symbolic: 2);

    private static MappedProgram Compile(TestModel model, ChipDescription chip, CompileOptions? options = null) =>
        AimcCompilation.Compile(model.Import(), chip, options ?? new CompileOptions()).Program;
}

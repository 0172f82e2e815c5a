using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Recurrent layers on a noisy chip: what a read draws depends on seed, sample and time step, on nothing else.</summary>
public sealed class TimeLoopTests
{
    private const int Samples = 3;
    private const int Features = 4;
    private const int Hidden = 6;

    private static readonly ChipDescription s_noisy = ChipReader.Read(
        "hermes", ["tile.adc.range=max", "tile.input.management=abs_max", "tile.input.dynamic_scale=true", "tile.noise.output=0.05"]);

    private static readonly SimulationOptions s_aged = new() { Seed = 7, TimeS = 3600, Threads = 1 };

    public static TheoryData<string, string> Operators => new()
    {
        { "LSTM", "forward" },
        { "LSTM", "bidirectional" },
        { "GRU", "reverse" },
        { "GRU", "bidirectional" },
        { "RNN", "forward" },
    };

    [Theory]
    [MemberData(nameof(Operators))]
    public void ResultsDoNotDependOnTheBatch(string op, string direction)
    {
        var program = Compile(op, direction, 5);
        Assert.Equal(BatchMode.Free, program.Batch);
        var x = TestModel.Random(3, Samples, 5, Features);
        using Session session = new(program, s_aged);
        float[] together = session.Run(new Dictionary<string, Tensor> { ["x"] = x })[0].Floats;
        List<float> alone = [];
        for (int i = 0; i < Samples; i++)
        {
            var sample = Tensor.FromFloats(x.Floats.AsSpan(i * 5 * Features, 5 * Features).ToArray(), 1, 5, Features);
            alone.AddRange(session.Run(new Dictionary<string, Tensor> { ["x"] = sample }, firstSample: i)[0].Floats);
        }

        Cases.AssertSameBits(together, [.. alone], $"{op} {direction}");
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void ResultsDoNotDependOnThreadsOrEngine(string op, string direction)
    {
        var program = Compile(op, direction);
        float[] expected = Run(program, s_aged, 5);
        Cases.AssertSameBits(expected, Run(program, s_aged with { Threads = 4 }, 5), "four threads");
        Cases.AssertSameBits(expected, Run(program, s_aged with { Engine = EngineKind.Stepwise }, 5), "stepwise");
        Assert.NotEqual(expected, Run(program, s_aged with { Seed = 8 }, 5));
    }

    /// <summary>A longer sequence draws for its first steps what a shorter one draws.</summary>
    [Theory]
    [InlineData("LSTM")]
    [InlineData("GRU")]
    [InlineData("RNN")]
    public void AStepDoesNotDependOnThoseBehindIt(string op)
    {
        var program = Compile(op, "forward");
        var x = TestModel.Random(3, 1, 5, Features);
        using Session session = new(program, s_aged);
        float[] five = session.Run(new Dictionary<string, Tensor> { ["x"] = x })[0].Floats;
        float[] three = session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(x.Floats.AsSpan(0, 3 * Features).ToArray(), 1, 3, Features) })[0].Floats;
        Cases.AssertSameBits(five[..three.Length], three, op);
    }

    /// <summary>h' = I h with noise alone: each step adds its own.</summary>
    [Fact]
    public void EveryTimeStepDrawsItsOwnNoise()
    {
        const int Width = 32;
        float[] identity = new float[Width * Width];
        for (int i = 0; i < Width; i++)
        {
            identity[(i * Width) + i] = 1;
        }

        var model = new TestModel().Input("x", 4, 1, 1).Floats("w", new float[Width], 1, Width, 1).Floats("r", identity, 1, Width, Width)
            .Floats("h", [.. Enumerable.Repeat(1f, Width)], 1, 1, Width)
            .Node("RNN", "x w r _ _ h", "y", ("hidden_size", Width), ("activations", (string[])["Affine"])).Output("y");
        var chip = s_noisy with { Tile = s_noisy.Tile with { Adc = s_noisy.Tile.Adc with { Bits = null } } };
        var program = AimcCompilation.Compile(model.Import(), chip, new CompileOptions()).Program;
        using Session session = new(program, new SimulationOptions { Seed = 7, Threads = 1 });
        float[] y = session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats(new float[4], 4, 1, 1) })[0].Floats;
        double[] first = [.. Enumerable.Range(0, Width).Select(i => (double)y[Width + i] - y[i])];
        double[] second = [.. Enumerable.Range(0, Width).Select(i => (double)y[(2 * Width) + i] - y[Width + i])];
        double difference = first.Zip(second, (a, b) => (a - b) * (a - b)).Sum();
        double size = first.Zip(second, (a, b) => (a * a) + (b * b)).Sum();
        // Equal draws would leave next to nothing of the difference, independent ones leave all of it.
        Assert.InRange(difference / size, 0.5, 1.6);
    }

    [Theory]
    [MemberData(nameof(Operators))]
    public void TheFileHoldsTheLoop(string op, string direction)
    {
        var program = Compile(op, direction);
        using MemoryStream file = new();
        AimcWriter.Write(program, file);
        var read = AimcReader.Read(file.ToArray(), "loop.aimc");
        Assert.Equal(Text(program), Text(read));
        Assert.Contains("loop", Text(read), StringComparison.Ordinal);
        Cases.AssertSameBits(Run(program, s_aged, 5), Run(read, s_aged, 5), "read back");
    }

    [Fact]
    public void ASequenceOfNoStepsHasNoStates()
    {
        var program = Compile("LSTM", "forward");
        using Session session = new(program, s_aged);
        var y = Assert.Single(session.Run(new Dictionary<string, Tensor> { ["x"] = Tensor.FromFloats([], 2, 0, Features) }));
        Assert.Equal([2L, 0, 1, Hidden], y.Shape.ToArray());
    }

    private static string Text(MappedProgram program)
    {
        using StringWriter text = new();
        Disassembler.Write(program, text);
        return text.ToString();
    }

    private static float[] Run(MappedProgram program, SimulationOptions options, int steps)
    {
        using Session session = new(program, options);
        return session.Run(new Dictionary<string, Tensor> { ["x"] = TestModel.Random(3, Samples, steps, Features) })[0].Floats;
    }

    /// <summary>Batch first outside, time first inside: y [batch, time, directions, hidden].</summary>
    private static MappedProgram Compile(string op, string direction, object? time = null)
    {
        int directions = direction == "bidirectional" ? 2 : 1;
        int gates = Hidden * op switch
        {
            "LSTM" => 4,
            "GRU" => 3,
            _ => 1,
        };
        var model = new TestModel().Input("x", "N", time ?? "T", Features).Weights("w", directions, gates, Features).Weights("r", directions, gates, Hidden).Weights("b", directions, 2 * gates)
            .Node("Transpose", "x", "t", ("perm", new[] { 1, 0, 2 })).Node(op, "t w r b", "s", ("hidden_size", Hidden), ("direction", direction))
            .Node("Transpose", "s", "y", ("perm", new[] { 2, 0, 1, 3 })).Output("y");
        return AimcCompilation.Compile(model.Import(), s_noisy, new CompileOptions()).Program;
    }
}

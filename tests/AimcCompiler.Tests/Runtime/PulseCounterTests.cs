using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Runtime;
using AimcCompiler.Tests.Cli;
using AimcCompiler.Tests.Cli.Data;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Runtime;

/// <summary>Pulses that are zero for all rows are counted out, and take neither time nor energy.</summary>
public sealed class PulseCounterTests : DataFixture
{
    /// <summary>Against every pulse of every row, from the definition of the code.</summary>
    [Theory]
    [InlineData("twos_complement", false)]
    [InlineData("sign_magnitude", false)]
    [InlineData("two_phase", false)]
    [InlineData("unsigned", true)]
    public void APulseCountsWhereSomeRowHasIt(string sign, bool isNonNegative)
    {
        const int Rows = 300;
        const int Vectors = 9;
        var preset = ChipReader.Read(
            "isaac", ["tile.input.skips_zero_pulses=true", "tile.input.bits=8", "tile.weights.bits=8", "tile.input.management=constant", "tile.input.dynamic_scale=false", $"tile.input.sign={sign}"]);
        LayerSpec spec = new(preset with { Mesh = null }, Rows, 20) { Codes = Cases.Codes(1, Rows * 20, 127), IsNonNegative = isNonNegative };
        var program = spec.Program();
        float[] x = [.. Cases.Floats(2, Vectors * Rows, isNonNegative ? 0 : -1).Select((v, i) => i < Rows ? 0 : v / (1 << (i / Rows)))];
        var driven = PulseCounter.Count(program, [() => new Dictionary<string, Tensor> { ["x"] = spec.Batch(x) }])["layer"];
        var input = InputEncoding.Of(spec.Chip.Tile.Input, isNonNegative);
        Assert.Equal(program.Layers[0].Blocks.Length, driven.Length);
        foreach (var (block, pulses) in program.Layers[0].Blocks.Zip(driven))
        {
            int count = 0;
            for (int v = 0; v < Vectors; v++)
            {
                int own = Enumerable.Range(0, input.PulseWeights.Length)
                    .Count(p => Enumerable.Range(block.RowStart, block.RowCount).Any(r => input.Pulse((int)Cases.InputCode(x[(v * Rows) + r], 1, input), p) != 0));
                count += Math.Max(1, own);
            }

            Assert.Equal((float)(count / (double)Vectors), pulses);
            Assert.InRange(pulses, 1, input.PulseWeights.Length - 0.5);
        }
    }

    [Fact]
    public void WhatIsNotDrivenTakesNeitherTimeNorEnergy()
    {
        string model = Save("net.onnx", new TestModel().Input("x", "N", 3, 8, 8).Weights("w", 8, 3, 3, 3).Node("Conv", "x w", "c").Node("Relu", "c", "r").Weights("v", 4, 8, 3, 3).Node("Conv", "r v", "y").Output("y").ToArray());
        string data = Write("x.npy", [.. Cases.Floats(1, 8 * 192, 0).Select((v, i) => i == 0 ? 1 : v / 64)], 8, 3, 8, 8);
        string[] options = [model, "--chip", "isaac", "--target", "throughput", "--calibrate", data];
        var all = Compile("all.aimc", options);
        var few = Compile("few.aimc", [.. options, "--set", "tile.input.skips_zero_pulses=true"]);
        foreach (var (whole, skipping) in all.Report.GetProperty("layers").EnumerateArray().Zip(few.Report.GetProperty("layers").EnumerateArray()))
        {
            var input = skipping.GetProperty("input");
            Assert.InRange(input.GetProperty("driven_pulses").GetDouble(), 1, input.GetProperty("pulses").GetInt32() - 1);
            Assert.True(skipping.GetProperty("energy_pj").GetDouble() < whole.GetProperty("energy_pj").GetDouble());
        }

        Assert.True(few.Time.GetProperty("latency_s").GetDouble() < all.Time.GetProperty("latency_s").GetDouble());
        Assert.All(few.Time.GetProperty("bounds").EnumerateArray().Where(b => b.GetProperty("gap").ValueKind == JsonValueKind.Number), b => Assert.True(b.GetProperty("gap").GetDouble() >= -1e-9, $"{b}"));

        // What is computed stays.
        string[] run = ["--input", data, "--output"];
        Assert.Equal(0, CommandLine.Run(RunCommand.Create(), [all.Program, .. run, Path.Combine(Folder, "a")]).ExitCode);
        Assert.Equal(0, CommandLine.Run(RunCommand.Create(), [few.Program, .. run, Path.Combine(Folder, "b")]).ExitCode);
        Assert.Equal(File.ReadAllBytes(Path.Combine(Folder, "a", "y.npy")), File.ReadAllBytes(Path.Combine(Folder, "b", "y.npy")));
    }

    [Fact]
    public void WithoutSamplesAllPulsesCountAndItIsSaid()
    {
        string model = Save("net.onnx", new TestModel().Input("x", 1, 6).Weights("w", 6, 6).Node("MatMul", "x w", "y").Output("y").ToArray());
        var (exitCode, output, error) = CommandLine.Run(CompileCommand.Create(), [model, "--chip", "isaac", "-o", Path.Combine(Folder, "net.aimc"), "--set", "tile.input.skips_zero_pulses=true"]);
        Assert.True(exitCode == 0, error);
        Assert.Contains("how many pulses are zero is not known", output, StringComparison.Ordinal);
        Assert.Empty(AimcReader.Read(Path.Combine(Folder, "net.aimc")).Layers[0].DrivenPulses);
    }

    private (string Program, JsonElement Report, JsonElement Time) Compile(string name, string[] options)
    {
        string program = Path.Combine(Folder, name);
        var compiled = CommandLine.Run(CompileCommand.Create(), [.. options, "-o", program, "--format", "json"]);
        Assert.True(compiled.ExitCode == 0, compiled.Error);
        var timed = CommandLine.Run(TimeCommand.Create(), [program, "--format", "json"]);
        Assert.True(timed.ExitCode == 0, timed.Error);
        return (program, JsonDocument.Parse(compiled.Output).RootElement, JsonDocument.Parse(timed.Output).RootElement);
    }

    private string Write(string name, float[] values, params long[] shape)
    {
        string path = Path.Combine(Folder, name);
        NpyWriter.Write(path, Tensor.FromFloats(values, shape));
        return path;
    }
}

using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Tests.Cli.Data;
using AimcCompiler.Tests.Onnx;

namespace AimcCompiler.Tests.Cli;

/// <summary>How samples go through programs, from the command line: together, as many as the model fixes, or one by one.</summary>
public sealed class BatchTests : DataFixture
{
    private static readonly float[] s_samples = TestModel.Random(7, 7, 4).Floats;

    [Fact]
    public void ABatchFixedTo1IsOpenedAndONNXRuntimeGetsItsSamplesOneByOne()
    {
        string model = Save("one.onnx", new TestModel().Input("x", 1, 4).Weights("w", 4, 3).Node("MatMul", "x w", "y").Output("y").ToArray());
        var (result, outputs) = Evaluate(model);
        Assert.Equal("free", result.GetProperty("batch").GetString());
        Assert.Equal(7, result.GetProperty("samples").GetInt64());
        Assert.Equal(1, result.GetProperty("results")[0].GetProperty("mean").GetDouble());
        Assert.Equal<long>([7, 3], outputs.Shape);
    }

    /// <summary>A model that leaves its batch open and then reshapes to one sample runs one at a time on ONNX Runtime, and opened it does not.</summary>
    [Fact]
    public void AnOpenBatchThatIsReshapedToOneSampleIsOpened()
    {
        string model = Save("open.onnx", new TestModel().Input("x", "N", 4).Ints("s", 1, 2, 2).Node("Reshape", "x s", "r").Weights("w", 2, 3).Node("MatMul", "r w", "y").Output("y").ToArray());
        var (result, outputs) = Evaluate(model);
        Assert.Equal("free", result.GetProperty("batch").GetString());
        Assert.Equal(1, result.GetProperty("results")[0].GetProperty("mean").GetDouble());
        Assert.Equal<long>([7, 2, 3], outputs.Shape);
    }

    /// <summary>Each row is divided by the sum over its batch of two: 7 samples make three batches.</summary>
    [Fact]
    public void AFixedBatchIsFilledAndARestLeftOut()
    {
        var (result, outputs) = Evaluate(Save("two.onnx", OverTheBatch(2)));
        Assert.Equal("fixed", result.GetProperty("batch").GetString());
        Assert.Equal(6, result.GetProperty("samples").GetInt64());
        Assert.Equal<long>([6, 4], outputs.Shape);
        for (int i = 0; i < 24; i++)
        {
            float other = Math.Abs(s_samples[i / 8 * 8 + ((i + 4) % 8)]);
            Assert.Equal(Math.Abs(s_samples[i]) / (Math.Abs(s_samples[i]) + other), outputs.Floats[i], 1e-5f);
        }
    }

    /// <summary>Samples of an open batch that would meet in it run alone: each is its own sum.</summary>
    [Fact]
    public void AnOpenBatchWhoseSamplesMeetRunsOneByOne()
    {
        var (result, outputs) = Evaluate(Save("open.onnx", OverTheBatch("N")));
        Assert.Equal("one_by_one", result.GetProperty("batch").GetString());
        Assert.Equal<long>([7, 4], outputs.Shape);
        Assert.All(outputs.Floats, v => Assert.Equal(1, v, 1e-5f));
    }

    [Theory]
    [InlineData(4, "4x4")]
    [InlineData(6, "6x4")]
    public void RunPutsSeveralFixedBatchesTogether(int samples, string shape)
    {
        string model = Save("two.onnx", OverTheBatch(2));
        string program = Path.Combine(Folder, "two.aimc");
        Succeed(CompileCommand.Create(), model, "--chip", "float", "-o", program);
        string data = Path.Combine(Folder, "data.npy");
        NpyWriter.Write(data, Tensor.FromFloats(s_samples[..(samples * 4)], samples, 4));
        string text = Succeed(RunCommand.Create(), program, "--input", data, "--compare", model, "--per-layer");
        Assert.Contains($"{shape} ", text, StringComparison.Ordinal);
        Assert.Equal(2, text.Split('\n').Count(l => l.Trim().EndsWith("equal", StringComparison.Ordinal)));
    }

    [Fact]
    public void ARestBesideFixedBatchesIsRefused()
    {
        string program = Path.Combine(Folder, "two.aimc");
        Succeed(CompileCommand.Create(), Save("two.onnx", OverTheBatch(2)), "--chip", "float", "-o", program);
        string data = Path.Combine(Folder, "data.npy");
        NpyWriter.Write(data, Tensor.FromFloats(s_samples[..20], 5, 4));
        var (exitCode, _, error) = CommandLine.Run(RunCommand.Create(), program, "--input", data);
        Assert.Equal(1, exitCode);
        Assert.Contains("AIMC5002", error, StringComparison.Ordinal);
    }

    private static byte[] OverTheBatch(object batch) => new TestModel().Input("x", batch, 4).Floats("w", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 4, 4)
        .Node("MatMul", "x w", "m").Node("Abs", "m", "a").Ints("axes", 0).Node("ReduceSum", "a axes", "s").Node("Div", "a s", "y").Output("y").ToArray();

    private (JsonElement Result, Tensor Outputs) Evaluate(string model)
    {
        string data = Path.Combine(Folder, "data.npy");
        NpyWriter.Write(data, Tensor.FromFloats(s_samples, 7, 4));
        string saved = Path.Combine(Folder, "outputs.npz");
        using var document = JsonDocument.Parse(Succeed(EvaluateCommand.Create(), model, "--chip", "float", "--data", data, "--save-outputs", saved, "--format", "json"));
        return (document.RootElement.Clone(), Read(saved, "y@0#0"));
    }

    private static string Succeed(System.CommandLine.Command command, params string[] arguments)
    {
        var (exitCode, output, error) = CommandLine.Run(command, arguments);
        Assert.True(exitCode == 0, error);
        return output;
    }
}

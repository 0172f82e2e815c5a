using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Onnx;
using AimcCompiler.Tests.Cli.Data;
using AimcCompiler.Tests.Onnx;
using Google.Protobuf;

namespace AimcCompiler.Tests.Cli;

/// <summary>Metrics, targets and outputs of <c>aimc evaluate</c> and <c>aimc run</c>, with figures that can be counted by hand.</summary>
public sealed class EvaluateCommandTests : DataFixture
{
    private const int Samples = 8;

    private static readonly float[] s_data = TestModel.Random(11, Samples, 4).Floats;

    private readonly string _model;
    private readonly string[] _evaluate;

    /// <summary>Three outputs: y = 2 x, its integers, and a score in one column.</summary>
    public EvaluateCommandTests()
    {
        _model = Save("net.onnx", new TestModel().Input("x", "N", 4).Floats("w", [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2], 4, 4).Floats("first", [1, 0, 0, 0], 4, 1)
            .Node("MatMul", "x w", "y").Floats("hundred", [100], 1).Node("Mul", "y hundred", "h").Node("Cast", "h", "i", ("to", 6)).Node("MatMul", "x first", "s").Output("y", "i", "s").ToArray());
        _evaluate = [_model, "--chip", "float", "--data", Write("x.npy", s_data, Samples, 4)];
    }

    [Theory]
    [InlineData("mse")]
    [InlineData("psnr")]
    [InlineData("sqnr")]
    public void TargetsAreWhatTheOutputIsComparedWith(string metric)
    {
        float[] targets = [.. s_data.Select(v => (2 * v) + 0.5f)];
        JsonElement result = Evaluate("--targets", Write("t.npy", targets, Samples, 4), "--metric", metric);
        double expected = metric switch
        {
            "mse" => 0.25,
            "psnr" => 10 * Math.Log10(Math.Pow(targets.Max() - (double)targets.Min(), 2) / 0.25),
            _ => 10 * Math.Log10(targets.Sum(t => (double)t * t) / (0.25 * targets.Length)),
        };
        Assert.Equal(metric, result.GetProperty("metric").GetString());
        Assert.Equal("targets", result.GetProperty("compared_with").GetString());
        Assert.Equal(expected, result.GetProperty("results")[0].GetProperty("mean").GetDouble(), 1e-4);
        Assert.Equal(expected, result.GetProperty("reference").GetDouble(), 1e-4);
    }

    [Fact]
    public void AProgramTakesItsPreprocessingAlong()
    {
        Save("net.preprocess.json", """{"scale": 3, "mean": [1, 2, 3, 4], "layout": "nhwc"}"""u8.ToArray());
        string program = Path.Combine(Directory.CreateDirectory(Path.Combine(Folder, "elsewhere")).FullName, "net.aimc");
        Succeed(CompileCommand.Create(), _model, "--chip", "float", "-o", program);
        float[] targets = [.. s_data.Select((v, i) => 2 * ((3 * v) - (i % 4) - 1))];
        double Error(params string[] more) => JsonDocument.Parse(Succeed(
            EvaluateCommand.Create(),
            [program, "--data", Write("x.npy", s_data, Samples, 4), "--targets", Write("t.npy", targets, Samples, 4), "--metric", "mse", "--format", "json", .. more]))
            .RootElement.GetProperty("results")[0].GetProperty("mean").GetDouble();
        Assert.Equal(0, Error(), 1e-9);
        Assert.Equal(s_data.Average(v => 16.0 * v * v), Error("--scale", "1"), 1e-4);
    }

    [Fact]
    public void TargetsAloneMeanMse() => Assert.Equal("mse", Evaluate("--targets", Write("t.npy", s_data, Samples, 4)).GetProperty("metric").GetString());

    [Fact]
    public void APeakCanBeGiven() => Assert.Equal(
        10 * Math.Log10(100 / 0.25),
        Evaluate("--targets", Write("t.npy", [.. s_data.Select(v => (2 * v) + 0.5f)], Samples, 4), "--metric", "psnr", "--peak", "10").GetProperty("results")[0].GetProperty("mean").GetDouble(),
        1e-4);

    [Fact]
    public void NoErrorAtAllIsNullInJsonAndExactInText()
    {
        JsonElement result = Evaluate("--metric", "sqnr");
        Assert.Equal("onnx_runtime", result.GetProperty("compared_with").GetString());
        Assert.Equal(JsonValueKind.Null, result.GetProperty("reference").ValueKind);
        Assert.Contains("exact", Succeed(EvaluateCommand.Create(), [.. _evaluate, "--metric", "psnr"]), StringComparison.Ordinal);
    }

    /// <summary>The score is the first value of a sample; ONNX Runtime's own figure stands beside.</summary>
    [Fact]
    public void TheAreaIsThatOfTheNamedOutput()
    {
        int[] labels = [0, 1, 1, 0, 1, 0, 0, 1];
        double won = 0;
        for (int i = 0; i < Samples; i++)
        {
            for (int j = 0; j < Samples; j++)
            {
                won += labels[i] == 1 && labels[j] == 0 && s_data[4 * i] > s_data[4 * j] ? 1 : 0;
            }
        }

        string file = Save("labels.txt", System.Text.Encoding.ASCII.GetBytes(string.Join('\n', labels)));
        JsonElement result = Evaluate("--labels", file, "--metric", "auc", "--output-name", "s");
        Assert.Equal("s", result.GetProperty("output").GetString());
        Assert.Equal(won / 16, result.GetProperty("results")[0].GetProperty("mean").GetDouble(), 12);
        Assert.Equal(won / 16, result.GetProperty("reference").GetDouble(), 12);
    }

    /// <summary>y - x = x: a sample's error is its power.</summary>
    [Fact]
    public void TheAreaOfReconstructionRanksSamplesByTheirError()
    {
        double[] errors = [.. s_data.Chunk(4).Select(x => x.Sum(v => (double)v * v))];
        double median = errors.Order().ElementAt(Samples / 2);
        string labels = Save("labels.bin", [.. errors.Select(e => e >= median ? (byte)1 : (byte)0)]);
        Assert.Equal(1, Evaluate("--labels", labels, "--metric", "reconstruction-auc").GetProperty("results")[0].GetProperty("mean").GetDouble());
        string swapped = Save("swapped.bin", [.. errors.Select(e => e >= median ? (byte)0 : (byte)1)]);
        Assert.Equal(0, Evaluate("--labels", swapped, "--metric", "reconstruction-auc").GetProperty("results")[0].GetProperty("mean").GetDouble());
    }

    [Fact]
    public void EveryOutputIsSavedInItsOwnType()
    {
        string saved = Path.Combine(Folder, "outputs.npz");
        Evaluate("--save-outputs", saved, "--time", "25s,1h", "--instances", "2");
        foreach (string run in new[] { "25s#0", "25s#1", "1h#0", "1h#1" })
        {
            Assert.Equal([.. s_data.Select(v => 2 * v)], Read(saved, $"y@{run}").Floats);
            var integers = Read(saved, $"i@{run}");
            Assert.Equal("Int32 8x4", integers.ToString());
            Assert.Equal([.. s_data.Select(v => (int)(2 * v * 100f))], (int[])integers.Data);
            Assert.Equal("Float 8x1", Read(saved, $"s@{run}").ToString());
        }
    }

    [Theory]
    [InlineData("--output-name", "--output-name", "z")]
    [InlineData("needs labels", "--metric", "auc")]
    [InlineData("no meaning for mse", "--metric", "mse", "--peak", "1")]
    [InlineData("--peak", "--metric", "psnr", "--peak", "0")]
    [InlineData("are not looked at by agreement", "--metric", "agreement", "--targets", "TARGETS")]
    [InlineData("needs both classes", "--metric", "auc", "--output-name", "s", "--labels", "ZEROS")]
    [InlineData("one or two values", "--metric", "auc", "--labels", "ZEROS")]
    [InlineData("classes 0 to 1", "--metric", "auc", "--labels", "TWOS")]
    public void WrongRequestsAreDiagnostics(string message, params string[] options)
    {
        string targets = Write("t.npy", s_data, Samples, 4);
        string zeros = Save("zeros.bin", new byte[Samples]);
        string twos = Save("twos.bin", [.. Enumerable.Repeat((byte)2, Samples)]);
        var (exitCode, _, error) = CommandLine.Run(EvaluateCommand.Create(), [.. _evaluate, .. options.Select(o => o switch { "TARGETS" => targets, "ZEROS" => zeros, "TWOS" => twos, _ => o })]);
        Assert.Equal(1, exitCode);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    /// <summary>Two sets, whose outputs are 2 x, with one value of y off by 0.5.</summary>
    [Fact]
    public void ATestSetBringsItsOwnTargets()
    {
        for (int set = 0; set < 2; set++)
        {
            float[] x = s_data[(4 * set)..(4 * (set + 1))];
            float[] y = [.. x.Select(v => 2 * v)];
            y[0] += set == 0 ? 0.5f : 0;
            SavePb($"test_data_set_{set}/input_0.pb", "x", Tensor.FromFloats(x, 1, 4));
            SavePb($"test_data_set_{set}/output_0.pb", "y", Tensor.FromFloats(y, 1, 4));
        }

        using var document = JsonDocument.Parse(Succeed(EvaluateCommand.Create(), _model, "--chip", "float", "--data", Folder, "--format", "json"));
        Assert.Equal("mse", document.RootElement.GetProperty("metric").GetString());
        Assert.Equal("targets", document.RootElement.GetProperty("compared_with").GetString());
        Assert.Equal(0.25 / 8, document.RootElement.GetProperty("results")[0].GetProperty("mean").GetDouble(), 1e-6);

        string program = Path.Combine(Folder, "net.aimc");
        Succeed(CompileCommand.Create(), _model, "--chip", "float", "-o", program);
        using var run = JsonDocument.Parse(Succeed(RunCommand.Create(), program, "--input", Folder, "--format", "json"));
        Assert.Equal("test_set", run.RootElement.GetProperty("compared_with").GetString());
        JsonElement[] outputs = [.. run.RootElement.GetProperty("outputs").EnumerateArray()];
        Assert.Equal(0.5, outputs[0].GetProperty("max_abs_error").GetDouble(), 1e-5);
        Assert.False(outputs[0].GetProperty("equal").GetBoolean());
        Assert.False(outputs[1].TryGetProperty("equal", out _));
        Assert.Contains("from the test set", Succeed(RunCommand.Create(), program, "--input", Path.Combine(Folder, "test_data_set_1")), StringComparison.Ordinal);
    }

    /// <summary>Both inputs from files of their own, from one archive by name, or from a test set; for samples and for calibration.</summary>
    [Theory]
    [InlineData("files")]
    [InlineData("archive")]
    [InlineData("test set")]
    public void SeveralInputsHaveSeveralSources(string form)
    {
        string model = Save("two.onnx", new TestModel().Input("a", "N", 4).Input("b", "N", 3).Weights("w", 4, 3).Node("MatMul", "a w", "m").Node("Relu", "m", "r").Weights("v", 3, 3)
            .Node("Add", "r b", "s").Node("MatMul", "s v", "y").Output("y").ToArray());
        var a = Tensor.FromFloats(s_data, Samples, 4);
        var b = Tensor.FromFloats(s_data[..(Samples * 3)], Samples, 3);
        string[] sources;
        switch (form)
        {
            case "files":
                sources = [$"b={Write("b.npy", b.Floats, Samples, 3)}", $"a={Write("a.npy", a.Floats, Samples, 4)}"];
                break;
            case "archive":
                sources = [Path.Combine(Folder, "both.npz")];
                NpzWriter.Write(sources[0], [("b", b), ("a", a)]);
                break;
            default:
                sources = [Path.Combine(Folder, "sets")];
                SavePb("sets/test_data_set_0/input_0.pb", "b", b);
                SavePb("sets/test_data_set_0/input_1.pb", "a", a);
                break;
        }

        // A chip with static input scales: both layers are calibrated.
        string text = Succeed(
            EvaluateCommand.Create(),
            [model, "--chip", "hermes", "--ideal", .. sources.SelectMany(s => new[] { "--data", s }), .. sources.SelectMany(s => new[] { "--calibrate", s }), "--metric", "sqnr", "--format", "json"]);
        using var document = JsonDocument.Parse(text);
        Assert.Equal(Samples, document.RootElement.GetProperty("samples").GetInt64());
        Assert.Equal("free", document.RootElement.GetProperty("batch").GetString());
        Assert.InRange(document.RootElement.GetProperty("results")[0].GetProperty("mean").GetDouble(), 25, 80);
    }

    /// <summary>Input scales come from the model, ADC ranges from the program: with both there is nothing to warn of.</summary>
    [Theory]
    [InlineData("text")]
    [InlineData("json")]
    public void ACalibratedProgramIsNotSaidToLackRanges(string format)
    {
        string[] compile = [_model, "--chip", "hermes", "-o", Path.Combine(Folder, "net.aimc"), "--format", format];
        var without = CommandLine.Run(CompileCommand.Create(), compile);
        Assert.Contains("AIMC3005", without.Output + without.Error, StringComparison.Ordinal);
        var with = CommandLine.Run(CompileCommand.Create(), [.. compile, "--calibrate", _evaluate[^1]]);
        Assert.Equal(0, with.ExitCode);
        Assert.DoesNotContain("AIMC3005", with.Output + with.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void DrawnSignedBytesAreSigned()
    {
        string model = Save("int8.onnx", new TestModel().Input("x", TensorType.Int8, 1, 64).Node("Cast", "x", "f", ("to", 1)).Node("ReduceMin", "f", "low").Node("ReduceMax", "f", "high").Output("low", "high").ToArray());
        string program = Path.Combine(Folder, "int8.aimc");
        Succeed(CompileCommand.Create(), model, "--chip", "float", "-o", program);
        Succeed(RunCommand.Create(), program, "--output", Folder, "--compare", model);
        Assert.InRange(Read(Path.Combine(Folder, "low.npy")).Floats[0], -128, -10);
        Assert.InRange(Read(Path.Combine(Folder, "high.npy")).Floats[0], 10, 127);
    }

    private void SavePb(string name, string tensor, Tensor value) => Save(name, ModelWriter.Write(tensor, value).ToByteArray());

    private string Write(string name, float[] values, params long[] shape)
    {
        string path = Path.Combine(Folder, name);
        NpyWriter.Write(path, Tensor.FromFloats(values, shape));
        return path;
    }

    private JsonElement Evaluate(params string[] options)
    {
        using var document = JsonDocument.Parse(Succeed(EvaluateCommand.Create(), [.. _evaluate, .. options, "--format", "json"]));
        return document.RootElement.Clone();
    }

    private static string Succeed(System.CommandLine.Command command, params string[] arguments)
    {
        var (exitCode, output, error) = CommandLine.Run(command, arguments);
        Assert.True(exitCode == 0, error);
        return output;
    }
}

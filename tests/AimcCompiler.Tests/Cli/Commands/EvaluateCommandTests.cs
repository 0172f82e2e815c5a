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

    /// <summary>A point of the grid is what an evaluation with the same settings says: one that shares a compile, and one that has its own.</summary>
    [Fact]
    public void EveryPointIsTheEvaluationWithItsSettings()
    {
        string[] noisy = ["--chip", "hermes", "--chips", "auto", "--zeros", "program", "--calibrate", _evaluate[^1], "--time", "1d", "--instances", "3", "--metric", "mse"];
        JsonElement varied = EvaluateAnew([.. noisy, "--vary", "adc.bits=3,6,null", "--vary", "rows=2,4"]);
        Assert.Equal(["tile.adc.bits", "tile.rows"], varied.GetProperty("vary").EnumerateArray().Select(p => p.GetString()));
        JsonElement[] points = [.. varied.GetProperty("points").EnumerateArray()];
        Assert.Equal(6, points.Length);
        Assert.Equal([2, 1, 2, 1, 2, 1], points.Select(p => p.GetProperty("tiles_used").GetInt32() / Math.Max(1, points[1].GetProperty("tiles_used").GetInt32())));
        foreach (JsonElement point in points)
        {
            JsonElement values = point.GetProperty("values");
            JsonElement alone = EvaluateAnew([.. noisy, .. values.EnumerateObject().SelectMany(v => new[] { "--set", $"{v.Name}={v.Value.GetRawText()}" })]);
            Assert.True(JsonElement.DeepEquals(alone.GetProperty("results"), point.GetProperty("results")), $"{values}: {point} is not {alone}");
            Assert.Equal(alone.GetProperty("reference").GetDouble(), varied.GetProperty("reference").GetDouble());
        }

        Assert.Equal(6, points.Select(p => p.GetProperty("results")[0].GetProperty("mean").GetDouble()).Distinct().Count());
    }

    /// <summary>A program that is compiled takes what leaves its mapping as it is, ranges that were not measured among it, and says so of the rest.</summary>
    [Fact]
    public void AProgramIsVariedWhereItsMappingStays()
    {
        string program = Path.Combine(Folder, "net.aimc");
        string[] shared = ["--time", "1d", "--instances", "2", "--metric", "sqnr", "--vary", "cell.device=ideal,pcm_like", "--vary", "noise.output=null,0.05", "--format", "json"];
        Succeed(CompileCommand.Create(), _model, "--chip", "hermes", "-o", program, "--calibrate", _evaluate[^1]);
        string compiled = Succeed(EvaluateCommand.Create(), [program, "--compare", _model, "--data", _evaluate[^1], .. shared]);
        string anew = Succeed(EvaluateCommand.Create(), [_model, "--chip", "hermes", "--calibrate", _evaluate[^1], "--data", _evaluate[^1], .. shared]);
        Assert.Equal(Means(anew), Means(compiled));
        Assert.Equal(4, Means(compiled).Distinct().Count());

        Fails("give the .onnx instead of the .aimc", [program, "--data", _evaluate[^1], "--vary", "rows=2,4"]);
        Fails("tile.input.bits", [program, "--data", _evaluate[^1], "--vary", "input.bits=4..6"]);

        static double[] Means(string json)
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.GetProperty("points").EnumerateArray().Select(p => p.GetProperty("results")[0].GetProperty("mean").GetDouble())];
        }
    }

    /// <summary>Samples that ranges are taken from count for no point, also for those that need no ranges.</summary>
    [Fact]
    public void EveryPointCountsTheSameSamples()
    {
        string data = Write("many.npy", TestModel.Random(5, 520, 4).Floats, 520, 4);
        JsonElement varied = EvaluateOf([_model, "--chip", "hermes", "--data", data, "--metric", "mse", "--vary", "adc.range=fixed,calibrated", "--vary", "adc.bound=null"], fails: true);
        Assert.Equal(JsonValueKind.Undefined, varied.ValueKind);
        varied = EvaluateOf([_model, "--chip", "hermes", "--set", "tile.input.management=abs_max", "--set", "tile.input.dynamic_scale=true", "--data", data, "--metric", "mse", "--vary", "adc.bits=null,8"], fails: false);
        Assert.Equal(8, varied.GetProperty("samples").GetInt64());
        Assert.Equal(512, varied.GetProperty("calibration_samples_left_out").GetInt64());
    }

    [Fact]
    public void ATableOfValuesHasALineForEachTime()
    {
        string[] noisy = [_model, "--chip", "hermes", "--calibrate", _evaluate[^1], "--data", _evaluate[^1], "--metric", "mse", "--time", "25s,1y", "--vary", "adc.bits=4..6"];
        string[] lines = Succeed(EvaluateCommand.Create(), noisy).TrimEnd().Split('\n');
        Assert.Equal(2 + 1 + 6, lines.Length);
        Assert.Equal(["tile.adc.bits", "time", "mse", "instances", "std", "95", "%", "+-"], lines[2].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["4", "25s", "4", "1y", "5", "25s", "5", "1y", "6", "25s", "6", "1y"], lines[3..].SelectMany(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(2)));
        string[] csv = Succeed(EvaluateCommand.Create(), [.. noisy, "--format", "csv"]).TrimEnd().Split('\n');
        Assert.Equal("tile.adc.bits,tiles_used,time_s,instances,mean,std,ci95", csv[0]);
        Assert.Equal(7, csv.Length);
        Assert.All(csv, l => Assert.Equal(6, l.Count(c => c == ',')));
    }

    [Fact]
    public void ATargetIsInPointsForSharesAndElseInTheMetricsUnit()
    {
        string labels = Save("labels.bin", [.. s_data.Chunk(4).Select(x => (byte)Array.IndexOf(x, x.Max()))]);
        string[] noisy = ["--chip", "aihwkit-default", "--time", "1y"];
        JsonElement share = EvaluateAnew([.. noisy, "--set", "tile.noise.output=0.6", "--labels", labels, "--target-ci", "8"]);
        int ran = share.GetProperty("results")[0].GetProperty("instances").GetInt32();
        Assert.InRange(ran, 4, 99);
        Assert.InRange(share.GetProperty("results")[0].GetProperty("ci95").GetDouble(), 0, 0.08);
        Assert.True(share.GetProperty("target_reached").GetBoolean());
        Assert.Equal(8, share.GetProperty("target_ci").GetDouble());
        JsonElement decibel = EvaluateAnew([.. noisy, "--metric", "sqnr", "--target-ci", "0.5"]);
        Assert.InRange(decibel.GetProperty("results")[0].GetProperty("ci95").GetDouble(), 0, 0.5);
        JsonElement bounded = EvaluateAnew([.. noisy, "--metric", "sqnr", "--target-ci", "0.0001", "--instances", "4"]);
        Assert.Equal(4, bounded.GetProperty("results")[0].GetProperty("instances").GetInt32());
        Assert.False(bounded.GetProperty("target_reached").GetBoolean());
        string[] text = [_model, "--data", _evaluate[^1], .. noisy, "--metric", "sqnr", "--instances", "4", "--target-ci"];
        Assert.Contains("4 instances do not tell every mean to +- 0.0001 dB", Succeed(EvaluateCommand.Create(), [.. text, "0.0001"]), StringComparison.Ordinal);
        Assert.Contains("every mean is known to +- 50 dB after 3 instances", Succeed(EvaluateCommand.Create(), [.. text, "50"]), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, EvaluateAnew([.. noisy, "--metric", "sqnr"]).GetProperty("target_reached").ValueKind);
    }

    [Fact]
    public void AnExplanationNamesWhatTheChipHas()
    {
        string[] explain = ["--chip", "aihwkit-default", "--set", "tile.weights.bits=6", "--set", "tile.cell.bits=5", "--metric", "sqnr", "--time", "25s,1y", "--instances", "3", "--explain"];
        JsonElement found = EvaluateAnew(explain);
        JsonElement[] all = [.. found.GetProperty("nonidealities").EnumerateArray()];
        Assert.Equal(
            ["accumulated read noise", "drift", "input quantization", "output noise", "output quantization", "programming error", "weight quantization"],
            all.Select(n => n.GetProperty("name").GetString()!).Order());
        double[] costs = [.. all.Select(n => n.GetProperty("results")[1].GetProperty("alone_off").GetProperty("cost").GetDouble())];
        Assert.Equal(costs.OrderDescending(), costs);
        Assert.Equal(3, found.GetProperty("instances").GetInt32());
        Assert.Equal(2, found.GetProperty("all_off").GetArrayLength());
        Assert.Equal(2, found.GetProperty("without_drift_compensation").GetArrayLength());
        Assert.Equal(0, found.GetProperty("stays_on").GetArrayLength());
        Assert.Equal(2, found.GetProperty("layers").GetArrayLength());
        Assert.Equal(7, found.GetProperty("layers")[0].GetProperty("alone_on_sqnr_db").EnumerateObject().Count());

        // The plain evaluation is the line "all on".
        Assert.True(JsonElement.DeepEquals(EvaluateAnew([.. explain[..^1]]).GetProperty("results"), found.GetProperty("results")));
        Assert.Equal(
            found.GetProperty("all_off").EnumerateArray().Zip(found.GetProperty("results").EnumerateArray(), (off, on) => off.GetProperty("mean").GetDouble() - on.GetProperty("mean").GetDouble()),
            found.GetProperty("total").EnumerateArray().Select(r => r.GetProperty("cost").GetDouble()),
            (a, b) => Math.Abs(a - b) < 1e-9);

        string program = Path.Combine(Folder, "net.aimc");
        Succeed(CompileCommand.Create(), [_model, .. explain[..6], "-o", program]);
        string text = Succeed(EvaluateCommand.Create(), program, "--compare", _model, "--data", _evaluate[^1], "--metric", "sqnr", "--explain");
        Assert.Contains("stays on: weight quantization (the program is compiled already; give the .onnx instead of the .aimc)", text, StringComparison.Ordinal);
        Assert.Contains("no drift compensation", text, StringComparison.Ordinal);
        Assert.Contains("5 instances, the same in every line", text, StringComparison.Ordinal);
        string[] csv = Succeed(EvaluateCommand.Create(), [_model, "--data", _evaluate[^1], .. explain, "--format", "csv"]).TrimEnd().Split('\n');
        Assert.Equal(1 + (2 * (2 + 14 + 1)), csv.Length);
        Assert.All(csv, l => Assert.Equal(8, l.Count(c => c == ',')));
    }

    [Theory]
    [InlineData("greater than 0", "--target-ci", "0")]
    [InlineData("an interval takes 3", "--target-ci", "1", "--instances", "2")]
    [InlineData("--vary is given too", "--explain", "--vary", "adc.bits=4..6")]
    [InlineData("does not go with --explain", "--explain", "--target-ci", "1")]
    [InlineData("nothing for --explain", "--explain", "--ideal")]
    [InlineData("runs several", "--explain", "--save-outputs", "SAVED")]
    [InlineData("runs several", "--vary", "adc.bits=4..6", "--save-outputs", "SAVED")]
    [InlineData("no field of", "--vary", "adc.bots=4..6")]
    [InlineData("of 272 points", "--vary", "adc.bits=1..16", "--vary", "weights.bits=1..17")]
    [InlineData("tile.adc.bits", "--vary", "adc.bits=4,99")]
    public void WhatDoesNotGoTogetherIsADiagnostic(string message, params string[] options) =>
        Fails(message, [_model, "--chip", "aihwkit-default", "--data", _evaluate[^1], .. options.Select(o => o == "SAVED" ? Path.Combine(Folder, "saved.npz") : o)]);

    [Fact]
    public void TheHelpSaysUnitsAndBounds()
    {
        string help = string.Join(' ', Succeed(EvaluateCommand.Create(), "--help").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("points for shares (0.2 = 0.2 points of accuracy)", help, StringComparison.Ordinal);
        Assert.Contains("at most 256 points", help, StringComparison.Ordinal);
        Assert.Contains("--explain", help, StringComparison.Ordinal);
    }

    private static void Fails(string message, params string[] arguments)
    {
        var (exitCode, _, error) = CommandLine.Run(EvaluateCommand.Create(), arguments);
        Assert.Equal(1, exitCode);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    /// <summary>Without the chip of the other tests.</summary>
    private JsonElement EvaluateAnew(string[] options) => EvaluateOf([_model, "--data", _evaluate[^1], .. options], fails: false);

    private static JsonElement EvaluateOf(string[] arguments, bool fails)
    {
        var (exitCode, output, error) = CommandLine.Run(EvaluateCommand.Create(), [.. arguments, "--format", "json"]);
        Assert.True(exitCode == (fails ? 1 : 0), error);
        if (fails)
        {
            return default;
        }

        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
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

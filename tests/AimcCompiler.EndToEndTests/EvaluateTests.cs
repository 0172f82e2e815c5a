using System.Text.Json;

namespace AimcCompiler.EndToEndTests;

/// <summary><c>aimc evaluate</c> on the data that come with the repository.</summary>
public sealed class EvaluateTests : IDisposable
{
    private const int Left = 1000 - 512;
    private static readonly string Lenet = Places.Own("lenet5.onnx");

    private static readonly string[] Data =
    [
        "--data", Places.Own("fashion-mnist-test1000-images.idx3-ubyte.gz"), "--labels", Places.Own("fashion-mnist-test1000-labels.idx1-ubyte.gz"),
    ];

    private static readonly string[] Calibrate = ["--calibrate", Places.Own("fashion-mnist-calibration512-images.idx3-ubyte.gz")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mlp", 0.891)]
    [InlineData("lenet5", 0.902)]
    [InlineData("resnet", 0.931)]
    [InlineData("transformer", 0.908)]
    [InlineData("lstm", 0.92)]
    public void On_float_the_accuracy_is_ONNX_Runtimes(string name, double accuracy)
    {
        JsonElement result = AimcTool.Json(["evaluate", Places.Own($"{name}.onnx"), "--chip", "float", .. Data]);
        Assert.Equal(accuracy, result.GetProperty("reference").GetDouble(), 12);
        JsonElement point = Assert.Single(result.GetProperty("results").EnumerateArray());
        Assert.Equal(accuracy, point.GetProperty("mean").GetDouble(), 12);
        Assert.Equal(1000, result.GetProperty("samples").GetInt64());
        Assert.Equal(0, result.GetProperty("calibration_samples_left_out").GetInt64());
        Assert.Equal(1, result.GetProperty("seed").GetInt64());
        Assert.True(result.GetProperty("samples_per_second").GetDouble() > 0);
    }

    [Fact]
    public void A_program_without_ranges_is_calibrated_on_samples_that_do_not_count()
    {
        string program = _folder.File("lenet5.aimc");
        AimcTool.Succeed("compile", Lenet, "--chip", "hermes", "-o", program);
        string[] evaluate = ["evaluate", program, .. Data, "--compare", Lenet];
        JsonElement result = AimcTool.Json(evaluate);
        Assert.Equal(Left, result.GetProperty("samples").GetInt64());
        Assert.Equal(512, result.GetProperty("calibration_samples_left_out").GetInt64());
        Assert.Contains("calibrated on the first 512 samples, which do not count", AimcTool.Succeed(evaluate), StringComparison.Ordinal);

        JsonElement separate = AimcTool.Json([.. evaluate, .. Calibrate]);
        Assert.Equal(1000, separate.GetProperty("samples").GetInt64());
        Assert.Equal(0, separate.GetProperty("calibration_samples_left_out").GetInt64());
        Assert.Equal(0.902, separate.GetProperty("reference").GetDouble(), 12);
    }

    [Fact]
    public void A_model_and_its_program_give_the_same_figures()
    {
        string program = _folder.File("lenet5.aimc");
        AimcTool.Succeed(["compile", Lenet, "--chip", "hermes", "-o", program, .. Calibrate]);
        string[] options = ["--limit", "100", "--time", "1h"];
        Assert.Equal(
            Results(AimcTool.Json(["evaluate", Lenet, "--chip", "hermes", .. Data, .. Calibrate, .. options])),
            Results(AimcTool.Json(["evaluate", program, .. Data, "--compare", Lenet, .. options])));
    }

    [Fact]
    public void Figures_depend_on_the_seed_alone()
    {
        string first = Outputs("--seed", "7", "--threads", "1");
        Assert.Equal(first, Outputs("--seed", "7", "--threads", "2"));
        Assert.Equal(first, Outputs("--seed", "7", "--threads", "5"));
        Assert.NotEqual(first, Outputs("--seed", "8", "--threads", "1"));
    }

    [Fact]
    public void Every_time_and_instance_is_kept()
    {
        string saved = _folder.File("outputs.npz");
        JsonElement result = AimcTool.Json(
            ["evaluate", Lenet, "--chip", "hermes", .. Data, .. Calibrate, "--limit", "40", "--time", "25s,1h,30d,1y", "--instances", "3", "--save-outputs", saved]);
        Assert.Equal(40, result.GetProperty("samples").GetInt64());
        var points = result.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal([25, 3600, 30 * 86400, 365 * 86400], points.Select(p => p.GetProperty("time_s").GetDouble()));
        Assert.All(points, p => Assert.Equal(3, p.GetProperty("instances").GetInt32()));
        var arrays = Arrays.ReadNpz(saved);
        Assert.Equal(12, arrays.Count);
        int[] labels = TestLabels()[..40];
        foreach (var (point, time) in points.Zip(["25s", "1h", "30d", "1y"]))
        {
            double[] accuracies = [.. Enumerable.Range(0, 3).Select(i => Accuracy(Arrays.Rows(arrays[$"logits@{time}#{i}"]), labels))];
            double mean = accuracies.Average();
            double std = Math.Sqrt(accuracies.Sum(a => (a - mean) * (a - mean)) / 2);
            Assert.Equal(mean, point.GetProperty("mean").GetDouble(), 12);
            Assert.Equal(std, point.GetProperty("std").GetDouble(), 12);

            // Student's t with two degrees of freedom.
            Assert.Equal(4.302653 * std / Math.Sqrt(3), point.GetProperty("ci95").GetDouble(), 4);
        }

        Assert.Equal(12, arrays.Values.Select(a => string.Join(',', a.Floats)).Distinct().Count());
    }

    [Fact]
    public void One_instance_has_no_spread()
    {
        JsonElement point = AimcTool.Json(["evaluate", Lenet, "--chip", "hermes", .. Data, .. Calibrate, "--limit", "20"]).GetProperty("results")[0];
        Assert.Equal(JsonValueKind.Null, point.GetProperty("std").ValueKind);
        Assert.Equal(JsonValueKind.Null, point.GetProperty("ci95").ValueKind);
        Assert.Equal(JsonValueKind.Null, point.GetProperty("time_s").ValueKind);
    }

    [Fact]
    public void Samples_do_not_depend_on_how_many_there_are()
    {
        string few = _folder.File("few.npz");
        string many = _folder.File("many.npz");
        string[] evaluate = ["evaluate", Lenet, "--chip", "hermes", .. Data, .. Calibrate];
        AimcTool.Succeed([.. evaluate, "--limit", "7", "--save-outputs", few]);
        AimcTool.Succeed([.. evaluate, "--limit", "50", "--save-outputs", many]);
        float[] first = Assert.Single(Arrays.ReadNpz(few)).Value.Floats;
        Assert.Equal(first, Assert.Single(Arrays.ReadNpz(many)).Value.Floats[..first.Length]);
    }

    [Fact]
    public void Accuracy_on_hermes_falls_with_time()
    {
        JsonElement result = AimcTool.Json(
            ["evaluate", Places.Own("resnet.onnx"), "--chip", "hermes", "--chips", "auto", .. Data, .. Calibrate, "--time", "25s,1y", "--instances", "3", "--limit", "300"]);
        JsonElement[] points = [.. result.GetProperty("results").EnumerateArray()];
        double reference = result.GetProperty("reference").GetDouble();
        double fresh = points[0].GetProperty("mean").GetDouble();
        double old = points[1].GetProperty("mean").GetDouble();

        // Two standard errors of the difference of two means over instances.
        double margin = 2 * Math.Sqrt(points.Sum(p => Math.Pow(p.GetProperty("std").GetDouble(), 2) / 3));
        Assert.True(old < fresh - margin, $"{fresh} after 25 s, {old} after a year, margin {margin}");
        Assert.True(fresh <= reference + margin, $"{fresh} after 25 s, reference {reference}");
        Assert.True(fresh > 0.5, $"{fresh} after 25 s");
    }

    [Theory]
    [InlineData("top5")]
    [InlineData("agreement")]
    [InlineData("mse")]
    public void Other_metrics_compare_with_ONNX_Runtime(string metric)
    {
        JsonElement result = AimcTool.Json(["evaluate", Lenet, "--chip", "float", .. Data, "--limit", "64", "--metric", metric]);
        Assert.Equal(metric, result.GetProperty("metric").GetString());
        double mean = result.GetProperty("results")[0].GetProperty("mean").GetDouble();
        double reference = result.GetProperty("reference").GetDouble();
        switch (metric)
        {
            case "mse":
                Assert.InRange(mean, 0, 1e-8);
                Assert.Equal(0, reference);
                break;
            case "agreement":
                Assert.Equal(1, mean);
                Assert.Equal(1, reference);
                break;
            default:
                Assert.Equal(reference, mean);
                Assert.InRange(reference, 0.9, 1);
                break;
        }
    }

    private string Outputs(params string[] options)
    {
        string saved = _folder.File("outputs.npz");
        JsonElement result = AimcTool.Json(
            ["evaluate", Lenet, "--chip", "hermes", .. Data, .. Calibrate, "--limit", "100", "--time", "1d", "--instances", "2", "--save-outputs", saved, .. options]);
        return $"{Results(result)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(saved)))}";
    }

    private static string Results(JsonElement result) => $"{result.GetProperty("reference")} {result.GetProperty("results").GetRawText()}";

    private static int[] TestLabels() => Cli.LabelFile.Read(Places.Own("fashion-mnist-test1000-labels.idx1-ubyte.gz"));

    private static double Accuracy(float[][] outputs, int[] labels) =>
        outputs.Zip(labels, (o, l) => Array.IndexOf(o, o.Max()) == l ? 1.0 : 0.0).Average();
}

using System.Globalization;
using System.Text.Json;
using AimcCompiler.Core;

namespace AimcCompiler.EndToEndTests;

/// <summary>On chip <c>float</c> a compiled network computes what ONNX Runtime computes: every output and every layer.</summary>
public sealed class FloatTests : IDisposable
{
    /// <summary>The inventory gives shares with four digits at most.</summary>
    private const double ShareRounding = 5e-5;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mlp")]
    [InlineData("lenet5")]
    [InlineData("resnet")]
    [InlineData("transformer")]
    [InlineData("lstm")]
    public void Our_own_networks_equal_ONNX_Runtime(string name) => Compare(Places.Own($"{name}.onnx"));

    [SharedTheory]
    [InlineData("mnist-8")]
    [InlineData("mnist-7")]
    [InlineData("mlperf-tiny-resnet8")]
    [InlineData("mlperf-tiny-deepautoencoder")]
    [InlineData("onnx-mlir-mnist")]
    [InlineData("super_resolution-pytorch")]
    [InlineData("ultraface-version-RFB-320")]
    [InlineData("winml-cifar-classifier")]
    public void Networks_of_others_equal_ONNX_Runtime_and_stand_on_tiles(string name)
    {
        string model = Places.Model(name);
        CheckShare(Compare(model), name);
    }

    [SharedTheory]
    [InlineData("light_squeezenet")]
    [InlineData("light_resnet50")]
    public void Reseeded_topologies_equal_ONNX_Runtime_and_stand_on_tiles(string name)
    {
        string model = _folder.File($"{name}.onnx");
        AimcTool.Succeed("dump", Places.Model(name), "--reseed", "1", "-o", model);
        CheckShare(Compare(model), name);
    }

    [SharedTheory]
    [InlineData("mnist-8")]
    [InlineData("mnist-7")]
    [InlineData("mlperf-tiny-resnet8")]
    [InlineData("mlperf-tiny-deepautoencoder")]
    [InlineData("onnx-mlir-mnist")]
    [InlineData("ultraface-version-RFB-320")]
    [InlineData("winml-cifar-classifier")]
    [InlineData("light_squeezenet")]
    [InlineData("SqueezeNet_fp16")]
    [InlineData("match-cifar10_resnet8_fp16")]
    [InlineData("mlperf-tiny-mobilenet_v1")]
    [InlineData("ppocrv4-det")]
    [InlineData("gtcrn_simple")]
    [InlineData("yunet_n_320_320")]
    public void Golden_outputs_are_reached(string name)
    {
        using var meta = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Places.Golden(name), "meta.json")));
        string program = _folder.File("program.aimc");
        AimcTool.Succeed("compile", Places.Model(Path.GetFileNameWithoutExtension(meta.RootElement.GetProperty("model").GetString()!)), "--chip", "float", "-o", program);
        List<string> arguments = ["run", program, "--output", _folder.File("outputs")];
        foreach (var input in meta.RootElement.GetProperty("inputs").EnumerateArray())
        {
            string file = _folder.File($"{input.GetProperty("file").GetString()}.npy");
            Cli.NpyWriter.Write(file, Arrays.Raw(Path.Combine(Places.Golden(name), input.GetProperty("file").GetString()!), input));
            arguments.AddRange(["--input", $"{input.GetProperty("name").GetString()}={file}"]);
        }

        JsonElement run = AimcTool.Json([.. arguments]);
        string[] names = [.. run.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()!)];
        string[] files = [.. run.GetProperty("files").EnumerateArray().Select(f => f.GetString()!)];
        double spread = meta.RootElement.GetProperty("max_abs_diff_vs_opt_all").GetDouble();
        foreach (var output in meta.RootElement.GetProperty("outputs").EnumerateArray())
        {
            Tensor golden = Arrays.Raw(Path.Combine(Places.Golden(name), output.GetProperty("file").GetString()!), output);
            Tensor actual = Arrays.ReadNpy(files[Array.IndexOf(names, output.GetProperty("name").GetString())]);
            Assert.Equal(golden.Type, actual.Type);
            Assert.Equal(Tensor.Format(golden.Shape), Tensor.Format(actual.Shape));
            double largest = Math.Max(golden.ToFloats().Max(v => Math.Abs((double)v)), 1e-6);
            double error = golden.ToFloats().Zip(actual.ToFloats(), (g, a) => Math.Abs((double)g - a)).Max();
            double bound = golden.Type == TensorType.Float16 ? Math.Max(HalfTolerance, 1e-4) : 1e-4;
            Assert.True(
                error <= Math.Max(bound * largest, 4 * spread),
                string.Create(CultureInfo.InvariantCulture, $"{name}, {output.GetProperty("name")}: off by {error:0.0e+00} of {largest:0.0e+00}"));
        }
    }

    /// <summary>A float16 result that is rounded differently once.</summary>
    private static double HalfTolerance => Math.Pow(2, -10);

    private JsonElement Compare(string model)
    {
        string program = _folder.File("program.aimc");
        JsonElement report = AimcTool.Json("compile", model, "--chip", "float", "-o", program);
        JsonElement run = AimcTool.Json("run", program, "--compare", model, "--per-layer");
        var layers = run.GetProperty("layers").EnumerateArray().ToList();
        // What a time loop does inside has no counterpart in the model.
        Assert.Equal(report.GetProperty("layers").EnumerateArray().Count(l => !l.GetProperty("is_recurrent").GetBoolean()), layers.Count);
        Assert.NotEmpty(layers);
        Assert.All([.. layers, .. run.GetProperty("outputs").EnumerateArray()], v => Assert.True(v.GetProperty("equal").GetBoolean(), v.ToString()));
        Assert.Equal(0, run.GetProperty("clipped_conversions").GetInt64());
        return AimcTool.Json("inspect", program);
    }

    private static void CheckShare(JsonElement report, string name)
    {
        using var inventory = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Places.Shared, "models", "INVENTORY.json")));
        JsonElement entry = inventory.RootElement.GetProperty("models").EnumerateArray().Single(m => m.GetProperty("name").GetString() == $"{name}.onnx");
        double all = report.GetProperty("model_parameters").GetDouble();
        double covered = report.GetProperty("analog_parameter_share").GetDouble() + (report.GetProperty("depthwise_parameters_digital").GetInt64() / all);
        Assert.InRange(covered, entry.GetProperty("mvm_share").GetDouble() - ShareRounding, 1);
    }
}

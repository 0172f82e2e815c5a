using System.Globalization;
using System.Text.Json;
using Xunit.Abstractions;

namespace AimcCompiler.EndToEndTests;

/// <summary>Networks of ImageNet's size: tiles, throughput, time and memory.</summary>
public sealed class ResNetTests(ITestOutputHelper log) : IDisposable
{
    private const double LargestSeconds = 60;
    private const long LargestBytes = 1_000_000_000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SharedFact]
    public void ResNet18_takes_the_tiles_and_reaches_the_throughput_of_the_reference()
    {
        string model = _folder.File("resnet18.onnx");
        AimcTool.Succeed("dump", Places.Model("zigzag-resnet18-shapeonly"), "--reseed", "1", "-o", model);
        JsonElement hermes = AimcTool.Json("compile", model, "--chip", "hermes", "--chips", "auto", "-o", _folder.File("hermes.aimc"));
        Assert.Equal(201, hermes.GetProperty("tiles_used").GetInt64());
        Assert.All(hermes.GetProperty("layers").EnumerateArray(), l => Assert.Equal(1, l.GetProperty("copies").GetInt32()));
        Assert.InRange(hermes.GetProperty("estimate").GetProperty("throughput_per_s").GetDouble(), 599.7 * 0.999, 599.7 * 1.001);

        JsonElement isaac = AimcTool.Json("compile", model, "--chip", "isaac", "--chips", "auto", "-o", _folder.File("isaac.aimc"));
        Assert.Equal(5724, isaac.GetProperty("tiles_used").GetInt64());
    }

    [SharedFact]
    [Trait("Category", "Long")]
    public void ResNet50_compiles_and_runs_within_a_minute_and_a_gigabyte()
    {
        string model = _folder.File("resnet50.onnx");
        AimcTool.Succeed("dump", Places.Model("light_resnet50"), "--reseed", "1", "-o", model);
        string images = Path.Combine(_folder.Path, "image.bin");
        byte[] pixels = new byte[224 * 224 * 3];
        using (FileStream all = File.OpenRead(Places.Data("imagenet100_224_nhwc_u8.bin")))
        {
            all.ReadExactly(pixels);
        }

        File.WriteAllBytes(images, pixels);
        string[] preprocessing = ["--shape", "224x224x3", "--dtype", "uint8", "--layout", "nhwc->nchw", "--scale", "0.017", "--mean", "2.1"];
        string program = _folder.File("resnet50.aimc");
        var compiled = AimcTool.Measure(["compile", model, "--chip", "hermes", "--chips", "auto", "--calibrate", images, "-o", program, .. preprocessing]);
        Assert.True(compiled.ExitCode == 0, compiled.Error);
        var run = AimcTool.Measure(["run", program, "--input", images, .. preprocessing]);
        Assert.True(run.ExitCode == 0, run.Error);
        log.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"compile {compiled.Elapsed.TotalSeconds:0.0} s, {compiled.PeakBytes / 1e6:0} MB; run {run.Elapsed.TotalSeconds:0.0} s, {run.PeakBytes / 1e6:0} MB"));
        Assert.InRange(compiled.Elapsed.TotalSeconds + run.Elapsed.TotalSeconds, 0, LargestSeconds);
        Assert.InRange(compiled.PeakBytes, 1, LargestBytes);
        Assert.InRange(run.PeakBytes, 1, LargestBytes);
    }
}

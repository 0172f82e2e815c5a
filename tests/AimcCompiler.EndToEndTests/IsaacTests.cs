using System.Globalization;
using AimcCompiler.Core;
using Xunit.Abstractions;

namespace AimcCompiler.EndToEndTests;

/// <summary>ISAAC's 16-bit arithmetic through 8-bit converters loses almost nothing: calibrated on the first 500 images, measured on the others.</summary>
public sealed class IsaacTests(ITestOutputHelper log) : IDisposable
{
    private const int Calibrated = 500;
    private const double Bound = 1e-3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SharedFact]
    [Trait("Category", "Long")]
    public void MNIST_answers_stay_within_a_thousandth() => Check(Places.Model("mnist-8"), Images.Mnist(), 9_500);

    [SharedFact]
    [Trait("Category", "Long")]
    public void CIFAR_answers_stay_within_a_thousandth() => Check(Places.Model("mlperf-tiny-resnet8"), Images.Cifar(), 600);

    [SharedFact]
    public void A_few_images_stay_within_a_thousandth() => Check(Places.Model("mnist-8"), Images.Mnist(), 200);

    [SharedTheory]
    [InlineData("mnist-8", 3)]
    [InlineData("mlperf-tiny-resnet8", 1)]
    public void The_stepwise_definition_gives_the_same_bits(string name, int count)
    {
        Tensor images = name == "mnist-8" ? Images.Mnist() : Images.Cifar();
        string program = Compile(Places.Model(name), images, 20);
        string data = Arrays.WriteNpy(_folder.File("data.npy"), images, Calibrated, count);
        float[][] outputs =
        [
            .. new[] { "fast", "stepwise" }.Select(engine =>
            {
                string saved = _folder.File($"{engine}.npz");
                AimcTool.Succeed("evaluate", program, "--data", data, "--compare", Places.Model(name), "--engine", engine, "--save-outputs", saved);
                return Assert.Single(Arrays.ReadNpz(saved)).Value.Floats;
            }),
        ];
        Assert.Equal(outputs[1].Select(BitConverter.SingleToInt32Bits), outputs[0].Select(BitConverter.SingleToInt32Bits));
    }

    private string Compile(string model, Tensor images, int count)
    {
        string program = _folder.File("program.aimc");
        AimcTool.Succeed(
            "compile", model, "--chip", "isaac", "--calibrate", Arrays.WriteNpy(_folder.File("calibration.npy"), images, 0, count), "-o", program);
        return program;
    }

    private void Check(string model, Tensor images, int count)
    {
        string program = Compile(model, images, Calibrated);
        string data = Arrays.WriteNpy(_folder.File("data.npy"), images, Calibrated, count);
        string saved = _folder.File("outputs.npz");
        var result = AimcTool.Json("evaluate", program, "--data", data, "--compare", model, "--save-outputs", saved);
        Assert.Equal(count, result.GetProperty("samples").GetInt64());
        Assert.Equal(0, result.GetProperty("calibration_samples_left_out").GetInt64());

        var (key, array) = Assert.Single(Arrays.ReadNpz(saved));
        Assert.EndsWith("@0#0", key, StringComparison.Ordinal);
        float[][] actual = Arrays.Rows(array);
        float[][] reference = Arrays.Reference(model, images, Calibrated, count);
        double bound = Bound * reference.Max(r => r.Max(v => Math.Abs((double)v)));
        double error = actual.Zip(reference, (a, r) => a.Zip(r, (x, y) => Math.Abs((double)x - y)).Max()).Max();
        int changed = 0;
        double widest = 0;
        for (int i = 0; i < count; i++)
        {
            float[] sorted = [.. reference[i].OrderDescending()];
            if (ArgMax(actual[i]) != ArgMax(reference[i]))
            {
                changed++;
                widest = Math.Max(widest, (double)sorted[0] - sorted[1]);
            }
        }

        log.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Path.GetFileName(model)}, {count} images: largest error {error / bound * Bound:0.00e+00} of the largest output, {changed} predictions differ (margin at most {widest / bound * Bound:0.0e+00}), {result.GetProperty("samples_per_second").GetDouble():0} images/s"));
        Assert.InRange(error, 0, bound);
        Assert.True(widest < 2 * bound, "a prediction changed that is not close");
        Assert.Equal((count - changed) / (double)count, result.GetProperty("results")[0].GetProperty("mean").GetDouble(), 12);
    }

    private static int ArgMax(float[] values) => Array.IndexOf(values, values.Max());
}

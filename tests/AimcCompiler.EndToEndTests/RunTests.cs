using System.Text.Json;
using AimcCompiler.Core;

namespace AimcCompiler.EndToEndTests;

/// <summary><c>aimc run</c>: one batch through the chip.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly string Lenet = Places.Own("lenet5.onnx");
    private static readonly string[] Calibrate = ["--calibrate", Places.Own("fashion-mnist-calibration512-images.idx3-ubyte.gz")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Outputs_are_written_as_arrays_that_read_back()
    {
        string program = Compile("float");
        Tensor images = Batch(5);
        string input = Arrays.WriteNpy(_folder.File("input.npy"), images, 0, 5);
        string folder = _folder.File("new/folder");
        JsonElement run = AimcTool.Json("run", program, "--input", $"input={input}", "--preprocess", "none", "--output", folder);
        Assert.Equal(Path.Combine(folder, "logits.npy"), Assert.Single(run.GetProperty("files").EnumerateArray()).GetString());
        Tensor logits = Arrays.ReadNpy(Path.Combine(folder, "logits.npy"));
        Assert.Equal(TensorType.Float, logits.Type);
        Assert.Equal("5x10", Tensor.Format(logits.Shape));
        float[][] reference = Arrays.Reference(Lenet, images, 0, 5);
        double largest = reference.Max(r => r.Max(Math.Abs));
        Assert.All(Arrays.Rows(logits).Zip(reference), p => Assert.All(p.First.Zip(p.Second), v => Assert.InRange(Math.Abs(v.First - v.Second), 0, 1e-4 * largest)));
        JsonElement output = Assert.Single(run.GetProperty("outputs").EnumerateArray());
        Assert.Equal("logits", output.GetProperty("name").GetString());
        Assert.Equal([5, 10], output.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.Equal(["logits.npy"], Directory.GetFileSystemEntries(folder).Select(f => Path.GetFileName(f)));
    }

    [Fact]
    public void A_sample_keeps_its_noise_when_it_comes_in_another_batch()
    {
        string program = Compile("hermes", Calibrate);
        Tensor images = Batch(6);
        float[][] together = Rows(program, Arrays.WriteNpy(_folder.File("all.npy"), images, 0, 6), "--time", "1d");
        float[][] later = Rows(program, Arrays.WriteNpy(_folder.File("later.npy"), images, 4, 2), "--time", "1d", "--first-sample", "4");
        Assert.Equal(together[4..], later);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_does_not()
    {
        string program = Compile("hermes", Calibrate);
        string input = Arrays.WriteNpy(_folder.File("input.npy"), Batch(3), 0, 3);
        float[][] first = Rows(program, input, "--seed", "5");
        Assert.Equal(first, Rows(program, input, "--seed", "5", "--threads", "1"));
        Assert.Equal(first, Rows(program, input, "--seed", "5", "--threads", "3"));
        Assert.NotEqual(first, Rows(program, input, "--seed", "6"));
        Assert.NotEqual(first, Rows(program, input, "--seed", "5", "--time", "1y"));
    }

    [Fact]
    public void The_stepwise_engine_gives_the_same_bits()
    {
        string input = Arrays.WriteNpy(_folder.File("input.npy"), Batch(1), 0, 1);
        foreach (string chip in new[] { "hermes", "aihwkit-default", "float" })
        {
            string program = Compile(chip, Calibrate);
            Assert.Equal(Rows(program, input), Rows(program, input, "--engine", "stepwise"));
        }
    }

    [Fact]
    public void The_streams_give_the_same_bits()
    {
        string input = Arrays.WriteNpy(_folder.File("input.npy"), Batch(3), 0, 3);
        foreach (string chip in new[] { "hermes", "isaac" })
        {
            string program = Compile(chip, Calibrate);
            Assert.Equal(Rows(program, input, "--time", "1d", "--first-sample", "7"), Rows(program, input, "--time", "1d", "--first-sample", "7", "--engine", "streams"));
            // What it says is the same too: conversions that clipped, what programming took.
            Assert.Equal(AimcTool.Succeed("run", program, "--input", input), AimcTool.Succeed("run", program, "--input", input, "--engine", "streams"));
        }

        var (exitCode, _, error) = AimcTool.Run("run", _folder.File("isaac.aimc"), "--input", input, "--engine", "streams", "--compare", Lenet, "--per-layer");
        Assert.Equal(1, exitCode);
        Assert.Contains("--per-layer: error AIMC5005", error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_ideal_chip_is_closer_to_the_model_than_a_real_one()
    {
        string program = Compile("hermes", Calibrate);
        string input = Arrays.WriteNpy(_folder.File("input.npy"), Batch(20), 0, 20);
        JsonElement real = AimcTool.Json("run", program, "--input", input, "--compare", Lenet).GetProperty("outputs")[0];
        JsonElement ideal = AimcTool.Json("run", program, "--input", input, "--compare", Lenet, "--ideal").GetProperty("outputs")[0];
        Assert.True(ideal.GetProperty("relative_error").GetDouble() < real.GetProperty("relative_error").GetDouble() / 2);
        Assert.True(ideal.GetProperty("sqnr_db").GetDouble() > real.GetProperty("sqnr_db").GetDouble() + 6);
        float[][] first = Rows(program, input, "--ideal", "--seed", "1");
        Assert.Equal(first, Rows(program, input, "--ideal", "--seed", "2", "--time", "1y"));
    }

    [Fact]
    public void Compared_values_have_the_fields_that_scripts_rely_on()
    {
        string program = Compile("float");
        JsonElement run = AimcTool.Json("run", program, "--compare", Lenet, "--per-layer");
        Assert.True(run.GetProperty("inputs_drawn").GetBoolean());
        Assert.Equal(5, run.GetProperty("layers").GetArrayLength());
        Assert.All(
            run.GetProperty("outputs").EnumerateArray().Concat(run.GetProperty("layers").EnumerateArray()),
            v => Assert.All(
                ["name", "shape", "max_abs_error", "relative_error", "argmax_agreement", "reference_spread", "sqnr_db", "equal"],
                f => Assert.True(v.TryGetProperty(f, out _), f)));
    }

    [SharedFact]
    public void States_beside_samples_keep_their_own_first_dimension()
    {
        string program = _folder.File("gtcrn.aimc");
        AimcTool.Succeed("compile", Places.Model("gtcrn_simple"), "--chip", "float", "-o", program);
        List<string> inputs = [];
        foreach (JsonElement port in AimcTool.Json("dump", Places.Model("gtcrn_simple")).GetProperty("inputs").EnumerateArray())
        {
            string name = port.GetProperty("name").GetString()!;
            string file = _folder.File($"{inputs.Count}.npy");
            Cli.NpyWriter.Write(file, Tensor.Zeros(TensorType.Float, [.. port.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]));
            inputs.AddRange(["--input", $"{name}={file}"]);
        }

        Assert.True(inputs.Count > 4);
        JsonElement run = AimcTool.Json(["run", program, .. inputs, "--compare", Places.Model("gtcrn_simple")]);
        Assert.All(run.GetProperty("outputs").EnumerateArray(), o => Assert.True(o.GetProperty("equal").GetBoolean()));
    }

    private string Compile(string chip, params string[] options)
    {
        string program = _folder.File($"{chip}.aimc");
        AimcTool.Succeed(["compile", Lenet, "--chip", chip, "-o", program, .. options]);
        return program;
    }

    private float[][] Rows(string program, string input, params string[] options)
    {
        string folder = _folder.File("outputs");
        AimcTool.Succeed(["run", program, "--input", input, "--output", folder, .. options]);
        return Arrays.Rows(Arrays.ReadNpy(Path.Combine(folder, "logits.npy")));
    }

    /// <summary>The first images of the shipped test set, preprocessed as the model wants them.</summary>
    private static Tensor Batch(int count)
    {
        using var file = new System.IO.Compression.GZipStream(
            File.OpenRead(Places.Own("fashion-mnist-test1000-images.idx3-ubyte.gz")), System.IO.Compression.CompressionMode.Decompress);
        byte[] bytes = new byte[16 + (count * 784)];
        file.ReadExactly(bytes);
        return Tensor.FromFloats([.. bytes[16..].Select(p => (float)(((p / 255.0) - 0.286) / 0.353))], count, 1, 28, 28);
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace AimcCompiler.EndToEndTests;

/// <summary>What is wrong with the input is said once, with the place and what would help: exit 1, nothing on stdout, nothing left behind.</summary>
public sealed partial class ErrorTests : IDisposable
{
    private static readonly string Lenet = Places.Own("lenet5.onnx");
    private static readonly string Images = Places.Own("fashion-mnist-test1000-images.idx3-ubyte.gz");
    private static readonly string Labels = Places.Own("fashion-mnist-test1000-labels.idx1-ubyte.gz");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string> BrokenModels => new()
    {
        { "empty", "AIMC1001" },
        { "random", "AIMC1001" },
        { "truncated", "AIMC1001" },
        { "flipped", "AIMC1001" },
        { "text", "AIMC1001" },
    };

    [Theory]
    [MemberData(nameof(BrokenModels))]
    public void A_broken_model_is_refused(string kind, string id)
    {
        string model = Broken(kind, Lenet, ".onnx");
        string[] before = _folder.Names;
        foreach (string[] arguments in new string[][]
        {
            ["compile", model, "--chip", "tiny", "-o", _folder.File("out.aimc")],
            ["dump", model],
            ["dump", model, "--reseed", "1", "-o", _folder.File("out.onnx")],
            ["evaluate", model, "--chip", "tiny", "--data", Images, "--labels", Labels],
        })
        {
            string line = Refused(arguments);
            Assert.Contains(id, line, StringComparison.Ordinal);
            Assert.StartsWith(model, line, StringComparison.Ordinal);
        }

        Assert.Equal(before, _folder.Names);
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("random")]
    [InlineData("truncated")]
    [InlineData("flipped")]
    [InlineData("text")]
    public void A_broken_program_is_refused(string kind)
    {
        string program = _folder.File("good.aimc");
        AimcTool.Succeed("compile", Lenet, "--chip", "float", "-o", program);
        string broken = Broken(kind, program, ".aimc");
        string[] before = _folder.Names;
        foreach (string[] arguments in new string[][]
        {
            ["inspect", broken],
            ["inspect", broken, "--format", "json", "-o", _folder.File("out.json")],
            ["run", broken, "--output", _folder.File("out")],
            ["evaluate", broken, "--data", Images, "--labels", Labels, "--save-outputs", _folder.File("out.npz")],
        })
        {
            string line = Refused(arguments);
            Assert.Contains("AIMC4001", line, StringComparison.Ordinal);
            Assert.StartsWith(broken, line, StringComparison.Ordinal);
        }

        Assert.Equal(before, _folder.Names);
    }

    [Fact]
    public void A_model_given_as_a_program_is_refused_and_the_other_way_round()
    {
        Assert.Contains("AIMC4001", Refused("inspect", Lenet), StringComparison.Ordinal);
        string program = _folder.File("good.aimc");
        AimcTool.Succeed("compile", Lenet, "--chip", "float", "-o", program);
        Assert.Contains("AIMC1001", Refused("compile", program, "--chip", "float", "-o", _folder.File("other.aimc")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("compile", "--chip", "tiny")]
    [InlineData("dump")]
    [InlineData("evaluate", "--chip", "tiny", "--data", "nowhere.npy")]
    public void A_missing_model_is_named(params string[] arguments) =>
        Assert.StartsWith("nowhere.onnx: error AIMC1001", Refused([arguments[0], "nowhere.onnx", .. arguments[1..]]), StringComparison.Ordinal);

    [Fact]
    public void A_chip_that_is_too_small_comes_with_levers()
    {
        string[] before = _folder.Names;
        string text = RefusedText("compile", Lenet, "--chip", "tiny", "-o", _folder.File("out.aimc"));
        Assert.Contains("AIMC3003", text, StringComparison.Ordinal);
        Assert.Matches(@"needs \d+ tiles, \d+ of 16 are free on chip 'tiny'", text);
        Assert.Contains("  try: ", text, StringComparison.Ordinal);
        Assert.Contains("--fallback digital", text, StringComparison.Ordinal);
        Assert.Contains("--chips auto", text, StringComparison.Ordinal);
        Assert.Matches(@"\n  --fallback segments .* impossible: layer '/7/Gemm' alone needs 3000 of 16 tiles and is not divided .*\n  --chips 241 +241 +3,849 .* us .* uJ .*\n  --fallback digital .* digital: /3/Conv, ", text);
        Assert.Equal(before, _folder.Names);
    }

    [Fact]
    public void Missing_data_are_named()
    {
        string program = Program("float");
        Assert.StartsWith("nowhere.npy: error AIMC5001", Refused("run", program, "--input", "nowhere.npy"), StringComparison.Ordinal);
        Assert.StartsWith("nowhere.npy: error AIMC5001", Refused("evaluate", program, "--data", "nowhere.npy", "--labels", Labels), StringComparison.Ordinal);
        Assert.StartsWith("nowhere.idx: error AIMC5001", Refused("evaluate", program, "--data", Images, "--labels", "nowhere.idx"), StringComparison.Ordinal);
        Assert.StartsWith(
            "nowhere.npy: error AIMC5001", Refused("compile", Lenet, "--chip", "hermes", "--calibrate", "nowhere.npy", "-o", _folder.File("out.aimc")), StringComparison.Ordinal);
        Assert.StartsWith("nowhere.onnx: error AIMC1001", Refused("run", program, "--compare", "nowhere.onnx"), StringComparison.Ordinal);
        Assert.StartsWith("nowhere.json: error", Refused("compile", Lenet, "--chip", "nowhere.json", "-o", _folder.File("out.aimc")), StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_shapes_are_named()
    {
        string program = Program("float");
        string wrong = _folder.File("wrong.npy");
        Cli.NpyWriter.Write(wrong, Core.Tensor.FromFloats(new float[3 * 27 * 28], 3, 27, 28));
        string line = Refused("run", program, "--input", wrong);
        Assert.StartsWith($"{wrong}: error AIMC5002", line, StringComparison.Ordinal);
        Assert.Contains("3x27x28", line, StringComparison.Ordinal);
        Assert.StartsWith($"{wrong}: error AIMC5002", Refused("compile", Lenet, "--chip", "hermes", "--calibrate", wrong, "-o", _folder.File("o.aimc")), StringComparison.Ordinal);
        Assert.StartsWith($"{wrong}: error AIMC5002", Refused("evaluate", program, "--data", wrong, "--labels", Labels), StringComparison.Ordinal);

        string few = _folder.File("few.npy");
        Cli.NpyWriter.Write(few, Core.Tensor.FromFloats(new float[3 * 784], 3, 1, 28, 28));
        Assert.StartsWith($"{Labels}: error AIMC5002: 1000 labels for 3 samples", Refused("evaluate", program, "--data", few, "--labels", Labels), StringComparison.Ordinal);
        Assert.Contains("AIMC5", Refused("run", program, "--input", few, "--input", few), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AIMC2002", "hermes", "--chip", "hermez")]
    [InlineData("AIMC2001", "tile.rows", "--chip", "tiny", "--set", "tile.rows=-3")]
    [InlineData("AIMC2001", "tile.rowz", "--chip", "tiny", "--set", "tile.rowz=3")]
    [InlineData("AIMC2001", "tile.adc.bits", "--chip", "tiny", "--set", "tile.adc.bits=many")]
    [InlineData("AIMC5005", "--chips", "--chip", "tiny", "--chips", "many")]
    [InlineData("AIMC5005", "--dim", "--chip", "tiny", "--dim", "batch")]
    [InlineData("AIMC5005", "--input-range", "--chip", "tiny", "--input-range", "1.5")]
    [InlineData("AIMC3001", "nobody", "--chip", "float", "--analog", "nobody")]
    [InlineData("AIMC3001", "nobody", "--chip", "float", "--digital", "nobody")]
    [InlineData("AIMC3002", "/1/Relu", "--chip", "float", "--analog", "/1/Relu")]
    [InlineData("AIMC5001", "", "--chip", "hermes", "--calibrate", "/dev/null")]
    public void A_wrong_request_is_named(string id, string part, params string[] options)
    {
        string text = RefusedText(["compile", Lenet, "-o", _folder.File("out.aimc"), .. options]);
        Assert.Contains(id, text, StringComparison.Ordinal);
        Assert.Contains(part, text, StringComparison.Ordinal);
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void A_chip_file_is_refused_with_the_path_of_the_field()
    {
        string chip = _folder.File("mine.json");
        string good = AimcTool.Succeed("chips", "tiny", "--format", "json");
        File.WriteAllText(chip, good.Replace("\"rows\": 8", "\"rows\": 8, \"depth\": 3", StringComparison.Ordinal));
        Assert.Contains("$.tile.depth", Refused("chips", chip), StringComparison.Ordinal);
        File.WriteAllText(chip, Regex.Replace(good, "\"rows\": 8", "\"rows\": \"eight\""));
        Assert.Contains("$.tile.rows", Refused("compile", Lenet, "--chip", chip, "-o", _folder.File("o.aimc")), StringComparison.Ordinal);
        File.WriteAllText(chip, good[..(good.Length / 2)]);
        Assert.StartsWith(chip, Refused("chips", chip), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "--time", "soon")]
    [InlineData("run", "--time", "1h,1d")]
    [InlineData("run", "--first-sample", "-1")]
    [InlineData("run", "--threads", "0")]
    [InlineData("run", "--per-layer")]
    [InlineData("run", "--shape", "axb", "--dtype", "uint8", "--input", "IMAGES")]
    [InlineData("run", "--layout", "chwn", "--input", "IMAGES")]
    [InlineData("evaluate", "--data", "IMAGES")]
    [InlineData("evaluate", "--data", "IMAGES", "--labels", "LABELS", "--instances", "0")]
    [InlineData("evaluate", "--data", "IMAGES", "--labels", "LABELS", "--limit", "0")]
    [InlineData("evaluate", "--data", "IMAGES", "--metric", "top1")]
    [InlineData("evaluate", "--data", "IMAGES", "--metric", "mse")]
    [InlineData("evaluate", "--data", "IMAGES", "--labels", "LABELS", "--chip", "tiny")]
    [InlineData("inspect", "--layer", "nobody")]
    [InlineData("inspect", "--tile", "-1")]
    public void A_wrong_request_on_a_program_is_named(string command, params string[] options)
    {
        string program = Program("float");
        string[] before = _folder.Names;
        Refused([command, program, .. options.Select(o => o == "IMAGES" ? Images : o == "LABELS" ? Labels : o)]);
        Assert.Equal(before, _folder.Names);
    }

    [Fact]
    public void Outputs_that_cannot_be_written_are_named_before_the_work()
    {
        string program = Program("float");
        string nowhere = _folder.File("no/such/folder/out");
        string file = _folder.File("file");
        File.WriteAllText(file, "kept");
        string[] before = _folder.Names;
        foreach (string[] arguments in new string[][]
        {
            ["compile", Lenet, "--chip", "float", "-o", nowhere],
            ["compile", Lenet, "--chip", "float", "-o", _folder.Path],
            ["compile", Lenet, "--chip", "float", "-o", Path.Combine(file, "out")],
            ["compile", Lenet, "--chip", "float", "-o", _folder.File("out.aimc"), "--dump-ir", file],
            ["inspect", program, "-o", nowhere],
            ["dump", Lenet, "-o", nowhere],
            ["dump", Lenet, "--reseed", "1", "-o", nowhere],
            ["run", program, "--output", file],
            ["run", program, "--output", Path.Combine(file, "below")],
            ["evaluate", program, "--data", Images, "--labels", Labels, "--limit", "1", "--save-outputs", nowhere],
        })
        {
            Assert.Contains("AIMC4003", Refused(arguments), StringComparison.Ordinal);
        }

        Assert.Equal("kept", File.ReadAllText(file));
        Assert.Equal(before, _folder.Names);
    }

    [Fact]
    public void An_unwritable_place_for_outputs_is_found_before_hours_of_evaluation()
    {
        long started = Stopwatch.GetTimestamp();
        Refused(
            "evaluate", Lenet, "--chip", "hermes", "--data", Images, "--labels", Labels, "--instances", "100000", "--save-outputs", _folder.File("no/such/out.npz"));
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 60);
    }

    [UnprivilegedFact]
    public void A_read_only_folder_is_named()
    {
        string program = Program("float");
        string locked = Directory.CreateDirectory(_folder.File("locked")).FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(locked, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        Assert.Contains("AIMC4003", Refused("compile", Lenet, "--chip", "float", "-o", Path.Combine(locked, "out.aimc")), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("run", program, "--output", Path.Combine(locked, "out")), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(locked));
    }

    [Fact]
    public void A_folder_where_nobody_may_write_is_named()
    {
        const string Locked = "/proc";
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        string program = Program("float");
        Assert.Contains("AIMC4003", Refused("compile", Lenet, "--chip", "float", "-o", $"{Locked}/out.aimc"), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("run", program, "--output", $"{Locked}/out"), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("run", program, "--output", Locked), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("compile", Lenet, "--chip", "float", "-o", _folder.File("o.aimc"), "--dump-ir", $"{Locked}/ir"), StringComparison.Ordinal);
        Assert.Equal(["float.aimc"], _folder.Names);
    }

    [Fact]
    public void The_output_never_takes_the_place_of_the_input()
    {
        string model = _folder.File("model.onnx");
        File.Copy(Lenet, model);
        byte[] before = File.ReadAllBytes(model);
        Assert.Contains("AIMC4003", Refused("compile", model, "--chip", "float", "-o", model), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("dump", model, "--reseed", "1", "-o", model), StringComparison.Ordinal);
        Assert.Contains("AIMC4003", Refused("dump", model, "-o", model), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(model));

        string program = Program("float");
        before = File.ReadAllBytes(program);
        Assert.Contains("AIMC4003", Refused("inspect", program, "-o", program), StringComparison.Ordinal);
        Assert.Contains(
            "AIMC4003", Refused("evaluate", program, "--data", Images, "--labels", Labels, "--limit", "1", "--save-outputs", program), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(program));
    }

    [Fact]
    public void A_program_without_ranges_says_how_to_get_them()
    {
        string program = Program("hermes");
        string text = RefusedText("run", program, "--output", _folder.File("out"));
        Assert.Contains("AIMC5003", text, StringComparison.Ordinal);
        Assert.Contains("--calibrate", text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.File("out")), "an empty folder is left");
    }

    [Theory]
    [InlineData]
    [InlineData("fly")]
    [InlineData("compile")]
    [InlineData("compile", "a.onnx", "b.onnx", "--chip", "tiny")]
    [InlineData("compile", "a.onnx", "--chip", "tiny", "--fallback", "analog")]
    [InlineData("compile", "a.onnx", "--chip", "tiny", "--fly")]
    [InlineData("run")]
    [InlineData("run", "a.aimc", "--seed", "many")]
    [InlineData("run", "a.aimc", "--format", "xml")]
    [InlineData("evaluate", "a.aimc")]
    [InlineData("inspect")]
    public void Usage_errors_end_with_2(params string[] arguments)
    {
        var (exitCode, _, error) = AimcTool.Run(arguments);
        Assert.Equal(2, exitCode);
        Assert.NotEmpty(error);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [UnixFact]
    public async Task An_interrupted_evaluation_ends_with_130_and_leaves_nothing()
    {
        string program = Program("float");
        string[] before = _folder.Names;
        using Process process = AimcTool.Start(
            "evaluate", program, "--data", Images, "--labels", Labels, "--instances", "100000", "--save-outputs", _folder.File("out.npz"), "--verbose");

        // The first line of an instance is there: the evaluation runs.
        string? line;
        do
        {
            line = await process.StandardError.ReadLineAsync();
        }
        while (line is not null && !line.Contains("instance 2 ", StringComparison.Ordinal));
        Assert.NotNull(line);
        try
        {
            Interrupt(process);
            Task<string> rest = process.StandardError.ReadToEndAsync();
            Assert.True(process.WaitForExit(TimeSpan.FromSeconds(30)), "it goes on");
            Assert.Equal(130, process.ExitCode);
            Assert.Equal("", await process.StandardOutput.ReadToEndAsync());
            Assert.DoesNotContain("   at ", await rest, StringComparison.Ordinal);
            Assert.Equal(before, _folder.Names);
        }
        finally
        {
            // Where the tests were started with interrupts ignored, so is it.
            process.Kill(entireProcessTree: true);
        }
    }

    private static void Interrupt(Process process)
    {
        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    private static string Refused(params string[] arguments) => RefusedText(arguments).Split('\n')[0];

    /// <summary>The one error; lines that are moved in may say what would help, and at what cost.</summary>
    private static string RefusedText(params string[] arguments)
    {
        var (exitCode, output, error) = AimcTool.Run(arguments);
        string what = string.Create(CultureInfo.InvariantCulture, $"aimc {string.Join(' ', arguments)}: {exitCode}\n{error}{output}");
        Assert.True(exitCode == 1, what);
        Assert.True(output.Length == 0, what);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        string[] lines = error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Count(l => ErrorLine().IsMatch(l)) == 1, what);
        Assert.True(lines.All(l => ErrorLine().IsMatch(l) || l.StartsWith("  ", StringComparison.Ordinal)), what);
        return error;
    }

    [GeneratedRegex(": error AIMC[0-9]{4}: ")]
    private static partial Regex ErrorLine();

    private string Program(string chip)
    {
        string program = _folder.File($"{chip}.aimc");
        AimcTool.Succeed("compile", Lenet, "--chip", chip, "-o", program);
        return program;
    }

    private string Broken(string kind, string good, string extension)
    {
        byte[] bytes = File.ReadAllBytes(good);
        byte[] broken = kind switch
        {
            "empty" => [],
            "random" => RandomBytes(),
            "truncated" => bytes[..(bytes.Length * 2 / 3)],
            "text" => "this is not a model\n"u8.ToArray(),
            _ => bytes,
        };
        if (kind == "flipped")
        {
            // The graph's first fields, or the header.
            broken.AsSpan(20, 64).Reverse();
        }

        string path = _folder.File($"{kind}{extension}");
        File.WriteAllBytes(path, broken);
        return path;
    }

    private static byte[] RandomBytes()
    {
        byte[] bytes = new byte[4096];
        uint state = 1;
        foreach (ref byte b in bytes.AsSpan())
        {
            state = (state * 1664525) + 1013904223;
            b = (byte)(state >> 24);
        }

        return bytes;
    }
}

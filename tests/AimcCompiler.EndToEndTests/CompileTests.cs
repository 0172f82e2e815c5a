using System.Text.Json;
using AimcCompiler.Onnx.Proto;
using Google.Protobuf;

namespace AimcCompiler.EndToEndTests;

/// <summary><c>aimc compile</c> and what its options change.</summary>
public sealed class CompileTests : IDisposable
{
    private static readonly string Lenet = Places.Own("lenet5.onnx");
    private static readonly string[] Calibrate = ["--calibrate", Places.Own("fashion-mnist-calibration512-images.idx3-ubyte.gz")];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>A voice activity detector whose whole network stands in the branches of an If on its sample rate.</summary>
    [SharedFact]
    public void A_fixed_input_chooses_the_branch_and_is_compared_as_such()
    {
        string model = Places.Model("silero_vad");
        string program = _folder.File("vad.aimc");
        JsonElement report = AimcTool.Json("compile", model, "--chip", "float", "--fix", "sr=16000", "-o", program);
        // Six convolutions, and the two products of the LSTM.
        Assert.Equal(8, report.GetProperty("layers").GetArrayLength());
        Assert.True(report.GetProperty("analog_parameter_share").GetDouble() is > 0.3 and < 1);
        JsonElement run = AimcTool.Json("run", program, "--compare", model);
        Assert.All(run.GetProperty("outputs").EnumerateArray(), o => Assert.True(o.GetProperty("equal").GetBoolean()));
        Assert.Equal(0, AimcTool.Json("compile", model, "--chip", "float", "-o", program).GetProperty("layers").GetArrayLength());
        var (exitCode, _, error) = AimcTool.Run("compile", model, "--chip", "float", "--fix", "sr=16k", "-o", program);
        Assert.Equal(1, exitCode);
        Assert.Contains("AIMC1007: takes one Int64, which '16k' is not", error, StringComparison.Ordinal);
        Assert.Contains("AIMC5005", AimcTool.Run("compile", model, "--chip", "float", "--fix", "sr").Error, StringComparison.Ordinal);
        Assert.Contains("changes the compile", AimcTool.Run("evaluate", program, "--data", "x.npy", "--fix", "sr=1").Error, StringComparison.Ordinal);
    }

    /// <summary>40 values of 16 MB each, of which two live at once.</summary>
    [Fact]
    public void Compiling_does_not_hold_what_no_node_reads_any_more()
    {
        const int Values = 40;
        TypeProto type = new() { TensorType = new TypeProto.Types.Tensor { ElemType = 1, Shape = new TensorShapeProto() } };
        type.TensorType.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = 1 << 22 });
        GraphProto graph = new() { Name = "chain", Input = { new ValueInfoProto { Name = "v0", Type = type } }, Output = { new ValueInfoProto { Name = $"v{Values}" } } };
        graph.Node.AddRange(Enumerable.Range(0, Values).Select(i => new NodeProto { OpType = "Relu", Name = $"n{i}", Input = { $"v{i}" }, Output = { $"v{i + 1}" } }));
        string model = _folder.File("chain.onnx");
        File.WriteAllBytes(model, new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = 17 } } }.ToByteArray());
        var (exitCode, error, _, peak) = AimcTool.Measure("compile", model, "--chip", "float", "-o", _folder.File("chain.aimc"));
        Assert.True(exitCode == 0, error);
        Assert.InRange(peak >> 20, 1, 400);
    }

    [Theory]
    [InlineData("float")]
    [InlineData("hermes")]
    [InlineData("isaac")]
    public void The_same_request_gives_the_same_bytes(string chip)
    {
        byte[][] programs =
        [
            .. new[] { "first", "second" }.Select(name =>
            {
                string file = _folder.File($"{name}.aimc");
                AimcTool.Succeed(["compile", Lenet, "--chip", chip, "-o", file, .. Calibrate]);
                return File.ReadAllBytes(file);
            }),
        ];
        Assert.Equal(programs[0], programs[1]);
        Assert.Equal(["first.aimc", "second.aimc"], _folder.Names);
    }

    [Fact]
    public void A_program_takes_the_place_of_an_older_one()
    {
        string file = _folder.File("out.aimc");
        AimcTool.Succeed("compile", Lenet, "--chip", "float", "-o", file);
        AimcTool.Succeed("compile", Lenet, "--chip", "isaac", "-o", file);
        Assert.Equal("isaac", AimcTool.Json("inspect", file).GetProperty("chip").GetString());
        Assert.Equal(["out.aimc"], _folder.Names);
    }

    [Fact]
    public void Every_pass_leaves_its_form_in_the_dump()
    {
        string folder = _folder.File("ir");
        AimcTool.Succeed("compile", Lenet, "--chip", "isaac", "-o", _folder.File("out.aimc"), "--dump-ir", folder);
        string passes = AimcTool.Succeed("passes");
        string[] files = [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];
        Assert.All(files, f => Assert.EndsWith(".txt", f, StringComparison.Ordinal));
        Assert.All(files, f => Assert.True(new FileInfo(Path.Combine(folder, f)).Length > 0, f));
        string[] names = ["fold-constants", "fold-batch-norm", "partition-graph", "lower-to-mvm", "quantize-weights", "encode", "slice-bits", "split-weights", "place-tiles"];
        Assert.All(names, n => Assert.Single(files, f => f.Contains(n, StringComparison.Ordinal)));
        Assert.All(names, n => Assert.Contains(n, passes, StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_vary_the_chip()
    {
        JsonElement wide = Compile(Lenet, "isaac");
        JsonElement narrow = Compile(Lenet, "isaac", "--set", "tile.rows=64");
        Assert.True(narrow.GetProperty("tiles_used").GetInt64() > wide.GetProperty("tiles_used").GetInt64());
        JsonElement both = Compile(Lenet, "float", "--set", "tile.rows=64", "--set", "tile.columns=64");
        Assert.All(both.GetProperty("layers").EnumerateArray(), l => Assert.Equal((l.GetProperty("rows").GetInt32() + 63) / 64, l.GetProperty("row_blocks").GetInt32()));
        Assert.True(IsEqual(Lenet));
    }

    [Fact]
    public void As_many_chips_are_taken_as_are_needed()
    {
        JsonElement tiny = Compile(Lenet, "tiny", "--chips", "auto");
        long tiles = tiny.GetProperty("tiles_used").GetInt64();
        int chips = tiny.GetProperty("chips").GetInt32();
        Assert.Equal(16 * chips, tiny.GetProperty("tiles_total").GetInt64());
        Assert.InRange(tiles, (16 * (chips - 1)) + 1, 16 * chips);
        Assert.Equal(chips, Compile(Lenet, "tiny", "--chips", chips.ToString(System.Globalization.CultureInfo.InvariantCulture)).GetProperty("chips").GetInt32());
        Assert.Equal(1, AimcTool.Run("compile", Lenet, "--chip", "tiny", "--chips", "2", "-o", _folder.File("no.aimc")).ExitCode);
    }

    /// <summary>1,456 tiles on 576: the refusal says what the ways out would cost, segments run, and the values are those of a chip that holds everything.</summary>
    [Fact]
    public void What_does_not_fit_is_loaded_in_segments_when_asked()
    {
        string[] chip = ["--chip", "tiny", "--set", "mesh.rows=12", "--set", "mesh.columns=12", "--set", "tile.rows=16", "--set", "tile.columns=16", "--set", "core.buffer_kib=64", "--set", "tile.input.management=abs_max"];
        string model = Places.Own("resnet.onnx");
        string program = _folder.File("pieces.aimc");
        var (exitCode, _, error) = AimcTool.Run(["compile", model, .. chip, "-o", program]);
        Assert.Equal(1, exitCode);
        Assert.Contains("AIMC3003", error, StringComparison.Ordinal);
        string[] ways = ["--fallback segments", "--chips 3", "--fallback digital"];
        Assert.All(ways, way => Assert.Contains(error.Split('\n'), l => l.StartsWith($"  {way}", StringComparison.Ordinal) && l.Contains(" us", StringComparison.Ordinal)));
        Assert.False(File.Exists(program));

        JsonElement report = AimcTool.Json(["compile", model, .. chip, "--fallback", "segments", "--segment-batch", "2", "-o", program]);
        int segments = report.GetProperty("segments").GetArrayLength();
        Assert.InRange(segments, 3, 6);
        Assert.Equal(2, report.GetProperty("segment_batch").GetInt32());
        JsonElement chosen = report.GetProperty("alternatives").EnumerateArray().Single(a => a.GetProperty("is_chosen").GetBoolean());
        Assert.Equal("--fallback segments", chosen.GetProperty("lever").GetString());
        Assert.Equal(segments, AimcTool.Json("inspect", program).GetProperty("segments").GetArrayLength());
        Assert.Contains("segments are loaded one after the other, 2 inferences a load", AimcTool.Succeed("inspect", program), StringComparison.Ordinal);

        string trace = _folder.File("trace.json");
        JsonElement time = AimcTool.Json("time", program, "--trace", trace);
        Assert.InRange(chosen.GetProperty("interval_s").GetDouble(), 0.5 * time.GetProperty("interval_s").GetDouble(), time.GetProperty("interval_s").GetDouble());
        Assert.Equal(segments, time.GetProperty("segments").GetArrayLength());
        Assert.Contains($"load segment {segments - 1}", File.ReadAllText(trace), StringComparison.Ordinal);
        Assert.Contains($"segment {segments - 1}   load", AimcTool.Succeed("time", program), StringComparison.Ordinal);

        string whole = _folder.File("whole.aimc");
        AimcTool.Succeed(["compile", model, .. chip, "--chips", "auto", "-o", whole]);
        string images = Places.Own("fashion-mnist-test1000-images.idx3-ubyte.gz");
        string labels = Places.Own("fashion-mnist-test1000-labels.idx1-ubyte.gz");
        byte[][] outputs =
        [
            .. new[] { program, whole }.Select((p, i) =>
            {
                string saved = _folder.File($"{i}.npz");
                AimcTool.Succeed("evaluate", p, "--data", images, "--labels", labels, "--limit", "32", "--save-outputs", saved);
                return File.ReadAllBytes(saved);
            }),
        ];
        Assert.Equal(outputs[1], outputs[0]);
    }

    [Fact]
    public void What_does_not_fit_runs_digitally_when_asked()
    {
        // Two tiles of 256 x 256: some layers fit and some do not.
        string[] small = ["--set", "mesh.rows=1", "--set", "mesh.columns=1", "--set", "core.tiles=2", "--share-tiles", "never"];
        string program = _folder.File("program.aimc");
        var refused = AimcTool.Run(["compile", Lenet, "--chip", "float", "-o", program, .. small]);
        Assert.True(refused.ExitCode == 1, refused.Error);
        Assert.Contains("--fallback digital", refused.Error, StringComparison.Ordinal);
        var taken = AimcTool.Run(["compile", Lenet, "--chip", "float", "-o", program, "--fallback", "digital", .. small]);
        Assert.True(taken.ExitCode == 0, taken.Error);
        Assert.Contains("AIMC3004", taken.Error, StringComparison.Ordinal);
        JsonElement report = AimcTool.Json("inspect", program);
        Assert.InRange(report.GetProperty("layers").GetArrayLength(), 1, 4);
        Assert.InRange(report.GetProperty("tiles_used").GetInt64(), 1, 2);
        Assert.True(IsEqual(Lenet));
    }

    [Theory]
    [InlineData("digital", 0)]
    [InlineData("packed", 2)]
    [InlineData("dense", 2)]
    public void Depthwise_convolutions_stand_where_they_are_told(string policy, int expected)
    {
        string model = Places.Own("resnet.onnx");
        JsonElement report = Compile(model, "float", "--depthwise", policy);
        Assert.Equal(expected, report.GetProperty("layers").EnumerateArray().Count(l => l.GetProperty("groups").GetInt32() > 1 || l.GetProperty("packing").GetString() == policy && policy == "dense"));
        Assert.True(IsEqual(model));
    }

    [Fact]
    public void The_projections_of_a_transformer_stand_on_tiles_and_products_of_activations_do_not()
    {
        JsonElement report = Compile(Places.Own("transformer.onnx"), "float");
        JsonElement[] products = [.. report.GetProperty("nodes").EnumerateArray().Where(n => n.GetProperty("op").GetString() is "MatMul" or "Gemm")];
        Assert.Equal(18, products.Length);
        Assert.All(products, n => Assert.Equal(n.GetProperty("parameters").GetInt64() > 0 ? "analog" : "digital", n.GetProperty("home").GetString()));

        // Queries with keys and probabilities with values, in two encoder layers.
        JsonElement[] digital = [.. products.Where(n => n.GetProperty("home").GetString() == "digital")];
        Assert.Equal(4, digital.Length);
        Assert.All(digital, n => Assert.Equal("dynamic_weights", n.GetProperty("reason").GetString()));
    }

    [Fact]
    public void Single_nodes_are_moved_off_the_tiles()
    {
        JsonElement all = Compile(Lenet, "float");
        string node = all.GetProperty("layers")[1].GetProperty("name").GetString()!;
        JsonElement fewer = Compile(Lenet, "float", "--digital", node);
        Assert.Equal(all.GetProperty("layers").GetArrayLength() - 1, fewer.GetProperty("layers").GetArrayLength());
        Assert.Equal("digital", fewer.GetProperty("nodes").EnumerateArray().Single(n => n.GetProperty("name").GetString() == node).GetProperty("home").GetString());
        Assert.True(IsEqual(Lenet));
    }

    [Fact]
    public void The_report_has_the_fields_that_scripts_rely_on()
    {
        JsonElement report = Compile(Lenet, "hermes");
        Assert.All(
            ["model", "chip", "nodes", "layers", "tiles_used", "tiles_total", "cells_used", "utilisation", "analog_mac_share", "analog_parameter_share", "bounds"],
            f => Assert.True(report.TryGetProperty(f, out _), f));
        Assert.All(report.GetProperty("nodes").EnumerateArray(), n => Assert.All(["name", "op", "home", "reason", "parameters"], f => Assert.True(n.TryGetProperty(f, out _), f)));
        Assert.All(
            report.GetProperty("layers").EnumerateArray(),
            l => Assert.All(["name", "rows", "columns", "mvm_per_inference", "tiles", "copies", "slices", "cells_used", "utilisation"], f => Assert.True(l.TryGetProperty(f, out _), f)));
        Assert.All(report.GetProperty("bounds").EnumerateArray(), b => Assert.All(["name", "value", "achieved", "gap", "binding", "unit"], f => Assert.True(b.TryGetProperty(f, out _), f)));
        string file = _folder.File("report.json");
        Assert.Equal("", AimcTool.Succeed("inspect", _folder.File("program.aimc"), "--format", "json", "-o", file));
        using var written = JsonDocument.Parse(File.ReadAllBytes(file));
        Assert.Equal(report.GetRawText(), written.RootElement.GetRawText());
        Assert.StartsWith("digraph", AimcTool.Succeed("inspect", _folder.File("program.aimc"), "--format", "dot"), StringComparison.Ordinal);
    }

    /// <summary>The report of the compile, which is that of <c>inspect</c>.</summary>
    private JsonElement Compile(string model, string chip, params string[] options)
    {
        string program = _folder.File("program.aimc");
        JsonElement report = AimcTool.Json(["compile", model, "--chip", chip, "-o", program, .. options]);
        Assert.Equal(report.GetRawText(), AimcTool.Json("inspect", program).GetRawText());
        return report;
    }

    private bool IsEqual(string model)
    {
        JsonElement run = AimcTool.Json("run", _folder.File("program.aimc"), "--compare", model, "--per-layer");
        return run.GetProperty("outputs").EnumerateArray().Concat(run.GetProperty("layers").EnumerateArray()).All(v => v.GetProperty("equal").GetBoolean());
    }
}

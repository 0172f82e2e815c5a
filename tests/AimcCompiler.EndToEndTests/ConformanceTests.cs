using AimcCompiler.Conformance;

namespace AimcCompiler.EndToEndTests;

/// <summary>The commands of AimcCompiler.Conformance, as far as they are proofs today; all of them are listed in docs/conformance.md.</summary>
[Trait("Category", "Long")]
public sealed class ConformanceTests
{
    [SharedFact]
    public async Task Mutated_models_end_in_a_program_or_a_diagnostic_with_a_place() =>
        Assert.Equal(0, await ConformanceRoot.InvokeAsync(["fuzz", "--count", "500", "--seed", "3", "--filter", "mnist"]));

    [SharedFact]
    public async Task Real_models_that_no_runtime_takes_are_refused_with_a_diagnostic() =>
        Assert.Equal(0, await ConformanceRoot.InvokeAsync(["models", "--filter", "int.onnx"]));
}

/// <summary><c>conformance accuracy</c> on the data that come with the repository.</summary>
public sealed class AccuracyTests : IDisposable
{
    private const string Document = "# Mine\n\nBefore.\n<!-- begin models -->\nold\n<!-- end models -->\nBetween.\n<!-- begin explain -->\n<!-- end explain -->\nAfter.\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Tables_are_written_between_their_marks_and_the_rest_stays()
    {
        string file = _folder.File("accuracy.md");
        string json = _folder.File("accuracy.json");
        File.WriteAllText(file, Document);
        Assert.Equal(0, await ConformanceRoot.InvokeAsync(["accuracy", "--tables", "models,explain", "--models", "mlp", "--chips", "float,nosuch,hermes", "--instances", "2", "--limit", "40", "--time", "25s,1y", "--output", file, "--json", json]));
        string text = File.ReadAllText(file);
        Assert.StartsWith("# Mine\n\nBefore.\n<!-- begin models -->\n| model |", text, StringComparison.Ordinal);
        Assert.EndsWith("<!-- end explain -->\nAfter.\n", text, StringComparison.Ordinal);
        Assert.Contains("<!-- end models -->\nBetween.\n<!-- begin explain -->\n| non-ideality |", text, StringComparison.Ordinal);
        Assert.DoesNotContain("old", text, StringComparison.Ordinal);
        Assert.Contains("- `nosuch` is no preset of this version: left out.", text, StringComparison.Ordinal);
        Assert.Contains("`accuracy --tables models --chips float,nosuch,hermes --models mlp --instances 2 --limit 40 --time 25s,1y`", text, StringComparison.Ordinal);
        Assert.Contains("| drift |", text, StringComparison.Ordinal);

        // The same figures as aimc evaluate, from the same samples; float draws nothing.
        using var figures = System.Text.Json.JsonDocument.Parse(File.ReadAllText(json));
        var rows = figures.RootElement.GetProperty("tables").GetProperty("models").GetProperty("rows");
        Assert.Equal(["float", "hermes"], rows.EnumerateArray().Select(r => r.GetProperty("chip").GetString()));
        Assert.All(rows.EnumerateArray(), r => Assert.Equal(40, r.GetProperty("samples").GetInt64()));
        Assert.Equal(rows[0].GetProperty("reference").GetDouble(), rows[0].GetProperty("points")[1].GetProperty("mean").GetDouble());
        var alone = AimcTool.Json(
        [
            "evaluate", Places.Own("mlp.onnx"), "--chip", "hermes", "--data", Places.Own("fashion-mnist-test1000-images.idx3-ubyte.gz"), "--labels", Places.Own("fashion-mnist-test1000-labels.idx1-ubyte.gz"),
            "--calibrate", Places.Own("fashion-mnist-calibration512-images.idx3-ubyte.gz"), "--limit", "40", "--instances", "2", "--time", "25s,1y",
        ]);
        Assert.Equal(
            alone.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("mean").GetDouble()),
            rows[1].GetProperty("points").EnumerateArray().Select(r => r.GetProperty("mean").GetDouble()));
    }

    [Theory]
    [InlineData("--tables", "curves")]
    [InlineData("--models", "nosuch")]
    [InlineData("--instances", "-1")]
    [InlineData("--output", "nosuch.md")]
    public async Task Wrong_requests_are_diagnostics(string option, string value)
    {
        string file = _folder.File("accuracy.md");
        File.WriteAllText(file, "no marks");
        string[] output = option == "--output" ? [] : ["--output", file];
        Assert.Equal(1, await ConformanceRoot.InvokeAsync(["accuracy", .. output, option, value, "--chips", "float"]));
        Assert.Equal("no marks", File.ReadAllText(file));
    }
}

using System.Text.Json;
using AimcCompiler.Binary;
using AimcCompiler.Cli;
using AimcCompiler.Tests.Binary;

namespace AimcCompiler.Tests.Cli;

public sealed class TimeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _program;

    public TimeCommandTests()
    {
        _program = _folder.File("small.aimc");
        AimcWriter.WriteFile(ScheduleSamples.Tiny(), _program);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void JsonHasTheFieldsThatScriptsRelyOn()
    {
        JsonElement report = Json();
        Assert.True(report.GetProperty("is_steady").GetBoolean());
        double interval = report.GetProperty("interval_s").GetDouble();
        Assert.Equal(1, report.GetProperty("throughput_per_s").GetDouble() * interval, 1e-12);
        Assert.Equal(report.GetProperty("energy_j").GetDouble(), report.GetProperty("power_w").GetDouble() * interval, 1e-15);
        Assert.True(report.GetProperty("latency_s").GetDouble() >= 5.1e-6);
        Assert.True(interval >= 3.9e-6);
        Assert.NotEqual(JsonValueKind.Undefined, report.GetProperty("area_mm2").ValueKind);
        Assert.True(report.GetProperty("tops_per_w_macro").GetDouble() > report.GetProperty("tops_per_w_system").GetDouble());
        Assert.StartsWith("tile", report.GetProperty("bottleneck").GetString(), StringComparison.Ordinal);
        Assert.Contains("noc", report.GetProperty("breakdown").EnumerateArray().Select(p => p.GetProperty("part").GetString()));
        Assert.NotEmpty(report.GetProperty("bounds").EnumerateArray());
        Assert.All(report.GetProperty("utilization").EnumerateArray(), u => Assert.InRange(u.GetProperty("busy").GetDouble(), 0, 1));
        Assert.NotEmpty(report.GetProperty("stalls").EnumerateArray());
    }

    [Fact]
    public void TheTextSaysWhatWaitsForWhat()
    {
        var (exitCode, output, error) = Time("--all");
        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("inferences/s", output, StringComparison.Ordinal);
        Assert.Contains("conv2 waits for", output, StringComparison.Ordinal);
        Assert.Contains("core (0,0) vector unit", output, StringComparison.Ordinal);
    }

    [Fact]
    public void PartsThatTakeNoTimeAreLeftOut()
    {
        JsonElement report = Json("--batch", "1", "--without", "transfers", "--without", "digital", "--without", "memory");
        Assert.Equal(5.1e-6, report.GetProperty("latency_s").GetDouble(), 1e-15);
        Assert.Equal(JsonValueKind.Null, report.GetProperty("interval_s").ValueKind);
        Assert.Equal(["transfers", "digital", "memory"], report.GetProperty("without").EnumerateArray().Select(w => w.GetString()));
    }

    /// <summary>The costs of parts add up to the whole.</summary>
    [Fact]
    public void WhatPartsCostAddsUp()
    {
        JsonElement report = Json("--explain");
        Assert.Equal(["tiles", "core", "digital", "transfers", "memory", "room"], report.GetProperty("explained").EnumerateArray().Select(p => p.GetProperty("part").GetString()));
        Assert.Equal(report.GetProperty("interval_s").GetDouble(), report.GetProperty("explained").EnumerateArray().Sum(p => p.GetProperty("interval_s").GetDouble()), 1e-12);
        Assert.Equal(report.GetProperty("latency_s").GetDouble(), report.GetProperty("explained").EnumerateArray().Sum(p => p.GetProperty("latency_s").GetDouble()), 1e-12);
    }

    [Fact]
    public void ATraceHasTheSpansOfTheLastInferences()
    {
        string file = _folder.File("trace.json");
        Assert.Equal(0, Time("--batch", "4", "--trace", file, "--trace-inferences", "2").ExitCode);
        using JsonDocument trace = JsonDocument.Parse(File.ReadAllText(file));
        JsonElement[] events = [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray()];
        Assert.Contains(events, e => e.GetProperty("ph").GetString() == "M" && e.GetProperty("args").GetProperty("name").GetString() == "link (0,0)->(0,1)");
        JsonElement[] spans = [.. events.Where(e => e.TryGetProperty("args", out var args) && args.TryGetProperty("inference", out _))];
        Assert.Equal([2, 3], spans.Select(s => s.GetProperty("args").GetProperty("inference").GetInt32()).Distinct().Order());
        foreach (var spansOfAResource in spans.GroupBy(s => (s.GetProperty("pid").GetInt32(), s.GetProperty("tid").GetInt32())))
        {
            decimal end = 0;
            foreach (var span in spansOfAResource.OrderBy(s => s.GetProperty("ts").GetDecimal()))
            {
                Assert.True(span.GetProperty("ts").GetDecimal() >= end);
                end = span.GetProperty("ts").GetDecimal() + span.GetProperty("dur").GetDecimal();
            }
        }
    }

    [Theory]
    [InlineData("--batch", "0")]
    [InlineData("--trace-inferences", "0")]
    public void NumbersAreChecked(string option, string value)
    {
        var (exitCode, _, error) = Time(option, value);
        Assert.Equal(1, exitCode);
        Assert.Contains($"{option}: error AIMC5005", error, StringComparison.Ordinal);
    }

    [Fact]
    public void AProgramWithoutScheduleIsAnError()
    {
        AimcWriter.WriteFile(SampleProgram.Tiny() with { NotScheduled = "'x' is open" }, _program);
        var (exitCode, _, error) = Time();
        Assert.Equal(1, exitCode);
        Assert.Contains("error AIMC5008: has no schedule: 'x' is open", error, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Error) Time(params string[] arguments) => CommandLine.Run(TimeCommand.Create(), [_program, .. arguments]);

    private JsonElement Json(params string[] arguments)
    {
        var (exitCode, output, error) = Time([.. arguments, "--format", "json"]);
        Assert.True(exitCode == 0, error);
        using var document = JsonDocument.Parse(output);
        return document.RootElement.Clone();
    }
}

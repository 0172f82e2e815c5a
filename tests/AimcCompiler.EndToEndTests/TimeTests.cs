using System.Text.Json;

namespace AimcCompiler.EndToEndTests;

/// <summary>From a model to its times.</summary>
public sealed class TimeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_compiled_network_has_times_energies_and_a_trace()
    {
        string program = _folder.File("resnet.aimc");
        JsonElement mapping = AimcTool.Json("compile", Places.Own("resnet.onnx"), "--chip", "isaac", "-o", program);
        string trace = _folder.File("trace.json");
        JsonElement time = AimcTool.Json("time", program, "--trace", trace);
        Assert.True(time.GetProperty("is_steady").GetBoolean());
        // Tiles alone bound the rate.
        Assert.InRange(time.GetProperty("throughput_per_s").GetDouble(), 1, mapping.GetProperty("estimate").GetProperty("throughput_per_s").GetDouble() * 1.000001);
        Assert.True(time.GetProperty("energy_j").GetDouble() > mapping.GetProperty("estimate").GetProperty("energy_j").GetDouble());
        Assert.NotEqual(JsonValueKind.Null, time.GetProperty("area_mm2").ValueKind);
        using JsonDocument spans = JsonDocument.Parse(File.ReadAllText(trace));
        Assert.True(spans.RootElement.GetProperty("traceEvents").GetArrayLength() > 1000);
        Assert.Contains("waits for", AimcTool.Succeed("time", program), StringComparison.Ordinal);
    }
}

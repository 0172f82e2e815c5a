using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Digital;
using Xunit.Abstractions;

namespace AimcCompiler.Tests.Digital;

/// <summary>Real models against outputs recorded elsewhere; skipped, and said so, where the folder of models is missing.</summary>
public sealed class GoldenModelTests(ITestOutputHelper output)
{
    [Fact]
    public void ReproducesTheRecordedDigitScores()
    {
        if (ModelsFolder() is not { } models)
        {
            output.WriteLine("Skipped: no folder of real models beside the repository.");
            return;
        }

        string golden = Path.Combine(models, "golden", "mnist-8");
        using var meta = JsonDocument.Parse(File.ReadAllText(Path.Combine(golden, "meta.json")));
        var input = Read(golden, meta.RootElement.GetProperty("inputs")[0]);
        var expected = Read(golden, meta.RootElement.GetProperty("outputs")[0]);
        using var session = new DigitalSession(Path.Combine(models, "onnx", "mnist-8.onnx"));

        var scores = session.Run(new Dictionary<string, Tensor> { [session.Inputs[0].Name] = input }).Single();

        Assert.Equal<long>(expected.Shape, scores.Shape);
        // Recorded by another build of ONNX Runtime: sums of some 1000 terms in another order.
        for (int i = 0; i < scores.Count; i++)
        {
            Assert.Equal(expected.Floats[i], scores.Floats[i], 1e-4f * Math.Max(1, Math.Abs(expected.Floats[i])));
        }
    }

    private static Tensor Read(string folder, JsonElement port)
    {
        ImmutableArray<long> shape = [.. port.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        byte[] bytes = File.ReadAllBytes(Path.Combine(folder, port.GetProperty("file").GetString()!));
        return new Tensor(TensorType.Float, shape, MemoryMarshal.Cast<byte, float>(bytes).ToArray());
    }

    private static string? ModelsFolder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AimcCompiler.sln"))) folder = folder.Parent;
        string models = Path.Combine(folder?.Parent?.FullName ?? "", "shared", "models");
        return folder is not null && Directory.Exists(models) ? models : null;
    }
}

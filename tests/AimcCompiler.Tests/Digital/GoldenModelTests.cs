using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Tests.Digital;

/// <summary>Real models against outputs recorded elsewhere; counted as skipped where the folder of models is missing.</summary>
public sealed class GoldenModelTests
{
    [SharedFact]
    public void ReproducesTheRecordedDigitScores()
    {
        string models = Path.Combine(SharedFolder.Folder, "models");
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
}

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using AimcCompiler.Core;
using AimcCompiler.Onnx;

namespace AimcCompiler.Conformance;

/// <summary>Examples as the reference models store them: <c>meta.json</c> lists inputs and outputs with name, type, shape and a file of raw little-endian elements.</summary>
internal static class RawFolder
{
    public static ExampleSet Read(string folder)
    {
        using var meta = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "meta.json")));
        return new ExampleSet(Values("inputs"), Values("outputs"));

        ImmutableArray<(string Name, StoredValue Value)> Values(string kind) =>
        [
            .. meta.RootElement.GetProperty(kind).EnumerateArray().Select(v => (
                v.GetProperty("name").GetString()!,
                (StoredValue)new StoredTensor(Read(
                    Path.Combine(folder, v.GetProperty("file").GetString()!),
                    Type(v.GetProperty("dtype").GetString()!),
                    [.. v.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())])))),
        ];
    }

    /// <summary>The operator that a case is about.</summary>
    public static string Operator(string folder)
    {
        using var meta = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "meta.json")));
        return meta.RootElement.GetProperty("op").GetString()!;
    }

    private static TensorType Type(string name) => name switch
    {
        "float32" => TensorType.Float,
        "float64" => TensorType.Double,
        _ => Enum.Parse<TensorType>(name, ignoreCase: true),
    };

    private static Tensor Read(string file, TensorType type, ImmutableArray<long> shape)
    {
        var tensor = Tensor.Zeros(type, shape);
        byte[] bytes = File.ReadAllBytes(file);
        if (bytes.Length != tensor.Count * Tensor.SizeOf(type))
        {
            throw new FormatException($"{file} has {bytes.Length} bytes, {tensor} needs {tensor.Count * Tensor.SizeOf(type)}");
        }

        if (bytes.Length > 0)
        {
            bytes.CopyTo(MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(tensor.Data), bytes.Length));
        }

        return tensor;
    }
}

using System.Text.Json;
using AimcCompiler.Cli;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.EndToEndTests;

/// <summary>Arrays in files, and ONNX Runtime's own answers.</summary>
internal static class Arrays
{
    public static Tensor ReadNpy(string path)
    {
        using var bytes = ByteSource.Open(path);
        return NpyReader.Read(bytes).ReadAll();
    }

    /// <summary>The entries of a .npz file by name.</summary>
    public static Dictionary<string, Tensor> ReadNpz(string path)
    {
        using var archive = new NpzReader(ByteSource.Open(path));
        return archive.Names.ToDictionary(n => n, n => archive.Read(n).ReadAll(), StringComparer.Ordinal);
    }

    /// <summary>Writes float samples [first, first + count) of a whole set as .npy.</summary>
    public static string WriteNpy(string path, Tensor all, int first, int count)
    {
        int size = (int)(all.Count / all.Shape[0]);
        NpyWriter.Write(path, Tensor.FromFloats(all.Floats[(first * size)..((first + count) * size)], [count, .. all.Shape.Skip(1)]));
        return path;
    }

    /// <summary>A raw file that a golden folder's <c>meta.json</c> describes.</summary>
    public static Tensor Raw(string path, JsonElement meta)
    {
        using StoredArray array = new(
            ByteSource.Open(path),
            0,
            RawFormat.ParseType(meta.GetProperty("dtype").GetString()!),
            [.. meta.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())]);
        return array.ReadAll();
    }

    /// <summary>ONNX Runtime's first output, sample by sample.</summary>
    public static float[][] Reference(string model, Tensor all, int first, int count)
    {
        using DigitalSession session = new(model);
        int size = (int)(all.Count / all.Shape[0]);
        return
        [
            .. Enumerable.Range(first, count).Select(i =>
                session.Run(
                    new Dictionary<string, Tensor>
                    {
                        [session.Inputs[0].Name] = Tensor.FromFloats(all.Floats[(i * size)..((i + 1) * size)], [1, .. all.Shape.Skip(1)]),
                    },
                    null)[0].ToFloats()),
        ];
    }

    /// <summary>The rows of an array [samples, ...].</summary>
    public static float[][] Rows(Tensor array)
    {
        float[] values = array.ToFloats();
        return [.. values.Chunk(values.Length / (int)array.Shape[0])];
    }
}

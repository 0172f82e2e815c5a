using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Digital;

/// <summary>A serialized ONNX model, and beside it what would not fit its protobuf message.</summary>
/// <param name="Proto">The ModelProto.</param>
/// <param name="Weights">Joined, the bytes of the file <see cref="WeightsFile"/> that external data of the model name; none where all data are inside.</param>
public sealed record DigitalModel(ReadOnlyMemory<byte> Proto, ImmutableArray<ReadOnlyMemory<byte>> Weights)
{
    /// <summary>Where external data are, as the model names it.</summary>
    public const string WeightsFile = "weights";

    /// <summary>Initializers that a session reads where they are, by name: the model only declares them, as external data in <see cref="WeightsFile"/>. Their arrays stay
    /// pinned as long as the session lives.</summary>
    public ImmutableArray<(string Name, Tensor Tensor)> Lent { get; init; } = [];

    /// <summary>The session is only asked for types and shapes: what is lent has its own, and zeros for elements.</summary>
    public bool IsOutline { get; init; }
}

/// <summary>A model with its weights as files: ONNX Runtime maps weights into memory, but only from files beside the model.</summary>
internal sealed class ModelFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aimc-model-").FullName;

    /// <exception cref="IOException">There is no room for the files.</exception>
    public ModelFiles(DigitalModel model)
    {
        try
        {
            Path = System.IO.Path.Combine(_folder, "model.onnx");
            Write(Path, [model.Proto]);
            // What is lent is asked for by name before anything is read; ONNX Runtime only wants to see that there is such a file.
            Write(System.IO.Path.Combine(_folder, DigitalModel.WeightsFile), model.Weights);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; } = "";

    public void Dispose()
    {
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The system clears its folder for temporary files.
        }
    }

    private static void Write(string path, IEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        long at = 0;
        foreach (var piece in pieces)
        {
            RandomAccess.Write(file, piece.Span, at);
            at += piece.Length;
        }
    }
}

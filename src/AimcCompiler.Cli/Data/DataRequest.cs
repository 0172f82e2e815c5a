using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>An input of the model: its first dimension counts samples; -1 is a dimension not known.</summary>
internal sealed record DataInput(string Name, TensorType Type, ImmutableArray<long> Shape);

/// <summary>What the user said about a data set.</summary>
internal sealed record DataRequest
{
    /// <summary>The data, each <c>FILE</c> or <c>INPUT=FILE</c>; one without a name goes to the first input still without data.</summary>
    public required ImmutableArray<string> Paths { get; init; }

    public required ImmutableArray<DataInput> Inputs { get; init; }

    public string? Labels { get; init; }

    /// <summary>What the scored output should be, one entry a sample; null = what a test set says, if the data are one.</summary>
    public string? Targets { get; init; }

    /// <summary>Name and number of the scored output: which array of a .npz or test set holds its targets.</summary>
    public (string Name, int Index)? Scored { get; init; }

    /// <summary>Number of classes of the model, when known: labels must be below it.</summary>
    public int? Classes { get; init; }

    /// <summary><c>--shape</c> and <c>--dtype</c> of raw files.</summary>
    public string? Shape { get; init; }

    public string? Type { get; init; }

    /// <summary>The model, to find the preprocessing file beside it.</summary>
    public string? Model { get; init; }

    /// <summary>What a program says of preprocessing, with the program's name; null = nothing.</summary>
    public (string Name, string Json)? Stored { get; init; }

    /// <summary>An explicit preprocessing file.</summary>
    public string? PreprocessFile { get; init; }

    /// <summary>Preprocessing options; they go before the file's fields.</summary>
    public Preprocess Preprocess { get; init; } = new();

    /// <summary>All of the data are one batch of the model: an input whose first dimension is fixed and filled need not have as many samples as the others.</summary>
    public bool IsOneBatch { get; init; }

    /// <summary>Decodes a TensorProto of a test-set folder.</summary>
    public Func<byte[], (string Name, Tensor Tensor)>? TensorDecoder { get; init; }
}

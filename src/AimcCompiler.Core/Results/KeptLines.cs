using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>The rows, or the columns, of a model's matrix that a layer has: the others hold zeros alone, and nothing of them is on tiles. The same in every group.</summary>
/// <param name="Total">How many the model's matrix has.</param>
/// <param name="Indices">Which of them the layer has, ascending; at least one.</param>
public sealed record KeptLines(int Total, ImmutableArray<int> Indices)
{
    public bool Equals(KeptLines? other) => other is not null && Total == other.Total && Indices.AsSpan().SequenceEqual(other.Indices.AsSpan());

    public override int GetHashCode() => HashCode.Combine(Total, Indices.Length);

    /// <summary>The layer's line among the model's.</summary>
    public static int Of(KeptLines? kept, int line) => kept is null ? line : kept.Indices[line];
}

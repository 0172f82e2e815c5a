using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>Extents for dimensions that the inputs leave open. Dimensions of one name have one extent; a first dimension counts samples.</summary>
public sealed class NominalExtents
{
    /// <summary>Height and width of an image, where nothing says otherwise.</summary>
    private const long Image = 224;

    /// <summary>Runs that a search takes at most.</summary>
    private const int MaximumTries = 160;

    private static readonly long[] Growing = [2, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16384];
    private static readonly long[] Ranks = [1, 2, 4, 3, 0];

    private readonly HashSet<string> _batch = new(StringComparer.Ordinal);
    private readonly HashSet<string> _images = new(StringComparer.Ordinal);
    private readonly bool _hasOpenRank;

    public NominalExtents(ImmutableArray<GraphPort> inputs)
    {
        var open = ImmutableArray.CreateBuilder<string>();
        var ranked = inputs.Where(i => !i.Shape.IsDefault).ToList();
        _hasOpenRank = inputs.Any(i => i.Shape.IsDefault && i.Type != TensorType.Undefined);
        _batch.UnionWith(ranked.Where(i => i.Shape is [< 0, ..]).Select(i => NameOf(i, 0)));
        foreach (var input in ranked)
        {
            for (int axis = 0; axis < input.Shape.Length; axis++)
            {
                string name = NameOf(input, axis);
                if (input.Shape[axis] < 0 && !_batch.Contains(name) && !open.Contains(name))
                {
                    open.Add(name);
                }
            }

            // [samples, channels, height, width], or the channels last.
            int first = input.Shape is [_, _, < 0, < 0] ? 2 : input.Shape is [_, < 0, < 0, > 0] ? 1 : 0;
            if (first > 0)
            {
                _images.UnionWith([NameOf(input, first), NameOf(input, first + 1)]);
            }
        }

        Open = open.ToImmutable();
    }

    /// <summary>Names of the open dimensions that do not count samples, in order of appearance.</summary>
    public ImmutableArray<string> Open { get; }

    /// <summary>Names of first dimensions that are open.</summary>
    public IReadOnlySet<string> Batch => _batch;

    /// <summary>The name of an open dimension: its symbol, or INPUT.AXIS.</summary>
    public static string NameOf(GraphPort input, int axis) => axis < input.Symbols.Length && input.Symbols[axis].Length > 0
        ? input.Symbols[axis]
        : FormattableString.Invariant($"{input.Name}.{axis}");

    /// <summary>Extents to try, the likely ones first; samples are one.</summary>
    public IEnumerable<ImmutableDictionary<string, long>> Candidates() =>
        (_hasOpenRank ? Search().SelectMany(c => Ranks.Select(r => c.SetItem(Rank, r))) : Search()).Take(MaximumTries);

    /// <summary>An input's shape.</summary>
    /// <param name="input">The input.</param>
    /// <param name="extents">One of <see cref="Candidates"/>.</param>
    /// <param name="samples">Extent of first dimensions; null = that of the candidate.</param>
    public static ImmutableArray<long> ShapeOf(GraphPort input, ImmutableDictionary<string, long> extents, long? samples = null)
    {
        if (input.Shape.IsDefault)
        {
            return [.. Enumerable.Repeat(1L, (int)extents.GetValueOrDefault(Rank, 1))];
        }

        return [.. input.Shape.Select((extent, axis) => extent >= 0 ? extent : extents.TryGetValue(NameOf(input, axis), out long given) ? given : samples ?? SamplesOf(extents))];
    }

    /// <summary>What first dimensions are taken as: more than 1 only where they cannot count samples.</summary>
    public static long SamplesOf(ImmutableDictionary<string, long> extents)
    {
        ArgumentNullException.ThrowIfNull(extents);
        return extents.GetValueOrDefault(Samples, 1);
    }

    /// <summary>Keys that no dimension has as its name: the rank of inputs that declare none, and the extent of first dimensions.</summary>
    private const string Rank = "";
    private const string Samples = "\0";

    private IEnumerable<ImmutableDictionary<string, long>> Search()
    {
        var usual = Open.ToImmutableDictionary(n => n, n => _images.Contains(n) ? Image : 1, StringComparer.Ordinal);
        yield return usual;
        string[] others = [.. Open.Where(n => !_images.Contains(n))];
        if (others.Length > 0)
        {
            // One dimension after the other before all of them: most models have one length, and one that follows from others.
            foreach (long extent in Growing)
            {
                foreach (string name in others)
                {
                    yield return usual.SetItem(name, extent);
                }

                if (others.Length > 1)
                {
                    yield return usual.SetItems(others.Select(n => KeyValuePair.Create(n, extent)));
                }
            }
        }

        if (others.Length < Open.Length)
        {
            foreach (long extent in Growing.Prepend(1))
            {
                yield return usual.SetItems(Open.Where(_images.Contains).Select(n => KeyValuePair.Create(n, extent)));
                yield return usual.SetItems(Open.Select(n => KeyValuePair.Create(n, extent)));
            }
        }

        // A first dimension that is a length after all.
        foreach (long extent in _batch.Count > 0 ? Growing : [])
        {
            yield return usual.SetItem(Samples, extent);
        }

        foreach (string one in others)
        {
            foreach (string two in others.Where(n => n != one))
            {
                foreach (long extent in Growing)
                {
                    foreach (long other in Growing.Where(e => e > extent))
                    {
                        yield return usual.SetItem(one, extent).SetItem(two, other);
                    }
                }
            }
        }
    }
}

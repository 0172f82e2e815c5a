using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>What the vectors of one run of a layer are called: the sample in the data set, and the ordinal of the MVM in the sample. Reads draw their noise by these names, never by
/// the position in a batch (semantics.md, "Randomness").</summary>
internal readonly struct VectorNames
{
    private readonly int _samples;
    private readonly int _inner;
    private readonly long _firstSample;
    private readonly uint _firstOrdinal;

    private VectorNames(int samples, int inner, int perSample, long firstSample, uint firstOrdinal)
    {
        (_samples, _inner, PerSample, _firstSample, _firstOrdinal) = (samples, inner, perSample, firstSample, firstOrdinal);
    }

    /// <summary>MVMs of one sample.</summary>
    public int PerSample { get; }

    /// <summary>The names of vectors from one on.</summary>
    /// <param name="first">The first.</param>
    /// <param name="samples">Indices of the samples, one a vector.</param>
    /// <param name="ordinals">Ordinals of the MVMs, one a vector.</param>
    public void Fill(int first, Span<ulong> samples, Span<uint> ordinals)
    {
        int outer = first / _inner;
        int inner = first % _inner;
        for (int done = 0; done < samples.Length; outer++, inner = 0)
        {
            ulong sample = (ulong)(_firstSample + (outer % _samples));
            uint ordinal = _firstOrdinal + (uint)(outer / _samples * _inner);
            for (; inner < _inner && done < samples.Length; inner++, done++)
            {
                samples[done] = sample;
                ordinals[done] = ordinal + (uint)inner;
            }
        }
    }

    /// <param name="layer">The layer.</param>
    /// <param name="shape">Of its input.</param>
    /// <param name="vectors">Vectors of the run.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="firstSample">Index of the first in the data set.</param>
    /// <param name="firstOrdinal">Ordinal of the first MVM.</param>
    public static VectorNames Of(MappedLayer layer, ImmutableArray<long> shape, int vectors, int samples, long firstSample, uint firstOrdinal)
    {
        if (samples <= 1 || vectors % samples != 0)
        {
            return new VectorNames(1, Math.Max(1, vectors), vectors, firstSample, firstOrdinal);
        }

        int inner = vectors / samples;
        if (layer is { SampleAxis: > 0 and var axis, View: MatrixView view } && axis < shape.Length && shape[axis] == samples)
        {
            // Axes behind the samples', without the one that the vectors lie along.
            inner = 1;
            for (int a = axis + 1; a < shape.Length; a++)
            {
                inner *= a == shape.Length + view.InputAxis ? 1 : (int)shape[a];
            }
        }

        return new VectorNames(samples, inner, vectors / samples, firstSample, firstOrdinal);
    }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;

namespace AimcCompiler.Runtime;

/// <summary>An input vector on its way through the blocks of a layer.</summary>
/// <param name="Index">Among the vectors of the run.</param>
/// <param name="Inputs">Codes; where bounds are managed, what the codes are made of.</param>
/// <param name="Scale">Input scale.</param>
/// <param name="Sample">Names the reads.</param>
/// <param name="Ordinal">Likewise.</param>
internal sealed record LoadedVector(int Index, float[] Inputs, double Scale, ulong Sample, uint Ordinal);

/// <summary>What has been added of a vector's results.</summary>
/// <param name="Slices">Converter codes, slice-major.</param>
/// <param name="Digital">Digital corrections.</param>
internal sealed record PartialSums(double[] Slices, double[] Digital)
{
    /// <summary>Adds other sums; exact where both are integers.</summary>
    public void Add(PartialSums other)
    {
        for (int i = 0; i < Slices.Length; i++)
        {
            Slices[i] += other.Slices[i];
        }

        for (int i = 0; i < Digital.Length; i++)
        {
            Digital[i] += other.Digital[i];
        }
    }

    public PartialSums Copy() => new([.. Slices], [.. Digital]);
}

/// <summary>A run of a layer taken apart: vectors are read, go through blocks whose results are added one after the other, and are finished, in any order of vectors. Reads draw their noise by names, so
/// the results have the bits of a whole run when each vector's blocks are added in the layer's order.</summary>
internal sealed class VectorSteps
{
    private readonly LayerExecutor.Worker _worker;
    private readonly VectorGatherer _gatherer;
    private readonly ReadOnlyMemory<float> _input;
    private readonly VectorNames _names;
    private readonly float? _staticScale;

    public VectorSteps(
        MappedLayer layer, LayerExecutor.Worker worker, ReadOnlyMemory<float> input, ImmutableArray<long> shape, int samples, long firstSample, uint firstOrdinal, float? staticScale)
    {
        (_worker, _input, _staticScale) = (worker, input, staticScale);
        _gatherer = VectorGatherer.Create(layer, shape);
        _names = VectorNames.Of(layer, shape, _gatherer.Vectors, samples, firstSample, firstOrdinal);
    }

    public int Vectors => _gatherer.Vectors;

    /// <summary>MVMs of one sample.</summary>
    public int PerSample => _names.PerSample;

    public ImmutableArray<long> OutputShape => _gatherer.OutputShape;

    /// <summary>Ordinal of each vector's MVM in its sample.</summary>
    public uint[] Ordinals()
    {
        uint[] ordinals = new uint[Vectors];
        _names.Fill(0, new ulong[Vectors], ordinals);
        return ordinals;
    }

    public LoadedVector Load(int vector) => _worker.Load(_gatherer, _input.Span, vector, _names, _staticScale);

    public PartialSums NewSums() => _worker.NewSums();

    /// <param name="vector">The vector.</param>
    /// <param name="blocks">Indices among the layer's blocks, in order.</param>
    /// <param name="sums">Takes their results.</param>
    public void Add(LoadedVector vector, IEnumerable<int> blocks, PartialSums sums) => _worker.Add(vector, blocks, sums);

    /// <summary>Writes the vector's results to the output.</summary>
    public void Finish(LoadedVector vector, PartialSums sums, float[] output)
    {
        var results = _worker.Finish(vector, sums);
        _gatherer.ScatterStrip(results, vector.Index, 1, 0, results.Length, output);
    }
}

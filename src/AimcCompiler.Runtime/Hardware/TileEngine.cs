using AimcCompiler.Binary;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Which reads of a tile a run of vectors is: their draws of output and instantaneous read noise are keyed by it, never by the
/// position in a batch.</summary>
/// <param name="Samples">Index of the sample in the data set, one a vector.</param>
/// <param name="Ordinals">Ordinal of the MVM in the sample, one a vector.</param>
internal readonly ref struct ReadEvents(ReadOnlySpan<ulong> Samples, ReadOnlySpan<uint> Ordinals)
{
    public ReadOnlySpan<ulong> Samples { get; } = Samples;

    public ReadOnlySpan<uint> Ordinals { get; } = Ordinals;

    public ReadEvents Single(int vector) => Slice(vector, 1);

    public ReadEvents Slice(int first, int count) => new(Samples.Slice(first, count), Ordinals.Slice(first, count));
}

/// <summary>Where a block's results are added: the part of a layer's sums from its first column and the first vector on.</summary>
/// <param name="sums">In converter codes, one plane a slice.</param>
/// <param name="sliceStride">From plane to plane.</param>
/// <param name="digital">The digital corrections, in cell levels.</param>
/// <param name="vectorStride">From vector to vector, in both.</param>
internal readonly ref struct LayerSums(Span<double> sums, int sliceStride, Span<double> digital, int vectorStride)
{
    private readonly Span<double> _sums = sums;
    private readonly Span<double> _digital = digital;

    public int SliceStride { get; } = sliceStride;

    public int VectorStride { get; } = vectorStride;

    public LayerSums From(int vector) => new(_sums[(vector * VectorStride)..], SliceStride, _digital[(vector * VectorStride)..], VectorStride);

    public Span<double> Sums(int slice, int vector, int columns) => _sums.Slice((slice * SliceStride) + (vector * VectorStride), columns);

    public Span<double> Digital(int vector, int columns) => _digital.Slice(vector * VectorStride, columns);

    /// <summary>Adds factor x the results of one vector.</summary>
    /// <param name="vector">Which.</param>
    /// <param name="factor">Of all of them.</param>
    /// <param name="sums">Slice-major, vectors x columns each.</param>
    /// <param name="digital">Vectors x columns.</param>
    /// <param name="from">The vector among them.</param>
    /// <param name="vectors">How many they are.</param>
    public void Add(int vector, double factor, ReadOnlySpan<double> sums, ReadOnlySpan<double> digital, int from, int vectors)
    {
        int columns = digital.Length / vectors;
        for (int slice = 0; slice < sums.Length / digital.Length; slice++)
        {
            ShiftAdd.Add(sums.Slice(((slice * vectors) + from) * columns, columns), factor, Sums(slice, vector, columns));
        }

        ShiftAdd.Add(digital.Slice(from * columns, columns), factor, Digital(vector, columns));
    }
}

/// <summary>Runs input codes through one block. A closed hierarchy: the definition and its fast equal.</summary>
internal abstract partial class TileEngine(TilePhysics physics, SimulationOptions options)
{
    private ulong[] _samples = [];
    private uint[] _ordinals = [];
    private int _vectors;
    private double[] _blockSums = [];
    private double[] _blockDigital = [];

    private protected float[] Codes { get; private set; } = [];

    private protected int CodeStride { get; private set; }

    private protected TilePhysics Physics { get; } = physics;

    private protected SimulationOptions Options { get; } = options;

    /// <summary>Called with (slice, column sums before the ADC); null outside calibration.</summary>
    public Action<int, ReadOnlySpan<float>>? Observer { get; set; }

    /// <summary>Pulses, conversions, shift-add of vectors x block.Rows codes.</summary>
    /// <param name="block">The cells.</param>
    /// <param name="codes">Input codes (integers as floats; x^ itself where the DAC is lossless), row-major.</param>
    /// <param name="stride">From vector to vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="events">Names of the reads.</param>
    /// <param name="attempt">Which try of bound management; every try is a read of its own.</param>
    /// <param name="sums">Result per slice: slice-major, vectors x block.Columns each, in converter codes.</param>
    /// <param name="digital">Result of the digital corrections, vectors x block.Columns, in cell levels.</param>
    /// <param name="clipped">Conversions that clipped, per vector.</param>
    public abstract void Run(
        ProgrammedBlock block,
        ReadOnlySpan<float> codes,
        int stride,
        int vectors,
        in ReadEvents events,
        int attempt,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped);

    /// <summary>A strip of whole vectors, which <see cref="Add"/> reads until the next strip.</summary>
    /// <param name="codes">Row-major; not copied.</param>
    /// <param name="stride">Rows of the layer: from vector to vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="samples">Names of the reads (<see cref="ReadEvents"/>); not copied.</param>
    /// <param name="ordinals">Likewise.</param>
    public virtual void Load(float[] codes, int stride, int vectors, ulong[] samples, uint[] ordinals)
    {
        (Codes, CodeStride) = (codes, stride);
        (_samples, _ordinals, _vectors) = (samples, ordinals, vectors);
    }

    /// <summary>Names of the strip's reads.</summary>
    private protected ReadEvents StripEvents => new(_samples.AsSpan(0, _vectors), _ordinals.AsSpan(0, _vectors));

    /// <summary>Runs vectors of the strip through a block and adds factor x the results to those of the layer.</summary>
    /// <param name="block">The cells.</param>
    /// <param name="first">The first vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="factor">Drift compensation.</param>
    /// <param name="target">From the block's first column and the first vector on.</param>
    /// <param name="clipped">Conversions that clipped, per vector.</param>
    public virtual void Add(ProgrammedBlock block, int first, int vectors, double factor, LayerSums target, Span<int> clipped)
    {
        int outputs = vectors * block.Block.Columns;
        Grow(ref _blockSums, Physics.Weights.Slices * outputs);
        Grow(ref _blockDigital, outputs);
        var sums = _blockSums.AsSpan(0, Physics.Weights.Slices * outputs);
        var digital = _blockDigital.AsSpan(0, outputs);
        Run(block, Codes.AsSpan((first * CodeStride) + FirstRow(block.Block)), CodeStride, vectors, StripEvents.Slice(first, vectors), 0, sums, digital, clipped);
        for (int m = 0; m < vectors; m++)
        {
            target.Add(m, factor, sums, digital, m, vectors);
        }
    }

    private protected int FirstColumn(Block block) => (block.FirstGroup * Physics.Layer.Columns) + block.ColumnStart;

    private protected int FirstRow(Block block) => (block.FirstGroup * Physics.Layer.Rows) + block.RowStart;

    /// <summary>The number of one pulse among all reads of an MVM: tries, pulses, and the two polarities where each is converted.</summary>
    private protected uint PulseKey(int attempt, int pulse, int polarity) =>
        (uint)((((attempt * Physics.Input.PulseWeights.Length) + pulse) * 2) + polarity);

    /// <summary>The cells of one read with their instantaneous noise: content + sigma z for each device, drawn for this event.</summary>
    /// <param name="block">The block.</param>
    /// <param name="slice">Slice.</param>
    /// <param name="negative">The negative cells of pairs that are subtracted after conversion.</param>
    /// <param name="readEvent">The event's key.</param>
    /// <param name="row">Row of the block.</param>
    /// <param name="noisy">One row of contents.</param>
    /// <param name="draws">Scratch of the same length.</param>
    private protected void NoisyRow(ProgrammedBlock block, int slice, bool negative, ulong readEvent, int row, Span<float> noisy, Span<float> draws)
    {
        int columns = block.Block.Columns;
        var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, Polarity: negative ? 1 : 0, block.Block.Copy);
        ReadOnlySpan<float> cells = (negative ? block.Negative[slice] : block.Positive[slice]).AsSpan(row * columns, columns);
        ReadOnlySpan<float> sigma = (negative ? block.NegativeSigma[slice] : block.PositiveSigma[slice]).AsSpan(row * columns, columns);
        Draws.Normals(stream, DrawPurpose.ReadInstantaneous, readEvent, FirstRow(block.Block) + row, FirstColumn(block.Block), draws);
        for (int c = 0; c < columns; c++)
        {
            noisy[c] = MathF.FusedMultiplyAdd(sigma[c], draws[c], cells[c]);
        }

        if (!negative && Physics.SubtractsInArray)
        {
            ReadOnlySpan<float> other = block.NegativeSigma[slice].AsSpan(row * columns, columns);
            Draws.Normals(stream with { Polarity = 1 }, DrawPurpose.ReadInstantaneous, readEvent, FirstRow(block.Block) + row, FirstColumn(block.Block), draws);
            for (int c = 0; c < columns; c++)
            {
                noisy[c] = MathF.FusedMultiplyAdd(-other[c], draws[c], noisy[c]);
            }
        }
    }

    /// <summary>Standard normals of the output noise of one read of one vector.</summary>
    private protected void OutputDraws(ProgrammedBlock block, int slice, in ReadEvents events, int vector, uint pulseKey, Span<float> draws) =>
        OutputDraws(block, slice, Draws.EventKey(Options.Seed, Options.Instance, Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey)), draws);

    /// <summary>The same of a read whose key is known.</summary>
    private protected void OutputDraws(ProgrammedBlock block, int slice, ulong key, Span<float> draws) => Draws.NormalsOfKey(
        new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, Polarity: 0, block.Block.Copy),
        DrawPurpose.Output,
        key,
        block.Block.RowBlock,
        FirstColumn(block.Block),
        draws);

    /// <summary>Of several reads, one after the other.</summary>
    private protected void OutputDraws(ProgrammedBlock block, int slice, ReadOnlySpan<ulong> keys, int columns, Span<float> draws) => Draws.NormalsOfKeys(
        new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, Polarity: 0, block.Block.Copy),
        DrawPurpose.Output,
        keys,
        block.Block.RowBlock,
        FirstColumn(block.Block),
        columns,
        draws);
}

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

    public ReadEvents Single(int vector) => new(Samples.Slice(vector, 1), Ordinals.Slice(vector, 1));
}

/// <summary>Runs input codes through one block. A closed hierarchy: the definition and its fast equal.</summary>
internal abstract partial class TileEngine(TilePhysics physics, SimulationOptions options)
{
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
        Draws.OutputNormals(
            Options.Seed,
            Options.Instance,
            Physics.Layer.NoiseKey,
            block.Block.RowBlock,
            slice,
            block.Block.Copy,
            events.Samples[vector],
            events.Ordinals[vector],
            pulseKey,
            FirstColumn(block.Block),
            draws);
}

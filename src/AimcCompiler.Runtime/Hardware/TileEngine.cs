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

    /// <summary>The sum of inputs is needed: for the offset, or for flipped columns.</summary>
    private protected bool NeedsUnit => Physics.OffsetPerInput > 0 || Physics.Weights.HasFlip;

    /// <summary>The unit column's sum of one pulse, in input steps: the sum of what the rows are driven with. Not converted yet.</summary>
    private protected double UnitSum(ProgrammedBlock block, ReadOnlySpan<float> pulses, in ReadEvents events, int vector, uint pulseKey)
    {
        if (!Physics.ReadsUnitColumn)
        {
            double exact = 0;
            foreach (float pulse in pulses)
            {
                exact += pulse;
            }

            return exact;
        }

        if (block.Wires is { Layout.IsGated: true })
        {
            return GatedUnitSum(block, pulses, events, vector, pulseKey);
        }

        float sum = 0;
        float[] unit = block.Unit!;
        Span<float> draw = stackalloc float[1];
        for (int r = 0; r < pulses.Length; r++)
        {
            float cell = unit[r];
            if (block.UnitSigma is { } sigma && block.Wires is null)
            {
                UnitDraw(block, Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey), r, draw);
                cell = MathF.FusedMultiplyAdd(sigma[r], draw[0], cell);
            }

            sum = MathF.FusedMultiplyAdd(pulses[r], cell, sum);
        }

        if (block.Wires is { HasNoise: true })
        {
            sum += _deltas[((vector + 1) * DeltaSize(block)) - 1];
        }

        if (block.Drop is { } drop)
        {
            float load = 0;
            float far = 0;
            for (int r = 0; r < pulses.Length; r++)
            {
                load = MathF.FusedMultiplyAdd(Math.Abs(pulses[r]), drop.UnitLoad![r], load);
                far = MathF.FusedMultiplyAdd(pulses[r], drop.UnitFar![r], far);
            }

            drop.Take(new Span<float>(ref sum), [load], [far]);
        }

        return sum;
    }

    /// <summary>Adds a pulse to the charge of the unit column, where pulses are converted together.</summary>
    private protected double AddUnitCharge(double charge, long pulseWeight, double sum) =>
        Physics.ReadsUnitColumn ? MathF.FusedMultiplyAdd(pulseWeight, (float)sum, (float)charge) : charge + (pulseWeight * sum);

    /// <summary>What the digital side knows of the unit column's sum: it has output noise and an ADC like any other column.</summary>
    private protected double ConvertUnit(ProgrammedBlock block, double sum, in ReadEvents events, int vector, uint pulseKey, ref int clipped)
    {
        if (!Physics.ReadsUnitColumn)
        {
            return sum;
        }

        float column = (float)sum;
        if (Physics.OutputSigma != 0)
        {
            Span<float> draw = stackalloc float[1];
            var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, block.Block.Copy, IsUnitColumn: true);
            ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
            Draws.Normals(stream, DrawPurpose.Output, readEvent, block.Block.RowBlock, FirstColumn(block.Block), draw);
            column = MathF.FusedMultiplyAdd(Physics.OutputSigma, draw[0], column);
        }

        if (!Physics.HasAdc)
        {
            return column;
        }

        float rounded = MathF.Round(column / Physics.UnitLsb, MidpointRounding.ToEven);
        float code = Math.Clamp(rounded, Physics.AdcMin, Physics.AdcMax);
        clipped += code != rounded ? 1 : 0;
        return Physics.UnitLsb * (double)code;
    }
}

using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What both engines do alike around the array: drive the rows, disturb the sums, read the unit column.</summary>
internal abstract partial class TileEngine
{
    private float[] _squares = [];
    private float[] _variances = [];
    private float[] _columnDraws = [];

    /// <summary>Step 2 and 3 of a row: what it is driven with for a pulse, by its driver's levels, the asymmetry of negative pulses, and noise.</summary>
    private protected void Drive(
        ProgrammedBlock block, ReadOnlySpan<float> pulses, in ReadEvents events, int vector, uint pulseKey, Span<float> drives)
    {
        bool isNoisy = Physics.InputSigma > 0;
        if (isNoisy)
        {
            CellStream stream = new(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, block.Block.Copy);
            ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
            Draws.Normals(stream, DrawPurpose.InputNoise, readEvent, FirstColumn(block.Block), FirstRow(block.Block), drives);
        }

        int least = Physics.Input.HasSignedPulses ? -Physics.Input.MaxPulse : 0;
        float[][]? levels = block.Periphery?.Drivers;
        for (int r = 0; r < pulses.Length; r++)
        {
            float pulse = pulses[r];
            if (pulse == 0 && !Physics.DrivesZeros)
            {
                drives[r] = 0;
                continue;
            }

            // A mid-rise driver has no level for a vector that is off.
            float drive = levels is null || (pulse == 0 && Physics.Input.IsMidRise) ? pulse : levels[r][((int)pulse - least) / Physics.Input.CodesPerLevel];
            drive = pulse < 0 ? drive * Physics.NegativePulse : drive;
            drives[r] = isNoisy ? MathF.FusedMultiplyAdd(Physics.InputSigma, drives[r], drive) : drive;
        }
    }

    /// <summary>A row's drive for the cells of a bent I-V curve: the square or cube of its voltage, in pulses at full scale; where all driven cells see the
    /// read voltage, its sign and duration are what is left of the square.</summary>
    private protected float Power(float drive, bool isCube)
    {
        float full = Physics.Input.MaxPulse;
        return isCube ? drive * drive * drive / (full * full) : Physics.DrivesAmplitudes ? drive * drive / full : Math.Abs(drive);
    }

    /// <summary>Step 5 and 6 of the current of a line of columns: voltage offset against a reference, series resistance, read noise referred to the
    /// output (aihwkit's order). In place.</summary>
    private protected void DisturbSums(
        ProgrammedBlock block, int line, ReadOnlySpan<float> drives, in ReadEvents events, int vector, uint pulseKey, Span<float> column)
    {
        var periphery = block.Periphery!.Lines[line];
        if (periphery.VoltageOffset is { } offsets)
        {
            DisturbCurrents(offsets, drives, column);
        }

        if (Physics.WeightNoise is not { } noise)
        {
            return;
        }

        int columns = column.Length;
        bool isUnit = line == 2 * Physics.Weights.Slices;
        Grow(ref _squares, drives.Length);
        Grow(ref _variances, columns);
        Grow(ref _columnDraws, columns);
        var squares = _squares.AsSpan(0, drives.Length);
        var variances = _variances.AsSpan(0, columns);
        var draws = _columnDraws.AsSpan(0, columns);
        float length = 0;
        for (int r = 0; r < squares.Length; r++)
        {
            squares[r] = drives[r] * drives[r];
            length += squares[r];
        }

        float full = Physics.Weights.MaxLevel;
        if (periphery.Magnitudes is { } magnitudes)
        {
            Mvm.Multiply(squares, squares.Length, 1, magnitudes, columns, squares.Length, columns, variances, columns);
        }
        else
        {
            variances.Fill(length * full);
        }

        CellStream stream = new(
            Options.Seed, Options.Instance, Physics.Layer.NoiseKey, isUnit ? 0 : line / 2, Pair: 0, isUnit ? 0 : line % 2, block.Block.Copy, isUnit);
        ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
        Draws.Normals(stream, DrawPurpose.WeightNoise, readEvent, block.Block.RowBlock, FirstColumn(block.Block), draws);
        for (int c = 0; c < columns; c++)
        {
            column[c] = MathF.FusedMultiplyAdd((float)noise.Sigma * MathF.Sqrt(full * variances[c]), draws[c], column[c]);
        }
    }

    /// <summary>simulators.md 2.4, "Voltage offset / series resistance", for y in units of one full-scale cell at a full-scale pulse.</summary>
    private void DisturbCurrents(float[] offsets, ReadOnlySpan<float> drives, Span<float> column)
    {
        var output = Physics.Tile.Output!;
        float full = Physics.PulseCell;
        float series = (float)(output.SeriesResistance ?? 0);
        float most = (float)(output.SeriesMaximum ?? double.PositiveInfinity);
        float inputs = 0;
        foreach (float drive in drives)
        {
            inputs += drive;
        }

        float reference = (float)(output.ReferenceWeight ?? 0) * inputs / Physics.Input.MaxPulse;
        for (int c = 0; c < column.Length; c++)
        {
            float y = column[c] / full;
            float v = offsets[c];
            float coding = (1 - v) * Droop(y + reference);
            column[c] = full * (reference == 0 ? coding : coding - ((1 + v) * Droop(reference)));
        }

        float Droop(float current) => series == 0 ? current : current / (1 + Math.Min(series * Math.Abs(current), most));
    }

    /// <summary>Draws of the rounding of one read of a line of columns.</summary>
    private protected void RoundingDraws(ProgrammedBlock block, int line, in ReadEvents events, int vector, uint pulseKey, Span<float> uniforms)
    {
        bool isUnit = line == 2 * Physics.Weights.Slices;
        CellStream stream = new(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, isUnit ? 0 : line / 2, Pair: 0, Polarity: 0, block.Block.Copy, isUnit);
        ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
        Draws.Uniforms(stream, DrawPurpose.AdcRounding, readEvent, block.Block.RowBlock, FirstColumn(block.Block), uniforms);
    }

    /// <summary>Step 7 of one column: S-shape, asymmetry and noise of the output.</summary>
    private protected float OutputCircuit(LinePeriphery? periphery, int column, float sum, float sigma, float draw)
    {
        float y = sum;
        if (periphery?.Nonlinearity is { } nonlinearity)
        {
            y /= 1 + Math.Abs(nonlinearity[column] * y);
        }

        y = y < 0 ? y * Physics.NegativeOutput : y;
        return sigma == 0 ? y : MathF.FusedMultiplyAdd(sigma, draw, y);
    }

    /// <summary>The unit column's sum of one pulse, in input steps: the sum of what the rows are driven with. Not converted yet.</summary>
    /// <param name="block">The block.</param>
    /// <param name="pulses">What the digital side knows.</param>
    /// <param name="drives">What the rows are driven with.</param>
    /// <param name="events">Names of the reads.</param>
    /// <param name="vector">Which.</param>
    /// <param name="pulseKey">The pulse among all reads.</param>
    private protected double UnitSum(
        ProgrammedBlock block, ReadOnlySpan<float> pulses, ReadOnlySpan<float> drives, in ReadEvents events, int vector, uint pulseKey)
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

        float sum = block.Wires is { Layout.IsGated: true } ? GatedUnitSum(block, drives, events, vector, pulseKey) : UnitCellSum(block, drives, events, vector, pulseKey);
        if (block.Terms is { } terms)
        {
            sum += UnitTerm(terms.Even[terms.UnitLine], drives, isCube: false);
            sum += UnitTerm(terms.Odd[terms.UnitLine], drives, isCube: true);
        }

        if (Physics.HasArrayErrors)
        {
            Span<float> column = [sum];
            DisturbSums(block, 2 * Physics.Weights.Slices, drives, events, vector, pulseKey, column);
            sum = column[0];
        }

        return sum;
    }

    private float UnitCellSum(ProgrammedBlock block, ReadOnlySpan<float> drives, in ReadEvents events, int vector, uint pulseKey)
    {
        float sum = 0;
        float[] unit = block.Unit!;
        Span<float> draw = stackalloc float[1];
        for (int r = 0; r < drives.Length; r++)
        {
            float cell = unit[r];
            if (block.UnitSigma is { } sigma && block.Wires is null)
            {
                UnitDraw(block, Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey), r, draw);
                cell = MathF.FusedMultiplyAdd(sigma[r], draw[0], cell);
            }

            sum = MathF.FusedMultiplyAdd(drives[r], cell, sum);
        }

        if (block.Wires is { HasNoise: true })
        {
            sum += _deltas[((vector + 1) * DeltaSize(block)) - 1];
        }

        if (block.Drop is { } drop)
        {
            float load = 0;
            float far = 0;
            for (int r = 0; r < drives.Length; r++)
            {
                load = MathF.FusedMultiplyAdd(Math.Abs(drives[r]), drop.UnitLoad![r], load);
                far = MathF.FusedMultiplyAdd(drives[r], drop.UnitFar![r], far);
            }

            drop.Take(new Span<float>(ref sum), [load], [far]);
        }

        return sum;
    }

    private float UnitTerm(float[]? cells, ReadOnlySpan<float> drives, bool isCube)
    {
        float sum = 0;
        for (int r = 0; cells is not null && r < drives.Length; r++)
        {
            sum = MathF.FusedMultiplyAdd(Power(drives[r], isCube), cells[r], sum);
        }

        return sum;
    }

    /// <summary>Adds a pulse to the charge of the unit column, where pulses are converted together.</summary>
    private protected double AddUnitCharge(double charge, long pulseWeight, double sum) =>
        Physics.ReadsUnitColumn ? MathF.FusedMultiplyAdd(pulseWeight, (float)sum, (float)charge) : charge + (pulseWeight * sum);

    /// <summary>What the digital side knows of the unit column's sum: it has a circuit, noise and an ADC like any other column.</summary>
    private protected double ConvertUnit(ProgrammedBlock block, double sum, in ReadEvents events, int vector, uint pulseKey, ref int clipped)
    {
        if (!Physics.ReadsUnitColumn)
        {
            return sum;
        }

        int line = 2 * Physics.Weights.Slices;
        var periphery = block.Periphery?.Lines[line];
        float column = (float)sum;
        if (periphery?.PerConductance is { } perConductance)
        {
            column *= perConductance[0];
        }

        float sigma = Physics.NoiseSigma(Physics.UnitLsb);
        Span<float> draw = stackalloc float[1];
        draw.Clear();
        if (sigma != 0)
        {
            var stream = new CellStream(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, block.Block.Copy, IsUnitColumn: true);
            ulong readEvent = Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey);
            Draws.Normals(stream, DrawPurpose.Output, readEvent, block.Block.RowBlock, FirstColumn(block.Block), draw);
        }

        column = OutputCircuit(periphery, 0, column, sigma, draw[0]);
        double conductance = periphery?.Conductance?[0] ?? 1;
        if (!Physics.HasAdc)
        {
            return conductance * column;
        }

        float uniform = 0;
        if (Physics.RoundsByDraws)
        {
            RoundingDraws(block, line, events, vector, pulseKey, draw);
            uniform = draw[0];
        }

        float code = Code(column / Physics.UnitLsb, periphery?.Curves?[0], uniform, ref clipped);
        return conductance * (Physics.UnitLsb * (double)code);
    }

    /// <summary>Step 7 of one conversion: round, clip, count what was clipped.</summary>
    /// <param name="value">In LSB.</param>
    /// <param name="curve">The ADC's transfer; null = levels are where they should be.</param>
    /// <param name="uniform">A draw where rounding takes one.</param>
    /// <param name="clipped">Counts.</param>
    private protected float Code(float value, StepCurve? curve, float uniform, ref int clipped)
    {
        if (curve is not null)
        {
            // Dither of an LSB makes a staircase round by draws.
            float dithered = Physics.RoundsByDraws ? value + (uniform - 0.5f) : value;
            clipped += dithered > Physics.AdcMax + 0.5f || dithered < Physics.AdcMin - 0.5f ? 1 : 0;
            return StepCode(curve, dithered);
        }

        float rounded = Physics.RoundsByDraws ? Rounding.Stochastic(value, Physics.LevelShift, uniform) : Rounding.ToNearest(value, Physics.LevelShift);
        float code = Math.Clamp(rounded, Physics.AdcMin, Physics.AdcMax);
        clipped += code != rounded ? 1 : 0;
        return code;
    }

    /// <summary>The code of a staircase.</summary>
    private protected abstract float StepCode(StepCurve curve, float value);
}

using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Many vectors at once on the SIMD kernels: the same operations on the same numbers in the same order as <see cref="StepwiseEngine"/>,
/// so the same bits.</summary>
internal sealed class FastEngine(TilePhysics physics, SimulationOptions options) : TileEngine(physics, options)
{
    private float[] _pulses = [];
    private float[] _columns = [];
    private float[] _charge = [];
    private float[] _noisy = [];
    private float[] _draws = [];
    private double[] _units = [];
    private float[] _drives = [];
    private float[] _powers = [];
    private float[] _terms = [];
    private float[] _uniforms = [];
    private float[] _readSquares = [];
    private float[] _readVariances = [];
    private float[] _magnitudes = [];
    private float[] _load = [];
    private float[] _far = [];

    public override void Run(
        ProgrammedBlock block,
        ReadOnlySpan<float> codes,
        int stride,
        int vectors,
        in ReadEvents events,
        int attempt,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int slices = Physics.Weights.Slices;
        int outputs = vectors * columns;
        Grow(ref _columns, outputs);
        Grow(ref _draws, columns);
        sums.Clear();
        digital.Clear();
        clipped.Clear();
        Grow(ref _units, vectors);
        if (Physics.IsAccumulated)
        {
            Array.Clear(_units, 0, vectors);
            Grow(ref _charge, slices * 2 * outputs);
            Array.Clear(_charge, 0, slices * 2 * outputs);
        }

        var column = _columns.AsSpan(0, outputs);
        bool isOneShot = Physics.Input.Bits is null || Physics.Input.PulseWeights.Length == 1 && Physics.Input.MaxPulse == Physics.Input.MaxCode;
        for (int p = 0; p < Physics.Input.PulseWeights.Length; p++)
        {
            long pulseWeight = Physics.Input.PulseWeights[p];
            ReadOnlySpan<float> pulses = codes;
            int pulseStride = stride;
            if (!isOneShot)
            {
                pulses = Pulses(codes, stride, vectors, rows, p);
                pulseStride = rows;
            }

            var drives = pulses;
            int driveStride = pulseStride;
            if (Physics.HasDrivers)
            {
                FillDrives(block, pulses, pulseStride, vectors, events, PulseKey(attempt, p, 0));
                drives = _drives.AsSpan(0, vectors * rows);
                driveStride = rows;
            }

            for (int m = 0; m < vectors && block.Wires is not null; m++)
            {
                PrepareWireNoise(block, drives.Slice(m * driveStride, rows), events, m, attempt, p);
            }

            for (int m = 0; m < vectors && NeedsUnit; m++)
            {
                double unit = UnitSum(block, pulses.Slice(m * pulseStride, rows), drives.Slice(m * driveStride, rows), events, m, PulseKey(attempt, p, 0));
                if (Physics.IsAccumulated)
                {
                    _units[m] = AddUnitCharge(_units[m], pulseWeight, unit);
                }
                else
                {
                    _units[m] = ConvertUnit(block, unit, events, m, PulseKey(attempt, p, 0), ref clipped[m]);
                    TakeOffset(pulseWeight * _units[m], digital.Slice(m * columns, columns));
                }
            }

            for (int slice = 0; slice < slices; slice++)
            {
                int polarities = block.Negative[slice] is null ? 1 : 2;
                for (int polarity = 0; polarity < polarities; polarity++)
                {
                    uint pulseKey = PulseKey(attempt, p, polarity);
                    Multiply(block, slice, polarity == 1, drives, driveStride, vectors, events, pulseKey, column);
                    if (Physics.IsAccumulated)
                    {
                        var charge = _charge.AsSpan(((slice * 2) + polarity) * outputs, outputs);
                        for (int i = 0; i < outputs; i++)
                        {
                            charge[i] = MathF.FusedMultiplyAdd(pulseWeight, column[i], charge[i]);
                        }
                    }
                    else
                    {
                        Convert(block, slice, polarity == 1, column, pulseWeight, vectors, events, pulseKey, sums.Slice(slice * outputs, outputs), clipped);
                    }
                }

                if (!Physics.IsAccumulated && block.Flipped[slice] is { } flipped)
                {
                    RecoverFlips(flipped, slice, pulseWeight, vectors, digital);
                }
            }
        }

        for (int m = 0; m < vectors && NeedsUnit && Physics.IsAccumulated; m++)
        {
            _units[m] = ConvertUnit(block, _units[m], events, m, PulseKey(attempt, 0, 0), ref clipped[m]);
            TakeOffset(_units[m], digital.Slice(m * columns, columns));
        }

        for (int slice = 0; slice < slices && Physics.IsAccumulated; slice++)
        {
            if (block.Flipped[slice] is { } flipped)
            {
                RecoverFlips(flipped, slice, 1, vectors, digital);
            }

            for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
            {
                var charge = _charge.AsSpan(((slice * 2) + polarity) * outputs, outputs);
                Convert(block, slice, polarity == 1, charge, 1, vectors, events, PulseKey(attempt, 0, polarity), sums.Slice(slice * outputs, outputs), clipped);
            }
        }
    }

    private void TakeOffset(double inputs, Span<double> corrections)
    {
        double correction = Physics.OffsetPerInput * inputs;
        for (int c = 0; c < corrections.Length; c++)
        {
            corrections[c] -= correction;
        }
    }

    private ReadOnlySpan<float> Pulses(ReadOnlySpan<float> codes, int stride, int vectors, int rows, int pulse)
    {
        Grow(ref _pulses, vectors * rows);
        for (int m = 0; m < vectors; m++)
        {
            var input = codes.Slice(m * stride, rows);
            var output = _pulses.AsSpan(m * rows, rows);
            for (int r = 0; r < rows; r++)
            {
                output[r] = Physics.Input.Pulse((int)input[r], pulse);
            }
        }

        return _pulses.AsSpan(0, vectors * rows);
    }

    private void FillDrives(ProgrammedBlock block, ReadOnlySpan<float> pulses, int stride, int vectors, in ReadEvents events, uint pulseKey)
    {
        int rows = block.Block.Rows;
        Grow(ref _drives, vectors * rows);
        for (int m = 0; m < vectors; m++)
        {
            Drive(block, pulses.Slice(m * stride, rows), events, m, pulseKey, _drives.AsSpan(m * rows, rows));
        }
    }

    private void Multiply(
        ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> drives, int stride, int vectors, in ReadEvents events, uint pulseKey, Span<float> column)
    {
        MultiplyContents(block, slice, negative, drives, stride, vectors, events, pulseKey, column);
        int line = (2 * slice) + (negative ? 1 : 0);
        if (block.Terms is { } terms)
        {
            AddPower(terms.Even[line], false, block, drives, stride, vectors, column);
            AddPower(terms.Odd[line], true, block, drives, stride, vectors, column);
        }

        int columns = block.Block.Columns;
        for (int m = 0; m < vectors && Physics.HasArrayErrors; m++)
        {
            DisturbSums(block, line, drives.Slice(m * stride, block.Block.Rows), events, m, pulseKey, column.Slice(m * columns, columns));
        }
    }

    private void AddPower(float[]? cells, bool isCube, ProgrammedBlock block, ReadOnlySpan<float> drives, int stride, int vectors, Span<float> column)
    {
        if (cells is null)
        {
            return;
        }

        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _powers, vectors * rows);
        Grow(ref _terms, vectors * columns);
        for (int m = 0; m < vectors; m++)
        {
            for (int r = 0; r < rows; r++)
            {
                _powers[(m * rows) + r] = Power(drives[(m * stride) + r], isCube);
            }
        }

        Mvm.Multiply(_powers, rows, vectors, cells, columns, rows, columns, _terms, columns);
        for (int i = 0; i < vectors * columns; i++)
        {
            column[i] += _terms[i];
        }
    }

    private void MultiplyContents(
        ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> pulses, int stride, int vectors, in ReadEvents events, uint pulseKey, Span<float> column)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        if (block.Wires is { Layout.IsGated: true })
        {
            for (int m = 0; m < vectors; m++)
            {
                GatedSums(block, slice, negative, pulses.Slice(m * stride, rows), events, m, pulseKey, column.Slice(m * columns, columns));
            }

            return;
        }

        if (!HasCellNoise(block, slice))
        {
            Mvm.Multiply(pulses, stride, vectors, (negative ? block.Negative[slice] : block.Positive[slice])!, columns, rows, columns, column, columns);
            for (int m = 0; m < vectors && block.Wires is not null; m++)
            {
                AddWireNoise(block, slice, negative, m, column.Slice(m * columns, columns));
            }

            TakeDrop(block, slice, negative, pulses, stride, vectors, column);
            return;
        }

        if (block.ReadVariance.Length > 0)
        {
            Mvm.Multiply(pulses, stride, vectors, (negative ? block.Negative[slice] : block.Positive[slice])!, columns, rows, columns, column, columns);
            AddColumnNoise(block, slice, negative, pulses, stride, vectors, events, pulseKey, column);
            TakeDrop(block, slice, negative, pulses, stride, vectors, column);
            return;
        }

        // Every read has its own cells.
        Grow(ref _noisy, rows * columns);
        for (int m = 0; m < vectors; m++)
        {
            ulong readEvent = Draws.Event(events.Samples[m], events.Ordinals[m], pulseKey);
            for (int r = 0; r < rows; r++)
            {
                NoisyRow(block, slice, negative, readEvent, r, _noisy.AsSpan(r * columns, columns), _draws.AsSpan(0, columns));
            }

            Mvm.Multiply(pulses.Slice(m * stride, rows), rows, 1, _noisy, columns, rows, columns, column.Slice(m * columns, columns), columns);
        }

        TakeDrop(block, slice, negative, pulses, stride, vectors, column);
    }

    /// <summary>Read noise of all devices of a column in one draw: N(0, sum over rows of sigma^2 x^2).</summary>
    private void AddColumnNoise(
        ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> pulses, int stride, int vectors, in ReadEvents events, uint pulseKey, Span<float> column)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _readSquares, vectors * rows);
        Grow(ref _readVariances, vectors * columns);
        for (int m = 0; m < vectors; m++)
        {
            var pulse = pulses.Slice(m * stride, rows);
            var square = _readSquares.AsSpan(m * rows, rows);
            for (int r = 0; r < rows; r++)
            {
                square[r] = pulse[r] * pulse[r];
            }
        }

        int polarity = negative ? 1 : 0;
        Mvm.Multiply(_readSquares, rows, vectors, block.ReadVariance[(2 * slice) + polarity]!, columns, rows, columns, _readVariances, columns);
        CellStream stream = new(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, polarity, block.Block.Copy);
        var draws = _draws.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            ulong readEvent = Draws.Event(events.Samples[m], events.Ordinals[m], pulseKey);
            Draws.Normals(stream, DrawPurpose.ReadOfColumn, readEvent, block.Block.RowBlock, FirstColumn(block.Block), draws);
            var outputs = column.Slice(m * columns, columns);
            var variances = _readVariances.AsSpan(m * columns, columns);
            for (int c = 0; c < columns; c++)
            {
                outputs[c] = MathF.FusedMultiplyAdd(MathF.Sqrt(variances[c]), draws[c], outputs[c]);
            }
        }
    }

    private void TakeDrop(ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> pulses, int stride, int vectors, Span<float> column)
    {
        if (block.Drop is not { } drop)
        {
            return;
        }

        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _magnitudes, vectors * rows);
        Grow(ref _load, vectors * columns);
        Grow(ref _far, vectors * columns);
        for (int m = 0; m < vectors; m++)
        {
            for (int r = 0; r < rows; r++)
            {
                _magnitudes[(m * rows) + r] = Math.Abs(pulses[(m * stride) + r]);
            }
        }

        Mvm.Multiply(_magnitudes, rows, vectors, (negative ? drop.NegativeLoad[slice] : drop.PositiveLoad[slice])!, columns, rows, columns, _load, columns);
        Mvm.Multiply(pulses, stride, vectors, (negative ? drop.NegativeFar[slice] : drop.PositiveFar[slice])!, columns, rows, columns, _far, columns);
        drop.Take(column[..(vectors * columns)], _load, _far);
    }

    private void Convert(
        ProgrammedBlock block,
        int slice,
        bool negative,
        Span<float> column,
        long pulseWeight,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        Span<double> sums,
        Span<int> clipped)
    {
        if (Physics.HasConversionErrors)
        {
            ConvertWithErrors(block, slice, negative, column, pulseWeight, vectors, events, pulseKey, sums, clipped);
            return;
        }

        Observer?.Invoke(slice, column);
        int columns = block.Block.Columns;
        float sigma = Physics.NoiseSigma(Physics.HasAdc ? Physics.Lsbs[slice] : 1);
        bool[]? flipped = block.Flipped[slice];
        double factor = (negative ? -1.0 : 1.0) * pulseWeight;
        var draws = _draws.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            var outputs = column.Slice(m * columns, columns);
            if (sigma != 0)
            {
                OutputDraws(block, slice, events, m, pulseKey, draws);
                for (int c = 0; c < columns; c++)
                {
                    outputs[c] = MathF.FusedMultiplyAdd(sigma, draws[c], outputs[c]);
                }
            }

            if (Physics.HasAdc)
            {
                clipped[m] += Converters.Convert(outputs, Physics.Lsbs[slice], Physics.AdcMin, Physics.AdcMax);
            }

            var sum = sums.Slice(m * columns, columns);
            if (flipped is null)
            {
                for (int c = 0; c < columns; c++)
                {
                    sum[c] += factor * outputs[c];
                }
            }
            else
            {
                for (int c = 0; c < columns; c++)
                {
                    sum[c] += flipped[c] ? -factor * outputs[c] : factor * outputs[c];
                }
            }
        }
    }

    /// <summary>A conversion with more than noise, rounding and clipping.</summary>
    private void ConvertWithErrors(
        ProgrammedBlock block,
        int slice,
        bool negative,
        Span<float> column,
        long pulseWeight,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        Span<double> sums,
        Span<int> clipped)
    {
        int columns = block.Block.Columns;
        int line = (2 * slice) + (negative ? 1 : 0);
        var periphery = block.Periphery!.Lines[line];
        if (periphery.PerConductance is { } perConductance)
        {
            for (int i = 0; i < column.Length; i++)
            {
                column[i] *= perConductance[i % columns];
            }
        }

        Observer?.Invoke(slice, column);
        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        float sigma = Physics.NoiseSigma(lsb);
        bool[]? flipped = block.Flipped[slice];
        double factor = (negative ? -1.0 : 1.0) * pulseWeight;
        Grow(ref _uniforms, columns);
        var draws = _draws.AsSpan(0, columns);
        var uniforms = _uniforms.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            if (sigma != 0)
            {
                OutputDraws(block, slice, events, m, pulseKey, draws);
            }

            if (Physics.RoundsByDraws)
            {
                RoundingDraws(block, line, events, m, pulseKey, uniforms);
            }

            var outputs = column.Slice(m * columns, columns);
            var sum = sums.Slice(m * columns, columns);
            for (int c = 0; c < columns; c++)
            {
                float code = OutputCircuit(periphery, c, outputs[c], sigma, draws[c]);
                if (Physics.HasAdc)
                {
                    code = Code(code / lsb, periphery.Curves?[c], uniforms[c], ref clipped[m]);
                }

                double value = periphery.Conductance is { } conductance ? conductance[c] * code : code;
                sum[c] += flipped is not null && flipped[c] ? -factor * value : factor * value;
            }
        }
    }

    private protected override float StepCode(StepCurve curve, float value) => curve.Convert(value);

    private void RecoverFlips(bool[] flipped, int slice, long pulseWeight, int vectors, Span<double> digital)
    {
        for (int m = 0; m < vectors; m++)
        {
            double recovery = Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * pulseWeight * _units[m];
            var outputs = digital.Slice(m * flipped.Length, flipped.Length);
            for (int c = 0; c < flipped.Length; c++)
            {
                if (flipped[c])
                {
                    outputs[c] += recovery;
                }
            }
        }
    }
}

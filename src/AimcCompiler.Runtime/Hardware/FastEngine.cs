using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Several vectors at once on the SIMD kernels: the same operations on the same numbers in the same order as <see cref="StepwiseEngine"/>,
/// so the same bits.</summary>
internal sealed class FastEngine(TilePhysics physics, SimulationOptions options) : TileEngine(physics, options)
{
    /// <summary>Vectors whose sums stay in the first cache while they are converted.</summary>
    private const int Group = PackedMvm.Tile;

    private float[] _pulses = [];
    private float[] _drives = [];
    private float[] _quads = [];
    private float[] _strip = [];
    private int _stripRows;
    private float[] _columns = [];
    private float[] _charge = [];
    private float[] _noisy = [];
    private float[] _draws = [];
    private double[] _units = [];
    private double[] _sums = [];
    private double[] _digital = [];
    private float[] _powers = [];
    private float[] _terms = [];
    private float[] _uniforms = [];
    private float[] _readSquares = [];
    private float[] _readVariances = [];
    private float[] _magnitudes = [];
    private float[] _load = [];
    private float[] _far = [];

    /// <summary>An input is one pulse: its code.</summary>
    private bool IsOneShot { get; } = physics.Input.Bits is null || (physics.Input.PulseWeights.Length == 1 && physics.Input.MaxPulse == physics.Input.MaxCode);

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
        int columns = block.Block.Columns;
        sums.Clear();
        digital.Clear();
        clipped.Clear();
        LayerSums target = new(sums, vectors * columns, digital, columns);
        for (int m = 0; m < vectors; m += Group)
        {
            int count = Math.Min(Group, vectors - m);
            RunGroup(block, codes[(m * stride)..], stride, [], 0, count, events.Slice(m, count), attempt, 1, target.From(m), clipped[m..]);
        }
    }

    public override void Load(float[] codes, int stride, int vectors)
    {
        base.Load(codes, stride, vectors);
        _stripRows = 0;
        if (IsOneShot && !Physics.HasDrivers)
        {
            _stripRows = stride;
            Grow(ref _strip, PackedMvm.Padded(vectors) * stride);
            PackedMvm.PackInputs(codes, stride, vectors, stride, _strip);
        }
    }

    public override void Add(ProgrammedBlock block, int first, int vectors, in ReadEvents events, double factor, LayerSums target, Span<int> clipped)
    {
        int columns = block.Block.Columns;
        int slices = Physics.Weights.Slices;
        int firstRow = FirstRow(block.Block);
        var codes = Codes.AsSpan((first * CodeStride) + firstRow);

        // What is converted once goes where it belongs at once.
        bool isDirect = (Physics.IsAccumulated || Physics.Input.PulseWeights.Length == 1) && !NeedsUnit && block.Negative[0] is null;
        int outputs = Math.Min(Group, vectors) * columns;
        Grow(ref _sums, isDirect ? 0 : slices * outputs);
        Grow(ref _digital, isDirect ? 0 : outputs);
        clipped[..vectors].Clear();
        for (int m = 0; m < vectors; m += Group)
        {
            int count = Math.Min(Group, vectors - m);
            var group = codes[(m * CodeStride)..];
            bool isPacked = _stripRows > 0 && (first + m) % PackedMvm.Quad == 0;
            var quads = isPacked ? _strip.AsSpan(((first + m) * _stripRows) + (firstRow * PackedMvm.Quad)) : default;
            int quadStride = PackedMvm.Quad * _stripRows;
            if (isDirect)
            {
                RunGroup(block, group, CodeStride, quads, quadStride, count, events.Slice(m, count), 0, factor, target.From(m), clipped[m..]);
                continue;
            }

            var sums = _sums.AsSpan(0, slices * count * columns);
            var digital = _digital.AsSpan(0, count * columns);
            sums.Clear();
            digital.Clear();
            LayerSums own = new(sums, count * columns, digital, columns);
            RunGroup(block, group, CodeStride, quads, quadStride, count, events.Slice(m, count), 0, 1, own, clipped[m..]);
            for (int i = 0; i < count; i++)
            {
                target.Add(m + i, factor, sums, digital, i, count);
            }
        }
    }

    private void RunGroup(
        ProgrammedBlock block,
        ReadOnlySpan<float> codes,
        int stride,
        ReadOnlySpan<float> quads,
        int quadStride,
        int vectors,
        in ReadEvents events,
        int attempt,
        double factor,
        LayerSums target,
        Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int slices = Physics.Weights.Slices;
        int pulses = Physics.Input.PulseWeights.Length;
        int sumStride = (columns + Lanes16.Count - 1) / Lanes16.Count * Lanes16.Count;
        int sumCount = PackedMvm.Padded(vectors) * sumStride;
        Grow(ref _columns, sumCount);
        Grow(ref _draws, columns);
        Grow(ref _units, vectors);
        if (Physics.IsAccumulated)
        {
            Array.Clear(_units, 0, vectors);
            Grow(ref _charge, slices * 2 * sumCount);
            Array.Clear(_charge, 0, slices * 2 * sumCount);
        }

        if (quads.IsEmpty)
        {
            Grow(ref _quads, pulses * PackedMvm.Padded(vectors) * rows);
        }

        for (int p = 0; p < pulses; p++)
        {
            var sent = Pulses(codes, stride, vectors, rows, p);
            int sentStride = IsOneShot ? stride : rows;
            var drives = Drives(block, sent, sentStride, vectors, rows, events, attempt, p);
            int driveStride = Physics.HasDrivers ? rows : sentStride;
            if (quads.IsEmpty)
            {
                PackedMvm.PackInputs(drives, driveStride, vectors, rows, _quads.AsSpan(p * PackedMvm.Padded(vectors) * rows));
            }
        }

        // Pulses inside slices: a slice's cells stay in the cache. Noise of wires and observers have the order of time.
        bool isInTime = block.Wires is not null || Observer is not null;
        for (int i = 0; i < pulses * slices; i++)
        {
            var (p, slice) = isInTime ? (i / slices, i % slices) : (i % pulses, i / pulses);
            ReadOnlySpan<float> drives = Physics.HasDrivers ? _drives.AsSpan(p * vectors * rows) : IsOneShot ? codes : _pulses.AsSpan(p * vectors * rows);
            int driveStride = Physics.HasDrivers || !IsOneShot ? rows : stride;
            var packed = quads.IsEmpty ? _quads.AsSpan(p * PackedMvm.Padded(vectors) * rows) : quads;
            for (int m = 0; m < vectors && slice == 0; m++)
            {
                PrepareWireNoise(block, drives.Slice(m * driveStride, rows), events, m, attempt, p);
            }

            if (slice == 0 && NeedsUnit)
            {
                ReadUnits(block, IsOneShot ? codes : _pulses.AsSpan(p * vectors * rows), IsOneShot ? stride : rows, drives, driveStride, vectors, events, attempt, p, target, clipped);
            }

            for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
            {
                uint pulseKey = PulseKey(attempt, p, polarity);
                var column = _columns.AsSpan(0, sumCount);
                Multiply(block, slice, polarity == 1, drives, driveStride, packed, quads.IsEmpty ? PackedMvm.Quad * rows : quadStride, vectors, events, pulseKey, column, sumStride);
                long pulseWeight = Physics.Input.PulseWeights[p];
                if (Physics.IsAccumulated)
                {
                    var charge = _charge.AsSpan(((slice * 2) + polarity) * sumCount, sumCount);
                    for (int c = 0; c < charge.Length; c++)
                    {
                        charge[c] = MathF.FusedMultiplyAdd(pulseWeight, column[c], charge[c]);
                    }
                }
                else
                {
                    Convert(block, slice, polarity == 1, column, sumStride, pulseWeight * factor, vectors, events, pulseKey, target, clipped);
                }
            }
        }

        if (!Physics.IsAccumulated)
        {
            return;
        }

        for (int m = 0; m < vectors && NeedsUnit; m++)
        {
            double unit = ConvertUnit(block, _units[m], events, m, PulseKey(attempt, 0, 0), ref clipped[m]);
            TakeOffset(unit, target.Digital(m, columns));
            RecoverFlips(block, 1, unit, target.Digital(m, columns));
        }

        for (int slice = 0; slice < slices; slice++)
        {
            for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
            {
                var charge = _charge.AsSpan(((slice * 2) + polarity) * sumCount, sumCount);
                Convert(block, slice, polarity == 1, charge, sumStride, factor, vectors, events, PulseKey(attempt, 0, polarity), target, clipped);
            }
        }
    }

    /// <summary>The sums of the inputs of one pulse, and what they take from the results.</summary>
    private void ReadUnits(
        ProgrammedBlock block,
        ReadOnlySpan<float> pulses,
        int pulseStride,
        ReadOnlySpan<float> drives,
        int driveStride,
        int vectors,
        in ReadEvents events,
        int attempt,
        int pulse,
        LayerSums target,
        Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        long pulseWeight = Physics.Input.PulseWeights[pulse];
        uint pulseKey = PulseKey(attempt, pulse, 0);
        for (int m = 0; m < vectors; m++)
        {
            double unit = UnitSum(block, pulses.Slice(m * pulseStride, rows), drives.Slice(m * driveStride, rows), events, m, pulseKey);
            if (Physics.IsAccumulated)
            {
                _units[m] = AddUnitCharge(_units[m], pulseWeight, unit);
                continue;
            }

            unit = ConvertUnit(block, unit, events, m, pulseKey, ref clipped[m]);
            TakeOffset(pulseWeight * unit, target.Digital(m, columns));
            RecoverFlips(block, pulseWeight, unit, target.Digital(m, columns));
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

    private void RecoverFlips(ProgrammedBlock block, long pulseWeight, double unit, Span<double> corrections)
    {
        for (int slice = 0; slice < Physics.Weights.Slices; slice++)
        {
            if (block.Flipped[slice] is not { } flipped)
            {
                continue;
            }

            double recovery = Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * pulseWeight * unit;
            for (int c = 0; c < flipped.Length; c++)
            {
                if (flipped[c])
                {
                    corrections[c] += recovery;
                }
            }
        }
    }

    /// <summary>What the digital side sends to the rows in one pulse.</summary>
    private ReadOnlySpan<float> Pulses(ReadOnlySpan<float> codes, int stride, int vectors, int rows, int pulse)
    {
        if (IsOneShot)
        {
            return codes;
        }

        Grow(ref _pulses, Physics.Input.PulseWeights.Length * vectors * rows);
        var pulses = _pulses.AsSpan(pulse * vectors * rows, vectors * rows);
        for (int m = 0; m < vectors; m++)
        {
            var input = codes.Slice(m * stride, rows);
            var output = pulses.Slice(m * rows, rows);
            for (int r = 0; r < rows; r++)
            {
                output[r] = Physics.Input.Pulse((int)input[r], pulse);
            }
        }

        return pulses;
    }

    /// <summary>What the rows are driven with for it.</summary>
    private ReadOnlySpan<float> Drives(
        ProgrammedBlock block, ReadOnlySpan<float> pulses, int stride, int vectors, int rows, in ReadEvents events, int attempt, int pulse)
    {
        if (!Physics.HasDrivers)
        {
            return pulses;
        }

        Grow(ref _drives, Physics.Input.PulseWeights.Length * vectors * rows);
        var drives = _drives.AsSpan(pulse * vectors * rows, vectors * rows);
        for (int m = 0; m < vectors; m++)
        {
            Drive(block, pulses.Slice(m * stride, rows), events, m, PulseKey(attempt, pulse, 0), drives.Slice(m * rows, rows));
        }

        return drives;
    }

    /// <summary>Step 5 and 6: the column sums of one read, with what disturbs them.</summary>
    private void Multiply(
        ProgrammedBlock block,
        int slice,
        bool negative,
        ReadOnlySpan<float> drives,
        int stride,
        ReadOnlySpan<float> quads,
        int quadStride,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        Span<float> column,
        int sumStride)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        if (block.Wires is { Layout.IsGated: true })
        {
            for (int m = 0; m < vectors; m++)
            {
                GatedSums(block, slice, negative, drives.Slice(m * stride, rows), events, m, pulseKey, column.Slice(m * sumStride, columns));
            }
        }
        else if (HasCellNoise(block, slice) && block.ReadVariance.Length == 0)
        {
            MultiplyNoisy(block, slice, negative, drives, stride, vectors, events, pulseKey, column, sumStride);
        }
        else
        {
            PackedMvm.Multiply(quads, quadStride, vectors, block.Packed(slice, negative), column, sumStride);
            if (HasCellNoise(block, slice))
            {
                AddColumnNoise(block, slice, negative, drives, stride, vectors, events, pulseKey, column, sumStride);
            }

            for (int m = 0; m < vectors && block.Wires is not null; m++)
            {
                AddWireNoise(block, slice, negative, m, column.Slice(m * sumStride, columns));
            }
        }

        TakeDrop(block, slice, negative, drives, stride, vectors, column, sumStride);
        int line = (2 * slice) + (negative ? 1 : 0);
        if (block.Terms is { } terms)
        {
            AddPower(terms.Even[line], false, block, drives, stride, vectors, column, sumStride);
            AddPower(terms.Odd[line], true, block, drives, stride, vectors, column, sumStride);
        }

        for (int m = 0; m < vectors && Physics.HasArrayErrors; m++)
        {
            DisturbSums(block, line, drives.Slice(m * stride, rows), events, m, pulseKey, column.Slice(m * sumStride, columns));
        }
    }

    /// <summary>Every read has its own cells.</summary>
    private void MultiplyNoisy(
        ProgrammedBlock block,
        int slice,
        bool negative,
        ReadOnlySpan<float> drives,
        int stride,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        Span<float> column,
        int sumStride)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _noisy, rows * columns);
        for (int m = 0; m < vectors; m++)
        {
            ulong readEvent = Draws.Event(events.Samples[m], events.Ordinals[m], pulseKey);
            for (int r = 0; r < rows; r++)
            {
                NoisyRow(block, slice, negative, readEvent, r, _noisy.AsSpan(r * columns, columns), _draws.AsSpan(0, columns));
            }

            Mvm.Multiply(drives.Slice(m * stride, rows), rows, 1, _noisy, columns, rows, columns, column.Slice(m * sumStride, columns), columns);
        }
    }

    private void AddPower(
        float[]? cells, bool isCube, ProgrammedBlock block, ReadOnlySpan<float> drives, int stride, int vectors, Span<float> column, int sumStride)
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
        for (int m = 0; m < vectors; m++)
        {
            for (int c = 0; c < columns; c++)
            {
                column[(m * sumStride) + c] += _terms[(m * columns) + c];
            }
        }
    }

    /// <summary>Read noise of all devices of a column in one draw: N(0, sum over rows of sigma^2 x^2).</summary>
    private void AddColumnNoise(
        ProgrammedBlock block,
        int slice,
        bool negative,
        ReadOnlySpan<float> drives,
        int stride,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        Span<float> column,
        int sumStride)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _readSquares, 2 * PackedMvm.Padded(vectors) * rows);
        Grow(ref _readVariances, PackedMvm.Padded(vectors) * sumStride);
        for (int m = 0; m < vectors; m++)
        {
            var pulse = drives.Slice(m * stride, rows);
            var square = _readSquares.AsSpan(m * rows, rows);
            for (int r = 0; r < rows; r++)
            {
                square[r] = pulse[r] * pulse[r];
            }
        }

        var quads = _readSquares.AsSpan(PackedMvm.Padded(vectors) * rows);
        PackedMvm.PackInputs(_readSquares, rows, vectors, rows, quads);
        PackedMvm.Multiply(quads, PackedMvm.Quad * rows, vectors, block.PackedVariance(slice, negative), _readVariances, sumStride);
        CellStream stream = new(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, negative ? 1 : 0, block.Block.Copy);
        var draws = _draws.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            ulong readEvent = Draws.Event(events.Samples[m], events.Ordinals[m], pulseKey);
            Draws.Normals(stream, DrawPurpose.ReadOfColumn, readEvent, block.Block.RowBlock, FirstColumn(block.Block), draws);
            var outputs = column.Slice(m * sumStride, columns);
            var variances = _readVariances.AsSpan(m * sumStride, columns);
            for (int c = 0; c < columns; c++)
            {
                outputs[c] = MathF.FusedMultiplyAdd(MathF.Sqrt(variances[c]), draws[c], outputs[c]);
            }
        }
    }

    private void TakeDrop(
        ProgrammedBlock block, int slice, bool negative, ReadOnlySpan<float> drives, int stride, int vectors, Span<float> column, int sumStride)
    {
        if (block.Drop is not { } drop || block.Wires is { Layout.IsGated: true })
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
                _magnitudes[(m * rows) + r] = Math.Abs(drives[(m * stride) + r]);
            }
        }

        Mvm.Multiply(_magnitudes, rows, vectors, (negative ? drop.NegativeLoad[slice] : drop.PositiveLoad[slice])!, columns, rows, columns, _load, columns);
        Mvm.Multiply(drives, stride, vectors, (negative ? drop.NegativeFar[slice] : drop.PositiveFar[slice])!, columns, rows, columns, _far, columns);
        for (int m = 0; m < vectors; m++)
        {
            drop.Take(column.Slice(m * sumStride, columns), _load.AsSpan(m * columns, columns), _far.AsSpan(m * columns, columns));
        }
    }

    /// <summary>Step 7 and 8.</summary>
    private void Convert(
        ProgrammedBlock block,
        int slice,
        bool negative,
        Span<float> column,
        int sumStride,
        double factor,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        LayerSums target,
        Span<int> clipped)
    {
        if (Physics.HasConversionErrors)
        {
            ConvertWithErrors(block, slice, negative, column, sumStride, factor, vectors, events, pulseKey, target, clipped);
            return;
        }

        int columns = block.Block.Columns;
        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        Conversion conversion = new(Physics.NoiseSigma(lsb), Physics.HasAdc, lsb, Physics.AdcMin, Physics.AdcMax);
        var draws = conversion.Sigma == 0 ? default : _draws.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            var currents = column.Slice(m * sumStride, columns);
            Observer?.Invoke(slice, currents);
            if (conversion.Sigma != 0)
            {
                OutputDraws(block, slice, events, m, pulseKey, draws);
            }

            clipped[m] += ShiftAdd.Convert(in conversion, currents, draws, block.Signs[slice], negative ? -factor : factor, target.Sums(slice, m, columns));
        }
    }

    /// <summary>A conversion with more than noise, rounding and clipping.</summary>
    private void ConvertWithErrors(
        ProgrammedBlock block,
        int slice,
        bool negative,
        Span<float> column,
        int sumStride,
        double factor,
        int vectors,
        in ReadEvents events,
        uint pulseKey,
        LayerSums target,
        Span<int> clipped)
    {
        int columns = block.Block.Columns;
        int line = (2 * slice) + (negative ? 1 : 0);
        var periphery = block.Periphery!.Lines[line];
        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        float sigma = Physics.NoiseSigma(lsb);
        bool[]? flipped = block.Flipped[slice];
        factor = negative ? -factor : factor;
        Grow(ref _uniforms, columns);
        var draws = _draws.AsSpan(0, columns);
        var uniforms = _uniforms.AsSpan(0, columns);
        for (int m = 0; m < vectors; m++)
        {
            var currents = column.Slice(m * sumStride, columns);
            for (int c = 0; c < columns && periphery.PerConductance is { } perConductance; c++)
            {
                currents[c] *= perConductance[c];
            }

            Observer?.Invoke(slice, currents);
            if (sigma != 0)
            {
                OutputDraws(block, slice, events, m, pulseKey, draws);
            }

            if (Physics.RoundsByDraws)
            {
                RoundingDraws(block, line, events, m, pulseKey, uniforms);
            }

            var sum = target.Sums(slice, m, columns);
            for (int c = 0; c < columns; c++)
            {
                float code = OutputCircuit(periphery, c, currents[c], sigma, draws[c]);
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
}

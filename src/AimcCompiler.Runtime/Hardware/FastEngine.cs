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
    private int _stripVectors;
    private ulong[] _keys = [];
    private ulong[] _runKeys = [];
    private readonly bool[] _hasKeys = new bool[2 * physics.Input.PulseWeights.Length];
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
    private int[] _inputSquares = [];
    private readonly bool[] _hasSquares = new bool[physics.Input.PulseWeights.Length];
    private float[] _readSquares = [];
    private float[] _columnVariances = [];
    private float[] _magnitudes = [];
    private float[] _load = [];
    private float[] _far = [];

    /// <summary>An input is one pulse: its code.</summary>
    private bool IsOneShot { get; } = physics.Input.Bits is null || (physics.Input.PulseWeights.Length == 1 && physics.Input.MaxPulse == physics.Input.MaxCode);

    /// <summary>The sum of a vector's inputs is a sum of codes: it needs no pulse by pulse account.</summary>
    private bool SumsCodes { get; } = physics.Input.Bits is not null && !physics.ReadsUnitColumn;

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
            VectorGroup group = new() { Codes = codes[(m * stride)..], Stride = stride, Vectors = count, Events = events.Slice(m, count), Attempt = attempt, First = -1 };
            RunGroup(block, group, 1, target.From(m), clipped[m..]);
        }
    }

    public override void Load(float[] codes, int stride, int vectors, ulong[] samples, uint[] ordinals)
    {
        LoadPacked(stride, vectors, samples, ordinals);
        base.Load(codes, stride, vectors, samples, ordinals);
        if (!Physics.HasDrivers)
        {
            PackedMvm.PackInputs(codes, stride, vectors, stride, PackedStrip(stride, vectors));
        }
    }

    /// <summary>Nothing besides the product reads a strip's codes: it may come packed (<see cref="LoadPacked"/>).</summary>
    public bool TakesPacked(IEnumerable<ProgrammedBlock> blocks) => Physics.Layer.Copies == 1 && !Physics.NeedsUnit && Observer is null && !blocks.Any(NeedsRows);

    /// <summary>Room for a strip's codes, packed by fours.</summary>
    public Span<float> PackedStrip(int stride, int vectors)
    {
        Grow(ref _strip, PackedMvm.Padded(vectors) * stride);
        return _strip.AsSpan(0, PackedMvm.Padded(vectors) * stride);
    }

    /// <summary><see cref="Load"/> of what lies in <see cref="PackedStrip"/>.</summary>
    public void LoadPacked(int stride, int vectors, ulong[] samples, uint[] ordinals)
    {
        base.Load([], stride, vectors, samples, ordinals);
        Array.Clear(_hasKeys);
        _stripVectors = vectors;
        Grow(ref _keys, _hasKeys.Length * vectors);
    }

    public override void Add(ProgrammedBlock block, int first, int vectors, double factor, LayerSums target, Span<int> clipped)
    {
        int columns = block.Block.Columns;
        int slices = Physics.Weights.Slices;
        int firstRow = FirstRow(block.Block);

        // What is converted once goes where it belongs at once.
        bool isDirect = (Physics.IsAccumulated || Physics.Input.PulseWeights.Length == 1) && !Physics.NeedsUnit && block.Negative[0] is null;
        int outputs = Math.Min(Group, vectors) * columns;
        Grow(ref _sums, isDirect ? 0 : slices * outputs);
        Grow(ref _digital, isDirect ? 0 : outputs);
        clipped[..vectors].Clear();
        for (int m = 0; m < vectors; m += Group)
        {
            int count = Math.Min(Group, vectors - m);
            bool isPacked = !Physics.HasDrivers && (first + m) % PackedMvm.Quad == 0;
            VectorGroup group = new()
            {
                Codes = Codes.Length > 0 ? Codes.AsSpan(((first + m) * CodeStride) + firstRow) : default,
                Stride = CodeStride,
                Quads = isPacked ? _strip.AsSpan(((first + m) * CodeStride) + (firstRow * PackedMvm.Quad)) : default,
                QuadStride = PackedMvm.Quad * CodeStride,
                Vectors = count,
                Events = StripEvents.Slice(first + m, count),
                First = first + m,
            };
            if (isDirect)
            {
                RunGroup(block, group, factor, target.From(m), clipped[m..]);
                continue;
            }

            var sums = _sums.AsSpan(0, slices * count * columns);
            var digital = _digital.AsSpan(0, count * columns);
            sums.Clear();
            digital.Clear();
            RunGroup(block, group, 1, new LayerSums(sums, count * columns, digital, columns), clipped[m..]);
            for (int i = 0; i < count; i++)
            {
                target.Add(m + i, factor, sums, digital, i, count);
            }
        }
    }

    private void RunGroup(ProgrammedBlock block, in VectorGroup group, double factor, LayerSums target, Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int slices = Physics.Weights.Slices;
        int pulses = Physics.Input.PulseWeights.Length;
        int vectors = group.Vectors;
        int sumStride = SumStride(columns);
        int sumCount = PackedMvm.Padded(vectors) * sumStride;
        int packedCount = PackedMvm.Padded(vectors) * rows;
        Array.Clear(_hasSquares);
        Grow(ref _columns, sumCount);
        Grow(ref _draws, vectors * columns);
        Grow(ref _units, vectors);
        if (Physics.IsAccumulated)
        {
            Array.Clear(_units, 0, vectors);
            Grow(ref _charge, slices * 2 * sumCount);
            Array.Clear(_charge, 0, slices * 2 * sumCount);
        }

        bool isSent = IsOneShot && !group.Quads.IsEmpty;
        Grow(ref _quads, isSent ? 0 : pulses * packedCount);
        bool needsRows = !isSent && (group.Quads.IsEmpty || NeedsRows(block));
        for (int p = 0; p < pulses && !isSent; p++)
        {
            var quads = _quads.AsSpan(p * packedCount, packedCount);
            var pulseRows = needsRows ? Drives(block, Pulses(group, rows, p), group, rows, p) : default;
            if (group.Quads.IsEmpty)
            {
                PackedMvm.PackInputs(pulseRows, DriveStride(group, rows), vectors, rows, quads);
                continue;
            }

            for (int q = 0; q < PackedMvm.Padded(vectors) / PackedMvm.Quad; q++)
            {
                int count = PackedMvm.Quad * rows;
                PulseTrain.Extract(Physics.Input, group.Quads.Slice(q * group.QuadStride, count), p, quads.Slice(q * count, count));
            }
        }

        if (Physics.NeedsUnit && SumsCodes)
        {
            TakeCodes(block, group, target);
        }

        // Pulses inside slices: a slice's cells stay in the cache. Noise of wires and observers have the order of time.
        bool isInTime = block.Wires is not null || Observer is not null;
        for (int i = 0; i < pulses * slices; i++)
        {
            var (p, slice) = isInTime ? (i / slices, i % slices) : (i % pulses, i / pulses);
            Read read = new()
            {
                Pulse = p,
                Drives = Physics.HasDrivers ? _drives.AsSpan(p * vectors * rows) : IsOneShot ? group.Codes : needsRows ? _pulses.AsSpan(p * vectors * rows) : default,
                Stride = DriveStride(group, rows),
                Quads = isSent ? group.Quads : _quads.AsSpan(p * packedCount, packedCount),
                QuadStride = isSent ? group.QuadStride : PackedMvm.Quad * rows,
            };
            for (int m = 0; m < vectors && slice == 0 && block.Wires is not null; m++)
            {
                PrepareWireNoise(block, read.Drives.Slice(m * read.Stride, rows), group.Events, m, group.Attempt, p);
            }

            if (slice == 0 && Physics.NeedsUnit && !SumsCodes)
            {
                ReadUnits(block, group, read, target, clipped);
            }

            for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
            {
                bool isNegative = polarity == 1;
                var column = _columns.AsSpan(0, sumCount);
                Multiply(block, slice, isNegative, group, read, column);
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
                    Convert(block, slice, isNegative, column, pulseWeight * factor, group, p, target, clipped);
                }
            }
        }

        if (!Physics.IsAccumulated)
        {
            return;
        }

        for (int m = 0; m < vectors && Physics.NeedsUnit && !SumsCodes; m++)
        {
            double unit = ConvertUnit(block, _units[m], group.Events, m, PulseKey(group.Attempt, 0, 0), ref clipped[m]);
            TakeInputs(block, unit, target.Digital(m, columns));
        }

        for (int slice = 0; slice < slices; slice++)
        {
            for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
            {
                var charge = _charge.AsSpan(((slice * 2) + polarity) * sumCount, sumCount);
                Convert(block, slice, polarity == 1, charge, factor, group, 0, target, clipped);
            }
        }
    }

    /// <summary>From vector to vector of column sums.</summary>
    private static int SumStride(int columns) => (columns + Lanes16.Count - 1) / Lanes16.Count * Lanes16.Count;

    private int DriveStride(in VectorGroup group, int rows) => Physics.HasDrivers || !IsOneShot ? rows : group.Stride;

    /// <summary>Something besides the product reads what rows are driven with.</summary>
    private bool NeedsRows(ProgrammedBlock block) =>
        Physics.HasDrivers || Physics.HasArrayErrors || (Physics.NeedsUnit && !SumsCodes) || HasCellNoise(block, 0) || block.Wires is not null || block.Drop is not null || block.Terms is not null;

    /// <summary>Read and output noise of a conversion are one draw: nothing comes between them.</summary>
    private bool JoinsNoise(ProgrammedBlock block) =>
        block.ReadVariance.Length > 0 && block.Drop is null && block.Terms is null && !Physics.HasArrayErrors && !Physics.HasConversionErrors && !Physics.IsAccumulated;

    /// <summary>The keys of one read of all vectors of the group.</summary>
    private ReadOnlySpan<ulong> Keys(in VectorGroup group, int pulse, int polarity)
    {
        uint pulseKey = PulseKey(group.Attempt, pulse, polarity);
        if (group.First < 0)
        {
            Grow(ref _runKeys, group.Vectors);
            Fill(group.Events, _runKeys);
            return _runKeys;
        }

        var keys = _keys.AsSpan((int)pulseKey * _stripVectors, _stripVectors);
        if (!_hasKeys[pulseKey])
        {
            _hasKeys[pulseKey] = true;
            Fill(StripEvents, keys);
        }

        return keys[group.First..];

        void Fill(in ReadEvents events, Span<ulong> keys)
        {
            Span<ulong> samples = stackalloc ulong[Draws.LaneCount];
            Span<uint> ordinals = stackalloc uint[Draws.LaneCount];
            Span<uint> words = stackalloc uint[2 * Draws.LaneCount];
            samples.Clear();
            ordinals.Clear();
            for (int m = 0; m < events.Samples.Length; m += Draws.LaneCount)
            {
                int count = Math.Min(Draws.LaneCount, events.Samples.Length - m);
                events.Samples.Slice(m, count).CopyTo(samples);
                events.Ordinals.Slice(m, count).CopyTo(ordinals);
                Draws.EventKeys(Options.Seed, Options.Instance, samples, ordinals, pulseKey, words);
                for (int i = 0; i < count; i++)
                {
                    keys[m + i] = ((ulong)words[Draws.LaneCount + i] << 32) | words[i];
                }
            }
        }
    }

    /// <summary>What the digital side takes for the inputs of all pulses: whole numbers, so the order of pulses does not matter.</summary>
    private void TakeCodes(ProgrammedBlock block, in VectorGroup group, LayerSums target)
    {
        for (int m = 0; m < group.Vectors; m++)
        {
            TakeInputs(block, PulseTrain.Sum(group.Codes.Slice(m * group.Stride, block.Block.Rows)), target.Digital(m, block.Block.Columns));
        }
    }

    /// <summary>Takes the offset of all cells from the results, and recovers flipped columns.</summary>
    private void TakeInputs(ProgrammedBlock block, double inputs, Span<double> corrections)
    {
        double correction = Physics.OffsetPerInput * inputs;
        for (int c = 0; c < corrections.Length; c++)
        {
            corrections[c] -= correction;
        }

        for (int slice = 0; slice < Physics.Weights.Slices; slice++)
        {
            if (block.Flipped[slice] is not { } flipped)
            {
                continue;
            }

            double recovery = Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * inputs;
            for (int c = 0; c < flipped.Length; c++)
            {
                if (flipped[c])
                {
                    corrections[c] += recovery;
                }
            }
        }
    }

    /// <summary>The sums of the inputs of one pulse, and what they take from the results.</summary>
    private void ReadUnits(ProgrammedBlock block, in VectorGroup group, in Read read, LayerSums target, Span<int> clipped)
    {
        int rows = block.Block.Rows;
        long pulseWeight = Physics.Input.PulseWeights[read.Pulse];
        uint pulseKey = PulseKey(group.Attempt, read.Pulse, 0);
        var pulses = IsOneShot ? group.Codes : _pulses.AsSpan(read.Pulse * group.Vectors * rows);
        int stride = IsOneShot ? group.Stride : rows;
        for (int m = 0; m < group.Vectors; m++)
        {
            double unit = UnitSum(block, pulses.Slice(m * stride, rows), read.Drives.Slice(m * read.Stride, rows), group.Events, m, pulseKey);
            if (Physics.IsAccumulated)
            {
                _units[m] = AddUnitCharge(_units[m], pulseWeight, unit);
                continue;
            }

            unit = ConvertUnit(block, unit, group.Events, m, pulseKey, ref clipped[m]);
            TakeInputs(block, pulseWeight * unit, target.Digital(m, block.Block.Columns));
        }
    }

    /// <summary>What the digital side sends to the rows in one pulse.</summary>
    private ReadOnlySpan<float> Pulses(in VectorGroup group, int rows, int pulse)
    {
        if (IsOneShot)
        {
            return group.Codes;
        }

        Grow(ref _pulses, Physics.Input.PulseWeights.Length * group.Vectors * rows);
        var pulses = _pulses.AsSpan(pulse * group.Vectors * rows, group.Vectors * rows);
        for (int m = 0; m < group.Vectors; m++)
        {
            PulseTrain.Extract(Physics.Input, group.Codes.Slice(m * group.Stride, rows), pulse, pulses.Slice(m * rows, rows));
        }

        return pulses;
    }

    /// <summary>What the rows are driven with for it.</summary>
    private ReadOnlySpan<float> Drives(ProgrammedBlock block, ReadOnlySpan<float> pulses, in VectorGroup group, int rows, int pulse)
    {
        if (!Physics.HasDrivers)
        {
            return pulses;
        }

        int stride = IsOneShot ? group.Stride : rows;
        Grow(ref _drives, Physics.Input.PulseWeights.Length * group.Vectors * rows);
        var drives = _drives.AsSpan(pulse * group.Vectors * rows, group.Vectors * rows);
        for (int m = 0; m < group.Vectors; m++)
        {
            Drive(block, pulses.Slice(m * stride, rows), group.Events, m, PulseKey(group.Attempt, pulse, 0), drives.Slice(m * rows, rows));
        }

        return drives;
    }

    /// <summary>Step 5 and 6: the column sums of one read, with what disturbs them.</summary>
    private void Multiply(ProgrammedBlock block, int slice, bool negative, in VectorGroup group, in Read read, Span<float> column)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int sumStride = SumStride(columns);
        int line = (2 * slice) + (negative ? 1 : 0);
        uint pulseKey = PulseKey(group.Attempt, read.Pulse, negative ? 1 : 0);
        if (block.Wires is { Layout.IsGated: true })
        {
            for (int m = 0; m < group.Vectors; m++)
            {
                GatedSums(block, slice, negative, read.Drives.Slice(m * read.Stride, rows), group.Events, m, pulseKey, column.Slice(m * sumStride, columns));
            }
        }
        else if (HasCellNoise(block, slice) && block.ReadVariance.Length == 0)
        {
            MultiplyNoisy(block, slice, negative, group, read, pulseKey, column);
        }
        else
        {
            PackedMvm.Multiply(read.Quads, read.QuadStride, group.Vectors, block.Packed(slice, negative), column, sumStride);
            if (HasCellNoise(block, slice))
            {
                FindVariances(block, slice, negative, group, read);
                if (!JoinsNoise(block))
                {
                    AddReadNoise(block, slice, negative, group, read.Pulse, column);
                }
            }

            for (int m = 0; m < group.Vectors && block.Wires is not null; m++)
            {
                AddWireNoise(block, slice, negative, m, column.Slice(m * sumStride, columns));
            }
        }

        TakeDrop(block, slice, negative, group, read, column);
        if (block.Terms is { } terms)
        {
            AddPower(terms.Even[line], false, block, group, read, column);
            AddPower(terms.Odd[line], true, block, group, read, column);
        }

        for (int m = 0; m < group.Vectors && Physics.HasArrayErrors; m++)
        {
            DisturbSums(block, line, read.Drives.Slice(m * read.Stride, rows), group.Events, m, pulseKey, column.Slice(m * sumStride, columns));
        }
    }

    /// <summary>Every read has its own cells.</summary>
    private void MultiplyNoisy(ProgrammedBlock block, int slice, bool negative, in VectorGroup group, in Read read, uint pulseKey, Span<float> column)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _noisy, rows * columns);
        for (int m = 0; m < group.Vectors; m++)
        {
            ulong readEvent = Draws.Event(group.Events.Samples[m], group.Events.Ordinals[m], pulseKey);
            for (int r = 0; r < rows; r++)
            {
                NoisyRow(block, slice, negative, readEvent, r, _noisy.AsSpan(r * columns, columns), _draws.AsSpan(0, columns));
            }

            Mvm.Multiply(read.Drives.Slice(m * read.Stride, rows), rows, 1, _noisy, columns, rows, columns, column.Slice(m * SumStride(columns), columns), columns);
        }
    }

    private void AddPower(float[]? cells, bool isCube, ProgrammedBlock block, in VectorGroup group, in Read read, Span<float> column)
    {
        if (cells is null)
        {
            return;
        }

        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _powers, group.Vectors * rows);
        Grow(ref _terms, group.Vectors * columns);
        for (int m = 0; m < group.Vectors; m++)
        {
            for (int r = 0; r < rows; r++)
            {
                _powers[(m * rows) + r] = Power(read.Drives[(m * read.Stride) + r], isCube);
            }
        }

        Mvm.Multiply(_powers, rows, group.Vectors, cells, columns, rows, columns, _terms, columns);
        for (int m = 0; m < group.Vectors; m++)
        {
            for (int c = 0; c < columns; c++)
            {
                column[(m * SumStride(columns)) + c] += _terms[(m * columns) + c];
            }
        }
    }

    /// <summary>Variances of the column sums under read noise: sums over rows of sigma^2 x^2.</summary>
    private void FindVariances(ProgrammedBlock block, int slice, bool negative, in VectorGroup group, in Read read)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int vectors = group.Vectors;
        int sumStride = SumStride(columns);
        Grow(ref _columnVariances, PackedMvm.Padded(vectors) * sumStride);
        if (Physics.Input.Bits is not null && !Physics.HasDrivers && block.WholeVariance(slice, negative, Physics.Input.MaxPulse) is { } variance)
        {
            // Of one pulse, for all slices.
            int count = vectors * variance.SquaresStride;
            Grow(ref _inputSquares, _hasSquares.Length * count);
            var squares = _inputSquares.AsSpan(read.Pulse * count, count);
            if (!_hasSquares[read.Pulse])
            {
                _hasSquares[read.Pulse] = true;
                variance.Square(read.Drives, read.Stride, vectors, squares);
            }

            variance.Multiply(squares, vectors, _columnVariances, sumStride);
            return;
        }

        Grow(ref _readSquares, 2 * PackedMvm.Padded(vectors) * rows);
        for (int m = 0; m < vectors; m++)
        {
            var drive = read.Drives.Slice(m * read.Stride, rows);
            var square = _readSquares.AsSpan(m * rows, rows);
            for (int r = 0; r < rows; r++)
            {
                square[r] = drive[r] * drive[r];
            }
        }

        var quads = _readSquares.AsSpan(PackedMvm.Padded(vectors) * rows);
        PackedMvm.PackInputs(_readSquares, rows, vectors, rows, quads);
        PackedMvm.Multiply(quads, PackedMvm.Quad * rows, vectors, block.FloatVariance(slice, negative), _columnVariances, sumStride);
    }

    /// <summary>Read noise of all devices of a column in one draw.</summary>
    private void AddReadNoise(ProgrammedBlock block, int slice, bool negative, in VectorGroup group, int pulse, Span<float> column)
    {
        int columns = block.Block.Columns;
        CellStream stream = new(Options.Seed, Options.Instance, Physics.Layer.NoiseKey, slice, Pair: 0, negative ? 1 : 0, block.Block.Copy);
        var keys = Keys(group, pulse, negative ? 1 : 0);
        var draws = _draws.AsSpan(0, group.Vectors * columns);
        Draws.NormalsOfKeys(stream, DrawPurpose.ReadOfColumn, keys[..group.Vectors], block.Block.RowBlock, FirstColumn(block.Block), columns, draws);
        for (int m = 0; m < group.Vectors; m++)
        {
            ColumnNoise.Add(_columnVariances.AsSpan(m * SumStride(columns), columns), 0, draws.Slice(m * columns, columns), column.Slice(m * SumStride(columns), columns));
        }
    }

    private void TakeDrop(ProgrammedBlock block, int slice, bool negative, in VectorGroup group, in Read read, Span<float> column)
    {
        if (block.Drop is not { } drop || block.Wires is { Layout.IsGated: true })
        {
            return;
        }

        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        Grow(ref _magnitudes, group.Vectors * rows);
        Grow(ref _load, group.Vectors * columns);
        Grow(ref _far, group.Vectors * columns);
        for (int m = 0; m < group.Vectors; m++)
        {
            for (int r = 0; r < rows; r++)
            {
                _magnitudes[(m * rows) + r] = Math.Abs(read.Drives[(m * read.Stride) + r]);
            }
        }

        Mvm.Multiply(_magnitudes, rows, group.Vectors, (negative ? drop.NegativeLoad[slice] : drop.PositiveLoad[slice])!, columns, rows, columns, _load, columns);
        Mvm.Multiply(read.Drives, read.Stride, group.Vectors, (negative ? drop.NegativeFar[slice] : drop.PositiveFar[slice])!, columns, rows, columns, _far, columns);
        for (int m = 0; m < group.Vectors; m++)
        {
            drop.Take(column.Slice(m * SumStride(columns), columns), _load.AsSpan(m * columns, columns), _far.AsSpan(m * columns, columns));
        }
    }

    /// <summary>Step 7 and 8.</summary>
    private void Convert(
        ProgrammedBlock block, int slice, bool negative, Span<float> column, double factor, in VectorGroup group, int pulse, LayerSums target, Span<int> clipped)
    {
        if (Physics.HasConversionErrors)
        {
            ConvertWithErrors(block, slice, negative, column, factor, group, pulse, target, clipped);
            return;
        }

        int columns = block.Block.Columns;
        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        float sigma = Physics.NoiseSigma(lsb);
        bool joinsNoise = JoinsNoise(block);
        bool isNoisy = sigma != 0 || joinsNoise;
        Conversion conversion = new(sigma, Physics.HasAdc, lsb, Physics.AdcMin, Physics.AdcMax);
        var allDraws = isNoisy ? _draws.AsSpan(0, group.Vectors * columns) : default;
        if (isNoisy)
        {
            OutputDraws(block, slice, Keys(group, pulse, negative ? 1 : 0)[..group.Vectors], columns, allDraws);
        }

        for (int m = 0; m < group.Vectors; m++)
        {
            var currents = column.Slice(m * SumStride(columns), columns);
            var draws = isNoisy ? allDraws.Slice(m * columns, columns) : default;
            Observer?.Invoke(slice, currents);
            if (joinsNoise)
            {
                ColumnNoise.Add(_columnVariances.AsSpan(m * SumStride(columns), columns), sigma * sigma, draws, currents);
            }

            clipped[m] += ShiftAdd.Convert(
                in conversion, currents, joinsNoise ? default : draws, block.Signs[slice], negative ? -factor : factor, target.Sums(slice, m, columns));
        }
    }

    /// <summary>A conversion with more than noise, rounding and clipping.</summary>
    private void ConvertWithErrors(
        ProgrammedBlock block, int slice, bool negative, Span<float> column, double factor, in VectorGroup group, int pulse, LayerSums target, Span<int> clipped)
    {
        int columns = block.Block.Columns;
        int line = (2 * slice) + (negative ? 1 : 0);
        uint pulseKey = PulseKey(group.Attempt, pulse, negative ? 1 : 0);
        var periphery = block.Periphery!.Lines[line];
        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        float sigma = Physics.NoiseSigma(lsb);
        bool[]? flipped = block.Flipped[slice];
        factor = negative ? -factor : factor;
        Grow(ref _uniforms, columns);
        var draws = _draws.AsSpan(0, columns);
        var uniforms = _uniforms.AsSpan(0, columns);
        var keys = sigma != 0 ? Keys(group, pulse, negative ? 1 : 0) : default;
        for (int m = 0; m < group.Vectors; m++)
        {
            var currents = column.Slice(m * SumStride(columns), columns);
            for (int c = 0; c < columns && periphery.PerConductance is { } perConductance; c++)
            {
                currents[c] *= perConductance[c];
            }

            Observer?.Invoke(slice, currents);
            if (sigma != 0)
            {
                OutputDraws(block, slice, keys[m], draws);
            }

            if (Physics.RoundsByDraws)
            {
                RoundingDraws(block, line, group.Events, m, pulseKey, uniforms);
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

    /// <summary>Vectors that are multiplied together.</summary>
    private readonly ref struct VectorGroup
    {
        /// <summary>From the block's first row on.</summary>
        public required ReadOnlySpan<float> Codes { get; init; }

        public required int Stride { get; init; }

        /// <summary>The same codes, packed; empty where they are not.</summary>
        public ReadOnlySpan<float> Quads { get; init; }

        public int QuadStride { get; init; }

        public required int Vectors { get; init; }

        public required ReadEvents Events { get; init; }

        /// <summary>Which try of bound management.</summary>
        public int Attempt { get; init; }

        /// <summary>Index of the first vector in the strip; -1 = not of a strip.</summary>
        public required int First { get; init; }
    }

    /// <summary>One pulse of a group.</summary>
    private readonly ref struct Read
    {
        public required int Pulse { get; init; }

        /// <summary>What rows are driven with, one vector after the other; empty where only the product reads it.</summary>
        public required ReadOnlySpan<float> Drives { get; init; }

        public required int Stride { get; init; }

        /// <summary>The same, packed.</summary>
        public required ReadOnlySpan<float> Quads { get; init; }

        public required int QuadStride { get; init; }
    }
}

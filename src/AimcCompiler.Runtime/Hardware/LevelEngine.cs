using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Cells at exact levels, pulse by pulse in integers: whatever <see cref="StepwiseEngine"/> adds, rounds and adds again there is a whole number that floats hold, so the
/// order does not matter and the bits are the same. Output noise has the draws of the definition; read noise, whose variance all cells share, joins it: that of a column's sum is
/// the variance times the sum of the squares of its pulses.</summary>
/// <remarks>Blocks that do not fit the tables, calibration, and few vectors go to <see cref="FastEngine"/>.</remarks>
internal sealed class LevelEngine : TileEngine
{
    /// <summary>Fewer vectors leave too many lanes of a register empty.</summary>
    public const int FewestVectors = 6;

    private readonly FastEngine _fast;
    private readonly int _fewest;
    private readonly PulseFields _fields;
    private readonly PulsePlanes _planes;
    private readonly CountConverter[] _converters;

    /// <summary>Vectors that a look-up takes at once.</summary>
    public const int Register = 64;

    /// <summary>By polarity: what each pulse counts.</summary>
    private readonly float[][] _weights;

    /// <summary>Sum of the pulses' weights.</summary>
    private readonly double _weight;
    private bool _isFew;

    /// <summary>What the planes hold of the strip.</summary>
    private (int FirstRow, int Rows, int First, int Vectors) _packed;
    private float[] _sums = [];
    private float[] _currents = [];
    private float[] _rows = [];
    private float[] _draws = [];
    private int[] _squares = [];
    private int[] _clipped = [];
    private int[] _inputs = [];
    private double[] _units = [];
    private double[] _corrections = [];

    /// <param name="physics">A layer's tiles, without <see cref="Obstacle"/>.</param>
    /// <param name="options">Settings.</param>
    /// <param name="fewest">Vectors that are worth a register.</param>
    public LevelEngine(TilePhysics physics, SimulationOptions options, int fewest = FewestVectors)
        : base(physics, options)
    {
        _fast = new FastEngine(physics, options);
        _fewest = fewest;
        var input = physics.Input;
        _fields = FieldsOf(physics) ?? throw new ArgumentException("no tables for such pulses", nameof(physics));
        _planes = new PulsePlanes(input.MinCode, input.MaxCode, input.PulseWeights.Length, _fields, input.Pulse);
        _weights = [[.. input.PulseWeights.Select(w => (float)w)], [.. input.PulseWeights.Select(w => (float)-w)]];
        _weight = input.PulseWeights.Sum(w => Math.Abs((double)w));
        int most = (int)Math.Min(short.MaxValue, (long)physics.Layer.Blocks.Max(b => b.Rows) * physics.Weights.MaxLevel * input.MaxPulse);
        _converters = [.. Enumerable.Range(0, physics.Weights.Slices).Select(slice => physics.HasAdc
            ? CountConverter.For(physics.Lsbs[slice], physics.AdcMin, physics.AdcMax, -most - 1, most)
            : CountConverter.None)];
    }

    /// <summary>Why a layer's tiles are not for this engine; null if they are.</summary>
    public static string? Obstacle(TilePhysics physics, SimulationOptions options) =>
        physics.LevelObstacle
        ?? (physics.Device.HasReadNoise && options.ReadNoise != ReadNoiseDraws.Column ? "every device draws its read noise"
            : physics.Device.HasReadNoise && physics.ReadsUnitColumn ? "a unit column is read with noise"
            : FieldsOf(physics) is null ? "pulses have more than 4 bits"
            : null);

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
        if ((vectors < _fewest && !Physics.Device.HasReadNoise) || Observer is not null || Packed(block) is not { } levels)
        {
            _fast.Observer = Observer;
            _fast.Run(block, codes, stride, vectors, events, attempt, sums, digital, clipped);
            return;
        }

        sums.Clear();
        digital.Clear();
        _packed = (-1, 0, 0, 0);
        _planes.Pack(codes, stride, vectors, block.Block.Rows);
        int columns = block.Block.Columns;
        AddPacked(block, levels, vectors, events, attempt, sums, vectors * columns, digital, columns, clipped);
    }

    public override void Load(float[] codes, int stride, int vectors, ulong[] samples, uint[] ordinals)
    {
        base.Load(codes, stride, vectors, samples, ordinals);
        _isFew = vectors < _fewest && !Physics.Device.HasReadNoise;
        _packed = (-1, 0, 0, 0);
        if (_isFew)
        {
            _fast.Load(codes, stride, vectors, samples, ordinals);
        }
    }

    public override void Add(ProgrammedBlock block, int first, int vectors, double factor, LayerSums target, Span<int> clipped)
    {
        if (_isFew && Observer is null)
        {
            _fast.Add(block, first, vectors, factor, target, clipped);
            return;
        }

        if (factor != 1 || (vectors < _fewest && !Physics.Device.HasReadNoise) || Observer is not null || Packed(block) is not { } levels)
        {
            base.Add(block, first, vectors, factor, target, clipped);
            return;
        }

        var (rows, columns) = (block.Block.Rows, block.Block.Columns);
        var packed = (FirstRow(block.Block), rows, first, vectors);
        if (packed != _packed)
        {
            // Blocks side by side read the same rows.
            _planes.Pack(Codes.AsSpan((first * CodeStride) + packed.Item1), CodeStride, vectors, rows);
            _packed = packed;
        }

        int length = ((vectors - 1) * target.VectorStride) + columns;
        var sums = target.Sums(0, 0, length + ((_converters.Length - 1) * target.SliceStride));
        AddPacked(
            block, levels, vectors, StripEvents.Slice(first, vectors), 0, sums, target.SliceStride, target.Digital(0, length), target.VectorStride, clipped);
    }

    /// <summary>Adds the results of packed vectors.</summary>
    /// <param name="block">The cells.</param>
    /// <param name="levels">The same, packed.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="events">Names of the reads.</param>
    /// <param name="attempt">Which try of bound management.</param>
    /// <param name="sums">Are added to.</param>
    /// <param name="sliceStride">From slice to slice in sums.</param>
    /// <param name="digital">Are added to.</param>
    /// <param name="stride">From vector to vector in both.</param>
    /// <param name="clipped">Conversions that clipped, per vector.</param>
    private void AddPacked(
        ProgrammedBlock block,
        LevelBlock levels,
        int vectors,
        in ReadEvents events,
        int attempt,
        Span<double> sums,
        int sliceStride,
        Span<double> digital,
        int stride,
        Span<int> clipped)
    {
        Grow(ref _clipped, _planes.PackedVectors);
        Array.Clear(_clipped, 0, _planes.PackedVectors);
        for (int slice = 0; slice < _converters.Length; slice++)
        {
            var positive = levels.Lines[2 * slice]!;
            if (Physics.Device.HasReadNoise || Physics.NoiseSigma(Physics.HasAdc ? Physics.Lsbs[slice] : 1) > 0)
            {
                AddNoisy(block, levels, slice, vectors, events, attempt, sums[(slice * sliceStride)..], stride);
                continue;
            }

            int length = LevelMvm.SumsLength(_planes, positive);
            Grow(ref _sums, length);
            Array.Clear(_sums, 0, length);
            for (int polarity = 0; polarity < 2; polarity++)
            {
                if (levels.Lines[(2 * slice) + polarity] is { } columns)
                {
                    LevelMvm.Add(_planes, columns, _converters[slice], _weights[polarity], _sums, _clipped);
                }
            }

            LevelMvm.Take(_planes, positive, _sums, levels.Signs[slice], vectors, sums[(slice * sliceStride)..], stride);
        }

        _clipped.AsSpan(0, vectors).CopyTo(clipped);
        if (Physics.NeedsUnit)
        {
            Correct(block, levels, vectors, events, attempt, digital, stride, clipped);
        }
    }

    /// <summary>The results of a slice whose conversions are noisy: each vector's sums of a pulse, with the draws of that read.</summary>
    private void AddNoisy(
        ProgrammedBlock block, LevelBlock levels, int slice, int vectors, in ReadEvents events, int attempt, Span<double> sums, int stride)
    {
        const int Group = 8;
        int columns = block.Block.Columns;
        var weights = Physics.Input.PulseWeights;
        Grow(ref _draws, columns);
        Grow(ref _rows, Group * columns);
        Grow(ref _squares, weights.Length * vectors);
        if (levels.Squares is { } squares)
        {
            LevelMvm.SumPulses(_planes, squares, vectors, _squares);
        }

        float lsb = Physics.HasAdc ? Physics.Lsbs[slice] : 1;
        float sigma = Physics.NoiseSigma(lsb);
        for (int polarity = 0; polarity < 2; polarity++)
        {
            int line = (2 * slice) + polarity;
            if (levels.Lines[line] is not { } cells)
            {
                continue;
            }

            float variance = levels.Variances.Length == 0 ? 0 : levels.Variances[line];
            Grow(ref _currents, LevelMvm.CurrentsLength(_planes, cells));
            for (int b = 0; b < LevelMvm.Blocks(_planes); b++)
            {
                LevelMvm.FindCurrents(_planes, cells, b, _currents);
                for (int i = 0; i < _planes.BlockPlanes; i++)
                {
                    int plane = (b * _planes.BlockPlanes) + i;
                    int pulse = plane % weights.Length;
                    int first = plane / weights.Length * _planes.Lanes;
                    uint pulseKey = PulseKey(attempt, pulse, polarity);
                    double factor = polarity == 1 ? -weights[pulse] : weights[pulse];
                    for (int m = first; m < Math.Min(first + _planes.Lanes, vectors); m++)
                    {
                        int row = (m - first) % Group;
                        if (row == 0)
                        {
                            LevelMvm.TakeCurrents(_planes, cells, _currents, i, m - first, Math.Min(Group, Math.Min(vectors, first + _planes.Lanes) - m), _rows);
                        }

                        OutputDraws(block, slice, events, m, pulseKey, _draws.AsSpan(0, columns));
                        float noise = variance == 0 ? sigma : MathF.Sqrt((variance * _squares[(pulse * vectors) + m]) + (sigma * sigma));
                        Conversion conversion = new(noise, Physics.HasAdc, lsb, Physics.AdcMin, Physics.AdcMax);
                        _clipped[m] += ShiftAdd.Convert(
                            in conversion, _rows.AsSpan(row * columns, columns), _draws.AsSpan(0, columns), block.Signs[slice], factor, sums.Slice(m * stride, columns));
                    }
                }
            }
        }
    }

    /// <summary>The block fits the tables, and its sums are exact.</summary>
    public bool Runs(ProgrammedBlock block) => Packed(block) is not null;

    private LevelBlock? Packed(ProgrammedBlock block) => block.Levels(_fields) is { } levels && IsExact(levels) ? levels : null;

    private protected override float StepCode(StepCurve curve, float value) => curve.Convert(value);

    private static PulseFields? FieldsOf(TilePhysics physics) =>
        PulseFields.For(physics.Input.HasSignedPulses ? -physics.Input.MaxPulse : 0, physics.Input.MaxPulse);

    /// <summary>No sum of codes over pulses and polarities can pass what floats hold.</summary>
    private bool IsExact(LevelBlock levels)
    {
        for (int slice = 0; slice < _converters.Length; slice++)
        {
            double largest = 0;
            for (int polarity = 0; polarity < 2; polarity++)
            {
                if (levels.Lines[(2 * slice) + polarity] is { } columns)
                {
                    double count = Math.Max(-columns.LeastCount, columns.MostCount);
                    largest += Physics.HasAdc ? Math.Min(Physics.AdcMax, (count / Physics.Lsbs[slice]) + 1) : count;
                }
            }

            if (largest * _weight > TilePhysics.LargestExactSum)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The digital part: offset and flips of each pulse, from the sum of its inputs. Columns that are flipped alike have the same.</summary>
    private void Correct(ProgrammedBlock block, LevelBlock levels, int vectors, in ReadEvents events, int attempt, Span<double> digital, int stride, Span<int> clipped)
    {
        var weights = Physics.Input.PulseWeights;
        Grow(ref _inputs, weights.Length * vectors);
        Grow(ref _units, weights.Length);
        Grow(ref _corrections, levels.Flips.Length);
        LevelMvm.SumPulses(_planes, levels.Ones, vectors, _inputs);
        int columns = block.Block.Columns;
        for (int m = 0; m < vectors; m++)
        {
            for (int p = 0; p < weights.Length; p++)
            {
                _units[p] = ConvertUnit(block, _inputs[(p * vectors) + m], events, m, PulseKey(attempt, p, 0), ref clipped[m]);
            }

            for (int f = 0; f < levels.Flips.Length; f++)
            {
                bool[] flips = levels.Flips[f];
                double correction = 0;
                for (int p = 0; p < weights.Length; p++)
                {
                    correction -= Physics.OffsetPerInput * (weights[p] * _units[p]);
                    for (int slice = 0; slice < flips.Length; slice++)
                    {
                        if (flips[slice])
                        {
                            correction += Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * weights[p] * _units[p];
                        }
                    }
                }

                _corrections[f] = correction;
            }

            var row = digital.Slice(m * stride, columns);
            for (int c = 0; c < columns; c++)
            {
                row[c] += _corrections[levels.FlipsOf[c]];
            }
        }
    }
}

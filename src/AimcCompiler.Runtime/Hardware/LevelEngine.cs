using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Cells at exact levels, pulse by pulse in integers: whatever <see cref="StepwiseEngine"/> adds, rounds and adds again there is a whole number that floats hold, so the
/// order does not matter and the bits are the same.</summary>
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

    /// <summary>By polarity: what each pulse counts.</summary>
    private readonly float[][] _weights;

    /// <summary>Sum of the pulses' weights.</summary>
    private readonly double _weight;
    private float[] _sums = [];
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
    public static string? Obstacle(TilePhysics physics) =>
        physics.IntegerObstacle ?? (FieldsOf(physics) is null ? "pulses have more than 4 bits" : null);

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
        if (vectors < _fewest || Observer is not null || Packed(block) is not { } levels)
        {
            _fast.Observer = Observer;
            _fast.Run(block, codes, stride, vectors, events, attempt, sums, digital, clipped);
            return;
        }

        sums.Clear();
        digital.Clear();
        _planes.Pack(codes, stride, vectors, block.Block.Rows);
        int columns = block.Block.Columns;
        AddPacked(block, levels, vectors, events, attempt, sums, vectors * columns, digital, columns, clipped);
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
        if (NeedsUnit)
        {
            Correct(block, levels, vectors, events, attempt, digital, stride, clipped);
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

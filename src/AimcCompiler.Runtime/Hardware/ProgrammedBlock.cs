using System.Runtime.CompilerServices;
using AimcCompiler.Binary;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>A block's cells at one time after programming, as column sums see them: contents (g - g_min) / (g_max - g_min) in levels, rows x columns,
/// row-major, one array a slice.</summary>
/// <remarks>The baseline g_min of every cell is taken off exactly, as an ideal reference column would.</remarks>
internal sealed class ProgrammedBlock
{
    private readonly PackedCells?[] _packed;
    private readonly PackedCells?[] _floatVariance;
    private readonly PackedVariance?[] _wholeVariance;
    private bool _hasFloatVariance;

    private ProgrammedBlock(Block block, int slices)
    {
        Block = block;
        Positive = new float[slices][];
        Negative = new float[slices][];
        PositiveSigma = new float[slices][];
        NegativeSigma = new float[slices][];
        Flipped = new bool[slices][];
        Signs = new float[slices][];
        _packed = new PackedCells?[2 * slices];
        _floatVariance = new PackedCells?[2 * slices];
        _wholeVariance = new PackedVariance?[2 * slices];
    }

    public Block Block { get; }

    /// <summary>Net contents (positive minus negative) where the pair is subtracted in the array, else the positive or only cells.</summary>
    public float[][] Positive { get; }

    /// <summary>The negative cells of pairs that are subtracted after conversion; else null.</summary>
    public float[]?[] Negative { get; }

    /// <summary>Standard deviation of each positive cell's instantaneous read noise; null without.</summary>
    public float[]?[] PositiveSigma { get; }

    public float[]?[] NegativeSigma { get; }

    /// <summary>Variance of the read noise of the cells of each conversion, both polarities together where they are subtracted in the array: by 2 slice + polarity. Empty where
    /// it is drawn for each device.</summary>
    public float[]?[] ReadVariance { get; private set; } = [];

    /// <summary>Columns that hold the complement; null without flip.</summary>
    public bool[]?[] Flipped { get; }

    /// <summary>-1 for columns that hold the complement, else 1; null without flip.</summary>
    public float[]?[] Signs { get; }

    /// <summary>Contents of the unit column's cells, one a row; null without.</summary>
    public float[]? Unit { get; private set; }

    public float[]? UnitSigma { get; private set; }

    /// <summary>The wires of the tile, whose drop is in the contents or is solved for every read; null = they do not resist.</summary>
    public BlockWires? Wires { get; private set; }

    /// <summary>What column sums lose by the polynomial model; null without.</summary>
    public PolynomialDrop? Drop { get; private set; }

    /// <summary>Digital drift compensation: what the block's results are multiplied with.</summary>
    public double Compensation { get; set; } = 1;

    /// <summary>What bent I-V curves and voltage sensing need beside contents; null without.</summary>
    public CellTerms? Terms { get; private set; }

    /// <summary>Drivers, circuits and converters with errors of their own; null where the tile has none.</summary>
    public BlockPeriphery? Periphery { get; private set; }

    /// <summary>The cells of one conversion as products read them.</summary>
    public PackedCells Packed(int slice, bool negative) =>
        _packed[(2 * slice) + (negative ? 1 : 0)] ??= PackedCells.Pack((negative ? Negative[slice] : Positive[slice])!, Block.Rows, Block.Columns);

    /// <summary>The read noise of the cells of one conversion, for whole inputs; null where it needs products in fp32.</summary>
    public PackedVariance? WholeVariance(int slice, bool negative, int largestInput)
    {
        int line = (2 * slice) + (negative ? 1 : 0);
        if (_wholeVariance[line] is null && !_hasFloatVariance)
        {
            _wholeVariance[line] = PackedVariance.Pack(ReadVariance[line]!, Block.Rows, Block.Columns, largestInput);
            _hasFloatVariance |= _wholeVariance[line] is null;
        }

        return _hasFloatVariance ? null : _wholeVariance[line];
    }

    /// <summary>The same for any input.</summary>
    public PackedCells FloatVariance(int slice, bool negative)
    {
        int line = (2 * slice) + (negative ? 1 : 0);
        return _floatVariance[line] ??= PackedCells.Pack(ReadVariance[line]!, Block.Rows, Block.Columns);
    }

    /// <summary>The same cells behind drivers and converters of their own.</summary>
    public ProgrammedBlock With(TilePhysics physics, SimulationOptions options)
    {
        var copy = (ProgrammedBlock)MemberwiseClone();
        copy.Periphery = BlockPeriphery.Of(physics, this, options);
        return copy;
    }

    private readonly Dictionary<PulseFields, LevelBlock?> _levels = [];

    /// <summary>The cells as tables for such pulses, packed once; null where they do not fit.</summary>
    public LevelBlock? Levels(PulseFields fields)
    {
        lock (_levels)
        {
            if (!_levels.TryGetValue(fields, out var levels))
            {
                levels = LevelBlock.Of(this, fields);
                _levels.Add(fields, levels);
            }

            return levels;
        }
    }

    /// <param name="physics">The layer's tiles.</param>
    /// <param name="block">Which part of its weights.</param>
    /// <param name="options">Seed, instance and time.</param>
    /// <param name="isReference">As the reference read-out of drift compensation finds the cells.</param>
    /// <param name="tally">Counts programming pulses; null = nobody does.</param>
    /// <param name="observer">Sees every device; null = nobody.</param>
    public static ProgrammedBlock Program(
        TilePhysics physics, Block block, SimulationOptions options, bool isReference = false, ProgrammingTally? tally = null, DevicesWritten? observer = null)
    {
        var encoding = physics.Weights;
        ProgrammedBlock result = new(block, encoding.Slices);
        int rows = block.Rows;
        int columns = block.Columns;
        var layout = WireLayout.Of(physics, block, options);
        CellWriter writer = new(physics, block, options, isReference) { Tally = tally, Observer = observer };
        CellTargets targets = new(physics, block);
        float[] positive = new float[columns];
        float[] negative = new float[columns];
        var terms = CellTerms.Of(physics, rows, columns);
        result.Terms = terms;
        for (int slice = 0; slice < encoding.Slices; slice++)
        {
            float[] cells = GC.AllocateUninitializedArray<float>(rows * columns);
            bool keepsNegative = encoding.IsDifferential && (!physics.SubtractsInArray || layout is not null);
            float[]? negativeCells = keepsNegative ? new float[rows * columns] : null;
            float[]? sigma = physics.Device.HasReadNoise ? new float[rows * columns] : null;
            float[]? negativeSigma = sigma is not null && encoding.IsDifferential ? new float[rows * columns] : null;
            bool[]? flipped = encoding.HasFlip ? targets.FlippedColumns(slice) : null;
            CellStream stream = new(options.Seed, options.Instance, physics.Layer.NoiseKey, slice, Pair: 0, Polarity: 0, block.Copy);
            int firstColumn = (block.FirstGroup * physics.Layer.Columns) + block.ColumnStart;
            for (int r = 0; r < rows; r++)
            {
                targets.Fill(slice, r, flipped, positive, negative);
                int weightRow = (block.FirstGroup * physics.Layer.Rows) + block.RowStart + r;
                terms?.AddTargets(terms.Line(slice, 0), positive);
                writer.Write(positive, stream, r, weightRow, firstColumn, cells.AsSpan(r * columns, columns), sigma is null ? [] : sigma.AsSpan(r * columns, columns));
                terms?.Add(terms.Line(slice, 0), false, r, cells.AsSpan(r * columns, columns));
                if (!encoding.IsDifferential)
                {
                    continue;
                }

                terms?.AddTargets(terms.Line(slice, 1), negative);
                Span<float> negatives = keepsNegative ? negativeCells.AsSpan(r * columns, columns) : negative;
                writer.Write(
                    negative, stream with { Polarity = 1 }, r, weightRow, firstColumn, negatives, negativeSigma is null ? [] : negativeSigma.AsSpan(r * columns, columns));
                terms?.Add(terms.Line(slice, 1), true, r, negatives);
                if (!keepsNegative)
                {
                    var net = cells.AsSpan(r * columns, columns);
                    LaneMap.Run(default(Difference), net, negative, negative, negative, net);
                }
            }

            result.Positive[slice] = cells;
            result.Negative[slice] = negativeCells;
            result.PositiveSigma[slice] = sigma;
            result.NegativeSigma[slice] = negativeSigma;
            result.Flipped[slice] = flipped;
            result.Signs[slice] = flipped is null ? null : Array.ConvertAll(flipped, f => f ? -1f : 1f);
        }

        if (physics.ReadsUnitColumn)
        {
            result.Unit = new float[rows];
            result.UnitSigma = physics.Device.HasReadNoise ? new float[rows] : null;
            CellStream stream = new(options.Seed, options.Instance, physics.Layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, block.Copy, IsUnitColumn: true);
            int column = (block.FirstGroup * physics.Layer.Columns) + block.ColumnStart;
            for (int r = 0; r < rows; r++)
            {
                int weightRow = (block.FirstGroup * physics.Layer.Rows) + block.RowStart + r;
                terms?.AddTargets(terms.UnitLine, [1f]);
                writer.Write([1f], stream, r, weightRow, column, result.Unit.AsSpan(r, 1), result.UnitSigma is null ? [] : result.UnitSigma.AsSpan(r, 1));
                terms?.Add(terms.UnitLine, false, r, result.Unit.AsSpan(r, 1));
            }
        }

        if (physics.Device.HasReadNoise && layout is null && options is { Engine: EngineKind.Fast, ReadNoise: ReadNoiseDraws.Column })
        {
            result.ReadVariance = ReadVariances(result, physics.SubtractsInArray);
        }

        result.Wires = layout is null ? null : BlockWires.Apply(result, layout, physics.SubtractsInArray, encoding.IsDifferential);
        result.Drop = PolynomialDrop.Of(physics, result, options);
        return result;
    }

    private static float[]?[] ReadVariances(ProgrammedBlock block, bool subtracts)
    {
        var variances = new float[2 * block.PositiveSigma.Length][];
        for (int slice = 0; slice < block.PositiveSigma.Length; slice++)
        {
            variances[2 * slice] = Squares(block.PositiveSigma[slice]!, subtracts ? block.NegativeSigma[slice] : null);
            variances[(2 * slice) + 1] = subtracts || block.NegativeSigma[slice] is not { } other ? null! : Squares(other, null);
        }

        return variances;

        static float[] Squares(float[] sigma, float[]? other)
        {
            float[] squares = new float[sigma.Length];
            for (int i = 0; i < squares.Length; i++)
            {
                squares[i] = (sigma[i] * sigma[i]) + (other is null ? 0 : other[i] * other[i]);
            }

            return squares;
        }
    }

    /// <summary>a - b.</summary>
    private readonly struct Difference : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => a - b;
    }
}

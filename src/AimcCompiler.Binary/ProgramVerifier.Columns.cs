using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AimcCompiler.Core;

namespace AimcCompiler.Binary;

public static partial class ProgramVerifier
{
    /// <summary>What was found of layers that are still there: a program is asked for it when it is made, written and described.</summary>
    private static readonly ConditionalWeakTable<MappedLayer, WorstSum> s_worst = [];

    /// <summary>The largest magnitude that any physical column of a layer can bring to its converter, in units of one cell level at one input step;
    /// when the ADC's largest code is at least this and its LSB is 1, every conversion is exact.</summary>
    /// <remarks>Per block and slice, flips included: the sum of the levels; for a differential pair the larger of the positive and the negative
    /// sum (both together where pulses have signs and the pair is subtracted in the array); times the largest pulse, or the largest code
    /// where pulses are added before the conversion. Then the unit column, if there is one. The zero cells of a packed block hold code 0.</remarks>
    /// <exception cref="ArgumentException">The chip's weights are analog: their sums have no levels.</exception>
    public static long WorstColumnSum(MappedProgram program, MappedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(layer);
        return WorstColumnSums(program, [layer])[0];
    }

    /// <summary>The same of several layers, on all cores.</summary>
    /// <exception cref="ArgumentException">The chip's weights are analog: their sums have no levels.</exception>
    public static long[] WorstColumnSums(MappedProgram program, IReadOnlyList<MappedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(layers);
        TileDescription tile = program.Chip.Tile;
        var encoding = WeightEncoding.Of(tile);
        if (encoding.IsAnalog)
        {
            throw new ArgumentException("Analog weights have no levels.", nameof(program));
        }

        Lazy<LevelTable> table = new(() => new LevelTable(encoding, encoding.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray));
        long[] worst = new long[layers.Count];
        Parallel.For(0, layers.Count, i =>
        {
            if (!s_worst.TryGetValue(layers[i], out var known) || !ReferenceEquals(known.Tile, tile))
            {
                s_worst.AddOrUpdate(layers[i], known = new WorstSum(tile, WorstColumnSum(tile, encoding, table.Value, layers[i])));
            }

            worst[i] = known.Sum;
        });
        return worst;
    }

    private static void VerifyConversions(MappedProgram program)
    {
        TileDescription tile = program.Chip.Tile;
        var encoding = WeightEncoding.Of(tile);
        if (!encoding.HasFlip || encoding.IsAnalog || tile.Adc.Range != AdcRange.Granular || tile.Adc.Bits is not { } bits)
        {
            return;
        }

        long limit = (1L << bits) - 1;
        List<MappedLayer> bounded = [];
        foreach (MappedLayer layer in program.Layers)
        {
            var input = InputEncoding.Of(tile.Input, layer.InputIsNonNegative);
            long promised = Math.Max((long)tile.Rows * encoding.MaxLevel / 2, encoding.HasUnitColumn ? tile.Rows : 0) * LargestDrive(tile, input);
            if (!input.HasSignedPulses && promised <= limit)
            {
                bounded.Add(layer);
            }
        }

        foreach (var (layer, worst) in bounded.Zip(WorstColumnSums(program, bounded)))
        {
            Check(worst <= limit, $"{NameOf(layer)} has a column sum of {worst}, the ADC of {bits} bits takes {limit}");
        }
    }

    private static long WorstColumnSum(TileDescription tile, WeightEncoding encoding, LevelTable table, MappedLayer layer)
    {
        var input = InputEncoding.Of(tile.Input, layer.InputIsNonNegative);
        bool accumulates = tile.Adc.InputSlices == InputSliceConversion.Accumulated;
        bool inArray = encoding.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray;
        bool addsPolarities = inArray && (accumulates ? !input.IsUnsigned : input.HasSignedPulses);
        long worst = 0;
        long rows = 0;
        foreach (Block block in layer.Blocks)
        {
            rows = Math.Max(rows, block.Rows);

            // Copies hold the same columns, but may pack groups differently.
            if (block.Copy > 0 && block.Groups == 1)
            {
                continue;
            }

            for (int group = 0; group < block.Groups; group++)
            {
                ColumnSums sums = new(table, block.ColumnCount);
                sums.AddZeros(block.Rows - block.RowCount);
                for (int r = 0; r < block.RowCount; r++)
                {
                    long row = ((long)(block.FirstGroup + group) * layer.Rows) + block.RowStart + r;
                    sums.AddRow(layer.Weights, (int)((row * layer.Columns) + block.ColumnStart));
                }

                sums.Settle();
                for (int i = 0; i < sums.Positive.Length; i++)
                {
                    long sum = sums.Positive[i];
                    if (encoding.IsFlipped(sum, block.Rows))
                    {
                        sum = ((long)block.Rows * encoding.MaxLevel) - sum;
                    }

                    worst = Math.Max(worst, addsPolarities ? sum + sums.Negative[i] : Math.Max(sum, sums.Negative[i]));
                }
            }
        }

        return (encoding.HasUnitColumn ? Math.Max(worst, rows) : worst) * LargestDrive(tile, input);
    }

    /// <param name="Tile">On which the layer was.</param>
    /// <param name="Sum">Its worst column sum.</param>
    private sealed record WorstSum(TileDescription Tile, long Sum);

    /// <summary>The largest magnitude that one conversion sees of an input.</summary>
    private static long LargestDrive(TileDescription tile, InputEncoding input) =>
        tile.Adc.InputSlices == InputSliceConversion.Accumulated ? input.MaxCode : input.MaxPulse;

    /// <summary>What each code brings to the positive and the negative sum of each slice.</summary>
    private sealed class LevelTable
    {
        private readonly int _lowest;
        private readonly int[] _positive;
        private readonly int[] _negative;

        public LevelTable(WeightEncoding encoding, bool inArray)
        {
            Slices = encoding.Slices;
            _lowest = encoding.LowestInCells();
            int codes = encoding.HighestInCells - _lowest + 1;
            (_positive, _negative) = (new int[codes * Slices], new int[codes * Slices]);
            Span<int> digits = stackalloc int[Slices];
            for (int code = _lowest; code <= encoding.HighestInCells; code++)
            {
                encoding.Split(code, digits);
                for (int s = 0; s < Slices; s++)
                {
                    int at = ((code - _lowest) * Slices) + s;
                    (_positive[at], _negative[at]) = inArray ? (Math.Max(digits[s], 0), Math.Max(-digits[s], 0)) : encoding.Levels(digits[s]);
                }
            }

            Largest = Math.Max(_positive.Max(), _negative.Max());
            HasNegative = _negative.AsSpan().ContainsAnyExcept(0);
        }

        public int Slices { get; }

        /// <summary>Of all levels.</summary>
        public int Largest { get; }

        public bool HasNegative { get; }

        public ReadOnlySpan<int> Positive(int code) => _positive.AsSpan((code - _lowest) * Slices, Slices);

        public ReadOnlySpan<int> Negative(int code) => _negative.AsSpan((code - _lowest) * Slices, Slices);
    }

    /// <summary>Sums of levels, columns x slices. Rows are added in 32 bits, as many as fit.</summary>
    private sealed class ColumnSums(LevelTable table, int columns)
    {
        private readonly int[] _positive = new int[columns * table.Slices];
        private readonly int[] _negative = new int[columns * table.Slices];
        private readonly int _mostRows = int.MaxValue / Math.Max(1, table.Largest);
        private int _rows;

        /// <summary>As of the last <see cref="Settle"/>.</summary>
        public long[] Positive { get; } = new long[columns * table.Slices];

        /// <summary>As of the last <see cref="Settle"/>.</summary>
        public long[] Negative { get; } = new long[columns * table.Slices];

        public void AddZeros(int count)
        {
            for (int i = 0; i < Positive.Length; i++)
            {
                Positive[i] += (long)count * table.Positive(0)[i % table.Slices];
                Negative[i] += (long)count * table.Negative(0)[i % table.Slices];
            }
        }

        /// <param name="weights">The codes.</param>
        /// <param name="first">Where the row begins.</param>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void AddRow(WeightSection weights, int first)
        {
            if (_rows == _mostRows)
            {
                Settle();
            }

            _rows++;
            if (weights.Element == WeightElement.Int8)
            {
                ReadOnlySpan<sbyte> codes = weights.Int8.Slice(first, columns);
                for (int c = 0; c < codes.Length; c++)
                {
                    Add(c, codes[c]);
                }
            }
            else
            {
                ReadOnlySpan<short> codes = weights.Int16.Slice(first, columns);
                for (int c = 0; c < codes.Length; c++)
                {
                    Add(c, codes[c]);
                }
            }
        }

        public void Settle()
        {
            for (int i = 0; i < Positive.Length; i++)
            {
                Positive[i] += _positive[i];
                Negative[i] += _negative[i];
            }

            Array.Clear(_positive);
            Array.Clear(_negative);
            _rows = 0;
        }

        private void Add(int column, int code)
        {
            Add(_positive.AsSpan(column * table.Slices, table.Slices), table.Positive(code));
            if (table.HasNegative)
            {
                Add(_negative.AsSpan(column * table.Slices, table.Slices), table.Negative(code));
            }
        }

        private static void Add(Span<int> sums, ReadOnlySpan<int> levels)
        {
            int i = 0;
            for (; i <= levels.Length - Vector128<int>.Count; i += Vector128<int>.Count)
            {
                (Vector128.Create<int>(sums[i..]) + Vector128.Create(levels[i..])).CopyTo(sums[i..]);
            }

            for (; i < levels.Length; i++)
            {
                sums[i] += levels[i];
            }
        }
    }
}

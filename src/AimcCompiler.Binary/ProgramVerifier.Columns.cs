using AimcCompiler.Core;

namespace AimcCompiler.Binary;

public static partial class ProgramVerifier
{
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
        TileDescription tile = program.Chip.Tile;
        var encoding = WeightEncoding.Of(tile);
        if (encoding.IsAnalog)
        {
            throw new ArgumentException("Analog weights have no levels.", nameof(program));
        }

        var input = InputEncoding.Of(tile.Input, layer.InputIsNonNegative);
        bool accumulates = tile.Adc.InputSlices == InputSliceConversion.Accumulated;
        bool inArray = encoding.IsDifferential && tile.Encoding.Subtract == Subtraction.InArray;
        bool addsPolarities = inArray && (accumulates ? !input.IsUnsigned : input.HasSignedPulses);
        var table = new LevelTable(encoding, inArray);
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
                long[] positive = new long[block.ColumnCount * encoding.Slices];
                long[] negative = new long[block.ColumnCount * encoding.Slices];
                table.AddZeros(positive, negative, block.Rows - block.RowCount);
                for (int r = 0; r < block.RowCount; r++)
                {
                    long row = ((long)(block.FirstGroup + group) * layer.Rows) + block.RowStart + r;
                    table.AddRow(positive, negative, layer.Weights, (int)((row * layer.Columns) + block.ColumnStart));
                }

                for (int i = 0; i < positive.Length; i++)
                {
                    long sum = positive[i];
                    if (encoding.IsFlipped(sum, block.Rows))
                    {
                        sum = ((long)block.Rows * encoding.MaxLevel) - sum;
                    }

                    worst = Math.Max(worst, addsPolarities ? sum + negative[i] : Math.Max(sum, negative[i]));
                }
            }
        }

        return (encoding.HasUnitColumn ? Math.Max(worst, rows) : worst) * LargestDrive(tile, input);
    }

    /// <summary>The largest magnitude that one conversion sees of an input.</summary>
    private static long LargestDrive(TileDescription tile, InputEncoding input) =>
        tile.Adc.InputSlices == InputSliceConversion.Accumulated ? input.MaxCode : input.MaxPulse;

    /// <summary>What each code brings to the positive and the negative sum of each slice.</summary>
    private sealed class LevelTable
    {
        private readonly int _lowest;
        private readonly int _slices;
        private readonly (int Positive, int Negative)[] _levels;

        public LevelTable(WeightEncoding encoding, bool inArray)
        {
            _slices = encoding.Slices;
            _lowest = encoding.LowestInCells();
            _levels = new (int, int)[(encoding.HighestInCells - _lowest + 1) * _slices];
            Span<int> digits = stackalloc int[_slices];
            for (int code = _lowest; code <= encoding.HighestInCells; code++)
            {
                encoding.Split(code, digits);
                for (int s = 0; s < _slices; s++)
                {
                    _levels[((code - _lowest) * _slices) + s] =
                        inArray ? (Math.Max(digits[s], 0), Math.Max(-digits[s], 0)) : encoding.Levels(digits[s]);
                }
            }
        }

        public void AddZeros(long[] positive, long[] negative, int count)
        {
            for (int i = 0; i < positive.Length; i++)
            {
                var (p, n) = _levels[(-_lowest * _slices) + (i % _slices)];
                positive[i] += (long)count * p;
                negative[i] += (long)count * n;
            }
        }

        public void AddRow(long[] positive, long[] negative, WeightSection weights, int first)
        {
            int columns = positive.Length / _slices;
            if (weights.Element == WeightElement.Int8)
            {
                ReadOnlySpan<sbyte> codes = weights.Int8.Slice(first, columns);
                for (int c = 0; c < columns; c++)
                {
                    Add(positive, negative, c, codes[c]);
                }
            }
            else
            {
                ReadOnlySpan<short> codes = weights.Int16.Slice(first, columns);
                for (int c = 0; c < columns; c++)
                {
                    Add(positive, negative, c, codes[c]);
                }
            }
        }

        private void Add(long[] positive, long[] negative, int column, int code)
        {
            ReadOnlySpan<(int Positive, int Negative)> levels = _levels.AsSpan((code - _lowest) * _slices, _slices);
            int at = column * _slices;
            foreach (var (p, n) in levels)
            {
                positive[at] += p;
                negative[at] += n;
                at++;
            }
        }
    }
}

using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Ir;
using AimcCompiler.Kernels;

namespace AimcCompiler.Passes;

/// <summary>The quantization of one matrix. It goes over strips of columns, several at a time: of a tensor in a file, no more than these strips are in memory.</summary>
/// <param name="matrix">The weights.</param>
/// <param name="weights">The chip's codes.</param>
/// <param name="lowestCode">Where it is not the opposite of the largest: the lowest code that cells can hold.</param>
internal sealed class Quantization(FloatMatrix matrix, WeightsDescription weights, int? lowestCode)
{
    private const int ColumnsOfStrip = 64;

    /// <summary>So many rows of a strip are transposed at once: a piece of both forms stays in the nearest cache.</summary>
    private const int RowsOfPiece = 64;

    /// <summary>The smallest normal number.</summary>
    private const float SmallestScale = 1.17549435e-38f;

    private readonly int _maxCode = weights.Bits is { } bits ? (1 << (bits - 1)) - 1 : 1;
    private readonly bool _isOneScale = weights.Scale == WeightScale.Matrix;

    /// <summary>One scale for all asks for one step and one multiple.</summary>
    private readonly bool _hasSteps = weights.Bits is not null && !matrix.Steps.IsEmpty && (weights.Scale != WeightScale.Matrix || matrix.Steps.Distinct().ToArray() is [> 0]);

    private readonly float[] _largest = new float[matrix.Groups * matrix.Columns];
    private readonly float[] _scales = new float[matrix.Groups * matrix.Columns];

    /// <summary>Of weights that are integer multiples of a step: the largest and the smallest integer of each column, and the whole number that codes are multiples of; 0 = the column
    /// is rounded.</summary>
    private readonly int[] _highest = new int[matrix.Groups * matrix.Columns];
    private readonly int[] _lowest = new int[matrix.Groups * matrix.Columns];
    private readonly int[] _multiples = new int[matrix.Groups * matrix.Columns];

    /// <summary>Turns a run of weights, each with its scale, into what cells are to hold.</summary>
    private delegate void Conversion<T>(ReadOnlySpan<float> values, ReadOnlySpan<float> scales, Span<T> results);

    public QuantizedMatrix Run()
    {
        int count = checked(matrix.Groups * matrix.Rows * matrix.Columns);
        short[]? codes = weights.Bits is null ? null : new short[count];
        float[]? contents = weights.Bits is null ? new float[count] : null;
        if (_isOneScale)
        {
            ForEachStrip(Measure);
            Array.Fill(_largest, _largest.Max());
            Array.Fill(_highest, _highest.Max());
            Array.Fill(_lowest, _lowest.Min());
            Settle(0, _scales.Length);
            ForEachStrip(Write);
        }
        else
        {
            ForEachStrip(strip =>
            {
                Measure(strip);
                Settle(strip.First, strip.Columns);
                Write(strip);
            });
        }

        return new QuantizedMatrix(matrix.Groups, matrix.Rows, matrix.Columns, _isOneScale ? [_scales[0]] : [.. _scales], codes, contents);

        void Write(Strip strip)
        {
            if (contents is not null)
            {
                WriteAs(strip, contents, static (values, scales, results) => ToContents(values, scales, results));
            }
            else if (_hasSteps)
            {
                WriteMultiples(strip, codes!);
            }
            else
            {
                WriteAs(strip, codes!, ToCodes);
            }
        }
    }

    private void ForEachStrip(Action<Strip> visit)
    {
        int strips = (matrix.Columns + ColumnsOfStrip - 1) / ColumnsOfStrip;
        // The columns of a strip follow each other in a file only where they are what stands side by side.
        float[]? all = matrix.Stored.IsStored && matrix.IsColumnMajor ? null : matrix.Stored.Floats;
        Parallel.For(0, matrix.Groups * strips, i =>
        {
            var (group, strip) = Math.DivRem(i, strips);
            int column = strip * ColumnsOfStrip;
            int columns = Math.Min(ColumnsOfStrip, matrix.Columns - column);
            int first = (group * matrix.Columns) + column;
            int start = matrix.Index(group, 0, column);
            if (all is not null)
            {
                visit(new Strip(group, first, columns, all, start));
                return;
            }

            float[] piece = ArrayPool<float>.Shared.Rent(columns * matrix.Rows);
            matrix.Stored.CopyFloats(start, piece.AsSpan(0, columns * matrix.Rows));
            visit(new Strip(group, first, columns, piece, 0));
            ArrayPool<float>.Shared.Return(piece);
        });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Measure(Strip strip)
    {
        if (matrix.IsColumnMajor)
        {
            for (int n = 0; n < strip.Columns; n++)
            {
                _largest[strip.First + n] = LargestOf(strip.Elements.AsSpan(strip.Start + (n * matrix.Rows), matrix.Rows));
            }
        }
        else
        {
            for (int k = 0; k < matrix.Rows; k++)
            {
                TakeLargest(strip.Elements.AsSpan(strip.Start + (k * matrix.Columns), strip.Columns), _largest.AsSpan(strip.First, strip.Columns));
            }
        }

        for (int n = 0; _hasSteps && n < strip.Columns; n++)
        {
            int column = strip.First + n;
            for (int k = 0; k < matrix.Rows && matrix.Steps[column] > 0; k++)
            {
                int integer = (int)Math.Round(strip.Elements[At(strip, k, n)] / (double)matrix.Steps[column]);
                (_highest[column], _lowest[column]) = (Math.Max(_highest[column], integer), Math.Min(_lowest[column], integer));
            }
        }
    }

    /// <summary>The scales of some columns. Where weights are integer multiples of a step and the chip has codes for them all, each code is the integer times the largest whole number that
    /// fits: nothing is rounded again.</summary>
    private void Settle(int first, int columns)
    {
        int lowest = -(lowestCode ?? -_maxCode);
        for (int c = first; c < first + columns; c++)
        {
            // A column of zeros has any scale. So has one of denormals: below the smallest normal number a quotient would not be exact.
            _scales[c] = _largest[c] < SmallestScale ? 1 : _largest[c];
            if (!_hasSteps)
            {
                continue;
            }

            int above = _maxCode / Math.Max(1, _highest[c]);
            int below = _lowest[c] < 0 ? lowest / -_lowest[c] : above;
            int multiple = Math.Min(above, below);
            if (matrix.Steps[c] > 0 && multiple >= 1 && (_highest[c] > 0 || _lowest[c] < 0))
            {
                _multiples[c] = multiple;
                _scales[c] = (float)(matrix.Steps[c] * (double)_maxCode / multiple);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteAs<T>(Strip strip, T[] results, Conversion<T> convert)
        where T : unmanaged
    {
        int target = (strip.Group * matrix.Rows * matrix.Columns) + strip.First - (strip.Group * matrix.Columns);
        var scales = _scales.AsSpan(strip.First, strip.Columns);
        Span<float> piece = stackalloc float[RowsOfPiece * ColumnsOfStrip];
        for (int row = 0; row < matrix.Rows; row += RowsOfPiece)
        {
            int rows = Math.Min(RowsOfPiece, matrix.Rows - row);
            if (matrix.IsColumnMajor)
            {
                Transposition.Run(strip.Elements.AsSpan(strip.Start + row), matrix.Rows, strip.Columns, rows, piece, ColumnsOfStrip);
            }

            for (int k = 0; k < rows; k++)
            {
                int at = (row + k) * matrix.Columns;
                convert(
                    matrix.IsColumnMajor ? piece.Slice(k * ColumnsOfStrip, strip.Columns) : strip.Elements.AsSpan(strip.Start + at, strip.Columns),
                    scales,
                    results.AsSpan(target + at, strip.Columns));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WriteMultiples(Strip strip, short[] codes)
    {
        int target = (strip.Group * matrix.Rows * matrix.Columns) + strip.First - (strip.Group * matrix.Columns);
        for (int k = 0; k < matrix.Rows; k++)
        {
            for (int n = 0; n < strip.Columns; n++)
            {
                float value = strip.Elements[At(strip, k, n)];
                int column = strip.First + n;
                codes[target + (k * matrix.Columns) + n] = _multiples[column] > 0
                    ? (short)(_multiples[column] * Math.Round(value / (double)matrix.Steps[column]))
                    : (short)Math.Round(value / (double)_scales[column] * _maxCode, MidpointRounding.ToEven);
            }
        }
    }

    private int At(Strip strip, int row, int column) => strip.Start + (matrix.IsColumnMajor ? (column * matrix.Rows) + row : (row * matrix.Columns) + column);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float LargestOf(ReadOnlySpan<float> values)
    {
        var many = Vector<float>.Zero;
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            many = Vector.Max(many, Vector.Abs(new Vector<float>(values[i..])));
        }

        float largest = 0;
        for (int lane = 0; lane < Vector<float>.Count; lane++)
        {
            largest = Math.Max(largest, many[lane]);
        }

        for (; i < values.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(values[i]));
        }

        return largest;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TakeLargest(ReadOnlySpan<float> values, Span<float> largest)
    {
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Max(new Vector<float>(largest[i..]), Vector.Abs(new Vector<float>(values[i..]))).CopyTo(largest[i..]);
        }

        for (; i < values.Length; i++)
        {
            largest[i] = Math.Max(largest[i], Math.Abs(values[i]));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToContents(ReadOnlySpan<float> values, ReadOnlySpan<float> scales, Span<float> contents)
    {
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            (new Vector<float>(values[i..]) / new Vector<float>(scales[i..])).CopyTo(contents[i..]);
        }

        for (; i < values.Length; i++)
        {
            contents[i] = values[i] / scales[i];
        }
    }

    /// <summary>round(value / scale * largest code), ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ToCodes(ReadOnlySpan<float> values, ReadOnlySpan<float> scales, Span<short> codes)
    {
        var maxCode = new Vector<double>(_maxCode);
        int i = 0;
        for (; i <= values.Length - Vector<short>.Count; i += Vector<short>.Count)
        {
            int half = i + Vector<float>.Count;
            Vector.Narrow(
                Rounded(new Vector<float>(values[i..]), new Vector<float>(scales[i..]), maxCode),
                Rounded(new Vector<float>(values[half..]), new Vector<float>(scales[half..]), maxCode)).CopyTo(codes[i..]);
        }

        for (; i < values.Length; i++)
        {
            codes[i] = (short)Math.Round(values[i] / (double)scales[i] * _maxCode, MidpointRounding.ToEven);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<int> Rounded(Vector<float> values, Vector<float> scales, Vector<double> maxCode)
    {
        // 1.5 * 2^52: a sum with it has no place for fractions, and the integer in its lowest bits.
        var integers = new Vector<double>(6755399441055744.0);
        Vector.Widen(values, out var low, out var high);
        Vector.Widen(scales, out var lowScale, out var highScale);
        return Vector.Narrow(
            Vector.AsVectorInt64((low / lowScale * maxCode) + integers),
            Vector.AsVectorInt64((high / highScale * maxCode) + integers));
    }

    /// <param name="Group">Whose columns it has.</param>
    /// <param name="First">Its first column among those of all groups.</param>
    /// <param name="Columns">How many.</param>
    /// <param name="Elements">They are in here,</param>
    /// <param name="Start">from this one on, in the order of the matrix.</param>
    private readonly record struct Strip(int Group, int First, int Columns, float[] Elements, int Start);
}

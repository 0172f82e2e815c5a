using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Variances of a block's columns under the read noise of their cells: variances[m, c] = sum over rows of inputs[m, r]^2 cells[r, c], for whole inputs, with the
/// same bits on every machine. Every cell counts within <see cref="RelativeError"/> of itself, or within <see cref="AbsoluteError"/> of the largest of its column.</summary>
/// <remarks>
/// Cells are rounded to whole multiples of a step of their column. Products are whole numbers of 32 bits, two rows to an instruction; what a word could not hold is added in
/// fp32 every few rows. Columns whose cells are all alike need no product: they take the sum of squares once a vector.
/// Measured on one thread of an AMD EPYC with AVX-512, 12 vectors of 8-bit inputs at a time through 256 x 256 cells: 81 G products a second, where fp32 does 57.
/// </remarks>
public sealed class PackedVariance
{
    /// <summary>How far a cell may be off, as a fraction of itself.</summary>
    public const double RelativeError = 1.0 / 1024;

    /// <summary>How far a cell may be off that is smaller than a sixteenth of the largest of its column, as a fraction of that.</summary>
    public const double AbsoluteError = 1.0 / 16384;

    private const int LargestCell = short.MaxValue;

    /// <summary>Below it a step is not a normal float.</summary>
    private const float LeastVariance = 1e-30f;

    /// <summary>Fewer rows than these between additions in fp32 are slower than a product in fp32.</summary>
    private const int LeastRun = 8;

    private const int LargestRun = 1024;

    /// <summary>Columns that stand together.</summary>
    private const int PanelColumns = 32;

    private readonly int _rows;
    private readonly int _columns;
    private readonly int _pairs;
    private readonly bool _isShifted;

    /// <summary>Pairs of rows that are added as integers.</summary>
    private readonly int _run;

    /// <summary>Panel, pair of rows, column, row of the pair. Empty where all cells of each column are alike.</summary>
    private readonly short[] _cells;

    /// <summary>Where each run's sum begins, by run and column: what makes up for squares that are stored less 2^15.</summary>
    private readonly int[] _starts;

    /// <summary>One step, or the one variance of a column's cells.</summary>
    private readonly float[] _scales;

    private PackedVariance(int rows, int columns, bool isShifted, int run, short[] cells, int[] starts, float[] scales)
    {
        (_rows, _columns, _isShifted) = (rows, columns, isShifted);
        _pairs = (rows + 1) / 2;
        _run = run;
        _cells = cells;
        _starts = starts;
        _scales = scales;
    }

    /// <summary>Words that <see cref="Square"/> takes for a vector: a pair of squares each, and their sum.</summary>
    public int SquaresStride => _pairs + 1;

    private bool IsUniform => _cells.Length == 0;

    private int PaddedColumns => (_columns + PanelColumns - 1) / PanelColumns * PanelColumns;

    /// <summary>Null where the numbers do not fit: inputs of more than 8 bits.</summary>
    /// <param name="variances">Variances of the cells, not negative, row-major.</param>
    /// <param name="rows">Rows, at least 1.</param>
    /// <param name="columns">Columns, at least 1.</param>
    /// <param name="largestInput">The largest magnitude of an input.</param>
    public static PackedVariance? Pack(ReadOnlySpan<float> variances, int rows, int columns, int largestInput)
    {
        Debug.Assert(rows > 0 && columns > 0 && variances.Length == rows * columns && largestInput > 0);
        long square = (long)largestInput * largestInput;
        if (square > ushort.MaxValue || square * rows > int.MaxValue)
        {
            return null;
        }

        float[] least = new float[columns];
        float[] largest = new float[columns];
        bool isUniform = FindExtremes(variances, columns, least, largest);
        if (isUniform)
        {
            return new PackedVariance(rows, columns, isShifted: false, run: 0, [], [], largest);
        }

        double needed = 1;
        for (int c = 0; c < columns; c++)
        {
            if (largest[c] > 0)
            {
                needed = Math.Max(needed, 1 / (2 * Math.Max(RelativeError * least[c] / largest[c], AbsoluteError)));
            }

            if (largest[c] is > 0 and < LeastVariance)
            {
                return null;
            }
        }

        // The longest run of rows, an even number, whose sum a word holds.
        double capacity = uint.MaxValue / (double)square;
        int run = (int)Math.Min(Math.Min(LargestRun, rows + (rows % 2)), capacity / Math.Ceiling(needed)) / 2 * 2;
        if (run < Math.Min(LeastRun, rows))
        {
            return null;
        }

        int steps = (int)Math.Min(LargestCell, capacity / run);
        float[] scales = new float[(columns + PanelColumns - 1) / PanelColumns * PanelColumns];
        for (int c = 0; c < columns; c++)
        {
            scales[c] = largest[c] / steps;
        }

        bool isShifted = square > short.MaxValue;
        var (cells, starts) = Round(variances, rows, columns, scales, run / 2, isShifted);
        return new PackedVariance(rows, columns, isShifted, run / 2, cells, starts, scales);
    }

    /// <summary>Squares of the inputs of each vector, for every <see cref="Multiply"/> of blocks with these rows and this largest input.</summary>
    public void Square(ReadOnlySpan<float> inputs, int inputStride, int vectors, Span<int> squares)
    {
        Mvm.AssertFits(inputs.Length, inputStride, vectors, _rows);
        Debug.Assert(squares.Length >= vectors * SquaresStride);
        int shift = _isShifted ? -short.MinValue : 0;
        for (int m = 0; m < vectors; m++)
        {
            var input = inputs.Slice(m * inputStride, _rows);
            var pairs = squares.Slice(m * SquaresStride, SquaresStride);
            int sum = 0;
            int r = 0;
            if (Lanes8.IsSupported)
            {
                sum = Square256(input, shift, pairs, out r);
            }

            for (; r < _rows; r += 2)
            {
                int first = (int)input[r] * (int)input[r];
                int second = r + 1 < _rows ? (int)input[r + 1] * (int)input[r + 1] : 0;
                sum += first + second;
                pairs[r / 2] = ((first - shift) & 0xffff) | ((second - shift) << 16);
            }

            pairs[^1] = sum;
        }
    }

    /// <summary>Variances of vectors x columns.</summary>
    /// <param name="squares">As <see cref="Square"/> makes them.</param>
    /// <param name="vectors">How many; 12 at once are best.</param>
    /// <param name="variances">The result.</param>
    /// <param name="outputStride">From vector to vector of it.</param>
    public void Multiply(ReadOnlySpan<int> squares, int vectors, Span<float> variances, int outputStride)
    {
        if (Lanes16.IsSupported)
        {
            Multiply<Lanes16>(squares, vectors, variances, outputStride);
        }
        else if (Lanes8.IsSupported)
        {
            Multiply<Lanes8>(squares, vectors, variances, outputStride);
        }
        else
        {
            Multiply<Lanes1>(squares, vectors, variances, outputStride);
        }
    }

    internal void Multiply<TLanes>(ReadOnlySpan<int> squares, int vectors, Span<float> variances, int outputStride)
        where TLanes : struct, ILanes<TLanes>
    {
        Debug.Assert(squares.Length >= vectors * SquaresStride);
        Mvm.AssertFits(variances.Length, outputStride, vectors, _columns);
        if (IsUniform)
        {
            for (int m = 0; m < vectors; m++)
            {
                float sum = squares[((m + 1) * SquaresStride) - 1];
                LaneMap.Run(new Uniform(sum), _scales, _scales, _scales, _scales, variances.Slice(m * outputStride, _columns));
            }

            return;
        }

        for (int panel = 0; panel * PanelColumns < _columns; panel++)
        {
            int count = Math.Min(PanelColumns, _columns - (panel * PanelColumns));
            for (int m = 0; m < vectors;)
            {
                var outputs = variances[((m * outputStride) + (panel * PanelColumns))..];
                m += Panel<TLanes>(squares[(m * SquaresStride)..], vectors - m, panel, count, outputs, outputStride);
            }
        }
    }

    /// <summary>One or several vectors through a panel; returns how many.</summary>
    private int Panel<TLanes>(ReadOnlySpan<int> squares, int vectors, int panel, int columns, Span<float> outputs, int stride)
        where TLanes : struct, ILanes<TLanes>
    {
        if (typeof(TLanes) == typeof(Lanes1))
        {
            for (int c = 0; c < columns; c++)
            {
                outputs[c] = Scalar(squares, (panel * PanelColumns) + c);
            }

            return 1;
        }

        if (columns < PanelColumns)
        {
            Span<float> whole = stackalloc float[PanelColumns];
            Tile<TLanes, One>(squares, panel, whole, 0);
            whole[..columns].CopyTo(outputs);
            return 1;
        }

        switch (vectors)
        {
            case >= 12 when typeof(TLanes) == typeof(Lanes16):
                Tile<TLanes, Twelve>(squares, panel, outputs, stride);
                return 12;
            case >= 4:
                Tile<TLanes, Four>(squares, panel, outputs, stride);
                return 4;
            default:
                Tile<TLanes, One>(squares, panel, outputs, stride);
                return 1;
        }
    }

    private void Tile<TLanes, TCount>(ReadOnlySpan<int> squares, int panel, Span<float> outputs, int stride)
        where TLanes : struct, ILanes<TLanes>
        where TCount : struct, ICount
    {
        if (typeof(TLanes) == typeof(Lanes16))
        {
            Tile512<TCount>(squares, panel, outputs, stride);
        }
        else
        {
            for (int c = 0; c < PanelColumns; c += 16)
            {
                Tile256<TCount>(squares, panel, c, outputs[c..], stride);
            }
        }
    }

    /// <summary>The definition.</summary>
    private float Scalar(ReadOnlySpan<int> squares, int column)
    {
        var cells = _cells.AsSpan(column / PanelColumns * _pairs * 2 * PanelColumns);
        int lane = 2 * (column % PanelColumns);
        float variance = 0;
        int padded = PaddedColumns;
        for (int first = 0, run = 0; first < _pairs; first += _run, run++)
        {
            int sum = _starts[(run * padded) + column];
            for (int p = first; p < Math.Min(first + _run, _pairs); p++)
            {
                int cell = (p * 2 * PanelColumns) + lane;
                sum = unchecked(sum + ((short)squares[p] * cells[cell]) + ((squares[p] >> 16) * cells[cell + 1]));
            }

            variance = MathF.FusedMultiplyAdd((uint)sum, _scales[column], variance);
        }

        return variance;
    }

    /// <summary>A panel of as many vectors as the type says, two registers of columns each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Tile512<TCount>(ReadOnlySpan<int> squares, int panel, Span<float> outputs, int outputStride)
        where TCount : struct, ICount
    {
        nint stride = SquaresStride;
        nint next = outputStride;
        int padded = PaddedColumns;
        int column = panel * PanelColumns;
        ref int square = ref MemoryMarshal.GetReference(squares);
        ref short cell = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_cells), ((nint)panel * _pairs * 2 * PanelColumns));
        ref float output = ref MemoryMarshal.GetReference(outputs);
        var scale0 = Vector512.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_scales), (nuint)column);
        var scale1 = Vector512.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_scales), (nuint)column + 16);
        int run = 0;
        for (int first = 0; first < _pairs; first += _run, run++)
        {
            ref int start = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_starts), (run * padded) + column);
            var a0 = Vector512.LoadUnsafe(ref start);
            var a1 = Vector512.LoadUnsafe(ref start, 16);
            var b0 = a0;
            var b1 = a1;
            var c0 = a0;
            var c1 = a1;
            var d0 = a0;
            var d1 = a1;
            var e0 = a0;
            var e1 = a1;
            var f0 = a0;
            var f1 = a1;
            var g0 = a0;
            var g1 = a1;
            var h0 = a0;
            var h1 = a1;
            var i0 = a0;
            var i1 = a1;
            var j0 = a0;
            var j1 = a1;
            var k0 = a0;
            var k1 = a1;
            var l0 = a0;
            var l1 = a1;
            ref int pair = ref Unsafe.Add(ref square, first);
            ref short cells = ref Unsafe.Add(ref cell, (nint)first * 2 * PanelColumns);
            for (int p = Math.Min(_run, _pairs - first); p > 0; p--)
            {
                var cells0 = Vector512.LoadUnsafe(ref cells);
                var cells1 = Vector512.LoadUnsafe(ref cells, 32);
                cells = ref Unsafe.Add(ref cells, 2 * PanelColumns);
                Add512(pair, cells0, cells1, ref a0, ref a1);
                if (TCount.Vectors > 1)
                {
                    Add512(Unsafe.Add(ref pair, stride), cells0, cells1, ref b0, ref b1);
                    Add512(Unsafe.Add(ref pair, 2 * stride), cells0, cells1, ref c0, ref c1);
                    Add512(Unsafe.Add(ref pair, 3 * stride), cells0, cells1, ref d0, ref d1);
                }

                if (TCount.Vectors > 4)
                {
                    Add512(Unsafe.Add(ref pair, 4 * stride), cells0, cells1, ref e0, ref e1);
                    Add512(Unsafe.Add(ref pair, 5 * stride), cells0, cells1, ref f0, ref f1);
                    Add512(Unsafe.Add(ref pair, 6 * stride), cells0, cells1, ref g0, ref g1);
                    Add512(Unsafe.Add(ref pair, 7 * stride), cells0, cells1, ref h0, ref h1);
                    Add512(Unsafe.Add(ref pair, 8 * stride), cells0, cells1, ref i0, ref i1);
                    Add512(Unsafe.Add(ref pair, 9 * stride), cells0, cells1, ref j0, ref j1);
                    Add512(Unsafe.Add(ref pair, 10 * stride), cells0, cells1, ref k0, ref k1);
                    Add512(Unsafe.Add(ref pair, 11 * stride), cells0, cells1, ref l0, ref l1);
                }

                pair = ref Unsafe.Add(ref pair, 1);
            }

            bool isFirst = first == 0;
            Flush512(a0, a1, scale0, scale1, isFirst, ref output);
            if (TCount.Vectors > 1)
            {
                Flush512(b0, b1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, next));
                Flush512(c0, c1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 2 * next));
                Flush512(d0, d1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 3 * next));
            }

            if (TCount.Vectors > 4)
            {
                Flush512(e0, e1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 4 * next));
                Flush512(f0, f1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 5 * next));
                Flush512(g0, g1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 6 * next));
                Flush512(h0, h1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 7 * next));
                Flush512(i0, i1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 8 * next));
                Flush512(j0, j1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 9 * next));
                Flush512(k0, k1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 10 * next));
                Flush512(l0, l1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 11 * next));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add512(int pair, Vector512<short> cells0, Vector512<short> cells1, ref Vector512<int> sum0, ref Vector512<int> sum1)
    {
        var both = Vector512.Create(pair).AsInt16();
        sum0 += Avx512BW.MultiplyAddAdjacent(cells0, both);
        sum1 += Avx512BW.MultiplyAddAdjacent(cells1, both);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Flush512(Vector512<int> sum0, Vector512<int> sum1, Vector512<float> scale0, Vector512<float> scale1, bool isFirst, ref float output)
    {
        var before0 = isFirst ? Vector512<float>.Zero : Vector512.LoadUnsafe(ref output);
        var before1 = isFirst ? Vector512<float>.Zero : Vector512.LoadUnsafe(ref output, 16);
        Vector512.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(sum0.AsUInt32()), scale0, before0).StoreUnsafe(ref output);
        Vector512.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(sum1.AsUInt32()), scale1, before1).StoreUnsafe(ref output, 16);
    }

    /// <summary>Half a panel of as many vectors as the type says, two registers of columns each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Tile256<TCount>(ReadOnlySpan<int> squares, int panel, int within, Span<float> outputs, int outputStride)
        where TCount : struct, ICount
    {
        nint stride = SquaresStride;
        nint next = outputStride;
        int padded = PaddedColumns;
        int column = (panel * PanelColumns) + within;
        ref int square = ref MemoryMarshal.GetReference(squares);
        ref short cell = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_cells), ((nint)panel * _pairs * 2 * PanelColumns) + (2 * within));
        ref float output = ref MemoryMarshal.GetReference(outputs);
        var scale0 = Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_scales), (nuint)column);
        var scale1 = Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(_scales), (nuint)column + 8);
        int run = 0;
        for (int first = 0; first < _pairs; first += _run, run++)
        {
            ref int start = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_starts), (run * padded) + column);
            var a0 = Vector256.LoadUnsafe(ref start);
            var a1 = Vector256.LoadUnsafe(ref start, 8);
            var b0 = a0;
            var b1 = a1;
            var c0 = a0;
            var c1 = a1;
            var d0 = a0;
            var d1 = a1;
            ref int pair = ref Unsafe.Add(ref square, first);
            ref short cells = ref Unsafe.Add(ref cell, (nint)first * 2 * PanelColumns);
            for (int p = Math.Min(_run, _pairs - first); p > 0; p--)
            {
                var cells0 = Vector256.LoadUnsafe(ref cells);
                var cells1 = Vector256.LoadUnsafe(ref cells, 16);
                cells = ref Unsafe.Add(ref cells, 2 * PanelColumns);
                Add256(pair, cells0, cells1, ref a0, ref a1);
                if (TCount.Vectors > 1)
                {
                    Add256(Unsafe.Add(ref pair, stride), cells0, cells1, ref b0, ref b1);
                    Add256(Unsafe.Add(ref pair, 2 * stride), cells0, cells1, ref c0, ref c1);
                    Add256(Unsafe.Add(ref pair, 3 * stride), cells0, cells1, ref d0, ref d1);
                }

                pair = ref Unsafe.Add(ref pair, 1);
            }

            bool isFirst = first == 0;
            Flush256(a0, a1, scale0, scale1, isFirst, ref output);
            if (TCount.Vectors > 1)
            {
                Flush256(b0, b1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, next));
                Flush256(c0, c1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 2 * next));
                Flush256(d0, d1, scale0, scale1, isFirst, ref Unsafe.Add(ref output, 3 * next));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add256(int pair, Vector256<short> cells0, Vector256<short> cells1, ref Vector256<int> sum0, ref Vector256<int> sum1)
    {
        var both = Vector256.Create(pair).AsInt16();
        sum0 += Avx2.MultiplyAddAdjacent(cells0, both);
        sum1 += Avx2.MultiplyAddAdjacent(cells1, both);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Flush256(Vector256<int> sum0, Vector256<int> sum1, Vector256<float> scale0, Vector256<float> scale1, bool isFirst, ref float output)
    {
        var before0 = isFirst ? Vector256<float>.Zero : Vector256.LoadUnsafe(ref output);
        var before1 = isFirst ? Vector256<float>.Zero : Vector256.LoadUnsafe(ref output, 8);
        Vector256.FusedMultiplyAdd(FloatOfUnsigned(sum0), scale0, before0).StoreUnsafe(ref output);
        Vector256.FusedMultiplyAdd(FloatOfUnsigned(sum1), scale1, before1).StoreUnsafe(ref output, 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> FloatOfUnsigned(Vector256<int> value)
    {
        // by halves because only signed integers convert everywhere; the one rounding is in the addition
        var high = Vector256.ConvertToSingle(value >>> 16);
        var low = Vector256.ConvertToSingle(value & Vector256.Create(0xffff));
        return Vector256.FusedMultiplyAdd(high, Vector256.Create(65536f), low);
    }

    /// <summary>Squares of whole groups of 16 rows, their sum, and the row where it stopped.</summary>
    private static int Square256(ReadOnlySpan<float> input, int shift, Span<int> pairs, out int row)
    {
        var shifts = Vector256.Create(shift);
        var sum = Vector256<int>.Zero;
        ref float first = ref MemoryMarshal.GetReference(input);
        ref int target = ref MemoryMarshal.GetReference(pairs);
        for (row = 0; row <= input.Length - 16; row += 16)
        {
            var low = Avx.ConvertToVector256Int32WithTruncation(Vector256.LoadUnsafe(ref first, (nuint)row));
            var high = Avx.ConvertToVector256Int32WithTruncation(Vector256.LoadUnsafe(ref first, (nuint)row + 8));
            low *= low;
            high *= high;
            sum += low + high;

            // Narrowing keeps the order; what does not fit 16 bits unsigned does not occur.
            Vector256.Narrow(low - shifts, high - shifts).AsInt32().StoreUnsafe(ref target, (nuint)row / 2);
        }

        return Vector256.Sum(sum);
    }

    /// <summary>The least positive and the largest of each column; whether all cells of each are alike.</summary>
    private static bool FindExtremes(ReadOnlySpan<float> variances, int columns, Span<float> least, Span<float> largest)
    {
        bool isUniform = true;
        least.Fill(float.PositiveInfinity);
        var first = variances[..columns];
        for (int at = 0; at < variances.Length; at += columns)
        {
            var row = variances.Slice(at, columns);
            isUniform = isUniform && row.SequenceEqual(first);
            LaneMap.Run(default(LeastPositive), row, least, row, row, least);
            LaneMap.Run(default(Largest), row, largest, row, row, largest);
        }

        return isUniform;
    }

    private static (short[] Cells, int[] Starts) Round(
        ReadOnlySpan<float> variances, int rows, int columns, ReadOnlySpan<float> scales, int run, bool isShifted)
    {
        int pairs = (rows + 1) / 2;
        int panels = (columns + PanelColumns - 1) / PanelColumns;
        short[] cells = new short[panels * pairs * 2 * PanelColumns];
        int[] starts = new int[(pairs + run - 1) / run * panels * PanelColumns];
        float[] steps = new float[columns];
        float[] inverse = new float[columns];
        for (int c = 0; c < columns; c++)
        {
            inverse[c] = scales[c] > 0 ? 1 / scales[c] : 0;
        }

        for (int r = 0; r < rows; r++)
        {
            LaneMap.Run(default(Steps), variances.Slice(r * columns, columns), inverse, inverse, inverse, steps);
            var start = starts.AsSpan(r / 2 / run * panels * PanelColumns);
            for (int c = 0; c < columns; c++)
            {
                short value = (short)steps[c];
                cells[((((c / PanelColumns * pairs) + (r / 2)) * PanelColumns) + (c % PanelColumns)) * 2 + (r % 2)] = value;
                start[c] = unchecked(start[c] + (isShifted ? value << 15 : 0));
            }
        }

        return (cells, starts);
    }

    private readonly struct Uniform(float sum) : ILaneKernel
    {
        private readonly float _sum = sum;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => a * TLanes.Broadcast(_sum);
    }

    private readonly struct LeastPositive : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.IfLess(TLanes.Broadcast(0), a, TLanes.Min(a, b), b);
    }

    private readonly struct Largest : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Max(a, b);
    }

    private readonly struct Steps : ILaneKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Round(a * b);
    }

    /// <summary>A number known when a method is compiled.</summary>
    private interface ICount
    {
        static abstract int Vectors { get; }
    }

    private readonly struct One : ICount
    {
        public static int Vectors => 1;
    }

    private readonly struct Four : ICount
    {
        public static int Vectors => 4;
    }

    private readonly struct Twelve : ICount
    {
        public static int Vectors => 12;
    }
}

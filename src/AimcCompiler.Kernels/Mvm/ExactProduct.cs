using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>Integer matrices that vectors of integers are multiplied with, packed once: sums[m, c] = sum over rows of inputs[m, r] weights[r, c], exactly.</summary>
/// <remarks>Products are those of int16 pairs, added in int32 over as many rows as cannot leave it, and then in double. What does not fit is split into two parts,
/// x = 256 high + low with low in -128 .. 127: inputs beyond int16, and weights where fewer than <see cref="FewestRows"/> products would fill an int32; so 8 x 8 bits are one
/// product, 16 x 16 bits two. Unsigned inputs of 16 bits lose 2^15, which each column's sum of weights brings back.
/// Measured on one thread of an AMD EPYC (AVX-512, no AVX-VNNI), 128 vectors through 1024 x 1024, over ONNX Runtime's fp32 MatMul: 0.7 for 8 x 8 bits, 1.4 for 16 x 16; with 8
/// lanes 0.8 and 1.6.</remarks>
public sealed class ExactProduct
{
    /// <summary>Vectors of a register tile.</summary>
    private const int TileVectors = 6;

    /// <summary>Rows of a panel: two registers of columns stay in the nearest cache.</summary>
    private const int MostRows = 256;

    private const int FewestRows = 128;

    /// <summary>Both parts of an input are int16.</summary>
    private const int LargestPartedInput = 1 << 22;

    private readonly int _groups;
    private readonly int _rows;
    private readonly int _columns;
    private readonly int _lanes;

    /// <summary>A multiple of two: int16 pairs.</summary>
    private readonly int _packedRows;

    /// <summary>A multiple of the lanes.</summary>
    private readonly int _packedColumns;
    private readonly int _inputParts;

    /// <summary>What every input is less, packed.</summary>
    private readonly int _shift;

    /// <summary>What the shift took from each column.</summary>
    private readonly double[] _taken;

    /// <summary>Rows whose sum stays in int32.</summary>
    private readonly int _chunk;

    /// <summary>By part of the weights: group, chunk of rows, panel of two registers of columns (the last may be one), pair of rows, column, row of the pair.</summary>
    private readonly short[][] _weights;

    private ExactProduct(ReadOnlySpan<short> weights, int groups, int rows, int columns, int leastInput, int largestInput, int lanes)
    {
        if (largestInput > LargestPartedInput || (long)rows * largestInput >= (1L << 53) / -short.MinValue)
        {
            throw new ArgumentException($"{rows} rows of inputs up to {largestInput} are too much for exact sums", nameof(largestInput));
        }

        (_groups, _rows, _columns, _lanes) = (groups, rows, columns, lanes);
        (LeastInput, LargestInput) = (leastInput, largestInput);
        _packedRows = (rows + 1) & ~1;
        _packedColumns = (columns + lanes - 1) / lanes * lanes;
        long largestWeight = 1;
        foreach (short weight in weights)
        {
            largestWeight = Math.Max(largestWeight, Math.Abs((int)weight));
        }

        _shift = leastInput >= 0 && largestInput is > short.MaxValue and <= ushort.MaxValue ? -short.MinValue : 0;
        _taken = _shift == 0 ? [] : Taken(weights);
        _inputParts = _shift > 0 || largestInput <= short.MaxValue ? 1 : 2;
        long input = _shift > 0 ? _shift : _inputParts == 1 ? Math.Max(largestInput, 1) : LargestPart(largestInput);
        int parts = int.MaxValue / (input * largestWeight) >= FewestRows ? 1 : 2;
        _chunk = (int)Math.Min(MostRows, int.MaxValue / (input * (parts == 1 ? largestWeight : LargestPart(largestWeight)))) & ~1;
        _weights = [.. Enumerable.Range(0, parts).Select(_ => new short[(long)groups * _packedRows * _packedColumns])];
        for (int part = 0; part < parts; part++)
        {
            Pack(weights, part);
        }
    }

    /// <param name="weights">Groups x rows x columns.</param>
    /// <param name="groups">Matrices.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="columns">Columns of each.</param>
    /// <param name="leastInput">The least input: 0, or -largestInput.</param>
    /// <param name="largestInput">The largest.</param>
    /// <exception cref="ArgumentException">Sums could reach 2^53, or inputs are beyond 2^22.</exception>
    public static ExactProduct Pack(ReadOnlySpan<short> weights, int groups, int rows, int columns, int leastInput, int largestInput) => new(
        weights, groups, rows, columns, leastInput, largestInput, PairLanes16.IsSupported ? PairLanes16.Count : PairLanes8.IsSupported ? PairLanes8.Count : PairLanes1.Count);

    internal static ExactProduct PackFor<TLanes>(ReadOnlySpan<short> weights, int groups, int rows, int columns, int leastInput, int largestInput)
        where TLanes : struct, IPairLanes<TLanes> => new(weights, groups, rows, columns, leastInput, largestInput, TLanes.Count);

    public int LeastInput { get; }

    public int LargestInput { get; }

    /// <summary>How much scratch a run of vectors needs.</summary>
    public int Scratch(int vectors) => vectors * _packedRows * _inputParts;

    /// <summary>All groups' products.</summary>
    /// <param name="inputs">Integers; a vector's groups one after the other.</param>
    /// <param name="stride">From vector to vector.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="sums">A vector's groups one after the other.</param>
    /// <param name="sumStride">From vector to vector.</param>
    /// <param name="scratch"><see cref="Scratch"/> of them, of any content.</param>
    public void Multiply(ReadOnlySpan<float> inputs, int stride, int vectors, Span<double> sums, int sumStride, Span<short> scratch)
    {
        for (int m = 0; m < vectors; m++)
        {
            var sum = sums.Slice(m * sumStride, _groups * _columns);
            if (_shift == 0)
            {
                sum.Clear();
            }
            else
            {
                _taken.CopyTo(sum);
            }
        }

        for (int group = 0; group < _groups && vectors > 0; group++)
        {
            PackInputs(inputs[(group * _rows)..], stride, vectors, scratch);
            var target = sums[(group * _columns)..];
            for (int first = 0; first < _packedRows; first += _chunk)
            {
                int count = Math.Min(_chunk, _packedRows - first);
                for (int part = 0; part < _weights.Length; part++)
                {
                    ReadOnlySpan<short> weights = _weights[part].AsSpan(((group * _packedRows) + first) * _packedColumns, count * _packedColumns);
                    for (int inputPart = 0; inputPart < _inputParts; inputPart++)
                    {
                        var packed = scratch.Slice(((inputPart * _packedRows) + first) * vectors, count * vectors);
                        double factor = 1L << (8 * (part + inputPart));
                        Multiply(packed, vectors, weights, count, factor, target, sumStride);
                    }
                }
            }
        }
    }

    private void Multiply(ReadOnlySpan<short> inputs, int vectors, ReadOnlySpan<short> weights, int rows, double factor, Span<double> sums, int sumStride)
    {
        if (_lanes == PairLanes16.Count)
        {
            Multiply<PairLanes16>(inputs, vectors, weights, rows, factor, sums, sumStride);
        }
        else if (_lanes == PairLanes8.Count)
        {
            Multiply<PairLanes8>(inputs, vectors, weights, rows, factor, sums, sumStride);
        }
        else
        {
            Multiply<PairLanes1>(inputs, vectors, weights, rows, factor, sums, sumStride);
        }
    }

    private double[] Taken(ReadOnlySpan<short> weights)
    {
        double[] taken = new double[_groups * _columns];
        for (int i = 0; i < weights.Length; i++)
        {
            taken[(i / (_rows * _columns) * _columns) + (i % _columns)] += (double)_shift * weights[i];
        }

        return taken;
    }

    private static long LargestPart(long largest) => Math.Max(128, (largest + 128) >> 8);

    /// <summary>Part 0 of two is the low one; of one, the whole.</summary>
    private static int Part(int value, int part, int parts) => parts == 1 ? value : part == 0 ? (sbyte)value : (value - (sbyte)value) >> 8;

    private void Pack(ReadOnlySpan<short> weights, int part)
    {
        short[] packed = _weights[part];
        int width = 2 * _lanes;
        nint at = 0;
        for (int group = 0; group < _groups; group++)
        {
            for (int first = 0; first < _packedRows; first += _chunk)
            {
                int rows = Math.Min(_chunk, _packedRows - first);
                for (int column = 0; column < _packedColumns; column += width)
                {
                    int columns = Math.Min(width, _packedColumns - column);
                    for (int r = first; r < first + rows; r += 2)
                    {
                        for (int c = column; c < column + columns; c++)
                        {
                            for (int half = 0; half < 2; half++, at++)
                            {
                                if (c < _columns && r + half < _rows)
                                {
                                    packed[at] = (short)Part(weights[(((group * _rows) + r + half) * _columns) + c], part, _weights.Length);
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// <summary>By part of the inputs: chunk of rows, vector, row.</summary>
    private void PackInputs(ReadOnlySpan<float> inputs, int stride, int vectors, Span<short> packed)
    {
        for (int part = 0; part < _inputParts; part++)
        {
            for (int first = 0; first < _packedRows; first += _chunk)
            {
                int count = Math.Min(_chunk, _packedRows - first);
                int filled = Math.Min(count, _rows - first);
                var chunk = packed.Slice(((part * _packedRows) + first) * vectors, count * vectors);
                for (int m = 0; m < vectors; m++)
                {
                    PackInputs(inputs.Slice((m * stride) + first, filled), part, chunk.Slice(m * count, count));
                }
            }
        }
    }

    private void PackInputs(ReadOnlySpan<float> inputs, int part, Span<short> packed)
    {
        int lanes = Vector<int>.Count;
        Vector<int> shift = new(_shift);
        int r = 0;
        for (; r <= inputs.Length - (2 * lanes); r += 2 * lanes)
        {
            var low = Vector.ConvertToInt32(new Vector<float>(inputs[r..])) - shift;
            var high = Vector.ConvertToInt32(new Vector<float>(inputs[(r + lanes)..])) - shift;
            if (_inputParts == 2)
            {
                (low, high) = (HalfOf(low, part), HalfOf(high, part));
            }

            Vector.Narrow(low, high).CopyTo(packed[r..]);
        }

        for (; r < packed.Length; r++)
        {
            packed[r] = r < inputs.Length ? (short)Part((int)inputs[r] - _shift, part, _inputParts) : (short)0;
        }

        static Vector<int> HalfOf(Vector<int> value, int part)
        {
            var low = Vector.ShiftRightArithmetic(Vector.ShiftLeft(value, 24), 24);
            return part == 0 ? low : Vector.ShiftRightArithmetic(value - low, 8);
        }
    }

    [SkipLocalsInit]
    private void Multiply<TLanes>(ReadOnlySpan<short> inputs, int vectors, ReadOnlySpan<short> weights, int rows, double factor, Span<double> sums, int sumStride)
        where TLanes : struct, IPairLanes<TLanes>
    {
        Span<int> tile = stackalloc int[TileVectors * 2 * TLanes.Count];
        ref short input = ref MemoryMarshal.GetReference(inputs);
        ref int sum = ref MemoryMarshal.GetReference(tile);
        int width = 2 * TLanes.Count;
        for (int column = 0; column < _columns; column += width)
        {
            int registers = Math.Min(2, (_packedColumns - column) / TLanes.Count);
            int columns = Math.Min(width, _columns - column);
            ref short panel = ref Unsafe.Add(ref MemoryMarshal.GetReference(weights), (nint)column * rows);
            int m = 0;
            while (m < vectors)
            {
                ref short vector = ref Unsafe.Add(ref input, (nint)m * rows);
                int count = Math.Min(TileVectors, vectors - m);
                if (registers == 2 && count >= TileVectors / 2)
                {
                    Tile6x2<TLanes>(ref vector, rows, count - 1, ref panel, rows / 2, ref sum);
                }
                else if (registers == 2)
                {
                    count = 1;
                    Tile1x2<TLanes>(ref vector, ref panel, rows / 2, ref sum);
                }
                else
                {
                    Tile6x1<TLanes>(ref vector, rows, count - 1, ref panel, rows / 2, ref sum);
                }

                for (int i = 0; i < count; i++)
                {
                    Add(tile.Slice(i * width, columns), factor, sums.Slice(((m + i) * sumStride) + column, columns));
                }

                m += count;
            }
        }
    }

    /// <summary>sums += factor tile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(ReadOnlySpan<int> tile, double factor, Span<double> sums)
    {
        int lanes = Vector<int>.Count;
        Vector<double> scale = new(factor);
        int c = 0;
        for (; c <= sums.Length - lanes; c += lanes)
        {
            Vector.Widen(new Vector<int>(tile[c..]), out var low, out var high);
            (new Vector<double>(sums[c..]) + (scale * Vector.ConvertToDouble(low))).CopyTo(sums[c..]);
            (new Vector<double>(sums[(c + (lanes / 2))..]) + (scale * Vector.ConvertToDouble(high))).CopyTo(sums[(c + (lanes / 2))..]);
        }

        for (; c < sums.Length; c++)
        {
            sums[c] += factor * tile[c];
        }
    }

    /// <summary>Vectors 0 .. last (at most 5) through two registers of columns; missing vectors repeat the last one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x2<TLanes>(ref short input, nint stride, nint last, ref short weight, int pairs, ref int sum)
        where TLanes : struct, IPairLanes<TLanes>
    {
        ref short in1 = ref Unsafe.Add(ref input, Math.Min(1, last) * stride);
        ref short in2 = ref Unsafe.Add(ref input, Math.Min(2, last) * stride);
        ref short in3 = ref Unsafe.Add(ref input, Math.Min(3, last) * stride);
        ref short in4 = ref Unsafe.Add(ref input, Math.Min(4, last) * stride);
        ref short in5 = ref Unsafe.Add(ref input, Math.Min(5, last) * stride);
        TLanes a00 = default, a01 = default, a10 = default, a11 = default, a20 = default, a21 = default;
        TLanes a30 = default, a31 = default, a40 = default, a41 = default, a50 = default, a51 = default;
        for (nint p = 0; p < 2 * (nint)pairs; p += 2)
        {
            var w0 = TLanes.Load(ref weight);
            var w1 = TLanes.Load(ref Unsafe.Add(ref weight, 2 * TLanes.Count));
            var x = TLanes.Broadcast(ref Unsafe.Add(ref input, p));
            a00 = TLanes.MultiplyAdd(a00, x, w0);
            a01 = TLanes.MultiplyAdd(a01, x, w1);
            x = TLanes.Broadcast(ref Unsafe.Add(ref in1, p));
            a10 = TLanes.MultiplyAdd(a10, x, w0);
            a11 = TLanes.MultiplyAdd(a11, x, w1);
            x = TLanes.Broadcast(ref Unsafe.Add(ref in2, p));
            a20 = TLanes.MultiplyAdd(a20, x, w0);
            a21 = TLanes.MultiplyAdd(a21, x, w1);
            x = TLanes.Broadcast(ref Unsafe.Add(ref in3, p));
            a30 = TLanes.MultiplyAdd(a30, x, w0);
            a31 = TLanes.MultiplyAdd(a31, x, w1);
            x = TLanes.Broadcast(ref Unsafe.Add(ref in4, p));
            a40 = TLanes.MultiplyAdd(a40, x, w0);
            a41 = TLanes.MultiplyAdd(a41, x, w1);
            x = TLanes.Broadcast(ref Unsafe.Add(ref in5, p));
            a50 = TLanes.MultiplyAdd(a50, x, w0);
            a51 = TLanes.MultiplyAdd(a51, x, w1);
            weight = ref Unsafe.Add(ref weight, 4 * TLanes.Count);
        }

        Store2(a00, a01, ref sum);
        Store2(a10, a11, ref Unsafe.Add(ref sum, 2 * TLanes.Count));
        Store2(a20, a21, ref Unsafe.Add(ref sum, 4 * TLanes.Count));
        Store2(a30, a31, ref Unsafe.Add(ref sum, 6 * TLanes.Count));
        Store2(a40, a41, ref Unsafe.Add(ref sum, 8 * TLanes.Count));
        Store2(a50, a51, ref Unsafe.Add(ref sum, 10 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2<TLanes>(TLanes first, TLanes second, ref int sum)
        where TLanes : struct, IPairLanes<TLanes>
    {
        TLanes.Store(first, ref sum);
        TLanes.Store(second, ref Unsafe.Add(ref sum, TLanes.Count));
    }

    /// <summary>The same through one register of columns; results lie as those of two.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile6x1<TLanes>(ref short input, nint stride, nint last, ref short weight, int pairs, ref int sum)
        where TLanes : struct, IPairLanes<TLanes>
    {
        ref short in1 = ref Unsafe.Add(ref input, Math.Min(1, last) * stride);
        ref short in2 = ref Unsafe.Add(ref input, Math.Min(2, last) * stride);
        ref short in3 = ref Unsafe.Add(ref input, Math.Min(3, last) * stride);
        ref short in4 = ref Unsafe.Add(ref input, Math.Min(4, last) * stride);
        ref short in5 = ref Unsafe.Add(ref input, Math.Min(5, last) * stride);
        TLanes a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
        for (nint p = 0; p < 2 * (nint)pairs; p += 2)
        {
            var w = TLanes.Load(ref weight);
            a0 = TLanes.MultiplyAdd(a0, TLanes.Broadcast(ref Unsafe.Add(ref input, p)), w);
            a1 = TLanes.MultiplyAdd(a1, TLanes.Broadcast(ref Unsafe.Add(ref in1, p)), w);
            a2 = TLanes.MultiplyAdd(a2, TLanes.Broadcast(ref Unsafe.Add(ref in2, p)), w);
            a3 = TLanes.MultiplyAdd(a3, TLanes.Broadcast(ref Unsafe.Add(ref in3, p)), w);
            a4 = TLanes.MultiplyAdd(a4, TLanes.Broadcast(ref Unsafe.Add(ref in4, p)), w);
            a5 = TLanes.MultiplyAdd(a5, TLanes.Broadcast(ref Unsafe.Add(ref in5, p)), w);
            weight = ref Unsafe.Add(ref weight, 2 * TLanes.Count);
        }

        TLanes.Store(a0, ref sum);
        TLanes.Store(a1, ref Unsafe.Add(ref sum, 2 * TLanes.Count));
        TLanes.Store(a2, ref Unsafe.Add(ref sum, 4 * TLanes.Count));
        TLanes.Store(a3, ref Unsafe.Add(ref sum, 6 * TLanes.Count));
        TLanes.Store(a4, ref Unsafe.Add(ref sum, 8 * TLanes.Count));
        TLanes.Store(a5, ref Unsafe.Add(ref sum, 10 * TLanes.Count));
    }

    /// <summary>One vector through two registers of columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile1x2<TLanes>(ref short input, ref short weight, int pairs, ref int sum)
        where TLanes : struct, IPairLanes<TLanes>
    {
        TLanes a0 = default, a1 = default;
        for (nint p = 0; p < 2 * (nint)pairs; p += 2)
        {
            var x = TLanes.Broadcast(ref Unsafe.Add(ref input, p));
            a0 = TLanes.MultiplyAdd(a0, x, TLanes.Load(ref weight));
            a1 = TLanes.MultiplyAdd(a1, x, TLanes.Load(ref Unsafe.Add(ref weight, 2 * TLanes.Count)));
            weight = ref Unsafe.Add(ref weight, 4 * TLanes.Count);
        }

        Store2(a0, a1, ref sum);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Pulses through cells at whole levels, conversion and shift-add: for each pulse p, column c and vector m
/// sums[m, c] += weight[p] code(sum over rows of pulse[p, m, r] level[r, c]).</summary>
/// <remarks>A lane is a vector. One byte shuffle looks up what a group of rows adds to a column for all vectors of a register: with 1-bit pulses 4 rows x 64 vectors =
/// 256 products an instruction. Bytes are added until they could overflow, then widened to int16.</remarks>
public static class LevelMvm
{
    private const int Panel = LevelColumns.PanelColumns;

    /// <summary>Floats of sums that a run needs.</summary>
    public static int SumsLength(PulsePlanes planes, LevelColumns columns)
    {
        ArgumentNullException.ThrowIfNull(planes);
        ArgumentNullException.ThrowIfNull(columns);
        return planes.PackedVectors * columns.Panels * Panel;
    }

    /// <summary>Adds to sums, which are exact as long as no magnitude passes 2^24.</summary>
    /// <param name="planes">Pulses of vectors of as many rows as the columns have.</param>
    /// <param name="columns">The cells.</param>
    /// <param name="converter">The ADC.</param>
    /// <param name="weights">What each pulse counts; whole numbers.</param>
    /// <param name="sums">In an order that only <see cref="Take"/> knows.</param>
    /// <param name="clipped">Conversions that clipped, added for each packed vector.</param>
    public static void Add(PulsePlanes planes, LevelColumns columns, in CountConverter converter, ReadOnlySpan<float> weights, Span<float> sums, Span<int> clipped)
    {
        ArgumentNullException.ThrowIfNull(planes);
        if (planes.Lanes == LevelLanes64.Count)
        {
            Add<LevelLanes64>(planes, columns, converter, weights, sums, clipped);
        }
        else if (planes.Lanes == LevelLanes32.Count)
        {
            Add<LevelLanes32>(planes, columns, converter, weights, sums, clipped);
        }
        else
        {
            Add<LevelLanes1>(planes, columns, converter, weights, sums, clipped);
        }
    }

    /// <summary>Adds the sums to results: results[m, c] += factor[c] sums[m, c].</summary>
    /// <param name="planes">What the sums were made from.</param>
    /// <param name="columns">Likewise.</param>
    /// <param name="sums">The sums.</param>
    /// <param name="factors">One a column.</param>
    /// <param name="vectors">How many of the packed vectors.</param>
    /// <param name="results">Row-major.</param>
    /// <param name="stride">From vector to vector.</param>
    public static void Take(PulsePlanes planes, LevelColumns columns, ReadOnlySpan<float> sums, ReadOnlySpan<double> factors, int vectors, Span<double> results, int stride)
    {
        ArgumentNullException.ThrowIfNull(planes);
        ArgumentNullException.ThrowIfNull(columns);
        int lanes = planes.Lanes;
        for (int first = 0; first < vectors; first += lanes)
        {
            int count = Math.Min(lanes, vectors - first);
            var block = sums.Slice(first / lanes * columns.Panels * Panel * lanes, columns.Columns * lanes);
            var target = results.Slice(first * stride, ((count - 1) * stride) + columns.Columns);
            int m = 0;
            for (; Avx.IsSupported && m <= count - 8; m += 8)
            {
                int c = 0;
                for (; c <= columns.Columns - 8; c += 8)
                {
                    TakeSquare(ref Unsafe.AsRef(in block[(c * lanes) + m]), lanes, in factors[c], ref target[(m * stride) + c], stride);
                }

                for (; c < columns.Columns; c++)
                {
                    for (int i = m; i < m + 8; i++)
                    {
                        target[(i * stride) + c] += factors[c] * block[(c * lanes) + i];
                    }
                }
            }

            for (; m < count; m++)
            {
                for (int c = 0; c < columns.Columns; c++)
                {
                    target[(m * stride) + c] += factors[c] * block[(c * lanes) + m];
                }
            }
        }
    }

    /// <summary>The same of 8 vectors x 8 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeSquare(ref float sums, int lanes, ref readonly double factors, ref double results, int stride)
    {
        var low = Vector256.LoadUnsafe(in factors);
        var high = Vector256.LoadUnsafe(in factors, 4);
        var (a0, a1) = Interleave(ref sums, lanes, 0);
        var (a2, a3) = Interleave(ref sums, lanes, 2);
        var (a4, a5) = Interleave(ref sums, lanes, 4);
        var (a6, a7) = Interleave(ref sums, lanes, 6);
        Turned4(a0, a2, a4, a6, 0, ref results);
        Turned4(a1, a3, a5, a7, 2, ref results);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Turned4(Vector256<float> c01, Vector256<float> c23, Vector256<float> c45, Vector256<float> c67, int vector, ref double results)
        {
            var even0 = Avx.Shuffle(c01, c23, 0x44);
            var even1 = Avx.Shuffle(c45, c67, 0x44);
            var odd0 = Avx.Shuffle(c01, c23, 0xEE);
            var odd1 = Avx.Shuffle(c45, c67, 0xEE);
            Add(even0.GetLower(), even1.GetLower(), ref Unsafe.Add(ref results, (nint)vector * stride));
            Add(odd0.GetLower(), odd1.GetLower(), ref Unsafe.Add(ref results, (nint)(vector + 1) * stride));
            Add(even0.GetUpper(), even1.GetUpper(), ref Unsafe.Add(ref results, (nint)(vector + 4) * stride));
            Add(odd0.GetUpper(), odd1.GetUpper(), ref Unsafe.Add(ref results, (nint)(vector + 5) * stride));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Add(Vector128<float> first, Vector128<float> second, ref double result)
        {
            (Vector256.LoadUnsafe(ref result) + (low * Avx.ConvertToVector256Double(first))).StoreUnsafe(ref result);
            (Vector256.LoadUnsafe(ref result, 4) + (high * Avx.ConvertToVector256Double(second))).StoreUnsafe(ref result, 4);
        }
    }

    /// <summary>Blocks of planes: their sums fit one buffer of <see cref="CurrentsLength"/>.</summary>
    public static int Blocks(PulsePlanes planes)
    {
        ArgumentNullException.ThrowIfNull(planes);
        return ((planes.VectorBlocks * planes.Pulses) + planes.BlockPlanes - 1) / planes.BlockPlanes;
    }

    /// <summary>Floats that the sums of a block of planes need.</summary>
    public static int CurrentsLength(PulsePlanes planes, LevelColumns columns)
    {
        ArgumentNullException.ThrowIfNull(planes);
        ArgumentNullException.ThrowIfNull(columns);
        return planes.BlockPlanes * columns.Panels * Panel * planes.Lanes;
    }

    /// <summary>The column sums of a block of planes, before any conversion.</summary>
    /// <param name="planes">Pulses.</param>
    /// <param name="columns">Cells.</param>
    /// <param name="block">Which planes.</param>
    /// <param name="currents">In an order that only <see cref="TakeCurrents"/> knows.</param>
    public static void FindCurrents(PulsePlanes planes, LevelColumns columns, int block, Span<float> currents)
    {
        ArgumentNullException.ThrowIfNull(planes);
        if (planes.Lanes == LevelLanes64.Count)
        {
            FindCurrents<LevelLanes64>(planes, columns, block, currents);
        }
        else if (planes.Lanes == LevelLanes32.Count)
        {
            FindCurrents<LevelLanes32>(planes, columns, block, currents);
        }
        else
        {
            FindCurrents<LevelLanes1>(planes, columns, block, currents);
        }
    }

    [SkipLocalsInit]
    private static void FindCurrents<TLanes>(PulsePlanes planes, LevelColumns columns, int block, Span<float> currents)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        Span<short> counts = stackalloc short[4 * Panel * TLanes.Count];
        currents[..CurrentsLength(planes, columns)].Clear();
        var converter = CountConverter.None;
        for (int panel = 0; panel < columns.Panels; panel++)
        {
            Count<TLanes>(planes, block, columns, panel, counts);
            for (int plane = 0; plane < planes.BlockPlanes; plane++)
            {
                for (int c = 0; c < Panel; c++)
                {
                    TLanes.Convert(
                        in counts[((plane * Panel) + c) * TLanes.Count], in converter, 1, ref currents[((((plane * columns.Panels) + panel) * Panel) + c) * TLanes.Count]);
                }
            }
        }
    }

    /// <summary>Sums of a few vectors of a plane, row-major.</summary>
    /// <param name="planes">Pulses.</param>
    /// <param name="columns">Cells.</param>
    /// <param name="currents">Of the plane's block.</param>
    /// <param name="plane">Of the block.</param>
    /// <param name="lane">The first vector, of the plane's.</param>
    /// <param name="vectors">How many.</param>
    /// <param name="rows">Vectors x columns.</param>
    public static void TakeCurrents(PulsePlanes planes, LevelColumns columns, ReadOnlySpan<float> currents, int plane, int lane, int vectors, Span<float> rows)
    {
        ArgumentNullException.ThrowIfNull(planes);
        ArgumentNullException.ThrowIfNull(columns);
        int lanes = planes.Lanes;
        var sums = currents.Slice(plane * columns.Panels * Panel * lanes, columns.Columns * lanes);
        int c = 0;
        for (; Avx.IsSupported && vectors == 8 && c <= columns.Columns - 8; c += 8)
        {
            Turn(ref Unsafe.AsRef(in sums[(c * lanes) + lane]), lanes, ref rows[c], columns.Columns);
        }

        for (; c < columns.Columns; c++)
        {
            for (int m = 0; m < vectors; m++)
            {
                rows[(m * columns.Columns) + c] = sums[(c * lanes) + lane + m];
            }
        }
    }

    /// <summary>8 x 8 floats, turned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(ref float source, int stride, ref float target, int targetStride)
    {
        var (a0, a1) = Interleave(ref source, stride, 0);
        var (a2, a3) = Interleave(ref source, stride, 2);
        var (a4, a5) = Interleave(ref source, stride, 4);
        var (a6, a7) = Interleave(ref source, stride, 6);
        Store(a0, a2, a4, a6, 0, ref target, targetStride);
        Store(a1, a3, a5, a7, 2, ref target, targetStride);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Store(Vector256<float> c01, Vector256<float> c23, Vector256<float> c45, Vector256<float> c67, int vector, ref float target, nint stride)
        {
            var even0 = Avx.Shuffle(c01, c23, 0x44);
            var even1 = Avx.Shuffle(c45, c67, 0x44);
            var odd0 = Avx.Shuffle(c01, c23, 0xEE);
            var odd1 = Avx.Shuffle(c45, c67, 0xEE);
            Avx.Permute2x128(even0, even1, 0x20).StoreUnsafe(ref Unsafe.Add(ref target, vector * stride));
            Avx.Permute2x128(odd0, odd1, 0x20).StoreUnsafe(ref Unsafe.Add(ref target, (vector + 1) * stride));
            Avx.Permute2x128(even0, even1, 0x31).StoreUnsafe(ref Unsafe.Add(ref target, (vector + 4) * stride));
            Avx.Permute2x128(odd0, odd1, 0x31).StoreUnsafe(ref Unsafe.Add(ref target, (vector + 5) * stride));
        }
    }

    /// <summary>Two columns of vectors 0, 1, 4, 5 and of 2, 3, 6, 7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Even, Vector256<float> Odd) Interleave(ref float sums, int lanes, int column)
    {
        var first = Vector256.LoadUnsafe(ref sums, (nuint)(column * lanes));
        var second = Vector256.LoadUnsafe(ref sums, (nuint)((column + 1) * lanes));
        return (Avx.UnpackLow(first, second), Avx.UnpackHigh(first, second));
    }

    /// <summary>Sums of the rows' pulses: pulse-major, vectors each.</summary>
    public static void SumPulses(PulsePlanes planes, LevelColumns ones, int vectors, Span<int> sums)
    {
        ArgumentNullException.ThrowIfNull(planes);
        if (planes.Lanes == LevelLanes64.Count)
        {
            SumPulses<LevelLanes64>(planes, ones, vectors, sums);
        }
        else if (planes.Lanes == LevelLanes32.Count)
        {
            SumPulses<LevelLanes32>(planes, ones, vectors, sums);
        }
        else
        {
            SumPulses<LevelLanes1>(planes, ones, vectors, sums);
        }
    }

    [SkipLocalsInit]
    private static void SumPulses<TLanes>(PulsePlanes planes, LevelColumns ones, int vectors, Span<int> sums)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        Span<short> counts = stackalloc short[4 * Panel * TLanes.Count];
        int all = planes.VectorBlocks * planes.Pulses;
        for (int plane = 0; plane < all; plane++)
        {
            if (plane % planes.BlockPlanes == 0)
            {
                Count<TLanes>(planes, plane / planes.BlockPlanes, ones, 0, counts);
            }

            int first = plane / planes.Pulses * TLanes.Count;
            var pulse = counts.Slice(plane % planes.BlockPlanes * Panel * TLanes.Count, Math.Min(TLanes.Count, vectors - first));
            for (int m = 0; m < pulse.Length; m++)
            {
                sums[(plane % planes.Pulses * vectors) + first + m] = pulse[m];
            }
        }
    }

    [SkipLocalsInit]
    private static void Add<TLanes>(PulsePlanes planes, LevelColumns columns, in CountConverter converter, ReadOnlySpan<float> weights, Span<float> sums, Span<int> clipped)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        Span<short> counts = stackalloc short[4 * Panel * TLanes.Count];
        int all = planes.VectorBlocks * planes.Pulses;
        int panelSums = Panel * TLanes.Count;
        for (int plane = 0; plane < all; plane += planes.BlockPlanes)
        {
            for (int panel = 0; panel < columns.Panels; panel++)
            {
                Count<TLanes>(planes, plane / planes.BlockPlanes, columns, panel, counts);
                bool clips = converter.Clips(columns.Least[panel], columns.Most[panel]);
                for (int p = plane; p < Math.Min(plane + planes.BlockPlanes, all); p++)
                {
                    int block = p / planes.Pulses;
                    float weight = weights[p % planes.Pulses];
                    ref short count = ref counts[(p - plane) * panelSums];
                    ref float sum = ref sums[((block * columns.Panels) + panel) * panelSums];
                    int used = Math.Min(Panel, columns.Columns - (panel * Panel));
                    for (int c = 0; c < used && !clips; c++)
                    {
                        TLanes.Convert(ref Unsafe.Add(ref count, c * TLanes.Count), converter, weight, ref Unsafe.Add(ref sum, c * TLanes.Count));
                    }

                    for (int c = 0; c < used && clips; c++)
                    {
                        TLanes.ConvertAndClip(
                            ref Unsafe.Add(ref count, c * TLanes.Count), converter, weight, ref Unsafe.Add(ref sum, c * TLanes.Count), ref clipped[block * TLanes.Count]);
                    }
                }
            }
        }
    }

    /// <summary>Counts of a panel's columns for a block of planes: plane, column, lane.</summary>
    private static void Count<TLanes>(PulsePlanes planes, int block, LevelColumns columns, int panel, Span<short> counts)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        for (int i = 0; i < planes.BlockPlanes * Panel; i++)
        {
            counts.Slice(i * TLanes.Count, TLanes.Count).Fill((short)-columns.Offsets[(panel * Panel) + (i % Panel)]);
        }

        int groupIndices = planes.BlockPlanes * TLanes.Count;
        const int GroupTables = Panel * LevelColumns.TableBytes;
        ref byte index = ref Unsafe.Add(ref MemoryMarshal.GetReference(planes.Indices), (nint)block * columns.Groups * groupIndices);
        unsafe
        {
            // Tables are broadcast from addresses.
            fixed (byte* tables = columns.Tables)
            {
                ref byte table = ref Unsafe.AsRef<byte>(tables + ((nint)panel * columns.Groups * GroupTables));
                int group = 0;
                foreach (int end in columns.Stretches[panel])
                {
                    ref byte firstIndex = ref Unsafe.Add(ref index, (nint)group * groupIndices);
                    ref byte firstTable = ref Unsafe.Add(ref table, (nint)group * GroupTables);
                    if (TLanes.HasManyRegisters)
                    {
                        Stretch4x4<TLanes>(ref firstIndex, ref firstTable, end - group, ref counts[0]);
                    }
                    else
                    {
                        Stretch2x4<TLanes>(ref firstIndex, ref firstTable, end - group, ref counts[0]);
                    }

                    group = end;
                }
            }
        }
    }

    /// <summary>4 planes through 4 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Stretch4x4<TLanes>(ref byte index, ref byte table, int groups, ref short counts)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        TLanes a00 = default, a01 = default, a02 = default, a03 = default, a10 = default, a11 = default, a12 = default, a13 = default;
        TLanes a20 = default, a21 = default, a22 = default, a23 = default, a30 = default, a31 = default, a32 = default, a33 = default;
        for (int g = 0; g < groups; g++)
        {
            var t0 = TLanes.Table(ref table);
            var t1 = TLanes.Table(ref Unsafe.Add(ref table, 16));
            var t2 = TLanes.Table(ref Unsafe.Add(ref table, 32));
            var t3 = TLanes.Table(ref Unsafe.Add(ref table, 48));
            var x = TLanes.Load(ref index);
            a00 = TLanes.Add(a00, TLanes.Lookup(t0, x));
            a01 = TLanes.Add(a01, TLanes.Lookup(t1, x));
            a02 = TLanes.Add(a02, TLanes.Lookup(t2, x));
            a03 = TLanes.Add(a03, TLanes.Lookup(t3, x));
            x = TLanes.Load(ref Unsafe.Add(ref index, TLanes.Count));
            a10 = TLanes.Add(a10, TLanes.Lookup(t0, x));
            a11 = TLanes.Add(a11, TLanes.Lookup(t1, x));
            a12 = TLanes.Add(a12, TLanes.Lookup(t2, x));
            a13 = TLanes.Add(a13, TLanes.Lookup(t3, x));
            x = TLanes.Load(ref Unsafe.Add(ref index, 2 * TLanes.Count));
            a20 = TLanes.Add(a20, TLanes.Lookup(t0, x));
            a21 = TLanes.Add(a21, TLanes.Lookup(t1, x));
            a22 = TLanes.Add(a22, TLanes.Lookup(t2, x));
            a23 = TLanes.Add(a23, TLanes.Lookup(t3, x));
            x = TLanes.Load(ref Unsafe.Add(ref index, 3 * TLanes.Count));
            a30 = TLanes.Add(a30, TLanes.Lookup(t0, x));
            a31 = TLanes.Add(a31, TLanes.Lookup(t1, x));
            a32 = TLanes.Add(a32, TLanes.Lookup(t2, x));
            a33 = TLanes.Add(a33, TLanes.Lookup(t3, x));
            index = ref Unsafe.Add(ref index, 4 * TLanes.Count);
            table = ref Unsafe.Add(ref table, Panel * LevelColumns.TableBytes);
        }

        AddTo4(a00, a01, a02, a03, ref counts);
        AddTo4(a10, a11, a12, a13, ref Unsafe.Add(ref counts, 4 * TLanes.Count));
        AddTo4(a20, a21, a22, a23, ref Unsafe.Add(ref counts, 8 * TLanes.Count));
        AddTo4(a30, a31, a32, a33, ref Unsafe.Add(ref counts, 12 * TLanes.Count));
    }

    /// <summary>2 planes through 4 columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Stretch2x4<TLanes>(ref byte index, ref byte table, int groups, ref short counts)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        TLanes a00 = default, a01 = default, a02 = default, a03 = default, a10 = default, a11 = default, a12 = default, a13 = default;
        for (int g = 0; g < groups; g++)
        {
            var x0 = TLanes.Load(ref index);
            var x1 = TLanes.Load(ref Unsafe.Add(ref index, TLanes.Count));
            var t = TLanes.Table(ref table);
            a00 = TLanes.Add(a00, TLanes.Lookup(t, x0));
            a10 = TLanes.Add(a10, TLanes.Lookup(t, x1));
            t = TLanes.Table(ref Unsafe.Add(ref table, 16));
            a01 = TLanes.Add(a01, TLanes.Lookup(t, x0));
            a11 = TLanes.Add(a11, TLanes.Lookup(t, x1));
            t = TLanes.Table(ref Unsafe.Add(ref table, 32));
            a02 = TLanes.Add(a02, TLanes.Lookup(t, x0));
            a12 = TLanes.Add(a12, TLanes.Lookup(t, x1));
            t = TLanes.Table(ref Unsafe.Add(ref table, 48));
            a03 = TLanes.Add(a03, TLanes.Lookup(t, x0));
            a13 = TLanes.Add(a13, TLanes.Lookup(t, x1));
            index = ref Unsafe.Add(ref index, 2 * TLanes.Count);
            table = ref Unsafe.Add(ref table, Panel * LevelColumns.TableBytes);
        }

        AddTo4(a00, a01, a02, a03, ref counts);
        AddTo4(a10, a11, a12, a13, ref Unsafe.Add(ref counts, 4 * TLanes.Count));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo4<TLanes>(TLanes a0, TLanes a1, TLanes a2, TLanes a3, ref short counts)
        where TLanes : struct, ILevelLanes<TLanes>
    {
        TLanes.AddTo(ref counts, a0);
        TLanes.AddTo(ref Unsafe.Add(ref counts, TLanes.Count), a1);
        TLanes.AddTo(ref Unsafe.Add(ref counts, 2 * TLanes.Count), a2);
        TLanes.AddTo(ref Unsafe.Add(ref counts, 3 * TLanes.Count), a3);
    }
}

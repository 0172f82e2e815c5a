using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

public static partial class Draws
{
    /// <summary>Reads that <see cref="EventKeys"/> and <see cref="LaneNormals"/> name together.</summary>
    public const int LaneCount = 16;

    /// <summary>Keys of sixteen reads: <see cref="EventKey"/> of <see cref="Event"/>.</summary>
    /// <param name="seed">Seed.</param>
    /// <param name="instance">Instance.</param>
    /// <param name="samples">Indices of the samples in the data set, one a lane.</param>
    /// <param name="ordinals">Ordinals of the MVMs in the samples, one a lane.</param>
    /// <param name="pulse">The pulse.</param>
    /// <param name="keys">Low words, then high words.</param>
    public static void EventKeys(ulong seed, int instance, ReadOnlySpan<ulong> samples, ReadOnlySpan<uint> ordinals, uint pulse, Span<uint> keys)
    {
        Debug.Assert(samples.Length >= LaneCount && ordinals.Length >= LaneCount && keys.Length >= 2 * LaneCount);
        Span<uint> words = stackalloc uint[4 * LaneCount];
        Span<uint> fixedKeys = stackalloc uint[2 * LaneCount];
        for (int i = 0; i < LaneCount; i++)
        {
            words[i] = (uint)samples[i];
            words[LaneCount + i] = (uint)(samples[i] >> 32);
            words[(2 * LaneCount) + i] = ordinals[i];
        }

        words[(3 * LaneCount)..].Fill(pulse);
        Spread(ReadKey, fixedKeys);
        Philox.Lanes(fixedKeys, words, words);
        words[(2 * LaneCount)..].Clear();
        var (s0, s1, _, _) = Philox.Generate(FoldKey, (uint)seed, (uint)(seed >> 32), (uint)instance, 0);
        Spread(((ulong)s1 << 32) | s0, fixedKeys);
        Philox.Lanes(fixedKeys, words, words);
        words[..(2 * LaneCount)].CopyTo(keys);

        static void Spread(ulong key, Span<uint> keys)
        {
            keys[..LaneCount].Fill((uint)key);
            keys[LaneCount..].Fill((uint)(key >> 32));
        }
    }

    /// <summary>The normals of a few columns in sixteen reads: normals[16 c + i] is column firstColumn + c of <see cref="NormalsOfKey"/> with the key of lane i.</summary>
    /// <param name="stream">Names the cells.</param>
    /// <param name="purpose">What the draws are for.</param>
    /// <param name="keys">As <see cref="EventKeys"/> writes them.</param>
    /// <param name="row">Row.</param>
    /// <param name="firstColumn">The first column.</param>
    /// <param name="columns">How many.</param>
    /// <param name="normals">The result.</param>
    public static void LaneNormals(
        in CellStream stream, DrawPurpose purpose, ReadOnlySpan<uint> keys, int row, int firstColumn, int columns, Span<float> normals)
    {
        Debug.Assert(normals.Length >= columns * LaneCount);
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        if (Lanes16.IsSupported)
        {
            LaneNormals<Lanes16>(keys, (uint)row, c2, c3, firstColumn, columns, normals);
        }
        else if (Lanes8.IsSupported)
        {
            LaneNormals<Lanes8>(keys, (uint)row, c2, c3, firstColumn, columns, normals);
        }
        else
        {
            LaneNormals<Lanes1>(keys, (uint)row, c2, c3, firstColumn, columns, normals);
        }
    }

    internal static void LaneNormals<TLanes>(ReadOnlySpan<uint> keys, uint c1, uint c2, uint c3, int firstColumn, int columns, Span<float> normals)
        where TLanes : struct, ILanes<TLanes>
    {
        if (typeof(TLanes) == typeof(Lanes16) && (firstColumn % BlockColumns) + columns <= Philox.BlockCounters)
        {
            LaneNormals512(keys, c1, c2, c3, firstColumn, columns, normals);
            return;
        }

        Span<uint> counters = stackalloc uint[4 * LaneCount];
        Span<uint> words = stackalloc uint[4 * LaneCount];
        counters.Slice(LaneCount, LaneCount).Fill(c1);
        counters.Slice(2 * LaneCount, LaneCount).Fill(c2);
        counters[(3 * LaneCount)..].Fill(c3);
        int last = firstColumn + columns - 1;

        // Columns 16 apart in a block of 64 are words of one counter.
        for (int block = firstColumn / BlockColumns; block <= last / BlockColumns; block++)
        {
            int start = block * BlockColumns;
            for (int i = 0; i < Philox.BlockCounters; i++)
            {
                bool isUsed = false;
                for (int word = 0; word < 4; word++)
                {
                    int column = start + (16 * word) + i;
                    isUsed |= column >= firstColumn && column <= last;
                }

                if (!isUsed)
                {
                    continue;
                }

                counters[..LaneCount].Fill((uint)((block * Philox.BlockCounters) + i));
                Philox.Lanes(keys, counters, words);
                for (int pair = 0; pair < 2; pair++)
                {
                    int first = start + (32 * pair) + i - firstColumn;
                    Store<TLanes>(words[(2 * pair * LaneCount)..], first, first + 16, columns, normals);
                }
            }
        }
    }

    /// <summary>Columns of which each has a counter of its own, two at a time.</summary>
    private static void LaneNormals512(ReadOnlySpan<uint> keys, uint c1, uint c2, uint c3, int firstColumn, int columns, Span<float> normals)
    {
        Span<uint> words = stackalloc uint[4 * LaneCount];
        Span<float> pairs = stackalloc float[4 * LaneCount];
        uint counter = (uint)((firstColumn / BlockColumns * Philox.BlockCounters) + (firstColumn % BlockColumns));
        for (int c = 0; c < columns; c += 2)
        {
            Philox.FirstWords512(keys, counter + (uint)c, c1, c2, c3, words);
            Gaussian.Pairs512(words, pairs);
            pairs[..LaneCount].CopyTo(normals[(c * LaneCount)..]);
            if (c + 1 < columns)
            {
                pairs.Slice(2 * LaneCount, LaneCount).CopyTo(normals[((c + 1) * LaneCount)..]);
            }
        }
    }

    /// <summary>Both normals of a pair of words, of those columns that are asked for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Store<TLanes>(ReadOnlySpan<uint> words, int first, int second, int columns, Span<float> normals)
        where TLanes : struct, ILanes<TLanes>
    {
        bool hasFirst = (uint)first < (uint)columns;
        bool hasSecond = (uint)second < (uint)columns;
        if (!hasFirst && !hasSecond)
        {
            return;
        }

        ref float word = ref Unsafe.As<uint, float>(ref MemoryMarshal.GetReference(words));
        ref float target = ref MemoryMarshal.GetReference(normals);
        for (int i = 0; i < LaneCount; i += TLanes.Count)
        {
            var (one, two) = Gaussian.Pair(TLanes.Load(ref Unsafe.Add(ref word, i)), TLanes.Load(ref Unsafe.Add(ref word, LaneCount + i)));
            if (hasFirst)
            {
                TLanes.Store(one, ref Unsafe.Add(ref target, (first * LaneCount) + i));
            }

            if (hasSecond)
            {
                TLanes.Store(two, ref Unsafe.Add(ref target, (second * LaneCount) + i));
            }
        }
    }
}

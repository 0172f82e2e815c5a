using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>Standard normals by name: a draw depends on what it is for and on nothing else, never on order, thread or batch.</summary>
/// <remarks>Philox counter: column (words 0 and lane), row, layer | slice | pair | polarity | unit column, copy | purpose: injective over
/// the documented ranges. Philox key: a Philox draw from seed, instance and extra.</remarks>
public static partial class Draws
{
    /// <summary>Columns of a block: 16 counters of four words.</summary>
    private const int BlockColumns = 4 * Philox.BlockCounters;

    /// <summary>Columns that are drawn together where registers are wide.</summary>
    private const int RunColumns = 4 * BlockColumns;

    private const ulong FoldKey = 0x41494D_43303031; // any constant; it separates folding from drawing
    private const ulong ReadKey = 0x41494D_43303032;

    /// <summary>One standard normal per device of one weight row, columns <paramref name="firstColumn"/> and on.</summary>
    /// <remarks>extra is what else distinguishes the draw: a <see cref="Time"/>, an <see cref="Event"/>, or 0.</remarks>
    public static void Normals(in CellStream stream, DrawPurpose purpose, ulong extra, int row, int firstColumn, Span<float> normals)
    {
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        Fill(EventKey(stream.Seed, stream.Instance, extra), (uint)row, c2, c3, firstColumn, normals);
    }

    /// <summary>The same of a run whose <see cref="EventKey"/> is known: one key serves all rows, blocks and slices of an event.</summary>
    /// <remarks>Seed and instance are those of the key; the stream's are not read.</remarks>
    public static void NormalsOfKey(in CellStream stream, DrawPurpose purpose, ulong key, int row, int firstColumn, Span<float> normals)
    {
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        Fill(key, (uint)row, c2, c3, firstColumn, normals);
    }

    /// <summary><see cref="NormalsOfKey"/> of several events, one after the other in memory: narrow runs are drawn two events together.</summary>
    /// <param name="stream">Which devices.</param>
    /// <param name="purpose">What for.</param>
    /// <param name="keys">One an event.</param>
    /// <param name="row">Weight row.</param>
    /// <param name="firstColumn">First column of each run.</param>
    /// <param name="columns">Columns of each run.</param>
    /// <param name="normals">Keys x columns.</param>
    [SkipLocalsInit]
    public static void NormalsOfKeys(
        in CellStream stream, DrawPurpose purpose, ReadOnlySpan<ulong> keys, int row, int firstColumn, int columns, Span<float> normals)
    {
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        int offset = firstColumn % BlockColumns;
        int done = 0;
        if (Lanes16.IsSupported && offset + columns <= BlockColumns)
        {
            Span<uint> words = stackalloc uint[2 * BlockColumns];
            Span<float> block = stackalloc float[2 * BlockColumns];
            for (; done < keys.Length - 1; done += 2)
            {
                Philox.TwoKeys512(keys[done], keys[done + 1], (uint)(firstColumn / BlockColumns) * Philox.BlockCounters, (uint)row, c2, c3, words);
                var target = columns == BlockColumns ? normals.Slice(done * columns, 2 * BlockColumns) : block;
                Gaussian.Pairs512(words, target);
                if (columns < BlockColumns)
                {
                    block.Slice(offset, columns).CopyTo(normals[(done * columns)..]);
                    block.Slice(BlockColumns + offset, columns).CopyTo(normals[((done + 1) * columns)..]);
                }
            }
        }

        for (; done < keys.Length; done++)
        {
            Fill(keys[done], (uint)row, c2, c3, firstColumn, normals.Slice(done * columns, columns));
        }
    }

    /// <summary>One number in (0, 1) per column, named like <see cref="Normals"/>: odd multiples of 2^-24, as many below 1/2 as above.</summary>
    public static void Uniforms(in CellStream stream, DrawPurpose purpose, ulong extra, int row, int firstColumn, Span<float> uniforms)
    {
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        ulong key = EventKey(stream.Seed, stream.Instance, extra);
        Span<uint> words = stackalloc uint[BlockColumns];
        for (int done = 0; done < uniforms.Length;)
        {
            int column = firstColumn + done;
            int offset = column % BlockColumns;
            int count = Math.Min(BlockColumns - offset, uniforms.Length - done);
            uint c0 = (uint)(column / BlockColumns) * Philox.BlockCounters;
            if (Lanes16.IsSupported)
            {
                Philox.Block<Lanes16>(key, c0, (uint)row, c2, c3, words);
            }
            else if (Lanes8.IsSupported)
            {
                Philox.Block<Lanes8>(key, c0, (uint)row, c2, c3, words);
            }
            else
            {
                Philox.Block<Lanes1>(key, c0, (uint)row, c2, c3, words);
            }

            for (int i = 0; i < count; i++)
            {
                uniforms[done + i] = ((words[offset + i] >> 9) + 0.5f) * (1f / 8388608f);
            }

            done += count;
        }
    }

    /// <summary>One standard normal per output of a row block in one MVM, columns <paramref name="firstColumn"/> and on.</summary>
    public static void OutputNormals(
        ulong seed,
        int instance,
        int layer,
        int rowBlock,
        int slice,
        int copy,
        ulong sample,
        uint mvmOrdinal,
        uint pulse,
        int firstColumn,
        Span<float> normals) =>
        Normals(
            new CellStream(seed, instance, layer, slice, Pair: 0, Polarity: 0, copy),
            DrawPurpose.Output,
            Event(sample, mvmOrdinal, pulse),
            rowBlock,
            firstColumn,
            normals);

    /// <summary>Names one read of a tile: index of the sample in the data set, ordinal of the MVM in the sample, pulse.</summary>
    public static ulong Event(ulong sample, uint mvmOrdinal, uint pulse)
    {
        var (w0, w1, _, _) = Philox.Generate(ReadKey, (uint)sample, (uint)(sample >> 32), mvmOrdinal, pulse);
        return ((ulong)w1 << 32) | w0;
    }

    /// <summary>Names an evaluation time.</summary>
    public static ulong Time(double timeS) => BitConverter.DoubleToUInt64Bits(timeS);

    private static (uint C2, uint C3) Counters(in CellStream stream, DrawPurpose purpose, int row, int firstColumn)
    {
        Debug.Assert(stream.Layer is >= 0 and < 1 << 20 && stream.Slice is >= 0 and < 1 << 6 && stream.Pair is >= 0 and < 1 << 4);
        Debug.Assert(stream.Polarity is 0 or 1 && stream.Copy is >= 0 and < 1 << 16 && row >= 0 && firstColumn >= 0);
        uint c2 = ((uint)stream.Layer << 12) | ((uint)stream.Slice << 6) | ((uint)stream.Pair << 2) | ((uint)stream.Polarity << 1)
            | (stream.IsUnitColumn ? 1u : 0u);
        return (c2, ((uint)purpose << 16) | (uint)stream.Copy);
    }

    /// <summary>The Philox key of all draws of a seed and instance that one extra distinguishes: a <see cref="Time"/>, an <see cref="Event"/>, or 0.</summary>
    public static ulong EventKey(ulong seed, int instance, ulong extra)
    {
        var (s0, s1, _, _) = Philox.Generate(FoldKey, (uint)seed, (uint)(seed >> 32), (uint)instance, 0);
        var (w0, w1, _, _) = Philox.Generate(((ulong)s1 << 32) | s0, (uint)extra, (uint)(extra >> 32), 0, 0);
        return ((ulong)w1 << 32) | w0;
    }

    private static void Fill(ulong key, uint c1, uint c2, uint c3, int firstColumn, Span<float> normals)
    {
        if (Lanes16.IsSupported)
        {
            Fill<Lanes16>(key, c1, c2, c3, firstColumn, normals);
        }
        else if (Lanes8.IsSupported)
        {
            Fill<Lanes8>(key, c1, c2, c3, firstColumn, normals);
        }
        else
        {
            Fill<Lanes1>(key, c1, c2, c3, firstColumn, normals);
        }
    }

    /// <summary>Column 64 b + 16 w + i is word w of counter 16 b + i, so that a block needs no transposition.</summary>
    internal static void Fill<TLanes>(ulong key, uint c1, uint c2, uint c3, int firstColumn, Span<float> normals)
        where TLanes : struct, ILanes<TLanes>
    {
        if (typeof(TLanes) == typeof(Lanes16))
        {
            Fill512(key, c1, c2, c3, firstColumn, normals);
            return;
        }

        Span<float> block = stackalloc float[BlockColumns];
        for (int done = 0; done < normals.Length;)
        {
            int column = firstColumn + done;
            int offset = column % BlockColumns;
            int count = Math.Min(BlockColumns - offset, normals.Length - done);
            var target = count == BlockColumns ? normals[done..] : block;
            FillBlock<TLanes>(key, (uint)(column / BlockColumns) * Philox.BlockCounters, c1, c2, c3, target);
            if (count < BlockColumns)
            {
                block.Slice(offset, count).CopyTo(normals[done..]);
            }

            done += count;
        }
    }

    [SkipLocalsInit]
    private static void Fill512(ulong key, uint c1, uint c2, uint c3, int firstColumn, Span<float> normals)
    {
        Span<uint> words = stackalloc uint[RunColumns];
        Span<float> run = stackalloc float[RunColumns];
        for (int done = 0; done < normals.Length;)
        {
            int column = firstColumn + done;
            int offset = column % BlockColumns;
            int count = Math.Min(RunColumns - offset, normals.Length - done);
            int whole = (offset + count + BlockColumns - 1) / BlockColumns * BlockColumns;
            var target = count == whole ? normals.Slice(done, count) : run[..whole];
            Philox.Blocks512(key, (uint)(column / BlockColumns) * Philox.BlockCounters, c1, c2, c3, words[..whole]);
            Gaussian.Pairs512(words[..whole], target);
            if (count < whole)
            {
                target.Slice(offset, count).CopyTo(normals[done..]);
            }

            done += count;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FillBlock<TLanes>(ulong key, uint c0, uint c1, uint c2, uint c3, Span<float> normals)
        where TLanes : struct, ILanes<TLanes>
    {
        Span<uint> words = stackalloc uint[BlockColumns];
        Philox.Block<TLanes>(key, c0, c1, c2, c3, words);
        ref float source = ref Unsafe.As<uint, float>(ref MemoryMarshal.GetReference(words));
        ref float target = ref MemoryMarshal.GetReference(normals);
        for (int pair = 0; pair < BlockColumns; pair += 32)
        {
            for (int i = pair; i < pair + 16; i += TLanes.Count)
            {
                var word0 = TLanes.Load(ref Unsafe.Add(ref source, i));
                var word1 = TLanes.Load(ref Unsafe.Add(ref source, i + 16));
                var (first, second) = Gaussian.Pair(word0, word1);
                TLanes.Store(first, ref Unsafe.Add(ref target, i));
                TLanes.Store(second, ref Unsafe.Add(ref target, i + 16));
            }
        }
    }
}

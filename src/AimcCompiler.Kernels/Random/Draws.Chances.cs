using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

public static partial class Draws
{
    /// <summary>One number in (0, 1] per column, named like <see cref="Normals"/>: at most p with probability p, however small p is.</summary>
    public static void Chances(in CellStream stream, DrawPurpose purpose, ulong extra, int row, int firstColumn, Span<float> chances)
    {
        var (c2, c3) = Counters(in stream, purpose, row, firstColumn);
        ulong key = EventKey(stream.Seed, stream.Instance, extra);
        if (Lanes16.IsSupported)
        {
            FillChances<Lanes16>(key, (uint)row, c2, c3, firstColumn, chances);
        }
        else if (Lanes8.IsSupported)
        {
            FillChances<Lanes8>(key, (uint)row, c2, c3, firstColumn, chances);
        }
        else
        {
            FillChances<Lanes1>(key, (uint)row, c2, c3, firstColumn, chances);
        }
    }

    internal static void FillChances<TLanes>(ulong key, uint c1, uint c2, uint c3, int firstColumn, Span<float> chances)
        where TLanes : struct, ILanes<TLanes>
    {
        Span<uint> words = stackalloc uint[BlockColumns];
        Span<float> block = stackalloc float[BlockColumns];
        ref float source = ref Unsafe.As<uint, float>(ref MemoryMarshal.GetReference(words));
        ref float target = ref MemoryMarshal.GetReference(block);
        for (int done = 0; done < chances.Length;)
        {
            int column = firstColumn + done;
            int offset = column % BlockColumns;
            int count = Math.Min(BlockColumns - offset, chances.Length - done);
            Philox.Block<TLanes>(key, (uint)(column / BlockColumns) * Philox.BlockCounters, c1, c2, c3, words);
            for (int i = 0; i < BlockColumns; i += TLanes.Count)
            {
                TLanes.Store(Gaussian.Uniform(TLanes.Load(ref Unsafe.Add(ref source, i))), ref Unsafe.Add(ref target, i));
            }

            block.Slice(offset, count).CopyTo(chances[done..]);
            done += count;
        }
    }
}

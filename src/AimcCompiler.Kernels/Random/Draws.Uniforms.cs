using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

public static partial class Draws
{
    /// <summary>One number between 0 and 1, uniform, per device of one weight row, columns <paramref name="firstColumn"/> and on; named as
    /// <see cref="Normals"/> are, and made from the same words.</summary>
    public static void Uniforms(in CellStream stream, DrawPurpose purpose, ulong extra, int row, int firstColumn, Span<float> uniforms)
    {
        var (c2, c3) = Words(in stream, purpose, row, firstColumn);
        ulong key = Key(stream.Seed, stream.Instance, extra);
        if (Lanes16.IsSupported)
        {
            FillUniforms<Lanes16>(key, (uint)row, c2, c3, firstColumn, uniforms);
        }
        else if (Lanes8.IsSupported)
        {
            FillUniforms<Lanes8>(key, (uint)row, c2, c3, firstColumn, uniforms);
        }
        else
        {
            FillUniforms<Lanes1>(key, (uint)row, c2, c3, firstColumn, uniforms);
        }
    }

    internal static void FillUniforms<TLanes>(ulong key, uint c1, uint c2, uint c3, int firstColumn, Span<float> uniforms)
        where TLanes : struct, ILanes<TLanes>
    {
        Span<uint> words = stackalloc uint[BlockColumns];
        Span<float> block = stackalloc float[BlockColumns];
        ref float source = ref Unsafe.As<uint, float>(ref MemoryMarshal.GetReference(words));
        ref float target = ref MemoryMarshal.GetReference(block);
        for (int done = 0; done < uniforms.Length;)
        {
            int column = firstColumn + done;
            int offset = column % BlockColumns;
            int count = Math.Min(BlockColumns - offset, uniforms.Length - done);
            Philox.Block<TLanes>(key, (uint)(column / BlockColumns) * Philox.BlockCounters, c1, c2, c3, words);
            for (int i = 0; i < BlockColumns; i += TLanes.Count)
            {
                TLanes.Store(Gaussian.Uniform(TLanes.Load(ref Unsafe.Add(ref source, i))), ref Unsafe.Add(ref target, i));
            }

            block.Slice(offset, count).CopyTo(uniforms[done..]);
            done += count;
        }
    }
}

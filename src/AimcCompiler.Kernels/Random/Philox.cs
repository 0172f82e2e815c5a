using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11): four random words for each counter and
/// key.</summary>
public static class Philox
{
    /// <summary>Counters of a block.</summary>
    internal const int BlockCounters = 16;

    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    public static (uint W0, uint W1, uint W2, uint W3) Generate(ulong key, uint c0, uint c1, uint c2, uint c3)
    {
        uint k0 = (uint)key;
        uint k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            c0 = (uint)(product1 >> 32) ^ c1 ^ k0;
            c1 = (uint)product1;
            c2 = (uint)(product0 >> 32) ^ c3 ^ k1;
            c3 = (uint)product0;
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Word w of counter (c0 + i, c1, c2, c3), i = 0 .. 15, to words[16 w + i]. c0 is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Block<TLanes>(ulong key, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
        where TLanes : struct, ILanes<TLanes>
    {
        Debug.Assert(c0 % BlockCounters == 0 && words.Length >= 4 * BlockCounters);
        if (typeof(TLanes) == typeof(Lanes16))
        {
            Block512(key, c0, c1, c2, c3, words);
        }
        else if (typeof(TLanes) == typeof(Lanes8))
        {
            Block256(key, c0, c1, c2, c3, words);
        }
        else
        {
            for (int i = 0; i < BlockCounters; i++)
            {
                (words[i], words[16 + i], words[32 + i], words[48 + i]) = Generate(key, c0 + (uint)i, c1, c2, c3);
            }
        }
    }

    // Each word sits in the low half of a 64-bit lane, which is what the widening multiplication reads; what is left in the high half is
    // never used.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block512(ulong key, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        var multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        var a0 = Vector512.Create((ulong)c0) + Vector512.Create(0ul, 1, 2, 3, 4, 5, 6, 7);
        var b0 = a0 + Vector512.Create(8ul);
        var a1 = Vector512.Create((ulong)c1);
        var b1 = a1;
        var a2 = Vector512.Create((ulong)c2);
        var b2 = a2;
        var a3 = Vector512.Create((ulong)c3);
        var b3 = a3;
        uint k0 = (uint)key;
        uint k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            var key0 = Vector512.Create((ulong)k0);
            var key1 = Vector512.Create((ulong)k1);
            var p0 = Avx512F.Multiply(a0.AsUInt32(), multiplier0);
            var p1 = Avx512F.Multiply(a2.AsUInt32(), multiplier1);
            var q0 = Avx512F.Multiply(b0.AsUInt32(), multiplier0);
            var q1 = Avx512F.Multiply(b2.AsUInt32(), multiplier1);
            a0 = (p1 >>> 32) ^ a1 ^ key0;
            a1 = p1;
            a2 = (p0 >>> 32) ^ a3 ^ key1;
            a3 = p0;
            b0 = (q1 >>> 32) ^ b1 ^ key0;
            b1 = q1;
            b2 = (q0 >>> 32) ^ b3 ^ key1;
            b3 = q0;
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
        }

        ref uint first = ref MemoryMarshal.GetReference(words);
        Vector512.Narrow(a0, b0).StoreUnsafe(ref first);
        Vector512.Narrow(a1, b1).StoreUnsafe(ref first, 16);
        Vector512.Narrow(a2, b2).StoreUnsafe(ref first, 32);
        Vector512.Narrow(a3, b3).StoreUnsafe(ref first, 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block256(ulong key, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        var multiplier0 = Vector256.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector256.Create((ulong)Multiplier1).AsUInt32();
        ref uint first = ref MemoryMarshal.GetReference(words);
        for (uint half = 0; half < BlockCounters; half += 8)
        {
            var a0 = Vector256.Create((ulong)(c0 + half)) + Vector256.Create(0ul, 1, 2, 3);
            var b0 = a0 + Vector256.Create(4ul);
            var a1 = Vector256.Create((ulong)c1);
            var b1 = a1;
            var a2 = Vector256.Create((ulong)c2);
            var b2 = a2;
            var a3 = Vector256.Create((ulong)c3);
            var b3 = a3;
            uint k0 = (uint)key;
            uint k1 = (uint)(key >> 32);
            for (int round = 0; round < Rounds; round++)
            {
                var key0 = Vector256.Create((ulong)k0);
                var key1 = Vector256.Create((ulong)k1);
                var p0 = Avx2.Multiply(a0.AsUInt32(), multiplier0);
                var p1 = Avx2.Multiply(a2.AsUInt32(), multiplier1);
                var q0 = Avx2.Multiply(b0.AsUInt32(), multiplier0);
                var q1 = Avx2.Multiply(b2.AsUInt32(), multiplier1);
                a0 = (p1 >>> 32) ^ a1 ^ key0;
                a1 = p1;
                a2 = (p0 >>> 32) ^ a3 ^ key1;
                a3 = p0;
                b0 = (q1 >>> 32) ^ b1 ^ key0;
                b1 = q1;
                b2 = (q0 >>> 32) ^ b3 ^ key1;
                b3 = q0;
                k0 = unchecked(k0 + Weyl0);
                k1 = unchecked(k1 + Weyl1);
            }

            Vector256.Narrow(a0, b0).StoreUnsafe(ref first, half);
            Vector256.Narrow(a1, b1).StoreUnsafe(ref first, 16 + half);
            Vector256.Narrow(a2, b2).StoreUnsafe(ref first, 32 + half);
            Vector256.Narrow(a3, b3).StoreUnsafe(ref first, 48 + half);
        }
    }
}

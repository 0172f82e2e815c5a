using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

/// <summary>Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11): four random words for each counter and
/// key.</summary>
public static partial class Philox
{
    /// <summary>Counters of a block.</summary>
    internal const int BlockCounters = 16;

    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>Truth table of a ^ b ^ c.</summary>
    private const byte ExclusiveOrOfThree = 0x96;

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

    /// <summary>Blocks of counters c0, c0 + 16, ...: as <see cref="Block"/>, 64 words each. Needs AVX-512.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Blocks512(ulong key, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        Debug.Assert(c0 % BlockCounters == 0 && words.Length % (4 * BlockCounters) == 0);
        Span<ulong> keys = stackalloc ulong[2 * Rounds];
        uint k0 = (uint)key;
        uint k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            keys[2 * round] = k0;
            keys[(2 * round) + 1] = k1;
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
        }

        // What the first two rounds make of the counters' common words.
        ulong product1 = (ulong)Multiplier1 * c2;
        uint common0 = (uint)(product1 >> 32) ^ c1 ^ (uint)keys[0];
        ulong product0 = (ulong)Multiplier0 * common0;
        var first2 = Vector512.Create((ulong)(c3 ^ (uint)keys[1]));
        var second0 = Vector512.Create((ulong)((uint)product1 ^ (uint)keys[2]));
        var second2 = Vector512.Create((ulong)((uint)(product0 >> 32) ^ (uint)keys[3]));
        var second3 = Vector512.Create((ulong)(uint)product0);

        var multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        var lowHalves = Vector512.Create(0u, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        ref ulong firstKey = ref MemoryMarshal.GetReference(keys);
        ref uint first = ref MemoryMarshal.GetReference(words);
        int done = 0;

        // Two blocks at a time, in four registers a word: what the multiplications of one wait for, the others' fill.
        for (; done <= words.Length - (8 * BlockCounters); done += 8 * BlockCounters)
        {
            var a0 = Vector512.Create((ulong)(c0 + ((uint)done / 4))) + Vector512.Create(0ul, 1, 2, 3, 4, 5, 6, 7);
            var a3 = Avx512F.Multiply(a0.AsUInt32(), multiplier0);
            var b3 = Avx512F.Multiply((a0 + Vector512.Create(8ul)).AsUInt32(), multiplier0);
            var d3 = Avx512F.Multiply((a0 + Vector512.Create(16ul)).AsUInt32(), multiplier0);
            var e3 = Avx512F.Multiply((a0 + Vector512.Create(24ul)).AsUInt32(), multiplier0);
            var a1 = Avx512F.Multiply(((a3 >>> 32) ^ first2).AsUInt32(), multiplier1);
            var b1 = Avx512F.Multiply(((b3 >>> 32) ^ first2).AsUInt32(), multiplier1);
            var d1 = Avx512F.Multiply(((d3 >>> 32) ^ first2).AsUInt32(), multiplier1);
            var e1 = Avx512F.Multiply(((e3 >>> 32) ^ first2).AsUInt32(), multiplier1);
            a0 = (a1 >>> 32) ^ second0;
            var b0 = (b1 >>> 32) ^ second0;
            var d0 = (d1 >>> 32) ^ second0;
            var e0 = (e1 >>> 32) ^ second0;
            var a2 = a3 ^ second2;
            var b2 = b3 ^ second2;
            var d2 = d3 ^ second2;
            var e2 = e3 ^ second2;
            a3 = second3;
            b3 = second3;
            d3 = second3;
            e3 = second3;
            for (int round = 2; round < Rounds; round++)
            {
                var key0 = Vector512.Create(Unsafe.Add(ref firstKey, 2 * round));
                var key1 = Vector512.Create(Unsafe.Add(ref firstKey, (2 * round) + 1));
                Round(ref a0, ref a1, ref a2, ref a3, multiplier0, multiplier1, key0, key1);
                Round(ref b0, ref b1, ref b2, ref b3, multiplier0, multiplier1, key0, key1);
                Round(ref d0, ref d1, ref d2, ref d3, multiplier0, multiplier1, key0, key1);
                Round(ref e0, ref e1, ref e2, ref e3, multiplier0, multiplier1, key0, key1);
            }

            Avx512F.PermuteVar16x32x2(a0.AsUInt32(), lowHalves, b0.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done));
            Avx512F.PermuteVar16x32x2(a1.AsUInt32(), lowHalves, b1.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 16));
            Avx512F.PermuteVar16x32x2(a2.AsUInt32(), lowHalves, b2.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 32));
            Avx512F.PermuteVar16x32x2(a3.AsUInt32(), lowHalves, b3.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 48));
            Avx512F.PermuteVar16x32x2(d0.AsUInt32(), lowHalves, e0.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 64));
            Avx512F.PermuteVar16x32x2(d1.AsUInt32(), lowHalves, e1.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 80));
            Avx512F.PermuteVar16x32x2(d2.AsUInt32(), lowHalves, e2.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 96));
            Avx512F.PermuteVar16x32x2(d3.AsUInt32(), lowHalves, e3.AsUInt32()).StoreUnsafe(ref Unsafe.Add(ref first, done + 112));
        }

        if (done < words.Length)
        {
            Block512(key, c0 + ((uint)done / 4), c1, c2, c3, words[done..]);
        }
    }

    /// <summary>One block of each of two keys, 64 words each: as <see cref="Block"/>. Needs AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void TwoKeys512(ulong firstKey, ulong secondKey, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        Debug.Assert(c0 % BlockCounters == 0 && words.Length >= 8 * BlockCounters);
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
        var (d0, e0, d1, e1) = (a0, b0, a1, a1);
        var (d2, e2, d3, e3) = (a2, a2, a3, a3);
        uint k0 = (uint)firstKey;
        uint k1 = (uint)(firstKey >> 32);
        uint l0 = (uint)secondKey;
        uint l1 = (uint)(secondKey >> 32);
        for (int round = 0; round < Rounds; round++)
        {
            var key0 = Vector512.Create((ulong)k0);
            var key1 = Vector512.Create((ulong)k1);
            Round(ref a0, ref a1, ref a2, ref a3, multiplier0, multiplier1, key0, key1);
            Round(ref b0, ref b1, ref b2, ref b3, multiplier0, multiplier1, key0, key1);
            key0 = Vector512.Create((ulong)l0);
            key1 = Vector512.Create((ulong)l1);
            Round(ref d0, ref d1, ref d2, ref d3, multiplier0, multiplier1, key0, key1);
            Round(ref e0, ref e1, ref e2, ref e3, multiplier0, multiplier1, key0, key1);
            k0 = unchecked(k0 + Weyl0);
            k1 = unchecked(k1 + Weyl1);
            l0 = unchecked(l0 + Weyl0);
            l1 = unchecked(l1 + Weyl1);
        }

        var lowHalves = Vector512.Create(0u, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        ref uint first = ref MemoryMarshal.GetReference(words);
        Avx512F.PermuteVar16x32x2(a0.AsUInt32(), lowHalves, b0.AsUInt32()).StoreUnsafe(ref first);
        Avx512F.PermuteVar16x32x2(a1.AsUInt32(), lowHalves, b1.AsUInt32()).StoreUnsafe(ref first, 16);
        Avx512F.PermuteVar16x32x2(a2.AsUInt32(), lowHalves, b2.AsUInt32()).StoreUnsafe(ref first, 32);
        Avx512F.PermuteVar16x32x2(a3.AsUInt32(), lowHalves, b3.AsUInt32()).StoreUnsafe(ref first, 48);
        Avx512F.PermuteVar16x32x2(d0.AsUInt32(), lowHalves, e0.AsUInt32()).StoreUnsafe(ref first, 64);
        Avx512F.PermuteVar16x32x2(d1.AsUInt32(), lowHalves, e1.AsUInt32()).StoreUnsafe(ref first, 80);
        Avx512F.PermuteVar16x32x2(d2.AsUInt32(), lowHalves, e2.AsUInt32()).StoreUnsafe(ref first, 96);
        Avx512F.PermuteVar16x32x2(d3.AsUInt32(), lowHalves, e3.AsUInt32()).StoreUnsafe(ref first, 112);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(
        ref Vector512<ulong> c0,
        ref Vector512<ulong> c1,
        ref Vector512<ulong> c2,
        ref Vector512<ulong> c3,
        Vector512<uint> multiplier0,
        Vector512<uint> multiplier1,
        Vector512<ulong> key0,
        Vector512<ulong> key1)
    {
        var product0 = Avx512F.Multiply(c0.AsUInt32(), multiplier0);
        var product1 = Avx512F.Multiply(c2.AsUInt32(), multiplier1);
        c0 = Avx512F.TernaryLogic(c1, product1 >>> 32, key0, ExclusiveOrOfThree);
        c1 = product1;
        c2 = Avx512F.TernaryLogic(c3, product0 >>> 32, key1, ExclusiveOrOfThree);
        c3 = product0;
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

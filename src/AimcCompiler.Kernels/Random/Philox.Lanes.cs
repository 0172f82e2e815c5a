using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

public static partial class Philox
{
    /// <summary>Words of sixteen counters that have a key each: word w of lane i to words[16 w + i].</summary>
    /// <param name="keys">Low words, then high words, of the sixteen keys.</param>
    /// <param name="counters">Words 0, 1, 2 and 3 of the sixteen counters, one after the other.</param>
    /// <param name="words">The result; may be the counters' memory.</param>
    internal static void Lanes(ReadOnlySpan<uint> keys, ReadOnlySpan<uint> counters, Span<uint> words)
    {
        Debug.Assert(keys.Length >= 2 * BlockCounters && counters.Length >= 4 * BlockCounters && words.Length >= 4 * BlockCounters);
        ref uint key = ref MemoryMarshal.GetReference(keys);
        ref uint counter = ref MemoryMarshal.GetReference(counters);
        ref uint word = ref MemoryMarshal.GetReference(words);
        if (Lanes16.IsSupported)
        {
            Lanes512(ref key, ref counter, ref word);
        }
        else if (Lanes8.IsSupported)
        {
            Lanes256(ref key, ref counter, ref word);
            Lanes256(ref Unsafe.Add(ref key, 8), ref Unsafe.Add(ref counter, 8), ref Unsafe.Add(ref word, 8));
        }
        else
        {
            for (int i = 0; i < BlockCounters; i++)
            {
                (words[i], words[16 + i], words[32 + i], words[48 + i]) =
                    Generate(((ulong)keys[16 + i] << 32) | keys[i], counters[i], counters[16 + i], counters[32 + i], counters[48 + i]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Lanes512(ref uint key, ref uint counter, ref uint word)
    {
        var multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        var weyl0 = Vector512.Create((ulong)Weyl0).AsUInt32();
        var weyl1 = Vector512.Create((ulong)Weyl1).AsUInt32();
        var a0 = Wide(ref counter, 0);
        var b0 = Wide(ref counter, 8);
        var a1 = Wide(ref counter, 16);
        var b1 = Wide(ref counter, 24);
        var a2 = Wide(ref counter, 32);
        var b2 = Wide(ref counter, 40);
        var a3 = Wide(ref counter, 48);
        var b3 = Wide(ref counter, 56);
        var ka0 = Wide(ref key, 0).AsUInt32();
        var kb0 = Wide(ref key, 8).AsUInt32();
        var ka1 = Wide(ref key, 16).AsUInt32();
        var kb1 = Wide(ref key, 24).AsUInt32();
        for (int round = 0; round < Rounds; round++)
        {
            var p0 = Avx512F.Multiply(a0.AsUInt32(), multiplier0);
            var p1 = Avx512F.Multiply(a2.AsUInt32(), multiplier1);
            var q0 = Avx512F.Multiply(b0.AsUInt32(), multiplier0);
            var q1 = Avx512F.Multiply(b2.AsUInt32(), multiplier1);
            a0 = (p1 >>> 32) ^ a1 ^ ka0.AsUInt64();
            a1 = p1;
            a2 = (p0 >>> 32) ^ a3 ^ ka1.AsUInt64();
            a3 = p0;
            b0 = (q1 >>> 32) ^ b1 ^ kb0.AsUInt64();
            b1 = q1;
            b2 = (q0 >>> 32) ^ b3 ^ kb1.AsUInt64();
            b3 = q0;
            ka0 += weyl0;
            kb0 += weyl0;
            ka1 += weyl1;
            kb1 += weyl1;
        }

        Vector512.Narrow(a0, b0).StoreUnsafe(ref word);
        Vector512.Narrow(a1, b1).StoreUnsafe(ref word, 16);
        Vector512.Narrow(a2, b2).StoreUnsafe(ref word, 32);
        Vector512.Narrow(a3, b3).StoreUnsafe(ref word, 48);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector512<ulong> Wide(ref uint source, nuint at) => Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref source, at));
    }

    /// <summary>Words 0 and 1 of two counters that follow each other with sixteen keys: word w of counter i and lane j to words[32 i + 16 w + j]. Needs AVX-512.</summary>
    /// <remarks>The first round knows its products, the last two need not make what nobody reads. Two counters together, because a round waits for its products.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FirstWords512(ReadOnlySpan<uint> keys, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        Debug.Assert(keys.Length >= 2 * BlockCounters && words.Length >= 4 * BlockCounters);
        ref uint key = ref MemoryMarshal.GetReference(keys);
        var multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        var weyl0 = Vector512.Create((ulong)Weyl0).AsUInt32();
        var weyl1 = Vector512.Create((ulong)Weyl1).AsUInt32();
        // Lanes 0 to 7 are a and c, lanes 8 to 15 are b and d; a and b are the first counter, c and d the second.
        var ka0 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key)).AsUInt32();
        var kb0 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 8)).AsUInt32();
        var ka1 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 16)).AsUInt32();
        var kb1 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 24)).AsUInt32();
        ulong product0 = (ulong)Multiplier0 * c0;
        ulong next0 = (ulong)Multiplier0 * (c0 + 1);
        ulong product1 = (ulong)Multiplier1 * c2;
        var first = Vector512.Create((product1 >> 32) ^ c1);
        var third = Vector512.Create((product0 >> 32) ^ c3);
        var nextThird = Vector512.Create((next0 >> 32) ^ c3);
        var a0 = first ^ ka0.AsUInt64();
        var b0 = first ^ kb0.AsUInt64();
        var a1 = Vector512.Create(product1);
        var b1 = a1;
        var a2 = third ^ ka1.AsUInt64();
        var b2 = third ^ kb1.AsUInt64();
        var a3 = Vector512.Create(product0);
        var b3 = a3;
        var c0s = a0;
        var d0s = b0;
        var c1s = a1;
        var d1s = a1;
        var c2s = nextThird ^ ka1.AsUInt64();
        var d2s = nextThird ^ kb1.AsUInt64();
        var c3s = Vector512.Create(next0);
        var d3s = c3s;
        for (int round = 1; round < Rounds - 2; round++)
        {
            ka0 += weyl0;
            kb0 += weyl0;
            ka1 += weyl1;
            kb1 += weyl1;
            Round(ref a0, ref a1, ref a2, ref a3, ka0, ka1, multiplier0, multiplier1);
            Round(ref b0, ref b1, ref b2, ref b3, kb0, kb1, multiplier0, multiplier1);
            Round(ref c0s, ref c1s, ref c2s, ref c3s, ka0, ka1, multiplier0, multiplier1);
            Round(ref d0s, ref d1s, ref d2s, ref d3s, kb0, kb1, multiplier0, multiplier1);
        }

        // The last but one makes words 1 and 2, the last words 0 and 1.
        ka0 += weyl0 + weyl0;
        kb0 += weyl0 + weyl0;
        ka1 += weyl1;
        kb1 += weyl1;
        Last(ref a0, ref a1, a2, a3, ka0, ka1, multiplier0, multiplier1);
        Last(ref b0, ref b1, b2, b3, kb0, kb1, multiplier0, multiplier1);
        Last(ref c0s, ref c1s, c2s, c3s, ka0, ka1, multiplier0, multiplier1);
        Last(ref d0s, ref d1s, d2s, d3s, kb0, kb1, multiplier0, multiplier1);
        ref uint word = ref MemoryMarshal.GetReference(words);
        Vector512.Narrow(a0, b0).StoreUnsafe(ref word);
        Vector512.Narrow(a1, b1).StoreUnsafe(ref word, 16);
        Vector512.Narrow(c0s, d0s).StoreUnsafe(ref word, 32);
        Vector512.Narrow(c1s, d1s).StoreUnsafe(ref word, 48);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Round(
            ref Vector512<ulong> s0, ref Vector512<ulong> s1, ref Vector512<ulong> s2, ref Vector512<ulong> s3,
            Vector512<uint> k0, Vector512<uint> k1, Vector512<uint> multiplier0, Vector512<uint> multiplier1)
        {
            var p0 = Avx512F.Multiply(s0.AsUInt32(), multiplier0);
            var p1 = Avx512F.Multiply(s2.AsUInt32(), multiplier1);
            s0 = (p1 >>> 32) ^ s1 ^ k0.AsUInt64();
            s1 = p1;
            s2 = (p0 >>> 32) ^ s3 ^ k1.AsUInt64();
            s3 = p0;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static void Last(
            ref Vector512<ulong> s0, ref Vector512<ulong> s1, Vector512<ulong> s2, Vector512<ulong> s3,
            Vector512<uint> k0, Vector512<uint> k1, Vector512<uint> multiplier0, Vector512<uint> multiplier1)
        {
            s1 = Avx512F.Multiply(s2.AsUInt32(), multiplier1);
            s2 = (Avx512F.Multiply(s0.AsUInt32(), multiplier0) >>> 32) ^ s3 ^ k1.AsUInt64();
            var p1 = Avx512F.Multiply(s2.AsUInt32(), multiplier1);
            s0 = (p1 >>> 32) ^ s1 ^ k0.AsUInt64();
            s1 = p1;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Lanes256(ref uint key, ref uint counter, ref uint word)
    {
        var multiplier0 = Vector256.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector256.Create((ulong)Multiplier1).AsUInt32();
        var weyl0 = Vector256.Create((ulong)Weyl0).AsUInt32();
        var weyl1 = Vector256.Create((ulong)Weyl1).AsUInt32();
        var a0 = Wide(ref counter, 0);
        var b0 = Wide(ref counter, 4);
        var a1 = Wide(ref counter, 16);
        var b1 = Wide(ref counter, 20);
        var a2 = Wide(ref counter, 32);
        var b2 = Wide(ref counter, 36);
        var a3 = Wide(ref counter, 48);
        var b3 = Wide(ref counter, 52);
        var ka0 = Wide(ref key, 0).AsUInt32();
        var kb0 = Wide(ref key, 4).AsUInt32();
        var ka1 = Wide(ref key, 16).AsUInt32();
        var kb1 = Wide(ref key, 20).AsUInt32();
        for (int round = 0; round < Rounds; round++)
        {
            var p0 = Avx2.Multiply(a0.AsUInt32(), multiplier0);
            var p1 = Avx2.Multiply(a2.AsUInt32(), multiplier1);
            var q0 = Avx2.Multiply(b0.AsUInt32(), multiplier0);
            var q1 = Avx2.Multiply(b2.AsUInt32(), multiplier1);
            a0 = (p1 >>> 32) ^ a1 ^ ka0.AsUInt64();
            a1 = p1;
            a2 = (p0 >>> 32) ^ a3 ^ ka1.AsUInt64();
            a3 = p0;
            b0 = (q1 >>> 32) ^ b1 ^ kb0.AsUInt64();
            b1 = q1;
            b2 = (q0 >>> 32) ^ b3 ^ kb1.AsUInt64();
            b3 = q0;
            ka0 += weyl0;
            kb0 += weyl0;
            ka1 += weyl1;
            kb1 += weyl1;
        }

        Vector256.Narrow(a0, b0).StoreUnsafe(ref word);
        Vector256.Narrow(a1, b1).StoreUnsafe(ref word, 16);
        Vector256.Narrow(a2, b2).StoreUnsafe(ref word, 32);
        Vector256.Narrow(a3, b3).StoreUnsafe(ref word, 48);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<ulong> Wide(ref uint source, nuint at) => Avx2.ConvertToVector256Int64(Vector128.LoadUnsafe(ref source, at)).AsUInt64();
    }
}

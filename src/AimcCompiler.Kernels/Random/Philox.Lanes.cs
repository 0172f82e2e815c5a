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

    /// <summary>Words 0 and 1 of one counter with sixteen keys: word w of lane i to words[16 w + i]. Needs AVX-512.</summary>
    /// <remarks>The first round knows its products, the last two need not make what nobody reads.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FirstWords512(ReadOnlySpan<uint> keys, uint c0, uint c1, uint c2, uint c3, Span<uint> words)
    {
        Debug.Assert(keys.Length >= 2 * BlockCounters && words.Length >= 2 * BlockCounters);
        ref uint key = ref MemoryMarshal.GetReference(keys);
        var multiplier0 = Vector512.Create((ulong)Multiplier0).AsUInt32();
        var multiplier1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        var weyl0 = Vector512.Create((ulong)Weyl0).AsUInt32();
        var weyl1 = Vector512.Create((ulong)Weyl1).AsUInt32();
        var ka0 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key)).AsUInt32();
        var kb0 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 8)).AsUInt32();
        var ka1 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 16)).AsUInt32();
        var kb1 = Avx512F.ConvertToVector512UInt64(Vector256.LoadUnsafe(ref key, 24)).AsUInt32();
        ulong product0 = (ulong)Multiplier0 * c0;
        ulong product1 = (ulong)Multiplier1 * c2;
        var first = Vector512.Create((product1 >> 32) ^ c1);
        var third = Vector512.Create((product0 >> 32) ^ c3);
        var a0 = first ^ ka0.AsUInt64();
        var b0 = first ^ kb0.AsUInt64();
        var a1 = Vector512.Create(product1);
        var b1 = a1;
        var a2 = third ^ ka1.AsUInt64();
        var b2 = third ^ kb1.AsUInt64();
        var a3 = Vector512.Create(product0);
        var b3 = a3;
        for (int round = 1; round < Rounds - 2; round++)
        {
            ka0 += weyl0;
            kb0 += weyl0;
            ka1 += weyl1;
            kb1 += weyl1;
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
        }

        // The last but one: words 1 and 2.
        a1 = Avx512F.Multiply(a2.AsUInt32(), multiplier1);
        b1 = Avx512F.Multiply(b2.AsUInt32(), multiplier1);
        a2 = (Avx512F.Multiply(a0.AsUInt32(), multiplier0) >>> 32) ^ a3 ^ (ka1 + weyl1).AsUInt64();
        b2 = (Avx512F.Multiply(b0.AsUInt32(), multiplier0) >>> 32) ^ b3 ^ (kb1 + weyl1).AsUInt64();

        // The last: words 0 and 1.
        var lastA = Avx512F.Multiply(a2.AsUInt32(), multiplier1);
        var lastB = Avx512F.Multiply(b2.AsUInt32(), multiplier1);
        a0 = (lastA >>> 32) ^ a1 ^ (ka0 + weyl0 + weyl0).AsUInt64();
        b0 = (lastB >>> 32) ^ b1 ^ (kb0 + weyl0 + weyl0).AsUInt64();
        ref uint word = ref MemoryMarshal.GetReference(words);
        Vector512.Narrow(a0, b0).StoreUnsafe(ref word);
        Vector512.Narrow(lastA, lastB).StoreUnsafe(ref word, 16);
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

using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace AimcCompiler.Kernels;

public static partial class Gaussian
{
    /// <summary>Truth table of (a and b) or c.</summary>
    private const byte AndOr = 0xEA;

    /// <summary>Truth table of a ^ (b and c).</summary>
    private const byte ExclusiveOrOfAnd = 0x78;

    /// <summary><see cref="Pair"/> of words i and i + 16 to normals i and i + 16, for i = 0 .. 15 of every 32: the same bits. Needs AVX-512.</summary>
    /// <remarks>The same operations but for powers of two, which commute with rounding: the division by 2^32 is done in the exponent that the logarithm
    /// takes out, and twice the logarithm comes from twice its coefficients. Two registers of every number: what one waits for, the other's work fills.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Pairs512(ReadOnlySpan<uint> words, Span<float> normals)
    {
        Debug.Assert(words.Length % 64 == 0 && normals.Length == words.Length);
        ref uint word = ref MemoryMarshal.GetReference(words);
        ref float normal = ref MemoryMarshal.GetReference(normals);
        for (int i = 0; i < words.Length; i += 64)
        {
            var radius = Radius(new Twin(ref Unsafe.Add(ref word, i)));
            Angle(new Twin(ref Unsafe.Add(ref word, i + 16)), out var sin, out var cos);
            (radius * cos).Store(ref Unsafe.Add(ref normal, i));
            (radius * sin).Store(ref Unsafe.Add(ref normal, i + 16));
        }
    }

    /// <summary>sqrt(-2 ln((word + 1/2) / 2^32)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Twin Radius(Twin word)
    {
        var low = word.Ternary(0xffff, 0x4b000000, AndOr) - 8388607.5f; // 2^23 + its low half, less 2^23 - 1/2
        var u = Twin.FusedMultiplyAdd(word.HighHalf(), 65536f, low);

        // u = m 2^(e + 32) with m in [2/3, 4/3)
        var shifted = u.AddBits(unchecked((uint)(-0x3f2aaaab - (32 << 23))));
        var e = shifted.Exponent();
        var f = shifted.And(0x7fffff).AddBits(0x3f2aaaab) - 1f;
        var square = f * f;
        var p = Twin.FusedMultiplyAdd(2 * 0.113306172f, f, 2 * -0.124222003f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * 0.109156549f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * -0.122887217f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * 0.142918676f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * -0.166733161f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * 0.199999481f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * -0.249999449f);
        p = Twin.FusedMultiplyAdd(p, f, 2 * 0.333333343f);
        p = Twin.FusedMultiplyAdd(p, f, -1f);
        var tail = Twin.FusedMultiplyAdd(e, 2 * -1.90465421e-9f, square * p);
        return Twin.SqrtOfNegated(e, 2 * 0.693147182f, Twin.FusedMultiplyAdd(f, 2f, tail));
    }

    /// <summary>Sine and cosine of 2 pi word / 2^32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Angle(Twin word, out Twin sin, out Twin cos)
    {
        var f = word.TimesFourAsInteger() * (1f / 4294967296f);
        var z = f * f;
        var s = Twin.FusedMultiplyAdd(-0.00460214913f, z, 0.0796802193f);
        s = Twin.FusedMultiplyAdd(s, z, -0.64596349f);
        s = Twin.FusedMultiplyAdd(s, z, 1.57079637f);
        s *= f;
        var c = Twin.FusedMultiplyAdd(0.000906739908f, z, -0.0208615288f);
        c = Twin.FusedMultiplyAdd(c, z, 0.253669411f);
        c = Twin.FusedMultiplyAdd(c, z, -1.23370051f);
        c = Twin.FusedMultiplyAdd(c, z, 1f);

        // The quadrant is in bits 30 and 31: odd quadrants swap the two; bit 31 of it and of the next one are the signs.
        var quadrant = word.AddBits(1u << 29);
        var next = quadrant.AddBits(1u << 30);
        sin = Twin.Select(quadrant, 1u << 30, c, s).Ternary(quadrant, 1u << 31, ExclusiveOrOfAnd);
        cos = Twin.Select(quadrant, 1u << 30, s, c).Ternary(next, 1u << 31, ExclusiveOrOfAnd);
    }

    /// <summary>Two registers, 32 words apart in memory.</summary>
    private readonly struct Twin
    {
        private readonly Vector512<float> _a;
        private readonly Vector512<float> _b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin(ref readonly uint words)
            : this(Vector512.LoadUnsafe(in words).AsSingle(), Vector512.LoadUnsafe(in words, 32).AsSingle())
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Twin(Vector512<float> a, Vector512<float> b)
        {
            _a = a;
            _b = b;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(ref float normals)
        {
            _a.StoreUnsafe(ref normals);
            _b.StoreUnsafe(ref normals, 32);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin operator *(Twin left, Twin right) => new(left._a * right._a, left._b * right._b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin operator *(Twin left, float right) => new(left._a * Vector512.Create(right), left._b * Vector512.Create(right));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin operator -(Twin left, float right) => new(left._a - Vector512.Create(right), left._b - Vector512.Create(right));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin FusedMultiplyAdd(Twin a, Twin b, float c) =>
            new(Vector512.FusedMultiplyAdd(a._a, b._a, Vector512.Create(c)), Vector512.FusedMultiplyAdd(a._b, b._b, Vector512.Create(c)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin FusedMultiplyAdd(float a, Twin b, float c) =>
            new(Vector512.FusedMultiplyAdd(Vector512.Create(a), b._a, Vector512.Create(c)), Vector512.FusedMultiplyAdd(Vector512.Create(a), b._b, Vector512.Create(c)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin FusedMultiplyAdd(Twin a, float b, Twin c) =>
            new(Vector512.FusedMultiplyAdd(a._a, Vector512.Create(b), c._a), Vector512.FusedMultiplyAdd(a._b, Vector512.Create(b), c._b));

        /// <summary>sqrt(-(a b + c)).</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin SqrtOfNegated(Twin a, float b, Twin c) =>
            new(
                Vector512.Sqrt(Avx512F.FusedMultiplySubtractNegated(a._a, Vector512.Create(b), c._a)),
                Vector512.Sqrt(Avx512F.FusedMultiplySubtractNegated(a._b, Vector512.Create(b), c._b)));

        /// <summary>Where the selector has a bit, left, else right.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Twin Select(Twin selector, uint bit, Twin left, Twin right) =>
            new(Select(selector._a, bit, left._a, right._a), Select(selector._b, bit, left._b, right._b));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin And(uint bits) => new((_a.AsUInt32() & Vector512.Create(bits)).AsSingle(), (_b.AsUInt32() & Vector512.Create(bits)).AsSingle());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin AddBits(uint bits) => new((_a.AsUInt32() + Vector512.Create(bits)).AsSingle(), (_b.AsUInt32() + Vector512.Create(bits)).AsSingle());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin Ternary(uint b, uint c, [ConstantExpected] byte table) =>
            new(
                Avx512F.TernaryLogic(_a.AsUInt32(), Vector512.Create(b), Vector512.Create(c), table).AsSingle(),
                Avx512F.TernaryLogic(_b.AsUInt32(), Vector512.Create(b), Vector512.Create(c), table).AsSingle());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin Ternary(Twin b, uint c, [ConstantExpected] byte table) =>
            new(
                Avx512F.TernaryLogic(_a.AsUInt32(), b._a.AsUInt32(), Vector512.Create(c), table).AsSingle(),
                Avx512F.TernaryLogic(_b.AsUInt32(), b._b.AsUInt32(), Vector512.Create(c), table).AsSingle());

        /// <summary>The upper 16 bits as an integer.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin HighHalf() => new(Vector512.ConvertToSingle(_a.AsInt32() >>> 16), Vector512.ConvertToSingle(_b.AsInt32() >>> 16));

        /// <summary>Sign and exponent as an integer.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin Exponent() => new(Vector512.ConvertToSingle(_a.AsInt32() >> 23), Vector512.ConvertToSingle(_b.AsInt32() >> 23));

        /// <summary>The bits but for the upper two as a signed integer, times 4.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Twin TimesFourAsInteger() => new(Vector512.ConvertToSingle(_a.AsInt32() << 2), Vector512.ConvertToSingle(_b.AsInt32() << 2));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Select(Vector512<float> selector, uint bit, Vector512<float> left, Vector512<float> right) =>
            Vector512.ConditionalSelect(Vector512.Equals(selector.AsUInt32() & Vector512.Create(bit), Vector512<uint>.Zero).AsSingle(), right, left);
    }
}

using System.Runtime.CompilerServices;

namespace AimcCompiler.Kernels;

/// <summary>Elementary functions from fixed polynomials: the same bits on every machine, at every lane width. Float results are within 2e-7
/// relative of the true value unless said otherwise.</summary>
public static class FixedMath
{
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693147182f;
    private const float Ln2Low = -1.90465421e-9f;

    /// <summary>1.5 2^23: adding it leaves the nearest integer in the low bits.</summary>
    private const float RoundingMagic = 12582912f;

    /// <summary>Natural logarithm of a positive, finite, normal number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Log<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>
    {
        // x = m 2^e with m in [2/3, 4/3)
        var exponentBits = TLanes.ShiftRightArithmetic(TLanes.AddBits(x, TLanes.BroadcastBits(unchecked((uint)-0x3f2aaaab))), 23);
        var e = TLanes.FloatOfInteger(exponentBits);
        var m = TLanes.AddBits(x, TLanes.ShiftLeft(exponentBits ^ TLanes.BroadcastBits(uint.MaxValue), 23));
        m = TLanes.AddBits(m, TLanes.BroadcastBits(1u << 23));
        var f = m - TLanes.Broadcast(1f);
        var square = f * f;

        var p = TLanes.Broadcast(0.113306172f);
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(-0.124222003f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(0.109156549f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(-0.122887217f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(0.142918676f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(-0.166733161f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(0.199999481f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(-0.249999449f));
        p = TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(0.333333343f));

        // ln(1 + f) = f + (-f^2/2 + f^3 p(f)), the small terms first
        var tail = square * TLanes.FusedMultiplyAdd(p, f, TLanes.Broadcast(-0.5f));
        tail = TLanes.FusedMultiplyAdd(e, TLanes.Broadcast(Ln2Low), tail);
        return TLanes.FusedMultiplyAdd(e, TLanes.Broadcast(Ln2High), f + tail);
    }

    /// <summary>e^x for x in [-87, 88]; beyond, the value at the end of that range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Exp<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>
    {
        x = TLanes.Max(TLanes.Min(x, TLanes.Broadcast(88f)), TLanes.Broadcast(-87f));
        var shifted = TLanes.FusedMultiplyAdd(x, TLanes.Broadcast(Log2E), TLanes.Broadcast(RoundingMagic));
        var n = shifted - TLanes.Broadcast(RoundingMagic);
        var r = TLanes.FusedMultiplyAdd(n, TLanes.Broadcast(-Ln2High), x);
        r = TLanes.FusedMultiplyAdd(n, TLanes.Broadcast(-Ln2Low), r);

        var p = TLanes.Broadcast(0.0013926184f);
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(0.00836317893f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(0.0416665561f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(0.166665763f));
        p = TLanes.FusedMultiplyAdd(p, r, TLanes.Broadcast(0.5f));
        var value = TLanes.FusedMultiplyAdd(p, r * r, r) + TLanes.Broadcast(1f);

        // 2^n by adding n to the exponent field
        return TLanes.AddBits(value, TLanes.ShiftLeft(shifted, 23));
    }

    /// <summary>x^y = e^(y ln x) for x as in <see cref="Log{TLanes}(TLanes)"/>: within (1 + |y ln x|) 2e-7 relative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Pow<TLanes>(TLanes x, TLanes y)
        where TLanes : struct, ILanes<TLanes> => Exp(y * Log(x));

    /// <summary>Sine and cosine of 2 pi turn / 2^32, turn being the bit pattern of a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TLanes Sin, TLanes Cos) SinCos<TLanes>(TLanes turn)
        where TLanes : struct, ILanes<TLanes>
    {
        // angle = (quadrant + f) pi/2, f in [-1/2, 1/2)
        var quadrant = TLanes.ShiftRightLogical(TLanes.AddBits(turn, TLanes.BroadcastBits(1u << 29)), 30);
        var f = TLanes.FloatOfInteger(TLanes.ShiftLeft(turn, 2)) * TLanes.Broadcast(1f / 4294967296f);
        var z = f * f;

        var s = TLanes.Broadcast(-0.00460214913f);
        s = TLanes.FusedMultiplyAdd(s, z, TLanes.Broadcast(0.0796802193f));
        s = TLanes.FusedMultiplyAdd(s, z, TLanes.Broadcast(-0.64596349f));
        s = TLanes.FusedMultiplyAdd(s, z, TLanes.Broadcast(1.57079637f));
        s *= f;

        var c = TLanes.Broadcast(0.000906739908f);
        c = TLanes.FusedMultiplyAdd(c, z, TLanes.Broadcast(-0.0208615288f));
        c = TLanes.FusedMultiplyAdd(c, z, TLanes.Broadcast(0.253669411f));
        c = TLanes.FusedMultiplyAdd(c, z, TLanes.Broadcast(-1.23370051f));
        c = TLanes.FusedMultiplyAdd(c, z, TLanes.Broadcast(1f));

        // odd quadrants swap the two; the signs are bit 1 of quadrant and of quadrant + 1
        var odd = TLanes.ShiftRightArithmetic(TLanes.ShiftLeft(quadrant, 31), 31);
        var swap = (s ^ c) & odd;
        var signBit = TLanes.BroadcastBits(1u << 31);
        var sinSign = TLanes.ShiftLeft(quadrant, 30) & signBit;
        var cosSign = TLanes.ShiftLeft(TLanes.AddBits(quadrant, TLanes.BroadcastBits(1)), 30) & signBit;
        return (s ^ swap ^ sinSign, c ^ swap ^ cosSign);
    }

    /// <summary>Natural logarithm of a positive, finite, normal number, within 4e-16 of max(1, |ln x|).</summary>
    public static double Log(double x)
    {
        // x = m 2^e with m in [1/sqrt 2, sqrt 2); ln m = 2 artanh s, s = (m - 1) / (m + 1), |s| < 0.172
        long bits = BitConverter.DoubleToInt64Bits(x);
        long exponent = (bits - 0x3fe6a09e667f3bcdL) >> 52;
        double m = BitConverter.Int64BitsToDouble(bits - (exponent << 52));
        double s = (m - 1) / (m + 1);
        double z = s * s;
        double p = 0;
        for (int k = 21; k >= 3; k -= 2)
        {
            p = Math.FusedMultiplyAdd(p, z, 1.0 / k);
        }

        const double Ln2High = 0.69314718055994529;
        const double Ln2Low = 2.3190468138462996e-17;
        double tail = Math.FusedMultiplyAdd(exponent, Ln2Low, 2 * s * z * p);
        return Math.FusedMultiplyAdd(exponent, Ln2High, (2 * s) + tail);
    }

    /// <summary>The float function, one number at a time.</summary>
    public static float Log(float x) => Only(Log(new Lanes1(x)));

    public static float Exp(float x) => Only(Exp(new Lanes1(x)));

    public static float Pow(float x, float y) => Only(Pow(new Lanes1(x), new Lanes1(y)));

    public static (float Sin, float Cos) SinCos(uint turn)
    {
        var (sin, cos) = SinCos(Lanes1.BroadcastBits(turn));
        return (Only(sin), Only(cos));
    }

    private static float Only(Lanes1 lane)
    {
        float value = 0;
        Lanes1.Store(lane, ref value);
        return value;
    }
}

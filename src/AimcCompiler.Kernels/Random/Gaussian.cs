using System.Runtime.CompilerServices;

namespace AimcCompiler.Kernels;

/// <summary>Standard normals from random words (Box and Muller, 1958).</summary>
public static partial class Gaussian
{
    /// <summary>Two independent standard normals from the bit patterns of two lanes, of magnitude 0 .. 6.77.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (TLanes First, TLanes Second) Pair<TLanes>(TLanes word0, TLanes word1)
        where TLanes : struct, ILanes<TLanes>
    {
        var u = Uniform(word0);
        var radius = TLanes.Sqrt(TLanes.Broadcast(-2f) * FixedMath.Log(u));
        var (sin, cos) = FixedMath.SinCos(word1);
        return (radius * cos, radius * sin);
    }

    /// <summary>(word + 1/2) / 2^32 in (0, 1].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Uniform<TLanes>(TLanes word)
        where TLanes : struct, ILanes<TLanes>
    {
        // by halves because only signed integers convert everywhere; the one rounding is in the addition
        var high = TLanes.FloatOfInteger(TLanes.ShiftRightLogical(word, 16));
        var low = TLanes.FloatOfInteger(word & TLanes.BroadcastBits(0xffff));
        return TLanes.FusedMultiplyAdd(high, TLanes.Broadcast(65536f), low + TLanes.Broadcast(0.5f)) * TLanes.Broadcast(1f / 4294967296f);
    }
}

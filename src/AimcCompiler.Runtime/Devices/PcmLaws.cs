using System.Runtime.CompilerServices;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>The shapes that the laws of phase-change memory are made of.</summary>
internal static class PcmLaws
{
    /// <summary>clip(slope ln x + offset, least, greatest).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ClippedLine<TLanes>(TLanes logX, float slope, float offset, float least, float greatest)
        where TLanes : struct, ILanes<TLanes>
    {
        var line = TLanes.FusedMultiplyAdd(TLanes.Broadcast(slope), logX, TLanes.Broadcast(offset));
        return TLanes.Min(TLanes.Max(line, TLanes.Broadcast(least)), TLanes.Broadcast(greatest));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Quadratic<TLanes>(TLanes x, float c2, float c1, float c0)
        where TLanes : struct, ILanes<TLanes>
    {
        var p = TLanes.FusedMultiplyAdd(TLanes.Broadcast(c2), x, TLanes.Broadcast(c1));
        return TLanes.FusedMultiplyAdd(p, x, TLanes.Broadcast(c0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Cubic<TLanes>(TLanes x, float c3, float c2, float c1, float c0)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.FusedMultiplyAdd(Quadratic(x, c3, c2, c1), x, TLanes.Broadcast(c0));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes HermesDriftMean<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.IfLess(
            x,
            TLanes.Broadcast(0.0945f),
            ClippedLine(logX, -0.0387f, -0.0182f, 0.072f, 0.13f),
            Quadratic(x, -0.0436f, -0.0126f, 0.0736f));
}

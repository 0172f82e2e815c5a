using System.Runtime.CompilerServices;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>aihwkit PCMLikeNoiseModel (inference/noise/pcm.py; Nandakumar et al., ICECS 2019; Joshi et al., Nat. Commun. 2020).</summary>
internal readonly struct PcmLike : IPcmLaw
{
    public static double MeasuredGMaxUs => 25;

    public static double T0S => 20;

    public static double ReadTimeS => 250e-9;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ProgrammingSigma<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>
    {
        var p = TLanes.FusedMultiplyAdd(TLanes.Broadcast(-1.1731f), x, TLanes.Broadcast(1.9650f));
        return TLanes.FusedMultiplyAdd(p, x, TLanes.Broadcast(0.26348f));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftMean<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.ClippedLine(logX, -0.0155f, 0.0244f, 0.049f, 0.1f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftSigma<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.ClippedLine(logX, -0.0125f, -0.0059f, 0.008f, 0.045f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ReadCoefficient<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes>
    {
        // min(0.0088 / max(x^0.65, 1e-3), 0.2); the inner bound is never the tighter one
        var power = FixedMath.Exp(TLanes.Broadcast(-0.65f) * logX);
        return TLanes.Min(TLanes.Broadcast(0.0088f) * power, TLanes.Broadcast(0.2f));
    }
}

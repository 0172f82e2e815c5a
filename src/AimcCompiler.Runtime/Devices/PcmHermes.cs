using System.Runtime.CompilerServices;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>aihwkit HermesNoiseModel with one device per polarity (inference/noise/hermes.py; Le Gallo et al., Nat. Electron.
/// 2023).</summary>
internal readonly struct PcmHermes1 : IPcmLaw
{
    public static double MeasuredGMaxUs => 10.35;

    public static double T0S => 200;

    public static double ReadTimeS => 512e-9;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ProgrammingSigma<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.Cubic(x, 0.68841818f, -2.16310839f, 2.32443916f, 0.15781817f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftMean<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.HermesDriftMean(x, logX);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftSigma<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.IfLess(
            x,
            TLanes.Broadcast(0.3039f),
            PcmLaws.ClippedLine(logX, -0.0120f, -0.0023f, 0.0124f, 0.04f),
            PcmLaws.Quadratic(x, -0.0165f, 0.0116f, 0.0104f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ReadCoefficient<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.IfLess(
            x,
            TLanes.Broadcast(0.1591f),
            PcmLaws.ClippedLine(logX, -0.0078f, 0.0038f, 0.0179f, 0.04f),
            PcmLaws.Cubic(x, 0.0664f, -0.1352f, 0.0768f, 0.0088f));
}

/// <summary>The same with two devices per polarity, whose conductances add.</summary>
internal readonly struct PcmHermes2 : IPcmLaw
{
    public static double MeasuredGMaxUs => 20.7;

    public static double T0S => 300;

    public static double ReadTimeS => 512e-9;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ProgrammingSigma<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.Cubic(x, 4.68961419f, -8.48101252f, 4.71806468f, 0.16603222f);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftMean<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> => PcmLaws.HermesDriftMean(x, logX);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes DriftSigma<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.IfLess(
            x,
            TLanes.Broadcast(0.3055f),
            PcmLaws.ClippedLine(logX, -0.0117f, -0.0057f, 0.0091f, 0.04f),
            PcmLaws.Quadratic(x, -0.0118f, 0.0093f, 0.0073f));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes ReadCoefficient<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes> =>
        TLanes.IfLess(
            x,
            TLanes.Broadcast(0.16f),
            PcmLaws.ClippedLine(logX, -0.0117f, -0.0069f, 0.015f, 0.04f),
            PcmLaws.Cubic(x, 0.0069f, -0.0280f, 0.0211f, 0.0123f));
}

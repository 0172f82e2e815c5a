using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>What a phase-change memory was measured to do; x = conductance / g_max, at least <see cref="Pcm{TLaw}.LeastX"/>.</summary>
internal interface IPcmLaw
{
    /// <summary>The g_max of the measurement; programming errors scale with a cell's g_max over it.</summary>
    static abstract double MeasuredGMaxUs { get; }

    /// <summary>Time of the first read after programming, where drift begins.</summary>
    static abstract double T0S { get; }

    /// <summary>Duration of a read, the shortest period that 1/f noise contributes.</summary>
    static abstract double ReadTimeS { get; }

    /// <summary>Standard deviation of the programming error in uS at the measured g_max; x may be 0.</summary>
    static abstract TLanes ProgrammingSigma<TLanes>(TLanes x)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Mean and standard deviation of the drift exponent.</summary>
    static abstract TLanes DriftMean<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes>;

    static abstract TLanes DriftSigma<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Q: accumulated read noise is g Q sqrt(ln((t + t_read) / (2 t_read))) N.</summary>
    static abstract TLanes ReadCoefficient<TLanes>(TLanes x, TLanes logX)
        where TLanes : struct, ILanes<TLanes>;
}

/// <summary>A phase-change memory that drifts as g (t / t_0)^-nu (aihwkit PCMLikeNoiseModel and HermesNoiseModel), t = time since
/// programming + t_0. Programming error and exponent follow from the target, the coefficient of read noise from the programmed
/// conductance. A scale multiplies an effect; null switches it off.</summary>
internal sealed class Pcm<TLaw>(double? programmingScale, double? driftScale, double? readScale, CellDescription cell, double? noiseRead)
    : DeviceModel(cell, noiseRead)
    where TLaw : struct, IPcmLaw
{
    /// <summary>Where the laws stop to follow x, as in aihwkit.</summary>
    public const float LeastX = 1e-7f;

    public override bool IsIdeal => programmingScale is null && driftScale is null && readScale is null;

    /// <summary>What was asked for last; many devices are asked about one time.</summary>
    private volatile Moment? _latest;

    private protected override void ConductancesOfChunk(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs)
    {
        Span<float> programming = stackalloc float[Chunk];
        Span<float> drift = stackalloc float[Chunk];
        Span<float> read = stackalloc float[Chunk];
        var moment = At(timeS, in stream);
        var kernel = moment.Kernel;
        if (kernel.Programs)
        {
            Draws.NormalsOfKey(in stream, DrawPurpose.Programming, moment.OnceKey, row, firstColumn, programming[..targetUs.Length]);
        }

        if (kernel.Drifts)
        {
            Draws.NormalsOfKey(in stream, DrawPurpose.Drift, moment.OnceKey, row, firstColumn, drift[..targetUs.Length]);
        }

        if (kernel.Reads)
        {
            Draws.NormalsOfKey(in stream, DrawPurpose.ReadAccumulated, moment.TimeKey, row, firstColumn, read[..targetUs.Length]);
        }

        LaneMap.Run(in kernel, targetUs, programming, drift, read, conductanceUs);
    }

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        var kernel = StateAt(null);
        LaneMap.Run(in kernel, targetUs, draws, draws, draws, programmedUs);
    }

    private protected override void LaterOfChunk(
        ReadOnlySpan<float> targetUs,
        ReadOnlySpan<float> programmedUs,
        ReadOnlySpan<float> draws,
        double timeS,
        in CellStream stream,
        int row,
        int firstColumn,
        Span<float> conductanceUs)
    {
        Span<float> drift = stackalloc float[Chunk];
        Span<float> read = stackalloc float[Chunk];
        var moment = At(timeS, in stream);
        LaterKernel kernel = new(moment.Kernel);
        if (kernel.State.Drifts)
        {
            Draws.NormalsOfKey(in stream, DrawPurpose.Drift, moment.OnceKey, row, firstColumn, drift[..targetUs.Length]);
        }

        if (kernel.State.Reads)
        {
            Draws.NormalsOfKey(in stream, DrawPurpose.ReadAccumulated, moment.TimeKey, row, firstColumn, read[..targetUs.Length]);
        }

        LaneMap.Run(in kernel, targetUs, programmedUs, drift, read, conductanceUs);
    }

    private Moment At(double? timeS, in CellStream stream)
    {
        var latest = _latest;
        if (latest is null || latest.TimeS != timeS || latest.Seed != stream.Seed || latest.Instance != stream.Instance)
        {
            latest = new Moment(
                timeS,
                stream.Seed,
                stream.Instance,
                StateAt(timeS),
                Draws.EventKey(stream.Seed, stream.Instance, 0),
                Draws.EventKey(stream.Seed, stream.Instance, Draws.Time(timeS ?? 0)));
            _latest = latest;
        }

        return latest;
    }

    internal StateKernel StateAt(double? timeS)
    {
        double t = (timeS ?? 0) + TLaw.T0S;
        return new StateKernel
        {
            PerGMax = (float)(1 / GMaxUs),
            Programs = programmingScale is not null,
            ProgrammingScale = (float)((programmingScale ?? 0) * GMaxUs / TLaw.MeasuredGMaxUs),
            Drifts = driftScale is not null && timeS > 0,
            DriftExponentFactor = (float)(-(driftScale ?? 0) * FixedMath.Log(t / TLaw.T0S)),
            Reads = readScale is not null && timeS is not null,
            ReadFactor = (float)((readScale ?? 0) * Math.Sqrt(FixedMath.Log((t + TLaw.ReadTimeS) / (2 * TLaw.ReadTimeS)))),
        };
    }

    /// <summary>Conductance from target and the standard normals of programming, drift and accumulated read noise.</summary>
    internal readonly struct StateKernel : ILaneKernel
    {
        public required float PerGMax { get; init; }

        public required bool Programs { get; init; }

        public required float ProgrammingScale { get; init; }

        public required bool Drifts { get; init; }

        /// <summary>-scale ln(t / t_0).</summary>
        public required float DriftExponentFactor { get; init; }

        public required bool Reads { get; init; }

        public required float ReadFactor { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var programmed = a;
            if (Programs)
            {
                var sigma = TLaw.ProgrammingSigma(a * TLanes.Broadcast(PerGMax)) * TLanes.Broadcast(ProgrammingScale);
                programmed = TLanes.Max(TLanes.FusedMultiplyAdd(sigma, b, a), TLanes.Broadcast(0));
            }

            return Later(a, programmed, c, d);
        }

        /// <summary>Drift by the target a, read noise by what was programmed.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Later<TLanes>(TLanes a, TLanes programmed, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var state = programmed;
            if (Drifts)
            {
                var x = TLanes.Max(a * TLanes.Broadcast(PerGMax), TLanes.Broadcast(LeastX));
                var logX = FixedMath.Log(x);
                var nu = TLanes.FusedMultiplyAdd(TLaw.DriftSigma(x, logX), c, TLaw.DriftMean(x, logX));
                nu &= TLanes.BroadcastBits(0x7fffffff);
                state *= FixedMath.Exp(nu * TLanes.Broadcast(DriftExponentFactor));
            }

            if (Reads)
            {
                var x = TLanes.Max(programmed * TLanes.Broadcast(PerGMax), TLanes.Broadcast(LeastX));
                var coefficient = TLaw.ReadCoefficient(x, FixedMath.Log(x)) * TLanes.Broadcast(ReadFactor);
                state = TLanes.Max(TLanes.FusedMultiplyAdd(state * coefficient, d, state), TLanes.Broadcast(0));
            }

            return state;
        }
    }

    /// <summary>The second half alone: target, programmed conductance, normals of drift and read noise.</summary>
    internal readonly struct LaterKernel(StateKernel state) : ILaneKernel
    {
        public StateKernel State { get; } = state;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => State.Later(a, b, c, d);
    }

    /// <summary>What all devices of a seed and instance have in common at a time.</summary>
    /// <param name="TimeS">Since programming.</param>
    /// <param name="Seed">Of the draws.</param>
    /// <param name="Instance">Of the draws.</param>
    /// <param name="Kernel">Their state.</param>
    /// <param name="OnceKey">Key of the draws that stay.</param>
    /// <param name="TimeKey">Key of the draws of this time.</param>
    private sealed record Moment(double? TimeS, ulong Seed, int Instance, StateKernel Kernel, ulong OnceKey, ulong TimeKey);
}

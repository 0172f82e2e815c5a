using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>aihwkit ReRamCMONoiseModel (inference/noise/reram.py; CMO/HfOx of IBM Zurich), in absolute uS. Programming: g = max(0, target + (a + b target) N), a and b by the
/// acceptance range of write-verify. Relaxation from 1 s on: g -= 0.089 ln t, with a deviation that grows with ln t; the normal of a device stays with it. Accumulated read
/// noise: sigma ~ log10(g) sqrt(ln((t + 1 us) / 2 us)), not below 0. What has relaxed stays between g_min and g_max. Time 0 is just programmed, and times below 1 s count
/// as 1 s.</summary>
internal sealed class RramCmo(RramCmoDevice device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    private const double ReadTimeS = 1e-6;

    private readonly float _gMin = (float)cell.GMinUs;

    public override bool IsIdeal => device is { ProgrammingScale: null, DriftScale: null, ReadScale: null };

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        double scale = device.ProgrammingScale ?? 0;
        var (a, b) = device.AcceptancePercent == 2 ? (.0112185391, .01129027418) : (.00081107, .00106879);
        Gaussian.ProgrammingKernel kernel = new((float)(scale * a), (float)(scale * b), 0);
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
        if (timeS == 0)
        {
            programmedUs.CopyTo(conductanceUs);
            return;
        }

        Span<float> drift = stackalloc float[Chunk];
        Span<float> read = stackalloc float[Chunk];
        double t = Math.Max(timeS, 1);
        double drifts = device.DriftScale ?? 0;
        LaterKernel kernel = new()
        {
            Drifts = device.DriftScale is not null,
            Mean = (float)(drifts * -.08900206 * FixedMath.Log(t)),
            Sigma = (float)(drifts * ((.04201137 * FixedMath.Log(t)) + .41183342)),
            Reads = device.ReadScale is not null,
            ReadFactor = (float)((device.ReadScale ?? 0) * .0277316483 * Math.Sqrt(FixedMath.Log((t + ReadTimeS) / (2 * ReadTimeS))) / Math.Log(10)),
            GMin = _gMin,
            GMax = (float)GMaxUs,
        };
        if (kernel.Drifts)
        {
            Draws.Normals(in stream, DrawPurpose.Drift, extra: 0, row, firstColumn, drift[..targetUs.Length]);
        }

        if (kernel.Reads)
        {
            Draws.Normals(in stream, DrawPurpose.ReadAccumulated, Draws.Time(timeS), row, firstColumn, read[..targetUs.Length]);
        }

        LaneMap.Run(in kernel, targetUs, programmedUs, drift, read, conductanceUs);
    }

    private readonly struct LaterKernel : ILaneKernel
    {
        public required bool Drifts { get; init; }

        public required float Mean { get; init; }

        public required float Sigma { get; init; }

        public required bool Reads { get; init; }

        /// <summary>Read sigma over ln g.</summary>
        public required float ReadFactor { get; init; }

        public required float GMin { get; init; }

        public required float GMax { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var state = b;
            if (Drifts)
            {
                state += TLanes.FusedMultiplyAdd(TLanes.Broadcast(Sigma), c, TLanes.Broadcast(Mean));
            }

            if (Reads)
            {
                // at 1 uS and below the published law has no noise left
                var log = FixedMath.Log(TLanes.Max(state, TLanes.Broadcast(1)));
                state = TLanes.FusedMultiplyAdd(log * TLanes.Broadcast(ReadFactor), d, state);
            }

            return TLanes.Min(TLanes.Max(state, TLanes.Broadcast(GMin)), TLanes.Broadcast(GMax));
        }
    }
}

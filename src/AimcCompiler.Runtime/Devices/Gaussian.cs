using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>g = max(0, target + sigma N), drawn once at programming; N is normal, or uniform of deviation 1; sigma is a fraction of g_max, of the target, or of g_max
/// over the normalised target. Read noise per MVM: normal, of the same scaling by the present conductance (CrossSim, devices/generic_device.py).</summary>
internal sealed class Gaussian(GaussianDevice device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    public override bool IsIdeal => !(device.ProgrammingSigma > 0);

    private protected override bool HasOwnReadNoise => device.ReadSigma > 0;

    private protected override void PulseDraws(in CellStream stream, DrawPurpose purpose, ulong pulse, int row, int firstColumn, Span<float> draws)
    {
        if (device.Distribution == NoiseDistribution.Normal)
        {
            base.PulseDraws(in stream, purpose, pulse, row, firstColumn, draws);
            return;
        }

        Draws.Uniforms(in stream, purpose, pulse, row, firstColumn, draws);
        for (int i = 0; i < draws.Length; i++)
        {
            draws[i] = (draws[i] - 0.5f) * 3.46410162f; // sqrt(12): deviation 1
        }
    }

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        var kernel = Kernel(device.ProgrammingSigma ?? 0);
        LaneMap.Run(in kernel, targetUs, draws, draws, draws, programmedUs);
    }

    private protected override void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs)
    {
        ReadKernel kernel = new(Kernel(device.ReadSigma!.Value));
        LaneMap.Run(in kernel, conductanceUs, conductanceUs, conductanceUs, conductanceUs, sigmaUs);
    }

    private ProgrammingKernel Kernel(double sigma) => device.Scaling switch
    {
        NoiseScaling.Proportional => new(0, (float)sigma, 0),
        NoiseScaling.Inverse => new(0, 0, (float)(sigma * GMaxUs * GMaxUs)),
        _ => new((float)sigma * (float)GMaxUs, 0, 0),
    };

    /// <summary>max(0, target + (sigma + slope target + inverse / target) z); 0 has no error from inverse.</summary>
    internal readonly struct ProgrammingKernel(float sigmaUs, float slope, float inverse) : ILaneKernel
    {
        private readonly float _sigmaUs = sigmaUs;
        private readonly float _slope = slope;
        private readonly float _inverse = inverse;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Max(TLanes.FusedMultiplyAdd(Sigma(a), b, a), TLanes.Broadcast(0));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Sigma<TLanes>(TLanes g)
            where TLanes : struct, ILanes<TLanes>
        {
            if (_inverse == 0)
            {
                return TLanes.FusedMultiplyAdd(TLanes.Broadcast(_slope), g, TLanes.Broadcast(_sigmaUs));
            }

            return TLanes.IfLess(TLanes.Broadcast(0), g, TLanes.Broadcast(_inverse) / g, TLanes.Broadcast(0));
        }
    }

    private readonly struct ReadKernel(ProgrammingKernel law) : ILaneKernel
    {
        private readonly ProgrammingKernel _law = law;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => _law.Sigma(a);
    }
}

using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>g = max(0, target + sigma N), drawn once at programming; sigma is a fraction of g_max or of the target. Read noise per MVM: a
/// fraction of g_max or of the present conductance.</summary>
internal sealed class Gaussian(GaussianDevice device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    private readonly bool _isProportional = device.Scaling == NoiseScaling.Proportional;

    public override bool IsIdeal => !(device.ProgrammingSigma > 0);

    private protected override bool HasOwnReadNoise => device.ReadSigma > 0;

    private protected override void ConductancesOfChunk(
        ReadOnlySpan<float> targetUs, double? timeS, in CellStream stream, int row, int firstColumn, Span<float> conductanceUs)
    {
        if (IsIdeal)
        {
            targetUs.CopyTo(conductanceUs);
            return;
        }

        Span<float> normals = stackalloc float[Chunk];
        normals = normals[..targetUs.Length];
        Draws.Normals(in stream, DrawPurpose.Programming, extra: 0, row, firstColumn, normals);
        float sigma = (float)device.ProgrammingSigma!.Value;
        ProgrammingKernel kernel = _isProportional ? new(0, sigma) : new(sigma * (float)GMaxUs, 0);
        LaneMap.Run(in kernel, targetUs, normals, normals, normals, conductanceUs);
    }

    private protected override void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs)
    {
        float sigma = (float)device.ReadSigma!.Value;
        for (int i = 0; i < sigmaUs.Length; i++)
        {
            sigmaUs[i] = sigma * (_isProportional ? conductanceUs[i] : (float)GMaxUs);
        }
    }

    /// <summary>max(0, target + (sigma + slope target) z).</summary>
    internal readonly struct ProgrammingKernel(float sigmaUs, float slope) : ILaneKernel
    {
        private readonly float _sigmaUs = sigmaUs;
        private readonly float _slope = slope;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var sigma = TLanes.FusedMultiplyAdd(TLanes.Broadcast(_slope), a, TLanes.Broadcast(_sigmaUs));
            return TLanes.Max(TLanes.FusedMultiplyAdd(sigma, b, a), TLanes.Broadcast(0));
        }
    }
}

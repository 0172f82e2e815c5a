using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>RRAM of which only the programming error is published: g = max(0, target + sigma N), sigma a cubic of the target in uS, not below 0. It stays.</summary>
internal sealed class StaticRram(StaticRram.Cubic law, double? programmingScale, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    /// <summary>CrossSim RRAMWan, 1 s after programming; measured up to 39.26 uS.</summary>
    public static readonly Cubic WanCrossSim = new(1.053f, 0.2374f, -1.167e-2f, 1.536e-4f);

    /// <summary>CrossSim RRAMMilo (Milo et al., IRPS 2021), 50 to 225 uS.</summary>
    public static readonly Cubic Milo2021 = new(4.782321f, -0.009107f, 0, 0);

    public override bool IsIdeal => programmingScale is null;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        ProgrammingKernel kernel = new(law, (float)(programmingScale ?? 0));
        LaneMap.Run(in kernel, targetUs, draws, draws, draws, programmedUs);
    }

    /// <summary>sigma in uS = c0 + c1 g + c2 g^2 + c3 g^3.</summary>
    internal readonly record struct Cubic(float C0, float C1, float C2, float C3);

    private readonly struct ProgrammingKernel(Cubic law, float scale) : ILaneKernel
    {
        private readonly Cubic _law = law;
        private readonly float _scale = scale;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var zero = TLanes.Broadcast(0);
            var sigma = TLanes.Max(PcmLaws.Cubic(a, _law.C3, _law.C2, _law.C1, _law.C0), zero) * TLanes.Broadcast(_scale);
            return TLanes.Max(TLanes.FusedMultiplyAdd(sigma, b, a), zero);
        }
    }
}

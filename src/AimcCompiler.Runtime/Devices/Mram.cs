using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>A magnetic tunnel junction: parallel at g_max, antiparallel at g_min; a pulse leaves the other state with the probability of a write error; the resistance
/// spreads, R (1 + sigma N), so g = target / (1 + sigma N). No drift. No published law: the numbers are the chip file's.</summary>
internal sealed class Mram(MramDevice device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    /// <summary>What a draw has added where its pulse is a write error; normals are below 7.</summary>
    private const float WriteError = 16;

    private readonly float _gMin = (float)cell.GMinUs;

    public override bool IsIdeal => device is { ResistanceSigma: null, WriteError: null };

    private protected override void PulseDraws(in CellStream stream, DrawPurpose purpose, ulong pulse, int row, int firstColumn, Span<float> draws)
    {
        base.PulseDraws(in stream, purpose, pulse, row, firstColumn, draws);
        if (device.WriteError is not > 0)
        {
            return;
        }

        float[] chances = new float[draws.Length];
        Draws.Chances(in stream, DrawPurpose.WriteError, pulse, row, firstColumn, chances);
        for (int i = 0; i < draws.Length; i++)
        {
            draws[i] += chances[i] <= device.WriteError.Value ? WriteError : 0;
        }
    }

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        ProgrammingKernel kernel = new((float)(device.ResistanceSigma ?? 0), _gMin + (float)GMaxUs);
        LaneMap.Run(in kernel, targetUs, draws, draws, draws, programmedUs);
    }

    private readonly struct ProgrammingKernel(float sigma, float both) : ILaneKernel
    {
        private readonly float _sigma = sigma;

        /// <summary>g_min + g_max: less a state, the other.</summary>
        private readonly float _both = both;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var half = TLanes.Broadcast(WriteError / 2);
            var state = TLanes.IfLess(half, b, TLanes.Broadcast(_both) - a, a);
            var normal = TLanes.IfLess(half, b, b - TLanes.Broadcast(WriteError), b);
            return state / TLanes.FusedMultiplyAdd(TLanes.Broadcast(_sigma), normal, TLanes.Broadcast(1));
        }
    }
}

using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>aihwkit ReRamWan2022NoiseModel (inference/noise/reram.py; Wan et al., Nature 2022): no drift of the mean. The state is drawn around the target again at each
/// time, g = max(0, target + sigma N), sigma a quartic of target / g_max scaled with g_max / 40 uS and tabulated 1 s, 1 d and 2 d after programming. Between, it is linear in
/// the logarithm of time; outside is an error. Just programmed is as after 1 s.</summary>
internal sealed class RramWan2022(RramWan2022Device device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    private const double MeasuredGMaxUs = 40;

    private static readonly double[] s_times = [1, 86400, 172800];

    private static readonly double[][] s_coefficients =
    [
        [.348, 16.030, -43.853, 45.393, -16.815],
        [.701, 22.086, -50.773, 47.095, -16.458],
        [.782, 20.274, -43.507, 37.062, -11.934],
    ];

    public override bool IsIdeal => device.ProgrammingScale is null;

    public override double? MaximumTimeS => s_times[^1];

    internal override bool FollowsProgrammed => false;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        StateKernel kernel = KernelAt(s_times[0]);
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
        Span<float> fresh = stackalloc float[Chunk];
        fresh = fresh[..targetUs.Length];
        StateKernel kernel = KernelAt(timeS);
        Draws.Normals(in stream, DrawPurpose.ReadAccumulated, Draws.Time(timeS), row, firstColumn, fresh);
        LaneMap.Run(in kernel, targetUs, fresh, fresh, fresh, conductanceUs);
    }

    private StateKernel KernelAt(double timeS)
    {
        if (!(timeS >= s_times[0] && timeS <= s_times[^1]))
        {
            throw new DiagnosticException(
                Descriptors.OutsideTable,
                "time",
                $"{Text(timeS)} s is outside what was measured of device rram_wan_2022: 1 s, 1 d and 2 d after programming",
                "--time with times from 1s to 2d",
                "tile.cell.device with \"fit\": \"crosssim\", which does not change with time");
        }

        int high = Math.Max(1, Array.FindIndex(s_times, t => t >= timeS));
        double fraction = (FixedMath.Log(timeS) - FixedMath.Log(s_times[high - 1])) / (FixedMath.Log(s_times[high]) - FixedMath.Log(s_times[high - 1]));
        double scale = device.ProgrammingScale!.Value * GMaxUs / MeasuredGMaxUs;
        double Coefficient(int power) =>
            scale * (s_coefficients[high - 1][power] + (fraction * (s_coefficients[high][power] - s_coefficients[high - 1][power])));
        return new StateKernel
        {
            PerGMax = (float)(1 / GMaxUs),
            C0 = (float)Coefficient(0),
            C1 = (float)Coefficient(1),
            C2 = (float)Coefficient(2),
            C3 = (float)Coefficient(3),
            C4 = (float)Coefficient(4),
        };
    }

    private readonly struct StateKernel : ILaneKernel
    {
        public required float PerGMax { get; init; }

        public required float C0 { get; init; }

        public required float C1 { get; init; }

        public required float C2 { get; init; }

        public required float C3 { get; init; }

        public required float C4 { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var x = a * TLanes.Broadcast(PerGMax);
            var sigma = TLanes.FusedMultiplyAdd(PcmLaws.Cubic(x, C4, C3, C2, C1), x, TLanes.Broadcast(C0));
            return TLanes.Max(TLanes.FusedMultiplyAdd(sigma, b, a), TLanes.Broadcast(0));
        }
    }
}

using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>CrossSim SONOS (devices/custom/SONOS.py; Agrawal et al., IEDM 2022, 128 K devices of 40 nm; Xiao et al., TCAS-I 2022), in nA of read current, I = g V_read. Error
/// sigma = A (1 - e^(-I / B)); mean shift a polynomial of degree 10 of I; A, B and the shift measured 0 to 5 days after programming and linear in time between. Later is an
/// error: the source extrapolates the last two days linearly, which no measurement supports. One normal a device, kept over time. Read noise at each MVM has the same form
/// in the present current. Not below 0.</summary>
internal sealed class Sonos(SonosDevice device, CellDescription cell, double? noiseRead) : DeviceModel(cell, noiseRead)
{
    private const double DayS = 86400;
    private const int LastDay = 5;

    private static readonly double[] s_a = [19.88665, 25.59102, 28.72753, 31.04318, 33.76214, 34.57909];
    private static readonly double[] s_b = [176.3115, 186.85544, 193.56834, 198.90332, 204.77023, 207.34309];

    /// <summary>Mean shift in nA by day: c_0 to c_10.</summary>
    private static readonly double[][] s_shifts =
    [
        new double[11],
        [1.72684e-1, 5.72552e-2, -6.85715e-4, 3.50271e-6, -9.37682e-9, 1.40575e-11, -1.19803e-14, 5.41293e-18, -8.85448e-22, -1.66869e-25, 5.95180e-29],
        [2.50712e-1, 6.62195e-2, -6.83218e-4, 2.99442e-6, -6.78255e-9, 7.70482e-12, -3.04983e-15, -2.15919e-18, 2.94617e-21, -1.23359e-24, 1.85329e-28],
        [-1.75300e-2, 9.76883e-2, -9.63791e-4, 4.55551e-6, -1.22391e-8, 1.93786e-11, -1.85899e-14, 1.07659e-17, -3.58211e-21, 5.96785e-25, -3.30410e-29],
        [4.03338e-2, 1.03111e-1, -1.04740e-3, 4.83961e-6, -1.28132e-8, 1.99484e-11, -1.85139e-14, 1.00008e-17, -2.84944e-21, 3.01008e-25, 1.18747e-29],
        [3.19927e-1, 1.06596e-1, -1.04054e-3, 4.50290e-6, -1.10352e-8, 1.56477e-11, -1.27592e-14, 5.45513e-18, -7.26841e-22, -2.43893e-25, 7.14608e-29],
    ];

    /// <summary>Read noise at each MVM.</summary>
    private const double ReadA = 12.58037;
    private const double ReadB = 215.36557;

    private readonly double _naPerUs = 1000 * cell.ReadVoltageV;

    public override bool IsIdeal => device is { ProgrammingScale: null, DriftScale: null };

    public override double? MaximumTimeS => device.DriftScale is null ? null : LastDay * DayS;

    internal override bool FollowsProgrammed => false;

    private protected override bool HasOwnReadNoise => device.ReadScale > 0;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        StateKernel kernel = KernelAt(0);
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
        StateKernel kernel = KernelAt(device.DriftScale is null ? 0 : timeS);
        LaneMap.Run(in kernel, targetUs, draws, draws, draws, conductanceUs);
    }

    private protected override void OwnReadSigmas(
        ReadOnlySpan<float> targetUs, ReadOnlySpan<float> conductanceUs, double? timeS, Span<float> sigmaUs)
    {
        ReadKernel kernel = new((float)(-_naPerUs / ReadB), (float)(device.ReadScale!.Value * ReadA / _naPerUs));
        LaneMap.Run(in kernel, conductanceUs, conductanceUs, conductanceUs, conductanceUs, sigmaUs);
    }

    private StateKernel KernelAt(double timeS)
    {
        if (timeS > LastDay * DayS)
        {
            throw new DiagnosticException(
                Descriptors.OutsideTable,
                "time",
                $"{Text(timeS)} s is outside what was measured of device sonos: up to 5 days after programming",
                "--time with times up to 5d",
                "tile.cell.device.drift_scale=null");
        }

        int day = Math.Min(LastDay - 1, (int)(timeS / DayS));
        double fraction = (timeS / DayS) - day;
        double Between(double before, double after) => before + ((after - before) * fraction);
        double drift = device.DriftScale ?? 0;
        float[] shift = new float[11];
        for (int i = 0; i < shift.Length; i++)
        {
            shift[i] = (float)(drift * Between(s_shifts[day][i], s_shifts[day + 1][i]));
        }

        return new StateKernel
        {
            NaPerUs = (float)_naPerUs,
            UsPerNa = (float)(1 / _naPerUs),
            FirstA = (float)(((device.ProgrammingScale ?? 0) - drift) * s_a[0]),
            FirstRate = (float)(-1 / s_b[0]),
            PresentA = (float)(drift * Between(s_a[day], s_a[day + 1])),
            PresentRate = (float)(-1 / Between(s_b[day], s_b[day + 1])),
            Shift = timeS > 0 ? shift : [],
        };
    }

    /// <summary>Programming has the sigma of day 0; drift adds the sigma of the time less that of day 0, and the shift.</summary>
    private readonly struct StateKernel : ILaneKernel
    {
        public required float NaPerUs { get; init; }

        public required float UsPerNa { get; init; }

        public required float FirstA { get; init; }

        public required float FirstRate { get; init; }

        public required float PresentA { get; init; }

        public required float PresentRate { get; init; }

        public required float[] Shift { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var one = TLanes.Broadcast(1);
            var current = a * TLanes.Broadcast(NaPerUs);
            var sigma = TLanes.Broadcast(FirstA) * (one - FixedMath.Exp(current * TLanes.Broadcast(FirstRate)));
            sigma = TLanes.FusedMultiplyAdd(TLanes.Broadcast(PresentA), one - FixedMath.Exp(current * TLanes.Broadcast(PresentRate)), sigma);
            var shift = TLanes.Broadcast(0);
            for (int i = Shift.Length - 1; i >= 0; i--)
            {
                shift = TLanes.FusedMultiplyAdd(shift, current, TLanes.Broadcast(Shift[i]));
            }

            return TLanes.Max(TLanes.FusedMultiplyAdd(TLanes.FusedMultiplyAdd(sigma, b, shift), TLanes.Broadcast(UsPerNa), a), TLanes.Broadcast(0));
        }
    }

    /// <summary>A (1 - e^(rate g)).</summary>
    private readonly struct ReadKernel(float rate, float a) : ILaneKernel
    {
        private readonly float _rate = rate;
        private readonly float _a = a;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Broadcast(_a) * (TLanes.Broadcast(1) - FixedMath.Exp(a * TLanes.Broadcast(_rate)));
    }
}

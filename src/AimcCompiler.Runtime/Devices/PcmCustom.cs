using System.Runtime.CompilerServices;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Phase-change memory with laws of the chip file (aihwkit CustomDriftPCMLikeNoiseModel, inference/noise/pcm.py, whose drift exponents are linear between
/// tabulated conductances; StateIndependentNoiseModel, inference/noise/custom.py, is one with constant laws). Drift and read noise as in <see cref="Pcm{TLaw}"/>.</summary>
internal sealed class PcmCustom : DeviceModel
{
    private readonly PcmCustomDevice _device;
    private readonly float[] _programming;
    private readonly Line _mean;
    private readonly Line _sigma;

    public PcmCustom(PcmCustomDevice device, CellDescription cell, double? noiseRead)
        : base(cell, noiseRead)
    {
        _device = device;
        double scale = GMaxUs / device.GReferenceUs;
        _programming = [.. (device.ProgrammingUs ?? []).Select(c => (float)(c * scale))];
        _mean = new Line(device.Drift ?? [], p => p.NuMean);
        _sigma = new Line(device.Drift ?? [], p => p.NuSigma);
    }

    public override bool IsIdeal => _device.ProgrammingUs is null && _device.Drift is null && _device.Read is null;

    private protected override void ProgrammedOfChunk(ReadOnlySpan<float> targetUs, ReadOnlySpan<float> draws, Span<float> programmedUs)
    {
        ProgrammingKernel kernel = new((float)(1 / GMaxUs), _programming);
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
        double t = timeS + _device.T0S;
        double periods = (t + _device.ReadTimeS) / (2 * _device.ReadTimeS);
        LaterKernel kernel = new()
        {
            PerGMax = (float)(1 / GMaxUs),
            Drifts = _device.Drift is not null && timeS > 0,
            Mean = _mean,
            Sigma = _sigma,
            DriftExponentFactor = (float)-FixedMath.Log(t / _device.T0S),
            Reads = _device.Read is not null,
            ReadScale = (float)(_device.Read?.Scale ?? 0),
            ReadExponent = (float)-(_device.Read?.Exponent ?? 0),
            ReadLimit = (float)(_device.Read?.Limit ?? 0),
            ReadFactor = periods > 1 ? (float)Math.Sqrt(FixedMath.Log(periods)) : 0,
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

    /// <summary>max(0, target + max(0, c_0 + c_1 x + ...) z).</summary>
    private readonly struct ProgrammingKernel(float perGMax, float[] coefficients) : ILaneKernel
    {
        private readonly float _perGMax = perGMax;
        private readonly float[] _coefficients = coefficients;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var x = a * TLanes.Broadcast(_perGMax);
            var sigma = TLanes.Broadcast(0);
            for (int i = _coefficients.Length - 1; i >= 0; i--)
            {
                sigma = TLanes.FusedMultiplyAdd(sigma, x, TLanes.Broadcast(_coefficients[i]));
            }

            return TLanes.Max(TLanes.FusedMultiplyAdd(TLanes.Max(sigma, TLanes.Broadcast(0)), b, a), TLanes.Broadcast(0));
        }
    }

    private readonly struct LaterKernel : ILaneKernel
    {
        public required float PerGMax { get; init; }

        public required bool Drifts { get; init; }

        public required Line Mean { get; init; }

        public required Line Sigma { get; init; }

        /// <summary>-ln(t / t_0).</summary>
        public required float DriftExponentFactor { get; init; }

        public required bool Reads { get; init; }

        public required float ReadScale { get; init; }

        public required float ReadExponent { get; init; }

        public required float ReadLimit { get; init; }

        public required float ReadFactor { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var state = b;
            if (Drifts)
            {
                var nu = TLanes.FusedMultiplyAdd(Sigma.At(a), c, Mean.At(a)) & TLanes.BroadcastBits(0x7fffffff);
                state *= FixedMath.Exp(nu * TLanes.Broadcast(DriftExponentFactor));
            }

            if (Reads)
            {
                var x = TLanes.Max(b * TLanes.Broadcast(PerGMax), TLanes.Broadcast(Pcm<PcmLike>.LeastX));
                var power = FixedMath.Exp(TLanes.Broadcast(ReadExponent) * FixedMath.Log(x));
                var coefficient = TLanes.Min(TLanes.Broadcast(ReadScale) * power, TLanes.Broadcast(ReadLimit)) * TLanes.Broadcast(ReadFactor);
                state = TLanes.Max(TLanes.FusedMultiplyAdd(state * coefficient, d, state), TLanes.Broadcast(0));
            }

            return state;
        }
    }

    /// <summary>A line through points, constant beyond them: the first value, and what each segment adds as the conductance passes through it.</summary>
    private readonly struct Line
    {
        private readonly float _first;
        private readonly float[] _starts;
        private readonly float[] _widths;
        private readonly float[] _slopes;

        public Line(IReadOnlyList<DriftPoint> points, Func<DriftPoint, double> value)
        {
            int segments = Math.Max(0, points.Count - 1);
            _first = points.Count > 0 ? (float)value(points[0]) : 0;
            _starts = [.. Enumerable.Range(0, segments).Select(i => (float)points[i].TargetUs)];
            _widths = [.. Enumerable.Range(0, segments).Select(i => (float)(points[i + 1].TargetUs - points[i].TargetUs))];
            _slopes = [.. Enumerable.Range(0, segments).Select(i => (float)((value(points[i + 1]) - value(points[i])) / (points[i + 1].TargetUs - points[i].TargetUs)))];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes At<TLanes>(TLanes g)
            where TLanes : struct, ILanes<TLanes>
        {
            var sum = TLanes.Broadcast(_first);
            for (int i = 0; i < _starts.Length; i++)
            {
                var passed = TLanes.Max(TLanes.Min(g - TLanes.Broadcast(_starts[i]), TLanes.Broadcast(_widths[i])), TLanes.Broadcast(0));
                sum = TLanes.FusedMultiplyAdd(passed, TLanes.Broadcast(_slopes[i]), sum);
            }

            return sum;
        }
    }
}

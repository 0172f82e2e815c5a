using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace AimcCompiler.Kernels;

/// <summary>Transfer of DAC and ADC (semantics.md, "One crossbar, one MVM", steps 1, 2 and 7). Codes are integers held as floats;
/// rounding is half to even; inputs are finite.</summary>
public static class Converters
{
    /// <summary>DAC: x^ = clip(value / scale, minCode &lt; 0 ? -1 : 0, 1), code = rint(x^ maxCode). Scale 0 (a vector of zeros under
    /// abs-max) gives codes 0. Codes may be the values' own memory.</summary>
    public static void Quantize(ReadOnlySpan<float> values, float scale, int minCode, int maxCode, Span<float> codes)
    {
        Debug.Assert(maxCode is > 0 and <= 1 << 24 && (minCode == 0 || minCode == -maxCode) && float.IsFinite(scale) && scale >= 0);
        Debug.Assert(values.Length == codes.Length);
        if (scale == 0)
        {
            codes.Clear();
            return;
        }

        DacKernel kernel = new(scale, minCode < 0 ? -1f : 0f, maxCode);
        LaneMap.Run(in kernel, values, values, values, values, codes);
    }

    /// <summary>ADC, in place: code = clip(rint(sum / lsb), minCode, maxCode). Returns how many were clipped.</summary>
    public static int Convert(Span<float> sums, float lsb, float minCode, float maxCode)
    {
        Debug.Assert(float.IsFinite(lsb) && lsb > 0 && minCode <= maxCode);
        int clipped = 0;
        int done = 0;
        if (Lanes16.IsSupported)
        {
            clipped += Convert<Lanes16>(sums, lsb, minCode, maxCode, ref done);
        }

        if (Lanes8.IsSupported)
        {
            clipped += Convert<Lanes8>(sums, lsb, minCode, maxCode, ref done);
        }

        return clipped + Convert<Lanes1>(sums, lsb, minCode, maxCode, ref done);
    }

    /// <summary>One width, from index done on; what is less than a whole register stays undone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Convert<TLanes>(Span<float> sums, float lsb, float minCode, float maxCode, ref int done)
        where TLanes : struct, ILanes<TLanes>
    {
        var step = TLanes.Broadcast(lsb);
        var least = TLanes.Broadcast(minCode);
        var greatest = TLanes.Broadcast(maxCode);
        ref float first = ref MemoryMarshal.GetReference(sums);
        int clipped = 0;
        int i = done;
        for (; i <= sums.Length - TLanes.Count; i += TLanes.Count)
        {
            ref float at = ref Unsafe.Add(ref first, i);
            var rounded = TLanes.Round(TLanes.Load(ref at) / step);
            var code = TLanes.Max(TLanes.Min(rounded, greatest), least);
            clipped += TLanes.CountUnequal(rounded, code);
            TLanes.Store(code, ref at);
        }

        done = i;
        return clipped;
    }

    internal readonly struct DacKernel(float scale, float least, float maxCode) : ILaneKernel
    {
        private readonly float _scale = scale;
        private readonly float _least = least;
        private readonly float _maxCode = maxCode;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes>
        {
            var clipped = TLanes.Max(TLanes.Min(a / TLanes.Broadcast(_scale), TLanes.Broadcast(1f)), TLanes.Broadcast(_least));
            return TLanes.Round(clipped * TLanes.Broadcast(_maxCode));
        }
    }
}

using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>DAC, ADC and output scale of sixteen vectors side by side: the operations of <see cref="Converters"/> and <see cref="ShiftAdd"/>, bit for bit.</summary>
public static class LaneConverters
{
    private const int Lanes = Draws.LaneCount;

    /// <summary>The largest magnitude of each vector; false where an input is not finite.</summary>
    /// <param name="values">Rows x 16.</param>
    /// <param name="scales">One a vector.</param>
    public static bool Scale(ReadOnlySpan<float> values, Span<float> scales)
    {
        var largest = Vector512<float>.Zero;
        var poison = Vector512<float>.Zero;
        ref float value = ref MemoryMarshal.GetReference(values);
        for (int i = 0; i < values.Length; i += Lanes)
        {
            var x = Vector512.LoadUnsafe(ref value, (nuint)i);
            largest = Vector512.MaxNative(largest, Vector512.Abs(x));
            poison += x * Vector512<float>.Zero;
        }

        largest.StoreUnsafe(ref MemoryMarshal.GetReference(scales));
        return Vector512.EqualsAll(poison, Vector512<float>.Zero);
    }

    /// <summary>DAC of each vector by its own scale, in place (<see cref="Converters.Quantize"/>).</summary>
    /// <param name="values">Rows x 16, then their codes.</param>
    /// <param name="scales">One a vector.</param>
    /// <param name="minCode">0 or -maxCode.</param>
    /// <param name="maxCode">Greatest code.</param>
    public static void Quantize(Span<float> values, ReadOnlySpan<float> scales, int minCode, int maxCode)
    {
        if (Lanes16.IsSupported)
        {
            Quantize<Lanes16>(values, scales, minCode, maxCode);
        }
        else if (Lanes8.IsSupported)
        {
            Quantize<Lanes8>(values, scales, minCode, maxCode);
        }
        else
        {
            Quantize<Lanes1>(values, scales, minCode, maxCode);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Quantize<TLanes>(Span<float> values, ReadOnlySpan<float> scales, int minCode, int maxCode)
        where TLanes : struct, ILanes<TLanes>
    {
        Debug.Assert(scales.Length >= Lanes && values.Length % Lanes == 0);
        var least = TLanes.Broadcast(minCode < 0 ? -1f : 0f);
        var one = TLanes.Broadcast(1f);
        var greatest = TLanes.Broadcast(maxCode);
        for (int i = 0; i < Lanes; i += TLanes.Count)
        {
            // A vector of zeros has no scale: any will do.
            var scale = TLanes.Load(in scales[i]);
            var zero = TLanes.Broadcast(0f);
            scale = TLanes.IfLess(zero, scale, scale, one);
            ref float value = ref Unsafe.Add(ref MemoryMarshal.GetReference(values), i);
            for (int r = 0; r < values.Length; r += Lanes)
            {
                ref float at = ref Unsafe.Add(ref value, r);
                var clipped = TLanes.Max(TLanes.Min(TLanes.Load(ref at) / scale, one), least);
                TLanes.Store(TLanes.Round(clipped * greatest), ref at);
            }
        }
    }

    /// <summary>The output scale: results[16 c + i] = (float)(sums[16 c + i] weight (scales[i] weightScales[c]) + bias[c]), each operation rounded once (<see cref="ShiftAdd.Scale"/>).</summary>
    /// <param name="sums">Columns x 16.</param>
    /// <param name="weight">What a code counts.</param>
    /// <param name="scales">Of codes and inputs, one a vector.</param>
    /// <param name="weightScales">One, or one a column.</param>
    /// <param name="bias">One a column; empty = there is none.</param>
    /// <param name="results">Columns x 16.</param>
    public static void Scale(
        ReadOnlySpan<double> sums, double weight, ReadOnlySpan<double> scales, ReadOnlySpan<float> weightScales, ReadOnlySpan<float> bias, Span<float> results)
    {
        Debug.Assert(scales.Length >= Lanes && results.Length >= sums.Length);
        var low = Vector512.LoadUnsafe(in scales[0]);
        var high = Vector512.LoadUnsafe(in scales[8]);
        var weights = Vector512.Create(weight);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        ref float result = ref MemoryMarshal.GetReference(results);
        for (int c = 0; c < sums.Length / Lanes; c++)
        {
            var scale = Vector512.Create((double)weightScales[weightScales.Length == 1 ? 0 : c]);
            nuint at = (nuint)c * Lanes;
            var first = (Vector512<double>.Zero + (weights * Vector512.LoadUnsafe(ref sum, at))) * (low * scale);
            var second = (Vector512<double>.Zero + (weights * Vector512.LoadUnsafe(ref sum, at + 8))) * (high * scale);
            if (!bias.IsEmpty)
            {
                var offset = Vector512.Create((double)bias[c]);
                first += offset;
                second += offset;
            }

            Vector512.Narrow(first, second).StoreUnsafe(ref result, at);
        }
    }
}

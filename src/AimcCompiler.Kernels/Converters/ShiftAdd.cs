using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace AimcCompiler.Kernels;

/// <summary>The digital end of a tile (semantics.md, steps 7 and 8): conversions, shift-add over pulses, slices and row blocks, output scale. Sums are doubles; each
/// product and each addition is rounded once.</summary>
public static class ShiftAdd
{
    /// <summary>One read of each column and its addition: sums[c] += factor signs[c] convert(currents[c] + sigma normals[c]). Returns how many conversions clipped.</summary>
    /// <param name="conversion">What the converter does.</param>
    /// <param name="currents">Column sums of one read.</param>
    /// <param name="normals">Draws of the output noise; empty = there is none.</param>
    /// <param name="signs">1 or -1 a column: what is stored there; empty = all are 1.</param>
    /// <param name="factor">What a code counts.</param>
    /// <param name="sums">Are added to.</param>
    public static int Convert(
        in Conversion conversion, ReadOnlySpan<float> currents, ReadOnlySpan<float> normals, ReadOnlySpan<float> signs, double factor, Span<double> sums)
    {
        Debug.Assert(conversion.Lsb > 0 && conversion.MinCode <= conversion.MaxCode && sums.Length == currents.Length);
        Debug.Assert((normals.IsEmpty || normals.Length >= currents.Length) && (signs.IsEmpty || signs.Length >= currents.Length));
        int clipped = 0;
        int done = 0;
        if (Lanes16.IsSupported)
        {
            clipped += Convert<Lanes16>(in conversion, currents, normals, signs, factor, sums, ref done);
        }

        if (Lanes8.IsSupported)
        {
            clipped += Convert<Lanes8>(in conversion, currents, normals, signs, factor, sums, ref done);
        }

        return clipped + Convert<Lanes1>(in conversion, currents, normals, signs, factor, sums, ref done);
    }

    /// <summary>sums[c] += factor values[c].</summary>
    public static void Add(ReadOnlySpan<double> values, double factor, Span<double> sums)
    {
        Debug.Assert(values.Length == sums.Length);
        ref double value = ref MemoryMarshal.GetReference(values);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        var factors = Vector512.Create(factor);
        int c = 0;
        for (; c <= sums.Length - Vector512<double>.Count; c += Vector512<double>.Count)
        {
            (Vector512.LoadUnsafe(ref sum, (nuint)c) + (factors * Vector512.LoadUnsafe(ref value, (nuint)c))).StoreUnsafe(ref sum, (nuint)c);
        }

        for (; c < sums.Length; c++)
        {
            sums[c] += factor * values[c];
        }
    }

    /// <summary>The output scale: results[n] = (float)(factor sums[n] (scale weightScales[n]) + bias[n]), in this order.</summary>
    /// <param name="sums">Of the layer.</param>
    /// <param name="factor">What a unit of a sum counts.</param>
    /// <param name="scale">Of codes and inputs.</param>
    /// <param name="weightScales">One, or one a column.</param>
    /// <param name="bias">One a column; empty = there is none.</param>
    /// <param name="results">One a column.</param>
    public static void Scale(
        ReadOnlySpan<double> sums, double factor, double scale, ReadOnlySpan<float> weightScales, ReadOnlySpan<float> bias, Span<float> results)
    {
        Debug.Assert(results.Length == sums.Length && (weightScales.Length == 1 || weightScales.Length == sums.Length) && (bias.IsEmpty || bias.Length == sums.Length));
        bool isMatrix = weightScales.Length == 1;
        ref double sum = ref MemoryMarshal.GetReference(sums);
        ref float weight = ref MemoryMarshal.GetReference(weightScales);
        ref float offset = ref MemoryMarshal.GetReference(bias);
        ref float result = ref MemoryMarshal.GetReference(results);
        var factors = Vector256.Create(factor);
        var scales = Vector256.Create(scale);
        int n = 0;
        for (; n <= sums.Length - Vector256<float>.Count; n += Vector256<float>.Count)
        {
            var weights = isMatrix ? Vector256.Create(weight) : Vector256.LoadUnsafe(ref weight, (nuint)n);
            // Added to zero, as sums are: no negative zero.
            var low = (Vector256<double>.Zero + (factors * Vector256.LoadUnsafe(ref sum, (nuint)n))) * (scales * Vector256.WidenLower(weights));
            var high = (Vector256<double>.Zero + (factors * Vector256.LoadUnsafe(ref sum, (nuint)n + 4))) * (scales * Vector256.WidenUpper(weights));
            if (!bias.IsEmpty)
            {
                var offsets = Vector256.LoadUnsafe(ref offset, (nuint)n);
                low += Vector256.WidenLower(offsets);
                high += Vector256.WidenUpper(offsets);
            }

            Vector256.Narrow(low, high).StoreUnsafe(ref result, (nuint)n);
        }

        for (; n < sums.Length; n++)
        {
            double value = (0 + (factor * sums[n])) * (scale * weightScales[isMatrix ? 0 : n]);
            results[n] = (float)(bias.IsEmpty ? value : value + bias[n]);
        }
    }

    /// <summary>One width, from index done on; what is less than a whole register stays undone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int Convert<TLanes>(
        in Conversion conversion, ReadOnlySpan<float> currents, ReadOnlySpan<float> normals, ReadOnlySpan<float> signs, double factor, Span<double> sums, ref int done)
        where TLanes : struct, ILanes<TLanes>
    {
        var sigma = TLanes.Broadcast(conversion.Sigma);
        var lsb = TLanes.Broadcast(conversion.Lsb);
        var least = TLanes.Broadcast(conversion.MinCode);
        var greatest = TLanes.Broadcast(conversion.MaxCode);
        bool rounds = conversion.Rounds;
        bool isNoisy = !normals.IsEmpty;
        bool hasSigns = !signs.IsEmpty;
        ref float current = ref MemoryMarshal.GetReference(currents);
        ref float normal = ref MemoryMarshal.GetReference(normals);
        ref float sign = ref MemoryMarshal.GetReference(signs);
        ref double sum = ref MemoryMarshal.GetReference(sums);
        int clipped = 0;
        int c = done;
        for (; c <= currents.Length - TLanes.Count; c += TLanes.Count)
        {
            var value = TLanes.Load(ref Unsafe.Add(ref current, c));
            if (isNoisy)
            {
                value = TLanes.FusedMultiplyAdd(sigma, TLanes.Load(ref Unsafe.Add(ref normal, c)), value);
            }

            if (rounds)
            {
                var rounded = TLanes.Round(value / lsb);
                value = TLanes.Max(TLanes.Min(rounded, greatest), least);
                clipped += TLanes.CountUnequal(rounded, value);
            }

            if (hasSigns)
            {
                value *= TLanes.Load(ref Unsafe.Add(ref sign, c));
            }

            TLanes.AddScaled(value, factor, ref Unsafe.Add(ref sum, c));
        }

        done = c;
        return clipped;
    }
}

/// <summary>The end of a column: output noise, then an ADC, or none.</summary>
/// <param name="Sigma">Standard deviation of the output noise.</param>
/// <param name="Rounds">There is an ADC: code = clip(rint(current / Lsb), MinCode, MaxCode).</param>
/// <param name="Lsb">What one code is worth.</param>
/// <param name="MinCode">Least code.</param>
/// <param name="MaxCode">Greatest code.</param>
public readonly record struct Conversion(float Sigma, bool Rounds, float Lsb, float MinCode, float MaxCode);

using System.Diagnostics;

namespace AimcCompiler.Kernels;

/// <summary>Conversions other than the plain one of <see cref="Converters"/>: levels at odd multiples of half an LSB, and rounding by draws. A level is
/// shift + an integer; shift is 0 (mid-tread) or 1/2 (mid-rise).</summary>
public static class Rounding
{
    /// <summary>The level next to a value in LSB, half to even.</summary>
    public static float ToNearest(float value, float shift) =>
        shift == 0 ? MathF.Round(value, MidpointRounding.ToEven) : MathF.Round(value - shift, MidpointRounding.ToEven) + shift;

    /// <summary>The level below a value, or the one above with the probability of the fraction.</summary>
    /// <param name="value">In LSB.</param>
    /// <param name="shift">0 or 1/2.</param>
    /// <param name="uniform">A draw in (0, 1).</param>
    public static float Stochastic(float value, float shift, float uniform)
    {
        float shifted = value - shift;
        float below = MathF.Floor(shifted);
        return below + (uniform < shifted - below ? 1 : 0) + shift;
    }

    /// <summary>DAC with odd codes: code = 2 level, level = nearest of 1/2, 3/2, ... to x^ maxCode / 2. Scale 0 drives nothing.</summary>
    public static void QuantizeMidRise(ReadOnlySpan<float> values, float scale, int maxCode, Span<float> codes)
    {
        Debug.Assert(maxCode % 2 == 1 && scale >= 0 && values.Length == codes.Length);
        if (scale == 0)
        {
            codes.Clear();
            return;
        }

        float half = maxCode / 2f;
        for (int i = 0; i < values.Length; i++)
        {
            codes[i] = 2 * Math.Clamp(ToNearest(Math.Clamp(values[i] / scale, -1, 1) * half, 0.5f), -half, half);
        }
    }

    /// <summary>DAC that rounds by draws.</summary>
    /// <param name="values">What goes in; may be the memory of codes.</param>
    /// <param name="scale">Full scale; 0 drives nothing.</param>
    /// <param name="minCode">0, or -maxCode.</param>
    /// <param name="maxCode">Largest code.</param>
    /// <param name="isMidRise">Codes are odd.</param>
    /// <param name="uniforms">A draw each.</param>
    /// <param name="codes">The codes.</param>
    public static void QuantizeStochastic(
        ReadOnlySpan<float> values, float scale, int minCode, int maxCode, bool isMidRise, ReadOnlySpan<float> uniforms, Span<float> codes)
    {
        if (scale == 0)
        {
            codes.Clear();
            return;
        }

        float levels = isMidRise ? maxCode / 2f : maxCode;
        float shift = isMidRise ? 0.5f : 0;
        float least = minCode < 0 ? -1 : 0;
        for (int i = 0; i < values.Length; i++)
        {
            float level = Stochastic(Math.Clamp(values[i] / scale, least, 1) * levels, shift, uniforms[i]);
            codes[i] = (isMidRise ? 2 : 1) * Math.Clamp(level, least * levels, levels);
        }
    }
}

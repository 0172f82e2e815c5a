namespace AimcCompiler.Core;

/// <summary>Magnitudes seen, in buckets of relative width 2^-9: maximum exact, quantiles to the bucket's upper edge.</summary>
public sealed class MagnitudeHistogram
{
    private const int Shift = 14;

    private const int BitsWithRangeToSpare = 12;

    private const double Headroom = 1.5;

    private readonly long[] _counts = new long[(0x7F800000 >> Shift) + 1];

    public float Maximum { get; private set; }

    public float Minimum { get; private set; } = float.PositiveInfinity;

    public long Count { get; private set; }

    /// <summary>Values that were NaN or infinite; they are left out.</summary>
    public long NotFinite { get; private set; }

    public void Add(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            float magnitude = Math.Abs(value);
            if (!float.IsFinite(magnitude))
            {
                NotFinite++;
                continue;
            }

            _counts[BitConverter.SingleToInt32Bits(magnitude) >> Shift]++;
            Count++;
            Maximum = Math.Max(Maximum, magnitude);
            Minimum = Math.Min(Minimum, value);
        }
    }

    /// <summary>An input scale that covers the given fraction of the values. A maximum of samples is no bound of what comes later: with 12 DAC bits or
    /// more (null = lossless), where range is cheap, half as much again is covered, by steps of 1/n, so that integers such as raw pixels are exact.</summary>
    public float InputScale(double fraction, InputEncoding encoding)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        float covered = Quantile(fraction);
        if (covered <= 0)
        {
            // Where only zeros were seen, any scale does.
            return 1;
        }

        if (fraction < 1 || encoding.Bits < BitsWithRangeToSpare)
        {
            return covered;
        }

        double stepsOfOne = Math.Floor(encoding.MaxCode / (covered * Headroom));
        float scale = (float)(stepsOfOne >= 1 ? encoding.MaxCode / stepsOfOne : covered * Headroom);
        return float.IsFinite(scale) ? scale : covered;
    }

    /// <summary>A magnitude that at least the given fraction of the values does not exceed; 1 gives the maximum.</summary>
    public float Quantile(double fraction)
    {
        if (fraction >= 1)
        {
            return Maximum;
        }

        long needed = (long)Math.Ceiling(fraction * Count);
        long seen = 0;
        for (int bucket = 0; bucket < _counts.Length; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= needed && seen > 0)
            {
                return Math.Min(Maximum, BitConverter.Int32BitsToSingle((bucket + 1) << Shift));
            }
        }

        return Maximum;
    }
}

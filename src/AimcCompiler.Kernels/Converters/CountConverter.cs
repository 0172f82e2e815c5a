namespace AimcCompiler.Kernels;

/// <summary>The transfer of <see cref="Converters.Convert(Span{float}, float, float, float)"/> for integer sums of a known range: code = clip(rint(count / lsb)), by a product
/// where that has been shown to round every count of the range alike.</summary>
public readonly struct CountConverter
{
    private CountConverter(float step, bool divides, float least, float greatest) => (Step, Divides, Least, Greatest) = (step, divides, least, greatest);

    /// <summary>No converter: counts go on as they are.</summary>
    public static CountConverter None { get; } = new(1, false, float.NegativeInfinity, float.PositiveInfinity);

    /// <summary>What counts are multiplied with, or divided by.</summary>
    internal float Step { get; }

    internal bool Divides { get; }

    internal float Least { get; }

    internal float Greatest { get; }

    /// <param name="lsb">Positive.</param>
    /// <param name="minCode">Least code.</param>
    /// <param name="maxCode">Greatest code.</param>
    /// <param name="leastCount">No count is less.</param>
    /// <param name="mostCount">No count is more.</param>
    public static CountConverter For(float lsb, float minCode, float maxCode, int leastCount, int mostCount)
    {
        float factor = 1 / lsb;
        foreach (float candidate in (ReadOnlySpan<float>)[factor, MathF.BitIncrement(factor), MathF.BitDecrement(factor)])
        {
            bool isEqual = true;
            for (int count = leastCount; count <= mostCount && isEqual; count++)
            {
                isEqual = MathF.Round(count * candidate, MidpointRounding.ToEven) == MathF.Round(count / lsb, MidpointRounding.ToEven);
            }

            if (isEqual)
            {
                return new CountConverter(candidate, false, minCode, maxCode);
            }
        }

        return new CountConverter(lsb, true, minCode, maxCode);
    }

    /// <summary>Whether some count of a range is clipped.</summary>
    public bool Clips(int leastCount, int mostCount) => Code(leastCount) < Least || Code(mostCount) > Greatest;

    private float Code(int count) => MathF.Round(Divides ? count / Step : count * Step, MidpointRounding.ToEven);
}

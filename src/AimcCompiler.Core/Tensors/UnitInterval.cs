using System.Numerics;
using System.Runtime.CompilerServices;

namespace AimcCompiler.Core;

/// <summary>What an analog cell can hold: -1 .. 1.</summary>
public static class UnitInterval
{
    /// <summary>The first element outside, or not a number; -1 = none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int IndexOfOutside(ReadOnlySpan<float> elements)
    {
        int i = 0;
        for (; i <= elements.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            // False for NaN too.
            if (!Vector.LessThanOrEqualAll(Vector.Abs(new Vector<float>(elements[i..])), Vector<float>.One))
            {
                break;
            }
        }

        for (; i < elements.Length; i++)
        {
            if (!(Math.Abs(elements[i]) <= 1))
            {
                return i;
            }
        }

        return -1;
    }
}

using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>Cuts a sequence of units into segments that are on the chip one after the other.</summary>
public static class SegmentCuts
{
    /// <summary>The cheapest cuts: D[j] = min over i of D[i] + cost(i, j), exact for the order and the costs. Among equally cheap ones those with the fewest segments.</summary>
    /// <param name="units">How many units follow each other.</param>
    /// <param name="cost">Of the segment of units i to j - 1; null = it does not fit, and none that contains it does.</param>
    /// <returns>First unit of every segment; null = one unit alone does not fit.</returns>
    public static ImmutableArray<int>? Best(int units, Func<int, int, double?> cost)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(units);
        ArgumentNullException.ThrowIfNull(cost);
        var best = new (double Cost, int Segments, int First)[units + 1];
        for (int j = 1; j <= units; j++)
        {
            best[j] = (double.PositiveInfinity, 0, -1);
            for (int i = j - 1; i >= 0 && cost(i, j) is { } each; i--)
            {
                (double total, int segments) = (best[i].Cost + each, best[i].Segments + 1);
                if (total < best[j].Cost || (total == best[j].Cost && segments < best[j].Segments))
                {
                    best[j] = (total, segments, i);
                }
            }

            if (best[j].First < 0)
            {
                return null;
            }
        }

        Stack<int> first = new();
        for (int j = units; j > 0; j = best[j].First)
        {
            first.Push(best[j].First);
        }

        return [.. first];
    }
}

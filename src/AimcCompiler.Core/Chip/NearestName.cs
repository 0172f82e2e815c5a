namespace AimcCompiler.Core;

/// <summary>Suggests known names for a misspelt one.</summary>
public static class NearestName
{
    private const int LongestName = 100; // beyond it, no name of ours is near

    /// <summary>The known names that begin with the given one or are within an edit distance that a typing error explains, nearest first;
    /// empty if there are none.</summary>
    public static IReadOnlyList<string> Of(string name, IEnumerable<string> known, int count = 3)
    {
        if (name.Length > LongestName)
        {
            return [];
        }

        int allowed = Math.Max(2, name.Length / 3);
        return
        [
            .. known.Select(candidate => (Name: candidate, Distance: Distance(name, candidate)))
                .Where(c => c.Distance <= allowed || (name.Length > 0 && c.Name.StartsWith(name, StringComparison.OrdinalIgnoreCase)))
                .OrderBy(c => c.Distance)
                .ThenBy(c => c.Name, StringComparer.Ordinal)
                .Take(count)
                .Select(c => c.Name),
        ];
    }

    /// <summary>Levenshtein distance, blind to case.</summary>
    internal static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int substitution = diagonal + (char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitution, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[right.Length];
    }
}

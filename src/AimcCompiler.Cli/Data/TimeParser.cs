using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Reads durations such as <c>25s,1h,1d,30d,1y</c>; a year has 365 days.</summary>
internal static class TimeParser
{
    /// <summary>The durations in seconds, in the order given.</summary>
    /// <exception cref="DiagnosticException">One of them is not a number with a unit.</exception>
    public static double[] Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split(',').Select(part => ParseOne(part.Trim()))];
    }

    private static double ParseOne(string part)
    {
        if (part == "0")
        {
            return 0;
        }

        double unit = part.Length == 0 ? 0 : part[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, 'y' => 365 * 86400, _ => 0 };
        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return unit > 0 && double.TryParse(part.AsSpan(0, part.Length - 1), Style, CultureInfo.InvariantCulture, out double number)
            && double.IsFinite(number * unit)
            && number >= 0
            ? number * unit
            : throw new DiagnosticException(
                Descriptors.InvalidOption,
                "--time",
                $"'{part}' is not a duration: a number with s, m, h, d or y, such as 25s or 30d");
    }
}

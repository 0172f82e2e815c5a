using System.Globalization;

namespace AimcCompiler.Reports;

/// <summary>Numbers for people: SI prefixes, four digits, invariant culture; what is not modelled is <c>n/m</c>, never 0.</summary>
public static class Quantity
{
    public const string NotModelled = "n/m";

    private static readonly (double Factor, string Prefix)[] Prefixes =
    [
        (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"),
    ];

    /// <summary><c>~41.23 us</c> for an estimate of 4.123e-5 s.</summary>
    public static string Estimate(double? value, string unit) => value is { } v ? $"~{Of(v, unit)}" : NotModelled;

    /// <summary><c>41.23 us</c>.</summary>
    public static string Of(double value, string unit)
    {
        double magnitude = Math.Abs(value);
        var (factor, prefix) = magnitude == 0 ? (1, "") : Prefixes.FirstOrDefault(p => magnitude >= p.Factor * 0.99995, Prefixes[^1]);
        return $"{(value / factor).ToString("G4", CultureInfo.InvariantCulture)} {prefix}{unit}";
    }

    /// <summary><c>71.2 %</c>.</summary>
    public static string Percent(double? share) =>
        share is { } s ? (100 * s).ToString("F1", CultureInfo.InvariantCulture) + " %" : NotModelled;

    /// <summary>Four digits, with thousands separators from 1,000 on: never an exponent where people read columns.</summary>
    public static string Number(double value) => value.ToString(Math.Abs(value) >= 999.95 ? "N0" : "G4", CultureInfo.InvariantCulture);

    /// <summary><c>~19,713</c>, or <c>n/m</c>.</summary>
    public static string Estimate(double? value) => value is { } v ? $"~{Number(v)}" : NotModelled;

    /// <summary>With thousands separators.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}

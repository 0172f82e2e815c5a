using System.Globalization;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>Ways to run a network that is too big for its chip, as a table.</summary>
public static class AlternativesText
{
    /// <summary>Nothing where there are none.</summary>
    public static IEnumerable<string> Lines(IReadOnlyCollection<FitAlternative> alternatives)
    {
        ArgumentNullException.ThrowIfNull(alternatives);
        if (alternatives.Count == 0)
        {
            return [];
        }

        var table = new TextTable(
            ("what would fit", false), ("chips", true), ("tiles", true), ("loads", true), ("reload", true), ("interval", true), ("energy", true), ("traffic", true), ("", false));
        foreach (FitAlternative way in alternatives)
        {
            string lever = way.IsChosen ? $"{way.Lever} (chosen)" : way.Lever;
            if (way.Tiles == 0 && way.IntervalS is null)
            {
                table.Add(lever, "-", "-", "-", "-", "-", "-", "-", Printable.Of(way.Detail, int.MaxValue));
                continue;
            }

            table.Add(
                lever,
                way.Chips.ToString(CultureInfo.InvariantCulture),
                Quantity.Count(way.Tiles),
                way.Loads.ToString(CultureInfo.InvariantCulture),
                way.Loads == 0 ? "-" : Quantity.Estimate(way.ReloadS, "s"),
                Quantity.Estimate(way.IntervalS, "s"),
                Quantity.Estimate(way.EnergyJ, "J"),
                way.TrafficBytes == 0 ? "-" : Quantity.Of(way.TrafficBytes, "B"),
                Printable.Of(way.Detail, int.MaxValue));
        }

        return table.Lines();
    }
}

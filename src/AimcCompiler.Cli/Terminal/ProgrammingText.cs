using System.Globalization;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>What writing the cells took, as one line.</summary>
internal static class ProgrammingText
{
    public static string Of(ProgrammingReport report)
    {
        string cost = string.Concat(
            report.EnergyUj is { } energy ? string.Create(CultureInfo.InvariantCulture, $", {energy:G4} uJ") : "",
            report.TimeS is { } time ? string.Create(CultureInfo.InvariantCulture, $", {time:G4} s") : "");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"programming: {report.Devices:N0} devices, {report.Pulses:N0} pulses, {report.Missed:N0} outside the tolerance, residual {report.ResidualRmsUs:G4} uS rms, {report.ResidualMaxUs:G4} uS at most{cost}");
    }
}

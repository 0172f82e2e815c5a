using System.Globalization;
using System.Text;

namespace AimcCompiler.Core;

/// <summary>Reads a measured device: CSV <c>target_us,time_s,mean_us,sigma_us[,read_sigma_us][,temperature_k]</c>, a complete grid of targets,
/// times and temperatures in any order. The first thing wrong is the error, with its line.</summary>
public static class DeviceTableReader
{
    private const string Header = "target_us,time_s,mean_us,sigma_us";
    private const string ReadColumn = ",read_sigma_us";
    private const string TemperatureColumn = ",temperature_k";

    /// <summary>The rows sorted by temperature, target, then time.</summary>
    /// <exception cref="DiagnosticException">The table is malformed or has a gap.</exception>
    public static IReadOnlyList<DeviceTableRow> Read(string path)
    {
        byte[] bytes = LimitedFile.Read(path, Descriptors.InvalidDeviceTable);
        return Parse(bytes, path);
    }

    public static IReadOnlyList<DeviceTableRow> Parse(ReadOnlySpan<byte> utf8, string where)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(utf8).TrimStart('\uFEFF');
        }
        catch (ArgumentException)
        {
            throw Invalid(where, "is not UTF-8 text");
        }

        string[] lines = text.Split('\n');
        string header = lines[0].TrimEnd('\r');
        bool hasTemperature = header.EndsWith(TemperatureColumn, StringComparison.Ordinal);
        string rest = hasTemperature ? header[..^TemperatureColumn.Length] : header;
        bool hasRead = rest == Header + ReadColumn;
        if (!hasRead && rest != Header)
        {
            throw Invalid($"{where}: line 1", $"the header must be '{Header}{ReadColumn}{TemperatureColumn}', the last two columns being optional");
        }

        var rows = new List<DeviceTableRow>();
        var lineOf = new List<int>();
        for (int i = 1; i < lines.Length; i++)
        {
            string line = lines[i].TrimEnd('\r');
            if (line.Length > 0)
            {
                rows.Add(ParseRow(line, hasRead, hasTemperature, $"{where}: line {i + 1}"));
                lineOf.Add(i + 1);
            }
        }

        return Check(rows, where, index => $"{where}: line {lineOf[index]}");
    }

    /// <summary>Values in range, no point twice, no gap in the grid. Returns the rows sorted by temperature, target, then time.</summary>
    internal static IReadOnlyList<DeviceTableRow> Check(IReadOnlyList<DeviceTableRow> rows, string where, Func<int, string> whereOfRow)
    {
        if (rows.Count == 0)
        {
            throw Invalid(where, "has no rows");
        }

        var points = new HashSet<(double Target, double Time, double? Temperature)>();
        for (int i = 0; i < rows.Count; i++)
        {
            DeviceTableRow row = rows[i];
            NotBelowZero(row.TargetUs, "target_us", i);
            NotBelowZero(row.MeanUs, "mean_us", i);
            NotBelowZero(row.SigmaUs, "sigma_us", i);
            NotBelowZero(row.ReadSigmaUs ?? 0, "read_sigma_us", i);
            if (!(row.TimeS > 0 && double.IsFinite(row.TimeS)))
            {
                throw Invalid(whereOfRow(i), $"time_s is {Text(row.TimeS)}; it must be finite and above 0 (the table is linear in log time)");
            }

            if (row.TemperatureK is { } kelvin && !(kelvin > 0 && double.IsFinite(kelvin)))
            {
                throw Invalid(whereOfRow(i), $"temperature_k is {Text(kelvin)}; it must be finite and above 0");
            }

            if (row.TemperatureK is null != rows[0].TemperatureK is null)
            {
                throw Invalid(whereOfRow(i), $"{(row.TemperatureK is null ? "has no temperature, the first row has one" : "has a temperature, the first row has none")}");
            }

            if (!points.Add((row.TargetUs, row.TimeS, row.TemperatureK)))
            {
                throw Invalid(whereOfRow(i), $"the point target {Text(row.TargetUs)} uS, time {Text(row.TimeS)} s{At(row.TemperatureK)} occurs twice");
            }
        }

        double[] targets = [.. rows.Select(r => r.TargetUs).Distinct().Order()];
        double[] times = [.. rows.Select(r => r.TimeS).Distinct().Order()];
        double?[] temperatures = [.. rows.Select(r => r.TemperatureK).Distinct().Order()];
        if ((long)targets.Length * times.Length * temperatures.Length != rows.Count)
        {
            (double target, double time, double? temperature) = targets.SelectMany(t => times.SelectMany(s => temperatures.Select(k => (t, s, k)))).First(p => !points.Contains(p));
            throw Invalid(
                where,
                $"has {rows.Count} rows for {targets.Length} targets x {times.Length} times{(temperatures.Length > 1 ? $" x {temperatures.Length} temperatures" : "")}; for example "
                + $"target {Text(target)} uS, time {Text(time)} s{At(temperature)} is missing");
        }

        return [.. rows.OrderBy(r => r.TemperatureK).ThenBy(r => r.TargetUs).ThenBy(r => r.TimeS)];

        static string At(double? temperature) => temperature is { } kelvin ? $", temperature {Text(kelvin)} K" : "";

        void NotBelowZero(double value, string name, int index)
        {
            if (!(value >= 0 && double.IsFinite(value)))
            {
                throw Invalid(whereOfRow(index), $"{name} is {Text(value)}; it must be finite and at least 0");
            }
        }
    }

    private static DeviceTableRow ParseRow(string line, bool hasRead, bool hasTemperature, string where)
    {
        string[] cells = line.Split(',');
        int columns = 4 + (hasRead ? 1 : 0) + (hasTemperature ? 1 : 0);
        if (cells.Length != columns)
        {
            throw Invalid(where, $"has {cells.Length} columns, the header has {columns}");
        }

        return new DeviceTableRow(
            Number(0), Number(1), Number(2), Number(3), hasRead && cells[4].Trim().Length > 0 ? Number(4) : null, hasTemperature ? Number(columns - 1) : null);

        double Number(int column) =>
            double.TryParse(cells[column], NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
                ? value
                : throw Invalid(where, $"column {column + 1} is '{Shorten(cells[column])}', not a finite number");
    }

    private static string Shorten(string text) => text.Length <= 40 ? text : $"{text[..40]}...";

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static DiagnosticException Invalid(string where, string message) => new(Descriptors.InvalidDeviceTable, where, message);
}

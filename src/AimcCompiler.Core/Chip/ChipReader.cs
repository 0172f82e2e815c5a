using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AimcCompiler.Core;

/// <summary>Reads and writes chip descriptions. Everything wrong with a file is reported at once, each finding with its JSON
/// path.</summary>
public static class ChipReader
{
    private const string PresetSuffix = ".json";

    private static readonly Assembly Resources = typeof(ChipReader).Assembly;

    /// <summary>The chips that come with the compiler.</summary>
    public static IReadOnlyList<string> PresetNames { get; } =
    [
        .. Resources.GetManifestResourceNames()
            .Where(n => n.EndsWith(PresetSuffix, StringComparison.Ordinal))
            .Select(n => n[..^PresetSuffix.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>A preset by its name, else a JSON file by its path.</summary>
    /// <param name="nameOrPath">For example <c>isaac</c> or <c>chips/mine.json</c>.</param>
    /// <param name="overrides">Settings such as <c>tile.rows=512</c>, applied in order.</param>
    /// <exception cref="DiagnosticException">There is no such chip, or it is invalid.</exception>
    public static ChipDescription Read(string nameOrPath, IReadOnlyList<string>? overrides = null)
    {
        if (PresetNames.Contains(nameOrPath))
        {
            return Parse(ReadPreset(nameOrPath), nameOrPath, folder: null, overrides);
        }

        if (!File.Exists(nameOrPath) && !Directory.Exists(nameOrPath))
        {
            bool isPath = nameOrPath.EndsWith(PresetSuffix, StringComparison.OrdinalIgnoreCase)
                || nameOrPath.AsSpan().ContainsAny('/', '\\');
            IReadOnlyList<string> near = NearestName.Of(nameOrPath, PresetNames);
            throw new DiagnosticException(
                Descriptors.UnknownChip,
                nameOrPath,
                isPath ? "there is no such chip file" : "is neither a preset nor a file",
                [.. near.Count > 0 ? near : PresetNames]);
        }

        byte[] bytes = LimitedFile.Read(nameOrPath, Descriptors.InvalidChip);
        return Parse(bytes, nameOrPath, Path.GetDirectoryName(Path.GetFullPath(nameOrPath)), overrides);
    }

    /// <param name="utf8Json">The file's bytes; a byte order mark is skipped.</param>
    /// <param name="where">Names the file in errors.</param>
    /// <param name="folder">Where a device table is looked up; null = tables must be embedded, and no file is touched.</param>
    /// <param name="overrides">Settings such as <c>tile.rows=512</c>, applied in order.</param>
    /// <param name="fillsMissing">The text is from before some fields were: what is missing is off.</param>
    /// <exception cref="DiagnosticException">The description is invalid.</exception>
    public static ChipDescription Parse(
        ReadOnlyMemory<byte> utf8Json, string where, string? folder = null, IReadOnlyList<string>? overrides = null, bool fillsMissing = false)
    {
        if (utf8Json.Length > LimitedFile.MaximumBytes)
        {
            throw new DiagnosticException(
                Descriptors.InvalidChip, where, $"has {utf8Json.Length} bytes; allowed: {LimitedFile.MaximumBytes}");
        }

        var findings = new DiagnosticBag();
        if (utf8Json.Span.StartsWith(Encoding.UTF8.Preamble))
        {
            utf8Json = utf8Json[Encoding.UTF8.Preamble.Length..];
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8Json, ChipJson.ParseOptions);
            JsonNode? tree = ChipJson.ToTree(document.RootElement, "$", (path, message) => Report(path, message, []));
            if (tree is not JsonObject chip)
            {
                throw new DiagnosticException(Descriptors.InvalidChip, $"{where}: $", "must be an object");
            }

            if (fillsMissing)
            {
                ChipDefaults.Fill(chip);
            }

            NormalizeDevice(chip);
            ChipOverrides.Apply(chip, overrides ?? [], Report, device => DeviceJson.Normalize(device, where, folder, Report));
            NormalizeDevice(chip); // tile.cell.device.file can be set too
            findings.ThrowIfErrors();
            new ChipShape(Report).Check(chip);
            findings.ThrowIfErrors();
            ChipDescription description = SortSources(SortTable(chip.Deserialize<ChipDescription>(ChipJson.Options)!, where));
            ChipValidator.Validate(description, where).ThrowIfErrors();
            return description;
        }
        catch (JsonException e)
        {
            string place = e.LineNumber is { } line ? $"{where}: line {line + 1}, byte {e.BytePositionInLine + 1}" : where;
            throw new DiagnosticException(Descriptors.InvalidChip, place, $"is not valid JSON: {FirstSentence(e.Message)}");
        }

        void Report(string path, string message, string[] levers) =>
            findings.Add(Descriptors.InvalidChip, $"{where}: {path}", message, levers);

        void NormalizeDevice(JsonObject chip)
        {
            if (chip["tile"] is JsonObject tile
                && tile["cell"] is JsonObject cell
                && cell.TryGetPropertyValue("device", out JsonNode? device))
            {
                JsonNode? normal = DeviceJson.Normalize(device, where, folder, Report);
                if (normal != device)
                {
                    cell["device"] = normal;
                }
            }
        }
    }

    /// <summary>The chip as JSON that <see cref="Parse"/> reads back exactly; equal chips give equal text. Device tables are
    /// embedded.</summary>
    public static string Write(ChipDescription chip) => JsonSerializer.Serialize(SortSources(chip), ChipJson.Options) + "\n";

    /// <summary>What deserves a word before the chip is used: constants from memory, non-idealities without effect.</summary>
    public static IReadOnlyList<Diagnostic> Warnings(ChipDescription chip) =>
        [.. ChipValidator.Validate(chip, chip.Name).Diagnostics.Where(d => d.Severity == Severity.Warning)];

    internal static byte[] ReadPreset(string name)
    {
        using Stream stream = Resources.GetManifestResourceStream(name + PresetSuffix)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static ChipDescription SortSources(ChipDescription chip)
    {
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string field, string source) in chip.Sources)
        {
            sorted.Add(field, source);
        }

        return chip with { Sources = sorted };
    }

    private static ChipDescription SortTable(ChipDescription chip, string where)
    {
        if (chip.Tile.Cell.Device is not TableDevice table)
        {
            return chip;
        }

        string path = $"{where}: {DeviceJson.Path}.rows";
        var sorted = new TableDevice(DeviceTableReader.Check(table.Rows, path, index => $"{path}[{index}]"));
        return chip with { Tile = chip.Tile with { Cell = chip.Tile.Cell with { Device = sorted } } };
    }

    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? message : message[..end];
    }
}

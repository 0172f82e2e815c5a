using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AimcCompiler.Reports;

/// <summary>Reports as JSON: snake_case, enums by name, fields in the order of their declaration, null = not there or not modelled.</summary>
public static class ReportJson
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // not for HTML; keeps names readable
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>A report, or any record of results, as one JSON document with a final line feed.</summary>
    public static string Write<T>(T report) => JsonSerializer.Serialize(report, Options) + "\n";
}

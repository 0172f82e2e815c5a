using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace AimcCompiler.Core;

/// <summary>How a chip description is written as JSON: snake_case, enums by name, a device told by its "name", a table row as an
/// array.</summary>
internal static class ChipJson
{
    private const int MaximumDepth = 64;
    private const int MaximumValues = 1_000_000; // a node costs some hundred bytes, so the file's size alone bounds too little
    private const int MaximumNumberLength = 100;

    public static readonly JsonSerializerOptions Options = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        AllowOutOfOrderMetadataProperties = true,
        WriteIndented = true,
        NewLine = "\n",
        MaxDepth = MaximumDepth,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // not for HTML; keeps names readable
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false), new TableRowConverter(), new DriftPointConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { DropComputedProperties, TellDevicesByName } },
    };

    public static readonly IReadOnlyDictionary<string, Type> Devices = new Dictionary<string, Type>
    {
        ["ideal"] = typeof(IdealDevice),
        ["gaussian"] = typeof(GaussianDevice),
        ["pcm_like"] = typeof(PcmLikeDevice),
        ["pcm_hermes"] = typeof(PcmHermesDevice),
        ["pcm_custom"] = typeof(PcmCustomDevice),
        ["rram_wan_2022"] = typeof(RramWan2022Device),
        ["rram_milo_2021"] = typeof(RramMilo2021Device),
        ["rram_cmo"] = typeof(RramCmoDevice),
        ["sonos"] = typeof(SonosDevice),
        ["mram"] = typeof(MramDevice),
        ["table"] = typeof(TableDevice),
    };

    /// <summary>The tree of a document. Duplicate keys, lone surrogates and overlong numbers are findings with their paths.</summary>
    /// <exception cref="JsonException">The text is not JSON, or too deep, or has too many values.</exception>
    public static JsonNode? ToTree(JsonElement element, string path, Action<string, string> report)
    {
        int values = 0;
        return Convert(element, path);

        JsonNode? Convert(JsonElement element, string path)
        {
            if (++values > MaximumValues)
            {
                throw new JsonException($"more than {MaximumValues} values");
            }

            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    var result = new JsonObject();
                    foreach (JsonProperty property in element.EnumerateObject())
                    {
                        string name;
                        try
                        {
                            name = property.Name;
                        }
                        catch (InvalidOperationException)
                        {
                            report(path, "a key is not valid Unicode");
                            continue;
                        }

                        if (result.ContainsKey(name))
                        {
                            report($"{path}.{name}", "occurs twice");
                            continue;
                        }

                        result.Add(name, Convert(property.Value, $"{path}.{name}"));
                    }

                    return result;
                case JsonValueKind.Array:
                    var list = new JsonArray();
                    foreach (JsonElement item in element.EnumerateArray())
                    {
                        list.Add(Convert(item, $"{path}[{list.Count}]"));
                    }

                    return list;
                case JsonValueKind.Null:
                    return null;
                case JsonValueKind.String when !IsValidText(element):
                    report(path, "is not valid Unicode");
                    return JsonValue.Create("");
                case JsonValueKind.Number when JsonMarshal.GetRawUtf8Value(element).Length > MaximumNumberLength:
                    report(path, $"is a number of more than {MaximumNumberLength} characters");
                    return null;
                default:
                    return JsonValue.Create(element);
            }
        }
    }

    public static JsonNode? ToTree(string json) => ToTree(JsonElement.Parse(json, ParseOptions), "$", (_, _) => { });

    /// <summary>JSON as the standard has it: no comments, no trailing commas.</summary>
    public static JsonDocumentOptions ParseOptions => new() { MaxDepth = MaximumDepth };

    /// <summary>The fields of an object type, by name, in the order of their declaration.</summary>
    public static IEnumerable<JsonPropertyInfo> Fields(Type type) => Options.GetTypeInfo(type).Properties;

    public static string NameOf(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    private static bool IsValidText(JsonElement element)
    {
        try
        {
            return element.GetString() is not null;
        }
        catch (InvalidOperationException)
        {
            return false; // a lone surrogate
        }
    }

    private static void DropComputedProperties(JsonTypeInfo type)
    {
        foreach (JsonPropertyInfo property in type.Properties.Where(p => p.Set is null).ToArray())
        {
            type.Properties.Remove(property);
        }
    }

    private static void TellDevicesByName(JsonTypeInfo type)
    {
        if (type.Type == typeof(DeviceDescription))
        {
            type.PolymorphismOptions = new JsonPolymorphismOptions { TypeDiscriminatorPropertyName = "name" };
            foreach ((string name, Type device) in Devices)
            {
                type.PolymorphismOptions.DerivedTypes.Add(new JsonDerivedType(device, name));
            }
        }
    }

    /// <summary>[target_us, time_s, mean_us, sigma_us, read_sigma_us or null, temperature_k], the last optional. The shape was checked before.</summary>
    private sealed class TableRowConverter : JsonConverter<DeviceTableRow>
    {
        public override DeviceTableRow Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            double?[] values = JsonSerializer.Deserialize<double?[]>(ref reader, options)!;
            return new DeviceTableRow(values[0]!.Value, values[1]!.Value, values[2]!.Value, values[3]!.Value, values[4], values.Length > 5 ? values[5] : null);
        }

        public override void Write(Utf8JsonWriter writer, DeviceTableRow value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            writer.WriteNumberValue(value.TargetUs);
            writer.WriteNumberValue(value.TimeS);
            writer.WriteNumberValue(value.MeanUs);
            writer.WriteNumberValue(value.SigmaUs);
            if (value.ReadSigmaUs is { } read)
            {
                writer.WriteNumberValue(read);
            }
            else
            {
                writer.WriteNullValue();
            }

            if (value.TemperatureK is { } temperature)
            {
                writer.WriteNumberValue(temperature);
            }

            writer.WriteEndArray();
        }
    }

    /// <summary>[target_us, nu_mean, nu_sigma]. The shape was checked before.</summary>
    private sealed class DriftPointConverter : JsonConverter<DriftPoint>
    {
        public override DriftPoint Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            double[] values = JsonSerializer.Deserialize<double[]>(ref reader, options)!;
            return new DriftPoint(values[0], values[1], values[2]);
        }

        public override void Write(Utf8JsonWriter writer, DriftPoint value, JsonSerializerOptions options)
        {
            writer.WriteStartArray();
            writer.WriteNumberValue(value.TargetUs);
            writer.WriteNumberValue(value.NuMean);
            writer.WriteNumberValue(value.NuSigma);
            writer.WriteEndArray();
        }
    }
}

using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace AimcCompiler.Core;

/// <summary>Completes a description that was written before some of the fields were: what may be null is null, a choice is its first, which is what there
/// was before there was a choice. What has no such value stays missing.</summary>
internal static class ChipDefaults
{
    public static void Fill(JsonObject chip) => Fill(chip, typeof(ChipDescription));

    private static void Fill(JsonObject json, Type type)
    {
        foreach (JsonPropertyInfo field in ChipJson.Fields(type))
        {
            bool isThere = json.TryGetPropertyValue(field.Name, out JsonNode? value);
            if (value is JsonObject child && field.PropertyType.IsClass)
            {
                Fill(child, TypeOf(child, field.PropertyType));
            }
            else if (!isThere && (field.IsSetNullable || Nullable.GetUnderlyingType(field.PropertyType) is not null))
            {
                json.Add(field.Name, null);
            }
            else if (!isThere && field.PropertyType.IsEnum)
            {
                json.Add(field.Name, ChipJson.NameOf((Enum)Enum.GetValues(field.PropertyType).GetValue(0)!));
            }
        }
    }

    /// <summary>The fields of a device are those of its name.</summary>
    private static Type TypeOf(JsonObject json, Type type) =>
        type == typeof(DeviceDescription) && json["name"] is JsonValue name && name.TryGetValue(out string? text) && ChipJson.Devices.TryGetValue(text, out Type? device)
            ? device
            : type;
}

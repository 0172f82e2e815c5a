using System.Text.Json;
using System.Text.Json.Nodes;

namespace AimcCompiler.Core;

/// <summary>Brings a device to its object form: a bare name becomes the published model, a CSV file becomes its rows.</summary>
internal static class DeviceJson
{
    public const string Path = "$.tile.cell.device";

    public static JsonNode? Normalize(JsonNode? device, string where, string? folder, Action<string, string, string[]> report)
    {
        if (device?.GetValueKind() == JsonValueKind.String)
        {
            string name = device.GetValue<string>();
            switch (name)
            {
                case "ideal":
                    return ChipJson.ToTree("""{"name":"ideal"}""");
                case "pcm_like":
                    return ChipJson.ToTree("""{"name":"pcm_like","programming_scale":1,"drift_scale":1,"read_scale":1}""");
                case "pcm_hermes":
                    return ChipJson.ToTree("""{"name":"pcm_hermes","devices":2,"programming_scale":1,"drift_scale":1,"read_scale":1}""");
                case "gaussian":
                    report(
                        Path,
                        "has no published values",
                        ["""{"name":"gaussian","programming_sigma":0.03,"read_sigma":null,"scaling":"independent"}"""]);
                    return null;
                case "table":
                    report(Path, "needs a file or rows", ["""{"name":"table","file":"mydevice.csv"}"""]);
                    return null;
                default:
                    return new JsonObject { ["name"] = device.DeepClone() }; // the shape check names the known devices
            }
        }

        return device is JsonObject table && table.ContainsKey("file") && table["name"]?.GetValueKind() == JsonValueKind.String
            && table["name"]!.GetValue<string>() == "table"
            ? WithRows(table, where, folder, report)
            : device;
    }

    private static JsonObject? WithRows(JsonObject table, string where, string? folder, Action<string, string, string[]> report)
    {
        if (table["file"]?.GetValueKind() != JsonValueKind.String)
        {
            report($"{Path}.file", "must be the name of a CSV file", []);
            return null;
        }

        if (table.ContainsKey("rows"))
        {
            report(Path, "has both file and rows", ["one of them"]);
            return null;
        }

        if (folder is null)
        {
            report($"{Path}.file", $"cannot be looked up: {where} is not a chip file in a folder", ["\"rows\" in place of \"file\""]);
            return null;
        }

        IReadOnlyList<DeviceTableRow> rows = DeviceTableReader.Read(System.IO.Path.Combine(folder, table["file"]!.GetValue<string>()));
        var result = (JsonObject)table.DeepClone();
        result.Remove("file");
        result["rows"] = JsonArray.Create(JsonSerializer.SerializeToElement(rows, ChipJson.Options));
        return result;
    }
}

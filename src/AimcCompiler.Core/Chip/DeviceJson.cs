using System.Text.Json;
using System.Text.Json.Nodes;

namespace AimcCompiler.Core;

/// <summary>Brings a device to its object form: a bare name becomes the published model, a CSV file becomes its rows.</summary>
internal static class DeviceJson
{
    public const string Path = "$.tile.cell.device";

    /// <summary>What a bare name stands for.</summary>
    private static readonly Dictionary<string, string> Published = new(StringComparer.Ordinal)
    {
        ["ideal"] = """{"name":"ideal"}""",
        ["pcm_like"] = """{"name":"pcm_like","programming_scale":1,"drift_scale":1,"read_scale":1}""",
        ["pcm_hermes"] = """{"name":"pcm_hermes","devices":2,"programming_scale":1,"drift_scale":1,"read_scale":1}""",
        ["rram_milo_2021"] = """{"name":"rram_milo_2021","programming_scale":1}""",
        ["sonos"] = """{"name":"sonos","programming_scale":1,"drift_scale":1,"read_scale":1}""",
    };

    /// <summary>Devices that a name alone does not say enough of.</summary>
    private static readonly Dictionary<string, (string Reason, string[] Levers)> Unpublished = new(StringComparer.Ordinal)
    {
        ["gaussian"] = (
            "has no published values",
            ["""{"name":"gaussian","programming_sigma":0.03,"read_sigma":null,"scaling":"independent","distribution":"normal"}"""]),
        ["table"] = ("needs a file or rows", ["""{"name":"table","file":"mydevice.csv"}"""]),
        ["mram"] = ("has no published values", ["""{"name":"mram","tmr":1.2,"resistance_sigma":0.04,"write_error":1e-6}"""]),
        ["rram_wan_2022"] = (
            "has two published fits",
            ["""{"name":"rram_wan_2022","fit":"aihwkit","programming_scale":1}""", """{"name":"rram_wan_2022","fit":"crosssim","programming_scale":1}"""]),
        ["rram_cmo"] = (
            "has two published acceptance ranges",
            [
                """{"name":"rram_cmo","acceptance_percent":0.2,"programming_scale":1,"drift_scale":1,"read_scale":1}""",
                """{"name":"rram_cmo","acceptance_percent":2,"programming_scale":1,"drift_scale":1,"read_scale":1}""",
            ]),
        ["pcm_custom"] = (
            "has laws of your own",
            [
                """{"name":"pcm_custom","g_reference_us":25,"t0_s":20,"read_time_s":250e-9,"programming_us":[0.26348,1.965,-1.1731],"""
                + """ "drift":[[0,0.1,0.045],[25,0.049,0.008]],"read":{"scale":0.0088,"exponent":0.65,"limit":0.2}}""",
            ]),
    };

    public static JsonNode? Normalize(JsonNode? device, string where, string? folder, Action<string, string, string[]> report)
    {
        if (device?.GetValueKind() == JsonValueKind.String)
        {
            string name = device.GetValue<string>();
            if (Published.TryGetValue(name, out string? model))
            {
                return ChipJson.ToTree(model);
            }

            if (Unpublished.TryGetValue(name, out var missing))
            {
                report(Path, missing.Reason, missing.Levers);
                return null;
            }

            return new JsonObject { ["name"] = device.DeepClone() }; // the shape check names the known devices
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

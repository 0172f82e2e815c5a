using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace AimcCompiler.Core;

/// <summary>Holds a JSON tree to the types of the chip description: every field there, none unknown, each of its type, numbers finite.
/// What passes can be deserialized without failing.</summary>
internal sealed class ChipShape(Action<string, string, string[]> report)
{
    /// <summary>Columns of a row of a device table: the fifth may be null, the sixth be left out.</summary>
    private const int TableColumns = 6;

    private const int ReadColumn = 4;

    public void Check(JsonNode? tree) => Check(tree, typeof(ChipDescription), nullable: false, "$");

    /// <summary>Is there such a field? Device parameters count for every device that has them.</summary>
    /// <param name="path">Dotted, without the leading "$."</param>
    /// <param name="unknown">The part that is not a field.</param>
    /// <param name="siblings">The names that could stand in its place.</param>
    public static bool IsField(string path, out string unknown, out IReadOnlyList<string> siblings)
    {
        Type[] types = [typeof(ChipDescription)];
        foreach (string name in path.Split('.'))
        {
            JsonPropertyInfo[] fields = [.. types.SelectMany(t => IsObject(t) ? ChipJson.Fields(t) : [])];
            JsonPropertyInfo[] matches = [.. fields.Where(f => f.Name == name)];
            bool isDeviceName = name == "name" && types.Contains(typeof(IdealDevice));
            if (matches.Length == 0 && !isDeviceName)
            {
                unknown = name;
                siblings = [.. fields.Select(f => f.Name).Distinct()];
                return false;
            }

            types =
            [
                .. matches.Select(f => Nullable.GetUnderlyingType(f.PropertyType) ?? f.PropertyType)
                    .SelectMany(t => t == typeof(DeviceDescription) ? ChipJson.Devices.Values : [t]),
            ];
        }

        unknown = "";
        siblings = [];
        return true;
    }

    private static bool IsObject(Type type) =>
        type.IsClass && type.Namespace == typeof(ChipDescription).Namespace && type != typeof(DeviceTableRow);

    private void Check(JsonNode? node, Type type, bool nullable, string path)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            type = underlying;
            nullable = true;
        }

        if (node is null)
        {
            if (!nullable)
            {
                Report(path, $"must be {Article(type)}, is null");
            }
        }
        else if (type == typeof(object))
        {
            // Reserved: the validator refuses whatever is there.
        }
        else if (type == typeof(int))
        {
            if (Number(node) is not { } number)
            {
                WrongType(node, type, nullable, path);
            }
            else if (!number.TryGetInt32(out _))
            {
                Report(path, $"must be a whole number without point or exponent, of at most {int.MaxValue}, is {number.GetRawText()}");
            }
        }
        else if (type == typeof(double))
        {
            if (Number(node) is not { } number)
            {
                WrongType(node, type, nullable, path);
            }
            else if (!number.TryGetDouble(out double value) || !double.IsFinite(value))
            {
                Report(path, $"must be a finite number, is {number.GetRawText()}");
            }
        }
        else if (type == typeof(bool))
        {
            if (node.GetValueKind() is not (JsonValueKind.True or JsonValueKind.False))
            {
                WrongType(node, type, nullable, path);
            }
        }
        else if (type == typeof(string))
        {
            if (node.GetValueKind() != JsonValueKind.String)
            {
                WrongType(node, type, nullable, path);
            }
        }
        else if (type.IsEnum)
        {
            CheckEnum(node, type, nullable, path);
        }
        else if (type == typeof(IReadOnlyDictionary<string, string>))
        {
            CheckSources(node, path);
        }
        else if (type == typeof(IReadOnlyList<DeviceTableRow>))
        {
            CheckTable(node, path);
        }
        else if (type == typeof(IReadOnlyList<double>))
        {
            CheckNumbers(node, nullable, path);
        }
        else if (type == typeof(IReadOnlyList<DriftPoint>))
        {
            CheckDrift(node, nullable, path);
        }
        else if (type == typeof(DeviceDescription))
        {
            CheckDevice(node, path);
        }
        else
        {
            Debug.Assert(IsObject(type), "a field's type that the checks above do not know");
            CheckObject(node, type, nullable, path, []);
        }
    }

    private void CheckObject(JsonNode node, Type type, bool nullable, string path, string[] alsoKnown)
    {
        if (node is not JsonObject json)
        {
            WrongType(node, type, nullable, path);
            return;
        }

        JsonPropertyInfo[] fields = [.. ChipJson.Fields(type)];
        string[] known = [.. alsoKnown, .. fields.Select(f => f.Name)];
        foreach ((string name, JsonNode? _) in json)
        {
            if (!known.Contains(name))
            {
                report($"{path}.{name}", "is not a known field", Suggest(name, known));
            }
        }

        foreach (JsonPropertyInfo field in fields)
        {
            if (json.TryGetPropertyValue(field.Name, out JsonNode? value))
            {
                Check(value, field.PropertyType, field.IsSetNullable, $"{path}.{field.Name}");
            }
            else
            {
                Report($"{path}.{field.Name}", "is missing (what a chip does not have is null)");
            }
        }
    }

    /// <summary>The device in its object form, which <see cref="DeviceJson"/> made of a bare name.</summary>
    private void CheckDevice(JsonNode node, string path)
    {
        if (node is not JsonObject json)
        {
            Report(path, $"must be the name of a device or an object with \"name\", is {Found(node)}");
        }
        else if (json["name"]?.GetValueKind() != JsonValueKind.String)
        {
            Report($"{path}.name", "must be the name of a device");
        }
        else
        {
            string name = json["name"]!.GetValue<string>();
            if (ChipJson.Devices.TryGetValue(name, out Type? device))
            {
                CheckObject(json, device, nullable: false, path, ["name"]);
            }
            else
            {
                string allowed = string.Join(", ", ChipJson.Devices.Keys);
                report($"{path}.name", $"is '{Shorten(name)}'; allowed: {allowed}", Suggest(name, ChipJson.Devices.Keys));
            }
        }
    }

    private void CheckEnum(JsonNode node, Type type, bool nullable, string path)
    {
        if (node.GetValueKind() != JsonValueKind.String)
        {
            WrongType(node, type, nullable, path);
            return;
        }

        string found = node.GetValue<string>();
        string[] names = EnumNames(type);
        if (!names.Contains(found))
        {
            report(path, $"is '{Shorten(found)}'; allowed: {string.Join(", ", names)}{(nullable ? ", null" : "")}", Suggest(found, names));
        }
    }

    private void CheckSources(JsonNode node, string path)
    {
        if (node is not JsonObject json)
        {
            Report(path, $"must be an object, is {Found(node)}");
            return;
        }

        foreach ((string field, JsonNode? source) in json)
        {
            if (!IsField(field, out string unknown, out IReadOnlyList<string> siblings))
            {
                report($"{path}['{Shorten(field)}']", $"names no field: '{Shorten(unknown)}' is not known", Suggest(unknown, siblings));
            }

            if (source?.GetValueKind() != JsonValueKind.String)
            {
                Report($"{path}['{Shorten(field)}']", "must be text");
            }
        }
    }

    private void CheckTable(JsonNode node, string path)
    {
        if (node is not JsonArray rows)
        {
            Report(path, $"must be a list of rows, is {Found(node)}");
            return;
        }

        for (int i = 0; i < rows.Count; i++)
        {
            if (rows[i] is not JsonArray { Count: TableColumns or TableColumns - 1 } row)
            {
                Report($"{path}[{i}]", $"must be [target_us, time_s, mean_us, sigma_us, read_sigma_us or null, temperature_k], the last optional, is {Found(rows[i])}");
                continue;
            }

            for (int j = 0; j < row.Count; j++)
            {
                Check(row[j], typeof(double), nullable: j == ReadColumn, $"{path}[{i}][{j}]");
            }
        }
    }

    private void CheckNumbers(JsonNode node, bool nullable, string path)
    {
        if (node is not JsonArray list)
        {
            Report(path, $"must be a list of numbers{(nullable ? " or null" : "")}, is {Found(node)}");
            return;
        }

        for (int i = 0; i < list.Count; i++)
        {
            Check(list[i], typeof(double), nullable: false, $"{path}[{i}]");
        }
    }

    private void CheckDrift(JsonNode node, bool nullable, string path)
    {
        if (node is not JsonArray list)
        {
            Report(path, $"must be a list of [target_us, nu_mean, nu_sigma]{(nullable ? " or null" : "")}, is {Found(node)}");
            return;
        }

        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] is JsonArray { Count: 3 })
            {
                CheckNumbers(list[i]!, nullable: false, $"{path}[{i}]");
            }
            else
            {
                Report($"{path}[{i}]", $"must be [target_us, nu_mean, nu_sigma], is {Found(list[i])}");
            }
        }
    }

    private void Report(string path, string message) => report(path, message, []);

    private void WrongType(JsonNode node, Type type, bool nullable, string path) =>
        Report(path, $"must be {Article(type)}{(nullable ? " or null" : "")}, is {Found(node)}");

    private static string[] EnumNames(Type type) => [.. Enum.GetValues(type).Cast<Enum>().Select(ChipJson.NameOf)];

    private static string[] Suggest(string name, IEnumerable<string> known) => [.. NearestName.Of(name, known, 1).Select(n => $"'{n}'")];

    private static JsonElement? Number(JsonNode node) =>
        node.GetValueKind() == JsonValueKind.Number ? node.GetValue<JsonElement>() : null;

    private static string Article(Type type) =>
        type == typeof(int) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "text"
        : type == typeof(IReadOnlyList<double>) || type == typeof(IReadOnlyList<DriftPoint>) ? "a list"
        : type.IsEnum ? $"one of {string.Join(", ", EnumNames(type))}"
        : "an object";

    private static string Found(JsonNode? node) => node?.GetValueKind() switch
    {
        null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => $"a list of {((JsonArray)node).Count}",
        JsonValueKind.String => $"the text \"{Shorten(node.GetValue<string>())}\"",
        _ => node.ToJsonString(),
    };

    private static string Shorten(string text) => text.Length <= 40 ? text : $"{text[..40]}...";
}

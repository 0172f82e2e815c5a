using System.Text.Json;
using System.Text.Json.Nodes;

namespace AimcCompiler.Core;

/// <summary>Applies settings such as <c>tile.rows=512</c> to the tree of a chip file, before it is checked. The value is JSON, or else
/// text.</summary>
internal static class ChipOverrides
{
    private const string Source = "set by the user";

    public static void Apply(
        JsonObject chip,
        IReadOnlyList<string> overrides,
        Action<string, string, string[]> report,
        Func<JsonNode?, JsonNode?> normalizeDevice)
    {
        foreach (string setting in overrides)
        {
            int equals = setting.IndexOf('=');
            string path = equals < 0 ? setting : setting[..equals].Trim();
            if (equals < 0)
            {
                report($"$.{path}", "has no value", [$"{path}=VALUE"]);
            }
            else if (!ChipShape.IsField(path, out string unknown, out IReadOnlyList<string> siblings))
            {
                string prefix = path[..path.LastIndexOf(unknown, StringComparison.Ordinal)];
                report($"$.{path}", $"'{unknown}' is not a known field", [.. NearestName.Of(unknown, siblings, 1).Select(n => prefix + n)]);
            }
            else
            {
                Set(chip, path.Split('.'), Value(setting[(equals + 1)..], path, report), normalizeDevice);
                Resource(chip, path);
            }
        }
    }

    private static void Set(JsonObject chip, string[] path, JsonNode? value, Func<JsonNode?, JsonNode?> normalizeDevice)
    {
        JsonObject parent = chip;
        foreach (string name in path[..^1])
        {
            // An absent part starts empty: the check afterwards names what it still lacks.
            if (parent[name] is not JsonObject child)
            {
                child = [];
                parent[name] = child;
            }

            parent = child;
        }

        parent[path[^1]] = path is ["tile", "cell", "device"] ? normalizeDevice(value) : value;
    }

    /// <summary>A source no longer holds for a number that was replaced.</summary>
    private static void Resource(JsonObject chip, string path)
    {
        if (chip["sources"] is JsonObject sources && path != "sources")
        {
            foreach (string field in sources.Select(s => s.Key).Where(k => k.StartsWith($"{path}.", StringComparison.Ordinal)).ToArray())
            {
                sources.Remove(field);
            }

            sources[path] = JsonValue.Create(Source);
        }
    }

    private static JsonNode? Value(string text, string path, Action<string, string, string[]> report)
    {
        JsonElement element;
        try
        {
            element = JsonElement.Parse(text, ChipJson.ParseOptions);
        }
        catch (JsonException)
        {
            return JsonValue.Create(text.Trim());
        }

        return ChipJson.ToTree(element, $"$.{path}", (p, message) => report(p, message, []));
    }
}

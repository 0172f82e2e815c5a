using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AimcCompiler.Core;

namespace AimcCompiler.Cli;

/// <summary>Where the channels of image data stand.</summary>
internal enum DataLayout
{
    /// <summary>Channels first, in the data and the model.</summary>
    Nchw,

    /// <summary>Channels last, in the data and the model.</summary>
    Nhwc,

    /// <summary>Channels last in the data, first in the model.</summary>
    NhwcToNchw,
}

/// <summary>Which color the model's first channel is; data have red first.</summary>
internal enum ChannelOrder
{
    /// <summary>As the data have them.</summary>
    Rgb,

    /// <summary>Blue first: the first and the third channel change places.</summary>
    Bgr,
}

/// <summary>What turns stored values into the model's: (value * scale - mean) / std per channel of the model, after the change of layout and channel order.</summary>
/// <remarks>Applies to floating-point inputs; layout and channel order to every input. A field that is null changes nothing.</remarks>
internal sealed record Preprocess(
    double? Scale = null, ImmutableArray<double>? Mean = null, ImmutableArray<double>? Std = null, DataLayout? Layout = null, ChannelOrder? ChannelOrder = null)
{
    /// <summary>In place of a file: only the options apply.</summary>
    public const string None = "none";

    private const int MaxBytes = 1 << 20;

    /// <summary>True when values change, not only their places.</summary>
    public bool ChangesValues => Scale is not null || Mean is not null || Std is not null;

    /// <summary><c>dir/net.preprocess.json</c> for <c>dir/net.onnx</c>.</summary>
    public static string PathFor(string model) => Path.ChangeExtension(model, ".preprocess.json");

    /// <summary>These fields, and where they are null those of <paramref name="other"/>.</summary>
    public Preprocess Over(Preprocess other) => new(Scale ?? other.Scale, Mean ?? other.Mean, Std ?? other.Std, Layout ?? other.Layout, ChannelOrder ?? other.ChannelOrder);

    /// <summary>What applies to data of a model: options go before a file's fields, the file that was named before the program's own, that before the one beside the model.</summary>
    /// <param name="options">The user's options.</param>
    /// <param name="file">The file that the user named, or <see cref="None"/>; null = not named.</param>
    /// <param name="program">What a program says, named; null = nothing.</param>
    /// <param name="model">The model or program; null = none.</param>
    /// <exception cref="DiagnosticException">A file cannot be read, or is none.</exception>
    public static Preprocess Of(Preprocess options, string? file, (string Name, string Json)? program, string? model)
    {
        if (file == None)
        {
            return options;
        }

        if (file is null && program is { } stored)
        {
            return options.Over(DataLimits.Guarded(stored.Name, () => Parse(stored.Name, Encoding.UTF8.GetBytes(stored.Json))));
        }

        file ??= model is not null && File.Exists(PathFor(model)) ? PathFor(model) : null;
        return file is null ? options : options.Over(Read(file));
    }

    /// <summary>As a preprocessing file has it; null = nothing changes.</summary>
    public string? ToJson()
    {
        JsonObject json = [];
        void Add(string name, JsonNode? value)
        {
            if (value is not null)
            {
                json.Add(name, value);
            }
        }

        Add("scale", Scale);
        Add("mean", Mean is { } mean ? new JsonArray([.. mean.Select(m => JsonValue.Create(m))]) : null);
        Add("std", Std is { } std ? new JsonArray([.. std.Select(s => JsonValue.Create(s))]) : null);
        Add("layout", Layout switch { DataLayout.Nchw => "nchw", DataLayout.Nhwc => "nhwc", DataLayout.NhwcToNchw => "nhwc->nchw", _ => null });
        Add("channel_order", ChannelOrder switch { Cli.ChannelOrder.Rgb => "rgb", Cli.ChannelOrder.Bgr => "bgr", _ => null });
        return json.Count == 0 ? null : json.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <exception cref="DiagnosticException">The layout has another name.</exception>
    public static DataLayout ParseLayout(string text, string where) => text switch
    {
        "nchw" => DataLayout.Nchw,
        "nhwc" => DataLayout.Nhwc,
        "nhwc->nchw" => DataLayout.NhwcToNchw,
        _ => throw DataLimits.Invalid(where, $"layout '{text}', allowed are nchw, nhwc and nhwc->nchw"),
    };

    /// <exception cref="DiagnosticException">The order has another name.</exception>
    public static ChannelOrder ParseChannelOrder(string text, string where) => text switch
    {
        "rgb" => Cli.ChannelOrder.Rgb,
        "bgr" => Cli.ChannelOrder.Bgr,
        _ => throw DataLimits.Invalid(where, $"channel order '{text}', allowed are rgb and bgr"),
    };

    /// <summary>Reads a preprocessing file.</summary>
    /// <exception cref="DiagnosticException">The file is not JSON, or a field is unknown, stands twice or has an impossible value.</exception>
    public static Preprocess Read(string path)
    {
        byte[] content = InputFile.ReadAllBytes(path, MaxBytes, Descriptors.InvalidData);
        var json = content.AsMemory(content.AsSpan().StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]) ? 3 : 0);
        return DataLimits.Guarded(path, () => Parse(path, json));
    }

    private static Preprocess Parse(string path, ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw DataLimits.Invalid(path, "$: not an object", """write {"scale": 0.0039, "layout": "nhwc->nchw"}""");
        }

        var result = new Preprocess();
        foreach (var field in document.RootElement.EnumerateObject())
        {
            string at = $"$.{field.Name}";
            result = field.Name switch
            {
                "scale" => result with { Scale = Number(path, at, field.Value) },
                "mean" => result with { Mean = Numbers(path, at, field.Value) },
                "std" => result with { Std = Numbers(path, at, field.Value) },
                "layout" when field.Value.ValueKind == JsonValueKind.String =>
                    result with { Layout = ParseLayout(field.Value.GetString()!, $"{path}: {at}") },
                "layout" => throw DataLimits.Invalid(path, $"{at}: not a text, allowed are nchw, nhwc and nhwc->nchw"),
                "channel_order" when field.Value.ValueKind == JsonValueKind.String =>
                    result with { ChannelOrder = ParseChannelOrder(field.Value.GetString()!, $"{path}: {at}") },
                "channel_order" => throw DataLimits.Invalid(path, $"{at}: not a text, allowed are rgb and bgr"),
                _ => throw DataLimits.Invalid(path, $"{at}: unknown field, known are scale, mean, std, layout and channel_order"),
            };
        }

        if (result.Std is { } std && std.Any(s => s <= 0))
        {
            throw DataLimits.Invalid(path, "$.std: a standard deviation is not greater than 0");
        }

        return result;
    }

    private static ImmutableArray<double> Numbers(string path, string at, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            return [Number(path, at, value)];
        }

        return value.GetArrayLength() > 0
            ? [.. value.EnumerateArray().Select((element, i) => Number(path, $"{at}[{i}]", element))]
            : throw DataLimits.Invalid(path, $"{at}: no numbers");
    }

    private static double Number(string path, string at, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw DataLimits.Invalid(path, $"{at}: not a finite number");
}

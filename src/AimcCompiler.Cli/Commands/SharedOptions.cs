using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using AimcCompiler.Core;
using AimcCompiler.Passes;
using AimcCompiler.Runtime;

namespace AimcCompiler.Cli;

/// <summary>Options of how a model is mapped, for <c>compile</c> and for <c>evaluate</c> of an .onnx.</summary>
internal sealed class MappingOptions
{
    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Vary the chip: FIELD=VALUE, as in tile.rows=512; may be repeated",
        HelpName = "FIELD=VALUE",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string> _chips = new("--chips") { Description = "Identical chips: a number, or auto for as many as needed", HelpName = "N|auto", DefaultValueFactory = _ => "1" };

    private readonly Option<string> _fallback = new Option<string>("--fallback") { Description = "What does not fit: an error, digital layers, or segments that are loaded one after the other", DefaultValueFactory = _ => "error" }
        .AcceptOnlyFromAmong("error", "digital", "segments");

    private readonly Option<int> _segmentBatch = new("--segment-batch") { Description = "Inferences that pass a segment before the next is loaded", HelpName = "N", DefaultValueFactory = _ => 1 };

    private readonly Option<string> _depthwise = new Option<string>("--depthwise") { Description = "Depthwise convolutions", DefaultValueFactory = _ => "digital" }
        .AcceptOnlyFromAmong("digital", "packed", "dense");

    private readonly Option<bool> _analogEmbedding = new("--analog-embedding") { Description = "Embedding tables on tiles too, read with one-hot vectors (costs a tile row for every entry)" };

    private readonly Option<string> _equalWeights = new Option<string>("--equal-weights") { Description = "Layers with equal weights: one copy on tiles, or one each", DefaultValueFactory = _ => "share" }
        .AcceptOnlyFromAmong("share", "copy");

    private readonly Option<string> _target = new Option<string>("--target") { Description = "Copies of layers: none (tiles), for the least interval (throughput), or for the least latency", DefaultValueFactory = _ => "tiles" }
        .AcceptOnlyFromAmong("tiles", "throughput", "latency");

    private readonly Option<string> _shareTiles = new Option<string>("--share-tiles") { Description = "Small matrices on one tile: where the chip is too small or the interval longer otherwise, never, or always", DefaultValueFactory = _ => "auto" }
        .AcceptOnlyFromAmong("auto", "never", "always");

    private readonly Option<string> _shifts = new Option<string>("--shifts") { Description = "Several outputs of a convolution from one MVM, by kernels that stand on tiles shifted, among zeros with their noise: never, or for a throughput or latency target where it shortens that", DefaultValueFactory = _ => "never" }
        .AcceptOnlyFromAmong("never", "auto");

    private readonly Option<string> _zeros = new Option<string>("--zeros") { Description = "Rows, columns and blocks of zeros: left out, or programmed as other weights are", DefaultValueFactory = _ => "skip" }
        .AcceptOnlyFromAmong("skip", "program");

    private readonly Option<int> _mapSeed = new("--map-seed") { Description = "Names the draws of the searches for cores", DefaultValueFactory = _ => 1 };

    private readonly Option<double> _mapEffort = new("--map-effort") { Description = "Multiplies the steps of the searches for cores", HelpName = "X", DefaultValueFactory = _ => 1 };

    private readonly Option<string?> _deadTiles = new("--dead-tiles") { Description = "Tiles of this very chip that are not used, counted from 0 over chips, cores and tiles", HelpName = "A,B,..." };

    private readonly Option<string[]> _analog = new("--analog") { Description = "A node that must be on tiles; may be repeated", HelpName = "NODE" };

    private readonly Option<string[]> _digital = new("--digital") { Description = "A node that must be digital; may be repeated", HelpName = "NODE" };

    private readonly Option<string[]> _dim = new("--dim") { Description = "Extent of an open dimension, by its name or INPUT.AXIS (where not given, one that the model runs with is found); may be repeated", HelpName = "NAME=N" };

    private readonly Option<string[]> _fix = new("--fix") { Description = "Value of an input of one element, which the program then does not take; may be repeated", HelpName = "NAME=VALUE" };

    private readonly Option<string> _inputRange = new("--input-range")
    {
        Description = "How much of the calibration inputs an input scale covers: max, or a fraction such as 0.99995",
        HelpName = "max|FRACTION",
        DefaultValueFactory = _ => "max",
    };

    private readonly Option<string[]> _calibrate = new("--calibrate") { Description = "Samples to take input and ADC ranges from (the first 512 are used)", HelpName = "[NAME=]DATA" };

    public Option<string?> Chip { get; } = new("--chip") { Description = "A preset (aimc chips) or a chip file", HelpName = "NAME|FILE.json" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { Chip, _set, _chips, _calibrate, _inputRange, _dim, _fix, _analog, _digital, _fallback, _segmentBatch, _depthwise, _analogEmbedding, _equalWeights, _target, _shareTiles, _shifts, _zeros, _mapSeed, _mapEffort, _deadTiles })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The mapping options that the user gave and that only a compile can follow.</summary>
    public IEnumerable<string> Given(ParseResult parsed) =>
        new Option[] { Chip, _set, _chips, _dim, _fix, _analog, _digital, _fallback, _segmentBatch, _depthwise, _analogEmbedding, _equalWeights, _target, _shareTiles, _shifts, _zeros, _mapSeed, _mapEffort, _deadTiles }.Where(o => parsed.GetResult(o) is { Implicit: false }).Select(o => o.Name);

    public double InputQuantile(ParseResult parsed) => Quantile(parsed.GetValue(_inputRange)!);

    public ImmutableArray<string> CalibrationPaths(ParseResult parsed) => [.. parsed.GetValue(_calibrate) ?? []];

    public ImmutableArray<string> Overrides(ParseResult parsed) => [.. parsed.GetValue(_set) ?? []];

    public CompileOptions Of(ParseResult parsed)
    {
        if ((parsed.GetValue(_analog) ?? []).Intersect(parsed.GetValue(_digital) ?? [], StringComparer.Ordinal).FirstOrDefault() is { } both)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, "--analog", $"and --digital both name '{both}'", "leave one of them out");
        }

        return Options(parsed);
    }

    private CompileOptions Options(ParseResult parsed) => new()
    {
        Chips = Chips(parsed.GetValue(_chips)!),
        Fallback = Enum.Parse<FallbackPolicy>(parsed.GetValue(_fallback)!, ignoreCase: true),
        SegmentBatch = parsed.GetValue(_segmentBatch) is >= 1 and <= 1 << 20 and var batch
            ? batch
            : throw new DiagnosticException(Descriptors.InvalidOption, "--segment-batch", FormattableString.Invariant($"is {parsed.GetValue(_segmentBatch)}; 1 to {1 << 20} are possible")),
        Depthwise = Enum.Parse<DepthwisePolicy>(parsed.GetValue(_depthwise)!, ignoreCase: true),
        AnalogEmbedding = parsed.GetValue(_analogEmbedding),
        SharesWeights = parsed.GetValue(_equalWeights) == "share",
        Target = Enum.Parse<MappingTarget>(parsed.GetValue(_target)!, ignoreCase: true),
        Sharing = parsed.GetValue(_shareTiles) switch { "never" => TileSharing.Never, "always" => TileSharing.Always, _ => TileSharing.WhenNeeded },
        Shifts = parsed.GetValue(_shifts) == "auto" ? ShiftPolicy.Auto : ShiftPolicy.Never,
        Zeros = parsed.GetValue(_zeros) == "program" ? ZeroPolicy.Program : ZeroPolicy.Skip,
        Seed = parsed.GetValue(_mapSeed),
        Effort = parsed.GetValue(_mapEffort) is >= 0 and <= 1000 and var effort
            ? effort
            : throw new DiagnosticException(Descriptors.InvalidOption, "--map-effort", FormattableString.Invariant($"is {parsed.GetValue(_mapEffort)}; 0 to 1000 are possible")),
        DeadTiles = DeadTiles(parsed.GetValue(_deadTiles)),
        Analog = [.. parsed.GetValue(_analog) ?? []],
        Digital = [.. parsed.GetValue(_digital) ?? []],
        Dimensions = Dimensions(parsed.GetValue(_dim) ?? []),
        Fixed = Fixed(parsed.GetValue(_fix) ?? []),
        CalibrationQuantile = Quantile(parsed.GetValue(_inputRange)!),
    };

    private static int? Chips(string text)
    {
        if (text == "auto")
        {
            return null;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int chips) && chips is >= 1 and <= 1 << 16
            ? chips
            : throw new DiagnosticException(Descriptors.InvalidOption, "--chips", $"is '{text}'; a number from 1 to 65536, or auto, is possible");
    }

    private static ImmutableArray<int> DeadTiles(string? text)
    {
        SortedSet<int> tiles = [];
        foreach (string part in text?.Split(',') ?? [])
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int tile))
            {
                throw new DiagnosticException(Descriptors.InvalidOption, "--dead-tiles", $"is '{text}'; numbers of tiles with commas between them are possible");
            }

            tiles.Add(tile);
        }

        return [.. tiles];
    }

    private static ImmutableDictionary<string, long> Dimensions(string[] texts)
    {
        var dimensions = ImmutableDictionary.CreateBuilder<string, long>(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            int at = text.LastIndexOf('=');
            if (at < 1 || !long.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long extent) || extent < 1)
            {
                throw new DiagnosticException(Descriptors.InvalidOption, "--dim", $"is '{text}'; NAME=N with N of at least 1 is possible");
            }

            dimensions[text[..at]] = extent;
        }

        return dimensions.ToImmutable();
    }

    private static ImmutableDictionary<string, string> Fixed(string[] texts)
    {
        var given = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string text in texts)
        {
            int at = text.IndexOf('=', StringComparison.Ordinal);
            if (at < 1)
            {
                throw new DiagnosticException(Descriptors.InvalidOption, "--fix", $"is '{text}'; NAME=VALUE is possible");
            }

            given[text[..at]] = text[(at + 1)..];
        }

        return given.ToImmutable();
    }

    private static double Quantile(string text)
    {
        if (text == "max")
        {
            return 1;
        }

        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double fraction) && fraction is > 0 and <= 1
            ? fraction
            : throw new DiagnosticException(Descriptors.InvalidOption, "--input-range", $"is '{text}'; max, or a fraction above 0 and at most 1, is possible");
    }
}

/// <summary>Options of how data files are read.</summary>
internal sealed class DataFileOptions
{
    private readonly Option<string?> _shape = new("--shape") { Description = "Shape of raw binary data, as in 1000x32x32x3 or 32x32x3", HelpName = "AxBxC" };

    private readonly Option<string?> _dtype = new("--dtype") { Description = "Element type of raw binary data, as in uint8 or float32", HelpName = "TYPE" };

    private readonly Option<string?> _preprocess = new("--preprocess") { Description = "Preprocessing file (default: the program's own, else MODEL.preprocess.json beside the model); none = the data are the inputs", HelpName = "FILE.json|none" };

    private readonly Option<double?> _scale = new("--scale") { Description = "Multiplies raw values, before mean and std" };

    private readonly Option<double[]> _mean = new("--mean") { Description = "Per channel, or one for all", AllowMultipleArgumentsPerToken = true };

    private readonly Option<double[]> _std = new("--std") { Description = "Per channel, or one for all", AllowMultipleArgumentsPerToken = true };

    private readonly Option<string?> _layout = new("--layout") { Description = "nchw, nhwc, or nhwc->nchw to transpose", HelpName = "LAYOUT" };

    private readonly Option<string?> _channelOrder = new("--channel-order") { Description = "bgr: the model takes blue first, the data have red first", HelpName = "rgb|bgr" };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _shape, _dtype, _preprocess, _scale, _mean, _std, _layout, _channelOrder })
        {
            command.Options.Add(option);
        }
    }

    public DataOptions Of(ParseResult parsed, ImmutableArray<string> paths, string? labels = null)
    {
        Refuse("--scale", parsed.GetValue(_scale) is { } scale && !double.IsFinite(scale), "is not a finite number");
        Refuse("--mean", parsed.GetValue(_mean)?.Any(m => !double.IsFinite(m)) == true, "holds a value that is not a finite number");
        Refuse("--std", parsed.GetValue(_std)?.Any(s => !(s > 0) || !double.IsFinite(s)) == true, "holds a value that is not greater than 0");
        return Options(parsed, paths, labels);
    }

    private static void Refuse(string option, bool isWrong, string message)
    {
        if (isWrong)
        {
            throw new DiagnosticException(Descriptors.InvalidOption, option, message);
        }
    }

    private DataOptions Options(ParseResult parsed, ImmutableArray<string> paths, string? labels) => new()
    {
        Paths = paths,
        Labels = labels,
        Shape = parsed.GetValue(_shape),
        Type = parsed.GetValue(_dtype),
        PreprocessFile = parsed.GetValue(_preprocess),
        Preprocess = new Preprocess(
            parsed.GetValue(_scale),
            parsed.GetValue(_mean) is { Length: > 0 } mean ? [.. mean] : null,
            parsed.GetValue(_std) is { Length: > 0 } std ? [.. std] : null,
            parsed.GetValue(_layout) is { } layout ? Preprocess.ParseLayout(layout, "--layout") : null,
            parsed.GetValue(_channelOrder) is { } order ? Preprocess.ParseChannelOrder(order, "--channel-order") : null),
    };
}

/// <summary>Options of the simulation, for <c>run</c> and <c>evaluate</c>.</summary>
/// <param name="hasStreams">Whether the instruction streams can be run too.</param>
internal sealed class SimulatorOptions(bool hasStreams = false)
{
    private readonly Option<ulong> _seed = new("--seed") { Description = "Names every draw", DefaultValueFactory = _ => 1 };

    private readonly Option<bool> _ideal = new("--ideal") { Description = "Keep weight levels and DAC codes; noiseless cells, exact conversions" };

    private readonly Option<string> _engine = new Option<string>("--engine")
    {
        Description = hasStreams ? "fast, the stepwise definition, or the instruction streams one by one; all give the same bits" : "fast, or the stepwise definition; both give the same bits",
        DefaultValueFactory = _ => "fast",
    }.AcceptOnlyFromAmong(hasStreams ? ["fast", "stepwise", "streams"] : ["fast", "stepwise"]);

    private readonly Option<int> _threads = new("--threads") { Description = "Threads; results do not depend on it", DefaultValueFactory = _ => Environment.ProcessorCount };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _seed, _ideal, _engine, _threads })
        {
            command.Options.Add(option);
        }
    }

    public bool UsesStreams(ParseResult parsed) => parsed.GetValue(_engine) == "streams";

    public SimulationOptions Of(ParseResult parsed) => new()
    {
        Seed = parsed.GetValue(_seed),
        Ideal = parsed.GetValue(_ideal),
        Engine = parsed.GetValue(_engine) == "stepwise" ? EngineKind.Stepwise : EngineKind.Fast,
        Threads = parsed.GetValue(_threads) is >= 1 and <= 1024 and var threads
            ? threads
            : throw new DiagnosticException(Descriptors.InvalidOption, "--threads", $"is {parsed.GetValue(_threads)}; 1 to 1024 are possible"),
    };
}

using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>What to do with a layer for which the chip has no tiles.</summary>
public enum FallbackPolicy
{
    /// <summary>Refuse, naming demand, bound and levers.</summary>
    Error,

    /// <summary>Run the layers with the fewest MACs per tile digitally.</summary>
    Digital,

    /// <summary>Load the network piece by piece, each piece on all tiles.</summary>
    Segments,
}

/// <summary>Whether small matrices share a tile.</summary>
public enum TileSharing
{
    /// <summary>Where the chip would be too small, and for throughput where the interval becomes shorter.</summary>
    WhenNeeded,
    Never,
    Always,
}

/// <summary>What becomes of weights that are zero: code 0 on chips whose weights are codes, exactly 0 on analog cells.</summary>
public enum ZeroPolicy
{
    /// <summary>Rows, columns and blocks of zeros are not on tiles.</summary>
    Skip,

    /// <summary>They are programmed as any others, with the noise of their cells.</summary>
    Program,
}

/// <summary>Whether the kernels of convolutions stand in their matrices several times, shifted.</summary>
public enum ShiftPolicy
{
    /// <summary>Every kernel stands once: as many copies as shorten the target, and no cells but those of its own weights in a sum.</summary>
    Never,

    /// <summary>For throughput and latency, where it shortens them.</summary>
    Auto,
}

/// <summary>What is mapped how; the user's choices (docs: cli.md).</summary>
public sealed record CompileOptions
{
    /// <summary>Identical chips; null = as many as needed.</summary>
    public int? Chips { get; init; } = 1;

    public FallbackPolicy Fallback { get; init; } = FallbackPolicy.Error;

    /// <summary>Inferences that pass a segment before the next is loaded.</summary>
    public int SegmentBatch { get; init; } = 1;

    public DepthwisePolicy Depthwise { get; init; } = DepthwisePolicy.Digital;

    public TileSharing Sharing { get; init; } = TileSharing.WhenNeeded;

    /// <summary>What copies of layers are for.</summary>
    public MappingTarget Target { get; init; } = MappingTarget.Tiles;

    /// <summary>Names the draws of the searches for cores.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Multiplies the steps of the searches for cores.</summary>
    public double Effort { get; init; } = 1;

    /// <summary>Tiles of this very chip, or of these chips, that must not be used, counted over chips, cores and tiles.</summary>
    public ImmutableArray<int> DeadTiles { get; init; } = [];

    /// <summary>Embedding tables stand on tiles too: each look-up is a product with a one-hot vector.</summary>
    public bool AnalogEmbedding { get; init; }

    /// <summary>Layers with equal weights share their tiles.</summary>
    public bool SharesWeights { get; init; } = true;

    /// <summary>Whether one vector gives several outputs of a convolution side by side.</summary>
    public ShiftPolicy Shifts { get; init; }

    /// <summary>Whether weights that are zero take cells.</summary>
    public ZeroPolicy Zeros { get; init; } = ZeroPolicy.Skip;

    /// <summary>Pulses of an MVM that are driven, one a block, by layer name: what an earlier program of the same options was measured to have. Empty = all are.</summary>
    public ImmutableDictionary<string, ImmutableArray<float>> DrivenPulses { get; init; } = ImmutableDictionary<string, ImmutableArray<float>>.Empty;

    /// <summary>Nodes that must be on tiles, by name.</summary>
    public ImmutableArray<string> Analog { get; init; } = [];

    /// <summary>Nodes that must be digital, by name.</summary>
    public ImmutableArray<string> Digital { get; init; } = [];

    /// <summary>Extents of symbolic dimensions, by name.</summary>
    public ImmutableDictionary<string, long> Dimensions { get; init; } = ImmutableDictionary<string, long>.Empty;

    /// <summary>Values of inputs that the program shall not take any more, by name.</summary>
    public ImmutableDictionary<string, string> Fixed { get; init; } = ImmutableDictionary<string, string>.Empty;

    /// <summary>Samples that ranges are taken from; null = compile without ranges.</summary>
    public ICalibrationData? Calibration { get; init; }

    /// <summary>The fraction of calibration inputs that an input scale covers: 1 = their maximum; aihwkit's default is 0.99995.</summary>
    public double CalibrationQuantile { get; init; } = 1;

    /// <summary>Called with (pass name, textual IR) after every pass; null = no printing.</summary>
    public Action<string, string>? Dump { get; init; }

    /// <summary>Called with a line of progress; null = silent.</summary>
    public Action<string>? Progress { get; init; }
}

/// <summary>Samples for calibration, a batch at a time.</summary>
public interface ICalibrationData
{
    /// <summary>Batches.</summary>
    int Count { get; }

    /// <summary>The model's inputs for one batch, by name; a batch of one sample where the model leaves it open.</summary>
    IReadOnlyDictionary<string, Tensor> Sample(int index);
}

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Reports;

/// <summary>What stands where, what it uses and what it should cost: the content of <c>aimc inspect</c>. Its JSON form is
/// <see cref="ReportJson"/>; fields may be added, none renamed while <see cref="SchemaVersion"/> stays.</summary>
public sealed record MappingReport
{
    public int SchemaVersion { get; init; } = 1;

    public required string Producer { get; init; }

    /// <summary>File name of the model.</summary>
    public required string Model { get; init; }

    [JsonPropertyName("model_sha256")]
    public required string ModelSha256 { get; init; }

    /// <summary>Floating-point and quantised initializer elements of the model as given.</summary>
    public required long ModelParameters { get; init; }

    public required string Chip { get; init; }

    public required int Chips { get; init; }

    /// <summary>How inputs were calibrated; null = not at all.</summary>
    public required string? Calibration { get; init; }

    /// <summary>How the samples of a data set go through the program.</summary>
    public required BatchMode Batch { get; init; }

    public required long TilesUsed { get; init; }

    /// <summary>Tiles of all chips; null = unlimited.</summary>
    public required long? TilesTotal { get; init; }

    /// <summary>Cells that hold a weight, all copies.</summary>
    public required long CellsUsed { get; init; }

    /// <summary>Cells of the used tiles: what <see cref="Utilization"/> divides by.</summary>
    public required long CellsOfUsedTiles { get; init; }

    /// <summary>0 .. 1; null when no tile is used.</summary>
    [JsonPropertyName("utilisation")]
    public required double? Utilization { get; init; }

    public required long AnalogMacs { get; init; }

    /// <summary>MACs of convolutions, products, recurrent and attention nodes that run digitally.</summary>
    public required long DigitalMacs { get; init; }

    /// <summary>MACs on tiles over all MACs, 0 .. 1; null when the model has none.</summary>
    public required double? AnalogMacShare { get; init; }

    /// <summary>Digital nodes without counted MACs were taken as half of their partition's operations.</summary>
    public required bool AnalogMacShareIsEstimate { get; init; }

    /// <summary>Weight elements of the layers on tiles, one copy, zeros that are left out included.</summary>
    public required long AnalogParameters { get; init; }

    /// <summary>The same over the model's parameters, 0 .. 1; null when the model has none.</summary>
    public required double? AnalogParameterShare { get; init; }

    /// <summary>Parameters of depthwise convolutions that stay digital by the default policy.</summary>
    public required long DepthwiseParametersDigital { get; init; }

    public required int NodesAnalog { get; init; }

    public required int NodesDigital { get; init; }

    public required int NodesHost { get; init; }

    public required int NodesFolded { get; init; }

    public required int DigitalPartitions { get; init; }

    public required long DigitalOperations { get; init; }

    public required ImmutableArray<NodeReport> Nodes { get; init; }

    public required ImmutableArray<LayerReport> Layers { get; init; }

    public required EstimateReport Estimate { get; init; }

    public required ImmutableArray<BoundReport> Bounds { get; init; }

    /// <summary>What is on the tiles at a time, one after the other; empty = everything.</summary>
    public ImmutableArray<SegmentReport> Segments { get; init; } = [];

    /// <summary>Inferences that pass a segment before the next is loaded.</summary>
    public int SegmentBatch { get; init; } = 1;

    /// <summary>Of a compile for a chip with too few tiles: what could have been done, and what was.</summary>
    public ImmutableArray<FitAlternative> Alternatives { get; init; } = [];

    /// <summary>Levers on the interval, best first; empty unless asked for, and without a schedule.</summary>
    public ImmutableArray<WhatIfReport> WhatIf { get; init; } = [];

    public required ImmutableArray<FindingReport> Findings { get; init; }

    /// <param name="program">A verified program.</param>
    /// <param name="simulation">How the simulator computes a layer; null = that is not asked.</param>
    /// <param name="whatIf">Levers are asked for.</param>
    public static MappingReport Of(MappedProgram program, Func<int, SimulationReport>? simulation = null, bool whatIf = false)
    {
        ArgumentNullException.ThrowIfNull(program);
        MappingReport report = MappingSurvey.Report(program);
        if (whatIf)
        {
            report = report with { WhatIf = [.. BoundSurvey.WhatIf(program).Select(w => new WhatIfReport(w.Lever, w.IntervalNs * 1e-9, w.GainPercent))] };
        }

        return simulation is null ? report : report with { Layers = [.. report.Layers.Select((l, i) => l with { Simulation = simulation(i) })] };
    }
}

/// <param name="Name">Node name as in the model.</param>
/// <param name="Op">Operator.</param>
/// <param name="Home">Where it runs.</param>
/// <param name="Reason">Why it is not on tiles; null when it is.</param>
/// <param name="Detail">The reason as a sentence, "" when there is none.</param>
/// <param name="Parameters">Weight elements the node reads from initializers.</param>
/// <param name="Macs">Multiply-accumulates of one inference.</param>
/// <param name="Layer">Name of its layer; null when it is not on tiles.</param>
public sealed record NodeReport(string Name, string Op, Home Home, FallbackReason? Reason, string Detail, long Parameters, long Macs, string? Layer);

/// <param name="Path">Which way.</param>
/// <param name="Why">Its condition.</param>
public sealed record SimulationReport(string Path, string Why);

/// <summary>One constant-weight MVM. Times and energies are estimates; null = not modelled.</summary>
public sealed record LayerReport
{
    public required string Name { get; init; }

    public required string Op { get; init; }

    /// <summary>How the simulator computes it; null = not asked.</summary>
    public SimulationReport? Simulation { get; init; }

    /// <summary>K: inputs of one group's matrix.</summary>
    public required int Rows { get; init; }

    /// <summary>N: outputs of one group's matrix.</summary>
    public required int Columns { get; init; }

    public required int Groups { get; init; }

    /// <summary>What of the model's matrix is zero and not on tiles; null = nothing.</summary>
    public required ZerosReport? Zeros { get; init; }

    public required DepthwisePolicy Packing { get; init; }

    public required long MvmPerInference { get; init; }

    public required long Macs { get; init; }

    /// <summary>Tiles of all copies.</summary>
    public required long Tiles { get; init; }

    /// <summary>The earlier layer on whose tiles it runs, in turn with it; null = its own.</summary>
    public required string? SharesTilesOf { get; init; }

    /// <summary>It runs once a time step of a recurrence: every MVM waits for the one before it.</summary>
    public required bool IsRecurrent { get; init; }

    public required int Copies { get; init; }

    /// <summary>Outputs side by side that one vector gives; more than one where its kernel stands on the tiles at several shifts.</summary>
    public required int Shifts { get; init; }

    /// <summary>Bit slices of a weight.</summary>
    public required int Slices { get; init; }

    /// <summary>Cells that hold a weight, all copies.</summary>
    public required long CellsUsed { get; init; }

    /// <summary>Cells used over the cells of the layer's tiles, 0 .. 1.</summary>
    [JsonPropertyName("utilisation")]
    public required double Utilization { get; init; }

    public required int RowBlocks { get; init; }

    public required int ColumnBlocks { get; init; }

    public required int? WeightBits { get; init; }

    public required InputReport Input { get; init; }

    public required AdcReport Adc { get; init; }

    /// <summary>Busy time per inference.</summary>
    public required double? TimeNs { get; init; }

    /// <summary>Energy of the tiles per inference.</summary>
    public required double? EnergyPj { get; init; }
}

/// <summary>Zeros of a layer that are not on tiles.</summary>
/// <param name="Rows">Rows of zeros of a group's matrix.</param>
/// <param name="Columns">Columns of zeros.</param>
/// <param name="Blocks">Parts of a tile's size that the whole matrices would take more, one copy.</param>
/// <param name="Weights">All zeros that are left out, one copy.</param>
public sealed record ZerosReport(int Rows, int Columns, long Blocks, long Weights);

/// <param name="Scheme">How a code is driven.</param>
/// <param name="Bits">DAC bits; null = lossless.</param>
/// <param name="Scale">Static input scale; null = per vector, or not calibrated.</param>
/// <param name="Unsigned">Codes are 0 .. 2^b - 1.</param>
/// <param name="Pulses">Pulses of one MVM.</param>
/// <param name="DrivenPulses">Those that are not zero for all rows of a tile, on the average; null = all are driven, or not measured.</param>
public sealed record InputReport(InputScheme Scheme, int? Bits, float? Scale, bool Unsigned, int Pulses, double? DrivenPulses);

/// <param name="Bits">The chip's ADC bits; null = lossless.</param>
/// <param name="Range">What full scale means.</param>
/// <param name="LosslessBits">Bits that the largest possible column sum of this layer needs; null = cells or inputs are not integers.</param>
/// <param name="ConversionsPerMvm">Over all tiles of one copy.</param>
public sealed record AdcReport(int? Bits, AdcRange Range, int? LosslessBits, long ConversionsPerMvm);

/// <summary>What the mapping should cost by the chip's constants: an estimate, never a measurement. Null = not modelled.</summary>
public sealed record EstimateReport
{
    /// <summary>One sample through the element pipeline, tiles only.</summary>
    public required double? LatencyS { get; init; }

    /// <summary>One sample, one layer after the other, tiles only.</summary>
    public required double? LatencySerialS { get; init; }

    /// <summary>Every layer at work on its own sample.</summary>
    public required double? ThroughputPerS { get; init; }

    /// <summary>Per inference, what is modelled of tiles, buffers, digital units and, with a schedule, transfers; see <see cref="NotModelled"/>.</summary>
    public required double? EnergyJ { get; init; }

    public required ImmutableArray<EnergyPart> Breakdown { get; init; }

    /// <summary>The slowest layer; null = times are not modelled.</summary>
    public required BottleneckReport? Bottleneck { get; init; }

    /// <summary>1 MAC = 2 operations, at the pipelined rate.</summary>
    public required double? Tops { get; init; }

    /// <summary>Tiles alone.</summary>
    public required double? TopsPerWMacro { get; init; }

    /// <summary>All parts of the energy; null when one of them is not modelled. Without a schedule, tiles, buffers and digital units.</summary>
    public required double? TopsPerWSystem { get; init; }

    /// <summary>Digital operations on one core's unit, one after the other.</summary>
    public required double? DigitalTimeS { get; init; }

    /// <summary>Writing all cells, at most; null = the chip does not say what a pulse takes.</summary>
    public double? ProgrammingTimeS { get; init; }

    /// <summary>The same.</summary>
    public double? ProgrammingEnergyJ { get; init; }

    /// <summary>What the energy does not contain; chip_static = the power of a chip that is on, which a timed run counts over its interval.</summary>
    public required ImmutableArray<string> NotModelled { get; init; }
}

/// <param name="Part">tiles (published whole-tile energy), dac, cells, adc, shift_add, static, buffer, digital, noc (bits x links), board (bits from chip to chip), off_chip, reload.</param>
/// <param name="EnergyJ">Per inference; null = not modelled.</param>
/// <param name="Share">Of the modelled energy, 0 .. 1.</param>
public sealed record EnergyPart(string Part, double? EnergyJ, double? Share);

/// <param name="Layer">Its name.</param>
/// <param name="TimeS">Busy time per inference.</param>
/// <param name="Share">Of the serial time, 0 .. 1.</param>
public sealed record BottleneckReport(string Layer, double TimeS, double Share);

/// <summary>How far the mapping is from what no mapping of this model on this chip can beat.</summary>
/// <param name="Name">tiles: blocks of one copy of everything, side by side on tiles where they fit. interval: the largest of the bounds on the time from one inference to the next, which are bottleneck, work, digital, memory
/// and noc; without a schedule, the time of all tiles' work spread evenly over all of the chip's tiles. latency, buffers, segments, placement: as <see cref="LowerBound"/>.</param>
/// <param name="Value">The bound.</param>
/// <param name="Achieved">What this mapping has.</param>
/// <param name="Gap">achieved / value - 1: 0 = at the bound.</param>
/// <param name="Unit">Of value and achieved.</param>
/// <param name="Binding">This bound limits what the compile aimed at: the largest on the interval, or the latency; without a schedule, tiles when not one more copy of the slowest layer fits, else interval.</param>
public sealed record BoundReport(string Name, double? Value, double? Achieved, double? Gap, string Unit, bool Binding)
{
    /// <summary>What sets it, for people; "" = its name says so.</summary>
    [JsonIgnore]
    public string Why { get; init; } = "";
}

/// <summary>What one more of something would bring.</summary>
/// <param name="Lever">What to add or to double.</param>
/// <param name="IntervalS">With it: the interval of the mapping (a copy), or the largest bound on the interval (a resource); null = not known.</param>
/// <param name="GainPercent">Of the present one.</param>
public sealed record WhatIfReport(string Lever, double? IntervalS, double? GainPercent);

/// <summary>Something the user may want to act on.</summary>
/// <param name="Id">AIMCnnnn, or null for plain facts.</param>
/// <param name="Message">What, and how much.</param>
/// <param name="Nodes">The nodes or layers concerned, in their order.</param>
/// <param name="Help">What would help; null = nothing needs to.</param>
public sealed record FindingReport(string? Id, string Message, ImmutableArray<string> Nodes, string? Help);

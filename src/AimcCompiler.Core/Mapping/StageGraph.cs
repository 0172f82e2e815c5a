using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>A tensor on its way through the chip, in rows: the third axis from the batch of an image ([N, C, H, W]: H), the sequence of [N, S, K], one row of [N, K].</summary>
/// <param name="Name">The ONNX value name; values inside a digital partition have one too, and what an operator that puts all rows together makes of each row first: its result's with "parts".</param>
/// <param name="Rows">Of one inference, at least 1.</param>
/// <param name="ElementsPerRow">At least 1.</param>
/// <param name="BytesPerElement">On the chip: of the input codes of the stages that read it (at least 1), 4 where only digital stages do and the codes are analog.</param>
/// <param name="Producer">The stage that writes it; -1 = an input of the model.</param>
/// <param name="IsOutput">It leaves the chip.</param>
public sealed record StageValue(string Name, int Rows, long ElementsPerRow, int BytesPerElement, int Producer, bool IsOutput)
{
    public long BytesPerRow => ElementsPerRow * BytesPerElement;
}

/// <param name="Value">Index of the value.</param>
/// <param name="Window">What of it a row reads.</param>
/// <param name="IsCarried">It is the state of a recurrence: row r reads what row r - 1 wrote, and row 0 reads what is there before.</param>
public sealed record StageInput(int Value, RowWindow Window, bool IsCarried = false);

public enum StageKind
{
    /// <summary>A layer on tiles.</summary>
    Analog,

    /// <summary>One digital operator, on vector units.</summary>
    Digital,

    /// <summary>An operator of the host: its values leave the chip and come back; its own time is not modelled.</summary>
    Host,
}

/// <summary>One step of the pipeline. It writes its output row by row, in order.</summary>
public sealed record Stage
{
    /// <summary>Layer or node name.</summary>
    public required string Name { get; init; }

    public required StageKind Kind { get; init; }

    /// <summary>Index of a layer (analog) or of the partition whose model holds the node (digital, host) in the program; -1 before it is emitted.</summary>
    public required int Unit { get; init; }

    /// <summary>Index of the value it writes.</summary>
    public required int Output { get; init; }

    public required ImmutableArray<StageInput> Inputs { get; init; }

    /// <summary>Scalar operations of one row, on a vector unit; of an analog stage without partial sums.</summary>
    public required long OperationsPerRow { get; init; }

    /// <summary>What it asks of tiles; null unless analog.</summary>
    public required MatrixDemand? Matrix { get; init; }

    /// <summary>Time loop it is in; null = none. Its rows are time steps then.</summary>
    public string? Loop { get; init; }
}

/// <summary>A layer's demand. Vectors have ordinals 0 .. Vectors - 1 in an inference; vector o belongs to output row o / VectorsPerRow; copy c of r takes those with (o + FirstOrdinal) % r == c.</summary>
public sealed record MatrixDemand
{
    /// <summary>Vectors of one inference, before shifts.</summary>
    public required long Vectors { get; init; }

    public required int VectorsPerRow { get; init; }

    /// <summary>Vectors that earlier layers on the same tiles take before.</summary>
    public required long FirstOrdinal { get; init; }

    /// <summary>Index of the stage whose tiles it uses; null = its own.</summary>
    public required int? SharesTilesOf { get; init; }

    /// <summary>Row groups of one copy, in the order in which partial sums add.</summary>
    public required ImmutableArray<RowGroupDemand> Groups { get; init; }

    /// <summary>Least time between MVMs of one tile.</summary>
    public required double? IntervalNs { get; init; }

    /// <summary>From the first pulse to the last sum.</summary>
    public required double? LatencyNs { get; init; }

    /// <summary>Output columns over all groups, which partial sums have too.</summary>
    public required int Columns { get; init; }

    /// <summary>Bytes of one partial sum.</summary>
    public required int PartialSumBytes { get; init; }

    /// <summary>Sums are integers: any order of addition has the same bits. Else they add in the order of <see cref="Groups"/>.</summary>
    public required bool AddsExactly { get; init; }

    /// <summary>Every MVM waits for the one before: a recurrence.</summary>
    public required bool IsSerial { get; init; }

    public long Tiles => Groups.Sum(g => (long)g.Tiles);

    /// <summary>Additions that put the partial sums of one vector together, at least: row groups of the same columns add up.</summary>
    public long AdditionsPerVector => Math.Max(0, Groups.Sum(g => (long)g.Columns) - Columns);

    /// <summary>Additions of one vector that wait for each other, where every range of columns adds by itself.</summary>
    public long AdditionsInTurn => AdditionsPerVector / Math.Max(1, Groups.Select(g => g.FirstColumn).Distinct().Count());

    /// <summary>Sums of a row group, or messages of partial sums, that may wait to be added: two, and those that are in the pipeline of a tile.</summary>
    public int SumsInFlight => 2 + (LatencyNs is { } latency && IntervalNs is > 0 and var interval ? (int)Math.Min(1 << 20, Math.Ceiling(latency / interval)) : 0);
}

/// <summary>What is driven by one part of an input vector: a row block of a group with all its column blocks, or as many of them as a core has tiles. Never divided between cores.</summary>
/// <param name="Blocks">Indices of its blocks in the layer's split matrix.</param>
/// <param name="Tiles">Tiles of its own; 0 where <see cref="SharedTile"/> names one.</param>
/// <param name="Rounds">MVMs of a tile that one vector takes: blocks of it on one tile run in turn.</param>
/// <param name="FirstInput">First element of the input vector that it reads.</param>
/// <param name="Inputs">How many it reads.</param>
/// <param name="InputBytesPerRow">Bytes of an input row that its core needs.</param>
/// <param name="Columns">Output columns that it adds to.</param>
/// <param name="SharedTile">Group of small row groups that stand on one tile together; -1 = none.</param>
public sealed record RowGroupDemand(
    ImmutableArray<int> Blocks, int Tiles, int Rounds, int FirstInput, int Inputs, long InputBytesPerRow, int Columns, int SharedTile = -1)
{
    /// <summary>First of the output columns, which follow each other but for those of blocks that are left out.</summary>
    public int FirstColumn { get; init; }
}

/// <summary>The pipeline of a network, in topological order but for carried inputs.</summary>
public sealed record StageGraph(ImmutableArray<StageValue> Values, ImmutableArray<Stage> Stages)
{
    /// <summary>Values that come from outside.</summary>
    public IEnumerable<int> Inputs => Enumerable.Range(0, Values.Length).Where(v => Values[v].Producer < 0);
}

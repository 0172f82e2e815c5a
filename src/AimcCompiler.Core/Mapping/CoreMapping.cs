using System.Collections.Immutable;

namespace AimcCompiler.Core;

/// <summary>What a compile aims at.</summary>
public enum MappingTarget
{
    /// <summary>One copy of everything.</summary>
    Tiles,

    /// <summary>The least time from one inference to the next.</summary>
    Throughput,

    /// <summary>The least time of one inference.</summary>
    Latency,
}

/// <summary>How many copies every analog stage has, and why not more.</summary>
/// <param name="Copies">One a stage; 0 of stages that are not analog.</param>
/// <param name="IntervalNs">The initiation interval that the copies allow: max over stages of ceil(vectors / copies) x interval; null = times are not known.</param>
/// <param name="StoppedBy">Name of the bound that made more copies useless; null = tiles.</param>
public sealed record Replication(ImmutableArray<int> Copies, double? IntervalNs, string? StoppedBy);

/// <summary>A row group of one copy and where it stands.</summary>
/// <param name="Stage">Index of the stage.</param>
/// <param name="Copy">0 .. copies - 1.</param>
/// <param name="Group">Index among the stage's row groups.</param>
/// <param name="Core">A core, over all chips: chip x cores + core.</param>
/// <param name="Tiles">Its tiles, global indices, in the order of the bundles of its blocks.</param>
public sealed record PlacedRowGroup(int Stage, int Copy, int Group, int Core, ImmutableArray<int> Tiles);

/// <summary>Where everything of one segment is. Before placement cores are virtual numbers, after it physical ones: the same record.</summary>
public sealed record CoreMapping
{
    public required MappingTarget Target { get; init; }

    public required int Chips { get; init; }

    public required Replication Replication { get; init; }

    public required ImmutableArray<PlacedRowGroup> RowGroups { get; init; }

    /// <summary>One entry a value: the cores that assemble its rows and run the digital work of its producer; row y is at home in Homes[value][y % count]. An input of the model has its memory port.</summary>
    public required ImmutableArray<ImmutableArray<int>> Homes { get; init; }

    /// <summary>Stages of each segment, first to last; one segment = everything is on the chips at once.</summary>
    public required ImmutableArray<ImmutableArray<int>> Segments { get; init; }
}

using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>What is on the tiles at a time, and what it should take.</summary>
/// <param name="Units">In their order.</param>
/// <param name="Stages">Its pipeline.</param>
/// <param name="Tiles">Of one copy.</param>
/// <param name="Replicates">Copies are worth what they take to load; else there is one of everything.</param>
/// <param name="Estimate">Of its mapping.</param>
/// <param name="Reload">To put it on the tiles, all copies.</param>
/// <param name="CrossingBytes">That it writes for later segments, and reads of what earlier ones wrote.</param>
internal sealed record PlannedSegment(
    ImmutableArray<SegmentUnit> Units, StageGraph Stages, long Tiles, bool Replicates, MappingEstimate Estimate, ReloadCost Reload, long CrossingBytes)
{
    /// <summary>Of a batch: load, then run; what is not known counts as nothing.</summary>
    public double BatchS(int batch) => (Reload.TimeS ?? 0) + ((Estimate.BatchPs(batch) ?? 0) * 1e-12);
}

/// <summary>The segments of a network, first to last.</summary>
/// <param name="Chips">Identical chips, all of which each segment has.</param>
/// <param name="Batch">Inferences that pass a segment before the next is loaded.</param>
/// <param name="Segments">At least two.</param>
internal sealed record SegmentPlan(int Chips, int Batch, ImmutableArray<PlannedSegment> Segments)
{
    private readonly Dictionary<NodeId, int> _ofNode = Segments.SelectMany((s, i) => s.Units.SelectMany(u => u.Nodes).Select(n => (n, i))).ToDictionary(n => n.n, n => n.i);
    private readonly Dictionary<string, int> _ofValue =
        Segments.SelectMany((s, i) => s.Stages.Stages.Select(stage => (s.Stages.Values[stage.Output].Name, i))).ToDictionary(v => v.Name, v => v.i, StringComparer.Ordinal);

    private readonly Dictionary<int, int> _ofCluster = Segments.SelectMany((s, i) => s.Units.SelectMany(u => u.Clusters).Select(c => (c, i))).ToDictionary(c => c.c, c => c.i);

    /// <summary>Values whose work can be divided by channels, as in <see cref="StagedGraph"/>.</summary>
    public required ImmutableDictionary<string, int> Channels { get; init; }

    /// <summary>Segment of the layer that writes a value.</summary>
    public int SegmentOfLayer(string output) => _ofValue[output];

    /// <summary>Segment of a recurrence, by the node that stands for it.</summary>
    public int SegmentOfLoop(NodeId node) => _ofNode[node];

    /// <summary>Segment of a digital cluster.</summary>
    public int SegmentOfCluster(int cluster) => _ofCluster[cluster];

    /// <summary>Of one inference.</summary>
    public double? ReloadS => Segments.Aggregate((double?)0, (sum, s) => sum + s.Reload.TimeS) / Batch;

    /// <summary>From one inference to the next, on the average of a batch.</summary>
    public double? IntervalS => ReloadS + (Segments.Aggregate((double?)0, (sum, s) => sum + (s.Estimate.BatchPs(Batch) * 1e-12)) / Batch);

    public long CrossingBytes => Segments.Sum(s => s.CrossingBytes);
}

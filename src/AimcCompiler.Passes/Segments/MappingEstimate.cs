using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>What a mapping of stages on a chip should take, before there is one: the copies that the target asks for, and the busiest of tiles, issues, vector units,
/// memory and of the links by which a value leaves its homes. Placement, other links and waiting are not in it.</summary>
/// <param name="Copies">One a stage.</param>
/// <param name="IntervalPs">From one inference to the next; null = times are not known.</param>
/// <param name="LatencyPs">Of one inference alone; null = times are not known.</param>
internal sealed record MappingEstimate(ImmutableArray<int> Copies, long? IntervalPs, long? LatencyPs)
{
    /// <summary>Homes that a value gets for throughput at most.</summary>
    private const int MostHomes = 16;

    /// <summary>A batch, one inference after the other, from first row to last; null = times are not known.</summary>
    public long? BatchPs(int batch) => Math.Max(LatencyPs ?? 0, IntervalPs ?? 0) + ((batch - 1) * IntervalPs);

    /// <param name="graph">The stages.</param>
    /// <param name="chip">One copy of everything fits it.</param>
    /// <param name="target">For latency the copies are those for throughput.</param>
    public static MappingEstimate Of(StageGraph graph, ChipCapacity chip, MappingTarget target)
    {
        var families = TileFamily.Of(graph);
        bool isKnown = families.All(f => f.IntervalPs is not null && f.LatencyPs is not null);
        var other = isKnown ? OtherBound.Of(graph, chip, families).Ps : 0;
        long[] copies = [.. families.Select(_ => 1L)];
        if (target != MappingTarget.Tiles && !families.IsEmpty && chip.Tiles is not null)
        {
            copies = ReplicateLayers.CopiesWithin(families, Math.Max(other, ReplicateLayers.LeastInterval(families, chip))) ?? copies;
        }

        return Of(graph, chip, families, copies, target, isKnown ? Math.Max(other, BusiestUnitPs(graph, chip, target)) : null);
    }

    /// <summary>The same with one copy of everything.</summary>
    public static MappingEstimate OfOneCopy(StageGraph graph, ChipCapacity chip) => Of(graph, chip, MappingTarget.Tiles);

    private static MappingEstimate Of(StageGraph graph, ChipCapacity chip, ImmutableArray<TileFamily> families, long[] copies, MappingTarget target, long? otherPs)
    {
        var ofStages = ReplicateLayers.ToReplication(graph, families, copies, null).Copies;
        return otherPs is not { } other
            ? new MappingEstimate(ofStages, null, null)
            : new MappingEstimate(
                ofStages, Math.Max(Math.Max(other, BusiestLinkPs(graph, chip, ofStages, target)), families.Select((f, i) => f.BusyPs(copies[i])).DefaultIfEmpty(0).Max()), PipelineEstimate.Latency(graph, chip, ofStages));
    }

    /// <summary>Rows of a value pass the links of its homes: to every copy of every row group that reads them, or once where routers copy.</summary>
    private static long BusiestLinkPs(StageGraph graph, ChipCapacity chip, ImmutableArray<int> copies, MappingTarget target)
    {
        double[] sent = new double[graph.Values.Length];
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            foreach (int v in graph.Stages[s].Inputs.Select(i => i.Value))
            {
                var value = graph.Values[v];
                double bytes = (double)value.Rows * (graph.Stages[s].Matrix is { } matrix ? (double)copies[s] * matrix.Groups.Sum(g => g.InputBytesPerRow) : value.BytesPerRow);
                sent[v] = chip.Multicasts ? Math.Max(sent[v], (double)value.Rows * value.BytesPerRow) : sent[v] + bytes;
            }
        }

        double most = chip.Topology is BusTopology
            ? sent.Sum()
            : Enumerable.Range(0, sent.Length).Select(v => sent[v] / (graph.Values[v].Producer < 0 ? chip.Ports.Sum(LinksOf) : HomesOf(graph.Values[v].Rows, chip, target) * LinksOf(chip.Cores / 2))).DefaultIfEmpty(0).Max();
        return (long)(most / 1000 * (chip.LinkPsPerKilobyte ?? 0));

        int LinksOf(int core) => Math.Max(1, chip.Topology.Links.Count(l => l.From == core % chip.Topology.Cores));
    }

    private static int HomesOf(int rows, ChipCapacity chip, MappingTarget target) => target == MappingTarget.Throughput ? Math.Min(Math.Min(rows, MostHomes), chip.Cores) : 1;

    /// <summary>A stage's operations on the units of its value's homes: one, or for throughput some.</summary>
    private static long BusiestUnitPs(StageGraph graph, ChipCapacity chip, MappingTarget target)
    {
        double most = 0;
        foreach (var stage in graph.Stages.Where(s => s.Kind != StageKind.Host))
        {
            int rows = graph.Values[stage.Output].Rows;
            double operations = ((double)stage.OperationsPerRow * rows) + (stage.Matrix is { } matrix ? (double)matrix.Vectors * matrix.AdditionsPerVector : 0);
            most = Math.Max(most, operations / HomesOf(rows, chip, target));
        }

        return (long)(most / 1000 * (chip.PsPerThousandOperations ?? 0));
    }
}

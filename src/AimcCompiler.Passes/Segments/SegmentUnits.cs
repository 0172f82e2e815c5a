using System.Collections.Immutable;
using AimcCompiler.Core;
using AimcCompiler.Ir;

namespace AimcCompiler.Passes;

/// <summary>What a cut between segments never divides: a layer or a recurrence, with the digital work that follows it up to the next.</summary>
/// <param name="Stages">Indices of its stages, ascending.</param>
/// <param name="Nodes">Nodes of its layer or recurrence; in the first unit none if nothing is on tiles.</param>
/// <param name="Clusters">Its digital clusters (<see cref="DigitalClusters"/>).</param>
internal sealed record SegmentUnit(ImmutableArray<int> Stages, ImmutableArray<NodeId> Nodes, ImmutableArray<int> Clusters);

/// <summary>Puts the units in the order in which the program runs them (<see cref="EmitProgram"/>): whatever can, layers first.</summary>
internal static class SegmentUnits
{
    private sealed record Part(NodeId? Node, int Cluster, HashSet<int> Before)
    {
        public List<int> Stages { get; } = [];
    }

    public static ImmutableArray<SegmentUnit> Of(AnalogGraph<SplitMatrix> graph, StageGraph stages)
    {
        var parts = Parts(graph, out var partOf);
        AddStages(graph, stages, parts, partOf);
        var units = ImmutableArray.CreateBuilder<SegmentUnit>();
        List<Part> open = [];
        bool hasLayer = false;
        foreach (var part in InOrder(parts))
        {
            if (part.Node is not null && hasLayer)
            {
                Close();
            }

            hasLayer |= part.Node is not null;
            open.Add(part);
        }

        Close();
        return units.ToImmutable();

        void Close()
        {
            units.Add(new SegmentUnit(
                [.. open.SelectMany(p => p.Stages).Order()], [.. open.Where(p => p.Node is not null).Select(p => p.Node!.Value)], [.. open.Where(p => p.Node is null).Select(p => p.Cluster)]));
            open.Clear();
        }
    }

    private static List<Part> Parts(AnalogGraph<SplitMatrix> graph, out Dictionary<NodeId, int> partOf)
    {
        var source = graph.Source;
        var inLoops = graph.Loops.SelectMany(l => l.Body).OfType<LoopProduct>().Select(p => p.Layer).ToHashSet();
        var clusters = DigitalClusters.Find(source, graph.Homes);
        List<Part> parts = [];
        partOf = [];
        foreach (var node in graph.Layers.Where(l => !inLoops.Contains(l.Id)).Select(l => l.Node).Concat(graph.Loops.Select(l => l.Node)))
        {
            partOf.Add(node, parts.Count);
            parts.Add(new Part(node, -1, []));
        }

        for (int c = 0; c < clusters.Length; c++)
        {
            foreach (var node in clusters[c])
            {
                partOf.Add(node.Id, parts.Count);
            }

            parts.Add(new Part(null, c, []));
        }

        foreach (var node in source.Nodes)
        {
            int own = partOf[node.Id];
            foreach (var before in source.Predecessors(node.Id).Select(n => n.Id))
            {
                if (partOf[before] != own)
                {
                    parts[own].Before.Add(partOf[before]);
                }
            }
        }

        return parts;
    }

    private static void AddStages(AnalogGraph<SplitMatrix> graph, StageGraph stages, List<Part> parts, Dictionary<NodeId, int> partOf)
    {
        var layers = graph.Layers.ToDictionary(l => l.Output, l => l.Node, StringComparer.Ordinal);
        var loops = graph.Loops.ToDictionary(l => l.Name, l => l.Node, StringComparer.Ordinal);
        int digital = parts.FindIndex(p => p.Node is null);
        for (int s = 0; s < stages.Stages.Length; s++)
        {
            var stage = stages.Stages[s];
            // What a loop hands out belongs to no cluster: it reads what the loop writes.
            string? loop = stage.Loop ?? (stage.Unit < 0 && stage.Kind == StageKind.Digital ? stages.Stages[stages.Values[stage.Inputs[0].Value].Producer].Loop : null);
            int part = loop is not null ? partOf[loops[loop]] : stage.Kind == StageKind.Analog ? partOf[layers[stages.Values[stage.Output].Name]] : digital + stage.Unit;
            parts[part].Stages.Add(s);
        }
    }

    private static IEnumerable<Part> InOrder(List<Part> parts)
    {
        List<int> open = [.. Enumerable.Range(0, parts.Count)];
        HashSet<int> done = [];
        while (open.Count > 0)
        {
            int next = open.FindIndex(p => done.IsSupersetOf(parts[p].Before));
            if (next < 0)
            {
                throw new InvalidIrException("units of segments wait for each other");
            }

            int part = open[next];
            done.Add(part);
            open.RemoveAt(next);
            yield return parts[part];
        }
    }
}

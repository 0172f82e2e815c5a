using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>The pipeline of one segment, taken out of the whole: what other segments write is an input from off-chip memory, what they read an output to it.</summary>
internal static class SegmentStages
{
    /// <param name="whole">All stages.</param>
    /// <param name="members">Indices of the segment's, ascending.</param>
    public static StageGraph Of(StageGraph whole, IReadOnlyList<int> members)
    {
        Dictionary<int, int> stageOf = [];
        foreach (int s in members)
        {
            stageOf.Add(s, stageOf.Count);
        }

        HashSet<int> readLater = [];
        for (int s = 0; s < whole.Stages.Length; s++)
        {
            if (!stageOf.ContainsKey(s))
            {
                readLater.UnionWith(whole.Stages[s].Inputs.Select(i => i.Value));
            }
        }

        SortedSet<int> touched = [.. members.SelectMany(s => whole.Stages[s].Inputs.Select(i => i.Value).Append(whole.Stages[s].Output))];
        Dictionary<int, int> valueOf = [];
        var values = ImmutableArray.CreateBuilder<StageValue>(touched.Count);
        foreach (int v in touched)
        {
            var value = whole.Values[v];
            int producer = stageOf.GetValueOrDefault(value.Producer, -1);
            valueOf.Add(v, values.Count);
            values.Add(value with { Producer = producer, IsOutput = producer >= 0 ? value.IsOutput || readLater.Contains(v) : value.IsOutput && value.Producer < 0 });
        }

        // Layers on the same tiles as one that is elsewhere: the first of them here has tiles of its own.
        Dictionary<int, int> owners = [];
        int? OwnerOf(int stage)
        {
            int family = whole.Stages[stage].Matrix!.SharesTilesOf ?? stage;
            return owners.TryAdd(family, stageOf[stage]) ? null : owners[family];
        }

        return new StageGraph(
            values.ToImmutable(),
            [
                .. members.Select(s => whole.Stages[s]).Select((stage, i) => stage with
                {
                    Output = valueOf[stage.Output],
                    Inputs = [.. stage.Inputs.Select(input => input with { Value = valueOf[input.Value] })],
                    Matrix = stage.Matrix is { } matrix ? matrix with { SharesTilesOf = OwnerOf(members[i]) } : null,
                }),
            ]);
    }
}

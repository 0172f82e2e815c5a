using System.Collections.Immutable;
using System.Runtime.InteropServices;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>A pipeline for small buffers: what works row by row goes together with the one stage that reads its rows, so that they stand nowhere in between; what is awaited last of several inputs is
/// what comes last; and pools whose windows no core holds work on some of the channels each.
/// <code>
/// before:  %a = conv1, %b = conv2: analog    %r = relu: row i of %a    %s = relu: row i of %b    %c = concat: row i of %r, row i of %s    %p = pool: rows i .. i + 2 of %c
/// after:   %a = conv1, %b = conv2: analog    %c = concat: row i of %a, row i of %b    %p part 0 = pool part 0: rows i .. i + 2 of %c    %p part 1 = ...    %p = pool: row i of %p part 0, row i of %p part 1
/// </code></summary>
/// <param name="Stages">The stages.</param>
/// <param name="Mapping">The mapping that was given; what is new has its homes to come.</param>
/// <param name="Homes">How many homes each value asks for.</param>
/// <param name="ReadBytes">Bytes of a row of a value that a stage reads, where it is not all of it.</param>
internal sealed record CompactStages(StageGraph Stages, CoreMapping Mapping, ImmutableArray<int> Homes, ImmutableDictionary<(int Stage, int Value), long> ReadBytes)
{
    /// <summary>Share of a buffer that the window of a pool may take before it is divided, and that a part of it takes at most.</summary>
    private const double ShareOfWindow = 0.5;

    /// <summary>Beyond so many homes a value gains little.</summary>
    private const int MostHomes = 16;

    /// <summary>Bytes of a row of a value that a digital stage reads.</summary>
    public long BytesOf(int stage, int value) => ReadBytes.GetValueOrDefault((stage, value), Stages.Values[value].BytesPerRow);

    /// <param name="graph">The stages.</param>
    /// <param name="mapping">Where they are.</param>
    /// <param name="bufferBytes">Of a core.</param>
    /// <param name="channels">Values that can be divided by channels.</param>
    public static CompactStages Of(StageGraph graph, CoreMapping mapping, long bufferBytes, ImmutableDictionary<string, int> channels)
    {
        int?[] into = new int?[graph.Stages.Length];
        var inputs = graph.Stages.Select(s => s.Inputs).ToArray();
        var readers = graph.Stages.SelectMany((s, i) => s.Inputs.Select(input => (Stage: i, Input: input))).ToLookup(r => r.Input.Value);
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            var value = graph.Values[graph.Stages[s].Output];
            if (IsOfRows(graph, s) && !value.IsOutput && readers[graph.Stages[s].Output].ToList() is [var (reader, input)] && IsOfRows(graph, reader)
                && Joined(inputs[reader], input, inputs[s]) is { } joined)
            {
                into[s] = reader;
                inputs[reader] = joined;
            }
        }

        Builder builder = new(graph, mapping);
        var depths = Depths(graph, inputs);
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            if (into[s] is null)
            {
                var joined = Enumerable.Range(0, s + 1).Where(i => RootOf(into, i) == s).ToArray();
                builder.Add(s, joined, graph.Stages[s].Matrix is null && graph.Stages[s].Loop is null ? [.. inputs[s].OrderBy(i => depths[i.Value])] : inputs[s], PartsOf(graph, s, bufferBytes, channels));
            }
        }

        return builder.Build();
    }

    private static int RootOf(int?[] into, int stage) => into[stage] is { } next ? RootOf(into, next) : stage;

    /// <summary>It makes a row of the same row of what it reads.</summary>
    private static bool IsOfRows(StageGraph graph, int index) => graph.Stages[index] is { Kind: StageKind.Digital, Loop: null, Unit: >= 0 } stage
        && stage.Inputs.All(i => !i.IsCarried && i.Window == RowWindow.SameRow && graph.Values[i.Value].Rows == graph.Values[stage.Output].Rows);

    /// <summary>What a stage reads with what another read for it.</summary>
    private static ImmutableArray<StageInput>? Joined(ImmutableArray<StageInput> reader, StageInput input, ImmutableArray<StageInput> before) =>
        [.. reader.Where(i => i != input).Concat(before).Distinct()];

    /// <summary>Stages on the longest way to a value.</summary>
    private static int[] Depths(StageGraph graph, ImmutableArray<StageInput>[] inputs)
    {
        int[] depths = new int[graph.Values.Length];
        for (int s = 0; s < graph.Stages.Length; s++)
        {
            depths[graph.Stages[s].Output] = 1 + inputs[s].Where(i => !i.IsCarried).Select(i => depths[i.Value]).DefaultIfEmpty(0).Max();
        }

        return depths;
    }

    /// <summary>Channels of each part of a pool; one part = it is not divided.</summary>
    private static ImmutableArray<int> PartsOf(StageGraph graph, int index, long bufferBytes, ImmutableDictionary<string, int> channels)
    {
        var stage = graph.Stages[index];
        if (stage is not { Kind: StageKind.Digital, Inputs: [{ IsCarried: false, Window.Reach: > 1 } input] } || !channels.TryGetValue(graph.Values[stage.Output].Name, out int all))
        {
            return [1];
        }

        var read = graph.Values[input.Value];
        double bytes = (double)Math.Min(input.Window.Reach, read.Rows) * read.BytesPerRow;
        int parts = bytes <= ShareOfWindow * bufferBytes || read.ElementsPerRow % all != 0 || graph.Values[stage.Output].ElementsPerRow % all != 0
            ? 1
            : (int)Math.Min(all, Math.Ceiling(bytes / (ShareOfWindow * bufferBytes)));
        return [.. Enumerable.Range(0, parts).Select(p => (int)(((long)all * (p + 1) / parts) - ((long)all * p / parts)))];
    }

    private sealed class Builder(StageGraph graph, CoreMapping mapping)
    {
        private readonly List<StageValue> _values = [.. graph.Values.Select(v => v with { Producer = -1 })];
        private readonly List<int> _counts = [.. mapping.Homes.Select(h => h.Length)];
        private readonly List<ImmutableArray<int>> _homes = [.. mapping.Homes];
        private readonly List<Stage> _stages = [];
        private readonly List<int> _copies = [];
        private readonly List<List<int>> _segments = [.. mapping.Segments.Select(_ => new List<int>())];
        private readonly int[] _stageOf = new int[graph.Stages.Length];
        private readonly bool[] _isGone = new bool[graph.Values.Length];
        private readonly ImmutableDictionary<(int, int), long>.Builder _bytes = ImmutableDictionary.CreateBuilder<(int, int), long>();

        public void Add(int index, int[] joined, ImmutableArray<StageInput> inputs, ImmutableArray<int> parts)
        {
            var stage = graph.Stages[index];
            long operations = joined.Sum(s => graph.Stages[s].OperationsPerRow);
            foreach (int other in joined.Where(s => s != index))
            {
                _isGone[graph.Stages[other].Output] = true;
            }

            // What stood on cores of its own asks for as many.
            if (joined.Length > 1)
            {
                var value = graph.Values[stage.Output];
                int homes = joined.Select(s => mapping.Homes[graph.Stages[s].Output]).DistinctBy(h => string.Join(',', h)).Sum(h => h.Length);
                _counts[stage.Output] = Math.Clamp(homes, 1, Math.Min(MostHomes, value.Rows));
            }

            if (parts.Length > 1)
            {
                inputs = Divide(index, operations, inputs[0], parts);
                operations = 0;
            }

            _stageOf[index] = _stages.Count;
            Put(index, stage with
            {
                Inputs = inputs,
                OperationsPerRow = operations,
                Matrix = stage.Matrix is { SharesTilesOf: { } owner } matrix ? matrix with { SharesTilesOf = _stageOf[owner] } : stage.Matrix,
            });
        }

        /// <summary>A stage for each part, and what one that puts the parts side by side reads.</summary>
        private ImmutableArray<StageInput> Divide(int index, long operations, StageInput input, ImmutableArray<int> parts)
        {
            var stage = graph.Stages[index];
            var (read, value) = (graph.Values[input.Value], graph.Values[stage.Output]);
            int all = parts.Sum();
            var made = ImmutableArray.CreateBuilder<StageInput>(parts.Length);
            for (int p = 0; p < parts.Length; p++)
            {
                string part = FormattableString.Invariant($"part {p}");
                _values.Add(value with { Name = FreeName($"{value.Name} {part}"), ElementsPerRow = value.ElementsPerRow / all * parts[p], Producer = -1, IsOutput = false });
                _counts.Add(_counts[stage.Output]);
                _homes.Add(_homes[stage.Output]);
                _bytes.Add((_stages.Count, input.Value), read.BytesPerRow / all * parts[p]);
                Put(index, stage with { Name = $"{stage.Name} {part}", Output = _values.Count - 1, Inputs = [input], OperationsPerRow = operations * parts[p] / all });
                made.Add(new StageInput(_values.Count - 1, RowWindow.SameRow));
            }

            return made.MoveToImmutable();
        }

        private string FreeName(string name)
        {
            while (_values.Exists(v => v.Name == name))
            {
                name += "'";
            }

            return name;
        }

        private void Put(int index, Stage stage)
        {
            _values[stage.Output] = _values[stage.Output] with { Producer = _stages.Count };
            for (int i = 0; i < _segments.Count; i++)
            {
                if (mapping.Segments[i].Contains(index))
                {
                    _segments[i].Add(_stages.Count);
                }
            }

            _copies.Add(mapping.Replication.Copies[index]);
            _stages.Add(stage);
        }

        public CompactStages Build()
        {
            // Values that are gone leave their numbers.
            int[] valueOf = new int[_values.Count];
            int next = 0;
            for (int v = 0; v < valueOf.Length; v++)
            {
                valueOf[v] = v < _isGone.Length && _isGone[v] ? -1 : next++;
            }

            ImmutableArray<T> Kept<T>(List<T> all) => [.. all.Where((_, v) => valueOf[v] >= 0)];
            StageGraph stages = new(
                Kept(_values),
                [.. _stages.Select(s => s with { Output = valueOf[s.Output], Inputs = ImmutableCollectionsMarshal.AsImmutableArray([.. s.Inputs.Select(i => i with { Value = valueOf[i.Value] })]) })]);
            return new CompactStages(
                stages,
                mapping with
                {
                    Replication = mapping.Replication with { Copies = [.. _copies] },
                    RowGroups = [.. mapping.RowGroups.Select(g => g with { Stage = _stageOf[g.Stage] })],
                    Homes = Kept(_homes),
                    Segments = [.. _segments.Select(s => s.ToImmutableArray())],
                },
                Kept(_counts),
                _bytes.ToImmutable().ToImmutableDictionary(b => (b.Key.Item1, valueOf[b.Key.Item2]), b => b.Value));
        }
    }
}

using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Passes;

/// <summary>Gives a program its schedule: buffers, channels and instruction streams of every core, from the pipeline of rows and from where row groups and values stand.
/// <code>
/// before:  v2 = mvm l0(v1)
/// after:   core 3 'conv1':  repeat 64: await b0 rows of vector i; drive g0 i; drive g1 i      'conv1 sums':  repeat 64: add g0 g1 i; finish i -> ch4
/// </code></summary>
public static class ScheduleProgram
{
    /// <param name="program">The program, emitted.</param>
    /// <param name="staged">The graph that it was made from, with its stages.</param>
    /// <param name="mapping">Where row groups and values stand; null = where the blocks have their tiles.</param>
    /// <returns>The program with a schedule, or with the reason why there is none.</returns>
    /// <exception cref="DiagnosticException">The buffers are too small for a mapping that was asked for.</exception>
    public static MappedProgram Run(MappedProgram program, StagedGraph staged, CoreMapping? mapping = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(staged);
        if ((staged.Stages is null ? staged.NotScheduled : Objection(program)) is { } objection)
        {
            return program with { NotScheduled = objection };
        }

        var schedule = Build(program, staged.Stages!, mapping, staged.Channels, out string? tooSmall);
        return program with { Schedule = schedule, NotScheduled = tooSmall };
    }

    /// <summary>The same for a program of several segments, each of which has all cores.</summary>
    /// <param name="program">The program, emitted.</param>
    /// <param name="segments">Stages of every segment, and where they are.</param>
    /// <param name="channels">Values whose work can be divided by channels.</param>
    /// <exception cref="DiagnosticException">The buffers are too small for a mapping that was asked for.</exception>
    internal static MappedProgram Run(MappedProgram program, IEnumerable<(StageGraph Stages, CoreMapping? Mapping)> segments, ImmutableDictionary<string, int> channels)
    {
        if (Objection(program) is { } objection)
        {
            return program with { NotScheduled = objection };
        }

        var schedules = ImmutableArray.CreateBuilder<ProgramSchedule>();
        foreach (var (stages, mapping) in segments)
        {
            if (Build(program, stages, mapping, channels, out string? tooSmall) is not { } schedule)
            {
                return program with { NotScheduled = FormattableString.Invariant($"segment {schedules.Count}: {tooSmall}") };
            }

            schedules.Add(schedule);
        }

        return program with { SegmentSchedules = schedules.ToImmutable() };
    }

    private static string? Objection(MappedProgram program) => ScheduleVerifier.CoresOf(program.Chip, program.Chips) is > ScheduleVerifier.MaximumCores and var cores
        ? FormattableString.Invariant($"the chips have {cores} cores, at most {ScheduleVerifier.MaximumCores} can have a schedule")
        : null;

    private static ProgramSchedule? Build(MappedProgram program, StageGraph stages, CoreMapping? mapping, ImmutableDictionary<string, int> channels, out string? tooSmall)
    {
        var bound = Bind(program, stages);
        bool isAsked = mapping is not null && mapping.Target != MappingTarget.Tiles;
        if (mapping is null)
        {
            (bound, mapping) = PresentMapping.Of(program, bound);
        }

        var capacity = ChipCapacity.Of(program.Chip, program.Chips);
        var schedule = new StreamBuilder(bound, mapping, capacity).Build(out tooSmall);
        if (schedule is null && capacity.BufferBytes is { } limit)
        {
            var compact = CompactStages.Of(bound, mapping, limit, channels);
            schedule = new StreamBuilder(compact.Stages, FitHomes.Run(compact, capacity), capacity, compact.ReadBytes).Build(out tooSmall);
        }

        if (schedule is null && isAsked)
        {
            throw new DiagnosticException(Descriptors.BufferTooSmall, program.ModelName, tooSmall!, "--set core.buffer_kib", "--target tiles");
        }

        return schedule;
    }

    /// <summary>Stages name layers and partitions of the program, and vectors count in the program's order.</summary>
    private static StageGraph Bind(MappedProgram program, StageGraph stages)
    {
        Dictionary<string, int> layers = new(StringComparer.Ordinal);
        for (int i = 0; i < program.Layers.Length; i++)
        {
            layers.Add(program.Layers[i].Name, i);
        }

        Dictionary<string, int> writers = new(StringComparer.Ordinal);
        for (int i = 0; i < program.Partitions.Length; i++)
        {
            foreach (int output in program.Partitions[i].Outputs)
            {
                writers[program.Values[output].Name] = i;
            }
        }

        // A cluster and its partition write the same values.
        Dictionary<int, int> partitions = [];
        foreach (var stage in stages.Stages.Where(s => s.Kind != StageKind.Analog && s.Unit >= 0))
        {
            if (writers.TryGetValue(stages.Values[stage.Output].Name, out int partition))
            {
                partitions[stage.Unit] = partition;
            }
        }

        long[] first = new long[program.Layers.Length];
        long[] done = new long[program.Layers.Length];
        foreach (var mvm in program.Instructions.SelectMany(i => i is LoopInstruction loop ? loop.Body : [i]).OfType<MvmInstruction>())
        {
            int family = program.Layers[mvm.Layer].SharesTilesOf ?? mvm.Layer;
            first[mvm.Layer] = done[family];
            done[family] += program.Layers[mvm.Layer].VectorsPerInference;
        }

        return stages with
        {
            Stages =
            [
                .. stages.Stages.Select(s => s.Matrix is { } matrix
                    ? s with { Unit = layers[s.Name], Matrix = matrix with { FirstOrdinal = first[layers[s.Name]] } }
                    : s with { Unit = s.Unit < 0 ? -1 : partitions[s.Unit] }),
            ],
        };
    }
}

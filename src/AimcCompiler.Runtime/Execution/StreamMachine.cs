using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>Runs the instruction streams with their data, instruction by instruction. Same results as <see cref="Session"/>, to the bit.</summary>
/// <remarks>Streams run one after the other until they have to wait, without the ends of buffers: what bounded streams that block compute does not depend on the order (Kahn). An instruction that
/// reads what has not arrived is an error. Samples of a batch go through together. A product is computed when its sums are added: reads draw their noise by names, not by time.</remarks>
public sealed class StreamMachine : IDisposable
{
    private readonly MappedProgram _program;

    /// <summary>Each segment's schedule and instructions, and the indices of each row group's blocks among those of its layer.</summary>
    private readonly ImmutableArray<(ProgramSchedule Schedule, MappedProgram Program, ImmutableArray<ImmutableArray<int>> Blocks)> _segments;

    /// <param name="program">A verified program.</param>
    /// <param name="options">Seed, instance, time, engine.</param>
    /// <exception cref="DiagnosticException">The program has no schedule, or a session of it cannot be made.</exception>
    public StreamMachine(MappedProgram program, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        ImmutableArray<ProgramSchedule> schedules = program.SegmentSchedules.IsEmpty ? [TimingSimulator.ScheduleOf(program)] : program.SegmentSchedules;
        Session = new Session(program, options);
        var ofInstructions = program.SegmentOfInstructions();
        _segments =
        [
            .. schedules.Select((schedule, s) => (
                schedule,
                schedules.Length == 1 ? program : program with { Instructions = [.. program.Instructions.Where((_, i) => ofInstructions[i] == s)] },
                BlocksOf(program, schedule))),
        ];
    }

    /// <summary>The layers on their tiles: what their programming took, which conversions clipped.</summary>
    public Session Session { get; }

    /// <summary>Runs one batch.</summary>
    /// <param name="inputs">The model's inputs by name.</param>
    /// <param name="firstSample">Index of the batch's first sample in the data set.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <returns>The model's outputs in order.</returns>
    /// <exception cref="DiagnosticException">Inputs do not fit, or ONNX Runtime refuses a partition.</exception>
    /// <exception cref="InvalidIrException">An instruction reads what has not arrived, or no stream can go on.</exception>
    public ImmutableArray<Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs, long firstSample = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var (given, samples) = Session.Take(inputs);
        Dictionary<int, Tensor> made = [];
        List<StreamValues> all = [];
        try
        {
            foreach (var (schedule, program, blocks) in _segments)
            {
                StreamValues values = new(program, schedule, Session, samples, firstSample);
                all.Add(values);
                foreach (var (input, value) in given)
                {
                    values.Set(input, all.Count == 1 ? value : new DigitalValue(value.ToTensor()));
                }

                foreach (var (value, tensor) in made)
                {
                    values.Set(value, new DigitalValue(tensor));
                }

                new StreamExecution(schedule, blocks, values).Run(cancellation);
                // What passes from segment to segment is in off-chip memory.
                foreach (var output in schedule.Stages.Values.Where(v => v.IsOutput && v.Producer >= 0))
                {
                    int index = IndexOf(output.Name);
                    made[index] = values.Output(index);
                }
            }

            return [.. _program.Outputs.Select(all[^1].Output)];
        }
        finally
        {
            foreach (var values in all)
            {
                values.Dispose();
            }
        }
    }

    private int IndexOf(string value) => Enumerable.Range(0, _program.Values.Length).First(v => _program.Values[v].Name == value);

    private static ImmutableArray<ImmutableArray<int>> BlocksOf(MappedProgram program, ProgramSchedule schedule) =>
    [
        .. schedule.Mapping.RowGroups.Select(group =>
        {
            var stage = schedule.Stages.Stages[group.Stage];
            var blocks = program.Layers[stage.Unit].Blocks;
            int[] copy = [.. Enumerable.Range(0, blocks.Length).Where(b => blocks[b].Copy == group.Copy)];
            return stage.Matrix!.Groups[group.Group].Blocks.Select(b => copy[b]).ToImmutableArray();
        }),
    ];

    public void Dispose() => Session.Dispose();
}

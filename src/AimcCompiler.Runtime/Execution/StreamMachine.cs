using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Runs the instruction streams with their data, instruction by instruction. Same results as <see cref="Session"/>, to the bit.</summary>
/// <remarks>Streams run one after the other until they have to wait, without the ends of buffers: what bounded streams that block compute does not depend on the order (Kahn). An instruction that
/// reads what has not arrived is an error. Samples of a batch go through together. A product is computed when its sums are added: reads draw their noise by names, not by time.</remarks>
public sealed class StreamMachine : IDisposable
{
    private readonly MappedProgram _program;
    private readonly ProgramSchedule _schedule;
    private readonly Session _session;

    /// <summary>Indices of each row group's blocks among those of its layer.</summary>
    private readonly ImmutableArray<ImmutableArray<int>> _blocks;

    /// <param name="program">A verified program.</param>
    /// <param name="options">Seed, instance, time, engine.</param>
    /// <exception cref="DiagnosticException">The program has no schedule, or a session of it cannot be made.</exception>
    public StreamMachine(MappedProgram program, SimulationOptions options)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        _schedule = TimingSimulator.ScheduleOf(program);
        _session = new Session(program, options);
        _blocks = [.. _schedule.Mapping.RowGroups.Select(group =>
        {
            var stage = _schedule.Stages.Stages[group.Stage];
            var blocks = program.Layers[stage.Unit].Blocks;
            int[] copy = [.. Enumerable.Range(0, blocks.Length).Where(b => blocks[b].Copy == group.Copy)];
            return stage.Matrix!.Groups[group.Group].Blocks.Select(b => copy[b]).ToImmutableArray();
        })];
    }

    /// <summary>Runs one batch.</summary>
    /// <param name="inputs">The model's inputs by name.</param>
    /// <param name="firstSample">Index of the batch's first sample in the data set.</param>
    /// <returns>The model's outputs in order.</returns>
    /// <exception cref="DiagnosticException">Inputs do not fit, or ONNX Runtime refuses a partition.</exception>
    /// <exception cref="InvalidIrException">An instruction reads what has not arrived, or no stream can go on.</exception>
    public ImmutableArray<Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs, long firstSample = 0)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var (given, samples) = _session.Take(inputs);
        StreamValues values = new(_program, _schedule, _session, samples, firstSample);
        try
        {
            foreach (var (input, value) in given)
            {
                values.Set(input, value);
            }

            StreamExecution execution = new(_schedule, _blocks, values);
            execution.Run();
            return [.. _program.Outputs.Select(values.Output)];
        }
        finally
        {
            values.Dispose();
        }
    }

    public void Dispose() => _session.Dispose();
}

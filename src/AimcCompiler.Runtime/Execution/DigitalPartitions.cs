using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>ONNX Runtime sessions of a program's digital partitions, made when first needed; sessions and threads can share them.</summary>
/// <remarks>One thread within an operator, but for partitions that give the same bits on any number: results must not depend on the machine.</remarks>
public sealed class DigitalPartitions : IDisposable
{
    private readonly MappedProgram _program;
    private readonly Entry[] _entries;

    public DigitalPartitions(MappedProgram program)
    {
        ArgumentNullException.ThrowIfNull(program);
        _program = program;
        _entries = [.. program.Partitions.Select(p => new Entry(
            Open(p, sharesThreads: false), p.IsThreadInvariant ? Open(p, sharesThreads: true) : null, [.. p.Inputs.Select(i => program.Values[i].Name)], [.. p.Outputs.Select(o => program.Values[o].Name)]))];
    }

    /// <summary>Runs one partition: reads its inputs from the values and writes its outputs to them.</summary>
    /// <param name="index">Which.</param>
    /// <param name="values">The program's values.</param>
    /// <param name="isAlone">Nothing else runs beside it: where its bits allow, it takes all cores.</param>
    /// <param name="cancellation">Stops within the partition.</param>
    internal void Run(int index, DigitalValue?[] values, bool isAlone, CancellationToken cancellation)
    {
        var partition = _program.Partitions[index];
        var entry = _entries[index];
        try
        {
            // An optional may hold nothing.
            bool isWhole = partition.Inputs.All(i => values[i] is not null);
            string[] names = isWhole ? entry.Inputs : [.. partition.Inputs.Where(i => values[i] is not null).Select(i => _program.Values[i].Name)];
            DigitalValue[] inputs = [.. partition.Inputs.Select(i => values[i]).OfType<DigitalValue>()];
            var session = isAlone && entry.OnAllCores is { } all ? all : entry.OnOneThread;
            var outputs = session.Value.Run(names, inputs, entry.Outputs, cancellation);
            for (int i = 0; i < outputs.Count; i++)
            {
                values[partition.Outputs[i]] = outputs[i];
            }
        }
        catch (DigitalException e)
        {
            throw new DiagnosticException(Descriptors.RunFailed, $"partition '{partition.Name}'", e.Message);
        }
    }

    public void Dispose()
    {
        foreach (var session in _entries.SelectMany(e => new[] { e.OnOneThread, e.OnAllCores }))
        {
            if (session is { IsValueCreated: true })
            {
                session.Value.Dispose();
            }
        }
    }

    private static Lazy<DigitalSession> Open(DigitalPartition partition, bool sharesThreads) => new(
        () => new DigitalSession(new DigitalModel(partition.Model, partition.Weights), new DigitalOptions { MayRunAsItIs = true, SharesThreads = sharesThreads }));

    /// <summary>A partition's sessions, and the names of its values.</summary>
    private sealed record Entry(Lazy<DigitalSession> OnOneThread, Lazy<DigitalSession>? OnAllCores, string[] Inputs, string[] Outputs);
}

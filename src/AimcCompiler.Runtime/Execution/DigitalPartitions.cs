using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>ONNX Runtime sessions of a program's digital partitions, made when first needed; sessions and threads can share them.</summary>
/// <remarks>One thread within an operator: sums must not depend on the machine.</remarks>
public sealed class DigitalPartitions(MappedProgram program) : IDisposable
{
    private readonly Lazy<DigitalSession>[] _sessions =
        [.. program.Partitions.Select(p => new Lazy<DigitalSession>(() => new DigitalSession(new DigitalModel(p.Model, p.Weights), new DigitalOptions { MayRunAsItIs = true })))];

    private readonly string[][] _outputs = [.. program.Partitions.Select(p => p.Outputs.Select(o => program.Values[o].Name).ToArray())];

    /// <summary>Runs one partition: reads its inputs from the values and writes its outputs to them.</summary>
    internal void Run(int index, DigitalValue?[] values, CancellationToken cancellation)
    {
        var partition = program.Partitions[index];
        try
        {
            Dictionary<string, DigitalValue> inputs = new(partition.Inputs.Length, StringComparer.Ordinal);
            foreach (int input in partition.Inputs)
            {
                if (values[input] is { } value)
                {
                    inputs.Add(program.Values[input].Name, value);
                }
            }

            var outputs = _sessions[index].Value.Run(inputs, _outputs[index], cancellation);
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
        foreach (var session in _sessions)
        {
            if (session.IsValueCreated)
            {
                session.Value.Dispose();
            }
        }
    }
}

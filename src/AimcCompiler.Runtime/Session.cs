using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>A program on a simulated chip: programmed once, then run on any number of batches, by any number of threads.</summary>
public sealed class Session : IDisposable
{
    private readonly MappedProgram _program;
    private readonly ImmutableArray<LayerExecutor> _layers;
    private readonly DigitalPartitions _partitions;
    private readonly bool _ownsPartitions;
    private readonly int[] _lastUse;

    /// <param name="program">A verified program.</param>
    /// <param name="options">Seed, instance, time, engine.</param>
    /// <param name="partitions">Sessions of the digital partitions to share with other sessions of the program; null = its own.</param>
    /// <exception cref="DiagnosticException">The program has no ADC ranges, or a device table does not reach the time.</exception>
    public Session(MappedProgram program, SimulationOptions options, DigitalPartitions? partitions = null)
        : this(program, options, partitions, null, null)
    {
    }

    internal Session(
        MappedProgram program, SimulationOptions options, DigitalPartitions? partitions, LayerPath? path, Func<int, Action<int, ReadOnlySpan<float>>>? observers)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(options);
        _program = program;
        // Ideal conversions need no ADC range; a missing input scale is found when the layer runs.
        if (path is null && observers is null && !options.Ideal && program.Layers.FirstOrDefault(l => ProgramRanges.LacksAdcRange(program, l)) is { } missing)
        {
            throw new DiagnosticException(
                Descriptors.MissingRanges, $"layer '{missing.Name}' ({missing.Op})", $"has {ProgramRanges.Lacking(program, missing)}", "aimc compile ... --calibrate DATA", "aimc evaluate, which calibrates on the first 512 samples of its data");
        }

        var device = DeviceModel.Create(program.Chip.Tile.Cell, program.Chip.Tile.Noise.Read);
        _layers = [.. Enumerable.Range(0, program.Layers.Length).Select(i => new LayerExecutor(program, i, device, options, path, observers?.Invoke(i)))];
        _ownsPartitions = partitions is null;
        _partitions = partitions ?? new DigitalPartitions(program);
        _lastUse = LastUses(program);
    }

    /// <summary>Runs one batch.</summary>
    /// <param name="inputs">The model's inputs by name.</param>
    /// <param name="firstSample">Index of the batch's first sample in the data set; it names the reads, so that noise does not depend on batching.</param>
    /// <param name="observe">Called with every layer's index and output; null = not.</param>
    /// <param name="cancellation">Stops between instructions.</param>
    /// <returns>The model's outputs in order.</returns>
    /// <exception cref="DiagnosticException">Inputs do not fit, or ONNX Runtime refuses a partition.</exception>
    public ImmutableArray<Tensor> Run(
        IReadOnlyDictionary<string, Tensor> inputs, long firstSample = 0, Action<int, Tensor, Tensor>? observe = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        var values = new DigitalValue?[_program.Values.Length];
        try
        {
            foreach (int input in _program.Inputs)
            {
                values[input] = new DigitalValue(Checked(inputs, _program.Values[input]));
            }

            int samples = Samples(inputs);
            for (int i = 0; i < _program.Instructions.Length; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                switch (_program.Instructions[i])
                {
                    case MvmInstruction mvm:
                        var layer = _program.Layers[mvm.Layer];
                        var input = values[layer.Input]!.ToTensor();
                        var output = _layers[mvm.Layer].Run(input, samples, firstSample);
                        observe?.Invoke(mvm.Layer, input, output);
                        values[layer.Output] = new DigitalValue(Convert(output, _program.Values[layer.Output].Type));
                        break;
                    case DigitalInstruction digital:
                        _partitions.Run(digital.Partition, values, cancellation);
                        break;
                    default:
                        throw new System.Diagnostics.UnreachableException();
                }

                for (int v = 0; v < values.Length; v++)
                {
                    if (_lastUse[v] == i)
                    {
                        values[v]?.Dispose();
                        values[v] = null;
                    }
                }
            }

            return [.. _program.Outputs.Select(o => values[o]!.ToTensor())];
        }
        finally
        {
            foreach (var value in values)
            {
                value?.Dispose();
            }
        }
    }

    /// <summary>Conversions of each layer that clipped so far.</summary>
    public ImmutableArray<long> ClippedConversions => [.. _layers.Select(l => l.Clipped)];

    public void Dispose()
    {
        if (_ownsPartitions)
        {
            _partitions.Dispose();
        }
    }

    /// <summary>Index of the last instruction that reads a value; the model's outputs live to the end.</summary>
    private static int[] LastUses(MappedProgram program)
    {
        int[] last = new int[program.Values.Length];
        Array.Fill(last, -1);
        for (int i = 0; i < program.Instructions.Length; i++)
        {
            switch (program.Instructions[i])
            {
                case MvmInstruction mvm:
                    last[program.Layers[mvm.Layer].Input] = i;
                    last[program.Layers[mvm.Layer].Output] = Math.Max(last[program.Layers[mvm.Layer].Output], i);
                    break;
                case DigitalInstruction digital:
                    foreach (int v in program.Partitions[digital.Partition].Inputs.Concat(program.Partitions[digital.Partition].Outputs))
                    {
                        last[v] = Math.Max(last[v], i);
                    }

                    break;
            }
        }

        foreach (int output in program.Outputs)
        {
            last[output] = -1;
        }

        return last;
    }

    private static Tensor Checked(IReadOnlyDictionary<string, Tensor> inputs, ProgramValue value)
    {
        if (!inputs.TryGetValue(value.Name, out var tensor))
        {
            throw new DiagnosticException(Descriptors.WrongShape, $"input '{value.Name}'", "is not given", $"--input {value.Name}=FILE.npy");
        }

        bool fits = tensor.Type == value.Type && tensor.Shape.Length == value.Shape.Length;
        for (int i = 0; fits && i < value.Shape.Length; i++)
        {
            fits = value.Shape[i] < 0 || value.Shape[i] == tensor.Shape[i];
        }

        return fits
            ? tensor
            : throw new DiagnosticException(Descriptors.WrongShape, $"input '{value.Name}'", $"is {tensor}, the model takes {value.Type} {Tensor.Format(value.Shape)}");
    }

    /// <summary>The batch: the first dimension that all inputs share.</summary>
    private int Samples(IReadOnlyDictionary<string, Tensor> inputs)
    {
        long[] first = [.. _program.Inputs.Select(i => inputs[_program.Values[i].Name].Shape is [var d, ..] ? d : 1).Distinct()];
        return first is [var samples] ? (int)samples : 1;
    }

    private static Tensor Convert(Tensor tensor, TensorType type) => type switch
    {
        TensorType.Float16 => new Tensor(type, tensor.Shape, Array.ConvertAll(tensor.Floats, v => (Half)v)),
        TensorType.Double => new Tensor(type, tensor.Shape, Array.ConvertAll(tensor.Floats, v => (double)v)),
        _ => tensor,
    };
}

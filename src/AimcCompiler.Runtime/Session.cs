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
    private readonly bool[] _isInput;
    private readonly bool[] _isOutput;

    /// <summary>Values that no instruction reads after this one, for each instruction.</summary>
    private readonly ImmutableArray<ImmutableArray<int>> _passed;

    private readonly FloatArrays _arrays = new();

    /// <summary>Cores are free while a digital partition runs.</summary>
    private readonly bool _isAlone;

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

        var device = DeviceModel.Create(program.Chip.Tile.Cell, program.Chip.Tile.Noise.Read, program.Chip.Tile.Noise.TemperatureK);
        List<LayerExecutor> layers = [];
        for (int i = 0; i < program.Layers.Length; i++)
        {
            layers.Add(new LayerExecutor(program, i, device, options, path, observers?.Invoke(i), program.Layers[i].SharesTilesOf is { } owner ? layers[owner] : null) { Arrays = _arrays });
        }

        Programming = program.Chip.Tile.Cell.Programming is { } programming && layers.Any(l => l.Path == LayerPath.Tiles)
            ? ProgrammingTally.Sum([.. layers.SelectMany((l, i) => l.SharesCells ? [] : l.Programming.Select(p => (program.Layers[i].Segment, p.Tile, p.Tally)))], programming)
            : null;
        // On the cells that all threads programmed.
        _layers = options.ThreadsOfALayer is { } threads && threads != options.Threads
            ? [.. layers.Select((layer, i) => new LayerExecutor(program, i, device, options with { Threads = threads }, path, observers?.Invoke(i), layer) { Arrays = _arrays })]
            : [.. layers];
        _isAlone = (options.ThreadsOfALayer ?? options.Threads) > 1;
        _ownsPartitions = partitions is null;
        _partitions = partitions ?? new DigitalPartitions(program);
        _isInput = new bool[program.Values.Length];
        _isOutput = new bool[program.Values.Length];
        foreach (int input in program.Inputs)
        {
            _isInput[input] = true;
        }

        foreach (int output in program.Outputs)
        {
            _isOutput[output] = true;
        }

        int[] last = LastUses(program);
        _passed = [.. program.Instructions.Select((_, i) => Enumerable.Range(0, last.Length).Where(v => last[v] == i && !_isInput[v]).ToImmutableArray())];
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
        ImmutableArray<DigitalValue> outputs = [];
        Dictionary<string, DigitalValue> given = [];
        try
        {
            (var taken, int samples) = Take(inputs);
            given = taken.ToDictionary(t => _program.Values[t.Input].Name, t => t.Value, StringComparer.Ordinal);
            outputs = RunCore(given, samples, firstSample, observe, cancellation);
            return [.. outputs.Select(o => o.ToTensor())];
        }
        finally
        {
            foreach (var value in given.Values.Concat(outputs))
            {
                value.Dispose();
            }
        }
    }

    /// <summary>The inputs of a batch, checked, and how many samples they are.</summary>
    /// <exception cref="DiagnosticException">They do not fit.</exception>
    internal (ImmutableArray<(int Input, DigitalValue Value)> Given, int Samples) Take(IReadOnlyDictionary<string, Tensor> inputs)
    {
        foreach (int index in _program.Inputs.Concat(_program.Outputs).Where(i => _program.Values[i].Type == TensorType.Undefined || Tensor.IsPacked(_program.Values[i].Type)))
        {
            throw new DiagnosticException(
                Descriptors.WrongShape, $"value '{_program.Values[index].Name}'", $"is of type {_program.Values[index].Type}, not a tensor that goes in and out as an array");
        }

        ImmutableArray<(int, Tensor)> checkedInputs = [.. _program.Inputs.Select(i => (i, Checked(inputs, _program.Values[i])))];
        return ([.. checkedInputs.Select(c => (c.Item1, new DigitalValue(c.Item2)))], Samples(inputs));
    }

    internal LayerExecutor LayerOf(int index) => _layers[index];

    internal DigitalPartitions Partitions => _partitions;

    /// <summary>Runs one batch of a model that takes or gives what is no tensor: sequences and optionals.</summary>
    /// <param name="inputs">The model's inputs by name, but for optionals that hold nothing; they stay the caller's.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="firstSample">Index of the batch's first sample in the data set.</param>
    /// <param name="cancellation">Stops between instructions.</param>
    /// <returns>The model's outputs in order; the caller disposes of them. An output that is an input is that value.</returns>
    /// <exception cref="DiagnosticException">Inputs do not fit, or ONNX Runtime refuses a partition.</exception>
    public ImmutableArray<DigitalValue> Run(
        IReadOnlyDictionary<string, DigitalValue> inputs, int samples = 1, long firstSample = 0, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        foreach (int input in _program.Inputs)
        {
            if (!inputs.TryGetValue(_program.Values[input].Name, out var value))
            {
                // An optional may hold nothing; the partition that reads it says whether it has to.
                if (_program.Values[input].Type == TensorType.Undefined)
                {
                    continue;
                }

                throw Missing(_program.Values[input].Name);
            }

            if (value.Kind == DigitalKind.Tensor && _program.Values[input].Type != TensorType.Undefined)
            {
                Check(value.TensorFacts.Type, value.TensorFacts.Shape, _program.Values[input]);
            }
        }

        return RunCore(inputs, samples, firstSample, null, cancellation);
    }

    private ImmutableArray<DigitalValue> RunCore(
        IReadOnlyDictionary<string, DigitalValue> inputs, int samples, long firstSample, Action<int, Tensor, Tensor>? observe, CancellationToken cancellation)
    {
        var values = new DigitalValue?[_program.Values.Length];
        bool isDone = false;
        try
        {
            foreach (int input in _program.Inputs)
            {
                values[input] = inputs.GetValueOrDefault(_program.Values[input].Name);
            }

            Execution execution = new(this, values, samples, firstSample, observe, cancellation);
            for (int i = 0; i < _program.Instructions.Length; i++)
            {
                execution.Run(_program.Instructions[i]);
                foreach (int passed in _passed[i])
                {
                    execution.Drop(passed);
                }
            }

            isDone = true;
            return [.. _program.Outputs.Select(o => values[o]!)];
        }
        finally
        {
            for (int v = 0; v < values.Length; v++)
            {
                if (!_isInput[v] && !(isDone && _isOutput[v]))
                {
                    values[v]?.Dispose();
                }
            }
        }
    }

    /// <summary>One batch on its way through the program.</summary>
    /// <param name="session">The program.</param>
    /// <param name="values">What instructions wrote so far.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="firstSample">Index of the first in the data set.</param>
    /// <param name="observe">Called with every layer's index, input and output; null = not.</param>
    /// <param name="cancellation">Stops between instructions.</param>
    private sealed class Execution(
        Session session, DigitalValue?[] values, int samples, long firstSample, Action<int, Tensor, Tensor>? observe, CancellationToken cancellation)
    {
        private readonly MappedProgram _program = session._program;

        /// <summary>MVMs of a sample that the tiles of each layer have done: the ordinal of the next.</summary>
        private readonly uint[] _done = new uint[session._program.Layers.Length];

        /// <summary>Arrays that go back when their value has passed.</summary>
        private readonly float[]?[] _rented = new float[]?[values.Length];

        public void Run(Instruction instruction)
        {
            cancellation.ThrowIfCancellationRequested();
            switch (instruction)
            {
                case MvmInstruction mvm:
                    var layer = _program.Layers[mvm.Layer];
                    int tiles = layer.SharesTilesOf ?? mvm.Layer;
                    var input = values[layer.Input]!;
                    var output = Run(session._layers[mvm.Layer], input, _done[tiles], out uint done);
                    _done[tiles] += done;
                    observe?.Invoke(mvm.Layer, input.ToTensor(), output);
                    values[layer.Output] = new DigitalValue(Convert(output, _program.Values[layer.Output].Type));
                    Keep(layer.Output, output.Floats);
                    break;
                case DigitalInstruction digital:
                    session._partitions.Run(digital.Partition, values, session._isAlone, cancellation);
                    break;
                case LoopInstruction loop:
                    Loop(loop);
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException();
            }
        }

        private void Loop(LoopInstruction loop)
        {
            var scanned = values[loop.Scanned]!.ToTensor();
            int steps = (int)scanned.Shape[0];
            ImmutableArray<long> slice = scanned.Shape.RemoveAt(0);
            int size = (int)Tensor.CountOf(slice);
            foreach (var state in loop.States)
            {
                // A copy: the initial value may be used elsewhere, and a state is disposed of when the next is there.
                values[state.Current] = new DigitalValue(
                    state.Initial is { } initial ? Copy(values[initial]!.ToTensor()) : Tensor.Zeros(TensorType.Float, [slice[0], .. _program.Values[state.Current].Shape.Skip(1)]));
            }

            float[]? collected = null;
            ImmutableArray<long> shape = [];
            for (int i = 0; i < steps; i++)
            {
                int step = loop.IsReverse ? steps - 1 - i : i;
                values[loop.Slice] = new DigitalValue(new Tensor(TensorType.Float, slice, scanned.Floats.AsSpan(step * size, size).ToArray()));
                if (loop.Step is { } number)
                {
                    values[number] = new DigitalValue(new Tensor(TensorType.Int64, [], new long[] { step }));
                }

                foreach (var instruction in loop.Body)
                {
                    Run(instruction);
                }

                var written = values[loop.Collected]!.ToTensor();
                shape = [steps, .. written.Shape];
                collected ??= new float[Tensor.CountOf(shape)];
                written.Floats.CopyTo(collected.AsSpan(step * written.Floats.Length));
                foreach (var state in loop.States)
                {
                    // Two states, or a state and what is collected, may be one value.
                    var next = new DigitalValue(Copy(values[state.Next]!.ToTensor()));
                    Drop(state.Current);
                    values[state.Current] = next;
                }

                Drop(loop.Slice);
                if (loop.Step is { } done)
                {
                    Drop(done);
                }

                foreach (int value in Written(loop))
                {
                    Drop(value);
                }
            }

            if (collected is null)
            {
                shape = [0, slice[0], .. _program.Values[loop.Collected].Shape.Skip(1)];
            }

            values[loop.Sequence] = new DigitalValue(new Tensor(TensorType.Float, shape, collected ?? []));
            foreach (var state in loop.States)
            {
                if (state.Final is { } final)
                {
                    values[final] = values[state.Current];
                    values[state.Current] = null;
                }
                else
                {
                    Drop(state.Current);
                }
            }
        }

        private IEnumerable<int> Written(LoopInstruction loop) => loop.Body.SelectMany(i => i switch
        {
            MvmInstruction mvm => [_program.Layers[mvm.Layer].Output],
            DigitalInstruction digital => _program.Partitions[digital.Partition].Outputs.AsEnumerable(),
            _ => throw new System.Diagnostics.UnreachableException(),
        });

        /// <summary>Lets go of a value that nothing reads any more.</summary>
        public void Drop(int value)
        {
            values[value]?.Dispose();
            values[value] = null;
            if (_rented[value] is { } array)
            {
                session._arrays.Return(array);
                _rented[value] = null;
            }
        }

        /// <summary>Floats are read where they lie, also in ONNX Runtime's memory.</summary>
        private Tensor Run(LayerExecutor layer, DigitalValue input, uint firstOrdinal, out uint done)
        {
            var (type, shape) = input.TensorFacts;
            return type == TensorType.Float
                ? layer.Run(input.FloatMemory, shape, samples, firstSample, firstOrdinal, out done)
                : layer.Run(input.ToTensor(), samples, firstSample, firstOrdinal, out done);
        }

        /// <summary>The array goes back with its value, unless somebody else has seen it: an observer, or whoever gets the model's outputs.</summary>
        private void Keep(int value, float[] array)
        {
            if (observe is null && !session._isOutput[value])
            {
                _rented[value] = array;
            }
        }

        private static Tensor Copy(Tensor tensor) => new(tensor.Type, tensor.Shape, (Array)tensor.Data.Clone());
    }

    /// <summary>What writing the cells took; null where the chip says nothing of how they are written, and on an ideal chip.</summary>
    public ProgrammingReport? Programming { get; }

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
            foreach (int v in Used(program, program.Instructions[i]))
            {
                last[v] = i;
            }
        }

        foreach (int output in program.Outputs)
        {
            last[output] = -1;
        }

        return last;
    }

    private static IEnumerable<int> Used(MappedProgram program, Instruction instruction) => instruction switch
    {
        MvmInstruction mvm => [program.Layers[mvm.Layer].Input, program.Layers[mvm.Layer].Output],
        DigitalInstruction digital => program.Partitions[digital.Partition].Inputs.Concat(program.Partitions[digital.Partition].Outputs),
        LoopInstruction loop =>
        [
            loop.Scanned, loop.Sequence, .. loop.States.SelectMany(s => (int?[])[s.Initial, s.Final]).OfType<int>(), .. loop.Body.SelectMany(i => Used(program, i)),
        ],
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static Tensor Checked(IReadOnlyDictionary<string, Tensor> inputs, ProgramValue value)
    {
        var tensor = inputs.TryGetValue(value.Name, out var given) ? given : throw Missing(value.Name);
        Check(tensor.Type, tensor.Shape, value);
        return tensor;
    }

    private static DiagnosticException Missing(string name) => new(Descriptors.WrongShape, $"input '{name}'", "is not given", $"--input {name}=FILE.npy");

    private static void Check(TensorType type, ImmutableArray<long> shape, ProgramValue value)
    {
        bool fits = type == value.Type && (value.IsUnranked || shape.Length == value.Shape.Length);
        for (int i = 0; fits && i < value.Shape.Length; i++)
        {
            fits = value.Shape[i] < 0 || value.Shape[i] == shape[i];
        }

        if (!fits)
        {
            throw new DiagnosticException(
                Descriptors.WrongShape,
                $"input '{value.Name}'",
                $"is {type} {Tensor.Format(shape)}, the model takes {value.Type} {(value.IsUnranked ? "of any rank" : Tensor.Format(value.Shape))}");
        }
    }

    /// <summary>The batch: the first dimension that all inputs share.</summary>
    private int Samples(IReadOnlyDictionary<string, Tensor> inputs)
    {
        long[] first = [.. _program.Inputs.Select(i => inputs[_program.Values[i].Name].Shape is [var d, ..] ? d : 1).Distinct()];
        return first is [var samples] ? (int)samples : 1;
    }

    internal static Tensor Convert(Tensor tensor, TensorType type) => type switch
    {
        TensorType.Float16 => new Tensor(type, tensor.Shape, Array.ConvertAll(tensor.Floats, v => (Half)v)),
        TensorType.Double => new Tensor(type, tensor.Shape, Array.ConvertAll(tensor.Floats, v => (double)v)),
        _ => tensor,
    };
}

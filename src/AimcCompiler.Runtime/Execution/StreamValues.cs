using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Digital;

namespace AimcCompiler.Runtime;

/// <summary>The tensors of a batch whose layers are filled row by row by streams. Digital partitions and the hand-over of loops run as soon as all they read is there.</summary>
internal sealed class StreamValues : IDisposable
{
    private readonly MappedProgram _program;
    private readonly ProgramSchedule _schedule;
    private readonly Session _session;
    private readonly int _samples;
    private readonly long _firstSample;
    private readonly DigitalValue?[] _values;

    /// <summary>What a layer has made so far; null = it has not begun.</summary>
    private readonly LayerRun?[] _runs;

    /// <summary>Layer that writes a value; -1 = none does.</summary>
    private readonly int[] _layerOf;

    /// <summary>How many rows each digital stage has run.</summary>
    private readonly int[] _ran;

    /// <summary>Stages of each partition that read what others make.</summary>
    private readonly ImmutableArray<ImmutableArray<int>> _readers;
    private readonly bool[] _isEvaluated;
    private readonly LoopRun?[] _loops;

    /// <summary>The loop that a layer, or a partition, runs in; -1 = none.</summary>
    private readonly int[] _loopOfLayer;
    private readonly List<DigitalValue> _passed = [];

    public StreamValues(MappedProgram program, ProgramSchedule schedule, Session session, int samples, long firstSample)
    {
        (_program, _schedule, _session, _samples, _firstSample) = (program, schedule, session, samples, firstSample);
        _values = new DigitalValue?[program.Values.Length];
        _runs = new LayerRun?[program.Layers.Length];
        _layerOf = new int[program.Values.Length];
        Array.Fill(_layerOf, -1);
        for (int l = 0; l < program.Layers.Length; l++)
        {
            _layerOf[program.Layers[l].Output] = l;
        }

        var stages = schedule.Stages.Stages;
        _ran = new int[stages.Length];
        bool IsOutside(StageInput input, int partition) =>
            schedule.Stages.Values[input.Value].Producer is not (>= 0 and var producer) || stages[producer].Kind == StageKind.Analog || stages[producer].Unit != partition;
        _readers = [.. Enumerable.Range(0, program.Partitions.Length).Select(p => Enumerable.Range(0, stages.Length)
            .Where(s => stages[s].Kind != StageKind.Analog && stages[s].Unit == p && stages[s].Inputs.Any(i => IsOutside(i, p))).ToImmutableArray())];
        _isEvaluated = new bool[program.Partitions.Length];
        _loops = new LoopRun?[program.Instructions.Length];
        _loopOfLayer = new int[program.Layers.Length];
        Array.Fill(_loopOfLayer, -1);
        for (int i = 0; i < program.Instructions.Length; i++)
        {
            if (program.Instructions[i] is LoopInstruction loop)
            {
                foreach (var mvm in loop.Body.OfType<MvmInstruction>())
                {
                    _loopOfLayer[mvm.Layer] = i;
                }
            }
        }
    }

    public void Set(int value, DigitalValue content) => _values[value] = content;

    public Tensor Output(int value) => (_values[value] ?? throw new InvalidIrException($"Output '{_program.Values[value].Name}' was not made.")).ToTensor();

    /// <summary>A digital stage has the rows that one of its rows reads; its homes take turns, each at its own pace.</summary>
    public void Ran(int stage) => _ran[stage]++;

    /// <summary>The run that a vector belongs to; null = its input cannot be read yet.</summary>
    public LayerRun? RunOf(Stage stage, long ordinal)
    {
        var layer = _program.Layers[stage.Unit];
        int step = 0;
        if (_loopOfLayer[stage.Unit] is >= 0 and var at)
        {
            step = (int)(ordinal / stage.Matrix!.VectorsPerRow);
            if (_loops[at] is not { } loop || loop.Done != step)
            {
                return null;
            }
        }

        if (_runs[stage.Unit] is { } run && run.Step == step)
        {
            return run;
        }

        if (_values[layer.Input] is { } value)
        {
            var (type, shape) = value.TensorFacts;
            return _runs[stage.Unit] = Begin(stage, step, type == TensorType.Float ? value.FloatMemory : value.ToTensor().ToFloats(), shape, null);
        }

        // Rows of another layer that is still at work; values of other types are whole before they are read.
        if (_layerOf[layer.Input] is >= 0 and var producer && _runs[producer] is { } making && making.Step == step && _program.Values[layer.Input].Type == TensorType.Float)
        {
            return _runs[stage.Unit] = Begin(stage, step, making.Output, making.Steps.OutputShape, making);
        }

        return null;
    }

    /// <summary>A vector of a layer is in its output.</summary>
    public void Finished(Stage stage, long ordinal)
    {
        var run = RunOf(stage, ordinal)!;
        if (run.IsComplete)
        {
            int output = _program.Layers[stage.Unit].Output;
            _values[output] = new DigitalValue(Session.Convert(new Tensor(TensorType.Float, run.Steps.OutputShape, run.Output), _program.Values[output].Type));
        }
    }

    /// <summary>Runs what can run besides the streams: partitions, and steps of loops. True = something did.</summary>
    public bool Evaluate()
    {
        bool moved = false;
        for (int i = 0; i < _program.Instructions.Length; i++)
        {
            switch (_program.Instructions[i])
            {
                case DigitalInstruction digital:
                    moved |= !_isEvaluated[digital.Partition] && TryRun(digital.Partition, null);
                    break;
                case LoopInstruction loop:
                    moved |= Step(i, loop);
                    break;
            }
        }

        return moved;
    }

    public void Dispose()
    {
        foreach (var value in _values.Concat(_passed))
        {
            value?.Dispose();
        }
    }

    private LayerRun Begin(Stage stage, int step, ReadOnlyMemory<float> input, ImmutableArray<long> shape, LayerRun? producer)
    {
        var demand = stage.Matrix!;
        uint first = (uint)(demand.FirstOrdinal + ((long)step * demand.VectorsPerRow));
        var steps = _session.LayerOf(stage.Unit).Steps(input, shape, _samples, _firstSample, first);
        return new LayerRun(_program.Layers[stage.Unit], stage, _schedule.Stages.Values[stage.Inputs[0].Value].Rows, step, steps, shape, producer);
    }

    /// <summary>Runs a partition whose inputs are there, when the rows that its stages read have arrived at their homes.</summary>
    private bool TryRun(int index, LoopRun? loop)
    {
        var partition = _program.Partitions[index];
        foreach (int stage in _readers[index])
        {
            if (_ran[stage] < (loop is null ? _schedule.Stages.Values[_schedule.Stages.Stages[stage].Output].Rows : loop.Done + 1))
            {
                return false;
            }
        }

        if (partition.Inputs.Any(i => _values[i] is null))
        {
            return false;
        }

        _session.Partitions.Run(index, _values, isAlone: false, CancellationToken.None);
        _isEvaluated[index] = true;
        return true;
    }

    /// <summary>Begins a loop, goes on with its step, or ends it.</summary>
    private bool Step(int index, LoopInstruction loop)
    {
        if (_values[loop.Sequence] is not null)
        {
            return false;
        }

        if (_loops[index] is not { } run)
        {
            if (_values[loop.Scanned] is not { } scanned || loop.States.Any(s => s.Initial is { } initial && _values[initial] is null))
            {
                return false;
            }

            run = _loops[index] = new LoopRun(loop, scanned.ToTensor(), _program);
            foreach (var state in loop.States)
            {
                _values[state.Current] = new DigitalValue(run.Initial(state, state.Initial is { } initial ? _values[initial]!.ToTensor() : null));
            }

            if (run.Steps > 0)
            {
                Enter(loop, run);
            }
        }

        if (run.Done < run.Steps)
        {
            bool moved = false;
            foreach (var digital in loop.Body.OfType<DigitalInstruction>())
            {
                moved |= !_isEvaluated[digital.Partition] && TryRun(digital.Partition, run);
            }

            bool isComplete = loop.Body.All(i => i switch
            {
                MvmInstruction mvm => _values[_program.Layers[mvm.Layer].Output] is not null,
                DigitalInstruction digital => _isEvaluated[digital.Partition],
                _ => throw new System.Diagnostics.UnreachableException(),
            });
            if (!isComplete)
            {
                return moved;
            }

            run.Collect(_values[loop.Collected]!.ToTensor());
            var next = loop.States.Select(s => LoopRun.Copy(_values[s.Next]!.ToTensor())).ToArray();
            foreach (int value in Written(loop).Append(loop.Slice).Concat(loop.Step is { } number ? [number] : []))
            {
                Drop(value);
            }

            for (int s = 0; s < next.Length; s++)
            {
                Drop(loop.States[s].Current);
                _values[loop.States[s].Current] = new DigitalValue(next[s]);
            }

            run.Done++;
            if (run.Done < run.Steps)
            {
                Enter(loop, run);
                return true;
            }
        }

        _values[loop.Sequence] = new DigitalValue(run.Sequence());
        foreach (var state in loop.States)
        {
            if (state.Final is { } final)
            {
                _values[final] = new DigitalValue(LoopRun.Copy(_values[state.Current]!.ToTensor()));
            }

            Drop(state.Current);
        }

        return true;
    }

    private void Enter(LoopInstruction loop, LoopRun run)
    {
        _values[loop.Slice] = new DigitalValue(run.Slice());
        if (loop.Step is { } number)
        {
            _values[number] = new DigitalValue(new Tensor(TensorType.Int64, [], new long[] { run.Index }));
        }

        foreach (var digital in loop.Body.OfType<DigitalInstruction>())
        {
            _isEvaluated[digital.Partition] = false;
        }
    }

    /// <summary>What the values' tensors were is read to the end of the batch by runs that began with it.</summary>
    private void Drop(int value)
    {
        if (_values[value] is { } passed)
        {
            _passed.Add(passed);
            _values[value] = null;
        }
    }

    private IEnumerable<int> Written(LoopInstruction loop) => loop.Body.SelectMany(i => i switch
    {
        MvmInstruction mvm => [_program.Layers[mvm.Layer].Output],
        DigitalInstruction digital => _program.Partitions[digital.Partition].Outputs.AsEnumerable(),
        _ => throw new System.Diagnostics.UnreachableException(),
    });

    /// <summary>A loop at one of its steps.</summary>
    private sealed class LoopRun(LoopInstruction loop, Tensor scanned, MappedProgram program)
    {
        private readonly ImmutableArray<long> _slice = scanned.Shape.RemoveAt(0);
        private float[]? _collected;
        private ImmutableArray<long> _shape = [];

        public int Steps { get; } = (int)scanned.Shape[0];

        /// <summary>Steps that are over.</summary>
        public int Done { get; set; }

        /// <summary>The slice of this step.</summary>
        public int Index => loop.IsReverse ? Steps - 1 - Done : Done;

        public static Tensor Copy(Tensor tensor) => new(tensor.Type, tensor.Shape, (Array)tensor.Data.Clone());

        public Tensor Initial(LoopState state, Tensor? given) =>
            given is not null ? Copy(given) : Tensor.Zeros(TensorType.Float, [_slice[0], .. program.Values[state.Current].Shape.Skip(1)]);

        public Tensor Slice()
        {
            int size = (int)Tensor.CountOf(_slice);
            return new Tensor(TensorType.Float, _slice, scanned.Floats.AsSpan(Index * size, size).ToArray());
        }

        public void Collect(Tensor written)
        {
            _shape = [Steps, .. written.Shape];
            _collected ??= new float[Tensor.CountOf(_shape)];
            written.Floats.CopyTo(_collected.AsSpan(Index * written.Floats.Length));
        }

        public Tensor Sequence() => _collected is null
            ? new Tensor(TensorType.Float, [0, _slice[0], .. program.Values[loop.Collected].Shape.Skip(1)], Array.Empty<float>())
            : new Tensor(TensorType.Float, _shape, _collected);
    }
}

/// <summary>A layer whose output is filled vector by vector.</summary>
internal sealed class LayerRun
{
    private readonly MappedLayer _layer;
    private readonly Stage _stage;
    private readonly int _inputRows;
    private readonly LayerRun? _producer;
    private readonly uint[] _ordinals;
    private readonly LoadedVector?[] _loaded;

    /// <summary>Vectors of each ordinal: one a sample.</summary>
    private readonly ImmutableArray<int>[] _vectors;
    private readonly int[] _finishedOfRow;
    private readonly long _vectorsOfRow;
    private readonly ImmutableArray<long> _shape;
    private int _finished;

    /// <param name="layer">The layer.</param>
    /// <param name="stage">Its stage.</param>
    /// <param name="inputRows">Rows of the value that it reads.</param>
    /// <param name="step">Step of the loop that it is in.</param>
    /// <param name="steps">The run.</param>
    /// <param name="shape">Of its input.</param>
    /// <param name="producer">The layer that is still writing its input; null = the input is whole.</param>
    public LayerRun(MappedLayer layer, Stage stage, int inputRows, int step, VectorSteps steps, ImmutableArray<long> shape, LayerRun? producer)
    {
        (_layer, _stage, _inputRows, Step, Steps, _shape, _producer) = (layer, stage, inputRows, step, steps, shape, producer);
        Output = new float[Tensor.CountOf(steps.OutputShape)];
        _ordinals = steps.Ordinals();
        _loaded = new LoadedVector?[steps.Vectors];
        var demand = stage.Matrix!;
        long all = stage.Loop is null ? demand.Vectors : demand.VectorsPerRow;
        int rows = (int)(all / demand.VectorsPerRow);
        if (steps.PerSample == all)
        {
            uint first = _ordinals.Min();
            _vectors = [.. Enumerable.Range(0, steps.Vectors).GroupBy(v => _ordinals[v] - first).OrderBy(g => g.Key).Select(g => g.ToImmutableArray())];
        }
        else if (steps.Vectors == all)
        {
            // The program's own batch is one inference: row after row, all samples of each.
            int inner = InnerVectors();
            _vectors = [.. Enumerable.Range(0, steps.Vectors).OrderBy(v => v / inner % rows).Select(v => ImmutableArray.Create(v))];
        }
        else
        {
            throw new InvalidIrException($"Layer '{layer.Name}' has {steps.Vectors} vectors, {steps.PerSample} a sample; its stage has {all}.");
        }

        _finishedOfRow = new int[rows];
        _vectorsOfRow = steps.Vectors / rows;
    }

    public int Step { get; }

    public VectorSteps Steps { get; }

    public float[] Output { get; }

    public bool IsComplete => _finished == Steps.Vectors;

    public ImmutableArray<int> VectorsOf(long ordinal) => _vectors[ordinal - ((long)Step * _stage.Matrix!.VectorsPerRow)];

    public int CopyOf(int vector) => (int)(_ordinals[vector] % (uint)_layer.Copies);

    /// <summary>Rows of the input that the vector reads; none where it reads padding alone.</summary>
    public (int First, int Last) RowsOf(long ordinal)
    {
        int row = (int)(ordinal / _stage.Matrix!.VectorsPerRow);
        if (_inputRows == 1)
        {
            return (0, 0);
        }

        switch (_layer.View)
        {
            case ConvolutionView view when _shape[2] == _inputRows:
                int begin = (row * view.Strides[0]) - (int)view.Pads(0, _shape[2]).Begin;
                int end = begin + (view.Dilations[0] * (view.Kernel[0] - 1));
                return (Math.Max(0, begin), Math.Min(_inputRows - 1, end));
            case MatrixView { InputAxis: -1, OutputAxis: -1 } when _shape.Length > 2 && _finishedOfRow.Length == _inputRows:
                return (row, row);
            default:
                return (0, _inputRows - 1);
        }
    }

    /// <summary>Rows of the input are complete.</summary>
    public bool HasInput(int first, int last)
    {
        if (_producer is null || _producer.IsComplete)
        {
            return true;
        }

        for (int row = first; row <= last; row++)
        {
            if (row >= _producer._finishedOfRow.Length || _producer._finishedOfRow[row] < _producer._vectorsOfRow)
            {
                return false;
            }
        }

        return true;
    }

    public void Load(int vector) => _loaded[vector] ??= Steps.Load(vector);

    public LoadedVector Loaded(int vector) => _loaded[vector] ?? throw new InvalidIrException($"Vector {vector} of layer '{_layer.Name}' has not been driven.");

    /// <param name="ordinal">Of the vector.</param>
    /// <param name="vector">Index of the vector.</param>
    /// <param name="sums">Of all its blocks.</param>
    public void Finish(long ordinal, int vector, PartialSums sums)
    {
        Steps.Finish(Loaded(vector), sums, Output);
        _loaded[vector] = null;
        _finished++;
        _finishedOfRow[(ordinal / _stage.Matrix!.VectorsPerRow) - Step]++;
    }

    /// <summary>Vectors of one row of one sample.</summary>
    private int InnerVectors()
    {
        if (_layer.View is not ConvolutionView view || Steps.OutputShape.Length < 4)
        {
            return 1;
        }

        return Math.Max(1, (int)(Steps.OutputShape.Skip(3).SkipLast(1).Aggregate(1L, (a, b) => a * b) * view.VectorsOf(Steps.OutputShape[^1])));
    }
}

using System.Buffers;
using System.Collections.Immutable;
using System.Numerics;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>How a layer's products are computed.</summary>
internal enum LayerPath
{
    /// <summary>Pulse by pulse, slice by slice, through programmed cells and converters.</summary>
    Tiles,

    /// <summary>One exact integer product of codes: the ideal chip, or a chip on which nothing is lost.</summary>
    Integer,

    /// <summary>One product in double of input codes and weights: ideal analog cells.</summary>
    Double,

    /// <summary>One product in double of unquantised inputs and coded weights: what calibration measures ranges on.</summary>
    Reference,
}

/// <summary>Runs all vectors of one layer: input scale, DAC, tiles, accumulation over row blocks, output scale, bias.</summary>
internal sealed class LayerExecutor
{
    /// <summary>Most vectors that go through the tiles together: a tile's cells are read from memory once for all of them.</summary>
    private const int MaximumStrip = 16 * PackedMvm.Tile;

    /// <summary>Vectors that are read out together.</summary>
    private const int ReadOutStrip = 64;

    private readonly MappedLayer _layer;
    private readonly SimulationOptions _options;
    private readonly TilePhysics _physics;
    private readonly LayerPath _path;
    private readonly ImmutableArray<ProgrammedBlock> _blocks = [];

    /// <summary>All columns.</summary>
    private readonly ColumnPart _whole;

    private readonly ImmutableArray<ColumnPart> _undivided = [];

    /// <summary>As many parts of the columns as there are threads: few vectors go through all of them at once, each thread reading its own cells. One where the layer cannot be divided.</summary>
    private readonly ImmutableArray<ColumnPart> _parts = [];

    /// <summary>Codes may come to the tiles packed: nothing but the product reads them.</summary>
    private readonly bool _takesPacked;
    private readonly double[]? _weights;

    /// <summary>Of the columns that the layer has.</summary>
    private readonly ImmutableArray<float> _bias;
    private readonly ExactProduct? _product;
    private readonly Action<int, ReadOnlySpan<float>>? _observer;

    public LayerExecutor(
        MappedProgram program,
        int index,
        DeviceModel device,
        SimulationOptions options,
        LayerPath? forced = null,
        Action<int, ReadOnlySpan<float>>? observer = null,
        LayerExecutor? owner = null)
    {
        _layer = program.Layers[index];
        _options = options;
        _observer = observer;
        _bias = _layer is { KeptColumns: { } kept, Bias.IsEmpty: false }
            ? [.. Enumerable.Range(0, _layer.Groups).SelectMany(g => kept.Indices.Select(c => _layer.Bias[(g * kept.Total) + c]))]
            : _layer.Bias;
        _physics = new TilePhysics(program, _layer, device, exactConversions: observer is not null || options.Ideal || forced == LayerPath.Reference);
        bool isExact = options.Ideal || (observer is null && TilePhysics.LosslessObstacle(program, _layer, device) is null
            && (options.Engine == EngineKind.Fast || ProgramVerifier.WorstColumnSum(program, _layer) > TilePhysics.LargestExactSum));
        bool isInteger = !_physics.Weights.IsAnalog && _physics.Input.Bits is not null;
        _path = forced ?? (isExact ? isInteger ? LayerPath.Integer : LayerPath.Double : LayerPath.Tiles);
        if (owner?._path == _path && (owner._product is not { } shared || (shared.LeastInput <= _physics.Input.MinCode && shared.LargestInput >= _physics.Input.MaxCode)))
        {
            // The same cells.
            (_blocks, _weights, _product, SharesCells) = (owner._blocks, owner._weights, owner._product, true);
            if (_physics.HasPeriphery && _physics.Input.IsUnsigned != owner._physics.Input.IsUnsigned)
            {
                // The same drivers and converters, set to other codes.
                _blocks = [.. owner._blocks.Select(b => b.With(_physics, options))];
            }

            RunsInLanes = ServesLanes();
            _whole = Part(_blocks);
            _undivided = [_whole];
            _parts = Parts();
            _takesPacked = TakesPacked();
            return;
        }

        switch (_path)
        {
            case LayerPath.Integer:
                short[] codes = new short[_layer.Weights.Count];
                for (int i = 0; i < codes.Length; i++)
                {
                    codes[i] = (short)_layer.Code(i);
                }

                _product = ExactProduct.Pack(codes, _layer.Groups, _layer.Rows, _layer.Columns, _physics.Input.MinCode, _physics.Input.MaxCode);
                break;
            case LayerPath.Double:
            case LayerPath.Reference:
                _weights = new double[_layer.Weights.Count];
                for (int i = 0; i < _weights.Length; i++)
                {
                    _weights[i] = _physics.Weights.IsAnalog ? _layer.Weights.Float32[i] : _layer.Code(i);
                }

                break;
            default:
                _blocks = Program(options);
                RunsInLanes = ServesLanes();
                break;
        }

        _whole = Part(_blocks);
        _undivided = [_whole];
        _parts = Parts();
        _takesPacked = TakesPacked();
    }

    private bool TakesPacked() => _path == LayerPath.Tiles && _observer is null && Engine() is FastEngine engine && engine.TakesPacked(_blocks);

    /// <summary>Column block by column block: their sums stay in the cache while the row blocks add to them, in the order of the layer.</summary>
    private ColumnPart Part(IEnumerable<ProgrammedBlock> blocks) =>
        new([.. blocks.OrderBy(b => b.Block.FirstGroup).ThenBy(b => b.Block.ColumnStart)], 0, _layer.Groups * _layer.Columns);

    private ImmutableArray<ColumnPart> Parts()
    {
        var starts = _whole.Blocks.Select(b => b.Block.ColumnStart).Distinct().ToArray();
        int parts = Math.Min(Math.Max(1, _options.Threads), starts.Length);
        if (_path != LayerPath.Tiles || _layer.Groups > 1 || _layer.Copies > 1 || parts < 2 || RunsInLanes)
        {
            return _undivided;
        }

        int[] bounds = [.. Enumerable.Range(0, parts).Select(i => starts[i * starts.Length / parts]), _layer.Columns];
        return
        [
            .. Enumerable.Range(0, parts).Select(i => new ColumnPart(
                [.. _whole.Blocks.Where(b => b.Block.ColumnStart >= bounds[i] && b.Block.ColumnStart < bounds[i + 1])], bounds[i], bounds[i + 1] - bounds[i])),
        ];
    }

    /// <summary>Blocks and the output columns that they add to.</summary>
    internal readonly record struct ColumnPart(ProgrammedBlock[] Blocks, int First, int Count);

    private bool ServesLanes() => _path == LayerPath.Tiles && _observer is null && _options.Engine == EngineKind.Fast && LaneLayer.Obstacle(_layer, _physics) is null;

    public LayerPath Path => _path;

    /// <summary>Sixteen vectors side by side (<see cref="LaneLayer"/>), but for those that need another way.</summary>
    public bool RunsInLanes { get; }

    /// <summary>Where outputs lie; null = each in an array of its own.</summary>
    public FloatArrays? Arrays { get; init; }

    /// <summary>The cells are another layer's.</summary>
    public bool SharesCells { get; }

    /// <summary>What writing each block took; empty where no account is kept.</summary>
    public ImmutableArray<(int Tile, ProgrammingTally Tally)> Programming { get; private set; } = [];

    /// <summary>What drift compensation multiplies each block's results with.</summary>
    public ImmutableArray<double> Compensations => [.. _blocks.Select(b => b.Compensation)];

    /// <summary>Conversions that clipped since the executor was made.</summary>
    public long Clipped => Interlocked.Read(ref _clipped);

    private long _clipped;

    /// <summary>Buffers that no thread uses now.</summary>
    private readonly System.Collections.Concurrent.ConcurrentBag<Worker> _idle = [];

    /// <summary>A run that is the first on its tiles.</summary>
    public Tensor Run(Tensor input, int samples, long firstSample) => Run(input, samples, firstSample, 0, out _);

    /// <param name="input">The layer's input; converted to float where it is not.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="firstSample">Index of the first in the data set.</param>
    /// <param name="firstOrdinal">MVMs of a sample that the tiles have done before.</param>
    /// <param name="done">MVMs of a sample that this run adds.</param>
    public Tensor Run(Tensor input, int samples, long firstSample, uint firstOrdinal, out uint done) =>
        Run(input.ToFloats(), input.Shape, samples, firstSample, firstOrdinal, out done);

    /// <param name="input">The layer's input, wherever it lies.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="samples">Samples in the batch.</param>
    /// <param name="firstSample">Index of the first in the data set.</param>
    /// <param name="firstOrdinal">MVMs of a sample that the tiles have done before.</param>
    /// <param name="done">MVMs of a sample that this run adds.</param>
    public Tensor Run(ReadOnlyMemory<float> input, ImmutableArray<long> shape, int samples, long firstSample, uint firstOrdinal, out uint done)
    {
        var gatherer = VectorGatherer.Create(_layer, shape);
        int vectors = gatherer.Vectors;
        float[] output = Arrays is { } arrays ? arrays.Rent(Tensor.CountOf(gatherer.OutputShape)) : GC.AllocateUninitializedArray<float>((int)Tensor.CountOf(gatherer.OutputShape));
        VectorNames names = VectorNames.Of(_layer, shape, vectors, samples, firstSample, firstOrdinal);
        done = (uint)names.PerSample;
        int strip = Strip(vectors);
        int strips = (vectors + strip - 1) / strip;
        var parts = _undivided;
        if (strips > 1 && strips <= _parts.Length && vectors <= MaximumStrip)
        {
            (strip, strips, parts) = (vectors, 1, _parts);
        }

        var staticScale = StaticScale();
        float[]? codes = null;
        if (CodesAreShared(staticScale) && (gatherer.Repeats || (_takesPacked && gatherer.MayPack)))
        {
            codes = Arrays?.Rent(input.Length) ?? new float[input.Length];
            ToCodes(input, staticScale!.Value, codes);
            input = codes;
        }

        if (strips * parts.Length <= 1)
        {
            var worker = Rent();
            worker.Run(gatherer, input.Span, 0, vectors, names, staticScale, codes is not null, _whole, output);
            _idle.Add(worker);
        }
        else
        {
            Parallel.For(
                0,
                strips * parts.Length,
                new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, _options.Threads) },
                Rent,
                (task, _, worker) =>
                {
                    int start = task / parts.Length * strip;
                    worker.Run(gatherer, input.Span, start, Math.Min(strip, vectors - start), names, staticScale, codes is not null, parts[task % parts.Length], output);
                    return worker;
                },
                _idle.Add);
        }

        if (codes is not null)
        {
            Arrays?.Return(codes);
        }

        return new Tensor(TensorType.Float, gatherer.OutputShape, output);
    }

    /// <summary>The same run vector by vector, block by block.</summary>
    public VectorSteps Steps(ReadOnlyMemory<float> input, ImmutableArray<long> shape, int samples, long firstSample, uint firstOrdinal) =>
        new(_layer, new Worker(this), input, shape, samples, firstSample, firstOrdinal, StaticScale());

    /// <summary>An element of the input is the same code in every vector that has it.</summary>
    private bool CodesAreShared(float? staticScale) =>
        _path is LayerPath.Tiles or LayerPath.Integer && staticScale > 0 && _physics.Input is { Bits: not null, IsMidRise: false } && !_physics.RoundsInputsByDraws && !RunsInLanes && !ManagesBounds;

    private void ToCodes(ReadOnlyMemory<float> input, float scale, float[] codes)
    {
        const int Piece = 1 << 15;
        void Run(int piece)
        {
            int count = Math.Min(Piece, codes.Length - (piece * Piece));
            Converters.Quantize(input.Span.Slice(piece * Piece, count), scale, _physics.Input.MinCode, _physics.Input.MaxCode, codes.AsSpan(piece * Piece, count));
        }

        int pieces = (codes.Length + Piece - 1) / Piece;
        if (pieces <= 1)
        {
            Run(0);
            return;
        }

        Parallel.For(0, pieces, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, _options.Threads) }, Run);
    }

    private bool ManagesBounds => _path == LayerPath.Tiles && _physics.Tile.Input.BoundManagement is not null && _physics.HasAdc;

    /// <summary>Vectors of a strip: few strips, but as many for every thread where there are vectors enough, in the pieces that a product takes at once.</summary>
    private int Strip(int vectors)
    {
        int piece = RunsInLanes ? LaneMvm.Lanes : RunsAsLevels ? LevelEngine.Register : PackedMvm.Quad;
        int threads = Math.Max(1, Math.Min(_options.Threads, (vectors + PackedMvm.Tile - 1) / PackedMvm.Tile));
        int strips = (vectors + (threads * MaximumStrip) - 1) / (threads * MaximumStrip) * threads;
        int strip = (vectors + Math.Max(1, strips) - 1) / Math.Max(1, strips);
        return Math.Max(piece, (strip + piece - 1) / piece * piece);
    }

    /// <summary>The layer's input scale, or null where each vector has its own.</summary>
    private float? StaticScale()
    {
        var input = _physics.Tile.Input;
        if (_path == LayerPath.Reference || input.Management == InputManagement.None)
        {
            return 1;
        }

        if (input.Management == InputManagement.AbsMax)
        {
            return null;
        }

        if (_layer.InputScale is { } scale)
        {
            return scale;
        }

        return input.DynamicScale
            ? null
            : throw new DiagnosticException(
                Descriptors.MissingRanges,
                $"layer '{_layer.Name}' ({_layer.Op})",
                $"has no input range, and chip inputs are scaled statically",
                "aimc compile ... --calibrate DATA",
                "aimc evaluate, which calibrates on the first 512 samples of its data");
    }

    private ImmutableArray<ProgrammedBlock> Program(SimulationOptions options)
    {
        var blocks = new ProgrammedBlock[_layer.Blocks.Length];
        ProgrammingTally?[] tallies = [.. _layer.Blocks.Select(_ => _physics.Cells.Programming is null ? null : new ProgrammingTally())];
        var cells = _physics.Cells;
        bool compensates = _physics.Tile.DriftCompensation == DriftCompensation.Global
            && ((options.TimeS is not null && !_physics.Device.IsIdeal) || cells.HasTemperature);
        try
        {
            Parallel.For(0, blocks.Length, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, options.Threads) }, i =>
            {
                blocks[i] = NewBlock(i, options, tally: tallies[i]);
                if (compensates)
                {
                    var fresh = NewBlock(i, options with { TimeS = null }, isReference: true);
                    blocks[i].Compensation = ReadOut(fresh, ulong.MaxValue - 1) / ReadOut(blocks[i], ulong.MaxValue);
                }
            });
        }
        catch (AggregateException e) when (e.Flatten().InnerExceptions.FirstOrDefault(i => i is DiagnosticException) is { } cause)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(cause);
        }

        Programming = [.. tallies.Select((tally, i) => (_layer.Blocks[i].Tile, tally)).Where(t => t.tally is not null).Select(t => (t.Tile, t.tally!))];
        return [.. blocks];
    }

    private ProgrammedBlock NewBlock(int index, SimulationOptions options, bool isReference = false, ProgrammingTally? tally = null)
    {
        var block = ProgrammedBlock.Program(_physics, _layer.Blocks[index], options, isReference, tally);
        return _physics.HasPeriphery ? block.With(_physics, options) : block;
    }

    /// <summary>The mean magnitude of the block's outputs for all one-hot inputs, at least 1e-4 of a full-scale product (hardware.md 4.11; aihwkit
    /// GlobalDriftCompensation). Noisy and converted like any other read, as samples that no data set has.</summary>
    private double ReadOut(ProgrammedBlock block, ulong sample)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        if (_options.Engine == EngineKind.Fast && OneHotReadOut.Fits(_physics, block))
        {
            return Math.Max(OneHotReadOut.Total(_physics, block, _options, sample) / ((double)rows * columns), 1e-4);
        }

        var engine = Engine();
        int slices = _physics.Weights.Slices;
        float[] codes = new float[ReadOutStrip * rows];
        double[] sums = new double[slices * ReadOutStrip * columns];
        double[] digital = new double[ReadOutStrip * columns];
        int[] clipped = new int[ReadOutStrip];
        ulong[] samples = new ulong[ReadOutStrip];
        uint[] ordinals = new uint[ReadOutStrip];
        Array.Fill(samples, sample);
        double total = 0;
        for (int first = 0; first < rows; first += ReadOutStrip)
        {
            int count = Math.Min(ReadOutStrip, rows - first);
            Array.Clear(codes);
            for (int m = 0; m < count; m++)
            {
                codes[(m * rows) + first + m] = _physics.Input.MaxCode;
                ordinals[m] = (uint)(first + m);
            }

            var used = sums.AsSpan(0, slices * count * columns);
            engine.Run(block, codes, rows, count, new ReadEvents(samples.AsSpan(0, count), ordinals.AsSpan(0, count)), 0, used, digital.AsSpan(0, count * columns), clipped.AsSpan(0, count));
            for (int i = 0; i < count * columns; i++)
            {
                double value = digital[i];
                for (int slice = 0; slice < slices; slice++)
                {
                    value += _physics.SliceWeight(slice) * _physics.LsbOf(slice) * used[(slice * count * columns) + i];
                }

                total += Math.Abs(value * _physics.CodeScale);
            }
        }

        return Math.Max(total / ((double)rows * columns), 1e-4);
    }

    private bool RunsAsLevels => _path == LayerPath.Tiles && _options.Engine == EngineKind.Fast && LevelEngine.Obstacle(_physics, _options) is null;

    private Worker Rent() => _idle.TryTake(out var worker) ? worker : new Worker(this);

    private TileEngine Engine() => _options.Engine == EngineKind.Stepwise
        ? new StepwiseEngine(_physics, _options)
        : RunsAsLevels ? new LevelEngine(_physics, _options) : new FastEngine(_physics, _options);

    /// <summary>One thread's buffers.</summary>
    internal sealed class Worker
    {
        private readonly LayerExecutor _owner;
        private readonly MappedLayer _layer;
        private readonly TilePhysics _physics;
        private readonly TileEngine _engine;
        private readonly int _rows;
        private readonly int _columns;
        private readonly int _slices;
        private readonly int _widest;
        private readonly float[] _scaled;
        private float[] _results = [];
        private LaneLayer? _lanes;
        private int _capacity;
        private float[] _inputs = [];
        private double[] _acc = [];
        private double[] _digital = [];
        private double[] _blockSums = [];
        private double[] _blockDigital = [];
        private int[] _clipped = [];
        private ulong[] _samples = [];
        private uint[] _ordinals = [];
        private double[] _scales = [];

        /// <summary>Where each vector of the strip stands, and where the vectors of each copy begin.</summary>
        private int[] _places = [];
        private readonly int[] _turns;
        private float[] _gathered = [];
        private ulong[] _unorderedSamples = [];
        private uint[] _unorderedOrdinals = [];

        /// <summary>What a code of each slice counts.</summary>
        private readonly double[] _sliceWeights;
        private short[] _packed = [];
        private float[] _uniforms = [];

        /// <summary>Codes of a block's inputs, and the vectors of which some conversion clipped, under bound management.</summary>
        private float[] _managed = [];
        private readonly List<int> _retry = [];

        public Worker(LayerExecutor owner)
        {
            _owner = owner;
            _layer = owner._layer;
            _physics = owner._physics;
            _engine = owner.Engine();
            _engine.Observer = owner._observer;
            _rows = _layer.Groups * _layer.Rows;
            _columns = _layer.Groups * _layer.Columns;
            bool isTiles = owner._path == LayerPath.Tiles;
            _slices = isTiles ? _physics.Weights.Slices : 1;
            _widest = isTiles ? _layer.Blocks.Max(b => b.Columns) : 0;
            int tallest = isTiles ? _layer.Blocks.Max(b => b.Rows) : 0;
            _sliceWeights = [.. Enumerable.Range(0, _slices).Select(slice => isTiles ? _physics.SliceWeight(slice) * _physics.LsbOf(slice) : 1)];
            _scaled = new float[tallest];
            _turns = new int[_layer.Copies + 1];
        }

        private void Reserve(int vectors)
        {
            if (vectors <= _capacity)
            {
                return;
            }

            _capacity = vectors;
            _inputs = new float[vectors * _rows];
            _acc = new double[_slices * vectors * _columns];
            _digital = new double[vectors * _columns];
            _results = new float[vectors * _columns];
            _clipped = new int[vectors];
            _samples = new ulong[vectors];
            _ordinals = new uint[vectors];
            _scales = new double[vectors];
            _packed = _owner._product is { } product ? new short[product.Scratch(vectors)] : [];
            if (TakesTurns)
            {
                _gathered = new float[vectors * _rows];
                _places = new int[vectors];
                _unorderedSamples = new ulong[vectors];
                _unorderedOrdinals = new uint[vectors];
            }

            if (_owner.ManagesBounds)
            {
                _blockSums = new double[_slices * vectors * _widest];
                _blockDigital = new double[vectors * _widest];
            }
        }

        /// <summary>A column's result is more than one sum of codes: several slices, or something that is added digitally.</summary>
        private bool HasDigitalPart => _owner._path == LayerPath.Tiles && (_slices > 1 || _physics.NeedsUnit || !_layer.Centers.IsEmpty);

        public void Run(VectorGatherer gatherer, ReadOnlySpan<float> input, int first, int count, VectorNames names, float? staticScale, bool areCodes, ColumnPart part, float[] output)
        {
            if (_owner.RunsInLanes)
            {
                _lanes ??= new LaneLayer(_layer, _physics, _owner._options, _owner._blocks, staticScale, _owner.ManagesBounds);
                long clipped = 0;
                for (int m = 0; m < count; m += LaneMvm.Lanes)
                {
                    int some = Math.Min(LaneMvm.Lanes, count - m);
                    if (!_lanes.TryRun(gatherer, input, first + m, some, names, output, ref clipped))
                    {
                        RunStrip(gatherer, input, first + m, some, names, staticScale, areCodes, part, output);
                    }
                }

                Interlocked.Add(ref _owner._clipped, clipped);
                return;
            }

            RunStrip(gatherer, input, first, count, names, staticScale, areCodes, part, output);
        }

        private void RunStrip(VectorGatherer gatherer, ReadOnlySpan<float> input, int first, int count, VectorNames names, float? staticScale, bool areCodes, ColumnPart part, float[] output)
        {
            bool isPacked = Load(gatherer, input, first, count, names, staticScale, areCodes);
            Clear(count, part);
            switch (_owner._path)
            {
                case LayerPath.Integer:
                    _owner._product!.Multiply(_inputs, _rows, count, _acc, _columns, _packed);
                    break;
                case LayerPath.Double or LayerPath.Reference:
                    for (int g = 0; g < _layer.Groups; g++)
                    {
                        int size = _layer.Rows * _layer.Columns;
                        DoubleMvm.Add(
                            _inputs.AsSpan(g * _layer.Rows), _rows, count, _owner._weights.AsSpan(g * size, size), _layer.Rows, _layer.Columns, _acc.AsSpan(g * _layer.Columns), _columns);
                    }

                    break;
                default:
                    if (isPacked)
                    {
                        ((FastEngine)_engine).LoadPacked(_rows, count, _samples, _ordinals);
                    }
                    else if (!_owner.ManagesBounds)
                    {
                        _engine.Load(_inputs, _rows, count, _samples, _ordinals);
                    }

                    foreach (var block in part.Blocks)
                    {
                        var (from, some) = TakesTurns ? (_turns[block.Block.Copy], _turns[block.Block.Copy + 1] - _turns[block.Block.Copy]) : (0, count);
                        if (some > 0)
                        {
                            RunBlock(block, from, some);
                        }
                    }

                    break;
            }

            Finish(count, part);
            gatherer.ScatterStrip(_results, first, count, part.First, part.Count, output);
        }

        /// <summary>Copies take the MVMs of a sample in turn: a strip's vectors stand copy by copy.</summary>
        private bool TakesTurns => _layer.Copies > 1 && _owner._path == LayerPath.Tiles;

        /// <summary>Reads vectors and makes codes of them, with their scales and names; true = the codes are in the engine's own packing.</summary>
        private bool Load(VectorGatherer gatherer, ReadOnlySpan<float> input, int first, int count, VectorNames names, float? staticScale, bool areCodes)
        {
            Reserve(count);
            names.Fill(first, _samples.AsSpan(0, count), _ordinals.AsSpan(0, count));
            bool isPacked = areCodes && !TakesTurns && _owner._takesPacked && _engine is FastEngine fast && gatherer.GatherQuads(input, first, count, fast.PackedStrip(_rows, count));
            bool codesFirst = _owner._path != LayerPath.Reference && !_owner.ManagesBounds && !areCodes;
            var vectors = codesFirst ? gatherer.StandingStrip(input, first, count) : default;
            if (vectors.IsEmpty && !isPacked)
            {
                float[] gathered = TakesTurns ? _gathered : _inputs;
                gatherer.GatherStrip(input, first, count, gathered);
                vectors = gathered;
            }

            if (TakesTurns)
            {
                OrderByCopy(count);
            }

            float[]? scales = null;
            if (staticScale is null && gatherer.LeavesOutInputs)
            {
                scales = ArrayPool<float>.Shared.Rent(count);
                gatherer.ScaleStrip(input, first, count, scales);
            }

            for (int m = 0; m < count; m++)
            {
                int place = TakesTurns ? _places[m] : m;
                if (areCodes && !TakesTurns)
                {
                    _scales[m] = staticScale!.Value;
                    continue;
                }

                var vector = vectors.Slice(m * _rows, _rows);
                var target = _inputs.AsSpan(place * _rows, _rows);
                _scales[place] = staticScale ?? (scales is null ? Scale(vector) : scales[m]);
                if (codesFirst)
                {
                    ToCodes(vector, (float)_scales[place], target, place, 0, 0);
                }
                else if (TakesTurns)
                {
                    vector.CopyTo(target);
                }
            }

            if (scales is not null)
            {
                ArrayPool<float>.Shared.Return(scales);
            }

            return isPacked;
        }

        /// <summary>Places of a strip's vectors such that those of a copy follow each other, and their names there.</summary>
        private void OrderByCopy(int count)
        {
            uint copies = (uint)_layer.Copies;
            Array.Clear(_turns);
            for (int m = 0; m < count; m++)
            {
                _turns[(_ordinals[m] % copies) + 1]++;
            }

            for (int c = 0; c < copies; c++)
            {
                _turns[c + 1] += _turns[c];
            }

            for (int m = 0; m < count; m++)
            {
                _places[m] = _turns[_ordinals[m] % copies]++;
                (_unorderedSamples[m], _unorderedOrdinals[m]) = (_samples[m], _ordinals[m]);
            }

            for (int c = (int)copies; c > 0; c--)
            {
                _turns[c] = _turns[c - 1];
            }

            _turns[0] = 0;
            for (int m = 0; m < count; m++)
            {
                (_samples[_places[m]], _ordinals[_places[m]]) = (_unorderedSamples[m], _unorderedOrdinals[m]);
            }
        }

        private void Clear(int count, ColumnPart part)
        {
            for (int m = 0; m < count; m++)
            {
                for (int slice = 0; slice < _slices; slice++)
                {
                    _acc.AsSpan((((slice * _capacity) + m) * _columns) + part.First, part.Count).Clear();
                }

                if (HasDigitalPart)
                {
                    _digital.AsSpan((m * _columns) + part.First, part.Count).Clear();
                }
            }
        }

        /// <summary>Digital corrections, slices, scale and bias of sums that are complete.</summary>
        private void Finish(int count, ColumnPart part)
        {
            if (!_layer.Centers.IsEmpty && _owner._path == LayerPath.Tiles)
            {
                AddCenters(count, part);
            }

            bool isReference = _owner._path == LayerPath.Reference;
            double codeScale = isReference ? _physics.CodeScale * _physics.Input.MaxCode : _physics.CodeScale;
            var weightScales = _layer.Scales.Length > 1 ? _layer.Scales.AsSpan().Slice(part.First, part.Count) : _layer.Scales.AsSpan();
            var bias = _owner._bias.IsEmpty ? default : _owner._bias.AsSpan().Slice(part.First, part.Count);
            for (int m = 0; m < count; m++)
            {
                int place = TakesTurns ? _places[m] : m;
                int at = (place * _columns) + part.First;
                var results = _results.AsSpan((m * _columns) + part.First, part.Count);
                double scale = codeScale * _scales[place];
                if (!HasDigitalPart)
                {
                    ShiftAdd.Scale(_acc.AsSpan(at, part.Count), _sliceWeights[0], scale, weightScales, bias, results);
                    continue;
                }

                // Per column: the digital corrections, then the slices in order.
                var sums = _digital.AsSpan(at, part.Count);
                for (int slice = 0; slice < _slices; slice++)
                {
                    ShiftAdd.Add(_acc.AsSpan((slice * _capacity * _columns) + at, part.Count), _sliceWeights[slice], sums);
                }

                ShiftAdd.Scale(sums, 1, scale, weightScales, bias, results);
            }
        }

        /// <summary>Reads one vector (<see cref="VectorSteps"/>).</summary>
        public LoadedVector Load(VectorGatherer gatherer, ReadOnlySpan<float> input, int vector, VectorNames names, float? staticScale)
        {
            Load(gatherer, input, vector, 1, names, staticScale, areCodes: false);
            return new LoadedVector(vector, _inputs[.._rows], _scales[0], _samples[0], _ordinals[0]);
        }

        /// <summary>Puts a vector and what has been added of it where a strip's first stands.</summary>
        private void Restore(LoadedVector vector, PartialSums sums)
        {
            Reserve(1);
            vector.Inputs.CopyTo(_inputs, 0);
            (_scales[0], _samples[0], _ordinals[0]) = (vector.Scale, vector.Sample, vector.Ordinal);
            for (int slice = 0; slice < _slices; slice++)
            {
                sums.Slices.AsSpan(slice * _columns, _columns).CopyTo(_acc.AsSpan(slice * _capacity * _columns));
            }

            sums.Digital.CopyTo(_digital, 0);
        }

        /// <summary>Runs a vector through blocks and adds their results, in order.</summary>
        public void Add(LoadedVector vector, IEnumerable<int> blocks, PartialSums sums)
        {
            Restore(vector, sums);
            _engine.Load(_inputs, _rows, 1, _samples, _ordinals);
            foreach (int index in blocks)
            {
                switch (_owner._path)
                {
                    case LayerPath.Integer:
                        AddInteger(_layer.Blocks[index]);
                        break;
                    case LayerPath.Double or LayerPath.Reference:
                        AddDouble(_layer.Blocks[index]);
                        break;
                    default:
                        RunBlock(_owner._blocks[index], 0, 1);
                        break;
                }
            }

            for (int slice = 0; slice < _slices; slice++)
            {
                _acc.AsSpan(slice * _capacity * _columns, _columns).CopyTo(sums.Slices.AsSpan(slice * _columns));
            }

            _digital.AsSpan(0, _columns).CopyTo(sums.Digital);
        }

        /// <summary>The vector's results.</summary>
        public ReadOnlySpan<float> Finish(LoadedVector vector, PartialSums sums)
        {
            Restore(vector, sums);
            if (TakesTurns)
            {
                _places[0] = 0;
            }

            Finish(1, _owner._whole);
            return _results.AsSpan(0, _columns);
        }

        public PartialSums NewSums() => new(new double[_slices * _columns], new double[_columns]);

        /// <summary>The product of codes with one block: integers, exact in any order.</summary>
        private void AddInteger(Block block)
        {
            for (int g = block.FirstGroup; g < block.FirstGroup + block.Groups; g++)
            {
                for (int n = block.ColumnStart; n < block.ColumnStart + block.ColumnCount; n++)
                {
                    long sum = 0;
                    for (int r = block.RowStart; r < block.RowStart + block.RowCount; r++)
                    {
                        sum += (long)_inputs[(g * _layer.Rows) + r] * _layer.Code((((g * _layer.Rows) + r) * _layer.Columns) + n);
                    }

                    _acc[(g * _layer.Columns) + n] += sum;
                }
            }
        }

        /// <summary>The same in double: row by row, as the whole product.</summary>
        private void AddDouble(Block block)
        {
            for (int g = block.FirstGroup; g < block.FirstGroup + block.Groups; g++)
            {
                for (int r = block.RowStart; r < block.RowStart + block.RowCount; r++)
                {
                    int at = (((g * _layer.Rows) + r) * _layer.Columns) + block.ColumnStart;
                    DoubleMvm.Add(
                        _inputs.AsSpan((g * _layer.Rows) + r, 1),
                        1,
                        1,
                        _owner._weights.AsSpan(at, block.ColumnCount),
                        1,
                        block.ColumnCount,
                        _acc.AsSpan((g * _layer.Columns) + block.ColumnStart, block.ColumnCount),
                        block.ColumnCount);
                }
            }
        }

        /// <summary>The digital part of center and offset: each column's center times the sum of the group's input codes.</summary>
        private void AddCenters(int count, ColumnPart part)
        {
            for (int m = 0; m < count; m++)
            {
                for (int g = 0; g < _layer.Groups; g++)
                {
                    long sum = 0;
                    foreach (float code in _inputs.AsSpan((m * _rows) + (g * _layer.Rows), _layer.Rows))
                    {
                        sum += (long)code;
                    }

                    for (int n = Math.Max(part.First, g * _layer.Columns); n < Math.Min(part.First + part.Count, (g + 1) * _layer.Columns); n++)
                    {
                        _digital[(m * _columns) + n] += (double)_layer.Centers[n] * sum;
                    }
                }
            }
        }

        /// <summary>Step 1 and 2: what the layer's inputs are as codes. Rounding by draws is keyed by the event and the layer's row, so that tiles that
        /// read a row see one code.</summary>
        private void ToCodes(ReadOnlySpan<float> vector, float scale, Span<float> codes, int index, int firstRow, int attempt)
        {
            if (_physics.Input.Bits is null)
            {
                // Lossless DAC: x^ itself; without management it is not clipped either.
                bool clips = _physics.Tile.Input.Management != InputManagement.None;
                for (int r = 0; r < vector.Length; r++)
                {
                    float x = scale == 0 ? 0 : scale == 1 ? vector[r] : vector[r] / scale;
                    codes[r] = clips ? Math.Clamp(x, _physics.Input.IsUnsigned ? 0 : -1, 1) : x;
                }

                return;
            }

            if (_physics.RoundsInputsByDraws && !_owner._options.Ideal)
            {
                if (_uniforms.Length < codes.Length)
                {
                    _uniforms = new float[codes.Length];
                }

                var uniforms = _uniforms.AsSpan(0, codes.Length);
                CellStream stream = new(_owner._options.Seed, _owner._options.Instance, _layer.NoiseKey, Slice: 0, Pair: 0, Polarity: 0, Copy: 0);
                ulong readEvent = Draws.Event(_samples[index], _ordinals[index], (uint)attempt);
                Draws.Uniforms(stream, DrawPurpose.InputRounding, readEvent, 0, firstRow, uniforms);
                Rounding.QuantizeStochastic(vector, scale, _physics.Input.MinCode, _physics.Input.MaxCode, _physics.Input.IsMidRise, uniforms, codes);
                return;
            }

            if (_physics.Input.IsMidRise)
            {
                Rounding.QuantizeMidRise(vector, scale, _physics.Input.MaxCode, codes);
                return;
            }

            Converters.Quantize(vector, scale, _physics.Input.MinCode, _physics.Input.MaxCode, codes);
        }

        /// <summary>The largest magnitude; not a number if one of them is.</summary>
        internal static float Scale(ReadOnlySpan<float> vector)
        {
            float scale = 0;
            int i = 0;
            if (vector.Length >= Vector<float>.Count)
            {
                // The order does not matter to a maximum.
                var largest = Vector<float>.Zero;
                for (; i <= vector.Length - Vector<float>.Count; i += Vector<float>.Count)
                {
                    largest = Vector.Max(largest, Vector.Abs(new Vector<float>(vector[i..])));
                }

                for (int lane = 0; lane < Vector<float>.Count; lane++)
                {
                    scale = Math.Max(scale, largest[lane]);
                }
            }

            for (; i < vector.Length; i++)
            {
                scale = Math.Max(scale, Math.Abs(vector[i]));
            }

            return scale;
        }

        private int FirstRow(Block block) => (block.FirstGroup * _layer.Rows) + block.RowStart;

        private void RunBlock(ProgrammedBlock block, int first, int count)
        {
            if (_owner.ManagesBounds)
            {
                RunManaged(block, first, count);
                return;
            }

            var clipped = _clipped.AsSpan(0, count);
            _engine.Add(block, first, count, block.Compensation, Target(block).From(first), clipped);
            long all = 0;
            foreach (int vector in clipped)
            {
                all += vector;
            }

            if (all > 0)
            {
                Interlocked.Add(ref _owner._clipped, all);
            }
        }

        /// <summary>Where a block's results go.</summary>
        private LayerSums Target(ProgrammedBlock block)
        {
            int column = (block.Block.FirstGroup * _layer.Columns) + block.Block.ColumnStart;
            return new LayerSums(_acc.AsSpan(column), _capacity * _columns, _digital.AsSpan(column), _columns);
        }

        /// <summary>Iterative bound management, per block and vector: the input is divided by r = 1, 2, 4, ... until nothing clips, or int(r) exceeds
        /// the largest factor, or r what the resolution of the input allows. The first try of all vectors goes through the tile together.</summary>
        private void RunManaged(ProgrammedBlock block, int first, int count)
        {
            var management = _physics.Tile.Input.BoundManagement!;
            double limit = _physics.Input.Bits is null ? double.PositiveInfinity : management.MaxResolution * _physics.Input.MaxCode / _physics.Input.CodesPerLevel;
            int rows = block.Block.Rows;
            int columns = block.Block.Columns;
            if (_managed.Length < count * rows)
            {
                _managed = new float[count * rows];
            }

            float[] codes = _managed;
            for (int m = 0; m < count; m++)
            {
                ToCodes(
                    _inputs.AsSpan(((first + m) * _rows) + FirstRow(block.Block), rows), (float)_scales[first + m], codes.AsSpan(m * rows, rows), first + m, FirstRow(block.Block), 0);
            }

            ReadEvents events = new(_samples.AsSpan(first, count), _ordinals.AsSpan(first, count));
            var sums = _blockSums.AsSpan(0, _slices * count * columns);
            var digital = _blockDigital.AsSpan(0, count * columns);
            _engine.Run(block, codes, rows, count, events, 0, sums, digital, _clipped.AsSpan(0, count));
            _retry.Clear();
            for (int m = 0; m < count; m++)
            {
                if (_clipped[m] > 0 && limit >= 1)
                {
                    _retry.Add(m);
                }
                else
                {
                    Interlocked.Add(ref _owner._clipped, _clipped[m]);
                    Target(block).Add(first + m, block.Compensation, sums, digital, m, count);
                }
            }

            sums = sums[..(_slices * columns)];
            digital = digital[..columns];
            foreach (int m in _retry)
            {
                double r = 1;
                int attempt = 0;
                do
                {
                    r *= 2;
                    attempt++;
                    ToCodes(
                        _inputs.AsSpan(((first + m) * _rows) + FirstRow(block.Block), rows), (float)(_scales[first + m] * r), _scaled.AsSpan(0, rows), first + m, FirstRow(block.Block), attempt);
                    _engine.Run(block, _scaled.AsSpan(0, rows), rows, 1, events.Single(m), attempt, sums, digital, _clipped.AsSpan(m, 1));
                }
                while (_clipped[m] > 0 && (int)r <= management.MaxFactor && r <= limit);
                Interlocked.Add(ref _owner._clipped, _clipped[m]);
                Target(block).Add(first + m, block.Compensation * r, sums, digital, 0, 1);
            }
        }
    }
}

using System.Buffers;
using System.Collections.Immutable;
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
internal sealed partial class LayerExecutor
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

    private bool RunsAsLevels => _path == LayerPath.Tiles && _options.Engine == EngineKind.Fast && LevelEngine.Obstacle(_physics, _options) is null;

    private Worker Rent() => _idle.TryTake(out var worker) ? worker : new Worker(this);

    private TileEngine Engine() => _options.Engine == EngineKind.Stepwise
        ? new StepwiseEngine(_physics, _options)
        : RunsAsLevels ? new LevelEngine(_physics, _options) : new FastEngine(_physics, _options);
}

using System.Buffers;
using AimcCompiler.Binary;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal sealed partial class LayerExecutor
{
    /// <summary>One thread's buffers.</summary>
    internal sealed partial class Worker
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
    }
}

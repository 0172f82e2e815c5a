using System.Buffers;
using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Reads the input vectors of a layer from its input tensor and writes results to its output tensor (<see cref="InputView"/>).</summary>
internal abstract partial class VectorGatherer
{
    /// <summary>Vectors of the whole tensor.</summary>
    public abstract int Vectors { get; }

    /// <summary>Shape of the input tensor.</summary>
    public ImmutableArray<long> InputShape { get; private set; }

    /// <summary>Shape of the output tensor.</summary>
    public abstract ImmutableArray<long> OutputShape { get; }

    /// <summary>Copies vectors first .. first + count - 1 of groups x K inputs each, one after another.</summary>
    public abstract void GatherStrip(ReadOnlySpan<float> input, int first, int count, Span<float> destination);

    /// <summary><see cref="GatherQuads"/> is worth a try.</summary>
    public virtual bool MayPack => false;

    /// <summary>The same vectors packed by fours (<see cref="PackedMvm.PackInputs"/>), without a copy one after another; false where they do not begin with a quad.</summary>
    public virtual bool GatherQuads(ReadOnlySpan<float> input, int first, int count, Span<float> quads) => false;

    /// <summary>The same vectors where they stand, if they stand one after another; else empty.</summary>
    public virtual ReadOnlySpan<float> StandingStrip(ReadOnlySpan<float> input, int first, int count) => [];

    /// <summary>The vectors have not all elements of those that the model multiplies: a scale of each vector is that of all of them (<see cref="ScaleStrip"/>).</summary>
    public virtual bool LeavesOutInputs => false;

    /// <summary>The largest magnitudes of the model's vectors first .. first + count - 1.</summary>
    public virtual void ScaleStrip(ReadOnlySpan<float> input, int first, int count, Span<float> scales) =>
        throw new InvalidOperationException("The vectors are those that the model multiplies.");

    /// <summary>Writes the results of vectors first .. first + count - 1, groups x N each, one after another, or some columns of them.</summary>
    public abstract void ScatterStrip(ReadOnlySpan<float> results, int first, int count, int firstColumn, int columns, Span<float> output);

    /// <summary>Copies up to sixteen vectors side by side: input k of vector first + i to destination[16 k + i], anything beyond the last vector. The
    /// destination has room for sixteen more.</summary>
    /// <remarks>The scratch belongs to one thread and one layer, and is forgotten between tensors.</remarks>
    public abstract void GatherLanes(ReadOnlySpan<float> input, int first, int count, LaneScratch scratch, Span<float> destination);

    /// <summary>Writes results that lie side by side: column c of vector first + i from results[16 c + i].</summary>
    public abstract void ScatterLanes(ReadOnlySpan<float> results, int first, int count, Span<float> output);

    /// <exception cref="DiagnosticException">The tensor's shape does not fit the layer.</exception>
    public static VectorGatherer Create(MappedLayer layer, ImmutableArray<long> shape)
    {
        VectorGatherer gatherer = layer.View switch
        {
            MatrixView view => new Matrix(layer, view, shape),
            ConvolutionView view => new Convolution(layer, view, shape),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        gatherer.InputShape = shape;
        return layer.KeptRows is null && layer.KeptColumns is null ? gatherer : new Kept(layer, gatherer) { InputShape = shape };
    }

    private static DiagnosticException Wrong(MappedLayer layer, ImmutableArray<long> shape, string needed) =>
        new(Descriptors.WrongShape, $"layer '{layer.Name}' ({layer.Op})", $"got an input of shape {Tensor.Format(shape)}, it takes {needed}");

    /// <summary>Vectors share elements of the input: it has fewer than they have together.</summary>
    public virtual bool Repeats => false;

    private sealed partial class Matrix : VectorGatherer
    {
        private readonly int _rows;
        private readonly int _columns;
        private readonly int _inner;
        private readonly bool _inputInner;
        private readonly bool _outputInner;

        public Matrix(MappedLayer layer, MatrixView view, ImmutableArray<long> shape)
        {
            (_rows, _columns) = (layer.ModelRows, layer.ModelColumns);
            int axis = shape.Length + view.InputAxis;
            if (axis < 0 || shape[axis] != _rows)
            {
                throw Wrong(layer, shape, $"{_rows} values along axis {view.InputAxis}");
            }

            Vectors = checked((int)(Tensor.CountOf(shape) / _rows));
            _inputInner = view.InputAxis == -2;
            _outputInner = view.OutputAxis == -2;
            // Vectors along the last axis but one of a [..., K, M] tensor: M of them interleave.
            _inner = view.InputAxis == -2 ? (int)shape[^1] : view.OutputAxis == -2 ? (int)shape[^2] : 1;
            long[] output = [.. shape];
            if (view.InputAxis == view.OutputAxis)
            {
                output[axis] = _columns;
            }
            else
            {
                (output[^2], output[^1]) = view.InputAxis == -2 ? (shape[^1], (long)_columns) : (_columns, shape[^2]);
            }

            OutputShape = [.. output];
        }

        public override int Vectors { get; }

        public override ImmutableArray<long> OutputShape { get; }

        public override ReadOnlySpan<float> StandingStrip(ReadOnlySpan<float> input, int first, int count) =>
            _inputInner ? [] : input.Slice(first * _rows, count * _rows);

        public override void GatherStrip(ReadOnlySpan<float> input, int first, int count, Span<float> destination)
        {
            if (!_inputInner)
            {
                input.Slice(first * _rows, count * _rows).CopyTo(destination);
                return;
            }

            for (int done = 0; done < count;)
            {
                // Vectors that interleave: columns of one matrix.
                var (matrix, column) = Math.DivRem(first + done, _inner);
                int run = Math.Min(count - done, _inner - column);
                Transposition.Run(input[((matrix * _rows * _inner) + column)..], _inner, _rows, run, destination[(done * _rows)..], _rows);
                done += run;
            }
        }

        public override void ScatterStrip(ReadOnlySpan<float> results, int first, int count, int firstColumn, int columns, Span<float> output)
        {
            for (int i = 0; i < count && !_outputInner; i++)
            {
                results.Slice((i * _columns) + firstColumn, columns).CopyTo(output[(((first + i) * _columns) + firstColumn)..]);
            }

            if (!_outputInner)
            {
                return;
            }

            for (int done = 0; done < count;)
            {
                var (matrix, column) = Math.DivRem(first + done, _inner);
                int run = Math.Min(count - done, _inner - column);
                Transposition.Run(
                    results[((done * _columns) + firstColumn)..], _columns, run, columns, output[((((matrix * _columns) + firstColumn) * _inner) + column)..], _inner);
                done += run;
            }
        }
    }

    private sealed partial class Convolution : VectorGatherer
    {
        private readonly int _channels;
        private readonly int _filters;
        private readonly int _positions;
        private readonly int _plane;
        private readonly int _taps;
        private readonly int _shifts;
        private readonly int _groups;

        /// <summary>Outputs along the last axis.</summary>
        private readonly int _width;

        /// <summary>A window is one position, and all of them are windows.</summary>
        private readonly bool _isPointwise;
        private readonly int[] _input = [1, 1, 1];

        /// <summary>Vectors along each axis: outputs, without shifts.</summary>
        private readonly int[] _output = [1, 1, 1];
        private readonly int[] _kernel = [1, 1, 1];

        /// <summary>Of a window along the last axis.</summary>
        private readonly int[] _places;
        private readonly int[] _strides = [1, 1, 1];
        private readonly int[] _pads = [0, 0, 0];
        private readonly int[] _dilations = [1, 1, 1];

        public Convolution(MappedLayer layer, ConvolutionView view, ImmutableArray<long> shape)
        {
            int spatial = view.Kernel.Length;
            int kernelSize = view.Taps;
            _places = [.. view.Places()];
            (_shifts, _groups) = (view.Shifts, layer.Groups);
            _channels = layer.Groups * (layer.ModelRows / kernelSize);
            _filters = layer.Groups * (layer.ModelColumns / _shifts);
            if (shape.Length != spatial + 2 || shape[1] != _channels)
            {
                throw Wrong(layer, shape, $"[batch, {_channels}, {spatial} spatial axes]");
            }

            // Fewer than three spatial axes are padded in front with extents of one.
            long[] output = [shape[0], _filters, .. new long[spatial]];
            for (int a = 0; a < spatial; a++)
            {
                int at = 3 - spatial + a;
                long extent = view.OutputExtent(a, shape[a + 2]);
                if (extent < 1)
                {
                    throw Wrong(layer, shape, $"at least {(view.Dilations[a] * (view.Kernel[a] - 1)) + 1 - view.PadsBegin[a] - view.PadsEnd[a]} values along spatial axis {a}");
                }

                output[a + 2] = extent;
                (_input[at], _output[at], _kernel[at]) = ((int)shape[a + 2], (int)extent, view.Kernel[a]);
                (_strides[at], _pads[at], _dilations[at]) = (view.Strides[a], (int)view.Pads(a, shape[a + 2]).Begin, view.Dilations[a]);
            }

            OutputShape = [.. output];
            _width = _output[2];
            (_kernel[2], _strides[2], _output[2]) = (_places.Length, _strides[2] * _shifts, (int)view.VectorsOf(_width));
            _positions = _output[0] * _output[1] * _output[2];
            _plane = _input[0] * _input[1] * _input[2];
            _taps = kernelSize;
            _isPointwise = kernelSize == 1 && _shifts == 1 && _strides is [1, 1, 1] && _pads is [0, 0, 0] && _positions == _plane;
            Vectors = checked((int)shape[0] * _positions);
        }

        public override int Vectors { get; }

        public override ImmutableArray<long> OutputShape { get; }

        public override bool Repeats => (long)_taps * _positions > _plane;

        public override void GatherStrip(ReadOnlySpan<float> input, int first, int count, Span<float> destination)
        {
            int rows = _channels * _taps;
            for (int done = 0; done < count;)
            {
                var (image, position) = Math.DivRem(first + done, _positions);
                int run = Math.Min(count - done, _positions - position);
                var planes = input.Slice(image * _channels * _plane, _channels * _plane);
                var vectors = destination.Slice(done * rows, run * rows);
                if (_isPointwise)
                {
                    Transposition.Run(planes[position..], _plane, _channels, run, vectors, _channels);
                }
                else
                {
                    GatherWindows(planes, position, run, vectors, rows, isPacked: false);
                }

                done += run;
            }
        }

        public override bool MayPack => true;

        public override bool GatherQuads(ReadOnlySpan<float> input, int first, int count, Span<float> quads)
        {
            // Every image has to begin with a quad.
            int begun = Math.Min(count, _positions - (first % _positions));
            if ((begun < count && begun % PackedMvm.Quad != 0) || (begun + _positions < count && _positions % PackedMvm.Quad != 0))
            {
                return false;
            }

            int rows = _channels * _taps;
            for (int done = 0; done < count;)
            {
                var (image, position) = Math.DivRem(first + done, _positions);
                int run = Math.Min(count - done, _positions - position);
                var planes = input.Slice(image * _channels * _plane, _channels * _plane);
                var vectors = quads.Slice(done * rows, PackedMvm.Padded(run) * rows);
                if (_isPointwise)
                {
                    PackedMvm.PackLines(planes[position..], _plane, _channels, run, vectors, PackedMvm.Quad * rows);
                }
                else
                {
                    GatherWindows(planes, position, run, vectors, rows, isPacked: true);
                }

                done += run;
            }

            return true;
        }

        public override void ScatterStrip(ReadOnlySpan<float> results, int first, int count, int firstColumn, int columns, Span<float> output)
        {
            if (_shifts > 1)
            {
                ScatterShifts(results, first, count, firstColumn, columns, output);
                return;
            }

            for (int done = 0; done < count;)
            {
                var (image, position) = Math.DivRem(first + done, _positions);
                int run = Math.Min(count - done, _positions - position);
                Transposition.Run(
                    results[((done * _filters) + firstColumn)..], _filters, run, columns, output[((((image * _filters) + firstColumn) * _positions) + position)..], _positions);
                done += run;
            }
        }

        /// <summary>Columns of a group are (shift, filter), so the results of the vectors of a line are outputs side by side, filter by filter, but for what the last one has beyond the line.</summary>
        private void ScatterShifts(ReadOnlySpan<float> results, int first, int count, int firstColumn, int columns, Span<float> output)
        {
            int filters = _filters / _groups;
            int all = _filters * _shifts;
            int plane = _output[0] * _output[1] * _width;
            for (int done = 0; done < count;)
            {
                var (image, position) = Math.DivRem(first + done, _positions);
                var (line, vector) = Math.DivRem(position, _output[2]);
                int run = Math.Min(count - done, _output[2] - vector);
                int place = (image * _filters * plane) + (line * _width);
                if (_groups == 1 && columns == all)
                {
                    int x = vector * _shifts;
                    Transposition.Run(results[(done * all)..], filters, Math.Min(run * _shifts, _width - x), filters, output[(place + x)..], plane);
                    done += run;
                    continue;
                }

                for (int v = 0; v < run; v++)
                {
                    var from = results.Slice((done + v) * all, all);
                    for (int column = firstColumn; column < firstColumn + columns;)
                    {
                        var (group, filter) = Math.DivRem(column, filters);
                        int some = Math.Min(filters - filter, firstColumn + columns - column);
                        int x = ((vector + v) * _shifts) + (group % _shifts);
                        if (x < _width)
                        {
                            int to = place + (((group / _shifts * filters) + filter) * plane) + x;
                            for (int n = 0; n < some; n++)
                            {
                                output[to + (n * plane)] = from[column + n];
                            }
                        }

                        column += some;
                    }
                }

                done += run;
            }
        }

        /// <summary>Some taps at a time of all windows in the order of the input, which lies in long runs, then turned to the order of vectors, or packed. A tap's runs are the
        /// same in every channel.</summary>
        private void GatherWindows(ReadOnlySpan<float> planes, int position, int count, Span<float> vectors, int rows, bool isPacked)
        {
            const int Together = 16;
            float[] turned = ArrayPool<float>.Shared.Rent(Together * count);
            var runs = ArrayPool<(int To, int From, int Length)>.Shared.Rent(_taps * (count + 1));
            int[] outside = ArrayPool<int>.Shared.Rent(_taps * count);
            int[] ends = ArrayPool<int>.Shared.Rent(2 * (_taps + 1));
            try
            {
                Plan(position, count, runs, outside, ends);
                int stride = _strides[2];
                for (int row = 0; row < rows; row += Together)
                {
                    int some = Math.Min(Together, rows - row);
                    for (int i = 0; i < some; i++)
                    {
                        var (channel, tap) = Math.DivRem(row + i, _taps);
                        var plane = planes.Slice(channel * _plane, _plane);
                        var line = turned.AsSpan(i * count, count);
                        foreach (var (to, from, length) in runs.AsSpan(ends[2 * tap]..ends[2 * (tap + 1)]))
                        {
                            Strided.Copy(plane[from..], stride, line.Slice(to, length));
                        }

                        foreach (int zero in outside.AsSpan(ends[(2 * tap) + 1]..ends[(2 * (tap + 1)) + 1]))
                        {
                            line[zero] = 0;
                        }
                    }

                    if (isPacked)
                    {
                        PackedMvm.PackLines(turned, count, some, count, vectors[(PackedMvm.Quad * row)..], PackedMvm.Quad * rows);
                        continue;
                    }

                    Transposition.Run(turned, count, some, count, vectors[row..], rows);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(turned);
                ArrayPool<(int, int, int)>.Shared.Return(runs);
                ArrayPool<int>.Shared.Return(outside);
                ArrayPool<int>.Shared.Return(ends);
            }
        }

        /// <summary>For every tap, in order: runs (place among the vectors, place in a plane, length) of what it reads, and the vectors for which it lies outside. Runs that follow each
        /// other at one distance are one, over places between them that lie outside.</summary>
        /// <param name="position">The first vector's place in the output plane.</param>
        /// <param name="count">Vectors.</param>
        /// <param name="runs">Takes the runs of all taps.</param>
        /// <param name="outside">Takes the places that are zero.</param>
        /// <param name="ends">Where each tap's runs and zeros begin; one more pair for the end.</param>
        private void Plan(int position, int count, Span<(int To, int From, int Length)> runs, Span<int> outside, Span<int> ends)
        {
            int stride = _strides[2];
            int width = _input[2];
            int taken = 0;
            int zeros = 0;
            for (int tap = 0; tap < _taps; tap++)
            {
                (ends[2 * tap], ends[(2 * tap) + 1]) = (taken, zeros);
                int firstRun = taken;
                int kx = _places[tap % _kernel[2]] - _pads[2];
                int ky = (tap / _kernel[2] % _kernel[1] * _dilations[1]) - _pads[1];
                int kz = (tap / (_kernel[2] * _kernel[1]) * _dilations[0]) - _pads[0];
                // The part of an output line for which ox * stride + kx is inside.
                int inside = kx >= 0 ? 0 : (-kx + stride - 1) / stride;
                int behind = kx >= width ? 0 : ((width - 1 - kx) / stride) + 1;
                for (int done = 0; done < count;)
                {
                    var (line, ox) = Math.DivRem(position + done, _output[2]);
                    int length = Math.Min(count - done, _output[2] - ox);
                    int iy = (line % _output[1] * _strides[1]) + ky;
                    int iz = (line / _output[1] * _strides[0]) + kz;
                    bool isInside = (uint)iy < (uint)_input[1] && (uint)iz < (uint)_input[0];
                    int begin = isInside ? Math.Clamp(inside, ox, ox + length) : ox + length;
                    int end = isInside ? Math.Clamp(behind, begin, ox + length) : begin;
                    for (int x = ox; x < begin; x++)
                    {
                        outside[zeros++] = done + x - ox;
                    }

                    for (int x = end; x < ox + length; x++)
                    {
                        outside[zeros++] = done + x - ox;
                    }

                    if (end > begin)
                    {
                        int to = done + begin - ox;
                        int from = (((iz * _input[1]) + iy) * width) + (begin * stride) + kx;
                        if (stride == 1 && taken > firstRun && runs[taken - 1] is var last && from - to == last.From - last.To)
                        {
                            runs[taken - 1] = last with { Length = to + end - begin - last.To };
                        }
                        else
                        {
                            runs[taken++] = (to, from, end - begin);
                        }
                    }

                    done += length;
                }
            }

            (ends[2 * _taps], ends[(2 * _taps) + 1]) = (taken, zeros);
        }
    }
}

/// <summary>What a thread keeps between the groups of sixteen vectors of one tensor.</summary>
internal sealed class LaneScratch
{
    public PaddedImages? Images { get; set; }

    /// <summary>Where a window's inputs lie from its beginning.</summary>
    public int[] Offsets { get; set; } = [];
}

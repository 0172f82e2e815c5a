using System.Collections.Immutable;
using AimcCompiler.Binary;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

/// <summary>Reads the input vectors of a layer from its input tensor and writes results to its output tensor (<see cref="InputView"/>).</summary>
internal abstract partial class VectorGatherer
{
    /// <summary>Vectors of the whole tensor.</summary>
    public abstract int Vectors { get; }

    /// <summary>Shape of the output tensor.</summary>
    public abstract ImmutableArray<long> OutputShape { get; }

    /// <summary>Copies one vector of groups x K inputs.</summary>
    public abstract void Gather(ReadOnlySpan<float> input, int vector, Span<float> destination);

    /// <summary>Writes one vector of groups x N results.</summary>
    public abstract void Scatter(ReadOnlySpan<float> results, int vector, Span<float> output);

    /// <summary>Copies up to sixteen vectors side by side: input k of vector first + i to destination[16 k + i], anything beyond the last vector. The
    /// destination has room for sixteen more.</summary>
    public abstract void GatherLanes(ReadOnlySpan<float> input, int first, int count, Span<float> destination);

    /// <summary>Writes results that lie side by side: column c of vector first + i from results[16 c + i].</summary>
    public abstract void ScatterLanes(ReadOnlySpan<float> results, int first, int count, Span<float> output);

    /// <exception cref="DiagnosticException">The tensor's shape does not fit the layer.</exception>
    public static VectorGatherer Create(MappedLayer layer, ImmutableArray<long> shape) => layer.View switch
    {
        MatrixView view => new Matrix(layer, view, shape),
        ConvolutionView view => new Convolution(layer, view, shape),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static DiagnosticException Wrong(MappedLayer layer, ImmutableArray<long> shape, string needed) =>
        new(Descriptors.WrongShape, $"layer '{layer.Name}' ({layer.Op})", $"got an input of shape {Tensor.Format(shape)}, it takes {needed}");

    private sealed partial class Matrix : VectorGatherer
    {
        private readonly int _rows;
        private readonly int _columns;
        private readonly int _inner;
        private readonly bool _inputInner;
        private readonly bool _outputInner;

        public Matrix(MappedLayer layer, MatrixView view, ImmutableArray<long> shape)
        {
            (_rows, _columns) = (layer.Rows, layer.Columns);
            int axis = shape.Length + view.InputAxis;
            if (axis < 0 || shape[axis] != layer.Rows)
            {
                throw Wrong(layer, shape, $"{layer.Rows} values along axis {view.InputAxis}");
            }

            Vectors = checked((int)(Tensor.CountOf(shape) / layer.Rows));
            _inputInner = view.InputAxis == -2;
            _outputInner = view.OutputAxis == -2;
            // Vectors along the last axis but one of a [..., K, M] tensor: M of them interleave.
            _inner = view.InputAxis == -2 ? (int)shape[^1] : view.OutputAxis == -2 ? (int)shape[^2] : 1;
            long[] output = [.. shape];
            if (view.InputAxis == view.OutputAxis)
            {
                output[axis] = layer.Columns;
            }
            else
            {
                (output[^2], output[^1]) = view.InputAxis == -2 ? (shape[^1], (long)layer.Columns) : ((long)layer.Columns, shape[^2]);
            }

            OutputShape = [.. output];
        }

        public override int Vectors { get; }

        public override ImmutableArray<long> OutputShape { get; }

        public override void Gather(ReadOnlySpan<float> input, int vector, Span<float> destination)
        {
            if (!_inputInner)
            {
                input.Slice(vector * _rows, _rows).CopyTo(destination);
                return;
            }

            int start = (vector / _inner * _rows * _inner) + (vector % _inner);
            for (int k = 0; k < _rows; k++)
            {
                destination[k] = input[start + (k * _inner)];
            }
        }

        public override void Scatter(ReadOnlySpan<float> results, int vector, Span<float> output)
        {
            if (!_outputInner)
            {
                results.CopyTo(output[(vector * _columns)..]);
                return;
            }

            int start = (vector / _inner * _columns * _inner) + (vector % _inner);
            for (int n = 0; n < _columns; n++)
            {
                output[start + (n * _inner)] = results[n];
            }
        }
    }

    private sealed partial class Convolution : VectorGatherer
    {
        private readonly int _channels;
        private readonly int _filters;
        private readonly int _positions;
        private readonly int[] _input = [1, 1, 1];
        private readonly int[] _output = [1, 1, 1];
        private readonly int[] _kernel = [1, 1, 1];
        private readonly int[] _strides = [1, 1, 1];
        private readonly int[] _pads = [0, 0, 0];
        private readonly int[] _dilations = [1, 1, 1];

        public Convolution(MappedLayer layer, ConvolutionView view, ImmutableArray<long> shape)
        {
            int spatial = view.Kernel.Length;
            int kernelSize = view.Kernel.Aggregate(1, (a, b) => a * b);
            _channels = layer.Groups * (layer.Rows / kernelSize);
            _filters = layer.Groups * layer.Columns;
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
            _positions = _output[0] * _output[1] * _output[2];
            Vectors = checked((int)shape[0] * _positions);
        }

        public override int Vectors { get; }

        public override ImmutableArray<long> OutputShape { get; }

        public override void Gather(ReadOnlySpan<float> input, int vector, Span<float> destination)
        {
            int image = vector / _positions;
            int position = vector % _positions;
            int z = (position / (_output[1] * _output[2]) * _strides[0]) - _pads[0];
            int y = (position / _output[2] % _output[1] * _strides[1]) - _pads[1];
            int x = (position % _output[2] * _strides[2]) - _pads[2];
            int plane = _input[0] * _input[1] * _input[2];
            int next = 0;
            int height = _input[1];
            int width = _input[2];
            int kernel = _kernel[2];
            int step = _dilations[2];
            for (int c = 0; c < _channels; c++)
            {
                var channel = input.Slice(((image * _channels) + c) * plane, plane);
                for (int kz = 0; kz < _kernel[0]; kz++)
                {
                    int iz = z + (kz * _dilations[0]);
                    for (int ky = 0; ky < _kernel[1]; ky++)
                    {
                        int iy = y + (ky * _dilations[1]);
                        if ((uint)iz >= (uint)_input[0] || (uint)iy >= (uint)height)
                        {
                            destination.Slice(next, kernel).Clear();
                            next += kernel;
                            continue;
                        }

                        var row = channel.Slice(((iz * height) + iy) * width, width);
                        if (step == 1 && x >= 0 && x + kernel <= width)
                        {
                            row.Slice(x, kernel).CopyTo(destination[next..]);
                            next += kernel;
                            continue;
                        }

                        for (int kx = 0; kx < kernel; kx++)
                        {
                            int ix = x + (kx * step);
                            destination[next++] = (uint)ix < (uint)width ? row[ix] : 0f;
                        }
                    }
                }
            }
        }

        public override void Scatter(ReadOnlySpan<float> results, int vector, Span<float> output)
        {
            int start = (vector / _positions * _filters * _positions) + (vector % _positions);
            for (int n = 0; n < results.Length; n++)
            {
                output[start + (n * _positions)] = results[n];
            }
        }
    }
}

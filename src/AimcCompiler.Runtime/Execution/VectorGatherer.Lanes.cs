using System.Runtime.Intrinsics;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal abstract partial class VectorGatherer
{
    private const int Lanes = LaneMvm.Lanes;

    private sealed partial class Matrix
    {
        public override void GatherLanes(ReadOnlySpan<float> input, int first, int count, LaneScratch scratch, Span<float> destination)
        {
            if (count < Lanes)
            {
                destination[..(_rows * Lanes)].Clear();
            }

            for (int i = 0; i < count; i++)
            {
                int vector = first + i;
                int start = _inputInner ? (vector / _inner * _rows * _inner) + (vector % _inner) : vector * _rows;
                int step = _inputInner ? _inner : 1;
                for (int k = 0; k < _rows; k++)
                {
                    destination[(k * Lanes) + i] = input[start + (k * step)];
                }
            }
        }

        public override void ScatterLanes(ReadOnlySpan<float> results, int first, int count, Span<float> output)
        {
            for (int i = 0; i < count; i++)
            {
                int vector = first + i;
                int start = _outputInner ? (vector / _inner * _columns * _inner) + (vector % _inner) : vector * _columns;
                int step = _outputInner ? _inner : 1;
                for (int n = 0; n < _columns; n++)
                {
                    output[start + (n * step)] = results[(n * Lanes) + i];
                }
            }
        }
    }

    private sealed partial class Convolution
    {
        public override void GatherLanes(ReadOnlySpan<float> input, int first, int count, LaneScratch scratch, Span<float> destination)
        {
            int kernelSize = _kernel[0] * _kernel[1] * _kernel[2];
            int rows = _channels * kernelSize;
            if (count < Lanes)
            {
                destination[..(rows * Lanes)].Clear();
            }

            if (scratch.Images is null)
            {
                int[] end = [.. Enumerable.Range(0, 3).Select(a => Math.Max(0, ((_output[a] - 1) * _strides[a]) + ((_kernel[a] - 1) * _dilations[a]) + 1 - _pads[a] - _input[a]))];
                scratch.Images = new PaddedImages(_channels, _input, _pads, end);
                scratch.Offsets = [.. Enumerable.Range(0, rows).Select(row => Offset(scratch.Images, row))];
            }

            var images = scratch.Images;
            ReadOnlySpan<int> offsets = scratch.Offsets;
            for (int lane = 0; lane < count;)
            {
                int image = (first + lane) / _positions;
                int position = (first + lane) % _positions;
                int x = position % _output[2];
                int length = Math.Min(count - lane, _output[2] - x);
                int start = (position / (_output[1] * _output[2]) * _strides[0] * images.Plane) + (position / _output[2] % _output[1] * _strides[1] * images.Width) + (x * _strides[2]);
                CopyRun(images.Read(input, image).AsSpan(start), offsets, length, destination[lane..]);
                lane += length;
            }
        }

        /// <summary>Inputs of one run of vectors along the last axis.</summary>
        private void CopyRun(ReadOnlySpan<float> image, ReadOnlySpan<int> offsets, int length, Span<float> destination)
        {
            int step = _strides[2];
            if (step == 1 && length > 2)
            {
                // Lanes beyond the run are another run's, which keeps them.
                var mask = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(length)).AsSingle();
                for (int row = 0; row < offsets.Length; row++)
                {
                    var target = destination.Slice(row * Lanes, Lanes);
                    Vector512.ConditionalSelect(mask, Vector512.Create(image.Slice(offsets[row], Lanes)), Vector512.Create<float>(target)).CopyTo(target);
                }

                return;
            }

            for (int row = 0; row < offsets.Length; row++)
            {
                var source = image.Slice(offsets[row], ((length - 1) * step) + 1);
                var target = destination.Slice(row * Lanes, length);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = source[i * step];
                }
            }
        }

        /// <summary>Where an input of a window lies from the window's beginning.</summary>
        private int Offset(PaddedImages images, int row)
        {
            int size = _kernel[0] * _kernel[1] * _kernel[2];
            int k = row % size;
            return (row / size * images.Channel)
                + (k / (_kernel[1] * _kernel[2]) * _dilations[0] * images.Plane)
                + (k / _kernel[2] % _kernel[1] * _dilations[1] * images.Width)
                + (k % _kernel[2] * _dilations[2]);
        }

        public override void ScatterLanes(ReadOnlySpan<float> results, int first, int count, Span<float> output)
        {
            for (int done = 0; done < count;)
            {
                int vector = first + done;
                int position = vector % _positions;
                int length = Math.Min(count - done, _positions - position);
                int start = (vector / _positions * _filters * _positions) + position;
                for (int n = 0; n < _filters; n++)
                {
                    results.Slice((n * Lanes) + done, length).CopyTo(output[(start + (n * _positions))..]);
                }

                done += length;
            }
        }
    }
}

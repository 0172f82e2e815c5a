using System.Runtime.Intrinsics;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal abstract partial class VectorGatherer
{
    private const int Lanes = LaneMvm.Lanes;

    private sealed partial class Matrix
    {
        public override void GatherLanes(ReadOnlySpan<float> input, int first, int count, Span<float> destination)
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
        public override void GatherLanes(ReadOnlySpan<float> input, int first, int count, Span<float> destination)
        {
            int kernelSize = _kernel[0] * _kernel[1] * _kernel[2];
            if (count < Lanes)
            {
                destination[..(_channels * kernelSize * Lanes)].Clear();
            }

            Span<Run> runs = stackalloc Run[Lanes];
            runs = runs[..Runs(first, count, runs)];
            int plane = _input[0] * _input[1] * _input[2];
            int width = _input[2];
            int row = 0;
            for (int c = 0; c < _channels; c++)
            {
                for (int k = 0; k < kernelSize; k++)
                {
                    int dz = k / (_kernel[1] * _kernel[2]) * _dilations[0];
                    int dy = k / _kernel[2] % _kernel[1] * _dilations[1];
                    int dx = k % _kernel[2] * _dilations[2];
                    foreach (ref readonly var run in runs)
                    {
                        int z = run.Z + dz;
                        int y = run.Y + dy;
                        int x = run.X + dx;
                        var target = destination[((row * Lanes) + run.Lane)..];
                        if ((uint)z >= (uint)_input[0] || (uint)y >= (uint)_input[1])
                        {
                            target[..run.Length].Clear();
                            continue;
                        }

                        int line = (((run.Image * _channels) + c) * plane) + (((z * _input[1]) + y) * width);
                        if (_strides[2] == 1 && x >= 0 && x + run.Length <= width && line + x + Lanes <= input.Length)
                        {
                            // What is written beyond the run is written again, by the next run or the next row.
                            Vector512.Create(input[(line + x)..]).CopyTo(target);
                            continue;
                        }

                        var source = input.Slice(line, width);
                        for (int i = 0; i < run.Length; i++)
                        {
                            int at = x + (i * _strides[2]);
                            target[i] = (uint)at < (uint)width ? source[at] : 0f;
                        }
                    }

                    row++;
                }
            }
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

        /// <summary>Splits vectors into runs along the last axis of one image; returns how many.</summary>
        private int Runs(int first, int count, Span<Run> runs)
        {
            int found = 0;
            for (int lane = 0; lane < count;)
            {
                int image = (first + lane) / _positions;
                int position = (first + lane) % _positions;
                int x = position % _output[2];
                int length = Math.Min(count - lane, _output[2] - x);
                runs[found++] = new Run(
                    lane,
                    length,
                    image,
                    (position / (_output[1] * _output[2]) * _strides[0]) - _pads[0],
                    (position / _output[2] % _output[1] * _strides[1]) - _pads[1],
                    (x * _strides[2]) - _pads[2]);
                lane += length;
            }

            return found;
        }

        /// <summary>Vectors that follow each other along the last axis.</summary>
        /// <param name="Lane">The first one's lane.</param>
        /// <param name="Length">How many.</param>
        /// <param name="Image">Of the batch.</param>
        /// <param name="Z">Where the first one's kernel begins.</param>
        /// <param name="Y">Likewise.</param>
        /// <param name="X">Likewise.</param>
        private readonly record struct Run(int Lane, int Length, int Image, int Z, int Y, int X);
    }
}

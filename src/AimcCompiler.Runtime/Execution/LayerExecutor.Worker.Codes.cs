using System.Numerics;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

internal sealed partial class LayerExecutor
{
    internal sealed partial class Worker
    {
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

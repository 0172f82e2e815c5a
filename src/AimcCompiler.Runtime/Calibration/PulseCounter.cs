using System.Collections.Immutable;
using System.Numerics;
using AimcCompiler.Binary;
using AimcCompiler.Core;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>Counts the input pulses that a chip drives which skips those that are zero for all rows of a tile: at least one an MVM. Of the codes of noiseless inputs, rounded half to even.</summary>
public static class PulseCounter
{
    /// <summary>So many samples say how many pulses are driven.</summary>
    public const int Samples = 32;

    private const int Strip = 64;

    /// <summary>The pulses of an MVM that each layer drives on the average, one for each block of a copy, by the layer's name.</summary>
    /// <param name="program">With input scales, on a chip that skips zero pulses.</param>
    /// <param name="samples">Inputs of one batch each.</param>
    /// <param name="progress">A line now and then; null = silent.</param>
    /// <param name="cancellation">Stops between batches.</param>
    public static ImmutableDictionary<string, ImmutableArray<float>> Count(
        MappedProgram program, IReadOnlyList<Func<IReadOnlyDictionary<string, Tensor>>> samples, Action<string>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(samples);
        LayerCount[] counts = [.. program.Layers.Select(l => new LayerCount(program.Chip.Tile, l))];
        using Session session = new(program, new SimulationOptions { Threads = Environment.ProcessorCount }, null, LayerPath.Reference, null);
        progress?.Invoke("calibrate pulses");
        foreach (var sample in samples.Take(Samples))
        {
            cancellation.ThrowIfCancellationRequested();
            session.Run(sample(), 0, (layer, input, _) => counts[layer].Add(input), cancellation);
        }

        return counts.ToImmutableDictionary(c => c.Name, c => c.Means(), StringComparer.Ordinal);
    }

    private sealed class LayerCount
    {
        private readonly TileDescription _tile;
        private readonly MappedLayer _layer;
        private readonly InputEncoding _input;

        /// <summary>Of every code, from the least on: a bit for each pulse that is not zero.</summary>
        private readonly ulong[] _pulses;

        /// <summary>First row and count of what is driven together, among the rows of all groups.</summary>
        private readonly (int First, int Count)[] _parts;
        private readonly ImmutableArray<int> _partOfBlock;
        private readonly long[] _driven;
        private long _vectors;

        public LayerCount(TileDescription tile, MappedLayer layer)
        {
            (_tile, _layer, _input) = (tile, layer, InputEncoding.Of(tile.Input, layer.InputIsNonNegative));
            _pulses = [.. Enumerable.Range(_input.MinCode, _input.MaxCode - _input.MinCode + 1).Select(code =>
                Enumerable.Range(0, _input.PulseWeights.Length).Aggregate(0ul, (bits, p) => bits | (_input.Pulse(code, p) == 0 ? 0 : 1ul << p)))];
            Block[] blocks = layer.Blocks[..(layer.Blocks.Length / layer.Copies)].ToArray();
            var parts = Array.ConvertAll(blocks, b => ((b.FirstGroup * layer.Rows) + b.RowStart, b.Rows));
            _parts = [.. parts.Distinct()];
            _partOfBlock = [.. parts.Select(p => Array.IndexOf(_parts, p))];
            _driven = new long[_parts.Length];
        }

        public string Name => _layer.Name;

        public void Add(Tensor input)
        {
            var gatherer = VectorGatherer.Create(_layer, input.Shape);
            float[] values = input.ToFloats();
            _vectors += gatherer.Vectors;
            int rows = _layer.Groups * _layer.Rows;
            Parallel.For(0, (gatherer.Vectors + Strip - 1) / Strip, strip =>
            {
                int first = strip * Strip;
                int count = Math.Min(Strip, gatherer.Vectors - first);
                float[] vectors = new float[count * rows];
                float[] codes = new float[rows];
                float[] scales = new float[count];
                ulong[] pulses = new ulong[rows];
                long[] driven = new long[_parts.Length];
                gatherer.GatherStrip(values, first, count, vectors);
                Scales(gatherer, values, first, vectors, scales);
                for (int v = 0; v < count; v++)
                {
                    var vector = vectors.AsSpan(v * rows, rows);
                    if (_input.IsMidRise)
                    {
                        Rounding.QuantizeMidRise(vector, scales[v], _input.MaxCode, codes);
                    }
                    else
                    {
                        Converters.Quantize(vector, scales[v], _input.MinCode, _input.MaxCode, codes);
                    }

                    for (int r = 0; r < rows; r++)
                    {
                        pulses[r] = _pulses[(int)codes[r] - _input.MinCode];
                    }

                    for (int p = 0; p < _parts.Length; p++)
                    {
                        ulong any = 0;
                        foreach (ulong row in pulses.AsSpan(_parts[p].First, _parts[p].Count))
                        {
                            any |= row;
                        }

                        driven[p] += Math.Max(1, BitOperations.PopCount(any));
                    }
                }

                for (int p = 0; p < driven.Length; p++)
                {
                    Interlocked.Add(ref _driven[p], driven[p]);
                }
            });
        }

        /// <summary>Nothing is known of a layer that never ran.</summary>
        public ImmutableArray<float> Means() => _vectors == 0 ? [] : [.. _partOfBlock.Select(p => (float)(_driven[p] / (double)_vectors))];

        private void Scales(VectorGatherer gatherer, float[] values, int first, float[] vectors, float[] scales)
        {
            int rows = vectors.Length / scales.Length;
            if (_tile.Input.Management == InputManagement.None)
            {
                Array.Fill(scales, 1);
            }
            else if (_tile.Input.Management != InputManagement.AbsMax && _layer.InputScale is { } scale)
            {
                Array.Fill(scales, scale);
            }
            else if (gatherer.LeavesOutInputs)
            {
                gatherer.ScaleStrip(values, first, scales.Length, scales);
            }
            else
            {
                for (int v = 0; v < scales.Length; v++)
                {
                    scales[v] = LayerExecutor.Worker.Scale(vectors.AsSpan(v * rows, rows));
                }
            }
        }
    }
}

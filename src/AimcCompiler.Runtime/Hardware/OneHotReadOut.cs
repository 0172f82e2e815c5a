using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>The read-out of a block for all one-hot inputs at full scale without a product: an input's column sums are its row of cells times the pulse. Equal to a run of the
/// inputs through <see cref="TileEngine"/> bit for bit where it <see cref="Fits"/>: the other rows add zeros.</summary>
internal static class OneHotReadOut
{
    /// <summary>An input is one pulse of weight 1 and goes into the array as it is; sums are those of the cells alone, and nothing but output noise, rounding and clipping
    /// happens to them; the sum of inputs is not needed.</summary>
    public static bool Fits(TilePhysics physics, ProgrammedBlock block) =>
        (physics.Input.Bits is null || (physics.Input.PulseWeights is [1] && physics.Input.MaxPulse == physics.Input.MaxCode))
        && !physics.HasDrivers
        && !physics.Device.HasReadNoise
        && block is { Wires: null, Drop: null, Terms: null }
        && !physics.HasArrayErrors
        && !physics.HasConversionErrors
        && physics.OffsetPerInput == 0
        && !physics.Weights.HasFlip;

    /// <summary>The sum of the magnitudes of all outputs for all inputs, inputs one after the other.</summary>
    /// <param name="physics">The layer's tiles.</param>
    /// <param name="block">The cells.</param>
    /// <param name="options">Seed and instance.</param>
    /// <param name="sample">The sample that the reads are of; the ordinal of each is its row.</param>
    public static double Total(TilePhysics physics, ProgrammedBlock block, SimulationOptions options, ulong sample)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        int slices = physics.Weights.Slices;
        float[] column = new float[columns];
        float[] draws = new float[columns];
        double scale = physics.CodeScale;
        double total = 0;
        if (slices == 1 && block.Negative[0] is null)
        {
            double weight = physics.SliceWeight(0) * physics.LsbOf(0);
            for (int r = 0; r < rows; r++)
            {
                Read(physics, block, options, sample, r, 0, 0, column, draws);
                total = AddMagnitudes(total, column, weight, scale);
            }

            return total;
        }

        double[] codes = new double[columns];
        double[] values = new double[columns];
        for (int r = 0; r < rows; r++)
        {
            Array.Clear(values);
            for (int slice = 0; slice < slices; slice++)
            {
                Array.Clear(codes);
                for (int polarity = 0; polarity < (block.Negative[slice] is null ? 1 : 2); polarity++)
                {
                    Read(physics, block, options, sample, r, slice, polarity, column, draws);
                    double sign = polarity == 0 ? 1 : -1;
                    for (int c = 0; c < columns; c++)
                    {
                        codes[c] += sign * column[c];
                    }
                }

                double weight = physics.SliceWeight(slice) * physics.LsbOf(slice);
                for (int c = 0; c < columns; c++)
                {
                    values[c] += weight * codes[c];
                }
            }

            foreach (double value in values)
            {
                total += Math.Abs(value * scale);
            }
        }

        return total;
    }

    /// <summary>One after the other: the order is part of the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double AddMagnitudes(double total, ReadOnlySpan<float> codes, double weight, double scale)
    {
        var weights = Vector256.Create(weight);
        var scales = Vector256.Create(scale);
        int i = 0;
        for (; i <= codes.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var (low, high) = Vector256.Widen(Vector256.Create(codes.Slice(i, Vector256<float>.Count)));
            low = Vector256.Abs(weights * low * scales);
            high = Vector256.Abs(weights * high * scales);
            for (int lane = 0; lane < Vector256<double>.Count; lane++)
            {
                total += low.GetElement(lane);
            }

            for (int lane = 0; lane < Vector256<double>.Count; lane++)
            {
                total += high.GetElement(lane);
            }
        }

        for (; i < codes.Length; i++)
        {
            total += Math.Abs(weight * codes[i] * scale);
        }

        return total;
    }

    /// <summary>Column sums of one row, converted.</summary>
    private static void Read(
        TilePhysics physics, ProgrammedBlock block, SimulationOptions options, ulong sample, int row, int slice, int polarity, Span<float> column, Span<float> draws)
    {
        var cells = (polarity == 0 ? block.Positive[slice] : block.Negative[slice])!.AsSpan(row * column.Length, column.Length);
        Scaled kernel = new(physics.Input.MaxCode);
        LaneMap.Run(in kernel, cells, cells, cells, cells, column);
        float lsb = physics.HasAdc ? physics.Lsbs[slice] : 1;
        float sigma = physics.NoiseSigma(lsb);
        if (sigma != 0)
        {
            int firstColumn = (block.Block.FirstGroup * physics.Layer.Columns) + block.Block.ColumnStart;
            Draws.OutputNormals(
                options.Seed, options.Instance, physics.Layer.NoiseKey, block.Block.RowBlock, slice, block.Block.Copy, sample, (uint)row, (uint)polarity, firstColumn, draws);
            Noise noise = new(sigma);
            LaneMap.Run(in noise, column, draws, draws, draws, column);
        }

        if (physics.HasAdc)
        {
            _ = Converters.Convert(column, lsb, physics.AdcMin, physics.AdcMax);
        }
    }

    /// <summary>A cell at a pulse.</summary>
    private readonly struct Scaled(float pulse) : ILaneKernel
    {
        private readonly float _pulse = pulse;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.Broadcast(_pulse) * a;
    }

    /// <summary>A sum with the noise of its output.</summary>
    private readonly struct Noise(float sigma) : ILaneKernel
    {
        private readonly float _sigma = sigma;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TLanes Apply<TLanes>(TLanes a, TLanes b, TLanes c, TLanes d)
            where TLanes : struct, ILanes<TLanes> => TLanes.FusedMultiplyAdd(TLanes.Broadcast(_sigma), b, a);
    }
}

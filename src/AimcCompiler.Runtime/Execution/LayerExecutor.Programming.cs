using System.Collections.Immutable;
using AimcCompiler.Core;

namespace AimcCompiler.Runtime;

internal sealed partial class LayerExecutor
{
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
}

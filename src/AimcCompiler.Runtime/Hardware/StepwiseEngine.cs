using AimcCompiler.Kernels;

namespace AimcCompiler.Runtime;

/// <summary>The definition, step by step (semantics.md, "One crossbar, one MVM", steps 3 to 8): every faster path equals it.</summary>
internal sealed class StepwiseEngine(TilePhysics physics, SimulationOptions options) : TileEngine(physics, options)
{
    public override void Run(
        ProgrammedBlock block,
        ReadOnlySpan<float> codes,
        int stride,
        int vectors,
        in ReadEvents events,
        int attempt,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped)
    {
        int rows = block.Block.Rows;
        int columns = block.Block.Columns;
        sums.Clear();
        digital.Clear();
        clipped.Clear();
        float[] pulses = new float[rows];
        for (int m = 0; m < vectors; m++)
        {
            var input = codes.Slice(m * stride, rows);
            float[] charge = new float[Physics.Weights.Slices * 2 * columns];
            double unitCharge = 0;
            for (int p = 0; p < Physics.Input.PulseWeights.Length; p++)
            {
                long pulseWeight = Physics.Input.PulseWeights[p];
                for (int r = 0; r < rows; r++)
                {
                    pulses[r] = Physics.Input.Bits is null ? input[r] : Physics.Input.Pulse((int)input[r], p);
                }

                PrepareWireNoise(block, pulses, events, m, attempt, p);
                double unit = NeedsUnit ? UnitSum(block, pulses, events, m, PulseKey(attempt, p, 0)) : 0;
                if (Physics.IsAccumulated)
                {
                    unitCharge = AddUnitCharge(unitCharge, pulseWeight, unit);
                }
                else
                {
                    unit = ConvertUnit(block, unit, events, m, PulseKey(attempt, p, 0), ref clipped[m]);
                    TakeOffset(pulseWeight * unit, m, columns, digital);
                }

                for (int slice = 0; slice < Physics.Weights.Slices; slice++)
                {
                    bool twoConversions = block.Negative[slice] is not null;
                    for (int polarity = 0; polarity <= (twoConversions ? 1 : 0); polarity++)
                    {
                        float[] column = ColumnSums(block, slice, polarity == 1, pulses, events, m, PulseKey(attempt, p, polarity));
                        if (Physics.IsAccumulated)
                        {
                            for (int c = 0; c < columns; c++)
                            {
                                ref float q = ref charge[(((slice * 2) + polarity) * columns) + c];
                                q = MathF.FusedMultiplyAdd(pulseWeight, column[c], q);
                            }
                        }
                        else
                        {
                            AddOutputNoise(block, slice, events, m, PulseKey(attempt, p, polarity), column);
                            Convert(block, slice, polarity == 1, column, pulseWeight, unit, m, vectors, sums, digital, clipped);
                        }
                    }
                }
            }

            if (Physics.IsAccumulated)
            {
                double unit = ConvertUnit(block, unitCharge, events, m, PulseKey(attempt, 0, 0), ref clipped[m]);
                TakeOffset(unit, m, columns, digital);
                if (Physics.Weights.HasFlip)
                {
                    AddFlipRecovery(block, unit, m, digital);
                }
            }

            for (int slice = 0; slice < Physics.Weights.Slices && Physics.IsAccumulated; slice++)
            {
                for (int polarity = 0; polarity <= (block.Negative[slice] is null ? 0 : 1); polarity++)
                {
                    float[] column = charge[(((slice * 2) + polarity) * columns)..(((slice * 2) + polarity + 1) * columns)];
                    AddOutputNoise(block, slice, events, m, PulseKey(attempt, 0, polarity), column);
                    Convert(block, slice, polarity == 1, column, 1, 0, m, vectors, sums, digital, clipped);
                }
            }
        }
    }

    /// <summary>Step 5 and 6: each column's sum over the rows in ascending order.</summary>
    private float[] ColumnSums(ProgrammedBlock block, int slice, bool negative, float[] pulses, in ReadEvents events, int vector, uint pulseKey)
    {
        int columns = block.Block.Columns;
        float[] sums = new float[columns];
        if (block.Wires is { Layout.IsGated: true })
        {
            GatedSums(block, slice, negative, pulses, events, vector, pulseKey, sums);
            return sums;
        }

        float[] cells = (negative ? block.Negative[slice] : block.Positive[slice])!;
        bool isNoisy = HasCellNoise(block, slice);
        float[] noisy = new float[columns];
        float[] draws = new float[columns];
        for (int r = 0; r < pulses.Length; r++)
        {
            ReadOnlySpan<float> row = cells.AsSpan(r * columns, columns);
            if (isNoisy)
            {
                NoisyRow(block, slice, negative, Draws.Event(events.Samples[vector], events.Ordinals[vector], pulseKey), r, noisy, draws);
                row = noisy;
            }

            for (int c = 0; c < columns; c++)
            {
                sums[c] = MathF.FusedMultiplyAdd(pulses[r], row[c], sums[c]);
            }
        }

        AddWireNoise(block, slice, negative, vector, sums);
        if (block.Drop is { } drop)
        {
            float[] load = new float[columns];
            float[] far = new float[columns];
            float[] loads = (negative ? drop.NegativeLoad[slice] : drop.PositiveLoad[slice])!;
            float[] fars = (negative ? drop.NegativeFar[slice] : drop.PositiveFar[slice])!;
            for (int r = 0; r < pulses.Length; r++)
            {
                for (int c = 0; c < columns; c++)
                {
                    load[c] = MathF.FusedMultiplyAdd(Math.Abs(pulses[r]), loads[(r * columns) + c], load[c]);
                    far[c] = MathF.FusedMultiplyAdd(pulses[r], fars[(r * columns) + c], far[c]);
                }
            }

            drop.Take(sums, load, far);
        }

        return sums;
    }

    private void AddOutputNoise(ProgrammedBlock block, int slice, in ReadEvents events, int vector, uint pulseKey, float[] column)
    {
        Observer?.Invoke(slice, column);
        if (Physics.OutputSigma == 0)
        {
            return;
        }

        float[] draws = new float[column.Length];
        OutputDraws(block, slice, events, vector, pulseKey, draws);
        for (int c = 0; c < column.Length; c++)
        {
            column[c] = MathF.FusedMultiplyAdd(Physics.OutputSigma, draws[c], column[c]);
        }
    }

    /// <summary>Step 7 and 8: round, clip, shift-add, recover flipped columns.</summary>
    private void Convert(
        ProgrammedBlock block,
        int slice,
        bool negative,
        float[] column,
        long pulseWeight,
        double unit,
        int vector,
        int vectors,
        Span<double> sums,
        Span<double> digital,
        Span<int> clipped)
    {
        for (int c = 0; c < column.Length; c++)
        {
            float code = column[c];
            if (Physics.HasAdc)
            {
                float rounded = MathF.Round(column[c] / Physics.Lsbs[slice], MidpointRounding.ToEven);
                code = Math.Clamp(rounded, Physics.AdcMin, Physics.AdcMax);
                clipped[vector] += code != rounded ? 1 : 0;
            }

            ref double sum = ref sums[(((slice * vectors) + vector) * column.Length) + c];
            if (block.Flipped[slice] is { } flipped && flipped[c])
            {
                sum -= (double)pulseWeight * code;
                digital[(vector * column.Length) + c] += Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * pulseWeight * unit;
            }
            else
            {
                sum += (negative ? -1.0 : 1.0) * pulseWeight * code;
            }
        }
    }

    private void TakeOffset(double inputs, int vector, int columns, Span<double> digital)
    {
        for (int c = 0; c < columns; c++)
        {
            digital[(vector * columns) + c] -= Physics.OffsetPerInput * inputs;
        }
    }

    private void AddFlipRecovery(ProgrammedBlock block, double inputs, int vector, Span<double> digital)
    {
        int columns = block.Block.Columns;
        for (int slice = 0; slice < Physics.Weights.Slices; slice++)
        {
            for (int c = 0; c < columns; c++)
            {
                if (block.Flipped[slice]![c])
                {
                    digital[(vector * columns) + c] += Physics.SliceWeight(slice) * Physics.Weights.MaxLevel * inputs;
                }
            }
        }
    }
}
